"""The Gumbel distribution."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from minitensor.distributions import constraints
from minitensor.distributions.transformed_distribution import TransformedDistribution
from minitensor.distributions.transforms import AffineTransform, ExpTransform
from minitensor.distributions.uniform import Uniform
from minitensor.distributions.utils import broadcast_all, euler_constant
from minitensor.dtypes import finfo
from minitensor.ops.creation import full_like, ones_like

if TYPE_CHECKING:
    from minitensor.tensor import Tensor


class Gumbel(TransformedDistribution):
    """The Gumbel distribution: ``loc`` - ``scale`` log(-log u) for a uniform number u.

    ``loc`` and ``scale`` broadcast; ``scale`` is positive. Arguments as for ``Distribution``.

    >>> import minitensor as torch
    >>> torch.distributions.Gumbel(0.0, 1.0).mean
    tensor(0.5772)
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real

    def __init__(self, loc: Tensor | float, scale: Tensor | float, validate_args: bool | None = None) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        limits = finfo(self.loc.dtype)
        low, high = full_like(self.loc, limits.tiny), full_like(self.loc, 1 - limits.eps)
        chain = [
            ExpTransform().inv,
            AffineTransform(loc=0, scale=-ones_like(self.scale)),
            ExpTransform().inv,
            AffineTransform(loc=loc, scale=-self.scale),
        ]
        super().__init__(Uniform(low, high, validate_args=validate_args), chain, validate_args=validate_args)

    def _mean(self) -> Tensor:
        return self.loc + self.scale * euler_constant

    def _mode(self) -> Tensor:
        return self.loc

    def _stddev(self) -> Tensor:
        return (math.pi / math.sqrt(6)) * self.scale

    def _variance(self) -> Tensor:
        return self.stddev.square()

    def _log_prob(self, value: Tensor) -> Tensor:
        y = (self.loc - value) / self.scale
        return (y - y.exp()) - self.scale.log()

    def _entropy(self) -> Tensor:
        return self.scale.log() + (1 + euler_constant)

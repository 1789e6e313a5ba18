"""The Laplace distribution."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from minitensor.distributions import constraints
from minitensor.distributions.distribution import Distribution
from minitensor.distributions.utils import broadcast_all
from minitensor.dtypes import finfo
from minitensor.ops.creation import empty

if TYPE_CHECKING:
    from minitensor.shapes import Size
    from minitensor.tensor import Tensor


class Laplace(Distribution):
    """The Laplace distribution with the density exp(-abs(x - ``loc``) / ``scale``) / (2 ``scale``).

    ``loc`` and ``scale`` broadcast; ``scale`` is positive. Arguments as for ``Distribution``.

    >>> import minitensor as torch
    >>> torch.distributions.Laplace(0.0, 0.5).log_prob(torch.tensor(1.0))
    tensor(-2.)
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    def __init__(self, loc: Tensor | float, scale: Tensor | float, validate_args: bool | None = None) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        super().__init__(self.loc.shape, validate_args=validate_args)

    def _mean(self) -> Tensor:
        return self.loc

    def _mode(self) -> Tensor:
        return self.loc

    def _stddev(self) -> Tensor:
        return math.sqrt(2) * self.scale

    def _variance(self) -> Tensor:
        return 2 * self.scale.square()

    def _rsample(self, sample_shape: Size) -> Tensor:
        u = empty(self._extended_shape(sample_shape), dtype=self.loc.dtype, device=self.loc.device)
        u.uniform_(finfo(u.dtype).eps - 1, 1)
        return self.loc - self.scale * u.sign() * (-u.abs()).log1p()

    def _log_prob(self, value: Tensor) -> Tensor:
        return -(2 * self.scale).log() - (value - self.loc).abs() / self.scale

    def _cdf(self, value: Tensor) -> Tensor:
        away = value - self.loc
        return 0.5 - 0.5 * away.sign() * (-away.abs() / self.scale).expm1()

    def _icdf(self, value: Tensor) -> Tensor:
        away = value - 0.5
        return self.loc - self.scale * away.sign() * (-2 * away.abs()).log1p()

    def _entropy(self) -> Tensor:
        return 1 + (2 * self.scale).log()

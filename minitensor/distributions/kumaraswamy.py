"""The Kumaraswamy distribution."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from minitensor.distributions import constraints
from minitensor.distributions.transformed_distribution import TransformedDistribution
from minitensor.distributions.transforms import AffineTransform, PowerTransform
from minitensor.distributions.uniform import Uniform
from minitensor.distributions.utils import broadcast_all, euler_constant, where
from minitensor.ops.creation import full_like

if TYPE_CHECKING:
    from minitensor.tensor import Tensor


class Kumaraswamy(TransformedDistribution):
    """The Kumaraswamy distribution on the unit interval: F(x) = 1 - (1 - x ** a) ** b.

    Args:
        concentration1: The number a, positive.
        concentration0: The number b, positive.
        validate_args: As for ``Distribution``. Default: ``None``.

    >>> import minitensor as torch
    >>> torch.distributions.Kumaraswamy(2.0, 1.0).mean
    tensor(0.6667)
    """

    arg_constraints = {"concentration1": constraints.positive, "concentration0": constraints.positive}
    support = constraints.unit_interval

    def __init__(
        self, concentration1: Tensor | float, concentration0: Tensor | float, validate_args: bool | None = None
    ) -> None:
        self.concentration1, self.concentration0 = broadcast_all(concentration1, concentration0)
        base = Uniform(
            full_like(self.concentration0, 0), full_like(self.concentration0, 1), validate_args=validate_args
        )
        chain = [
            PowerTransform(self.concentration0.reciprocal()),
            AffineTransform(loc=1.0, scale=-1.0),
            PowerTransform(self.concentration1.reciprocal()),
        ]
        super().__init__(base, chain, validate_args=validate_args)

    def _moment(self, n: int) -> Tensor:
        """Return the mean of x ** n: b B(1 + n / a, b)."""
        a, b = 1 + n / self.concentration1, self.concentration0
        return b * (a.lgamma() + b.lgamma() - (a + b).lgamma()).exp()

    def _mean(self) -> Tensor:
        return self._moment(1)

    def _mode(self) -> Tensor:
        a, b = self.concentration1, self.concentration0
        log_mode = a.reciprocal() * ((-a.reciprocal()).log1p() - (-(a * b).reciprocal()).log1p()) - b.log() / a
        return where((a < 1) | (b < 1), math.nan, log_mode.exp())

    def _variance(self) -> Tensor:
        return self._moment(2) - self.mean.square()

    def _entropy(self) -> Tensor:
        a, b = self.concentration1, self.concentration0
        harmonic = (b + 1).digamma() + euler_constant
        return (1 - b.reciprocal()) + (1 - a.reciprocal()) * harmonic - a.log() - b.log()

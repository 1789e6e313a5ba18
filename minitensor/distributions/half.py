"""The absolute value of a number with a symmetric density: the half-normal and the half-Cauchy distribution."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from minitensor.distributions import constraints
from minitensor.distributions.cauchy import Cauchy
from minitensor.distributions.normal import Normal
from minitensor.distributions.transformed_distribution import TransformedDistribution
from minitensor.distributions.transforms import AbsTransform
from minitensor.distributions.utils import where
from minitensor.ops.creation import zeros_like

if TYPE_CHECKING:
    from minitensor.tensor import Tensor


class Half(TransformedDistribution):
    """The distribution of ``abs(x)``, where ``x`` is drawn from ``base_dist``, which has the center 0."""

    arg_constraints = {"scale": constraints.positive}
    support = constraints.nonnegative
    base_dist: Normal | Cauchy
    _checks_cdf = True

    def __init__(self, base_dist: Normal | Cauchy, validate_args: bool | None) -> None:
        super().__init__(base_dist, AbsTransform(), validate_args=validate_args)

    @property
    def scale(self) -> Tensor:
        """The scale of the number whose absolute value is drawn."""
        return self.base_dist.scale

    def _mode(self) -> Tensor:
        return zeros_like(self.scale)

    def _log_prob(self, value: Tensor) -> Tensor:
        log_prob = self.base_dist.log_prob(value) + math.log(2)
        return where(value >= 0, log_prob, -math.inf)

    def _cdf(self, value: Tensor) -> Tensor:
        return 2 * self.base_dist.cdf(value) - 1

    def _icdf(self, value: Tensor) -> Tensor:
        return self.base_dist.icdf((value + 1) / 2)

    def _entropy(self) -> Tensor:
        return self.base_dist.entropy() - math.log(2)

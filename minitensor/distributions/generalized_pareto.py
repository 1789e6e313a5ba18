"""The generalized Pareto distribution."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from minitensor.distributions import constraints
from minitensor.distributions.distribution import Distribution
from minitensor.distributions.utils import broadcast_all, where
from minitensor.ops.random import rand

if TYPE_CHECKING:
    from minitensor.shapes import Size
    from minitensor.tensor import Tensor


class GeneralizedPareto(Distribution):
    """The generalized Pareto distribution: F(x) = 1 - (1 + c z) ** (-1 / c), with z = (x - ``loc``) / ``scale``.

    Args:
        loc: The smallest number.
        scale: The scale, positive.
        concentration: The number c; for 0, the distribution is exponential.
        validate_args: As for ``Distribution``. Default: ``None``.

    >>> import minitensor as torch
    >>> torch.distributions.GeneralizedPareto(0.0, 1.0, 0.5).mean
    tensor(2.)
    """

    arg_constraints = {
        "loc": constraints.real, "scale": constraints.positive, "concentration": constraints.real,
    }  # fmt: skip
    has_rsample = True
    _checks_cdf = False

    def __init__(
        self, loc: Tensor | float, scale: Tensor | float, concentration: Tensor | float,
        validate_args: bool | None = None,
    ) -> None:
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        """Numbers of at least ``loc``; for a negative concentration, up to ``loc - scale / concentration``."""
        upper = self.loc - self.scale / self.concentration
        return constraints.interval(self.loc, where(self.concentration < 0, upper, math.inf))

    @property
    def _is_exponential(self) -> Tensor:
        return self.concentration.abs() <= 1e-8

    @property
    def _divisor(self) -> Tensor:
        """The concentration, or 1 where it is 0."""
        return where(self._is_exponential, 1.0, self.concentration)

    def _mean(self) -> Tensor:
        valid = self.concentration < 1
        mean = self.loc + self.scale / (1 - where(valid, self.concentration, 0.5))
        return where(valid, mean, math.nan)

    def _mode(self) -> Tensor:
        return self.loc

    def _variance(self) -> Tensor:
        valid = self.concentration < 0.5
        c = where(valid, self.concentration, 0.25)
        return where(valid, self.scale.square() / ((1 - c).square() * (1 - 2 * c)), math.nan)

    def _rsample(self, sample_shape: Size) -> Tensor:
        return self.icdf(rand(self._extended_shape(sample_shape), dtype=self.loc.dtype, device=self.loc.device))

    def _log_prob(self, value: Tensor) -> Tensor:
        z, c = (value - self.loc) / self.scale, self._divisor
        power = 1 / c + 1
        fall = where(power == 0, power, power * (c * z).log1p())
        return -self.scale.log() - where(self._is_exponential, z, fall)

    def log_survival_function(self, value: Tensor) -> Tensor:
        """Return the logarithm of the probability of drawing more than ``value``."""
        if self._validate_args:
            self._validate_sample(value)
        z, c = (value - self.loc) / self.scale, self._divisor
        return where(self._is_exponential, -z, -(c * z).log1p() / c)

    def log_cdf(self, value: Tensor) -> Tensor:
        """Return the logarithm of the probability of drawing no more than ``value``."""
        return (-self.log_survival_function(value).exp()).log1p()

    def _cdf(self, value: Tensor) -> Tensor:
        return self.log_cdf(value).exp()

    def _icdf(self, value: Tensor) -> Tensor:
        log_survival, c = (-value).log1p(), self._divisor
        away = where(self._is_exponential, -log_survival, (-c * log_survival).expm1() / c)
        return self.loc + self.scale * away

    def _entropy(self) -> Tensor:
        return self.scale.log() + self.concentration + 1

"""The continuous Bernoulli distribution."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from minitensor.distributions import constraints
from minitensor.distributions.exp_family import ExponentialFamily
from minitensor.distributions.utils import TwoForms, broadcast_all, clamp_probs, lazy_property, logits_to_probs, where
from minitensor.errors import ArgumentError
from minitensor.nn.functional import binary_cross_entropy_with_logits
from minitensor.ops.random import rand

if TYPE_CHECKING:
    from minitensor.shapes import Size
    from minitensor.tensor import Tensor


class ContinuousBernoulli(TwoForms, ExponentialFamily):
    """The distribution on [0, 1] with a density proportional to p ** x (1 - p) ** (1 - x).

    It is Loaiza-Ganem and Cunningham's, "The continuous Bernoulli: fixing a pervasive error in variational
    autoencoders" (2019).

    Args:
        probs: The number p.
        logits: The logarithm of p / (1 - p), in place of ``probs``.
        lims: Between these numbers, which lie around 0.5, series replace formulas that divide by 1 - 2 p.
            Default: ``(0.499, 0.501)``.
        validate_args: As for ``Distribution``. Default: ``None``.

    Raises:
        ValueError: If both or none of ``probs`` and ``logits`` are given, or ``probs`` lies outside [0, 1].

    >>> import minitensor as torch
    >>> torch.distributions.ContinuousBernoulli(0.5).mean
    tensor(0.5000)
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True
    _mean_carrier_measure = 0

    def __init__(
        self, probs: Tensor | float | None = None, logits: Tensor | float | None = None,
        lims: tuple[float, float] = (0.499, 0.501), validate_args: bool | None = None,
    ) -> None:
        given = self._set_form(probs, logits)
        if logits is None:
            if validate_args is not None and not bool(constraints.unit_interval.check(given).all()):
                raise ArgumentError(f"ContinuousBernoulli: expected probs in [0, 1], got {given}")
            self.probs = clamp_probs(given)
        self._lims = lims
        super().__init__(given.shape, validate_args=validate_args)

    @lazy_property
    def probs(self) -> Tensor:
        """The number p."""
        return clamp_probs(logits_to_probs(self.logits, is_binary=True))

    @property
    def _is_stable(self) -> Tensor:
        return (self.probs <= self._lims[0]) | (self.probs > self._lims[1])

    @property
    def _stable_probs(self) -> Tensor:
        """The number p, or one away from 0.5 where formulas are not stable."""
        return where(self._is_stable, self.probs, self._lims[0])

    @property
    def _log_odds(self) -> Tensor:
        """log((1 - p) / p)."""
        return (-self._stable_probs).log1p() - self._stable_probs.log()

    def _log_constant(self) -> Tensor:
        """Return the logarithm of what the density must be multiplied by to integrate to 1."""
        p, half = self._stable_probs, self._stable_probs <= 0.5
        below, above = where(half, p, 0.0), where(half, 1.0, p)
        log_gap = where(half, (-2.0 * below).log1p(), (2.0 * above - 1.0).log())
        square = (self.probs - 0.5).square()
        series = math.log(2.0) + (4.0 / 3.0 + 104.0 / 45.0 * square) * square
        return where(self._is_stable, self._log_odds.abs().log() - log_gap, series)

    def _mean(self) -> Tensor:
        p, away = self._stable_probs, self.probs - 0.5
        series = 0.5 + (1.0 / 3.0 + 16.0 / 45.0 * away.square()) * away
        return where(self._is_stable, p / (2.0 * p - 1.0) + 1.0 / self._log_odds, series)

    def _variance(self) -> Tensor:
        p, square = self._stable_probs, (self.probs - 0.5).square()
        series = 1.0 / 12.0 - (1.0 / 15.0 - 128.0 / 945.0 * square) * square
        exact = p * (p - 1.0) / (1.0 - 2.0 * p).square() + 1.0 / self._log_odds.square()
        return where(self._is_stable, exact, series)

    def _rsample(self, sample_shape: Size) -> Tensor:
        return self.icdf(rand(self._extended_shape(sample_shape), dtype=self.probs.dtype, device=self.probs.device))

    def _log_prob(self, value: Tensor) -> Tensor:
        logits, value = broadcast_all(self.logits, value)
        return self._log_constant() - binary_cross_entropy_with_logits(logits, value, reduction="none")

    def _cdf(self, value: Tensor) -> Tensor:
        p = self._stable_probs
        exact = (p.pow(value) * (1.0 - p).pow(1.0 - value) + p - 1.0) / (2.0 * p - 1.0)
        inside = where(self._is_stable, exact, value)
        return where(value <= 0.0, 0.0, where(value >= 1.0, 1.0, inside))

    def _icdf(self, value: Tensor) -> Tensor:
        p = self._stable_probs
        exact = ((-p + value * (2.0 * p - 1.0)).log1p() - (-p).log1p()) / -self._log_odds
        return where(self._is_stable, exact, value)

    def _entropy(self) -> Tensor:
        failure, success = (-self.probs).log1p(), self.probs.log()
        return self.mean * (failure - success) - self._log_constant() - failure

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return (self.logits,)

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        """Return log((exp(x) - 1) / x), by a series around 0."""
        (x,) = natural_params
        is_stable = (x <= self._lims[0] - 0.5) | (x > self._lims[1] - 0.5)
        stable: Any = where(is_stable, x, (self._lims[0] - 0.5))
        exact = (stable.exp() - 1).abs().log() - stable.abs().log()
        series = 0.5 * x + x.square() / 24.0 - x.pow(4) / 2880.0
        return where(is_stable, exact, series)

"""The Bernoulli distribution."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from minitensor.distributions import constraints
from minitensor.distributions.exp_family import ExponentialFamily
from minitensor.distributions.utils import TwoForms, broadcast_all, where
from minitensor.nn.functional import binary_cross_entropy_with_logits
from minitensor.ops.random import bernoulli
from minitensor.ops.ranges import arange

if TYPE_CHECKING:
    from minitensor.shapes import Size
    from minitensor.tensor import Tensor


class Bernoulli(TwoForms, ExponentialFamily):
    """The distribution of 1, with a probability, and 0.

    Args:
        probs: The probability of 1.
        logits: The logarithm of its odds, in place of ``probs``.
        validate_args: As for ``Distribution``. Default: ``None``.

    Raises:
        ValueError: If both or none of ``probs`` and ``logits`` are given.

    >>> import minitensor as torch
    >>> torch.distributions.Bernoulli(0.25).log_prob(torch.tensor(1.0)).exp()
    tensor(0.2500)
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.boolean
    has_enumerate_support = True
    _mean_carrier_measure = 0

    def __init__(
        self, probs: Tensor | float | None = None, logits: Tensor | float | None = None,
        validate_args: bool | None = None,
    ) -> None:
        super().__init__(self._set_form(probs, logits).shape, validate_args=validate_args)

    def _mean(self) -> Tensor:
        return self.probs

    def _mode(self) -> Tensor:
        return where(self.probs == 0.5, math.nan, (self.probs >= 0.5).to(self.probs))

    def _variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def _sample(self, sample_shape: Size) -> Tensor:
        return bernoulli(self.probs.expand(self._extended_shape(sample_shape)))

    def _log_prob(self, value: Tensor) -> Tensor:
        logits, value = broadcast_all(self.logits, value)
        return -binary_cross_entropy_with_logits(logits, value, reduction="none")

    def _entropy(self) -> Tensor:
        return binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")

    def _values(self) -> Tensor:
        return arange(2, dtype=self._param.dtype, device=self._param.device)

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return (self.probs.logit(),)

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        return natural_params[0].exp().log1p()

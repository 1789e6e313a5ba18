"""The geometric distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.distributions import constraints
from minitensor.distributions.distribution import Distribution
from minitensor.distributions.utils import TwoForms, broadcast_all, where
from minitensor.dtypes import finfo
from minitensor.errors import ArgumentError
from minitensor.nn.functional import binary_cross_entropy_with_logits
from minitensor.ops.creation import empty, zeros_like

if TYPE_CHECKING:
    from minitensor.shapes import Size
    from minitensor.tensor import Tensor


class Geometric(TwoForms, Distribution):
    """The distribution of the number of failures before the first success.

    Args:
        probs: The probability of a success, in (0, 1].
        logits: The logarithm of its odds, in place of ``probs``.
        validate_args: As for ``Distribution``. Default: ``None``.

    Raises:
        ValueError: If both or none of ``probs`` and ``logits`` are given, or a probability is not positive.

    >>> import minitensor as torch
    >>> torch.distributions.Geometric(0.25).mean
    tensor(3.)
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.nonnegative_integer

    def __init__(
        self, probs: Tensor | float | None = None, logits: Tensor | float | None = None,
        validate_args: bool | None = None,
    ) -> None:
        given = self._set_form(probs, logits)
        super().__init__(given.shape, validate_args=validate_args)
        if self._validate_args and probs is not None and not bool((self.probs > 0).all()):
            raise ArgumentError(f"Geometric: expected positive probabilities, got probs={self.probs}")

    def _mean(self) -> Tensor:
        return 1.0 / self.probs - 1.0

    def _mode(self) -> Tensor:
        return zeros_like(self.probs)

    def _variance(self) -> Tensor:
        return (1.0 / self.probs - 1.0) / self.probs

    def _sample(self, sample_shape: Size) -> Tensor:
        probs = self.probs
        unit = empty(self._extended_shape(sample_shape), dtype=probs.dtype, device=probs.device)
        unit.uniform_(finfo(probs.dtype).tiny, 1)
        return (unit.log() / (-probs).log1p()).floor()

    def _log_prob(self, value: Tensor) -> Tensor:
        value, probs = broadcast_all(value, self.probs)
        failing = where((probs == 1) & (value == 0), 0.0, probs)  # not 0 * log(0)
        return value * (-failing).log1p() + self.probs.log()

    def _entropy(self) -> Tensor:
        return binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none") / self.probs

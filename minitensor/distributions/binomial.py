"""The binomial distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.distributions import constraints
from minitensor.distributions.distribution import Distribution
from minitensor.distributions.utils import TwoForms, broadcast_all
from minitensor.errors import UnsupportedError
from minitensor.ops.creation import zeros_like
from minitensor.ops.exponentials import logaddexp
from minitensor.ops.ranges import arange
from minitensor.ops.variates import binomial

if TYPE_CHECKING:
    from minitensor.shapes import Size
    from minitensor.tensor import Tensor


class Binomial(TwoForms, Distribution):
    """The distribution of the number of successes.

    Args:
        total_count: The number of trials. Default: ``1``.
        probs: The probability of a success.
        logits: The logarithm of its odds, in place of ``probs``.
        validate_args: As for ``Distribution``. Default: ``None``.

    Raises:
        ValueError: If both or none of ``probs`` and ``logits`` are given.

    >>> import minitensor as torch
    >>> torch.distributions.Binomial(8, 0.25).mean
    tensor(2.)
    """

    arg_constraints = {
        "total_count": constraints.nonnegative_integer,
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    has_enumerate_support = True

    def __init__(
        self, total_count: Tensor | int = 1, probs: Tensor | float | None = None,
        logits: Tensor | float | None = None, validate_args: bool | None = None,
    ) -> None:
        count, given = broadcast_all(total_count, self._set_form(probs, logits))
        self.total_count = count.to(given.dtype)
        vars(self)[self._forms[0]] = given
        super().__init__(given.shape, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        """The integers from 0 to the number of trials."""
        return constraints.integer_interval(0, self.total_count)

    def _mean(self) -> Tensor:
        return self.total_count * self.probs

    def _mode(self) -> Tensor:
        return ((self.total_count + 1) * self.probs).floor().clamp(max=self.total_count)

    def _variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def _sample(self, sample_shape: Size) -> Tensor:
        shape = self._extended_shape(sample_shape)
        return binomial(self.total_count.expand(shape), self.probs.expand(shape))

    def _log_prob(self, value: Tensor) -> Tensor:
        n = self.total_count
        ways = (n + 1).lgamma() - (value + 1).lgamma() - (n - value + 1).lgamma()
        return value * self.logits - n * logaddexp(self.logits, zeros_like(self.logits)) + ways

    def _entropy(self) -> Tensor:
        self._require_one_count("entropy")
        log_prob = self.log_prob(self.enumerate_support(False))
        return -(log_prob.exp() * log_prob).sum(0)

    def _values(self) -> Tensor:
        count = self._require_one_count("enumerate_support")
        return arange(1 + count, dtype=self._param.dtype, device=self._param.device)

    def _require_one_count(self, name: str) -> int:
        """Return the number of trials; raise if it is not the same in the whole batch."""
        count = int(self.total_count.max())
        if self.total_count.min() != count:
            raise UnsupportedError(f"{name}: expected one total_count in the whole batch")
        return count

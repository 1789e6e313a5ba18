"""The negative binomial distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.distributions import constraints
from minitensor.distributions.distribution import Distribution
from minitensor.distributions.gamma import Gamma
from minitensor.distributions.utils import TwoForms, broadcast_all, lazy_property
from minitensor.nn.functional import logsigmoid
from minitensor.ops.variates import poisson

if TYPE_CHECKING:
    from minitensor.shapes import Size
    from minitensor.tensor import Tensor


class NegativeBinomial(TwoForms, Distribution):
    """The distribution of the number of successes before a number of failures.

    Args:
        total_count: The number of failures, which need not be whole.
        probs: The probability of a success, in [0, 1).
        logits: The logarithm of its odds, in place of ``probs``.
        validate_args: As for ``Distribution``. Default: ``None``.

    Raises:
        ValueError: If both or none of ``probs`` and ``logits`` are given.

    >>> import minitensor as torch
    >>> torch.distributions.NegativeBinomial(3.0, 0.5).mean
    tensor(3.)
    """

    arg_constraints = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer

    def __init__(
        self, total_count: Tensor | float, probs: Tensor | float | None = None,
        logits: Tensor | float | None = None, validate_args: bool | None = None,
    ) -> None:
        count, given = broadcast_all(total_count, self._set_form(probs, logits))
        self.total_count = count.to(given.dtype)
        vars(self)[self._forms[0]] = given
        super().__init__(given.shape, validate_args=validate_args)

    @lazy_property
    def _gamma(self) -> Gamma:
        return Gamma(self.total_count, (-self.logits).exp(), validate_args=False)

    def _mean(self) -> Tensor:
        return self.total_count * self.logits.exp()

    def _mode(self) -> Tensor:
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0.0)

    def _variance(self) -> Tensor:
        return self.mean / (-self.logits).sigmoid()

    def _sample(self, sample_shape: Size) -> Tensor:
        """Draw a Poisson number at a gamma number of events."""
        return poisson(self._gamma.sample(sample_shape))

    def _log_prob(self, value: Tensor) -> Tensor:
        n = self.total_count
        log_prob = n * logsigmoid(-self.logits) + value * logsigmoid(self.logits)
        ways = (n + value).lgamma() - (1.0 + value).lgamma() - n.lgamma()
        return log_prob + ways.masked_fill(n + value == 0.0, 0.0)

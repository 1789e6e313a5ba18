"""The multinomial distribution."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from minitensor.distributions import constraints
from minitensor.distributions.binomial import Binomial
from minitensor.distributions.categorical import Categorical
from minitensor.distributions.distribution import Distribution
from minitensor.distributions.utils import broadcast_all, where
from minitensor.errors import UnsupportedError
from minitensor.ops.creation import ones_like, zeros_like

if TYPE_CHECKING:
    from minitensor.shapes import Size
    from minitensor.tensor import Tensor


class Multinomial(Distribution):
    """The distribution of how often each of n events, with probabilities along the last dim, (*, n), happens.

    Args:
        total_count: The number of trials, an int. Default: ``1``.
        probs: Nonnegative weights, which are divided by their sum.
        logits: Logarithms of weights, in place of ``probs``.
        validate_args: As for ``Distribution``. Default: ``None``.

    Raises:
        NotImplementedError: If ``total_count`` is not an int.
        ValueError: If both or none of ``probs`` and ``logits`` are given.

    >>> import minitensor as torch
    >>> torch.distributions.Multinomial(4, torch.tensor([1.0, 3.0])).mean
    tensor([1., 3.])
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}

    def __init__(
        self, total_count: int = 1, probs: Tensor | None = None, logits: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        if not isinstance(total_count, int):
            raise UnsupportedError(f"expected one int as total_count, got {total_count!r}")
        self.total_count = total_count
        self._categorical = Categorical(probs=probs, logits=logits)
        self._binomial = Binomial(total_count=total_count, probs=self.probs)
        super().__init__(
            self._categorical.batch_shape, self._categorical.param_shape[-1:], validate_args=validate_args
        )

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> Any:
        """Vectors of nonnegative numbers that sum to the number of trials."""
        return constraints.multinomial(self.total_count)

    @property
    def probs(self) -> Tensor:
        """The probabilities."""
        return self._categorical.probs

    @property
    def logits(self) -> Tensor:
        """Their logarithms."""
        return self._categorical.logits

    @property
    def param_shape(self) -> Size:
        """The shape of ``probs`` and ``logits``."""
        return self._categorical.param_shape

    def _mean(self) -> Tensor:
        return self.probs * self.total_count

    def _variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def _sample(self, sample_shape: Size) -> Tensor:
        drawn = self._categorical.sample((self.total_count, *sample_shape)).movedim(0, -1)
        counts = drawn.new_zeros(self._extended_shape(sample_shape)).scatter_add(-1, drawn, ones_like(drawn))
        return counts.to(self.probs)

    def _log_prob(self, value: Tensor) -> Tensor:
        logits, value = broadcast_all(self.logits, value)
        logits = where((value == 0) & (logits == -math.inf), zeros_like(logits), logits)  # not 0 * log(0)
        ways = (value.sum(-1) + 1).lgamma() - (value + 1).lgamma().sum(-1)
        return ways + (logits * value).sum(-1)

    def _entropy(self) -> Tensor:
        """Return n H - log(n!) + the sum of the means of log(count!)."""
        counts = self._binomial.enumerate_support(expand=False)[1:]
        weighted = (self._binomial.log_prob(counts).exp() * (counts + 1).lgamma()).sum((0, -1))
        return self.total_count * self._categorical.entropy() - math.lgamma(self.total_count + 1) + weighted

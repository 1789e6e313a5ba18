"""The distribution of one of n events."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from minitensor.distributions import constraints
from minitensor.distributions.distribution import Distribution
from minitensor.distributions.utils import TwoForms, only_one
from minitensor.dtypes import finfo, int64
from minitensor.errors import ArgumentError
from minitensor.ops.broadcast import broadcast_tensors
from minitensor.ops.creation import full
from minitensor.ops.random import multinomial
from minitensor.ops.ranges import arange

if TYPE_CHECKING:
    from minitensor.shapes import Size
    from minitensor.tensor import Tensor


class Categorical(TwoForms, Distribution):
    """The distribution of one of n events, numbered from 0, with probabilities along the last dim, (*, n).

    Args:
        probs: Nonnegative weights, which are divided by their sum.
        logits: Logarithms of weights, in place of ``probs``; their log-sum-exp is subtracted.
        validate_args: As for ``Distribution``. Default: ``None``.

    Raises:
        ValueError: If both or none of ``probs`` and ``logits`` are given, or they have no dim.

    >>> import minitensor as torch
    >>> torch.distributions.Categorical(torch.tensor([1.0, 3.0])).log_prob(torch.tensor(1)).exp()
    tensor(0.7500)
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    has_enumerate_support = True
    _is_binary = False

    def __init__(
        self, probs: Tensor | None = None, logits: Tensor | None = None, validate_args: bool | None = None
    ) -> None:
        form = only_one("probs", probs, "logits", logits)
        given: Any = probs if logits is None else logits
        if given.ndim < 1:
            raise ArgumentError(f"`{form}` parameter must be at least one-dimensional.")
        total = given.sum(-1, keepdim=True) if logits is None else given.logsumexp(-1, keepdim=True)
        shares = given / total if logits is None else given - total
        self._forms = (form,)
        vars(self)[form] = shares
        self._num_events = shares.shape[-1]
        super().__init__(shares.shape[:-1], validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        """The numbers of the events."""
        return constraints.integer_interval(0, self._num_events - 1)

    def _mean(self) -> Tensor:
        return full(self._extended_shape(), math.nan, dtype=self.probs.dtype, device=self.probs.device)

    def _variance(self) -> Tensor:
        return self._mean()

    def _mode(self) -> Tensor:
        return self.probs.argmax(-1)

    def _sample(self, sample_shape: Size) -> Tensor:
        rows = self.probs.reshape(-1, self._num_events)
        drawn = multinomial(rows, sample_shape.numel(), True)
        return drawn.t().reshape(self._extended_shape(sample_shape))

    def _log_prob(self, value: Tensor) -> Tensor:
        index, logits = broadcast_tensors(value.to(int64).unsqueeze(-1), self.logits)
        return logits.gather(-1, index[..., :1]).squeeze(-1)

    def _entropy(self) -> Tensor:
        logits = self.logits.clamp(min=finfo(self.logits.dtype).min)
        return -(logits * self.probs).sum(-1)

    def _values(self) -> Tensor:
        return arange(self._num_events, device=self._param.device)

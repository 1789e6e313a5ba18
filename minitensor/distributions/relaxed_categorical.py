"""Differentiable relaxations of one-hot vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.distributions import constraints
from minitensor.distributions.categorical import Categorical
from minitensor.distributions.distribution import Distribution
from minitensor.distributions.relaxed import Relaxed
from minitensor.distributions.transforms import ExpTransform
from minitensor.distributions.utils import broadcast_all, clamp_probs
from minitensor.ops.creation import full_like
from minitensor.ops.random import rand

if TYPE_CHECKING:
    from minitensor.shapes import Size
    from minitensor.tensor import Tensor


class ExpRelaxedCategorical(Distribution):
    """The distribution of the logarithm of a ``RelaxedOneHotCategorical`` vector.

    Args:
        temperature: A positive tensor; at lower temperatures the draws are closer to one-hot vectors.
        probs: Nonnegative weights, (*, n), which are divided by their sum.
        logits: Logarithms of weights, in place of ``probs``.
        validate_args: As for ``Distribution``. Default: ``None``.

    Raises:
        ValueError: If both or none of ``probs`` and ``logits`` are given.

    >>> import minitensor as torch
    >>> from minitensor.distributions.relaxed_categorical import ExpRelaxedCategorical
    >>> ExpRelaxedCategorical(torch.tensor(0.5), torch.tensor([0.2, 0.8])).sample().shape
    torch.Size([2])
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self, temperature: Tensor, probs: Tensor | None = None, logits: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        self._categorical = Categorical(probs, logits)
        self.temperature = temperature
        super().__init__(
            self._categorical.batch_shape, self._categorical.param_shape[-1:], validate_args=validate_args
        )

    @property
    def param_shape(self) -> Size:
        """The shape of ``probs`` and ``logits``."""
        return self._categorical.param_shape

    @property
    def logits(self) -> Tensor:
        """The logarithms of the probabilities."""
        return self._categorical.logits

    @property
    def probs(self) -> Tensor:
        """The probabilities."""
        return self._categorical.probs

    def _rsample(self, sample_shape: Size) -> Tensor:
        """Add Gumbel numbers to the logits."""
        unit = clamp_probs(
            rand(self._extended_shape(sample_shape), dtype=self.logits.dtype, device=self.logits.device)
        )
        scores = (self.logits - (-unit.log()).log()) / self.temperature
        return scores - scores.logsumexp(-1, keepdim=True)

    def _log_prob(self, value: Tensor) -> Tensor:
        n = self._event_shape[0]
        logits, value = broadcast_all(self.logits, value)
        log_scale = full_like(self.temperature, float(n)).lgamma() + (n - 1) * self.temperature.log()
        score = logits - value * self.temperature
        return (score - score.logsumexp(-1, keepdim=True)).sum(-1) + log_scale


class RelaxedOneHotCategorical(Relaxed):
    """A differentiable relaxation of one-hot vectors (Jang, Gu and Poole, "Categorical reparameterization", 2017).

    Args:
        temperature: A positive tensor; at lower temperatures the draws are closer to one-hot vectors.
        probs: Nonnegative weights, (*, n), which are divided by their sum.
        logits: Logarithms of weights, in place of ``probs``.
        validate_args: As for ``Distribution``. Default: ``None``.

    Raises:
        ValueError: If both or none of ``probs`` and ``logits`` are given.

    >>> import minitensor as torch
    >>> torch.distributions.RelaxedOneHotCategorical(torch.tensor(0.5), torch.tensor([0.2, 0.8])).sample().shape
    torch.Size([2])
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.simplex
    base_dist: ExpRelaxedCategorical

    def __init__(
        self, temperature: Tensor, probs: Tensor | None = None, logits: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        base = ExpRelaxedCategorical(temperature, probs, logits, validate_args=validate_args)
        super().__init__(base, ExpTransform(), validate_args=validate_args)

"""Differentiable relaxations of the Bernoulli distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.distributions import constraints
from minitensor.distributions.distribution import Distribution
from minitensor.distributions.relaxed import Relaxed
from minitensor.distributions.transforms import SigmoidTransform
from minitensor.distributions.utils import TwoForms, broadcast_all, clamp_probs
from minitensor.ops.random import rand

if TYPE_CHECKING:
    from minitensor.shapes import Size
    from minitensor.tensor import Tensor


class LogitRelaxedBernoulli(TwoForms, Distribution):
    """The distribution of the logit of a ``RelaxedBernoulli`` number.

    Args:
        temperature: A positive tensor; at lower temperatures the draws are closer to 0 and 1.
        probs: The probability of 1.
        logits: The logarithm of its odds, in place of ``probs``.
        validate_args: As for ``Distribution``. Default: ``None``.

    Raises:
        ValueError: If both or none of ``probs`` and ``logits`` are given.

    >>> import minitensor as torch
    >>> from minitensor.distributions.relaxed_bernoulli import LogitRelaxedBernoulli
    >>> LogitRelaxedBernoulli(torch.tensor(0.5), torch.tensor([0.2, 0.7])).sample().shape
    torch.Size([2])
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.real
    has_rsample = True

    def __init__(
        self, temperature: Tensor, probs: Tensor | float | None = None, logits: Tensor | float | None = None,
        validate_args: bool | None = None,
    ) -> None:
        self.temperature = temperature
        super().__init__(self._set_form(probs, logits).shape, validate_args=validate_args)

    def _rsample(self, sample_shape: Size) -> Tensor:
        shape = self._extended_shape(sample_shape)
        probs = clamp_probs(self.probs.expand(shape))
        unit = clamp_probs(rand(shape, dtype=probs.dtype, device=probs.device))
        return (unit.log() - (-unit).log1p() + probs.log() - (-probs).log1p()) / self.temperature

    def _log_prob(self, value: Tensor) -> Tensor:
        logits, value = broadcast_all(self.logits, value)
        difference = logits - value * self.temperature
        return self.temperature.log() + difference - 2 * difference.exp().log1p()


class RelaxedBernoulli(Relaxed):
    """A differentiable relaxation of the Bernoulli distribution.

    It is the binary case of Maddison, Mnih and Teh, "The Concrete distribution" (2017).

    Args:
        temperature: A positive tensor; at lower temperatures the draws are closer to 0 and 1.
        probs: The probability of 1.
        logits: The logarithm of its odds, in place of ``probs``.
        validate_args: As for ``Distribution``. Default: ``None``.

    Raises:
        ValueError: If both or none of ``probs`` and ``logits`` are given.

    >>> import minitensor as torch
    >>> torch.distributions.RelaxedBernoulli(torch.tensor(0.5), torch.tensor([0.2, 0.7])).sample().shape
    torch.Size([2])
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    base_dist: LogitRelaxedBernoulli

    def __init__(
        self, temperature: Tensor, probs: Tensor | float | None = None, logits: Tensor | float | None = None,
        validate_args: bool | None = None,
    ) -> None:
        super().__init__(LogitRelaxedBernoulli(temperature, probs, logits), SigmoidTransform(), validate_args)

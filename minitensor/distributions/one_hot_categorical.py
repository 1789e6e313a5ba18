"""The distribution of one of n events, as a vector of zeros and a single one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.distributions import constraints
from minitensor.distributions.categorical import Categorical
from minitensor.distributions.distribution import Distribution
from minitensor.nn.functional import one_hot
from minitensor.ops.creation import eye

if TYPE_CHECKING:
    from minitensor.shapes import Size
    from minitensor.tensor import Tensor


class OneHotCategorical(Distribution):
    """The distribution of one of n events, as a vector (*, n) of zeros and a single one.

    Args:
        probs: Nonnegative weights, (*, n), which are divided by their sum.
        logits: Logarithms of weights, in place of ``probs``.
        validate_args: As for ``Distribution``. Default: ``None``.

    Raises:
        ValueError: If both or none of ``probs`` and ``logits`` are given.

    >>> import minitensor as torch
    >>> torch.distributions.OneHotCategorical(torch.tensor([0.0, 1.0])).sample()
    tensor([0., 1.])
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.one_hot
    has_enumerate_support = True

    def __init__(
        self, probs: Tensor | None = None, logits: Tensor | None = None, validate_args: bool | None = None
    ) -> None:
        self._categorical = Categorical(probs, logits)
        super().__init__(
            self._categorical.batch_shape, self._categorical.param_shape[-1:], validate_args=validate_args
        )

    @property
    def _param(self) -> Tensor:
        return self._categorical._param

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
        return self.probs

    def _mode(self) -> Tensor:
        return self._as_vector(self.probs.argmax(-1))

    def _variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def _as_vector(self, index: Tensor) -> Tensor:
        return one_hot(index, self._event_shape[0]).to(self._param)

    def _sample(self, sample_shape: Size) -> Tensor:
        return self._as_vector(self._categorical.sample(sample_shape))

    def _log_prob(self, value: Tensor) -> Tensor:
        return self._categorical.log_prob(value.argmax(-1))

    def _entropy(self) -> Tensor:
        return self._categorical.entropy()

    def _values(self) -> Tensor:
        return eye(self._event_shape[0], dtype=self._param.dtype, device=self._param.device)


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """The distribution ``OneHotCategorical`` with draws that have the gradient of the probabilities.

    The estimator is Bengio, Leonard and Courville's, "Estimating or propagating gradients through stochastic neurons
    for conditional computation" (2013). Arguments as for ``OneHotCategorical``.

    >>> import minitensor as torch
    >>> logits = torch.zeros(2, requires_grad=True)
    >>> torch.distributions.OneHotCategoricalStraightThrough(logits=logits).rsample().requires_grad
    True
    """

    has_rsample = True

    def _sample(self, sample_shape: Size) -> Tensor:
        return OneHotCategorical._sample(self, sample_shape)

    def _rsample(self, sample_shape: Size) -> Tensor:
        return self.sample(sample_shape) + (self.probs - self.probs.detach())

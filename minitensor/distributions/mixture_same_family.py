"""Mixtures of distributions of one class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.distributions import constraints
from minitensor.distributions.categorical import Categorical
from minitensor.distributions.distribution import Distribution
from minitensor.errors import ArgumentError
from minitensor.nn.functional import log_softmax

if TYPE_CHECKING:
    from minitensor.shapes import Size
    from minitensor.tensor import Tensor


class MixtureSameFamily(Distribution):
    """A mixture: the components are the distributions along the last dim of a batch.

    Args:
        mixture_distribution: The ``Categorical`` distribution of the number of the component.
        component_distribution: The components; their batch has one dim more.
        validate_args: As for ``Distribution``. Default: ``None``.

    Raises:
        ValueError: If an argument is no such distribution, or their shapes do not fit.

    >>> import minitensor as torch
    >>> from minitensor.distributions import Categorical, MixtureSameFamily, Normal
    >>> MixtureSameFamily(Categorical(torch.ones(2)), Normal(torch.tensor([0.0, 4.0]), 1.0)).mean
    tensor(2.)
    """

    arg_constraints: dict[str, constraints.Constraint] = {}  # never written to

    def __init__(
        self, mixture_distribution: Categorical, component_distribution: Distribution,
        validate_args: bool | None = None,
    ) -> None:
        require_fit(mixture_distribution, component_distribution)
        self._mixture_distribution, self._component_distribution = mixture_distribution, component_distribution
        events = component_distribution.event_shape
        self._event_ndims = len(events)
        super().__init__(component_distribution.batch_shape[:-1], events, validate_args=validate_args)

    def _expand_part(self, name: str, value: Any, batch: Size) -> Any:
        return value.expand(batch) if name == "_mixture_distribution" else super()._expand_part(name, value, batch)

    @constraints.dependent_property
    def support(self) -> Any:
        """What all components can draw."""
        return constraints.MixtureSameFamilyConstraint(self._component_distribution.support)

    @property
    def mixture_distribution(self) -> Categorical:
        """The distribution of the number of the component."""
        return self._mixture_distribution

    @property
    def component_distribution(self) -> Distribution:
        """The components."""
        return self._component_distribution

    def _pad(self, value: Tensor) -> Tensor:
        """Insert a dim for the components."""
        return value.unsqueeze(-1 - self._event_ndims)

    def _mix(self, value: Tensor) -> Tensor:
        """Return the mean over the components."""
        probs = self._mixture_distribution.probs
        probs = probs.reshape(*probs.shape, *[1] * self._event_ndims)
        return (probs * value).sum(-1 - self._event_ndims)

    def _mean(self) -> Tensor:
        return self._mix(self._component_distribution.mean)

    def _variance(self) -> Tensor:
        """Return the mean of the variances plus the variance of the means."""
        away = (self._component_distribution.mean - self._pad(self.mean)).square()
        return self._mix(self._component_distribution.variance) + self._mix(away)

    def _cdf(self, value: Tensor) -> Tensor:
        return (self._component_distribution.cdf(self._pad(value)) * self._mixture_distribution.probs).sum(-1)

    def _log_prob(self, value: Tensor) -> Tensor:
        log_mix = log_softmax(self._mixture_distribution.logits, -1)
        return (self._component_distribution.log_prob(self._pad(value)) + log_mix).logsumexp(-1)

    def _sample(self, sample_shape: Size) -> Tensor:
        number = self._mixture_distribution.expand(self._batch_shape).sample(sample_shape)
        drawn = self._component_distribution.sample(sample_shape)
        dim = drawn.ndim - self._event_ndims - 1
        index = number.reshape(*number.shape, *[1] * (self._event_ndims + 1))
        return drawn.gather(dim, index.expand(*drawn.shape[:dim], 1, *self._event_shape)).squeeze(dim)

    def __repr__(self) -> str:
        return f"MixtureSameFamily(\n  {self.mixture_distribution},\n  {self.component_distribution})"


def require_fit(mixture: Any, component: Any) -> None:
    """Raise unless a categorical distribution chooses among the last batch dim of another distribution."""
    if not isinstance(mixture, Categorical):
        raise ArgumentError(f"mixture_distribution must be a Categorical distribution, got {type(mixture).__name__}")
    if not isinstance(component, Distribution):
        raise ArgumentError(f"component_distribution must be a Distribution, got {type(component).__name__}")
    outer, inner = mixture.batch_shape, component.batch_shape[:-1]
    if any(1 not in (i, j) and i != j for i, j in zip(outer[::-1], inner[::-1])):
        raise ArgumentError(f"the batch shapes of the mixture, {outer}, and of the components, {inner}, do not fit")
    count, wanted = mixture.logits.shape[-1], component.batch_shape[-1]
    if count != wanted:
        raise ArgumentError(f"the mixture chooses among {count} components, but there are {wanted}")

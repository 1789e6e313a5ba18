"""``Relaxed``: what the differentiable relaxations of discrete distributions have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.distributions.transformed_distribution import TransformedDistribution

if TYPE_CHECKING:
    from minitensor.tensor import Tensor


class Relaxed(TransformedDistribution):
    """A distribution of scores with a temperature, and a transform of them. The parameters are those of the scores."""

    base_dist: Any

    @property
    def temperature(self) -> Tensor:
        """The temperature."""
        return self.base_dist.temperature  # type: ignore[no-any-return]  # of a subclass

    @property
    def logits(self) -> Tensor:
        """The logarithm of the odds, or of the probabilities."""
        return self.base_dist.logits  # type: ignore[no-any-return]  # of a subclass

    @property
    def probs(self) -> Tensor:
        """The probability, or the probabilities."""
        return self.base_dist.probs  # type: ignore[no-any-return]  # of a subclass

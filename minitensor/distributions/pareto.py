"""The Pareto distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.distributions import constraints
from minitensor.distributions.exponential import Exponential
from minitensor.distributions.transformed_distribution import TransformedDistribution
from minitensor.distributions.transforms import AffineTransform, ExpTransform
from minitensor.distributions.utils import broadcast_all

if TYPE_CHECKING:
    from minitensor.tensor import Tensor


class Pareto(TransformedDistribution):
    """The Pareto distribution of numbers greater than ``scale``: F(x) = 1 - (scale / x) ** ``alpha``.

    Both are positive and broadcast. Arguments as for ``Distribution``.

    >>> import minitensor as torch
    >>> torch.distributions.Pareto(1.0, 2.0).mean
    tensor(2.)
    """

    arg_constraints = {"alpha": constraints.positive, "scale": constraints.positive}

    def __init__(self, scale: Tensor | float, alpha: Tensor | float, validate_args: bool | None = None) -> None:
        self.scale, self.alpha = broadcast_all(scale, alpha)
        base = Exponential(self.alpha, validate_args=validate_args)
        chain = [ExpTransform(), AffineTransform(loc=0, scale=self.scale)]
        super().__init__(base, chain, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        """Numbers of at least ``scale``."""
        return constraints.greater_than_eq(self.scale)

    def _mean(self) -> Tensor:
        a = self.alpha.clamp(min=1)
        return a * self.scale / (a - 1)

    def _mode(self) -> Tensor:
        return self.scale

    def _variance(self) -> Tensor:
        a = self.alpha.clamp(min=2)
        return self.scale.square() * a / ((a - 1).square() * (a - 2))

    def _entropy(self) -> Tensor:
        return (self.scale / self.alpha).log() + (1 + self.alpha.reciprocal())

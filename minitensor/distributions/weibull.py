"""The Weibull distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.distributions import constraints
from minitensor.distributions.exponential import Exponential
from minitensor.distributions.transformed_distribution import TransformedDistribution
from minitensor.distributions.transforms import AffineTransform, PowerTransform
from minitensor.distributions.utils import broadcast_all, euler_constant
from minitensor.ops.creation import ones_like

if TYPE_CHECKING:
    from minitensor.tensor import Tensor


class Weibull(TransformedDistribution):
    """The Weibull distribution: F(x) = 1 - exp(-(x / ``scale``) ** ``concentration``).

    Both are positive and broadcast. Arguments as for ``Distribution``.

    >>> import minitensor as torch
    >>> torch.distributions.Weibull(2.0, 1.0).mean
    tensor(2.)
    """

    arg_constraints = {"scale": constraints.positive, "concentration": constraints.positive}
    support = constraints.positive

    def __init__(
        self, scale: Tensor | float, concentration: Tensor | float, validate_args: bool | None = None
    ) -> None:
        self.scale, self.concentration = broadcast_all(scale, concentration)
        base = Exponential(ones_like(self.scale), validate_args=validate_args)
        chain = [PowerTransform(self.concentration_reciprocal), AffineTransform(loc=0, scale=self.scale)]
        super().__init__(base, chain, validate_args=validate_args)

    @property
    def concentration_reciprocal(self) -> Tensor:
        """The reciprocal of the concentration."""
        return self.concentration.reciprocal()

    def _mean(self) -> Tensor:
        return self.scale * (1 + self.concentration_reciprocal).lgamma().exp()

    def _mode(self) -> Tensor:
        return self.scale * ((self.concentration - 1) / self.concentration) ** self.concentration_reciprocal

    def _variance(self) -> Tensor:
        inverse = self.concentration_reciprocal
        return self.scale.square() * ((1 + 2 * inverse).lgamma().exp() - (2 * (1 + inverse).lgamma()).exp())

    def _entropy(self) -> Tensor:
        inverse = self.concentration_reciprocal
        return euler_constant * (1 - inverse) + (self.scale * inverse).log() + 1

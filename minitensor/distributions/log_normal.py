"""The log-normal distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.distributions import constraints
from minitensor.distributions.normal import Normal
from minitensor.distributions.transformed_distribution import TransformedDistribution
from minitensor.distributions.transforms import ExpTransform

if TYPE_CHECKING:
    from minitensor.tensor import Tensor


class LogNormal(TransformedDistribution):
    """The distribution of the exponential of a normal number of mean ``loc`` and standard deviation ``scale``.

    Arguments as for ``Distribution``; ``scale`` is positive.

    >>> import minitensor as torch
    >>> torch.distributions.LogNormal(0.0, 1.0).mean
    tensor(1.6487)
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.positive
    base_dist: Normal

    def __init__(self, loc: Tensor | float, scale: Tensor | float, validate_args: bool | None = None) -> None:
        super().__init__(Normal(loc, scale, validate_args=validate_args), ExpTransform(), validate_args=validate_args)

    @property
    def loc(self) -> Tensor:
        """The mean of the logarithm."""
        return self.base_dist.loc

    @property
    def scale(self) -> Tensor:
        """The standard deviation of the logarithm."""
        return self.base_dist.scale

    def _mean(self) -> Tensor:
        return (self.loc + self.scale.square() / 2).exp()

    def _mode(self) -> Tensor:
        return (self.loc - self.scale.square()).exp()

    def _variance(self) -> Tensor:
        square = self.scale.square()
        return square.expm1() * (2 * self.loc + square).exp()

    def _entropy(self) -> Tensor:
        return self.base_dist.entropy() + self.loc

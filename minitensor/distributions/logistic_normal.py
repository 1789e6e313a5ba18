"""The logistic-normal distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.distributions import constraints
from minitensor.distributions.independent import Independent
from minitensor.distributions.normal import Normal
from minitensor.distributions.transformed_distribution import TransformedDistribution
from minitensor.distributions.transforms import StickBreakingTransform

if TYPE_CHECKING:
    from minitensor.tensor import Tensor


class LogisticNormal(TransformedDistribution):
    """The distribution on the simplex of n + 1 elements of a stick broken at n normal numbers.

    Args:
        loc: The means, (*, n).
        scale: The standard deviations, positive; broadcasts against ``loc``.
        validate_args: As for ``Distribution``. Default: ``None``.

    >>> import minitensor as torch
    >>> torch.distributions.LogisticNormal(torch.zeros(2), torch.ones(2)).sample().shape
    torch.Size([3])
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.simplex
    base_dist: Independent

    def __init__(self, loc: Tensor | float, scale: Tensor | float, validate_args: bool | None = None) -> None:
        base = Normal(loc, scale, validate_args=validate_args)
        if not base.batch_shape:
            base = base.expand((1,))
        super().__init__(base, StickBreakingTransform(), validate_args=validate_args)

    @property
    def _normal(self) -> Normal:
        normal: Normal = self.base_dist.base_dist  # type: ignore[assignment]  # made above
        return normal

    @property
    def loc(self) -> Tensor:
        """The means."""
        return self._normal.loc

    @property
    def scale(self) -> Tensor:
        """The standard deviations."""
        return self._normal.scale

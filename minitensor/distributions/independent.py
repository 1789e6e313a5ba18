"""Distributions whose batch dims count as part of an event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.distributions import constraints
from minitensor.distributions.distribution import Distribution
from minitensor.distributions.utils import _sum_rightmost
from minitensor.errors import ArgumentError, UnsupportedError

if TYPE_CHECKING:
    from minitensor.shapes import Size
    from minitensor.tensor import Tensor


class Independent(Distribution):
    """A distribution whose last batch dims count as part of an event; ``log_prob`` sums over them.

    Args:
        base_distribution: The distribution.
        reinterpreted_batch_ndims: The number of dims.
        validate_args: As for ``Distribution``. Default: ``None``.

    Raises:
        ValueError: If the batch has fewer dims.

    >>> import minitensor as torch
    >>> from minitensor.distributions import Independent, Normal
    >>> Independent(Normal(torch.zeros(2, 3), 1.0), 1).log_prob(torch.zeros(2, 3)).shape
    torch.Size([2])
    """

    arg_constraints: dict[str, constraints.Constraint] = {}  # never written to
    _checks_values = _checks_cdf = False

    def __init__(
        self, base_distribution: Distribution, reinterpreted_batch_ndims: int, validate_args: bool | None = None
    ) -> None:
        batch, events = base_distribution.batch_shape, base_distribution.event_shape
        if reinterpreted_batch_ndims > len(batch):
            raise ArgumentError(
                "Expected reinterpreted_batch_ndims <= len(base_distribution.batch_shape), "
                f"actual {reinterpreted_batch_ndims} vs {len(batch)}"
            )
        cut = len(batch) - reinterpreted_batch_ndims
        self.base_dist, self.reinterpreted_batch_ndims = base_distribution, reinterpreted_batch_ndims
        super().__init__(batch[:cut], (*batch[cut:], *events), validate_args=validate_args)

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]  # read only
        """Whether draws are differentiable."""
        return self.base_dist.has_rsample

    @property
    def has_enumerate_support(self) -> bool:  # type: ignore[override]  # read only
        """Whether all values can be listed."""
        return self.base_dist.has_enumerate_support and not self.reinterpreted_batch_ndims

    @constraints.dependent_property
    def support(self) -> Any:
        """The support of the distribution, of events with more dims."""
        support = self.base_dist.support
        count = self.reinterpreted_batch_ndims
        return constraints.independent(support, count) if count else support

    def _mean(self) -> Tensor:
        return self.base_dist.mean

    def _mode(self) -> Tensor:
        return self.base_dist.mode

    def _variance(self) -> Tensor:
        return self.base_dist.variance

    def _sample(self, sample_shape: Size) -> Tensor:
        return self.base_dist.sample(sample_shape)

    def _rsample(self, sample_shape: Size) -> Tensor:
        return self.base_dist.rsample(sample_shape)

    def _log_prob(self, value: Tensor) -> Tensor:
        return _sum_rightmost(self.base_dist.log_prob(value), self.reinterpreted_batch_ndims)

    def _entropy(self) -> Tensor:
        return _sum_rightmost(self.base_dist.entropy(), self.reinterpreted_batch_ndims)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """Return all values along dim 0.

        Args:
            expand: As for ``Distribution``. Default: ``True``.

        Raises:
            NotImplementedError: If an event has more dims than one of the base distribution.
        """
        if self.reinterpreted_batch_ndims:
            raise UnsupportedError("Independent cannot list all combinations of values; list those of the base")
        return self.base_dist.enumerate_support(expand)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_dist}, {self.reinterpreted_batch_ndims})"

"""The uniform distribution."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from minitensor.distributions import constraints
from minitensor.distributions.distribution import Distribution
from minitensor.distributions.utils import broadcast_all
from minitensor.errors import ArgumentError
from minitensor.ops.random import rand

if TYPE_CHECKING:
    from minitensor.shapes import Size
    from minitensor.tensor import Tensor


class Uniform(Distribution):
    """The uniform distribution on [``low``, ``high``), which broadcast.

    Arguments as for ``Distribution``.

    Raises:
        ValueError: If ``low`` is not less than ``high``.

    >>> import minitensor as torch
    >>> torch.distributions.Uniform(0.0, 4.0).cdf(torch.tensor(1.0))
    tensor(0.2500)
    """

    has_rsample = True

    @property
    def arg_constraints(self) -> dict[str, constraints.Constraint]:  # type: ignore[override]  # read only
        """Each bound is a constraint of the other."""
        return {"low": constraints.less_than(self.high), "high": constraints.greater_than(self.low)}

    def __init__(self, low: Tensor | float, high: Tensor | float, validate_args: bool | None = None) -> None:
        self.low, self.high = broadcast_all(low, high)
        super().__init__(self.low.shape, validate_args=validate_args)
        if self._validate_args and not bool((self.low < self.high).all()):
            raise ArgumentError(f"Uniform is not defined when low >= high: low={self.low}, high={self.high}")

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        """The closed interval from ``low`` to ``high``."""
        return constraints.interval(self.low, self.high)

    def _mean(self) -> Tensor:
        return (self.high + self.low) / 2

    def _mode(self) -> Tensor:
        return math.nan * self.high

    def _stddev(self) -> Tensor:
        return (self.high - self.low) / math.sqrt(12)

    def _variance(self) -> Tensor:
        return (self.high - self.low).square() / 12

    def _rsample(self, sample_shape: Size) -> Tensor:
        unit = rand(self._extended_shape(sample_shape), dtype=self.low.dtype, device=self.low.device)
        return self.low + unit * (self.high - self.low)

    def _log_prob(self, value: Tensor) -> Tensor:
        inside = (value >= self.low) & (value < self.high)
        return inside.to(self.low).log() - (self.high - self.low).log()

    def _cdf(self, value: Tensor) -> Tensor:
        return ((value - self.low) / (self.high - self.low)).clamp(min=0, max=1)

    def _icdf(self, value: Tensor) -> Tensor:
        return value * (self.high - self.low) + self.low

    def _entropy(self) -> Tensor:
        return (self.high - self.low).log()

"""The half-Cauchy distribution."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from minitensor.distributions.cauchy import Cauchy
from minitensor.distributions.half import Half
from minitensor.ops.creation import as_tensor, full

if TYPE_CHECKING:
    from minitensor.tensor import Tensor


class HalfCauchy(Half):
    """The distribution of the absolute value of a Cauchy number around 0, of a positive ``scale``.

    Arguments as for ``Distribution``.

    >>> import minitensor as torch
    >>> torch.distributions.HalfCauchy(1.0).cdf(torch.tensor(1.0))
    tensor(0.5000)
    """

    base_dist: Cauchy

    def __init__(self, scale: Tensor | float, validate_args: bool | None = None) -> None:
        super().__init__(Cauchy(0, scale, validate_args=False), validate_args)

    def _mean(self) -> Tensor:
        return full(self._extended_shape(), math.inf, dtype=self.scale.dtype, device=self.scale.device)

    def _variance(self) -> Tensor:
        return self.base_dist.variance

    def _read(self, value: Any) -> Any:
        return as_tensor(value, dtype=self.scale.dtype, device=self.scale.device)

"""The half-Cauchy distribution."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from minitensor.distributions import constraints
from minitensor.distributions.cauchy import Cauchy
from minitensor.distributions.transformed_distribution import TransformedDistribution
from minitensor.distributions.transforms import AbsTransform
from minitensor.distributions.utils import where
from minitensor.ops.creation import as_tensor, full, zeros_like

if TYPE_CHECKING:
    from minitensor.tensor import Tensor


class HalfCauchy(TransformedDistribution):
    """The distribution of the absolute value of a Cauchy number around 0, of a positive ``scale``.

    Arguments as for ``Distribution``.

    >>> import minitensor as torch
    >>> torch.distributions.HalfCauchy(1.0).cdf(torch.tensor(1.0))
    tensor(0.5000)
    """

    arg_constraints = {"scale": constraints.positive}
    support = constraints.nonnegative
    base_dist: Cauchy
    _checks_cdf = True

    def __init__(self, scale: Tensor | float, validate_args: bool | None = None) -> None:
        super().__init__(Cauchy(0, scale, validate_args=False), AbsTransform(), validate_args=validate_args)

    @property
    def scale(self) -> Tensor:
        """The scale of the Cauchy number."""
        return self.base_dist.scale

    def _mean(self) -> Tensor:
        return full(self._extended_shape(), math.inf, dtype=self.scale.dtype, device=self.scale.device)

    def _mode(self) -> Tensor:
        return zeros_like(self.scale)

    def _variance(self) -> Tensor:
        return self.base_dist.variance

    def _read(self, value: Any) -> Any:
        return as_tensor(value, dtype=self.scale.dtype, device=self.scale.device)

    def _log_prob(self, value: Tensor) -> Tensor:
        log_prob = self.base_dist.log_prob(value) + math.log(2)
        return where(value >= 0, log_prob, -math.inf)

    def _cdf(self, value: Tensor) -> Tensor:
        return 2 * self.base_dist.cdf(value) - 1

    def _icdf(self, value: Tensor) -> Tensor:
        return self.base_dist.icdf((value + 1) / 2)

    def _entropy(self) -> Tensor:
        return self.base_dist.entropy() - math.log(2)

"""Student's t distribution."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from minitensor.distributions import constraints
from minitensor.distributions.chi2 import Chi2
from minitensor.distributions.distribution import Distribution
from minitensor.distributions.utils import _standard_normal, broadcast_all, where

if TYPE_CHECKING:
    from minitensor.shapes import Size
    from minitensor.tensor import Tensor


class StudentT(Distribution):
    """Student's t distribution.

    Args:
        df: The degrees of freedom, positive.
        loc: The center. Default: ``0.0``.
        scale: The factor, positive. Default: ``1.0``.
        validate_args: As for ``Distribution``. Default: ``None``.

    >>> import minitensor as torch
    >>> torch.distributions.StudentT(4.0).variance
    tensor(2.)
    """

    arg_constraints = {"df": constraints.positive, "loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    def __init__(
        self, df: Tensor | float, loc: Tensor | float = 0.0, scale: Tensor | float = 1.0,
        validate_args: bool | None = None,
    ) -> None:
        self.df, self.loc, self.scale = broadcast_all(df, loc, scale)
        self._chi2 = Chi2(self.df)
        super().__init__(self.df.shape, validate_args=validate_args)

    def _mean(self) -> Tensor:
        return where(self.df <= 1, math.nan, self.loc)

    def _mode(self) -> Tensor:
        return self.loc

    def _variance(self) -> Tensor:
        finite = self.scale.square() * self.df / where(self.df > 2, self.df - 2, 1.0)
        return where(self.df > 2, finite, where(self.df > 1, math.inf, math.nan).to(self.df))

    def _rsample(self, sample_shape: Size) -> Tensor:
        x = _standard_normal(self._extended_shape(sample_shape), self.df.dtype, self.df.device)
        return self.loc + self.scale * (x * (self._chi2.rsample(sample_shape) / self.df).rsqrt())

    def _log_prob(self, value: Tensor) -> Tensor:
        y, half = (value - self.loc) / self.scale, 0.5 * (self.df + 1)
        log_area = self.scale.log() + 0.5 * self.df.log() + 0.5 * math.log(math.pi)
        return -half * (y.square() / self.df).log1p() - (log_area + (0.5 * self.df).lgamma() - half.lgamma())

    def _entropy(self) -> Tensor:
        lower, upper = 0.5 * self.df, 0.5 * (self.df + 1)
        log_beta = lower.lgamma() + math.lgamma(0.5) - upper.lgamma()
        return self.scale.log() + upper * (upper.digamma() - lower.digamma()) + 0.5 * self.df.log() + log_beta

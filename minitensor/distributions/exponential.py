"""The exponential distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.distributions import constraints
from minitensor.distributions.exp_family import ExponentialFamily
from minitensor.distributions.utils import broadcast_all
from minitensor.ops.creation import empty, zeros_like

if TYPE_CHECKING:
    from minitensor.shapes import Size
    from minitensor.tensor import Tensor


class Exponential(ExponentialFamily):
    """The exponential distribution of a positive ``rate``.

    Arguments as for ``Distribution``.

    >>> import minitensor as torch
    >>> torch.distributions.Exponential(2.0).mean
    tensor(0.5000)
    """

    arg_constraints = {"rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True
    _mean_carrier_measure = 0

    def __init__(self, rate: Tensor | float, validate_args: bool | None = None) -> None:
        (self.rate,) = broadcast_all(rate)
        super().__init__(self.rate.shape, validate_args=validate_args)

    def _mean(self) -> Tensor:
        return self.rate.reciprocal()

    def _mode(self) -> Tensor:
        return zeros_like(self.rate)

    def _stddev(self) -> Tensor:
        return self.rate.reciprocal()

    def _variance(self) -> Tensor:
        return self.rate.pow(-2)

    def _rsample(self, sample_shape: Size) -> Tensor:
        shape = self._extended_shape(sample_shape)
        return empty(shape, dtype=self.rate.dtype, device=self.rate.device).exponential_() / self.rate

    def _log_prob(self, value: Tensor) -> Tensor:
        return self.rate.log() - self.rate * value

    def _cdf(self, value: Tensor) -> Tensor:
        return 1 - (-self.rate * value).exp()

    def _icdf(self, value: Tensor) -> Tensor:
        return -(-value).log1p() / self.rate

    def _entropy(self) -> Tensor:
        return 1.0 - self.rate.log()

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return (-self.rate,)

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        return -(-natural_params[0]).log()

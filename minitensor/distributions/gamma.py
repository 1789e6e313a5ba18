"""The gamma distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.distributions import constraints
from minitensor.distributions.exp_family import ExponentialFamily
from minitensor.distributions.utils import broadcast_all
from minitensor.dtypes import finfo
from minitensor.ops.creation import as_tensor
from minitensor.ops.special import gammainc
from minitensor.ops.variates import _standard_gamma

if TYPE_CHECKING:
    from minitensor.shapes import Size
    from minitensor.tensor import Tensor


class Gamma(ExponentialFamily):
    """The gamma distribution of a ``concentration`` and a ``rate``, which are positive and broadcast.

    ``cdf`` needs SciPy. Arguments as for ``Distribution``.

    >>> import minitensor as torch
    >>> torch.distributions.Gamma(2.0, 4.0).mean
    tensor(0.5000)
    """

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True
    _mean_carrier_measure = 0

    def __init__(
        self, concentration: Tensor | float, rate: Tensor | float, validate_args: bool | None = None
    ) -> None:
        self.concentration, self.rate = broadcast_all(concentration, rate)
        super().__init__(self.concentration.shape, validate_args=validate_args)

    def _mean(self) -> Tensor:
        return self.concentration / self.rate

    def _mode(self) -> Tensor:
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    def _variance(self) -> Tensor:
        return self.concentration / self.rate.square()

    def _rsample(self, sample_shape: Size) -> Tensor:
        shape = self._extended_shape(sample_shape)
        drawn = _standard_gamma(self.concentration.expand(shape)) / self.rate.expand(shape)
        drawn.detach().clamp_(min=finfo(drawn.dtype).tiny)  # without a trace in the gradient
        return drawn

    def _read(self, value: Any) -> Any:
        return as_tensor(value, dtype=self.rate.dtype, device=self.rate.device)

    def _log_prob(self, value: Tensor) -> Tensor:
        powers = self.concentration.xlogy(self.rate) + (self.concentration - 1).xlogy(value)
        return powers - self.rate * value - self.concentration.lgamma()

    def _cdf(self, value: Tensor) -> Tensor:
        return gammainc(self.concentration, self.rate * value)

    def _entropy(self) -> Tensor:
        a = self.concentration
        return a - self.rate.log() + a.lgamma() + (1 - a) * a.digamma()

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return self.concentration - 1, -self.rate

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        x, y = natural_params
        return (x + 1).lgamma() + (x + 1) * (-y.reciprocal()).log()

"""The Dirichlet distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.distributions import constraints
from minitensor.distributions.exp_family import ExponentialFamily
from minitensor.distributions.utils import where
from minitensor.errors import ArgumentError
from minitensor.nn.functional import one_hot
from minitensor.ops.variates import _sample_dirichlet

if TYPE_CHECKING:
    from minitensor.shapes import Size
    from minitensor.tensor import Tensor


class Dirichlet(ExponentialFamily):
    """The Dirichlet distribution on the simplex, of positive ``concentration`` along the last dim, (*, n).

    Arguments as for ``Distribution``.

    Raises:
        ValueError: If ``concentration`` has no dim.

    >>> import minitensor as torch
    >>> torch.distributions.Dirichlet(torch.tensor([1.0, 3.0])).mean
    tensor([0.2500, 0.7500])
    """

    arg_constraints = {"concentration": constraints.independent(constraints.positive, 1)}
    support = constraints.simplex
    has_rsample = True
    _mean_carrier_measure = 0

    def __init__(self, concentration: Tensor, validate_args: bool | None = None) -> None:
        if concentration.ndim < 1:
            raise ArgumentError("`concentration` parameter must be at least one-dimensional.")
        self.concentration = concentration
        shape = concentration.shape
        super().__init__(shape[:-1], shape[-1:], validate_args=validate_args)

    @property
    def _total(self) -> Tensor:
        return self.concentration.sum(-1, True)

    def _mean(self) -> Tensor:
        return self.concentration / self._total

    def _mode(self) -> Tensor:
        excess = (self.concentration - 1).clamp(min=0)
        mode = excess / excess.sum(-1, True)
        corner = one_hot(mode.argmax(-1), mode.shape[-1]).to(mode)
        return where((self.concentration < 1).all(-1, keepdim=True), corner, mode)

    def _variance(self) -> Tensor:
        total = self._total
        return self.concentration * (total - self.concentration) / (total.square() * (total + 1))

    def _rsample(self, sample_shape: Size) -> Tensor:
        return _sample_dirichlet(self.concentration.expand(self._extended_shape(sample_shape)))

    def _log_prob(self, value: Tensor) -> Tensor:
        powers = (self.concentration - 1).xlogy(value).sum(-1)
        return powers + self.concentration.sum(-1).lgamma() - self.concentration.lgamma().sum(-1)

    def _entropy(self) -> Tensor:
        a, total, n = self.concentration, self.concentration.sum(-1), self.concentration.shape[-1]
        log_beta = a.lgamma().sum(-1) - total.lgamma()
        return log_beta - (n - total) * total.digamma() - ((a - 1) * a.digamma()).sum(-1)

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return (self.concentration,)

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        (x,) = natural_params
        return x.lgamma().sum(-1) - x.sum(-1).lgamma()

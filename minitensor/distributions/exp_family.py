"""Exponential families: distributions with the density h(x) exp(t(x) . eta - A(eta))."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.autograd import grad
from minitensor.autograd.mode import enable_grad
from minitensor.distributions.distribution import Distribution, lack_error

if TYPE_CHECKING:
    from minitensor.tensor import Tensor


class ExponentialFamily(Distribution):
    """A distribution of an exponential family, with the density h(x) exp(t(x) . eta - A(eta)).

    A class defines ``_natural_params``, the natural parameters eta; ``_log_normalizer``, the function A; and
    ``_mean_carrier_measure``, the mean of log h(x). The entropy and divergences follow from these by automatic
    differentiation (Nielsen and Nock, "Entropies and cross-entropies of exponential families", 2010).

    Arguments as for ``Distribution``.

    >>> import minitensor as torch
    >>> isinstance(torch.distributions.Poisson(1.0), torch.distributions.ExponentialFamily)
    True
    """

    _mean_carrier_measure: float | None = None

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        raise lack_error(self, "_natural_params")

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        raise lack_error(self, "_log_normalizer")

    def _entropy(self) -> Tensor:
        """Return A(eta) - eta . A'(eta) - E[log h(x)]."""
        if self._mean_carrier_measure is None:
            raise lack_error(self, "entropy")
        natural, entropy, slopes = self._bregman_parts()
        for eta, slope in zip(natural, slopes):
            entropy = entropy - (eta * slope).reshape(*self._batch_shape, -1).sum(-1)
        return entropy - self._mean_carrier_measure

    def _bregman_parts(self) -> tuple[list[Tensor], Tensor, tuple[Tensor, ...]]:
        """Return the natural parameters so that they require grad, the normalizer and its gradient."""
        with enable_grad():
            natural = [
                each if each.requires_grad else each.detach().requires_grad_() for each in self._natural_params
            ]
            normalizer = self._log_normalizer(*natural)
            slopes = grad(normalizer.sum(), natural, create_graph=True)
        return natural, normalizer, tuple(slopes)

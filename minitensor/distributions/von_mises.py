"""The von Mises distribution of angles."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from minitensor.distributions import constraints
from minitensor.distributions.distribution import Distribution
from minitensor.distributions.utils import broadcast_all, where
from minitensor.dtypes import bool_, float64
from minitensor.ops.creation import zeros
from minitensor.ops.random import rand
from minitensor.ops.special import i0e, i1e

if TYPE_CHECKING:
    from minitensor.shapes import Size
    from minitensor.tensor import Tensor


class VonMises(Distribution):
    """The von Mises distribution of angles, with a density proportional to exp(c cos(x - ``loc``)).

    Any number is taken as an angle in radians; draws lie in [-pi, pi). The mean and the variance are the circular ones.

    Args:
        loc: The most likely angle.
        concentration: The number c, positive; broadcasts against ``loc``.
        validate_args: As for ``Distribution``. Default: ``None``.

    >>> import minitensor as torch
    >>> torch.distributions.VonMises(0.0, 1.0).log_prob(torch.tensor(0.0))
    tensor(-1.0738)
    """

    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real

    def __init__(
        self, loc: Tensor | float, concentration: Tensor | float, validate_args: bool | None = None
    ) -> None:
        self.loc, self.concentration = broadcast_all(loc, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    def _mean(self) -> Tensor:
        return self.loc

    def _mode(self) -> Tensor:
        return self.loc

    def _variance(self) -> Tensor:
        return 1 - i1e(self.concentration) / i0e(self.concentration)

    def _log_prob(self, value: Tensor) -> Tensor:
        c = self.concentration
        return c * (value - self.loc).cos() - math.log(2 * math.pi) - (i0e(c).log() + c)

    @property
    def _proposal(self) -> Tensor:
        """The parameter of the wrapped Cauchy distribution from which candidates are drawn."""
        c = self.concentration.to(float64)
        tau = 1 + (1 + 4 * c.square()).sqrt()
        rho = (tau - (2 * tau).sqrt()) / (2 * c)
        return where(c < 1e-5, 1 / c + c, (1 + rho.square()) / (2 * rho))

    def _sample(self, sample_shape: Size) -> Tensor:
        """Draw by rejection (Best and Fisher, "Efficient simulation of the von Mises distribution", 1979)."""
        c, r, shape = self.concentration.to(float64), self._proposal, self._extended_shape(sample_shape)
        angle = zeros(shape, dtype=float64, device=c.device)
        done = zeros(shape, dtype=bool_, device=c.device)
        while not bool(done.all()):
            u1, u2, u3 = rand((3, *shape), dtype=float64, device=c.device).unbind()
            z = (math.pi * u1).cos()
            cosine = (1 + r * z) / (r + z)
            excess = c * (r - cosine)
            accept = (excess * (2 - excess) > u2) | ((excess / u2).log() + 1 - excess >= 0)
            angle = where(accept, (u3 - 0.5).sign() * cosine.acos(), angle)
            done = done | accept
        angle = (angle + math.pi + self.loc.to(float64)) % (2 * math.pi) - math.pi
        return angle.to(self.loc.dtype)

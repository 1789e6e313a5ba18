"""Implicit gradients: how a gamma or beta number moves with the parameter of the distribution it was drawn from.

A number x whose distribution function is F(x; a) stays at the same quantile if dx / da = -(dF / da) / p(x; a), where p
is the density (Figurnov, Mohamed and Mnih, "Implicit Reparameterization Gradients", 2018). The derivative of F is an
integral, computed here by the double exponential rule (Takahasi and Mori, "Double exponential formulas for numerical
integration", 1974). The functions take arrays of float64 and know no tensors.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.backends.base import Backend

# Note [Integrals on the shorter side]
# The gradient is the integral of -(d log p(t) / da) p(t) / p(x) over t from 0 to x. The whole integral is zero, so the
# other side, from x on, gives the same with the opposite sign. The side beyond the mean is taken, where p(t) / p(x)
# only falls: nothing cancels. With t = x exp(-s) or x exp(s), and s = scale * node, the integrand falls from 1 within a
# few units of the node.

STEP: Final = 0.05
PLACES: Final = [STEP * i for i in range(-86, 85)]
RULE: Final = [(math.exp(y - math.exp(-y)), STEP * (1 + math.exp(-y)) * math.exp(y - math.exp(-y))) for y in PLACES]
"""Nodes and weights for integrals from 0 to infinity: s = exp(y - exp(-y)) for equidistant y."""


def gamma_slope(backend: Backend, concentration: Array, drawn: Array) -> Array:
    """Return the derivative of gamma numbers of rate 1 with respect to their concentration."""
    xp = backend.xp
    center = backend.digamma(concentration)
    is_low = drawn <= concentration
    distance = xp.abs(concentration - drawn)
    scale = 2 / (distance + xp.sqrt(distance * distance + 2 * drawn))
    scale = xp.where(is_low, xp.maximum(scale, 1 / concentration), xp.log1p(scale))
    log_drawn = xp.log(drawn)
    total: Any = 0.0
    for node, weight in RULE:
        shift = xp.where(is_low, -scale * node, scale * node)
        height = xp.exp(concentration * shift - drawn * xp.expm1(shift))
        total = total + xp.where(height > 0, weight * height * (log_drawn + shift - center), 0)
    slope: Array = xp.where(is_low, -1, 1) * drawn * scale * total
    return slope


def beta_slope(backend: Backend, drawn: Array, alpha: Array, total: Array) -> Array:
    """Return the derivative of beta numbers with respect to ``alpha``; the other parameter is ``total`` - ``alpha``."""
    xp, beta = backend.xp, total - alpha
    center = backend.digamma(alpha) - backend.digamma(total)
    is_low = drawn <= alpha / total
    near, far = xp.where(is_low, drawn, 1 - drawn), xp.where(is_low, 1 - drawn, drawn)
    own, other = xp.where(is_low, alpha, beta), xp.where(is_low, beta, alpha)
    scale = fall_of_beta(xp, near, far, own, other)
    sum_of_nodes: Any = 0.0
    for node, weight in RULE:
        part = near * xp.exp(-scale * node)
        # log((1 - part) / far), without cancellation for small far.
        growth = xp.log1p(near * -xp.expm1(-scale * node) / far)
        height = xp.exp(-own * scale * node + (other - 1) * growth)
        logarithm = xp.where(is_low, xp.log(near) - scale * node, xp.log1p(-part))
        sum_of_nodes = sum_of_nodes + xp.where(height > 0, weight * height * (logarithm - center), 0)
    slope: Array = xp.where(is_low, -1, 1) * near * scale * sum_of_nodes
    return slope


def fall_of_beta(xp: Any, near: Array, far: Array, own: Array, other: Array) -> Array:
    """Return the distance in s at which the integrand of ``beta_slope`` has fallen to about 1 / e."""
    growth = xp.maximum(other - 1, 0) * near / far  # for other < 1, a first fall near 0 is left to the small nodes
    slope, bend = xp.maximum(own - growth, 0), growth / far
    scale: Array = 2 / (slope + xp.sqrt(slope * slope + 2 * bend))
    return scale

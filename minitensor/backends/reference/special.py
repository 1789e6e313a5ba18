"""The error function, its complement, and gelu, which is made of them.

They are W. J. Cody's rational approximations ("Rational Chebyshev approximations for the error function", Mathematics
of Computation 23, 1969): one for the middle, one for the flanks, one for the tails, each good to the last places of a
double.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from minitensor.backends import Array, Library

# Coefficients from the highest power down: numerator, denominator.
MIDDLE = (  # erf(x) / x in x * x, for |x| <= 0.46875
    (1.85777706184603153e-1, 3.16112374387056560, 1.13864154151050156e2, 3.77485237685302021e2, 3.20937758913846947e3),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3),
)
FLANK = (  # exp(x * x) erfc(x) in x, up to 4
    (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594, 6.61191906371416295e1, 2.98635138197400131e2,
     8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3),
    (1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
     3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3),
)  # fmt: skip
TAIL = (  # (1 / sqrt(pi) - x exp(x * x) erfc(x)) x * x in 1 / (x * x), beyond 4
    (1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
     1.60837851487422766e-2, 6.58749161529837803e-4),
    (1.0, 2.56852019228982242, 1.87295284992346725, 5.27905102951428412e-1, 6.05183413124413191e-2,
     2.33520497626869185e-3),
)  # fmt: skip
SMALL, LARGE, NOTHING = 0.46875, 4.0, 28.0  # from the last on erfc is less than the smallest double


def rational(x: Array, approximation: tuple[tuple[float, ...], tuple[float, ...]]) -> Array:
    """Return the quotient of two polynomials by Horner's rule."""
    top, bottom = [horner(x, coefficients) for coefficients in approximation]
    top /= bottom
    return top


def horner(x: Array, coefficients: tuple[float, ...]) -> Array:
    """Return a polynomial, its coefficients given from the highest power down."""
    first, second, *rest = coefficients
    found = x * first
    found += second
    for each in rest:
        found *= x
        found += each
    return found


def small_erf(x: Array) -> Array:
    """Return erf near zero."""
    return x * rational(x * x, MIDDLE)


def large_erfc(xp: Library, y: Array) -> Array:
    """Return erfc(y) for y > 0.46875."""
    y = xp.minimum(y, NOTHING)
    scaled = rational(xp.minimum(y, LARGE), FLANK)
    far = xp.maximum(y, LARGE)
    square = 1 / xp.square(far)
    scaled = xp.where(y > LARGE, (1 / math.sqrt(math.pi) - square * rational(square, TAIL)) / far, scaled)
    # exp(-y * y) of a product that is exact: y = head + rest, where head has few bits (Cody's trick).
    head = xp.trunc(y * 16) / 16
    result: Array = scaled * xp.exp(-head * head) * xp.exp(-(y - head) * (y + head))
    return result


def erf(xp: Library, x: Array) -> Array:
    """Return the integral of ``2 / sqrt(pi) * exp(-t * t)`` from 0 to each element."""
    y = xp.abs(x)
    flank = xp.copysign(1 - large_erfc(xp, xp.maximum(y, SMALL)), x)
    return xp.where(y <= SMALL, small_erf(xp.clip(x, -SMALL, SMALL)), flank)


def erfc(xp: Library, x: Array) -> Array:
    """Return ``1 - erf(x)``, exact where that is small."""
    y = xp.abs(x)
    tail = large_erfc(xp, xp.maximum(y, SMALL))
    flank = xp.where(x < 0, 2 - tail, tail)
    return xp.where(y <= SMALL, 1 - small_erf(xp.clip(x, -SMALL, SMALL)), flank)


def gelu(xp: Library, x: Array) -> Array:
    """Return ``x`` times the normal distribution function of it."""
    result: Array = x * (erfc(xp, x * -math.sqrt(0.5)) * 0.5)
    return result


def gelu_gradient(xp: Library, grad: Array, x: Array) -> Array:
    """Return the gradient times the derivative of ``gelu``: the distribution function plus ``x`` times its density."""
    density = xp.exp(x * x * -0.5) * math.sqrt(0.5 / math.pi)
    result: Array = grad * (erfc(xp, x * -math.sqrt(0.5)) * 0.5 + x * density)
    return result

"""The error function, its complement and inverse, and functions of them: gelu and the normal distribution.

The first two are W. J. Cody's rational approximations ("Rational Chebyshev approximations for the error function",
Mathematics of Computation 23, 1969): one for the middle, one for the flanks, one for the tails, each accurate to the
last digits of a double.
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
SMALL, LARGE, NOTHING = 0.46875, 4.0, 28.0  # beyond the last, erfc is less than the smallest double


def rational(x: Array, approximation: tuple[tuple[float, ...], tuple[float, ...]]) -> Array:
    """Return the quotient of two polynomials by Horner's rule."""
    top, bottom = [horner(x, coefficients) for coefficients in approximation]
    top /= bottom
    return top


def horner(x: Array, coefficients: tuple[float, ...]) -> Array:
    """Return a polynomial, with coefficients from the highest power down."""
    first, second, *rest = coefficients
    result = x * first
    result += second
    for each in rest:
        result *= x
        result += each
    return result


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
    # exp(-y * y) with y = head + rest: head has so few bits that its square is exact (Cody's trick).
    head = xp.trunc(y * 16) / 16
    result: Array = scaled * xp.exp(-head * head) * xp.exp(-(y - head) * (y + head))
    return result


def erf(xp: Library, x: Array) -> Array:
    """Return the integral of ``2 / sqrt(pi) * exp(-t * t)`` from 0 to each element."""
    y = xp.abs(x)
    flank = xp.copysign(1 - large_erfc(xp, xp.maximum(y, SMALL)), x)
    return xp.where(y <= SMALL, small_erf(xp.clip(x, -SMALL, SMALL)), flank)


def erfc(xp: Library, x: Array) -> Array:
    """Return ``1 - erf(x)``, accurate where that is small."""
    y = xp.abs(x)
    tail = large_erfc(xp, xp.maximum(y, SMALL))
    flank = xp.where(x < 0, 2 - tail, tail)
    return xp.where(y <= SMALL, 1 - small_erf(xp.clip(x, -SMALL, SMALL)), flank)


def gelu(xp: Library, x: Array) -> Array:
    """Return ``x`` times the normal distribution function of x."""
    result: Array = x * (erfc(xp, x * -math.sqrt(0.5)) * 0.5)
    return result


def gelu_backward(xp: Library, grad: Array, x: Array) -> Array:
    """Return the gradient times the derivative of ``gelu``: the distribution function plus ``x`` times its density."""
    density = xp.exp(x * x * -0.5) * math.sqrt(0.5 / math.pi)
    result: Array = grad * (erfc(xp, x * -math.sqrt(0.5)) * 0.5 + x * density)
    return result


# -- functions of the error function -----------------------------------------------------------------------------------


def erfcx(xp: Library, x: Array) -> Array:
    """Return ``exp(x * x) * erfc(x)``, which does not underflow for large x."""
    y = xp.abs(x)
    tail = scaled_erfc(xp, xp.maximum(y, SMALL))
    middle = xp.exp(xp.minimum(y, 1) ** 2) * (1 - small_erf(xp.clip(x, -SMALL, SMALL)))
    right = xp.where(y <= SMALL, middle, tail)
    left = xp.where(x < -SMALL, 2 * xp.exp(xp.clip(x, -NOTHING, 0) ** 2) - tail, right)
    return xp.where(x == -math.inf, math.inf, xp.where(x == math.inf, 0, left))


def scaled_erfc(xp: Library, y: Array) -> Array:
    """Return ``exp(y * y) * erfc(y)`` for y > 0.46875."""
    middle = rational(xp.minimum(y, LARGE), FLANK)
    far = xp.maximum(y, LARGE)
    square = 1 / (far * far)
    return xp.where(y > LARGE, (1 / math.sqrt(math.pi) - square * rational(square, TAIL)) / far, middle)


def ndtr(xp: Library, x: Array) -> Array:
    """Return the normal distribution function."""
    return 0.5 * erfc(xp, x * -math.sqrt(0.5))


def log_ndtr(xp: Library, x: Array) -> Array:
    """Return the logarithm of the normal distribution function, accurate where that is tiny too."""
    z = x * -math.sqrt(0.5)
    # Below -1, the sum in log1p would cancel.
    low = xp.log(erfcx(xp, xp.maximum(z, 0)) * 0.5) - xp.maximum(z, 0) ** 2
    return xp.where(x < -1, low, xp.log1p(erfc(xp, xp.maximum(-z, -1)) * -0.5))


# M. B. Giles, "Approximating the erfinv function" (GPU Computing Gems 2, 2011): erfinv(x) / x in w = -log(1 - x * x).
MIDDLE_GUESS = (2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503,
                -0.00417768164, 0.246640727, 1.50140941)  # fmt: skip
TAIL_GUESS = (-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613,
              0.00943887047, 1.00167406, 2.83297682)  # fmt: skip


def inverse(xp: Library, x: Array, rest: Array) -> Array:
    """Return y >= 0 with erf(y) = x, given also ``rest = 1 - x``: a good guess, improved by Halley's steps."""
    w = -xp.log(rest * (1 + x))
    root = xp.sqrt(w)
    near = horner(xp.minimum(w, 5) - 2.5, MIDDLE_GUESS) * x
    middle = horner(xp.clip(root, 2, 4.1) - 3, TAIL_GUESS) * x
    far = xp.sqrt(xp.maximum(w - xp.log(xp.maximum(root, 1) * math.sqrt(math.pi)), 1))
    y = xp.where(w < 5, near, xp.where(root < 4.1, middle, far))
    for _ in range(3):
        miss = xp.where(x < 0.5, erf(xp, y) - x, rest - erfc(xp, y))
        step = miss * (math.sqrt(math.pi) / 2) * xp.exp(y * y)
        y = y - step / (1 + y * step)
    return xp.where(rest == 0, math.inf, y)


def erfinv(xp: Library, x: Array) -> Array:
    """Return the inverse of the error function."""
    y = xp.abs(x)
    result = xp.copysign(inverse(xp, y, 1 - y), x)
    return xp.where(y > 1, math.nan, result)


def ndtri(xp: Library, p: Array) -> Array:
    """Return the inverse of the normal distribution function."""
    rest = 2 * xp.minimum(p, 1 - p)
    result = xp.copysign(inverse(xp, 1 - rest, rest), p - 0.5) * math.sqrt(2)
    return xp.where((p < 0) | (p > 1), math.nan, result)

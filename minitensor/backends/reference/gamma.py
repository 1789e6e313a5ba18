"""The logarithm of the gamma function and its derivatives, in double precision.

For ``lgamma`` the recurrence lgamma(x + 1) = lgamma(x) + log(x) moves the argument to within one half of 2, where
lgamma(2 + d) = d (1 + d) g(d) with a smooth g; from 8 on Stirling's series is used (NIST DLMF 5.11.1). The polygammas
are sums of powers and their Euler-Maclaurin tail (DLMF 25.11.7); negative arguments are reflected (DLMF 5.5.3, 5.15.6).
Relative errors are about 1e-15; near zeros of the functions this holds for absolute errors.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from minitensor.backends.reference.special import horner

if TYPE_CHECKING:
    from minitensor.backends import Array, Library

BUMP = (  # g(d) for |d| <= 1/2, its Chebyshev series as powers, the highest first; by mpmath
    1.2214643213741007e-07, -2.5260320622422615e-07, 3.863544519859701e-07, -8.208407061982282e-07,
    1.8133549578469549e-06, -3.8563389755973576e-06, 8.221240004748173e-06, -1.766018813545317e-05,
    3.816899503003537e-05, -8.309527403193762e-05, 0.00018255263193523976, -0.0004057073889201034,
    0.0009153769225280214, -0.0021081308342257234, 0.004998641164691887, -0.012384192193367427, 0.032965000621155864,
    -0.10031730167435393, 0.42278433509846713,
)  # fmt: skip
FAR = 8.0  # from here on, Stirling's series
BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)  # B_2, B_4, ...


def sine_of_half_turns(xp: Library, x: Array) -> Array:
    """Return the modulus of ``sin(pi * x)``, accurate for large x too."""
    return xp.abs(xp.sin(math.pi * (x - xp.rint(x))))


def lgamma(xp: Library, x: Array) -> Array:
    """Return the logarithm of the gamma function's modulus."""
    y = xp.abs(x)
    right = xp.where(y < FAR, near_lgamma(xp, xp.minimum(y, FAR)), far_lgamma(xp, xp.maximum(y, FAR)))
    mirrored = math.log(math.pi) - xp.log(y) - xp.log(sine_of_half_turns(xp, y)) - right
    result = xp.where(x > 0, right, mirrored)
    pole = (x <= 0) & (x == xp.rint(x))
    return xp.where(pole | (y == math.inf), math.inf, result)


def near_lgamma(xp: Library, x: Array) -> Array:
    """Return lgamma for 0 <= x <= 8."""
    whole = xp.rint(x)
    d = x - whole
    total = d * (d + 1) * horner(d, BUMP)
    for k in range(2, int(FAR)):  # x - 1, x - 2, ... down to the one near 2
        total = total + xp.where(whole > k, xp.log(xp.maximum(x - (k - 1), 1)), 0)
    total = total - xp.where(whole < 2, xp.log(x), 0)
    result: Array = total - xp.where(whole < 1, xp.log1p(x), 0)
    return result


def far_lgamma(xp: Library, x: Array) -> Array:
    """Return lgamma by Stirling's series."""
    terms = [number / (2 * k * (2 * k - 1)) for k, number in enumerate(BERNOULLI, 1)]
    tail = horner(1 / (x * x), tuple(reversed(terms))) / x
    result: Array = (x - 0.5) * xp.log(x) - x + (0.5 * math.log(2 * math.pi)) + tail
    return result


def digamma(xp: Library, x: Array) -> Array:
    """Return the derivative of lgamma."""
    right = right_digamma(xp, xp.where(x > 0, x, 1 - x))
    turn = x - xp.rint(x)
    mirrored = right - math.pi / xp.tan(math.pi * turn)
    result = xp.where(x > 0, right, mirrored)
    result = xp.where((x < 0) & (turn == 0), math.nan, result)
    return xp.where(x == 0, xp.copysign(math.inf, -x), result)


def right_digamma(xp: Library, x: Array) -> Array:
    """Return digamma of positive numbers."""
    steps = 10
    total = xp.zeros_like(x)
    near = x < steps
    for k in range(steps):
        total = total - xp.where(near, 1 / (x + k), 0)
    far = xp.where(near, x + steps, x)
    square = 1 / (far * far)
    terms = [number / (2 * k) for k, number in enumerate(BERNOULLI, 1)]
    result: Array = total + xp.log(far) - 0.5 / far - square * horner(square, tuple(reversed(terms)))
    return result


def polygamma(xp: Library, n: int, x: Array) -> Array:
    """Return the n-th derivative of digamma, n > 0."""
    sign = 1 if n % 2 else -1
    right = right_polygamma(xp, n, xp.where(x > 0, x, 1 - x))
    turn = x - xp.rint(x)
    mirrored = (-1) ** n * right - cotangents(xp, n, turn)
    result = xp.where(x > 0, right, mirrored)
    return xp.where((x <= 0) & (turn == 0), sign * math.inf, result)


def right_polygamma(xp: Library, n: int, x: Array) -> Array:
    """Return polygamma of positive numbers."""
    return (1 if n % 2 else -1) * math.factorial(n) * hurwitz(xp, n + 1, x)


def inverse_power(x: Array, s: int) -> Array:
    """Return ``x ** -s``: by products if s is small, which take a fraction of the time."""
    if s > 4:
        return x ** -float(s)
    inverse = result = 1 / x
    for _ in range(s - 1):
        result = result * inverse
    return result


def hurwitz(xp: Library, s: int, x: Array) -> Array:
    """Return Hurwitz's zeta function, the sum of ``(x + k) ** -s``, of positive numbers."""
    steps = 12
    result = xp.zeros_like(x)
    for k in range(steps):
        result = result + inverse_power(x + k, s)
    far = x + steps
    power = inverse_power(far, s)
    result = result + inverse_power(far, s - 1) / (s - 1) + power * 0.5
    square, rising = 1 / (far * far), float(s)
    power = power / far
    for k, number in enumerate(BERNOULLI, 1):
        result = result + number * (rising / math.factorial(2 * k)) * power
        rising *= (s + 2 * k - 1) * (s + 2 * k)
        power = power * square
    return result


def cotangents(xp: Library, n: int, turn: Array) -> Array:
    """Return the n-th derivative of ``pi * cot(pi * x)``: a polynomial in the cotangent c, as c' = -pi (1 + c * c)."""
    powers = [0.0, math.pi]  # of c, the lowest first
    for _ in range(n):
        slopes = [k * each for k, each in enumerate(powers)][1:]
        powers = [-math.pi * (a + b) for a, b in zip([*slopes, 0.0, 0.0], [0.0, 0.0, *slopes], strict=True)]
    return horner(1 / xp.tan(math.pi * turn), tuple(reversed(powers)))

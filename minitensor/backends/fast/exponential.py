"""The exponential of singles as a formula that loops can vectorize; a call of the C library could not be."""

from __future__ import annotations

from typing import Final

import numpy

from minitensor.backends.fast.machine import ordered_formula

F = numpy.float32
I = numpy.int32
LOG2_E: Final = F(1.44269504088896341)
LN2, LN2_REST = F(0.693359375), F(-2.12194440e-4)  # ln 2 in two parts, of which n times the first is exact
# exp(r) = 1 + r + r^2 p(r) for |r| <= ln(2) / 2: the polynomial of expf in Cephes (S. Moshier,
# https://www.netlib.org/cephes/). The results are at most 1.02 units in the last place off.
SERIES: Final = tuple(
    map(F, (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 0.5))
)
LEAST, MOST = F(-104), F(89)  # from there on, the results are 0 and infinity
BIAS, POINT, ONE = I(127), I(23), I(1)  # of a single's exponent, and the place of its last bit


@ordered_formula
def exp(x: F) -> F:
    """Return the exponential of a single; of NaN, NaN."""
    y = LEAST if x < LEAST else x
    y = MOST if y > MOST else y
    n = numpy.rint(y * LOG2_E)
    r = (y - n * LN2) - n * LN2_REST
    p = SERIES[0]
    for coefficient in SERIES[1:]:
        p = p * r + coefficient
    half = I(n) >> ONE  # 2^n itself may be no normal number
    result: F = (p * r * r + r + F(1)) * power_of_two(half) * power_of_two(I(n) - half)
    return result


@ordered_formula
def power_of_two(n: I) -> F:
    """Return 2^n, a normal number, as its bits."""
    power: F = I((n + BIAS) << POINT).view(F)
    return power

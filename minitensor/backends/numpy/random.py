"""Random numbers from an engine; normal ones in single precision, operation by operation as PyTorch computes them.

On processors with AVX2, PyTorch uses polynomials for the logarithm, the sine and the cosine from Moshier's Cephes
library (logf.c, sinf.c), evaluated with fused multiply-adds. NumPy has no such operation, but the product of two
singles is exact in double precision: ``multiply_add`` also rounds once, except for about one sum in 2**29.

PyTorch on other processors, and NumPy's own functions, differ in the last bits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy

from minitensor.backends.numpy.threads import in_pieces

if TYPE_CHECKING:
    from minitensor.backends import Array

TILE_ELEMENTS = 1 << 15  # these and all temporary arrays stay in the cache
FEW = 2048  # numbers: `random_raw`, which starts sooner but keeps the interpreter, draws so many

LOW_BITS, STEP = numpy.uint32(2**24 - 1), numpy.float32(2.0**-24)
HIGH_BITS, DOUBLE_STEP = numpy.uint32(2**21 - 1), 2.0**-53
# Arrays, as NumPy's numbers take longer.
LOW_24, LOW_53, BITS = (numpy.array(each, numpy.uint64) for each in (2**24 - 1, 2**53 - 1, 32))
STEP_24, STEP_53 = numpy.array(STEP), numpy.array(DOUBLE_STEP)

LOGARITHM = (
    7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1,
    2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
)  # fmt: skip
COSINE = (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
SINE = (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
LN2_HIGH, LN2_LOW = numpy.float32(0.693359375), numpy.float32(-2.12194440e-4)  # their sum is log 2
EIGHTHS = [numpy.float32(each) for each in (-0.78515625, -2.4187564849853515625e-4)]
LAST_EIGHTH = -3.77489497744594108e-8  # the three add up to -pi / 4
MANTISSA, BITS_OF_HALF = 0x007FFFFF, 0x3F000000
ROOT_HALF, HALF, ONE = [numpy.float32(each) for each in (0.707106781186547524, 0.5, 1)]
EIGHTHS_IN_ONE, TURN = numpy.float32(1.27323954473516), numpy.float32(6.283185307179586)


# -- the stream --------------------------------------------------------------------------------------------------------


def random_words(engine: Any, count: int) -> Array:
    """Return the next ``count`` numbers of 32 bits."""
    # This returns all 32 bits of each draw, in half the time of `random_raw`.
    return numpy.random.Generator(engine).integers(0, 2**32, count, numpy.uint32)


def wide_words(engine: Any, count: int) -> Array:
    """Return the next ``count`` numbers of 32 bits as uint64."""
    if count > FEW:
        return random_words(engine, count).astype(numpy.uint64)
    drawn: Array = engine.random_raw(count)
    return drawn


def random_singles(engine: Any, count: int) -> Array:
    """Return ``count`` singles from [0, 1), of 24 bits of one word each."""
    return scale(wide_words(engine, count) & LOW_24, STEP_24)


def random_doubles(engine: Any, count: int) -> Array:
    """Return ``count`` doubles from [0, 1), of 53 bits of two words each, the high half first."""
    halves = wide_words(engine, 2 * count).reshape(count, 2)
    return scale(((halves[:, 0] << BITS) | halves[:, 1]) & LOW_53, STEP_53)


def random_remainders(engine: Any, count: int, size: int, low: int) -> Array:
    """Return ``count`` integers from ``low`` on: remainders of one word each, for sizes up to 2**28."""
    numbers = wide_words(engine, count)
    numbers %= numpy.uint64(size)
    if low:
        numbers += numpy.uint64(low % 2**64)  # unsigned addition wraps to the two's complement
    return numbers.view(numpy.int64)


def scale(words: Array, step: Array) -> Array:
    """Return integers times a float, in the float's dtype, which holds them exactly."""
    scaled: Array = numpy.multiply(words, step, dtype=step.dtype, casting="unsafe")
    return scaled


# -- normal numbers ----------------------------------------------------------------------------------------------------


def normal_blocks(unit: Array) -> Array:
    """Return normal numbers (n, 2, 8) for uniform ones: eight pairs give eight cosines and eight sines.

    Box and Muller 1958: radius sqrt(-2 log(1 - u)), angle 2 pi v.
    """
    result = numpy.empty_like(unit)

    def work(part: slice) -> None:
        draws, angles = numpy.ascontiguousarray(unit[part].swapaxes(0, 1))
        radius = numpy.sqrt(numpy.float32(-2) * logarithm(ONE - draws))
        sine, cosine = sine_and_cosine(TURN * angles)
        sine *= radius
        cosine *= radius
        result[part, 0], result[part, 1] = cosine, sine

    in_pieces(work, len(unit), 16, TILE_ELEMENTS)
    return result


def multiply_add(y: Array, x: Array, shift: Any) -> Array:
    """Return ``y * x + shift`` in single precision, rounded once; ``x`` is in double precision."""
    wide = numpy.multiply(y, x)
    numpy.add(wide, shift, out=wide)
    return wide.astype(numpy.float32)


def polynomial(x: Array, coefficients: tuple[float, ...]) -> Array:
    """Evaluate a polynomial by Horner's rule, coefficients from the highest power down, rounding once per step."""
    y = numpy.full_like(x, coefficients[0])
    narrow = numpy.full(x.shape, coefficients[0], numpy.float32)
    for each in coefficients[1:]:
        numpy.copyto(y, narrow)
        numpy.multiply(y, x, out=y)
        numpy.add(y, float(numpy.float32(each)), out=y)
        numpy.copyto(narrow, y, casting="same_kind")
    return narrow


def logarithm(u: Array) -> Array:
    """Return the natural logarithm of numbers in (0, 1]."""
    bits = u.view(numpy.int32)
    mantissa = ((bits & MANTISSA) | BITS_OF_HALF).view(numpy.float32)
    small = mantissa < ROOT_HALF
    e = ((bits >> 23) - (126 + small)).astype(numpy.float32)
    x = mantissa - ONE
    x += mantissa * small
    z, wide = x * x, x.astype(numpy.float64)
    y = polynomial(wide, LOGARITHM) * x
    y = multiply_add(y, z.astype(numpy.float64), e * LN2_LOW)
    y -= z * HALF
    y += x
    y += e * LN2_HIGH
    return y


def sine_and_cosine(angle: Array) -> tuple[Array, Array]:
    """Return the sine and the cosine of angles from 0 to 2 pi."""
    octant = (angle * EIGHTHS_IN_ONE).astype(numpy.int32)
    octant += 1
    octant &= -2
    turns = octant.astype(numpy.float32)
    x = angle
    for each in EIGHTHS:
        x = x + turns * each
    x = multiply_add(turns, numpy.float64(numpy.float32(LAST_EIGHTH)), x)
    wide = x.astype(numpy.float64)
    z = x * x
    square = z.astype(numpy.float64)
    cosine = multiply_add(polynomial(square, COSINE) * z, square, z * -HALF)
    cosine += ONE
    sine = multiply_add(polynomial(square, SINE) * z, wide, x)
    first, second = sine.view(numpy.int32), cosine.view(numpy.int32)
    # All bits of the two are exchanged where the octant says so; 4 << 29 is the sign bit.
    swapped = (first ^ second) & -((octant & 2) >> 1)
    first ^= swapped
    second ^= swapped
    first ^= (octant & 4) << 29
    second ^= (~(octant - 2) & 4) << 29
    return sine, cosine

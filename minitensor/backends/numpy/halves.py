"""Conversions between float16 and float32 in integer arithmetic, and functions of float16 by table.

NumPy converts one number after the other: 1.7 ns to a single, 2.5 ns to a half. Both are a few passes of integer and
float arithmetic over all numbers at once, which processors do many at a time: 0.3 and 1.2 ns.

Note [Bits of a half]. A half has a sign, 5 bits of exponent and 10 of mantissa; a single has 8 and 23. Shifted by 13
bits, a half is a single that is too small by 2**112, also where it is subnormal; one multiplication is exact. Back, a
single is rounded as its sum with ``1.5 * 2**13`` times its own power of two: the last bit of the sum counts what the
last bit of the half does. Infinities, NaN and what overflows are left to NumPy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy

from minitensor.backends.numpy.threads import in_pieces, scratch

if TYPE_CHECKING:
    from minitensor.backends import Array

BLOCK = 1 << 15  # elements per call: a few buffers of singles stay in a cache
FEW = 1 << 13  # up to this many elements, NumPy's conversions take as long
HALF, SINGLE, BITS, WORD = [numpy.dtype(each) for each in (numpy.float16, numpy.float32, numpy.uint16, numpy.int32)]
ALL = numpy.arange(1 << 16, dtype=BITS).view(HALF)  # all numbers of float16, in the order of their bits

SHIFT, SIGN_SHIFT = numpy.int32(13), numpy.int32(16)
SIGN_AND_NUMBER, EXPONENT = numpy.int32(-0x70000001), numpy.int32(0x7F800000)
LEAST = numpy.int32((127 - 14) << 23)  # the exponent of the smallest normal half
ROUNDING = numpy.int32((13 << 23) | 0x400000)  # makes 1.5 * 2**13 of 1
GROW, SHRINK = numpy.float32(2.0**112), numpy.float32(2.0**-112)
BEYOND, OVERFLOW = numpy.float32(65536), numpy.float32(65520)  # the first number that is too large; that rounds to it
SIGN = numpy.uint16(0x8000)


def look_up(table: Array, halves: Array) -> Array:
    """Return the entries of a table of 65,536 results for a contiguous array of halves."""
    result = numpy.empty(halves.shape, table.dtype)
    source: Any = halves.reshape(-1).view(BITS)
    target = result.reshape(-1)

    def work(piece: slice) -> None:
        table.take(source[piece], out=target[piece], mode="wrap")  # all bits are in range: "raise" would copy

    in_pieces(work, halves.size, 1, BLOCK)
    return result


def convert(array: Array, wanted: Any) -> Array:
    """Return a copy of an array, on any device, in another dtype."""
    if wanted is SINGLE and can_convert(array, HALF):
        return to_singles(array)
    if wanted is HALF and can_convert(array, SINGLE):
        return to_halves(array)
    return array.astype(wanted)


def can_convert(array: Array, kind: Any) -> bool:
    """Whether a conversion in pieces applies to an array of a dtype, and is faster than NumPy's."""
    return (
        array.dtype is kind and array.size > FEW and array.__class__ is numpy.ndarray and array.flags.c_contiguous
    )


def to_singles(halves: Array) -> Array:
    """Return contiguous halves as singles."""
    result = numpy.empty(halves.shape, SINGLE)
    source, target = halves.reshape(-1), result.reshape(-1)
    in_pieces(lambda piece: widen(target[piece], source[piece]), halves.size, 1, BLOCK)
    return result


def to_halves(singles: Array) -> Array:
    """Return contiguous singles rounded to the nearest half, ties to even."""
    result = numpy.empty(singles.shape, HALF)
    source, target = singles.reshape(-1), result.reshape(-1)
    in_pieces(lambda piece: narrow(target[piece], source[piece]), singles.size, 1, BLOCK)
    return result


def widen(out: Array, halves: Array) -> None:
    """Write halves as singles."""
    bits = out.view(WORD)
    numpy.copyto(bits, halves.view(numpy.int16))
    numpy.left_shift(bits, SHIFT, out=bits)
    numpy.bitwise_and(bits, SIGN_AND_NUMBER, out=bits)
    numpy.multiply(out, GROW, out=out)
    if not (out.max() < BEYOND and out.min() > -BEYOND):
        numpy.copyto(out, halves)


def narrow(out: Array, singles: Array) -> None:
    """Write singles as halves."""
    if not (singles.max() < OVERFLOW and singles.min() > -OVERFLOW):
        numpy.copyto(out, singles, casting="same_kind")
        return
    power, rounded = scratch("power", singles.size, WORD), scratch("rounded", singles.size, SINGLE)
    source, target, large = singles.view(WORD), out.view(BITS), power.view(SINGLE)
    numpy.bitwise_and(source, EXPONENT, out=power)
    numpy.maximum(power, LEAST, out=power)
    numpy.add(power, ROUNDING, out=power)
    numpy.add(singles, large, out=rounded)
    numpy.subtract(rounded, large, out=rounded)
    numpy.multiply(rounded, SHRINK, out=rounded)
    numpy.right_shift(rounded.view(WORD), SHIFT, out=power)
    numpy.copyto(target, power, casting="unsafe")
    write_sign(target, source, power)


def write_sign(target: Array, source: Array, spare: Any) -> None:
    """Write the signs of singles to halves without one."""
    signs = scratch("signs", source.size, BITS)
    numpy.right_shift(source, SIGN_SHIFT, out=spare)
    numpy.copyto(signs, spare, casting="unsafe")
    numpy.bitwise_and(signs, SIGN, out=signs)
    numpy.bitwise_or(target, signs, out=target)

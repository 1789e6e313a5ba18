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
    from collections.abc import Callable

    from minitensor.backends import Array

BLOCK = 1 << 16  # elements per call: a few buffers of singles stay in a cache
FEW = 1 << 13  # up to this many elements, NumPy's conversions take as long
HALF, SINGLE, BITS, WORD = [numpy.dtype(each) for each in (numpy.float16, numpy.float32, numpy.uint16, numpy.int32)]
ALL = numpy.arange(1 << 16, dtype=BITS).view(HALF)  # all numbers of float16, in the order of their bits

SHIFT, SIGN_SHIFT = numpy.int32(13), numpy.int32(16)
SIGN_AND_NUMBER, EXPONENT = numpy.int32(-0x70000001), numpy.int32(0x7F800000)
LEAST = numpy.asarray((127 - 14) << 23, WORD)  # the exponent of the smallest normal half
MOST = numpy.asarray((127 + 15) << 23, WORD)  # that of the greatest; what rounds to 2**16 gets the bits of infinity
ROUNDING = numpy.int32((13 << 23) | 0x400000)  # makes 1.5 * 2**13 of 1
GROW, SHRINK = numpy.float32(2.0**112), numpy.float32(2.0**-112)
BEYOND = numpy.float32(65536)  # the first number that is too large
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


def compute(function: Callable[[Array, Array], Array], a: Array, b: Array) -> Array:
    """Return an elementwise function of two arrays, halves or 0-d singles, computed in singles and rounded to halves.

    Results that are not singles, as those of comparisons, are returned as they are.
    """
    if not (can_convert(a, HALF) and (not b.ndim or (can_convert(b, HALF) and a.shape == b.shape))):
        found = function(convert(a, SINGLE), convert(b, SINGLE))
        return convert(found, HALF) if found.dtype is SINGLE else found
    few = convert(a.reshape(-1)[:1], SINGLE)
    kind = function(few, few).dtype
    result = numpy.empty(a.shape, HALF if kind is SINGLE else kind)
    first, second, target = a.reshape(-1), b.reshape(-1), result.reshape(-1)
    number = None if b.ndim else convert(b, SINGLE)
    write = narrow if kind is SINGLE else numpy.copyto

    def work(piece: slice) -> None:
        left, right = singles_of(first[piece], "left"), number
        write(target[piece], function(left, singles_of(second[piece], "right") if right is None else right))

    in_pieces(work, a.size, 1, BLOCK)
    return result


def singles_of(halves: Array, slot: str) -> Array:
    """Return halves as singles, in scratch memory."""
    out = scratch(slot, halves.size, SINGLE)
    widen(out, halves)
    return out


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
    power, rounded = scratch("power", singles.size, WORD), scratch("rounded", singles.size, SINGLE)
    source, target, large = singles.view(WORD), out.view(BITS), power.view(SINGLE)
    numpy.bitwise_and(source, EXPONENT, out=power)
    if power.max() > MOST:
        numpy.copyto(out, singles, casting="same_kind")
        return
    power.clip(LEAST, MOST, out=power)  # a third of the time of `maximum`
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

"""Quotients rounded to whole numbers, remainders, and ``logaddexp``, of many singles on the host.

NumPy's own functions call C's for each element, which takes ten times as long as a few passes over a block. A quotient
of singles, computed in doubles, is rounded to the right whole number below 2**24; a block with a larger quotient,
or with
NaN or infinity, goes to NumPy.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy

from minitensor.backends.numpy.activation import map_pieces
from minitensor.backends.reference import division as reference

if TYPE_CHECKING:
    from collections.abc import Callable

    from minitensor.backends import Array

FEW = 4096  # up to this many elements, NumPy is as fast
BLOCK = 1 << 14
WHOLE = 2.0**24
LOG2_E = numpy.float32(1 / math.log(2))


def by_pieces(piece: Callable[..., None], other: Callable[..., Array], a: Array, b: Array) -> Array:
    """Return a function of two arrays: by ``piece`` for many singles, of one shape or beside a number."""
    if not a.dtype.char == b.dtype.char == "f" or a.size < FEW or not a.flags.c_contiguous:
        return other(a, b)
    if not b.ndim:
        return map_pieces(lambda out, x: piece(out, x, numpy.broadcast_to(b, x.shape)), a, block=BLOCK)
    if b.shape != a.shape or not b.flags.c_contiguous:
        return other(a, b)
    return map_pieces(piece, a, b, block=BLOCK)


def quotients(a: Array, b: Array) -> Array | None:
    """Return the quotients in double precision, or None if one is too large to be rounded."""
    found = numpy.divide(a, b, dtype="float64")
    return found if found.size and found.min() > -WHOLE and found.max() < WHOLE else None


def floor_divide(a: Array, b: Array) -> Array:
    """Return the quotient rounded down."""
    return by_pieces(floor_divide_piece, lambda x, y: reference.floor_divide(numpy, x, y), a, b)


def floor_divide_piece(out: Array, a: Array, b: Array) -> None:
    found = quotients(a, b)
    if found is None:
        out[...] = reference.floor_divide(numpy, a, b)
    else:
        numpy.floor(found, out=out, casting="same_kind")


def fmod(a: Array, b: Array) -> Array:
    """Return the remainder with the sign of ``a``."""
    return by_pieces(fmod_piece, numpy.fmod, a, b)


def fmod_piece(out: Array, a: Array, b: Array) -> None:
    found = quotients(a, b)
    if found is None:
        numpy.fmod(a, b, out=out)
        return
    numpy.trunc(found, out=found)
    subtract_product(out, a, found, b)
    numpy.copysign(out, a, out=out)  # of a zero


def remainder(a: Array, b: Array) -> Array:
    """Return the remainder with the sign of ``b``; a zero has that of ``a``."""
    return by_pieces(remainder_piece, lambda x, y: reference.remainder(numpy, x, y), a, b)


def remainder_piece(out: Array, a: Array, b: Array) -> None:
    found = quotients(a, b)
    if found is None:
        out[...] = reference.remainder(numpy, a, b)
        return
    numpy.floor(found, out=found)
    subtract_product(out, a, found, b)
    nothing = out == 0
    out[nothing] = numpy.copysign(out[nothing], a[nothing])


def subtract_product(out: Array, a: Array, whole: Array, b: Array) -> None:
    """Compute ``a - whole * b``, exactly; ``whole`` is overwritten."""
    numpy.multiply(whole, b, out=whole)
    numpy.subtract(a, whole, out=out, casting="same_kind")


def logaddexp(a: Array, b: Array) -> Array:
    """Return ``log(exp(a) + exp(b))``."""
    return by_pieces(logaddexp_piece, numpy.logaddexp, a, b)


def logaddexp_piece(out: Array, a: Array, b: Array) -> None:
    """Compute ``max(a, b) + log1p(exp(-|a - b|))``; NaN also comes of equal infinities, and goes to NumPy."""
    numpy.subtract(a, b, out=out)
    numpy.abs(out, out=out)
    numpy.negative(out, out=out)
    numpy.exp(out, out=out)
    numpy.log1p(out, out=out)
    numpy.add(out, numpy.maximum(a, b), out=out)
    repair(numpy.logaddexp, out, a, b)


def logaddexp2(a: Array, b: Array) -> Array:
    """Return ``log2(2**a + 2**b)``."""
    return by_pieces(logaddexp2_piece, numpy.logaddexp2, a, b)


def logaddexp2_piece(out: Array, a: Array, b: Array) -> None:
    """Compute the same to base 2."""
    numpy.subtract(a, b, out=out)
    numpy.abs(out, out=out)
    numpy.negative(out, out=out)
    numpy.exp2(out, out=out)
    numpy.log1p(out, out=out)
    numpy.multiply(out, LOG2_E, out=out)
    numpy.add(out, numpy.maximum(a, b), out=out)
    repair(numpy.logaddexp2, out, a, b)


def repair(function: Callable[[Array, Array], Array], out: Array, a: Array, b: Array) -> None:
    """Replace results that are NaN by those of NumPy's function."""
    wrong = out != out
    if wrong.any():
        out[wrong] = function(a[wrong], b[wrong])

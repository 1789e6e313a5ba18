"""``nextafter`` of many singles: the bits of a float, read as an integer, count up to those of the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy

from minitensor.backends.numpy.division import by_pieces

if TYPE_CHECKING:
    from minitensor.backends import Array


def nextafter(a: Array, b: Array) -> Array:
    """Return the next number after ``a`` in the direction of ``b``."""
    return by_pieces(nextafter_piece, numpy.nextafter, a, b)


def nextafter_piece(out: Array, a: Array, b: Array) -> None:
    """Add 1 to the bits where the number moves away from zero, and subtract 1 elsewhere."""
    bits = out.view("int32")
    numpy.copyto(bits, (b > a) == (a > 0))
    numpy.multiply(bits, 2, out=bits)
    numpy.subtract(bits, 1, out=bits)
    numpy.add(bits, a.view("int32"), out=bits)
    special = (a == 0) | ~((a < b) | (a > b))  # zero, an equal number, or NaN
    if special.any():
        out[special] = numpy.nextafter(a[special], b[special])

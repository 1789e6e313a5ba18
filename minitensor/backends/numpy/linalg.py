"""Substitution in triangular systems on the host: halves of halves, so that nearly all of the work is matrix products.

NumPy offers no triangular solve. Of A = [[P, 0], [R, Q]] the first half of X solves P X1 = B1, and the second one
Q X2 = B2 - R X1; blocks of at most ``SMALL`` rows go to LAPACK's general solve. They are turned so that the upper
triangle is filled: elimination finds nothing to do there and exchanges no rows. Singular systems take the reference's
rows, which give infinities where LAPACK would refuse.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy

from minitensor.backends.reference import linalg as reference

if TYPE_CHECKING:
    from minitensor.backends import Array

SMALL = 64


def solve_triangular(array: Array, right: Array, upper: bool, unit: bool) -> Array:
    """Return X of A X = B, where of A one triangle is read, and of a unit one not the diagonal."""
    n = array.shape[-1]
    if not unit and not numpy.diagonal(array, 0, -2, -1).all():
        return reference.solve_triangular(numpy, array, right, upper, unit)
    shape = (*numpy.broadcast_shapes(array.shape[:-2], right.shape[:-2]), *right.shape[-2:])
    result: Array = numpy.array(numpy.broadcast_to(right, shape), order="C")
    substitute(array, result, 0, n, upper, unit)
    return result


def substitute(array: Array, result: Array, first: int, last: int, upper: bool, unit: bool) -> None:
    """Replace rows ``first`` to ``last`` of the right side by the solution's."""
    if last - first <= SMALL:
        block = slice(first, last)
        turn = slice(None, None, 1 if upper else -1)
        small = upper_triangle(array[..., block, block][..., turn, turn], unit)
        rows = numpy.linalg.solve(small, result[..., block, :][..., turn, :])
        result[..., block, :] = rows[..., turn, :]
        return
    middle = (first + last) // 2
    top, bottom = (first, middle), (middle, last)
    one, other = (bottom, top) if upper else (top, bottom)
    substitute(array, result, *one, upper, unit)
    solved, left = slice(*one), slice(*other)
    result[..., left, :] -= numpy.matmul(array[..., left, solved], result[..., solved, :])
    substitute(array, result, *other, upper, unit)


def upper_triangle(block: Array, unit: bool) -> Array:
    """Return a block with zeros below the diagonal, and ones on that of a unit one."""
    if not unit:
        return numpy.triu(block)
    found: Array = numpy.triu(block, 1) + numpy.eye(block.shape[-1], dtype=block.dtype)
    return found

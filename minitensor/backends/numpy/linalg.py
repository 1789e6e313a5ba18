"""Triangular solves on the host, by recursive halving, so that most of the work is matrix products; and cofactors.

NumPy has no triangular solve. For A = [[P, 0], [R, Q]] the first half of X solves P X1 = B1, and the second half
Q X2 = B2 - R X1. Blocks of at most ``SMALL`` rows go to LAPACK's general solve, flipped to be upper triangular, so that
elimination has nothing to do and exchanges no rows. Singular systems go to the reference, which gives infinities where
LAPACK would raise. Many small systems, for which calls of LAPACK take most of the time, are solved row by row, all at
once.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy

from minitensor.backends.reference import linalg as reference

if TYPE_CHECKING:
    from minitensor.backends import Array

SMALL = 64  # rows of a block for LAPACK
WELL_CONDITIONED = 1e4  # below, an inverse in double precision has at least eleven correct digits
# Systems of up to 32 rows are solved all at once from 32 on: 1000 of 16 rows and 16 columns take 1.7 ms, LAPACK 17.
MANY, FEW_ROWS = 32, 32


def solve_triangular(array: Array, right: Array, upper: bool, unit: bool) -> Array:
    """Solve A X = B for X, reading one triangle of A; if ``unit``, its diagonal is taken as ones and not read."""
    n = array.shape[-1]
    if not unit and not numpy.diagonal(array, 0, -2, -1).all():
        return reference.solve_triangular(numpy, array, right, upper, unit)
    shape = (*numpy.broadcast_shapes(array.shape[:-2], right.shape[:-2]), *right.shape[-2:])
    if n <= FEW_ROWS and prod(shape[:-2]) >= MANY:
        return substitute_in_all(array, numpy.broadcast_to(right, shape), upper, unit)
    result: Array = numpy.array(numpy.broadcast_to(right, shape), order="C")
    substitute(array, result, 0, n, upper, unit)
    return result


def substitute(array: Array, result: Array, first: int, last: int, upper: bool, unit: bool) -> None:
    """Replace rows ``first`` to ``last`` of the right side by those of the solution."""
    if last - first <= SMALL:
        block = slice(first, last)
        flip = slice(None, None, 1 if upper else -1)
        small = upper_triangle(array[..., block, block][..., flip, flip], unit)
        rows = numpy.linalg.solve(small, result[..., block, :][..., flip, :])
        result[..., block, :] = rows[..., flip, :]
        return
    middle = (first + last) // 2
    top, bottom = (first, middle), (middle, last)
    one, other = (bottom, top) if upper else (top, bottom)
    substitute(array, result, *one, upper, unit)
    solved, left = slice(*one), slice(*other)
    result[..., left, :] -= numpy.matmul(array[..., left, solved], result[..., solved, :])
    substitute(array, result, *other, upper, unit)


def substitute_in_all(array: Array, right: Array, upper: bool, unit: bool) -> Array:
    """Return the solutions of many systems: each operation is on one entry, or one row, of all of them."""
    entries = systems_last(numpy.broadcast_to(array, (*right.shape[:-2], *array.shape[-2:])))
    rows = systems_last(right)
    n = len(rows)
    order = range(n - 1, -1, -1) if upper else range(n)
    for place, i in enumerate(order):
        for j in order[:place]:
            rows[i] -= entries[i, j] * rows[j]
        if not unit:
            rows[i] /= entries[i, i]
    result: Array = numpy.ascontiguousarray(rows.transpose(2, 0, 1)).reshape(right.shape)
    return result


def systems_last(matrices: Array) -> Array:
    """Return a copy (n, k, count) of matrices (..., n, k)."""
    *batch, n, k = matrices.shape
    result: Array = matrices.reshape(prod(batch), n, k).transpose(1, 2, 0).copy()
    return result


def upper_triangle(block: Array, unit: bool) -> Array:
    """Return a block with zeros below the diagonal and, if ``unit``, ones on it."""
    if not unit:
        return numpy.triu(block)
    result: Array = numpy.triu(block, 1) + numpy.eye(block.shape[-1], dtype=block.dtype)
    return result


def cofactors(array: Array) -> Array:
    """Return det(A)* A⁻ᴴ in double precision; by the reference for matrices that are singular, or nearly so."""
    wide = array.astype("complex128" if array.dtype.kind == "c" else "float64", copy=False)
    inverses, _ = reference.compute_unless_singular(numpy, wide, numpy.linalg.inv)
    is_good = norm_of_columns(wide) * norm_of_columns(inverses) < WELL_CONDITIONED
    found = reference.det(numpy, wide).conj()[..., None, None] * inverses.conj().swapaxes(-2, -1)
    if not is_good.all():
        found[~is_good] = reference.cofactors(numpy, wide[~is_good])
    result: Array = found.astype(array.dtype, copy=False)
    return result


def norm_of_columns(matrices: Array) -> Array:
    """Return the 1-norms of matrices."""
    return numpy.asarray(numpy.abs(matrices).sum(-2).max(-1, initial=0))

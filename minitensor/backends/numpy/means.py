"""Sums of rows and columns of a matrix, and means for each channel of (N, C, L), by matrix products.

NumPy's own reductions restart for each row, and add single-precision columns one after the other; see ``reduce.py``.
Where rounding could accumulate, sums of blocks are added up in double precision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy

from minitensor.backends.numpy.reduce import BLOCK, DOT_BLOCK, PRODUCT, add_columns, dots
from minitensor.backends.numpy.threads import one_blas_thread

if TYPE_CHECKING:
    from minitensor.backends import Array

# From this L on, a dot product for each of N * C rows takes 0.5 to 0.8 of the time of one einsum over long rows; for
# L of 4 to 16 it takes twice the time.
LONG_ROW = 64


def row_sums(rows: Array, ones: Array) -> Array:
    """Add up each row; long rows in blocks, whose sums are added in double."""
    return rows @ ones if rows.shape[1] <= DOT_BLOCK else dots(rows, ones)


def column_sums(rows: Array) -> Array:
    """Add up each column."""
    # A product with ones takes 0.4 to 0.8 of the time of `add_columns` for 32 to 128 rows.
    return numpy.ones(len(rows), rows.dtype) @ rows if len(rows) <= BLOCK else add_columns(rows)


def channel_means(x: Array) -> Array:
    """Return the mean over N and L for each of C."""
    rows = x.reshape(len(x), -1)
    if x.size <= PRODUCT:
        return finish_means(column_sums(rows), x)
    # Two threads of BLAS are 1.4 times as fast on idle cores, and lose 10 ms if another program uses one of them.
    with one_blas_thread():
        return finish_means(column_sums(rows), x)


def channel_means_of_products(a: Array, b: Array) -> Array:
    """Return the mean of a * b over N and L for each of C, without writing the products."""
    if a.shape[2] >= LONG_ROW:
        return finish_means(dots(a, b).sum(0, numpy.float64), a)
    first, second, whole = a.reshape(len(a), -1), b.reshape(len(a), -1), len(a) - len(a) % BLOCK
    blocks = [each[:whole].reshape(-1, BLOCK, each.shape[1]) for each in (first, second)]
    sums = numpy.einsum("nbk,nbk->nk", *blocks).sum(0, numpy.float64)
    return finish_means(sums + numpy.einsum("bk,bk->k", first[whole:], second[whole:]), a)


def finish_means(sums: Array, x: Array) -> Array:
    """Turn sums over N, of C * L columns or of C, into means for each of C; in double, as there may be many."""
    total: Array = numpy.add.reduce(sums.reshape(x.shape[1], -1), 1, numpy.float64) / (x.shape[0] * x.shape[2])
    return total.astype(x.dtype)

"""Products of two matrices, or of a matrix and a vector: large ones are cut for our own threads, BLAS keeps to one.

OpenBLAS wakes threads of its own for a product of middling size, and they spin for milliseconds after it: whatever runs
next on the other cores, a convolution's tiles say, shares them with idle loops (a training step of a small ConvNet took
165 ms so, and 132 ms with BLAS on one thread). Batches of matrices are dealt out to our threads matrix by matrix.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy

from minitensor.backends.numpy.threads import HOLD, get_num_threads, parallel_for

if TYPE_CHECKING:
    from minitensor.backends import Array

# In multiply-adds. OpenBLAS itself stays on one thread below the first for matrices, the second for vectors.
QUIET, QUIET_VECTOR = 2**18, 2**13
# From the first on two threads pay, but ours wake too slowly to gain before the second: BLAS has that stretch.
WORTH_TWO, WORTH_CUTTING = 2**22, 2**26
WORTH_DEALING = 2**22  # of a batch, which BLAS would take one by one


def dot(a: Array, b: Array) -> Array:
    """Return ``a @ b`` for factors of one or two dims."""
    work = a.size * (b.shape[1] if b.ndim == 2 else 1)
    result: Array
    matrices = a.ndim == b.ndim == 2
    if a.dtype.char not in "fd" or work < (QUIET if matrices else QUIET_VECTOR) or WORTH_TWO <= work <= WORTH_CUTTING:
        result = numpy.dot(a, b)
        return result
    if work > WORTH_CUTTING and matrices and a.shape[1] == b.shape[0] and get_num_threads() > 1:
        return cut_product(a, b, get_num_threads())
    HOLD.enter()
    try:
        result = numpy.dot(a, b)
    finally:
        HOLD.leave()
    return result


def cut_product(a: Array, b: Array, count: int) -> Array:
    """Return ``a @ b``, each thread computing some of the rows or, where there are more of them, of the columns."""
    rows, columns = a.shape[0], b.shape[1]
    result: Array = numpy.empty((rows, columns), a.dtype)
    longer = max(rows, columns)
    edges = [longer * turn // count for turn in range(count + 1)]

    def some_rows(turn: int) -> None:
        part = slice(edges[turn], edges[turn + 1])
        numpy.matmul(a[part], b, out=result[part])

    def some_columns(turn: int) -> None:
        part = slice(edges[turn], edges[turn + 1])
        numpy.matmul(a, b[:, part], out=result[:, part])

    parallel_for(some_rows if rows >= columns else some_columns, count)
    return result


def matmul(a: Array, b: Array) -> Array:
    """Return the products of batches of matrices."""
    result: Array
    if a.ndim < 2 or b.ndim < 2:
        result = numpy.matmul(a, b)
        return result
    shared = [dim for dim in range(a.ndim - 2) if a.shape[dim] == b.shape[dim]] if a.ndim == b.ndim else []
    work = a.size * b.shape[-1]
    quiet = a.shape[-2] * a.shape[-1] * b.shape[-1] < QUIET  # BLAS wakes nobody for one of the products
    if not shared or a.dtype.char not in "fd" or a.shape[-1] != b.shape[-2] or (quiet and work < WORTH_DEALING):
        result = numpy.matmul(a, b)
        return result
    axis = max(shared, key=lambda dim: a.shape[dim])
    count = min(get_num_threads(), a.shape[axis]) if work >= WORTH_DEALING else 1
    if count > 1:
        return dealt_product(a, b, axis, count)
    HOLD.enter()
    try:
        result = numpy.matmul(a, b)
    finally:
        HOLD.leave()
    return result


def dealt_product(a: Array, b: Array, axis: int, count: int) -> Array:
    """Return the products of two batches, each thread computing some along an axis that both have in full."""
    batch = numpy.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    result: Array = numpy.empty((*batch, a.shape[-2], b.shape[-1]), a.dtype)
    edges = [a.shape[axis] * turn // count for turn in range(count + 1)]

    def some(turn: int) -> None:
        part = (slice(None),) * axis + (slice(edges[turn], edges[turn + 1]),)
        numpy.matmul(a[part], b[part], out=result[part])

    parallel_for(some, count)
    return result

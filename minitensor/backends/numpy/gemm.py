"""Matrix products: large ones are split among this library's threads, and BLAS stays on one thread.

OpenBLAS wakes its own threads for products of medium size, and they spin for milliseconds afterward. The next kernel on
the other cores, for example tiles of a convolution, then competes with idle loops: a training step of a small
ConvNet took 165 ms, and 132 ms with BLAS on one thread. Batches are split matrix by matrix.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy

from minitensor.backends.numpy.threads import HOLD, get_num_threads, parallel_for

if TYPE_CHECKING:
    from minitensor.backends import Array

# Numbers of multiply-adds. Below these OpenBLAS itself stays on one thread, for matrices and for vectors.
QUIET, QUIET_VECTOR = 2**18, 2**13
# From the first on two threads are faster, but ours wake too slowly to gain before the second. Between the two, BLAS
# may use its own.
WORTH_TWO, WORTH_SPLITTING = 2**22, 2**26
WORTH_SPLITTING_BATCH = 2**22  # BLAS multiplies the matrices of a batch one by one


def dot(a: Array, b: Array) -> Array:
    """Return ``a @ b`` for arrays of one or two dims."""
    work = a.size * (b.shape[1] if b.ndim == 2 else 1)
    if work >= QUIET and fits_doubles(a, b):
        return dot(a.astype("float64"), b.astype("float64")).astype("int64").astype(a.dtype)
    result: Array
    matrices = a.ndim == b.ndim == 2
    if a.dtype.char not in "fd" or work < (QUIET if matrices else QUIET_VECTOR) or WORTH_TWO <= work <= WORTH_SPLITTING:
        result = numpy.dot(a, b)
        return result
    if work > WORTH_SPLITTING and matrices and a.shape[1] == b.shape[0] and get_num_threads() > 1:
        return split_product(a, b, get_num_threads())
    HOLD.enter()
    try:
        result = numpy.dot(a, b)
    finally:
        HOLD.leave()
    return result


def fits_doubles(a: Array, b: Array) -> bool:
    """Whether these are integers whose product is exact in double precision, which BLAS multiplies, unlike integers."""
    if a.dtype.kind not in "iu":
        return False
    return bool(a.shape[-1] * largest(a) * largest(b) < 2**53)


def largest(array: Array) -> int:
    """Return the largest absolute value of integers."""
    return max(int(array.max()), -int(array.min()))


def split_product(a: Array, b: Array, count: int) -> Array:
    """Return ``a @ b``; each thread computes some of its rows, or some of its columns if there are more of these."""
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
    is_quiet = a.shape[-2] * a.shape[-1] * b.shape[-1] < QUIET  # BLAS wakes no thread for a single matrix
    is_small = is_quiet and work < WORTH_SPLITTING_BATCH
    if is_small or not shared or a.dtype.char not in "fd" or a.shape[-1] != b.shape[-2]:
        result = numpy.matmul(a, b)
        return result
    axis = max(shared, key=lambda dim: a.shape[dim])
    count = min(get_num_threads(), a.shape[axis]) if work >= WORTH_SPLITTING_BATCH else 1
    if count > 1:
        return split_batch(a, b, axis, count)
    HOLD.enter()
    try:
        result = numpy.matmul(a, b)
    finally:
        HOLD.leave()
    return result


def split_batch(a: Array, b: Array, axis: int, count: int) -> Array:
    """Return the products of two batches; each thread computes some along an axis that neither broadcasts."""
    batch = numpy.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    result: Array = numpy.empty((*batch, a.shape[-2], b.shape[-1]), a.dtype)
    edges = [a.shape[axis] * turn // count for turn in range(count + 1)]

    def some_matrices(turn: int) -> None:
        part = (slice(None),) * axis + (slice(edges[turn], edges[turn + 1]),)
        numpy.matmul(a[part], b[part], out=result[part])

    parallel_for(some_matrices, count)
    return result

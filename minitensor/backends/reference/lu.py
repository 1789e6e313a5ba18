"""Factorizations that NumPy lacks: LU with row exchanges, and LDL of symmetric matrices.

Both give LAPACK's results: two factors in one matrix, the rows that were exchanged, counted from 1, and the number of
the first pivot that is zero, or 0. LU works on a whole batch at once, in blocks of columns, so that most of the work is
matrix products (Golub and Van Loan 2013, "Matrix Computations", 3.2.11). This file knows no tensors or gradients.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from minitensor.backends.reference.linalg import solve_triangular

if TYPE_CHECKING:
    from minitensor.backends import Array, Library

BLOCK = 32  # columns that are eliminated one by one before the rest of the matrix is updated


def lu_factor(xp: Library, array: Array) -> tuple[Array, Array, Array]:
    """Return L and U in one matrix, the exchanged rows and the first zero pivot, as LAPACK's ``getrf`` does."""
    *batch, m, n = array.shape
    work = array.reshape(prod(batch), m, n).copy()
    rank = min(m, n)
    pivots, info = xp.zeros((len(work), rank), "int32"), xp.zeros(len(work), "int32")
    for first in range(0, rank, BLOCK):
        last = min(first + BLOCK, rank)
        for column in range(first, last):
            eliminate(xp, work, column, last, pivots, info)
        rows, rest = slice(first, last), slice(last, None)
        work[:, rows, rest] = solve_triangular(xp, work[:, rows, rows], work[:, rows, rest], False, True)
        work[:, rest, rest] -= xp.matmul(work[:, rest, rows], work[:, rows, rest])
    return work.reshape(array.shape), pivots.reshape(*batch, rank), info.reshape(batch)


def eliminate(xp: Library, work: Array, column: int, last: int, pivots: Array, info: Array) -> None:
    """Bring the largest entry of a column to the diagonal, divide by it, and update the columns up to ``last``."""
    batch, below = xp.arange(len(work)), slice(column + 1, None)
    row = column + xp.argmax(size_of(xp, work[:, column:, column]), -1)
    pivots[:, column] = row + 1
    upper, lower = work[:, column].copy(), work[batch, row]
    work[batch, row], work[:, column] = upper, lower
    pivot = work[:, column, column]
    is_zero = pivot == 0
    info[:] = xp.where(is_zero & (info == 0), column + 1, info)
    work[:, below, column] /= xp.where(is_zero, 1, pivot)[:, None]
    across = slice(column + 1, last)
    work[:, below, across] -= work[:, below, column, None] * work[:, column, None, across]


def size_of(xp: Library, values: Array) -> Array:
    """Return absolute values; of complex numbers the sum of those of both parts, by which LAPACK compares."""
    if values.dtype.kind != "c":
        return xp.abs(values)
    found: Array = xp.abs(values.real) + xp.abs(values.imag)
    return found


# -- LDL ---------------------------------------------------------------------------------------------------------------

# The share of a column's largest entry that a diagonal entry needs to be a pivot of its own (Bunch and Kaufman 1977,
# "Some stable methods for calculating inertia and solving symmetric linear systems").
ALPHA = (1 + 17**0.5) / 8


def ldl_factor(xp: Library, array: Array, hermitian: bool) -> tuple[Array, Array, Array]:
    """Return L and D in one matrix, the exchanged rows and the first zero pivot, as LAPACK's ``sytrf`` does.

    Only the lower triangle is read. Two equal negative entries stand for a block of two columns.
    """
    *batch, n, _ = array.shape
    work = xp.tril(array).reshape(prod(batch), n, n)
    pivots, info = xp.zeros((len(work), n), "int32"), xp.zeros(len(work), "int32")
    for i in range(len(work)):
        info[i] = factor_symmetric(xp, work[i], pivots[i], hermitian)
    return xp.tril(work).reshape(array.shape), pivots.reshape(*batch, n), info.reshape(batch)


def factor_symmetric(xp: Library, work: Array, pivots: Array, hermitian: bool) -> int:
    """Factor one matrix in place; return the number of the first zero pivot, or 0."""
    n, k, info = len(work), 0, 0
    while k < n:
        width, row = choose_pivot(xp, work, k, hermitian)
        if not width:  # the column is zero: nothing to eliminate
            info, width = info or k + 1, 1
            pivots[k] = k + 1
        else:
            exchange(work, k + width - 1, row, k, hermitian)
            pivots[k : k + width] = row + 1 if width == 1 else -(row + 1)
            reduce_rest(xp, work, k, width, hermitian)
        k += width
    return info


def choose_pivot(xp: Library, work: Array, k: int, hermitian: bool) -> tuple[int, int]:
    """Return the size of the next pivot block, and the row to exchange with its last; size 0 for a zero column."""
    here = diagonal_size(xp, work, k, hermitian)
    column = size_of(xp, work[k + 1 :, k])
    most = float(column.max()) if column.size else 0.0
    if not max(here, most) > 0:  # NaN as well
        return 0, k
    if here >= ALPHA * most:
        return 1, k
    row = k + 1 + int(xp.argmax(column))
    others = xp.concatenate([work[row, k:row], work[row + 1 :, row]])
    largest = float(size_of(xp, others).max())
    if here >= ALPHA * most * (most / largest):
        return 1, k
    if diagonal_size(xp, work, row, hermitian) >= ALPHA * largest:
        return 1, row
    return 2, row


def diagonal_size(xp: Library, work: Array, k: int, hermitian: bool) -> float:
    """Return the size of an entry of the diagonal, which is real in Hermitian matrices."""
    entry: Any = work[k, k]
    return float(abs(entry.real)) if hermitian else float(size_of(xp, entry))


def exchange(work: Array, k: int, row: int, first: int, hermitian: bool) -> None:
    """Exchange rows and columns ``k`` and ``row`` of the symmetric matrix from ``first`` on, in the lower triangle."""
    if row == k:
        return
    below, between = slice(row + 1, None), slice(k + 1, row)
    work[below, [k, row]] = work[below, [row, k]]
    column, line = work[between, k].copy(), work[row, between].copy()
    work[between, k], work[row, between] = (line.conj(), column.conj()) if hermitian else (line, column)
    work[[k, row], [k, row]] = work[[row, k], [row, k]]
    if hermitian:
        work[row, k] = work[row, k].conj()
    work[[k, row], first:k] = work[[row, k], first:k]


def reduce_rest(xp: Library, work: Array, k: int, width: int, hermitian: bool) -> None:
    """Divide the columns of a pivot block by it, and subtract their product from the rest of the lower triangle."""
    block, rest = slice(k, k + width), slice(k + width, None)
    pivot = work[block, block].copy()
    if hermitian:
        pivot[range(width), range(width)] = pivot.diagonal().real
        work[range(k, k + width), range(k, k + width)] = pivot.diagonal()
    if width == 2:
        pivot[0, 1] = pivot[1, 0].conj() if hermitian else pivot[1, 0]
    columns = work[rest, block].copy()
    scaled = columns / pivot if width == 1 else xp.linalg.solve(pivot.T, columns.T).T
    update = xp.matmul(scaled, columns.conj().T if hermitian else columns.T)
    work[rest, rest] -= update  # the upper triangle is not read
    work[rest, block] = scaled
    if hermitian:
        places = range(k + width, len(work))
        work[places, places] = work[places, places].real

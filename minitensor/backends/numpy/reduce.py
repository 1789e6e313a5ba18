"""Sums over some dims of floats, by the matrix product with a vector of ones.

``numpy.add.reduce`` starts anew for every row, and adds single-precision columns one after the other: over a million
rows it loses two digits that PyTorch keeps. A product with ones is 1.2 to 20 times as fast, and in blocks of rows as
accurate as a sum by halves. Where memory does not lie row by row, ``numpy.add.reduce`` adds in lanes: a few parts of
the longest dim, one after the other, then what is left likewise.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any

import numpy

if TYPE_CHECKING:
    from minitensor.backends import Array

FEW = 512  # up to this many elements, a product is not worth its preparation
BLOCK = 128  # rows added by one product
NARROW, FOLD = 16, 64  # up to so many columns, rows are laid side by side, to so many columns
WIDE, WIDE_BLOCK = 512, 64  # from so many columns on, NumPy adds so many rows
ROW = 256  # entries of a row into which a long vector is cut
LANES = 16  # terms that NumPy adds one after the other, where it walks any memory
DOT_BLOCK = 1024  # of long rows, entries that BLAS multiplies and adds
PRODUCT = 1 << 18  # elements in one product: on more, BLAS would wake its threads, which cost more than they add
LONG = 4096  # entries of a row from which on adding by halves is the more accurate
ONES = {kind: numpy.ones(LONG, kind) for kind in "fd"}  # making them anew takes as long as a product


def sum(array: Array, dims: tuple[int, ...], keepdim: bool) -> Any:
    """Add up floats over some dims."""
    if array.size > FEW:
        if array.dtype.char in "fd":
            if not array.flags.c_contiguous:
                return add_anywhere(array, dims, keepdim)
            if len(dims) == array.ndim:
                return numpy.asarray(add_all(array.reshape(-1))).reshape((1,) * array.ndim if keepdim else ())
            return add_runs(array, dims, keepdim)
        if array.dtype.kind == "c" and array.flags.c_contiguous:
            pairs = array.view(array.real.dtype).reshape(*array.shape, 2)
            return add_runs(pairs, dims, keepdim).view(array.dtype)[..., 0]
    return numpy.add.reduce(array, dims, None, None, keepdim)  # type: ignore[call-overload]  # the stub lacks it by place


def add_runs(array: Array, dims: tuple[int, ...], keepdim: bool) -> Array:
    """Add up over some dims, but not all, of contiguous memory: the last run of such dims first."""
    runs, shape = runs_of(array.shape, dims, keepdim)
    if not runs:
        array = array.copy()
    for size, inner in runs:
        array = add_rows(array.reshape(-1, size)) if inner == 1 else add_between(array.reshape(-1, size, inner))
    found: Array = array.reshape(shape)
    return found


@lru_cache(4096)
def runs_of(
    shape: tuple[int, ...], dims: tuple[int, ...], keepdim: bool
) -> tuple[list[tuple[int, int]], tuple[int, ...]]:
    """Return, for each run of neighboring dims to add over, how many elements it has and how many stay after it.

    The last run comes first. The resulting shape follows.
    """
    runs: list[tuple[int, int]] = []
    inner, size = 1, 1
    for dim in reversed(range(len(shape))):
        if dim in dims:
            size *= shape[dim]
        elif shape[dim] != 1:
            runs += [(size, inner)] if size > 1 else []
            inner, size = inner * shape[dim], 1
    runs += [(size, inner)] if size > 1 else []
    return runs, tuple([1 if dim in dims else size for dim, size in enumerate(shape) if keepdim or dim not in dims])


def add_anywhere(array: Array, dims: tuple[int, ...], keepdim: bool) -> Any:
    """Add up an array of any layout: by rows if other dims first make it contiguous, else in lanes."""
    repeated = [dim for dim in dims if not array.strides[dim] and array.shape[dim] > 1]
    if repeated:
        return add_repeated(array, dims, repeated, keepdim)
    order = sorted(range(array.ndim), key=lambda dim: -abs(array.strides[dim]))
    ordered, places = array.transpose(order), tuple([order.index(dim) for dim in dims])
    if dims == (order[-1],):  # what NumPy adds by halves
        return numpy.add.reduce(array, dims, None, None, keepdim)  # type: ignore[call-overload]  # as above
    if not ordered.flags.c_contiguous or len(dims) == array.ndim:
        return add_lanes(array, dims, keepdim)
    found = add_runs(ordered, places, True).transpose(numpy.argsort(order))
    return found if keepdim else found.squeeze(dims)


def add_repeated(array: Array, dims: tuple[int, ...], repeated: list[int], keepdim: bool) -> Any:
    """Add up an array some of whose dims repeat one entry: that one times their sizes, which is rounded once."""
    once = array[tuple([slice(1) if dim in repeated else slice(None) for dim in range(array.ndim)])]
    return sum(once, dims, keepdim) * array.dtype.type(prod([array.shape[dim] for dim in repeated]))


def add_lanes(array: Array, dims: tuple[int, ...], keepdim: bool) -> Any:
    """Add up the parts into which the longest dim is cut, then what is left likewise."""
    dim = max(dims, key=lambda each: array.shape[each])
    if array.shape[dim] <= LANES:
        if prod([array.shape[each] for each in dims]) > FEW:
            return sum(numpy.add.reduce(array, dim, keepdims=True), dims, keepdim)
        return numpy.add.reduce(array, dims, None, None, keepdim)  # type: ignore[call-overload]  # as above
    lane, shape = array.shape[dim] // LANES, array.shape
    whole, rest = numpy.split(array, [LANES * lane], dim)
    parts = whole.reshape(*shape[:dim], LANES, lane, *shape[dim + 1 :])
    found = sum(numpy.add.reduce(parts, dim), dims, keepdim)
    return found + sum(rest, dims, keepdim) if rest.size else found


def add_all(flat: Array) -> Any:
    """Add up everything: in rows, then the rows' sums likewise."""
    count = flat.size
    if count <= LONG:
        return numpy.add.reduce(flat)
    whole = count - count % ROW
    found = add_all(add_rows(flat[:whole].reshape(-1, ROW)))
    return found if whole == count else found + numpy.add.reduce(flat[whole:])


def add_rows(rows: Array) -> Array:
    """Add up each row."""
    count, width = rows.shape
    if width > LONG:
        return numpy.add.reduce(rows, 1)  # type: ignore[no-any-return]  # ufunc methods are untyped
    ones = ONES[rows.dtype.char][:width]
    step = PRODUCT // width
    if count <= step:
        return rows.dot(ones)  # type: ignore[no-any-return]  # as above
    whole = count - count % step
    found = numpy.empty(count, rows.dtype)
    numpy.matmul(rows[:whole].reshape(-1, step, width), ones, out=found[:whole].reshape(-1, step))
    numpy.dot(rows[whole:], ones, out=found[whole:])
    return found


def add_between(blocks: Array) -> Array:
    """Add up over the middle dim of (outer, count, inner)."""
    outer, count, inner = blocks.shape
    if outer == 1:
        return add_columns(blocks[0])
    step = BLOCK if inner <= WIDE else WIDE_BLOCK
    if count <= step:
        return add_few(blocks)
    whole = count - count % step
    found = add_between(add_few(blocks[:, :whole].reshape(outer, whole // step, step, inner)))
    return found if whole == count else found + add_few(blocks[:, whole:])


def add_columns(rows: Array) -> Array:
    """Add up each column: in blocks of rows, then the blocks' sums likewise."""
    count, width = rows.shape
    step = BLOCK if width <= WIDE else WIDE_BLOCK
    if count <= step:
        return add_few(rows)
    if width <= NARROW and count > LONG:
        return add_narrow(rows)
    whole = count - count % step
    found = add_columns(add_few(rows[:whole].reshape(whole // step, step, width)))
    return found if whole == count else found + add_few(rows[whole:])


def add_narrow(rows: Array) -> Array:
    """Add up each of a few columns: side by side, many rows as one wide one, which BLAS adds in more lanes."""
    count, width = rows.shape
    many = FOLD // width
    whole = count - count % many
    found = add_columns(add_columns(rows[:whole].reshape(-1, many * width)).reshape(many, width))
    return found if whole == count else found + add_few(rows[whole:])


def dots(a: Array, b: Array) -> Array:
    """Return the dot product of each row of ``a`` with that of ``b``, or with one row; of long rows in double.

    BLAS adds up blocks in single precision, and is as fast on blocks as on whole rows.
    """
    length = a.shape[-1]
    if length <= 2 * DOT_BLOCK:
        return numpy.vecdot(a, b)  # type: ignore[no-any-return]  # as above
    whole = length - length % DOT_BLOCK
    found: Array = numpy.add.reduce(numpy.vecdot(in_blocks(a, whole), in_blocks(b, whole)), -1, numpy.float64)
    return found if whole == length else found + numpy.vecdot(a[..., whole:], b[..., whole:])


def in_blocks(rows: Array, whole: int) -> Array:
    """View the beginning of each row as blocks."""
    return rows[..., :whole].reshape(*rows.shape[:-1], -1, DOT_BLOCK)


def add_few(rows: Array) -> Array:
    """Add up each column of a few rows (..., count, width)."""
    count, width = rows.shape[-2:]
    if width > WIDE:
        return numpy.add.reduce(rows, -2)  # type: ignore[no-any-return]  # as above
    ones = ONES[rows.dtype.char][:count]
    found: Array = ones.dot(rows) if rows.ndim == 2 else numpy.matmul(ones, rows)
    return found

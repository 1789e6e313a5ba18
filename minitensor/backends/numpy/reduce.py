"""Sums of floats over some dims, by matrix products with a vector of ones.

``numpy.add.reduce`` starts again for each row, and adds single-precision columns one after the other: over a million
rows it loses two digits that PyTorch keeps. A product with ones is 1.2 to 20 times as fast and, in blocks of rows, as
accurate as pairwise summation. For other memory layouts ``numpy.add.reduce`` adds in lanes: a few parts of the longest
dim, one after the other, and then the parts' sum in the same way.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any

import numpy

if TYPE_CHECKING:
    from minitensor.backends import Array

# Up to this many elements NumPy adds. A product is faster from some 3000 on only, 0.5 us slower for 1024, but there too
# more accurate: the errors of 1024 singles in 16 columns are half as large.
FEW = 512
BLOCK = 128  # rows added by one product
NARROW, FOLD = 16, 64  # rows of up to 16 columns are joined to rows of up to 64
WIDE, WIDE_BLOCK = 512, 64  # NumPy itself adds rows of more than 512 columns, 64 at a time
ROW = 256  # length of the rows into which a long vector is cut
LANES = 16  # terms that NumPy adds one after the other in other memory layouts
DOT_BLOCK = 1024  # entries of a long row that BLAS multiplies and adds in single precision
PRODUCT = 1 << 18  # elements in one product: for more, BLAS would wake its threads, which cost more than they gain
LONG = 4096  # longer rows are added pairwise, which is more accurate
ONES = {kind: numpy.ones(LONG, kind) for kind in "fd"}  # creating them takes as long as a product


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
    return numpy.add.reduce(array, dims, None, None, keepdim)  # type: ignore[call-overload]  # missing in the stub


def add_runs(array: Array, dims: tuple[int, ...], keepdim: bool) -> Array:
    """Add up a contiguous array over some dims, but not all: the last run of neighboring dims first."""
    runs, shape = find_runs(array.shape, dims, keepdim)
    if not runs:
        array = array.copy()
    for size, inner in runs:
        array = add_rows(array.reshape(-1, size)) if inner == 1 else add_between(array.reshape(-1, size, inner))
    result: Array = array.reshape(shape)
    return result


@lru_cache(4096)
def find_runs(
    shape: tuple[int, ...], dims: tuple[int, ...], keepdim: bool
) -> tuple[list[tuple[int, int]], tuple[int, ...]]:
    """Return the size of each run of neighboring dims to add over, with the size of what remains after it; the shape.

    The last run comes first.
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
    """Add up an array of any memory layout: as contiguous if a transpose is, otherwise in lanes."""
    repeated = [dim for dim in dims if not array.strides[dim] and array.shape[dim] > 1]
    if repeated:
        return add_broadcast(array, dims, repeated, keepdim)
    order = sorted(range(array.ndim), key=lambda dim: -abs(array.strides[dim]))
    ordered, places = array.transpose(order), tuple([order.index(dim) for dim in dims])
    if dims == (order[-1],):  # NumPy adds these pairwise
        return numpy.add.reduce(array, dims, None, None, keepdim)  # type: ignore[call-overload]  # as above
    if not ordered.flags.c_contiguous or len(dims) == array.ndim:
        return add_lanes(array, dims, keepdim)
    result = add_runs(ordered, places, True).transpose(numpy.argsort(order))
    return result if keepdim else result.squeeze(dims)


def add_broadcast(array: Array, dims: tuple[int, ...], repeated: list[int], keepdim: bool) -> Any:
    """Add up an array in which some dims repeat one entry: once, then multiplied by their sizes."""
    once = array[tuple([slice(1) if dim in repeated else slice(None) for dim in range(array.ndim)])]
    return sum(once, dims, keepdim) * array.dtype.type(prod([array.shape[dim] for dim in repeated]))


def add_lanes(array: Array, dims: tuple[int, ...], keepdim: bool) -> Any:
    """Cut the longest dim into parts and add these up, then add up their sum in the same way."""
    dim = max(dims, key=lambda each: array.shape[each])
    if array.shape[dim] <= LANES:
        if prod([array.shape[each] for each in dims]) > FEW:
            return sum(numpy.add.reduce(array, dim, keepdims=True), dims, keepdim)
        return numpy.add.reduce(array, dims, None, None, keepdim)  # type: ignore[call-overload]  # as above
    lane, shape = array.shape[dim] // LANES, array.shape
    whole, rest = numpy.split(array, [LANES * lane], dim)
    parts = whole.reshape(*shape[:dim], LANES, lane, *shape[dim + 1 :])
    result = sum(numpy.add.reduce(parts, dim), dims, keepdim)
    return result + sum(rest, dims, keepdim) if rest.size else result


def add_all(flat: Array) -> Any:
    """Add up a vector: in rows, then the sums of the rows in the same way."""
    count = flat.size
    if count <= LONG:
        return numpy.add.reduce(flat)
    whole = count - count % ROW
    result = add_all(add_rows(flat[:whole].reshape(-1, ROW)))
    return result if whole == count else result + numpy.add.reduce(flat[whole:])


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
    result = numpy.empty(count, rows.dtype)
    numpy.matmul(rows[:whole].reshape(-1, step, width), ones, out=result[:whole].reshape(-1, step))
    numpy.dot(rows[whole:], ones, out=result[whole:])
    return result


def add_between(blocks: Array) -> Array:
    """Add up over the middle dim of (outer, count, inner)."""
    outer, count, inner = blocks.shape
    if outer == 1:
        return add_columns(blocks[0])
    step = BLOCK if inner <= WIDE else WIDE_BLOCK
    if count <= step:
        return add_few(blocks)
    whole = count - count % step
    result = add_between(add_few(blocks[:, :whole].reshape(outer, whole // step, step, inner)))
    return result if whole == count else result + add_few(blocks[:, whole:])


def add_columns(rows: Array) -> Array:
    """Add up each column: in blocks of rows, then the sums of the blocks in the same way."""
    count, width = rows.shape
    step = BLOCK if width <= WIDE else WIDE_BLOCK
    if count <= step:
        return add_few(rows)
    if width <= NARROW and count > LONG:
        return add_narrow(rows)
    whole = count - count % step
    result = add_columns(add_few(rows[:whole].reshape(whole // step, step, width)))
    return result if whole == count else result + add_few(rows[whole:])


def add_narrow(rows: Array) -> Array:
    """Add up a few columns: many rows are joined to one wide row, which BLAS adds in more lanes."""
    count, width = rows.shape
    many = FOLD // width
    whole = count - count % many
    result = add_columns(add_columns(rows[:whole].reshape(-1, many * width)).reshape(many, width))
    return result if whole == count else result + add_few(rows[whole:])


def dots(a: Array, b: Array) -> Array:
    """Return the dot product of each row of ``a`` with that of ``b``, or with one row; for long rows in double.

    BLAS adds up blocks in single precision, which is as fast as whole rows; the blocks' sums are added in double.
    """
    length = a.shape[-1]
    if length <= 2 * DOT_BLOCK:
        return numpy.vecdot(a, b)  # type: ignore[no-any-return]  # as above
    whole = length - length % DOT_BLOCK
    result: Array = numpy.add.reduce(numpy.vecdot(as_blocks(a, whole), as_blocks(b, whole)), -1, numpy.float64)
    return result if whole == length else result + numpy.vecdot(a[..., whole:], b[..., whole:])


def as_blocks(rows: Array, whole: int) -> Array:
    """View the beginning of each row as blocks."""
    return rows[..., :whole].reshape(*rows.shape[:-1], -1, DOT_BLOCK)


def add_few(rows: Array) -> Array:
    """Add up each column of a few rows (..., count, width)."""
    count, width = rows.shape[-2:]
    if width > WIDE:
        return numpy.add.reduce(rows, -2)  # type: ignore[no-any-return]  # as above
    ones = ONES[rows.dtype.char][:count]
    result: Array = ones.dot(rows) if rows.ndim == 2 else numpy.matmul(ones, rows)
    return result


# -- products ----------------------------------------------------------------------------------------------------------


def product(array: Array, dims: tuple[int, ...], keepdim: bool) -> Array:
    """Multiply floats along some dims: contiguous rows by halves, where NumPy waits for each product."""
    trailing = tuple(range(array.ndim - len(dims), array.ndim)) == tuple(dims)
    if not trailing or array.size <= FEW or array.dtype.kind != "f" or not array.flags.c_contiguous:
        return numpy.asarray(array.prod(dims, keepdims=keepdim))
    size = prod([array.shape[dim] for dim in dims])
    shape = array.shape[: array.ndim - len(dims)]
    found = multiply_rows(array.reshape(-1, size))
    return found.reshape((*shape, *[1] * len(dims)) if keepdim else shape)


def multiply_rows(rows: Array) -> Array:
    """Return the product of each row: of its first and second half, element by element, until it is short."""
    while rows.shape[1] > FOLD:
        half = rows.shape[1] // 2
        rest = rows[:, 2 * half :]
        rows = rows[:, :half] * rows[:, half : 2 * half]
        if rest.shape[1]:
            rows[:, :1] *= rest
    return numpy.asarray(numpy.multiply.reduce(numpy.ascontiguousarray(rows.T), 0))

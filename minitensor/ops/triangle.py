"""Triangles of matrices, their indices, and matrices made of diagonals.

Matrices are the last two dims; a diagonal as a view is in ``shape.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor import dtypes, layouts
from minitensor.autograd.declare import differentiable
from minitensor.autograd.misuse import composite
from minitensor.autograd.strides import in_layout, row_major
from minitensor.errors import DimError, DtypeError, ShapeError, UnsupportedDtypeError
from minitensor.memory_format import contiguous_format
from minitensor.ops.aliasing import inplace
from minitensor.ops.copy import clone
from minitensor.ops.creation import backend_at, hand_over
from minitensor.ops.out import write_out
from minitensor.ops.shape import diagonal as diagonal_of
from minitensor.ops.shape import reshape
from minitensor.shapes import wrap_dims

if TYPE_CHECKING:
    from minitensor.autograd.argument_types import Count
    from minitensor.backends import Array, Library
    from minitensor.backends.base import Backend
    from minitensor.device import DeviceLike
    from minitensor.dtypes import dtype as Dtype
    from minitensor.ops.operand import Number
    from minitensor.tensor import Tensor


def require_matrix(name: str, input: Tensor) -> None:
    """Raise unless a tensor has at least two dims."""
    if input.ndim < 2:
        raise ShapeError(f"{name}: input tensor must have at least 2 dimensions, got shape {tuple(input.shape)}")


@differentiable(input=lambda grad, diagonal: grad.tril(diagonal))
@in_layout(row_major)
def tril(input: Tensor, diagonal: Count = 0, *, out: Tensor | None = None) -> Array:
    """Return matrices (..., n, m) with zeros above a diagonal; ``diagonal`` > 0 is above the main one.

    Raises:
        RuntimeError: If the tensor has fewer than two dims.

    >>> import minitensor as torch
    >>> torch.ones(2, 3).tril()
    tensor([[1., 0., 0.],
            [1., 1., 0.]])
    """
    require_matrix("tril", input)
    return input.backend.triangle(input.array, diagonal, True)


@differentiable(input=lambda grad, diagonal: grad.triu(diagonal))
@in_layout(row_major)
def triu(input: Tensor, diagonal: Count = 0, *, out: Tensor | None = None) -> Array:
    """Return matrices (..., n, m) with zeros below a diagonal; ``diagonal`` > 0 is above the main one.

    Raises:
        RuntimeError: If the tensor has fewer than two dims.

    >>> import minitensor as torch
    >>> torch.ones(2, 3).triu(1)
    tensor([[0., 1., 1.],
            [0., 0., 1.]])
    """
    require_matrix("triu", input)
    return input.backend.triangle(input.array, diagonal, False)


@differentiable(input=lambda grad, offset, dim1, dim2: grad.diagonal(offset, dim1, dim2))
def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Array:
    """Put the last dim (..., n) on a diagonal of zeros (..., n, n), whose dims become ``dim1`` and ``dim2``.

    Args:
        offset: Which diagonal: 0 is the main one, 1 the one above it. Default: ``0``.

    Raises:
        IndexError: If the tensor has no dims.

    >>> import minitensor as torch
    >>> torch.diag_embed(torch.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    shape = list(input.layout.shape)
    if not shape:
        raise DimError("diag_embed: a 0-d tensor has no dim to put on a diagonal")
    size = shape.pop() + abs(offset)
    first, second = wrap_dims((dim1, dim2), input.ndim + 1)
    for dim in sorted((first, second)):
        shape.insert(dim, size)
    flat = input.xp.zeros(layouts.numel(tuple(shape)), input.array.dtype)
    line = layouts.diagonal(layouts.contiguous(tuple(shape)), offset, first, second)
    input.backend.window(flat, flat.dtype, *line)[...] = input.array
    return flat.reshape(shape)


@composite
def diag(input: Tensor, diagonal: int = 0, *, out: Tensor | None = None) -> Tensor:
    """Return a copy of a matrix's diagonal, or a matrix with a vector on its diagonal.

    Args:
        diagonal: Which diagonal: 0 is the main one, 1 the one above it. Default: ``0``.

    Raises:
        RuntimeError: If the tensor has neither one dim nor two.

    >>> import minitensor as torch
    >>> torch.tensor([[1, 2], [3, 4]]).diag()
    tensor([1, 4])
    """
    if input.ndim == 1:
        return write_out("diag", diag_embed(input, diagonal), out)
    if input.ndim == 2:
        return write_out("diag", clone(diagonal_of(input, diagonal), memory_format=contiguous_format), out)
    raise ShapeError(f"diag(): Supports 1D or 2D tensors. Got {input.ndim}D")


@composite
def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """Return a matrix with all elements of the flattened tensor on a diagonal; see ``diag``.

    Args:
        offset: Which diagonal: 0 is the main one, 1 the one above it. Default: ``0``.

    >>> import minitensor as torch
    >>> torch.diagflat(torch.tensor([1, 2]), offset=1)
    tensor([[0, 1, 0],
            [0, 0, 2],
            [0, 0, 0]])
    """
    return diag_embed(reshape(input, -1), offset)


@composite
def fill_diagonal_(input: Tensor, fill_value: Number, wrap: bool = False) -> Tensor:
    """Write ``fill_value`` on the main diagonal; with ``wrap`` the diagonal starts again below it in a tall matrix.

    Raises:
        RuntimeError: If the tensor has fewer than two dims, or more than two that differ in size.

    >>> import minitensor as torch
    >>> torch.zeros(2, 2).fill_diagonal_(5)
    tensor([[5., 0.],
            [0., 5.]])
    """
    shape, strides, offset = input.layout
    if len(shape) < 2:
        raise ShapeError(f"fill_diagonal_: dimensions must larger than 1, got shape {list(shape)}")
    if len(shape) > 2 and len(set(shape)) > 1:
        raise ShapeError(f"fill_diagonal_: all dimensions of input must be of equal length, got {list(shape)}")
    tall = wrap and len(shape) == 2 and shape[0] > shape[1]
    period = shape[1] + 1  # a wrapped diagonal skips one row after each square
    for first in range(0, shape[0] if tall else 1, period):
        count = min(shape[0] - first, *shape[1:])
        input.as_strided((count,), (sum(strides),), offset + first * strides[0]).fill_(fill_value)
    return input


@inplace(tril)
def tril_(input: Tensor, diagonal: Count = 0) -> None:
    """Write zeros above a diagonal, in place."""


@inplace(triu)
def triu_(input: Tensor, diagonal: Count = 0) -> None:
    """Write zeros below a diagonal, in place."""


# -- indices of triangles ----------------------------------------------------------------------------------------------


@composite
def tril_indices(
    row: int, col: int, offset: int = 0, *, dtype: Dtype | None = None, device: DeviceLike = None
) -> Tensor:
    """Return the rows and columns (2, N) of the elements of a (``row``, ``col``) matrix on and below a diagonal.

    ``offset`` says which diagonal: 0 is the main one, 1 the one above it.

    Raises:
        RuntimeError: If a size is negative, or ``dtype`` is neither int32 nor int64.

    >>> import minitensor as torch
    >>> torch.tril_indices(2, 3)
    tensor([[0, 1, 1],
            [0, 0, 1]])
    """
    check_triangle("tril_indices", row, col, dtype)
    return positions(backend_at(device), row, col, offset, False, dtype)


@composite
def triu_indices(
    row: int, col: int, offset: int = 0, *, dtype: Dtype | None = None, device: DeviceLike = None
) -> Tensor:
    """Return the rows and columns (2, N) of the elements on and above a diagonal; arguments as for ``tril_indices``.

    >>> import minitensor as torch
    >>> torch.triu_indices(2, 2)
    tensor([[0, 0, 1],
            [0, 1, 1]])
    """
    check_triangle("triu_indices", row, col, dtype)
    return positions(backend_at(device), row, col, offset, True, dtype)


def check_triangle(name: str, row: int, col: int, wanted: Dtype | None) -> None:
    """Raise for negative sizes, and for dtypes that are not for indices."""
    for argument, value in (("row", row), ("col", col)):
        if value < 0:
            raise DtypeError(f"{name}: {argument} must be non-negative, got {value}")
    if wanted not in (None, dtypes.int32, dtypes.int64):
        raise UnsupportedDtypeError(f"{name}: not implemented for {wanted}; take int32 or int64")


def positions(backend: Backend, row: int, col: int, offset: int, upper: bool, wanted: Dtype | None) -> Tensor:
    """Return the indices of the elements of a triangle, one row per dim."""
    xp, kind = backend.xp, (wanted or dtypes.int64).numpy
    if not backend.holds_data:
        return hand_over("triangle", xp.empty((2, count_in_triangle(row, col, offset, upper)), kind), None, False)
    ends = xp.clip(xp.arange(row) + (offset if upper else offset + 1), 0, col)
    if upper:
        found = indices_between(xp, ends, xp.full_like(ends, col))
    else:
        found = indices_between(xp, xp.zeros_like(ends), ends)
    return hand_over("triangle", found.astype(kind, copy=False), None, False)


def indices_between(xp: Library, starts: Array, ends: Array) -> Array:
    """Return the rows and columns (2, N) of elements, of which row i has those from ``starts[i]`` to ``ends[i]``."""
    counts = ends - starts
    first = xp.cumsum(counts) - counts  # the number of elements in earlier rows
    rows = xp.arange(len(counts)).repeat(counts)
    columns = xp.arange(len(rows)) - (first - starts).repeat(counts)
    return xp.stack((rows, columns))


def count_in_triangle(row: int, col: int, offset: int, upper: bool) -> int:
    """Return how many elements a triangle has.

    >>> count_in_triangle(3, 4, 1, True), count_in_triangle(3, 4, 1, False)
    (6, 9)
    """
    if not upper:
        return row * col - count_in_triangle(row, col, offset + 1, True)
    full = min(row, max(0, -offset))  # rows of which all elements belong to it; each later one has one less
    first = max(0, min(col, col - offset - full))
    steps = min(row - full, first)
    return full * col + steps * first - steps * (steps - 1) // 2

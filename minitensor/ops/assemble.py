"""Tensors assembled from parts: views replaced in a copy, block matrices, products and combinations of vectors.

Everything here is composed of other ops. Joining along a dim is in ``join.py``.
"""

from __future__ import annotations

from itertools import accumulate, pairwise
from operator import mul
from typing import TYPE_CHECKING, Any

from minitensor import dtypes, shapes
from minitensor.autograd.misuse import composite
from minitensor.autograd.turns import in_turn
from minitensor.base import TensorBase
from minitensor.errors import ArgumentError, ShapeError, WrongTypeError, quote
from minitensor.ops.arithmetic import floor_divide, remainder
from minitensor.ops.broadcast import meshgrid
from minitensor.ops.copy import copy_with_gaps, writable_copy
from minitensor.ops.creation import zeros
from minitensor.ops.index import getitem
from minitensor.ops.join import cat, stack, unbind
from minitensor.ops.operand import require_tensors, result_dtype
from minitensor.ops.out import write_out
from minitensor.ops.ranges import arange
from minitensor.ops.reduce import sum as total
from minitensor.ops.shape import as_strided, diagonal, reshape, select, view

if TYPE_CHECKING:
    from collections.abc import Sequence

    from minitensor.autograd.argument_types import Count
    from minitensor.tensor import Tensor


# -- views replaced in a copy ------------------------------------------------------------------------------------------


def replace_window(name: str, made: Tensor, window: Tensor, src: Any) -> Tensor:
    """Write ``src`` into a view of a new tensor, whose shape it must have, and return the tensor."""
    require_tensors(name, src=src)
    if src.layout.shape != window.layout.shape:
        raise ShapeError(
            f"{name}: expected src to have a size equal to the slice of self: src has shape {list(src.shape)}, the "
            f"slice {list(window.shape)}"
        )
    window.copy_(src)
    return made


@composite
def select_scatter(input: Tensor, src: Tensor, dim: int, index: Count) -> Tensor:
    """Return a copy in which entry ``index`` of ``dim`` is replaced by ``src``.

    Raises:
        RuntimeError: If ``src`` has another shape.

    >>> import minitensor as torch
    >>> torch.zeros(2, 2).select_scatter(torch.ones(2), 0, 1)
    tensor([[0., 0.],
            [1., 1.]])
    """
    input, src = in_turn(input, src)
    made = copy_with_gaps(input, (src,))
    return replace_window("select_scatter", made, select(made, dim, index), src)


@composite
def slice_scatter(
    input: Tensor, src: Tensor, dim: int = 0, start: Count | None = None, end: Count | None = None, step: Count = 1, *,
    out: Tensor | None = None,
) -> Tensor:
    """Return a copy in which the slice ``start:end:step`` of ``dim`` is replaced by ``src``.

    Args:
        src: What is written, of the shape of the slice.
        start, end: Where the slice begins and ends; negative ones count from the end. Default: ``None``, all.
        step: Distance of its entries. Default: ``1``.

    Raises:
        RuntimeError: If ``src`` has another shape, or ``step`` is not positive.

    >>> import minitensor as torch
    >>> torch.zeros(4).slice_scatter(torch.ones(2), 0, 1, 3)
    tensor([0., 1., 1., 0.])
    """
    if step <= 0:
        raise ShapeError(f"slice_scatter: slice step must be positive, got {step}")
    input, src = in_turn(input, src)
    made = copy_with_gaps(input, (src,))
    place = shapes.wrap_dim(dim, made.ndim)
    window = getitem(made, (slice(None),) * place + (slice(start, end, step),))
    return write_out("slice_scatter", replace_window("slice_scatter", made, window, src), out)


@composite
def diagonal_scatter(input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """Return a copy in which a diagonal of two dims is replaced by ``src``.

    Args:
        src: What is written, of the shape of the diagonals.
        offset: Which diagonal: 0 is the main one, 1 the one above it. Default: ``0``.
        dim1: The dim of the rows. Default: ``0``.
        dim2: The dim of the columns. Default: ``1``.

    Raises:
        RuntimeError: If ``src`` has another shape.

    >>> import minitensor as torch
    >>> torch.zeros(2, 2).diagonal_scatter(torch.ones(2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    input, src = in_turn(input, src)
    made = copy_with_gaps(input, (src,))
    return replace_window("diagonal_scatter", made, diagonal(made, offset, dim1, dim2), src)


@composite
def as_strided_scatter(
    input: Tensor, src: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: Count | None = None
) -> Tensor:
    """Return a copy in which the view that ``as_strided`` makes of it is replaced by ``src``.

    Args:
        src: What is written, of shape ``size``.
        size: The shape of the view.
        stride: Its strides, in elements.
        storage_offset: Its first element. Default: ``None``, the input's.

    Raises:
        RuntimeError: If ``src`` has another shape, or the view would reach beyond the storage.

    >>> import minitensor as torch
    >>> torch.zeros(4).as_strided_scatter(torch.ones(2), (2,), (3,))
    tensor([1., 0., 0., 1.])
    """
    input, src = in_turn(input, src)
    made = writable_copy(input, src)
    return replace_window("as_strided_scatter", made, as_strided(made, size, stride, storage_offset), src)


# -- blocks, products, combinations ------------------------------------------------------------------------------------


def as_block(tensor: Any, place: int) -> Tensor:
    """Return a number, vector or matrix as a matrix."""
    require_tensors("block_diag", **{f"tensors[{place}]": tensor})
    if tensor.ndim > 2:
        raise ShapeError(
            "block_diag: input tensors must have 2 or fewer dimensions. Input "
            f"{place} has {tensor.ndim} dimensions (shape {list(tensor.shape)})"
        )
    return view(tensor, (1,) * (2 - tensor.ndim) + tensor.layout.shape)


@composite
def block_diag(*tensors: Tensor) -> Tensor:
    """Return a matrix with the matrices ``tensors`` on its diagonal and zeros elsewhere; vectors are rows.

    Raises:
        RuntimeError: If a tensor has more than two dims.

    >>> import minitensor as torch
    >>> torch.block_diag(torch.tensor([[1, 2]]), torch.tensor(3))
    tensor([[1, 2, 0],
            [0, 0, 3]])
    """
    if not tensors:
        return zeros(1, 0)
    blocks = [as_block(each, i) for i, each in enumerate(in_turn(*tensors))]
    width, kind = sum([each.shape[1] for each in blocks]), result_dtype(*tensors)
    left, bands = 0, []
    for block in blocks:
        rows, columns = block.layout.shape
        before, after = [block.new_zeros((rows, n), dtype=kind) for n in (left, width - left - columns)]
        bands.append(cat([before, block.to(kind), after], 1))
        left += columns
    return cat(bands)


def require_vectors(name: str, tensors: Sequence[Tensor]) -> None:
    """Raise unless all are vectors of one dtype."""
    require_tensors(name, **{f"tensors[{i}]": each for i, each in enumerate(tensors)})
    for each in tensors:
        if each.ndim != 1:
            raise ShapeError(f"{name}: expect a 1D vector, but got shape {list(each.shape)}")
        if each.dtype is not tensors[0].dtype:
            raise ShapeError(f"{name}: meshgrid expects all tensors to have the same dtype, got {each.dtype.name}")


@composite
def cartesian_prod(*tensors: Any) -> Tensor:
    """Return the Cartesian product of vectors ``tensors``, one tuple per row: (n,) and (m,) give (n * m, 2).

    Raises:
        RuntimeError: If there are no tensors, one does not have one dim, or the dtypes differ.

    >>> import minitensor as torch
    >>> torch.cartesian_prod(torch.tensor([1, 2]), torch.tensor([3, 4]))
    tensor([[1, 3],
            [1, 4],
            [2, 3],
            [2, 4]])
    """
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors
    if not given:
        raise ShapeError("cartesian_prod: expected at least one vector")
    require_vectors("cartesian_prod", given)
    if len(given) == 1:
        return given[0]  # type: ignore[no-any-return]  # a Tensor, as just seen
    return stack([reshape(grid, -1) for grid in meshgrid(*given, indexing="ij")], 1)


@composite
def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """Return all combinations of ``r`` elements of a vector, in order, one per row.

    Args:
        r: How many elements. Default: ``2``.
        with_replacement: Whether an element may be chosen again. Default: ``False``.

    Raises:
        RuntimeError: If the input does not have one dim, or ``r`` is negative.

    >>> import minitensor as torch
    >>> torch.combinations(torch.tensor([1, 2, 3]))
    tensor([[1, 2],
            [1, 3],
            [2, 3]])
    """
    require_vectors("combinations", [input])
    if r < 0:
        raise ShapeError(f"combinations: expect a non-negative number of elements to choose, got r={r}")
    if not r:
        return input.new_empty((0,))
    grids = meshgrid(*[arange(input.numel(), device=input.device)] * r, indexing="ij")
    kept = grids[0].new_ones(grids[0].layout.shape, dtype=dtypes.bool_)
    for before, after in pairwise(grids):
        kept = kept.logical_and(before.le(after) if with_replacement else before.lt(after))
    return stack([getitem(input, grid.masked_select(kept)) for grid in grids], 1)


# -- shapes ------------------------------------------------------------------------------------------------------------


def require_python_ints(name: str, shape: Any) -> None:
    """Raise unless a shape is an int or a list or tuple of ints, all of Python's, as in PyTorch's own Python code."""
    entries = shape if isinstance(shape, (tuple, list)) else (shape,)
    if not all(isinstance(each, int) for each in entries):
        raise WrongTypeError(f"{name}: expected a shape of ints, or an int, got {quote(shape)}")


@composite
def broadcast_shapes(*shapes_given: Any) -> shapes.Size:
    """Return the shape to which all of ``shapes_given`` broadcast; an int is a shape of one dim.

    Raises:
        TypeError: If a size is not an int.
        RuntimeError: If the shapes do not broadcast.
        ValueError: If a size is negative.

    >>> import minitensor as torch
    >>> torch.broadcast_shapes((2, 1), 3)
    torch.Size([2, 3])
    """
    for each in shapes_given:
        require_python_ints("broadcast_shapes", each)
    wanted = [shapes.normalize_sizes(each) for each in shapes_given]
    for shape in wanted:
        if any(n < 0 for n in shape):
            raise ArgumentError(f"broadcast_shapes: sizes must not be negative, got {list(shape)}")
    return shapes.Size(shapes.broadcast_shapes(*wanted))


@composite
def sum_to_size(input: Tensor, *size: Any) -> Tensor:
    """Sum over the dims along which ``size`` would be broadcast to the tensor's shape.

    Raises:
        RuntimeError: If ``size`` does not broadcast to the tensor's shape.

    >>> import minitensor as torch
    >>> torch.ones(2, 3).sum_to_size(3)
    tensor([2., 2., 2.])
    """
    wanted = shapes.normalize_sizes(*size)
    shape = input.layout.shape
    lead = len(shape) - len(wanted)
    if not wanted:
        return total(input)
    if lead < 0 or any(n not in (1, m) for n, m in zip(wanted, shape[lead:])):
        raise ShapeError(f"sum_to_size: size {list(wanted)} is not expandable to size {list(shape)}")
    gone = tuple([dim for dim, m in enumerate(shape) if dim < lead or (wanted[dim - lead] == 1 != m)])
    return reshape(total(input, gone, keepdim=True), wanted) if gone else input


@composite
def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """Return the coordinates, one tensor for each dim, of flat positions in a tensor of a shape.

    Args:
        indices: The positions, a tensor of integers.
        shape: The shape, a sequence of ints.

    Raises:
        TypeError: If ``indices`` does not hold integers, or a size is not an int.
        ValueError: If ``shape`` has a negative size.

    >>> import minitensor as torch
    >>> torch.unravel_index(torch.tensor([0, 5]), (2, 3))
    (tensor([0, 1]), tensor([0, 2]))
    """
    if not isinstance(indices, TensorBase) or indices.dtype.kind not in "iu":
        given = indices.dtype if isinstance(indices, TensorBase) else type(indices).__name__
        raise WrongTypeError(f"unravel_index: expected 'indices' to be an integer tensor, but got {given}")
    require_python_ints("unravel_index", shape)
    sizes = shapes.normalize_sizes(shape)
    if any(n < 0 for n in sizes):
        raise ArgumentError(f"unravel_index: 'shape' cannot have negative values, but got {list(sizes)}")
    steps = list(accumulate([1, *sizes[:0:-1]], mul))[::-1]
    rows = floor_divide(indices.unsqueeze(-1), indices.new_tensor(steps, dtype=dtypes.int64))
    return unbind(remainder(rows, indices.new_tensor(sizes, dtype=dtypes.int64)), -1)

"""Copies of a tensor with its entries repeated, reversed, or rolled.

None of these can be a view, as strides are never negative. Views are in ``shape.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.autograd.declare import differentiable
from minitensor.autograd.misuse import composite
from minitensor.autograd.strides import as_input, in_format, in_layout
from minitensor.base import TensorBase
from minitensor.base import wrap as fresh
from minitensor.dtypes import int32, int64
from minitensor.errors import ShapeError, UnsupportedTypeError
from minitensor.memory_format import contiguous_format
from minitensor.ops.copy import clone
from minitensor.ops.ranges import arange
from minitensor.ops.shape import copy_in_shape, expand_to, make_inplace, reshape, transpose
from minitensor.shapes import (
    normalize_sizes,
    sizes_from_list,
    wrap_dim,
    wrap_dims,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from minitensor.autograd.argument_types import Count
    from minitensor.backends import Array
    from minitensor.shapes import Shape
    from minitensor.tensor import Tensor


@composite
def repeat(input: Tensor, *counts: Any, repeats: Any = None) -> Tensor:
    """Repeat the whole tensor, a number of times for each dim; more numbers than dims add dims in front.

    Args:
        *counts: The numbers, as several ints.
        repeats: The numbers, as one sequence.

    Raises:
        RuntimeError: If there are fewer numbers than dims, or a negative one.

    >>> import minitensor as torch
    >>> torch.tensor([1, 2]).repeat(2, 2)
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """
    times = normalize_sizes(*counts) if repeats is None else normalize_sizes(repeats)
    shape = input.layout.shape
    lead = len(times) - len(shape)
    if lead < 0:
        raise ShapeError(
            "number of dimensions of repeat dims can not be smaller than number of dimensions of tensor: "
            f"{list(times)} for shape {list(shape)}"
        )
    if any(n < 0 for n in times):
        raise ShapeError(f"repeat: numbers of repetitions must not be negative, got {list(times)}")
    full = (1,) * lead + shape
    apart = reshape(input, tuple([size for n in full for size in (1, n)]))
    spread = expand_to(apart, tuple([size for pair in zip(times, full) for size in pair]))
    return copy_in_shape(spread, tuple([n * size for n, size in zip(times, full)]))


@composite
def tile(input: Tensor, *counts: Any, dims: Any = None) -> Tensor:
    """Repeat the whole tensor along its last dims, a number of times for each.

    Args:
        *counts: The numbers, as several ints.
        dims: The numbers, as one sequence.

    >>> import minitensor as torch
    >>> torch.tensor([[1], [2]]).tile(2)
    tensor([[1, 1],
            [2, 2]])
    """
    times = normalize_sizes(*counts) if dims is None else sizes_from_list("tile", "dims", dims)
    return repeat(input, (1,) * (input.ndim - len(times)) + times)


@differentiable(
    input=lambda grad, repeats, dim, in_shape: grad.unflatten(dim, (in_shape[dim], repeats)).sum(dim + 1)
)
def repeat_each(input: Tensor, repeats: int, dim: int) -> Array:
    """Repeat each slice of a dim next to itself."""
    return input.xp.repeat(input.array, repeats, dim)


@composite
def repeat_interleave(
    input: Tensor, repeats: Tensor | Count | None = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Repeat each element, or each slice of ``dim``, next to itself.

    Args:
        repeats: one number, or a tensor with a number for each slice. Without it, ``input`` holds the numbers and the
            positions are repeated.
        dim: without it the tensor is flattened first.
        output_size: the sum of the numbers, if they are in a tensor.

    Raises:
        RuntimeError: If a number is negative, there is not one for each slice, or their sum is not ``output_size``.
        NotImplementedError: If the numbers are not int32 or int64.

    >>> import minitensor as torch
    >>> torch.tensor([1, 2]).repeat_interleave(2)
    tensor([1, 1, 2, 2])
    """
    if repeats is None:
        return repeat_interleave(arange(input.numel(), device=input.device), input, 0, output_size=output_size)
    if dim is None:
        input, dim = reshape(input, -1), 0
    dim = wrap_dim(dim, input.ndim)
    if repeats.__class__ is int and repeats >= 0 and input.ndim:
        return repeat_each(input, repeats, dim)
    size = input.layout.shape[dim]
    counts = repeats.array if isinstance(repeats, TensorBase) else input.xp.asarray(repeats)
    check_counts(repeats, counts, dim, size)
    if counts.size and int(counts.min()) < 0:
        raise ShapeError(f"repeat_interleave: repeats can not be negative, got {int(counts.min())}")
    ends = input.xp.cumsum(input.xp.broadcast_to(counts.reshape(-1), (size,)))
    total = int(ends[-1]) if size else 0
    if output_size not in (None, total) and isinstance(repeats, TensorBase):
        raise ShapeError(f"repeat_interleave: allocated size {output_size} does not match required size {total}")
    order = input.xp.cumsum(input.xp.bincount(ends[:-1], minlength=total)[:total])  # rises by one after each end
    return input.index_select(dim, fresh(input.result_class, order))


def check_counts(repeats: Any, counts: Array, dim: int, size: int) -> None:
    """Raise unless there is one number of repetitions, or one for each slice, and all are integers."""
    if counts.ndim > 1:
        raise ShapeError(f"repeat_interleave: repeats must be 0-dim or 1-dim tensor, got shape {list(counts.shape)}")
    if counts.size not in (1, size):
        raise ShapeError(
            "repeat_interleave: repeats must have the same size as input along dim, but got "
            f"repeats.size(0) = {counts.size} and input.size({dim}) = {size}"
        )
    if isinstance(repeats, TensorBase) and repeats.dtype not in (int32, int64):
        raise UnsupportedTypeError(f"repeat_interleave: repeats must be int32 or int64, got {repeats.dtype.name}")


@differentiable(name="flip", input=lambda grad, dims: grad.flip(dims))
@in_layout(as_input)
def reverse(input: Tensor, dims: Shape) -> Array:
    """Return a copy with the entries along dims in reverse order."""
    turned = wrap_dims(dims, input.ndim)
    steps = [slice(None, None, -1 if dim in turned else 1) for dim in range(input.ndim)]
    copy: Array = input.array[tuple(steps)].copy("K")  # in the memory order of the input
    return copy


@composite
def flip(input: Tensor, *order: Any, dims: Any = None) -> Tensor:
    """Reverse the order of the entries along dims. Returns a copy, as strides are never negative.

    Args:
        *order: The dims, as several ints.
        dims: The dims, as one sequence.

    >>> import minitensor as torch
    >>> torch.tensor([1, 2, 3]).flip(0)
    tensor([3, 2, 1])
    """
    return reverse(input, normalize_sizes(*order) if dims is None else sizes_from_list("flip", "dims", dims))


@composite
def fliplr(input: Tensor) -> Tensor:
    """Reverse the order of the columns, dim 1.

    Raises:
        RuntimeError: If the tensor has fewer than two dims.

    >>> import minitensor as torch
    >>> torch.fliplr(torch.tensor([[1, 2], [3, 4]]))
    tensor([[2, 1],
            [4, 3]])
    """
    if input.ndim < 2:
        raise ShapeError(f"fliplr: input must be >= 2-d, got shape {tuple(input.shape)}")
    return reverse(input, (1,))


@composite
def flipud(input: Tensor) -> Tensor:
    """Reverse the order of the rows, dim 0.

    Raises:
        RuntimeError: If the tensor has no dims.

    >>> import minitensor as torch
    >>> torch.flipud(torch.tensor([[1, 2], [3, 4]]))
    tensor([[3, 4],
            [1, 2]])
    """
    if input.ndim < 1:
        raise ShapeError("flipud: input must be >= 1-d, got a 0-d tensor")
    return reverse(input, (0,))


def prepare_roll(input: Tensor, shifts: Any, dims: Any) -> tuple[Tensor, Shape, Shape | None]:
    """Return shifts and non-negative dims as tuples of one length; one shift without dims."""
    steps = normalize_sizes(shifts)
    if dims is None or (isinstance(dims, (list, tuple)) and not dims):
        if len(steps) != 1:
            raise ShapeError(f"roll: without dims, expected one shift, got {steps}")
        return input, steps, None
    places = tuple([wrap_dim(dim, input.ndim) for dim in normalize_sizes(dims)])
    if len(steps) != len(places):
        raise ShapeError(f"shifts and dimensions must align. shifts: {len(steps)}, dims:{len(places)}")
    return input, steps, places


@differentiable(prepare=prepare_roll, input=lambda grad, shifts, dims: grad.roll(tuple([-n for n in shifts]), dims))
@in_layout(in_format)
def roll(input: Tensor, shifts: Any, dims: Any = None) -> Array:
    """Shift the entries along dims; those shifted off one end come in at the other.

    Args:
        shifts: By how many places, one number for each of ``dims``.
        dims: Without them the flattened tensor is rolled, and the shape kept.

    Raises:
        RuntimeError: If the numbers of ``shifts`` and ``dims`` differ.

    >>> import minitensor as torch
    >>> torch.arange(5).roll(2)
    tensor([3, 4, 0, 1, 2])
    """
    array = input.array
    if input.ndim < 4:  # PyTorch's result is contiguous, unless channels are last
        array = input.xp.asarray(array, order="C")
    if dims is None:
        return input.xp.roll(array, shifts[0])
    return input.xp.roll(array, shifts, dims)


@composite
def rot90(input: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """Rotate by ``k`` times 90 degrees in the plane of two ``dims``, from the first toward the second.

    Raises:
        RuntimeError: If ``dims`` does not name two different dims.

    >>> import minitensor as torch
    >>> torch.tensor([[1, 2], [3, 4]]).rot90()
    tensor([[2, 4],
            [1, 3]])
    """
    first, second = plane(dims, input)
    if k % 4 == 0:
        return clone(input, memory_format=contiguous_format)
    if k % 4 == 2:
        return reverse(input, (first, second))
    return transpose(reverse(input, (second if k % 4 == 1 else first,)), first, second)


def plane(dims: Sequence[int], input: Tensor) -> tuple[int, int]:
    """Return the two dims in which to rotate, counted from the front."""
    if len(dims) != 2:
        raise ShapeError(f"rot90: expected total rotation dims == 2, but got dims = {list(dims)}")
    if input.ndim < 2:
        raise ShapeError(f"rot90: expected total dims >= 2, but got a tensor of shape {list(input.shape)}")
    first, second = wrap_dims(normalize_sizes(dims), input.ndim)
    return first, second


@composite
def swapaxes(input: Tensor, axis0: int, axis1: int) -> Tensor:
    """Swap the dims ``axis0`` and ``axis1``, as ``transpose`` does. Returns a view.

    >>> import minitensor as torch
    >>> torch.zeros(2, 3).swapaxes(axis0=0, axis1=1).shape
    torch.Size([3, 2])
    """
    return transpose(input, axis0, axis1)


swapaxes_ = make_inplace(swapaxes)

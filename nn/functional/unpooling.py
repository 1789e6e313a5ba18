"""Unpooling: values put back where max pooling took them from, with zeros elsewhere.

It is ``scatter`` on flat planes, so its gradient is a gather and has every order. Indices are checked before anything
is written.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minitensor.autograd.misuse import composite_with_own_checks
from minitensor.backends import any_true
from minitensor.base import TensorBase, values_of
from minitensor.dtypes import int64
from minitensor.errors import (
    ArgumentError,
    ArgumentTypeError,
    DtypeError,
    ShapeError,
    ShapeIndexValueError,
    WrongTypeError,
    quote,
)
from minitensor.ops.constant import as_function_of
from minitensor.ops.kinds import FLOATS, require_kind
from minitensor.ops.operand import same_device
from minitensor.ops.resize import format_of
from minitensor.ops.scatter import scatter
from minitensor.shapes import repeat_number

if TYPE_CHECKING:
    from minitensor.tensor import Tensor

Numbers = tuple[int, ...]
Sizes = int | Sequence[int]


@composite_with_own_checks
def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Undo ``max_pool1d`` of signals, given its indices: all entries but the largest become zero.

    Several sizes pool to one size; the smallest is restored unless ``output_size`` says otherwise.

    Args:
        input: The maxima, (N, C, L) or (C, L). The result is (N, C, OL), without N if the input is.
        indices: Their flat positions, int64, in the same shape.
        kernel_size, stride, padding: The numbers of the pooling.
        output_size: The spatial sizes to restore, or the whole shape.

    Raises:
        ValueError: If ``output_size`` cannot have been pooled to this size.
        RuntimeError: If the shapes do not fit, or an index is out of range; if the indices are not int64.

    >>> F.max_unpool1d(tensor([[3., 4.]]), tensor([[1, 2]]), 2)
    tensor([[0., 3., 4., 0.]])
    """
    return unpool("max_unpool1d", 1, input, indices, kernel_size, stride, padding, output_size)


@composite_with_own_checks
def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Undo ``max_pool2d`` of images, given its indices: all entries but the largest become zero.

    Several sizes pool to one size; the smallest is restored unless ``output_size`` says otherwise.

    Args:
        input: The maxima, (N, C, H, W) or (C, H, W). The result is (N, C, OH, OW), without N if the input is.
        indices: Their flat positions, int64, in the same shape.
        kernel_size, stride, padding: The numbers of the pooling.
        output_size: The spatial sizes to restore, or the whole shape.

    Raises:
        ValueError: If ``output_size`` cannot have been pooled to this size.
        RuntimeError: If the shapes do not fit, or an index is out of range; if the indices are not int64.

    >>> import minitensor as torch
    >>> pooled, indices = torch.nn.functional.max_pool2d(torch.tensor([[[1., 2.], [3., 4.]]]), 2, return_indices=True)
    >>> max_unpool2d(pooled, indices, 2)
    tensor([[[0., 0.],
             [0., 4.]]])
    """
    return unpool("max_unpool2d", 2, input, indices, kernel_size, stride, padding, output_size)


@composite_with_own_checks
def max_unpool3d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Undo ``max_pool3d`` of volumes, given its indices: all entries but the largest become zero.

    Several sizes pool to one size; the smallest is restored unless ``output_size`` says otherwise.

    Args:
        input: The maxima, (N, C, D, H, W) or (C, D, H, W). The result is (N, C, OD, OH, OW), without N if the input is.
        indices: Their flat positions, int64, in the same shape.
        kernel_size, stride, padding: The numbers of the pooling.
        output_size: The spatial sizes to restore, or the whole shape.

    Raises:
        ValueError: If ``output_size`` cannot have been pooled to this size.
        RuntimeError: If the shapes do not fit, or an index is out of range; if the indices are not int64.

    >>> F.max_unpool3d(ones(1, 1, 1, 1), zeros(1, 1, 1, 1).long(), (1, 1, 2))
    tensor([[[[1., 0.]]]])
    """
    return unpool("max_unpool3d", 3, input, indices, kernel_size, stride, padding, output_size)


def unpool(
    name: str,
    dims: int,
    input: Tensor,
    indices: Tensor,
    kernel: Sizes,
    stride: Any,
    padding: Sizes,
    output_size: Sequence[int] | None,
) -> Tensor:
    """Validate the arguments, then scatter in flat planes."""
    check_tensors(name, dims, input, indices)
    numbers = [list_sides(name, each, dims) for each in (kernel, kernel if stride is None else stride, padding)]
    size = resolve_size(name, tuple(input.shape[-dims:]), numbers, output_size)
    check_planes(name, dims, input, indices)
    check_indices(name, indices, size)
    lead = tuple(input.shape[:-dims])
    if 0 in size:
        return as_function_of(input.new_zeros((*lead, *size)), input)
    planes = input.new_zeros((*lead, math.prod(size)))
    flat = (*lead, math.prod(input.shape[-dims:]))
    found = scatter(planes, -1, indices.reshape(flat), input.reshape(flat)).reshape(*lead, *size)
    return found.contiguous(memory_format=format_of(input)) if dims == 2 else found


def list_sides(name: str, value: Any, dims: int) -> tuple[Any, ...]:
    """Return a number for each dim, of any type that numbers can have."""
    numbers = repeat_number(value, dims)
    if not all(hasattr(each, "__sub__") for each in numbers):
        raise WrongTypeError(f"{name}(): expected an int or a sequence of {dims} ints, got {quote(value)}")
    if len(numbers) != dims:
        raise ShapeIndexValueError(f"{name}: expected a number or one for each of {dims} dims, got {quote(value)}")
    return numbers


def resolve_size(
    name: str, pooled: Numbers, numbers: list[tuple[Any, ...]], output_size: Sequence[int] | None
) -> Numbers:
    """Return the sizes before pooling: the smallest ones, or those requested if they are possible."""
    kernel, stride, padding = numbers
    least = tuple([(n - 1) * step + taps - 2 * edge for n, taps, step, edge in zip(pooled, kernel, stride, padding)])
    if output_size is None:
        return require_non_negative(name, least)
    wanted = tuple(output_size)[-len(least) :] if len(output_size) == len(least) + 2 else tuple(output_size)
    if len(wanted) != len(least):
        raise ArgumentError(
            f"{name}: output_size must be a list of {len(least)} or {len(least) + 2} sizes, got {output_size!r}"
        )
    for length, step, want in zip(least, stride, wanted):
        if not length - step < want < length + step:
            raise ArgumentError(
                f"{name}: invalid output_size {output_size!r}: a size must lie between {length - step} and "
                f"{length + step}, both excluded, got {want}"
            )
    return require_non_negative(name, wanted)


def require_non_negative(name: str, size: Numbers) -> Numbers:
    """Return the sizes of an output; raise if one is negative or no int: the sizes decide which type they have."""
    for each in size:
        if not isinstance(each, int):
            raise ArgumentTypeError(
                f"{name}: the sizes of the output must be ints, got {quote(each)} of type {type(each).__name__}: give "
                "kernel_size, stride, padding and output_size as ints"
            )
    if min(size) < 0:
        raise ArgumentError(f"{name}: output_size must contain non-negative spatial dimensions, got {size}")
    return size


def check_tensors(name: str, dims: int, input: Any, indices: Any) -> None:
    """Raise unless input and indices are tensors of the right dtype and number of dims."""
    for argument, each in (("input", input), ("indices", indices)):
        if not isinstance(each, TensorBase):
            raise WrongTypeError(f"{name}(): argument {argument!r} must be a tensor, not {type(each).__name__}")
    if input.ndim < dims:
        raise ShapeIndexValueError(f"{name}: expected input with at least {dims} dims, got shape {tuple(input.shape)}")
    require_kind(name, FLOATS, input)
    if indices.dtype is not int64:
        raise DtypeError(f"{name}: elements in indices should be type int64 but got {indices.dtype.name}")
    if input.ndim not in (dims + 1, dims + 2):
        raise ShapeError(
            f"{name}: expected {dims + 1}D (unbatched) or {dims + 2}D (batched) input, got shape {tuple(input.shape)}"
        )


def check_planes(name: str, dims: int, input: Tensor, indices: Tensor) -> None:
    """Raise for shapes that max pooling cannot return."""
    if 0 in input.shape[1:]:
        raise ShapeError(f"{name}: no dim of the input but the first may be empty, got shape {tuple(input.shape)}")
    if input.shape != indices.shape:
        raise ShapeError(
            f"{name}: expected shape of indices to be that of input {tuple(input.shape)}, got {tuple(indices.shape)}"
        )
    same_device(input, indices)


def check_indices(name: str, indices: Tensor, size: Numbers) -> None:
    """Raise if a position is outside the planes."""
    count = math.prod(size)
    if not count:  # as in PyTorch, the result is empty, and indices are not checked
        return
    places = values_of(indices)
    outside = (places < 0) | (places >= count)
    if any_true(outside):
        wrong = int(places[outside][0])
        raise ShapeError(f"{name}: found an invalid max index: {wrong} (output volumes are of size {size})")

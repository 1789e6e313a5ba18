"""Unpooling: values put back where max pooling took them from, zeros elsewhere.

It is ``scatter`` on flat planes, so its gradient is a gather of every order. Indices are checked before anything is
written.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minitensor.autograd.misuse import ungated
from minitensor.base import TensorBase, values_of
from minitensor.dtypes import int64
from minitensor.errors import ArgumentError, DtypeError, ShapeError, WrongTypeError
from minitensor.layout import is_contiguous
from minitensor.memory_format import channels_last, has_format
from minitensor.ops.constant import as_function_of
from minitensor.ops.kinds import FLOATS, require_kind
from minitensor.ops.operand import same_device
from minitensor.ops.scatter import scatter
from minitensor.shapes import ntuple

if TYPE_CHECKING:
    from minitensor.tensor import Tensor

Numbers = tuple[int, ...]
Sizes = int | Sequence[int]


@ungated
def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Undo ``max_pool1d`` of signals (N, C, L) or (C, L), given its indices; see ``max_unpool2d``."""
    return unpooled("max_unpool1d", 1, input, indices, kernel_size, stride, padding, output_size)


@ungated
def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Undo ``max_pool2d`` of images (N, C, H, W) or (C, H, W), given its indices: all but the largest become zero.

    Several sizes pool to one: the smallest that the windows fill is taken unless ``output_size`` says another.

    >>> import minitensor as torch
    >>> pooled, indices = torch.nn.functional.max_pool2d(torch.tensor([[[1., 2.], [3., 4.]]]), 2, return_indices=True)
    >>> max_unpool2d(pooled, indices, 2)
    tensor([[[0., 0.],
             [0., 4.]]])
    """
    return unpooled("max_unpool2d", 2, input, indices, kernel_size, stride, padding, output_size)


@ungated
def max_unpool3d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Undo ``max_pool3d`` of volumes (N, C, D, H, W) or (C, D, H, W), given its indices; see ``max_unpool2d``."""
    return unpooled("max_unpool3d", 3, input, indices, kernel_size, stride, padding, output_size)


def unpooled(
    name: str,
    dims: int,
    input: Tensor,
    indices: Tensor,
    kernel: Sizes,
    stride: Any,
    padding: Sizes,
    output_size: Sequence[int] | None,
) -> Tensor:
    """Check everything, then scatter in flat planes."""
    check_tensors(name, dims, input, indices)
    if stride is None or (isinstance(stride, (list, tuple)) and not stride):
        stride = kernel
    numbers = [ntuple(each, dims) for each in (kernel, stride, padding)]
    size = unpooled_size(name, tuple(input.shape[-dims:]), numbers, output_size)
    check_pooled(name, dims, input, indices)
    check_indices(name, indices, size)
    lead = tuple(input.shape[:-dims])
    if 0 in size:
        return as_function_of(input.new_zeros((*lead, *size)), input)
    planes = input.new_zeros((*lead, math.prod(size)))
    flat = (*lead, math.prod(input.shape[-dims:]))
    found = scatter(planes, -1, indices.reshape(flat), input.reshape(flat)).reshape(*lead, *size)
    if dims == 2 and has_format(input.layout, channels_last) and not is_contiguous(input.layout):
        return found.contiguous(memory_format=channels_last)
    return found


def unpooled_size(name: str, pooled: Numbers, numbers: list[Numbers], output_size: Sequence[int] | None) -> Numbers:
    """Return the sizes that were pooled: the smallest ones, or those wanted if they may be."""
    kernel, stride, padding = numbers
    least = tuple([(n - 1) * step + taps - 2 * edge for n, taps, step, edge in zip(pooled, kernel, stride, padding)])
    if output_size is None:
        return not_negative(name, least)
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
    return not_negative(name, wanted)


def not_negative(name: str, size: Numbers) -> Numbers:
    """Return the sizes of an output, none of them negative."""
    if min(size) < 0:
        raise ArgumentError(f"{name}: output_size must contain non-negative spatial dimensions, got {size}")
    return size


def check_tensors(name: str, dims: int, input: Any, indices: Any) -> None:
    """Refuse what are not tensors, or an input of another number of dims."""
    for argument, each in (("input", input), ("indices", indices)):
        if not isinstance(each, TensorBase):
            raise WrongTypeError(f"{name}(): argument {argument!r} must be a tensor, not {type(each).__name__}")
    require_kind(name, FLOATS, input)
    if indices.dtype is not int64:
        raise DtypeError(f"{name}: elements in indices should be type int64 but got {indices.dtype.name}")
    if input.ndim not in (dims + 1, dims + 2):
        raise ShapeError(
            f"{name}: expected {dims + 1}D (unbatched) or {dims + 2}D (batched) input, got shape {tuple(input.shape)}"
        )


def check_pooled(name: str, dims: int, input: Tensor, indices: Tensor) -> None:
    """Refuse what max pooling cannot have given."""
    if 0 in input.shape[1:]:
        raise ShapeError(f"{name}: no dim of the input but the first may be empty, got shape {tuple(input.shape)}")
    if input.shape != indices.shape:
        raise ShapeError(
            f"{name}: expected shape of indices to be that of input {tuple(input.shape)}, got {tuple(indices.shape)}"
        )
    same_device(input, indices)


def check_indices(name: str, indices: Tensor, size: Numbers) -> None:
    """Refuse positions outside the planes."""
    count = math.prod(size)
    if not count:  # as in PyTorch, the result is empty whatever the indices are
        return
    places = values_of(indices)
    outside = (places < 0) | (places >= count)
    if places.size and bool(outside.any()):
        wrong = int(places[outside][0])
        raise ShapeError(f"{name}: found an invalid max index: {wrong} (output volumes are of size {size})")

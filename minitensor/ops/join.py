"""Joining tensors along a dim, and splitting one into views.

``cat`` and ``stack`` copy. Pieces are views, and the gradients of all pieces are joined at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minitensor import layouts
from minitensor.autograd import declare
from minitensor.autograd.argument_types import check_type
from minitensor.autograd.binding import host_value
from minitensor.autograd.declare import differentiable
from minitensor.autograd.misuse import composite
from minitensor.autograd.spellings import other_names
from minitensor.autograd.strides import in_layout, of_parts
from minitensor.base import TensorBase
from minitensor.dtypes import int64
from minitensor.errors import ArgumentError, ArgumentTypeError, DimError, ShapeError, UsageError
from minitensor.layouts import Layout
from minitensor.ops.broadcast import to_1d, to_2d, to_3d
from minitensor.ops.operand import promote, require_tensors
from minitensor.ops.shape import narrow, reshape
from minitensor.shapes import (
    chunk_sizes,
    normalize_sizes,
    sizes_from_list,
    split_sections,
    tensor_split_pieces,
    wrap_dim,
)

Sections = int | Sequence[int]  # or a tensor of one number; other integers are refused, as in PyTorch

if TYPE_CHECKING:
    from minitensor.autograd.argument_types import Count
    from minitensor.backends import Array
    from minitensor.shapes import Shape
    from minitensor.tensor import Tensor


# -- joining -----------------------------------------------------------------------------------------------------------


def cat_grad(grad: Tensor, dim: int, in_shapes: Sequence[Shape]) -> list[Tensor | None]:
    """Return each tensor's part of the gradient; None for the legacy empty tensors that ``cat`` skips."""
    ndim = grad.ndim
    if not -ndim <= dim < ndim:  # only legacy empty tensors
        return [grad] * len(in_shapes)
    sizes = tuple([shape[dim] if len(shape) == ndim else 0 for shape in in_shapes])
    pieces = split(grad, sizes, dim)
    return [piece if len(shape) == ndim else None for piece, shape in zip(pieces, in_shapes)]


def list_tensors(tensors: Sequence[Tensor], dim: int) -> list[Any]:
    """Return the tensors to join as a tuple; raise for a single tensor."""
    if isinstance(tensors, TensorBase):
        raise sequence_error(tensors)
    return [tuple(tensors), dim]


@differentiable(prepare=list_tensors, tensors=cat_grad)
@in_layout(of_parts)
def cat(tensors: Sequence[Tensor], dim: int = 0, *, out: Tensor | None = None) -> Array:
    """Join ``tensors`` along an existing dim: (n, d) and (m, d) give (n + m, d). Dtypes are promoted.

    Raises:
        ValueError: If the list is empty.
        RuntimeError: If sizes differ in another dim, or a tensor has no dims.
        TypeError: If ``tensors`` is one tensor.

    >>> import minitensor as torch
    >>> torch.cat([torch.tensor([1, 2]), torch.tensor([3.])])
    tensor([1., 2., 3.])
    """
    if not tensors:
        raise ArgumentError("cat(): expected a non-empty list of tensors")
    arrays = arrays_of(tensors)
    if is_mixed(arrays):
        arrays = list(promote(*tensors))
    try:
        joined = tensors[0].backend.concatenate(arrays, dim)
    except (ValueError, IndexError):
        joined = check_and_concatenate(tensors, arrays, dim)
    return joined


concat = concatenate = cat


def check_and_concatenate(tensors: Sequence[Tensor], arrays: list[Array], dim: int) -> Array:
    """Join arrays that the array library refuses: skip empty vectors, which join anything, and raise for the rest."""
    given = [each for each in tensors if each.layout.shape != (0,)]
    if not given:
        return tensors[0].xp.zeros((0,), arrays[0].dtype)
    dim = check_shapes(tensors, given, dim)
    return tensors[0].xp.concatenate([a for a in arrays if a.shape != (0,)], dim)


def arrays_of(tensors: Sequence[Tensor]) -> list[Array]:
    """Return the arrays of tensors; most have one already, and are not asked to make it."""
    return [each.array if each._array is None else each._array for each in tensors]


def is_mixed(arrays: list[Array]) -> bool:
    """Return whether dtypes or array libraries differ, which requires promotion."""
    kinds = [each.dtype for each in arrays]
    return kinds.count(kinds[0]) < len(kinds) or len({*map(type, arrays)}) > 1


def check_shapes(tensors: Sequence[Tensor], given: Sequence[Tensor], dim: int) -> int:
    """Return the dim to join along; raise unless the shapes agree in all others."""
    for i, each in enumerate(tensors):
        if not each.ndim:
            raise ShapeError(f"cat: zero-dimensional tensor (at position {i}) cannot be concatenated; use stack")
    first = given[0].layout.shape
    dim = wrap_dim(dim, len(first))
    for i, each in enumerate(given):
        shape = each.layout.shape
        if len(shape) != len(first):
            raise ShapeError(
                f"cat: tensors must have same number of dimensions: got {len(first)} and {len(shape)} "
                f"(shapes {list(first)} and {list(shape)})"
            )
        for axis, (n, m) in enumerate(zip(first, shape)):
            if n != m and axis != dim:
                raise ShapeError(
                    f"cat: sizes of tensors must match except in dimension {dim}. Expected size {n} in dimension "
                    f"{axis} but got size {m} for tensor number {i} in the list (shapes {list(first)} and "
                    f"{list(shape)})"
                )
    return dim


def sequence_error(given: Any) -> ArgumentTypeError:
    """Return the error for one tensor, or None, where a sequence is expected."""
    return ArgumentTypeError(
        f"argument 'tensors' must be a list or tuple of tensors, not {type(given).__name__}; put it in a list"
    )


def stack_grad(grad: Tensor, dim: int) -> list[Tensor]:
    """Return each tensor's part of the gradient."""
    return list(unbind(grad, dim))


def layout_of_stack(arguments: Sequence[Any], shape: Shape) -> Layout:
    """Return the layout of stacked tensors: they are joined along ``dim``, which is then split."""
    dim = wrap_dim(arguments[1], len(shape))
    if dim == len(shape) - 1:
        return layouts.contiguous(shape)
    joined = (*shape[:dim], shape[dim] * shape[dim + 1], *shape[dim + 2 :])
    return layouts.view(of_parts(arguments, joined), shape) or layouts.contiguous(shape)


@differentiable(prepare=list_tensors, tensors=stack_grad)
@in_layout(layout_of_stack)
def stack(tensors: Sequence[Tensor], dim: int = 0, *, out: Tensor | None = None) -> Array:
    """Join ``tensors`` of one shape along a new dim: k of shape (n, m) give (k, n, m) for dim 0. Dtypes are promoted.

    Raises:
        RuntimeError: If the list is empty, or shapes differ.
        TypeError: If ``tensors`` is one tensor.

    >>> import minitensor as torch
    >>> torch.stack([torch.tensor([1, 2]), torch.tensor([3, 4])], dim=1)
    tensor([[1, 3],
            [2, 4]])
    """
    if not tensors:
        raise ShapeError("stack expects a non-empty list of tensors")
    arrays = arrays_of(tensors)
    shapes = [each.shape for each in arrays]
    first = shapes[0]
    if shapes.count(first) < len(shapes):
        raise unequal_shapes(shapes)
    dim = wrap_dim(dim, len(first) + 1)
    if is_mixed(arrays):
        arrays = list(promote(*tensors))
    if first and not dim:  # join along the first dim and reshape once
        joined = tensors[0].backend.concatenate(arrays, 0).reshape((len(arrays), *first))
    else:
        apart = (*first[:dim], 1, *first[dim:])
        joined = tensors[0].backend.concatenate([each.reshape(apart) for each in arrays], dim)
    return joined


def unequal_shapes(shapes: Sequence[Shape]) -> ShapeError:
    """Return the error for tensors to stack whose shapes differ."""
    i, other = next((i, shape) for i, shape in enumerate(shapes) if shape != shapes[0])
    return ShapeError(
        f"stack expects each tensor to be equal size, but got {list(shapes[0])} at entry 0 and {list(other)} at entry "
        f"{i}"
    )


def require_several(name: str, tensors: Any) -> Sequence[Tensor]:
    """Return the tensors to join; raise for a single tensor or an empty sequence."""
    if isinstance(tensors, TensorBase) or tensors is None:
        raise sequence_error(tensors)
    if not tensors:
        raise ShapeError(f"{name} expects a non-empty TensorList")
    require_tensors(name, **{f"tensors[{i}]": each for i, each in enumerate(tensors)})
    return tensors  # type: ignore[no-any-return]  # a sequence of tensors, as just seen


@composite
def hstack(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """Join ``tensors`` side by side: along dim 1, vectors along dim 0.

    Raises:
        RuntimeError: If the list is empty, or sizes differ.

    >>> import minitensor as torch
    >>> torch.hstack([torch.ones(2, 1), torch.zeros(2, 2)]).shape
    torch.Size([2, 3])
    """
    given = [to_1d(each) for each in require_several("hstack", tensors)]
    return cat(given, 0 if given and given[0].ndim == 1 else 1, out=out)


@composite
def vstack(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """Join ``tensors`` one below the other: along dim 0, vectors as rows.

    Raises:
        RuntimeError: If the list is empty, or sizes differ.

    >>> import minitensor as torch
    >>> torch.vstack([torch.tensor([1, 2]), torch.tensor([3, 4])])
    tensor([[1, 2],
            [3, 4]])
    """
    return cat([to_2d(each) for each in require_several("vstack", tensors)], 0, out=out)


row_stack = vstack


@composite
def dstack(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """Join ``tensors`` in depth: along dim 2; vectors (n,) count as (1, n, 1), matrices (n, m) as (n, m, 1).

    Raises:
        RuntimeError: If the list is empty, or sizes differ.

    >>> import minitensor as torch
    >>> torch.dstack([torch.tensor([1, 2]), torch.tensor([3, 4])])
    tensor([[[1, 3],
             [2, 4]]])
    """
    return cat([to_3d(each) for each in require_several("dstack", tensors)], 2, out=out)


@composite
def column_stack(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """Join ``tensors`` side by side along dim 1, vectors as columns.

    Raises:
        RuntimeError: If the list is empty, or sizes differ.

    >>> import minitensor as torch
    >>> torch.column_stack([torch.tensor([1, 2]), torch.tensor([3, 4])])
    tensor([[1, 3],
            [2, 4]])
    """
    given = require_several("column_stack", tensors)
    return hstack([reshape(each, -1, 1) if each.ndim < 2 else each for each in given], out=out)


# -- splitting ---------------------------------------------------------------------------------------------------------


def split_grad(
    grads: Sequence[Tensor | None], split_size_or_sections: Shape, dim: int, in_shape: Shape
) -> Tensor:
    """Join the gradients of the pieces, with zeros for pieces that have none."""
    some = next(grad for grad in grads if grad is not None)
    return cat([
        some.new_zeros((*in_shape[:dim], size, *in_shape[dim + 1 :])) if grad is None else grad
        for grad, size in zip(grads, split_size_or_sections)
    ], dim)


def cut(layout: Layout, sizes: Any, dim: int) -> tuple[Layout, ...]:
    """Return the layouts of consecutive pieces that fill a dim."""
    shape, strides, start = layout
    before, after = shape[:dim], shape[dim + 1 :]
    pieces = []
    for size in sizes:
        pieces.append(Layout((*before, size, *after), strides, start))
        start += size * strides[dim]
    return tuple(pieces)


def require_dim(name: str, input: Tensor, dim: int) -> int:
    """Return the dim to split; raise for a 0-d tensor."""
    ndim = input.ndim
    if not ndim:
        raise ShapeError(f"{name} expects at least a 1-dimensional tensor, got a 0-d one")
    return wrap_dim(dim, ndim)


def read_sections(
    tensor: Tensor, split_size_or_sections: Sections, dim: int
) -> tuple[Tensor, Shape, int]:
    """Return the sizes of the pieces, and the dim as a non-negative number."""
    dim = require_dim("split", tensor, dim)
    return tensor, split_sections(tensor.layout.shape[dim], as_sections(split_size_or_sections)), dim


def as_sections(given: Sections) -> int | tuple[int, ...]:
    """Return a number of entries as an int, or several as a tuple."""
    if given.__class__ is int:
        return given
    if isinstance(given, TensorBase):
        check_type("split", "split_size_or_sections", "Count | Sequence[int]", given)
        return int(given)
    return sizes_from_list("split", "split_size_or_sections", given)


@declare.views(prepare=read_sections, tensor=split_grad)
@other_names(split_size="split_size_or_sections", input="tensor")
def split(tensor: Tensor, split_size_or_sections: Sections, dim: int = 0) -> tuple[Layout, ...]:
    """Split a dim into pieces of one size (the last may be smaller), or of the given sizes. Returns views.

    Args:
        tensor: The tensor to split.
        split_size_or_sections: The size of each piece, or all their sizes, which must fill the dim.
        dim: The dim to split. Default: ``0``.

    Raises:
        RuntimeError: If the tensor has no dims, a size is negative, or the sizes do not fill the dim.

    >>> import minitensor as torch
    >>> [len(piece) for piece in torch.arange(5).split(2)]
    [2, 2, 1]
    """
    return cut(tensor.layout, split_size_or_sections, dim)


@composite
def split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Split a dim into pieces of the given sizes ``split_sizes``, which must fill it. Returns views.

    >>> import minitensor as torch
    >>> torch.arange(5).split_with_sizes([2, 3])
    (tensor([0, 1]), tensor([2, 3, 4]))
    """
    return split(input, tuple(split_sizes), dim)


@composite
def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Split a dim into at most ``chunks`` pieces of equal size, the last possibly smaller. Returns views.

    Raises:
        RuntimeError: If the tensor has no dims, or ``chunks`` is not positive.

    >>> import minitensor as torch
    >>> [len(piece) for piece in torch.arange(7).chunk(3)]
    [3, 3, 1]
    """
    dim = require_dim("chunk", input, dim)
    size = input.layout.shape[dim]
    sizes = chunk_sizes(size, chunks)
    return split(input, sizes[0] if size else sizes, dim)


# PyTorch's do not track the views; these do.
unsafe_chunk, unsafe_split_with_sizes = chunk, split_with_sizes


@composite
def unsafe_split(input: Tensor, split_size: Count, dim: int = 0) -> tuple[Tensor, ...]:
    """Split a dim into pieces of ``split_size`` entries; the last may be smaller. Here as ``split``.

    Raises:
        RuntimeError: If the tensor has no dims, or the size is negative.

    >>> import minitensor as torch
    >>> [len(piece) for piece in torch.arange(5).unsafe_split(2)]
    [2, 2, 1]
    """
    return split(input, split_size, dim)


@composite
@other_names(
    sections="indices_or_sections", indices="indices_or_sections", tensor_indices_or_sections="indices_or_sections"
)
def tensor_split(
    input: Tensor, indices_or_sections: Tensor | Count | Sequence[int], dim: int = 0
) -> tuple[Tensor, ...]:
    """Split a dim into a number of nearly equal pieces, or before each of several indices. Returns views.

    Args:
        indices_or_sections: The number of pieces, or the indices at which later pieces begin; ints or a tensor of them
            on the CPU.
        dim: The dim to split. Default: ``0``.

    Raises:
        RuntimeError: If there are no dims, the number is not positive, or a tensor of indices has another dtype or too
            many dims.

    >>> import minitensor as torch
    >>> [len(piece) for piece in torch.arange(7).tensor_split(3)]
    [3, 2, 2]
    """
    dim = require_dim("tensor_split", input, dim)
    given = host_value(indices_or_sections, None)
    if isinstance(given, TensorBase):
        if given.dtype is not int64 or given.ndim > 1:
            raise UsageError(
                "tensor_split: expected indices_or_sections to be a 0-d or 1-d tensor of int64, got "
                f"{given.dtype.name} of shape {tuple(given.shape)}"
            )
        given = given.tolist()
    pieces = tensor_split_pieces(input.layout.shape[dim], given if isinstance(given, int) else normalize_sizes(given))
    return tuple([narrow(input, dim, start, length) for start, length in pieces])


@composite
@other_names(sections="indices_or_sections", indices="indices_or_sections")
def hsplit(input: Tensor, indices_or_sections: Tensor | Count | Sequence[int]) -> tuple[Tensor, ...]:
    """Split side by side: along dim 1, a vector along dim 0; arguments as for ``tensor_split``. Returns views.

    Raises:
        RuntimeError: If the tensor has no dims, or its size is no multiple of the number of pieces.

    >>> import minitensor as torch
    >>> [piece.shape for piece in torch.ones(2, 4).hsplit(2)]
    [torch.Size([2, 2]), torch.Size([2, 2])]
    """
    return split_evenly("hsplit", input, indices_or_sections, 0 if input.ndim == 1 else 1, 1)


@composite
@other_names(sections="indices_or_sections", indices="indices_or_sections")
def vsplit(input: Tensor, indices_or_sections: Tensor | Count | Sequence[int]) -> tuple[Tensor, ...]:
    """Split along dim 0; arguments as for ``tensor_split``. Returns views.

    Raises:
        RuntimeError: If the tensor has fewer than 2 dims, or its size is no multiple of the number of pieces.

    >>> import minitensor as torch
    >>> [piece.shape for piece in torch.ones(4, 2).vsplit(2)]
    [torch.Size([2, 2]), torch.Size([2, 2])]
    """
    return split_evenly("vsplit", input, indices_or_sections, 0, 2)


@composite
@other_names(sections="indices_or_sections", indices="indices_or_sections")
def dsplit(input: Tensor, indices_or_sections: Tensor | Count | Sequence[int]) -> tuple[Tensor, ...]:
    """Split along dim 2; arguments as for ``tensor_split``. Returns views.

    Raises:
        RuntimeError: If the tensor has fewer than 3 dims, or its size is no multiple of the number of pieces.

    >>> import minitensor as torch
    >>> [piece.shape for piece in torch.ones(1, 1, 4).dsplit([1])]
    [torch.Size([1, 1, 1]), torch.Size([1, 1, 3])]
    """
    return split_evenly("dsplit", input, indices_or_sections, 2, 3)


def split_evenly(name: str, input: Tensor, given: Any, dim: int, least: int) -> tuple[Tensor, ...]:
    """Split a dim of a tensor that has at least ``least`` dims; a number of pieces must divide its size."""
    if input.ndim < least:
        raise ShapeError(f"{name} requires a tensor with at least {least} dimension(s), got shape {list(input.shape)}")
    given, size = host_value(given, None), input.layout.shape[dim]
    if isinstance(given, int) and given > 0 and size % given:
        raise ShapeError(
            f"{name} attempted to split along dimension {dim}, but its size {size} is not divisible by {given}; use "
            "tensor_split for pieces of different sizes"
        )
    return tensor_split(input, given, dim)


def unbind_grad(grads: Sequence[Tensor | None], in_shape: Shape, dim: int) -> Tensor:
    """Stack the gradients of the entries, with zeros for entries that have none."""
    some = next(grad for grad in grads if grad is not None)
    zeros = some.new_zeros(some.shape)
    return stack([zeros if grad is None else grad for grad in grads], dim)


def along_dim(input: Tensor, dim: int) -> tuple[Tensor, int]:
    """Return ``dim`` as a non-negative number; raise for a tensor without dims."""
    if not input.ndim:
        raise DimError(f"unbind: dimension specified as {dim} but the tensor has no dimensions")
    return input, wrap_dim(dim, input.ndim)


@declare.views(prepare=along_dim, input=unbind_grad)
def unbind(input: Tensor, dim: int = 0) -> tuple[Layout, ...]:
    """Return the entries of a dim as a tuple of views without that dim.

    Raises:
        IndexError: If the tensor has no dims.

    >>> import minitensor as torch
    >>> torch.tensor([[1, 2], [3, 4]]).unbind()
    (tensor([1, 2]), tensor([3, 4]))
    """
    shape, strides, offset = input.layout
    rest, steps, step = shape[:dim] + shape[dim + 1 :], strides[:dim] + strides[dim + 1 :], strides[dim]
    return tuple([Layout(rest, steps, offset + i * step) for i in range(shape[dim])])

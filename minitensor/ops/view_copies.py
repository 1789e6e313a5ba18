"""The ``*_copy`` variants of views: the same elements as a view in new, contiguous memory.

Each one calls its view and copies the result, so that arguments, errors and gradients are the view's. Tensors in
``out`` must have the dtype of the input.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from minitensor.autograd.argument_types import Count
from minitensor.autograd.misuse import composite
from minitensor.dtypes import dtype as Dtype
from minitensor.errors import ArgumentTypeError, UsageError
from minitensor.memory_format import contiguous_format
from minitensor.ops import complex as complex_ops
from minitensor.ops import copy, index, join, shape
from minitensor.ops.out import write_out, write_outs

if TYPE_CHECKING:
    from minitensor.tensor import Tensor


def copy_view(name: str, view: Tensor, out: Tensor | None) -> Tensor:
    """Return a contiguous copy of a view, written into ``out`` if that is given."""
    return write_out(name, copy.clone(view, memory_format=contiguous_format), out)


def copy_views(name: str, views: Sequence[Tensor], out: Sequence[Tensor] | None) -> tuple[Tensor, ...] | None:
    """Return contiguous copies of views; None, as PyTorch does, if they are written into the tensors of ``out``."""
    copies = tuple([copy.clone(each, memory_format=contiguous_format) for each in views])
    if out is None:
        return copies
    if len(out) != len(copies):
        raise UsageError(f"{name}: expected an out= argument of size {len(copies)}, got size {len(out)}")
    write_outs(name, copies, out)
    return None


# -- the same elements -------------------------------------------------------------------------------------------------


@composite
def alias_copy(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Return a contiguous copy of the tensor.

    >>> import minitensor as torch
    >>> torch.alias_copy(torch.ones(2, 3).t()).stride()
    (2, 1)
    """
    return copy_view("alias_copy", input, out)


@composite
def detach_copy(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Return a contiguous copy without history; see ``detach``.

    >>> import minitensor as torch
    >>> torch.detach_copy(torch.ones(2, requires_grad=True)).requires_grad
    False
    """
    return copy_view("detach_copy", input.detach(), out)


# -- other shapes ------------------------------------------------------------------------------------------------------


@composite
def view_copy(
    input: Tensor, size: Sequence[int] | Dtype | None = None, dtype: Dtype | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Return a copy of the elements in another shape, or of the memory read as another dtype; see ``view``.

    Args:
        size: The shape, or a dtype in its place.
        dtype: The dtype, if that is given by name.

    Raises:
        TypeError: If neither or both are given.

    >>> import minitensor as torch
    >>> torch.view_copy(torch.arange(4), (2, 2))
    tensor([[0, 1],
            [2, 3]])
    """
    if (size is None) == (dtype is None):
        raise ArgumentTypeError(f"view_copy() takes a size or a dtype, got {size} and {dtype}")
    wanted = dtype or size
    is_dtype = isinstance(wanted, Dtype)
    return copy_view("view_copy", shape.view(input, wanted) if is_dtype else shape.reshape(input, wanted), out)


@composite
def expand_copy(input: Tensor, size: Sequence[int], *, implicit: bool = False, out: Tensor | None = None) -> Tensor:
    """Return a copy in which dims of size 1 are repeated; see ``expand``.

    Args:
        size: The sizes; -1 keeps one.
        implicit: Has no effect, as in PyTorch.

    >>> import minitensor as torch
    >>> torch.expand_copy(torch.tensor([[1], [2]]), (2, 2))
    tensor([[1, 1],
            [2, 2]])
    """
    return copy_view("expand_copy", shape.expand(input, size, implicit=implicit), out)


@composite
def squeeze_copy(input: Tensor, dim: int | Sequence[int] | None = None, *, out: Tensor | None = None) -> Tensor:
    """Return a copy without dims of size 1; see ``squeeze``.

    >>> import minitensor as torch
    >>> torch.squeeze_copy(torch.ones(1, 2, 1)).shape
    torch.Size([2])
    """
    return copy_view("squeeze_copy", shape.squeeze(input, dim), out)


@composite
def unsqueeze_copy(input: Tensor, dim: int, *, out: Tensor | None = None) -> Tensor:
    """Return a copy with a new dim of size 1; see ``unsqueeze``.

    >>> import minitensor as torch
    >>> torch.unsqueeze_copy(torch.ones(2), 0).shape
    torch.Size([1, 2])
    """
    return copy_view("unsqueeze_copy", shape.unsqueeze(input, dim), out)


# -- other orders of the dims ------------------------------------------------------------------------------------------


@composite
def t_copy(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Return a copy of the transposed matrix; see ``t``.

    >>> import minitensor as torch
    >>> torch.t_copy(torch.tensor([[1, 2], [3, 4]]))
    tensor([[1, 3],
            [2, 4]])
    """
    return copy_view("t_copy", shape.t(input), out)


@composite
def transpose_copy(input: Tensor, dim0: int, dim1: int, *, out: Tensor | None = None) -> Tensor:
    """Return a copy with two dims swapped; see ``transpose``.

    Args:
        dim0, dim1: The two dims.

    >>> import minitensor as torch
    >>> torch.transpose_copy(torch.ones(2, 3), 0, 1).shape
    torch.Size([3, 2])
    """
    return copy_view("transpose_copy", shape.transpose(input, dim0, dim1), out)


@composite
def permute_copy(input: Tensor, dims: Sequence[int], *, out: Tensor | None = None) -> Tensor:
    """Return a copy with the dims in another order; see ``permute``.

    Args:
        dims: The dims in their new order.

    >>> import minitensor as torch
    >>> torch.permute_copy(torch.ones(2, 3, 4), (2, 0, 1)).shape
    torch.Size([4, 2, 3])
    """
    return copy_view("permute_copy", shape.permute(input, dims), out)


# -- parts -------------------------------------------------------------------------------------------------------------


@composite
def narrow_copy(input: Tensor, dim: int, start: Count, length: Count, *, out: Tensor | None = None) -> Tensor:
    """Return a copy of ``length`` entries of a dim, from ``start`` on; see ``narrow``.

    >>> import minitensor as torch
    >>> torch.narrow_copy(torch.arange(5), 0, 1, 3)
    tensor([1, 2, 3])
    """
    return copy_view("narrow_copy", shape.narrow(input, dim, start, length), out)


@composite
def select_copy(input: Tensor, dim: int, index: Count, *, out: Tensor | None = None) -> Tensor:
    """Return a copy of one entry of a dim; see ``select``.

    Args:
        dim: The dim that is removed.
        index: Which entry; a negative one counts from the end.

    >>> import minitensor as torch
    >>> torch.select_copy(torch.arange(6).view(2, 3), 1, 0)
    tensor([0, 3])
    """
    return copy_view("select_copy", shape.select(input, dim, index), out)


@composite
def slice_copy(
    input: Tensor, dim: int = 0, start: Count | None = None, end: Count | None = None, step: Count = 1, *,
    out: Tensor | None = None,
) -> Tensor:
    """Return a copy of the entries of a dim from ``start`` up to ``end``, as slices of lists count them.

    Args:
        dim: The dim that is cut.
        start, end: The first entry, and the one after the last. Default: ``None``, all entries.
        step: Take every ``step``-th entry.

    Raises:
        RuntimeError: If the step is not positive.

    >>> import minitensor as torch
    >>> torch.slice_copy(torch.arange(6), 0, 1, None, 2)
    tensor([1, 3, 5])
    """
    if step < 1:
        raise UsageError(f"slice step must be positive, got {step}; use flip to reverse a dim")
    last = shape.transpose(input, dim, -1)
    return copy_view("slice_copy", shape.transpose(index.getitem(last, (..., slice(start, end, step))), dim, -1), out)


@composite
def unfold_copy(input: Tensor, dimension: int, size: int, step: int, *, out: Tensor | None = None) -> Tensor:
    """Return a copy of the windows of a dim; see ``Tensor.unfold``.

    Args:
        dimension: The dim that is cut into windows.
        size: The size of a window.
        step: The distance between windows.

    >>> import minitensor as torch
    >>> torch.unfold_copy(torch.arange(4), 0, 2, 1)
    tensor([[0, 1],
            [1, 2],
            [2, 3]])
    """
    return copy_view("unfold_copy", shape.unfold(input, dimension, size, step), out)


@composite
def diagonal_copy(
    input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1, *, out: Tensor | None = None
) -> Tensor:
    """Return a copy of the diagonal of two dims; see ``diagonal``.

    Args:
        offset: Which diagonal: above the main one if positive, below it if negative.
        dim1, dim2: The two dims.

    >>> import minitensor as torch
    >>> torch.diagonal_copy(torch.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    return copy_view("diagonal_copy", shape.diagonal(input, offset, dim1, dim2), out)


@composite
def as_strided_copy(
    input: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: Count | None = None, *,
    out: Tensor | None = None,
) -> Tensor:
    """Return a copy of the memory read by other strides; see ``as_strided``.

    Args:
        size: The shape.
        stride: The strides, in elements.
        storage_offset: The first element in the storage. Default: ``None``, that of ``input``.

    >>> import minitensor as torch
    >>> torch.as_strided_copy(torch.arange(4), (2, 2), (1, 2))
    tensor([[0, 2],
            [1, 3]])
    """
    return copy_view("as_strided_copy", shape.as_strided(input, size, stride, storage_offset), out)


@composite
def split_copy(
    input: Tensor, split_size: Count, dim: int = 0, *, out: Sequence[Tensor] | None = None
) -> tuple[Tensor, ...] | None:
    """Return copies of the parts of a dim; see ``split``. With ``out``, a list of tensors, return None.

    Args:
        split_size: How many entries each part has; the last part may have fewer.
        dim: The dim that is cut.

    Raises:
        RuntimeError: If ``out`` has more or fewer tensors than there are parts.

    >>> import minitensor as torch
    >>> torch.split_copy(torch.arange(3), 2)
    (tensor([0, 1]), tensor([2]))
    """
    return copy_views("split_copy", join.split(input, split_size, dim), out)


@composite
def split_with_sizes_copy(
    input: Tensor, split_sizes: Sequence[int], dim: int = 0, *, out: Sequence[Tensor] | None = None
) -> tuple[Tensor, ...] | None:
    """Return copies of parts of given sizes; see ``split_with_sizes``. With ``out``, a list of tensors, return None.

    Args:
        split_sizes: How many entries each part has.
        dim: The dim that is cut.

    Raises:
        RuntimeError: If ``out`` has more or fewer tensors than there are parts.

    >>> import minitensor as torch
    >>> torch.split_with_sizes_copy(torch.arange(3), [1, 2])
    (tensor([0]), tensor([1, 2]))
    """
    return copy_views("split_with_sizes_copy", join.split_with_sizes(input, split_sizes, dim), out)


@composite
def unbind_copy(
    input: Tensor, dim: int = 0, *, out: Sequence[Tensor] | None = None
) -> tuple[Tensor, ...] | None:
    """Return copies of the entries of a dim; see ``unbind``. With ``out``, a list of tensors, return None.

    Raises:
        RuntimeError: If ``out`` has more or fewer tensors than there are entries.

    >>> import minitensor as torch
    >>> torch.unbind_copy(torch.tensor([[1, 2], [3, 4]]))
    (tensor([1, 2]), tensor([3, 4]))
    """
    return copy_views("unbind_copy", join.unbind(input, dim), out)


# -- complex numbers ---------------------------------------------------------------------------------------------------


@composite
def view_as_real_copy(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Return complex numbers as pairs of reals in new memory; see ``view_as_real``.

    >>> import minitensor as torch
    >>> torch.view_as_real_copy(torch.tensor([1 + 2j]))
    tensor([[1., 2.]])
    """
    return copy_view("view_as_real_copy", complex_ops.view_as_real(input), out)


@composite
def view_as_complex_copy(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Return pairs of reals as complex numbers in new memory; see ``view_as_complex``.

    >>> import minitensor as torch
    >>> torch.view_as_complex_copy(torch.tensor([[1., 2.]]))
    tensor([1.+2.j])
    """
    return copy_view("view_as_complex_copy", complex_ops.view_as_complex(input), out)

"""Copies of a tensor's elements in new memory, and the same memory without history.

Casts and moves to another device are in ``cast.py``, writes in ``fill.py``, views in ``shape.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor import layouts
from minitensor.autograd.declare import differentiable, view, visible
from minitensor.autograd.leaf import Leaf
from minitensor.autograd.strides import as_input, in_layout, with_gaps
from minitensor.base import TensorBase, renew_array, window
from minitensor.copies import record_copy, tracing
from minitensor.errors import (
    ArgumentError,
    ArgumentTypeError,
    DtypeError,
)
from minitensor.memory_format import apply_format, contiguous_format, has_format, memory_format, preserve_format
from minitensor.storage import BorrowedStorage, lender

if TYPE_CHECKING:
    from collections.abc import Sequence

    from minitensor.backends import Array
    from minitensor.layouts import Layout
    from minitensor.shapes import Shape
    from minitensor.tensor import Tensor


@differentiable(name="clone", input=lambda grad: grad)
@in_layout(as_input)
def clone_in_order(input: Tensor) -> Array:
    """Return a copy that keeps the order of the dims in memory: `clone` with fewer steps, as most are of this kind."""
    return copy_in_format(input, preserve_format)


def layout_of_clone(arguments: Sequence[Any], shape: Shape) -> Layout:
    """Return the layout of a copy in the memory format that is the second argument."""
    return apply_format(arguments[0].layout, arguments[1])


@differentiable(whole=clone_in_order, input=lambda grad: grad)
@in_layout(layout_of_clone, always=True)
def clone(input: Tensor, *, memory_format: memory_format = preserve_format) -> Array:
    """Return a copy in new memory; it keeps the order of the dims in memory unless ``memory_format`` names another.

    >>> import minitensor as torch
    >>> torch.zeros(2, 3).t().clone().stride()
    (1, 3)
    """
    return copy_in_format(input, memory_format)


def copy_in_format(input: Tensor, memory_format: memory_format) -> Array:
    """Return a copy of the elements in a memory format."""
    array = input.array
    if memory_format is contiguous_format or (memory_format is preserve_format and array.flags.c_contiguous):
        copy: Array = array.copy()
        return copy
    return copy_as(input, apply_format(input.layout, memory_format))


@view(input=lambda grad, in_shape: grad.contiguous().view(in_shape))  # `view` sets the strides of dims of size 1 too
def with_row_major_grad(input: Tensor) -> Layout:
    """Return a view whose gradient is row-major, for functions that permute dims where PyTorch's kernels do not."""
    return input.layout


@differentiable(input=lambda grad: grad)
@in_layout(as_input)
def clone_beside(input: Tensor, others: tuple[Any, ...]) -> Array:
    """Copy ``input``; inside ``vmap`` the copy is batched if one of ``others``, to be written into it, is."""
    return copy_in_format(input, preserve_format)


def writable_copy(input: Tensor, *others: Any) -> Tensor:
    """Return a copy into which ``others`` will be written."""
    return clone_beside(input, others)


@differentiable(input=lambda grad: grad)
@in_layout(with_gaps)
def copy_with_gaps(input: Tensor, others: tuple[Any, ...]) -> Array:
    """Copy ``input`` as ``clone_beside`` does, with its own strides."""
    return copy_in_format(input, preserve_format)


def copy_as(input: Tensor, layout: Layout) -> Array:
    """Return a copy of the elements with the given layout."""
    array = empty_as(input, layout)
    array[...] = input.array
    return array


def empty_as(like: Tensor, layout: Layout) -> Array:
    """Return uninitialized memory with a tensor's dtype and device."""
    backend, kind = like.backend, like.array.dtype
    flat = backend.library_on(like.device.index).empty(layouts.numel(layout.shape), kind)
    return backend.window(flat, kind, layout.shape, layout.strides, 0)


def contiguous(input: Tensor, memory_format: memory_format = contiguous_format) -> Tensor:
    """Return the tensor itself if it is contiguous (in ``memory_format``), else a contiguous copy.

    Raises:
        ValueError: If ``memory_format`` is ``preserve_format``.

    >>> import minitensor as torch
    >>> x = torch.zeros(2, 3)
    >>> x.contiguous() is x, x.t().contiguous().stride()
    (True, (2, 1))
    """
    if memory_format is contiguous_format:
        return input if layouts.is_contiguous(input.layout) else make_contiguous(input, memory_format)
    if memory_format is preserve_format:
        raise ArgumentError("contiguous: preserve_format is unsupported; name contiguous_format or channels_last")
    return input if has_format(input.layout, memory_format) else make_contiguous(input, memory_format)


@differentiable(name="clone", input=lambda grad: grad)
@in_layout(layout_of_clone, always=True)
def make_contiguous(input: Tensor, memory_format: memory_format) -> Array:
    """Return a copy in a memory format, listed as an implicit one."""
    array = copy_in_format(input, memory_format)
    if tracing.get():
        record_copy("contiguous", array)
    return array


@visible
def detach(input: Tensor) -> Tensor:
    """Return the same memory without history: writes are visible through both, gradients stop here.

    >>> import minitensor as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> (x * 2).detach()
    tensor([2., 2.])
    """
    view: Tensor = window(input, input._layout or input.layout)
    return view


def data(input: Tensor) -> Tensor:
    """The same memory without history, whose writes this tensor does not count: autograd misses them.

    >>> import minitensor as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> x.data += 1
    >>> x, x._version
    (tensor([2., 2.], requires_grad=True), 0)
    """
    view = detach(input)
    if not isinstance(view, view.batched_class):
        storage = lender(view.storage)
        view._storage = BorrowedStorage(storage, storage.array)
    return view


def set_data(input: Tensor, value: Tensor) -> None:
    """Let a tensor share another's memory; its history stays."""
    if not isinstance(value, TensorBase):
        raise ArgumentTypeError(f"data: expected a tensor, got {type(value).__name__}")
    if input.node is not None and not (value.dtype.is_floating_point or value.dtype.is_complex):
        raise DtypeError(
            "data set to a tensor that requires gradients must be floating point or complex dtype, got "
            f"{value.dtype.name}; call requires_grad_(False) first, or cast the data"
        )
    is_same = lender(value.storage) is lender(input.storage)  # the tensor then keeps its count of writes
    input._storage, input._layout = input.storage if is_same else value.storage, value.layout
    renew_array(input)
    if input._node.__class__ is Leaf:
        input._node.describe(input)

"""Copies of a tensor's elements in new memory, and the same memory without history.

Casts and moves to another device are in ``cast.py``, writes in ``fill.py``, views in ``shape.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor import layout as layouts
from minitensor.autograd.declare import differentiable, visible
from minitensor.autograd.node import Leaf
from minitensor.base import TensorBase, window
from minitensor.copies import record_copy, tracing
from minitensor.errors import (
    ArgumentError,
    ArgumentTypeError,
    DtypeError,
)
from minitensor.memory_format import apply_format, contiguous_format, has_format, memory_format, preserve_format

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.layout import Layout
    from minitensor.tensor import Tensor


@differentiable(input=lambda grad: grad)
def _clone(input: Tensor) -> Array:
    return copy_preserving(input)


def copy_preserving(input: Tensor) -> Array:
    """Return a copy of the elements that keeps the order of the dims in memory."""
    array = input.array
    return array.copy() if array.flags.c_contiguous else copy_as(input, layouts.like(input.layout))


@differentiable(input=lambda grad: grad)
def _contiguous(input: Tensor) -> Array:
    array: Array = input.array.copy()
    if tracing.get():
        record_copy("contiguous", array)
    return array


@differentiable(input=lambda grad: grad)
def _reformat(input: Tensor, memory_format: memory_format) -> Array:
    return copy_as(input, apply_format(input.layout, memory_format))


def clone(input: Tensor, *, memory_format: memory_format = preserve_format) -> Tensor:
    """Return a copy in new memory; it keeps the order of the dims in memory unless ``memory_format`` names another.

    >>> import minitensor as torch
    >>> torch.zeros(2, 3).t().clone().stride()
    (1, 3)
    """
    return _clone(input) if memory_format is preserve_format else _reformat(input, memory_format)


@differentiable(input=lambda grad: grad)
def _clone_beside(input: Tensor, others: tuple[Any, ...]) -> Array:
    """Copy ``input``; inside ``vmap`` the copy is batched if one of ``others``, to be written into it, is."""
    return copy_preserving(input)


def writable_copy(input: Tensor, *others: Any) -> Tensor:
    """Return a copy into which ``others`` will be written."""
    return _clone_beside(input, others)


def copy_as(input: Tensor, layout: Layout) -> Array:
    """Return a copy of the elements with the given layout."""
    array = empty_as(input, layout)
    array[...] = input.array
    return array


def empty_as(like: Tensor, layout: Layout) -> Array:
    """Return uninitialized memory with a tensor's dtype and device."""
    backend, kind = like.backend, like.array.dtype
    flat = backend.xp.empty(layouts.numel(layout.shape), kind)
    return backend.window(flat, kind, layout.shape, layout.strides, 0)


def contiguous(input: Tensor, memory_format: memory_format = contiguous_format) -> Tensor:
    """Return the tensor itself if it is contiguous (in ``memory_format``), else a contiguous copy.

    >>> import minitensor as torch
    >>> x = torch.zeros(2, 3)
    >>> x.contiguous() is x, x.t().contiguous().stride()
    (True, (2, 1))
    """
    if memory_format is contiguous_format:
        return input if layouts.is_contiguous(input.layout) else _contiguous(input)
    if memory_format is preserve_format:
        raise ArgumentError("contiguous: preserve_format is unsupported; name contiguous_format or channels_last")
    if has_format(input.layout, memory_format):
        return input
    copy = _reformat(input, memory_format)
    if tracing.get():
        record_copy("contiguous", copy.array)
    return copy


@visible
def detach(input: Tensor) -> Tensor:
    """Return the same memory without history: writes are visible through both, gradients stop here."""
    view: Tensor = window(input, input._layout or input.layout)
    return view


def data(input: Tensor) -> Tensor:
    """Return the same memory without history, as ``detach`` does; unlike PyTorch's, writes count as versions."""
    return detach(input)


def set_data(input: Tensor, value: Tensor) -> None:
    """Let a tensor share another's memory; its history stays."""
    if not isinstance(value, TensorBase):
        raise ArgumentTypeError(f"data: expected a tensor, got {type(value).__name__}")
    if input.node is not None and not (value.dtype.is_floating_point or value.dtype.is_complex):
        raise DtypeError(
            "data set to a tensor that requires gradients must be floating point or complex dtype, got "
            f"{value.dtype.name}; call requires_grad_(False) first, or cast the data"
        )
    input._storage, input._layout = value.storage, value.layout
    input.array = value.array
    if input._node.__class__ is Leaf:
        input._node.describe(input)

"""Changing the shape or memory of a tensor itself: ``resize_``, ``resize_as_``, ``set_``.

They share ``change_layout`` with ``out=``: the tensor reads its memory through another layout, or a longer copy of the
memory where that is too small. Nothing is computed here; new elements are uninitialized.
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

from minitensor import layouts
from minitensor.autograd.interpreters import active
from minitensor.autograd.leaf import Leaf
from minitensor.autograd.misuse import composite
from minitensor.autograd.mode import grad_mode
from minitensor.backends import BY_ARRAY
from minitensor.backends.encoded import of_dtype
from minitensor.base import TensorBase, array_dtype, renew_array
from minitensor.callers import user_level
from minitensor.errors import ArgumentTypeError, DtypeError, InplaceError, ShapeError, UsageError
from minitensor.layouts import Layout
from minitensor.memory_format import apply_format, channels_last, channels_last_3d, contiguous_format, preserve_format
from minitensor.ops.aliasing import refuse_leaf
from minitensor.shapes import normalize_sizes, require_room
from minitensor.storage import BorrowedStorage, SharedCountStorage, Storage, lender, owner, reinterpret

if TYPE_CHECKING:
    from minitensor.memory_format import memory_format
    from minitensor.tensor import Tensor


# -- another layout ----------------------------------------------------------------------------------------------------


def change_layout(input: Tensor, layout: Layout) -> None:
    """Let a tensor read its memory through another layout, or a longer copy of it if it is too small.

    Tensors that shared the old memory keep it; both memories share one version counter.
    """
    storage = input.storage
    _, end = layouts.extent(layout)
    if end > storage.numel() and 0 not in layout.shape:
        require_room((end,))
        xp = BY_ARRAY[storage.array.__class__].xp  # input.array may not exist yet
        memory = of_dtype(xp.empty(end, array_dtype(input)))
        memory[: storage.numel()] = storage.buffer
        input._storage, input._base = SharedCountStorage(storage, memory), None
    assign_layout(input, layout)


def assign_layout(input: Any, layout: Layout) -> None:
    """Give a tensor another layout over its storage, and its leaf node the new shape."""
    input._layout = layout
    renew_array(input)
    if input._node.__class__ is Leaf:
        input._node.describe(input)


@composite
def resize_(input: Tensor, *size: Any, memory_format: memory_format | None = None) -> Tensor:
    """Give the tensor another shape in place, contiguous in its memory, or in a longer copy if that is too small.

    New elements are uninitialized. Tensors that shared the old memory keep it. If the shape stays the same, nothing
    changes, not even strides, unless a ``memory_format`` is given.

    Args:
        *size: The shape, as several ints or one sequence.

    Raises:
        RuntimeError: If the tensor requires grad, or a size is negative.

    >>> import minitensor as torch
    >>> torch.arange(6).resize_(2, 2)
    tensor([[0, 1],
            [2, 3]])
    """
    shape = tuple(normalize_sizes(*size))
    if any(n < 0 for n in shape):
        raise ShapeError(f"resize_: sizes must not be negative, got {list(shape)}")
    if input.node is not None:
        raise InplaceError("resize_: cannot resize variables that require grad; use reshape, or detach() first")
    if active and input.result_class._dual_level.is_dual(input):
        raise InplaceError("resize_: cannot resize variables that has a forward grad; use reshape")
    if memory_format is preserve_format:
        raise UsageError("resize_: preserve_format is unsupported; name contiguous_format or channels_last")
    if shape == input.layout.shape and memory_format is None:
        return input
    fresh = apply_format(layouts.contiguous(shape), memory_format or contiguous_format)
    layout = Layout(shape, fresh.strides, input.layout.offset)
    if layout != input.layout:
        change_layout(input, layout)
        input.storage.version += 1
    return input


@composite
def resize_as_(input: Tensor, the_template: Tensor, *, memory_format: memory_format | None = None) -> Tensor:
    """Give the tensor the shape of another in place, with ``preserve_format`` its memory format too; see ``resize_``.

    Args:
        the_template: The tensor whose shape is taken.

    Raises:
        TypeError: If ``the_template`` is not a tensor.
        RuntimeError: If the tensor requires grad.

    >>> import minitensor as torch
    >>> torch.arange(6).resize_as_(torch.ones(2, 2))
    tensor([[0, 1],
            [2, 3]])
    """
    if not isinstance(the_template, TensorBase):
        raise ArgumentTypeError(
            f"resize_as_(): argument 'the_template' must be a tensor, not {type(the_template).__name__}"
        )
    format = format_of(the_template) if memory_format is preserve_format else memory_format
    return resize_(input, the_template.layout.shape, memory_format=format)


@composite
def resize(input: Tensor, *sizes: Any) -> Tensor:
    """Return the tensor in another shape: a former ``reshape``. Deprecated.

    Args:
        *sizes: The shape, as several ints or one sequence, with as many elements as the tensor has.

    Raises:
        RuntimeError: If the number of elements is another one.

    >>> import minitensor as torch
    >>> torch.arange(4).resize(2, 2)  # doctest: +SKIP
    tensor([[0, 1],
            [2, 3]])
    """
    warnings.warn("non-inplace resize is deprecated", stacklevel=user_level())
    return reshape_to(input, tuple(normalize_sizes(*sizes)))


def reshape_to(input: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return the tensor in a shape with as many elements; raise if it has others."""
    if math.prod(shape) != input.numel():
        raise ShapeError(
            f"requested resize to {'x'.join(map(str, shape))} ({math.prod(shape)} elements in total), but the given "
            f"tensor has a size of {'x'.join(map(str, input.shape))} ({input.numel()} elements). autograd's resize can "
            "only change the shape of a given tensor, while preserving the number of elements"
        )
    return input.reshape(shape)


@composite
def resize_as(input: Tensor, tensor: Tensor) -> Tensor:
    """Return the tensor in the shape of another, as ``resize`` does. Deprecated.

    Args:
        tensor: The tensor whose shape is taken.

    Raises:
        RuntimeError: If the number of elements is another one.

    >>> import minitensor as torch
    >>> torch.arange(4).resize_as(torch.ones(2, 2)).shape  # doctest: +SKIP
    torch.Size([2, 2])
    """
    warnings.warn("non-inplace resize_as is deprecated", stacklevel=user_level())
    return reshape_to(input, tensor.layout.shape)


def format_of(tensor: Tensor) -> memory_format:
    """Return the memory format of a tensor."""
    if not layouts.suggests_channels_last(tensor.layout):
        return contiguous_format
    return channels_last if tensor.ndim == 4 else channels_last_3d


# -- other memory ------------------------------------------------------------------------------------------------------


@composite
def set_(
    input: Tensor, source: Tensor | Storage | None = None, storage_offset: int = 0, size: Any = None,
    stride: Any = None,
) -> Tensor:
    """Let the tensor share the memory of another tensor or of a storage; without a source, give it empty memory.

    If the memory is too small, a longer copy is used instead. Writes are visible through both tensors, but counted
    only for the one that was written to.

    Args:
        source: The tensor or the storage. Default: ``None``, empty memory.
        storage_offset: Where the first element lies in the storage, in elements. Default: ``0``.
        size: The shape. Default: ``None``, that of the source tensor, or the whole storage as a vector.
        stride: The strides, in elements. Default: ``None``, contiguous.

    Raises:
        RuntimeError: If dtypes differ, the layout is invalid, or a tensor requires grad.

    >>> import minitensor as torch
    >>> x, y = torch.zeros(2), torch.arange(4.)
    >>> x.set_(y.untyped_storage(), 1, (3,)).add_(10), y
    (tensor([11., 12., 13.]), tensor([ 0., 11., 12., 13.]))
    """
    storage, layout = memory_to_set(input, source, storage_offset, size, stride)
    if grad_mode.get():
        refuse_leaf("set_", input)
        if input.node is not None or (isinstance(source, TensorBase) and source.node is not None):
            raise InplaceError("set_: no gradient goes through other memory: detach() first")
    if owner(storage) is not owner(input.storage):
        input._storage, input._base = BorrowedStorage(lender(storage), storage.array, input.storage), None
    change_layout(input, layout)
    input.storage.version += 1
    return input


def memory_to_set(
    input: Tensor, source: Any, storage_offset: int, size: Any, stride: Any
) -> tuple[Storage, Layout]:
    """Return the storage given to ``set_``, and the layout through which to read it."""
    if source is None and size is None:
        return Storage(of_dtype(input.xp.empty(0, array_dtype(input)))), layouts.contiguous((0,))
    if not isinstance(source, (TensorBase, Storage)):
        raise ArgumentTypeError(f"set_(): argument 'source' must be a tensor or a storage, not {type(source).__name__}")
    storage = storage_of(input, source)
    if size is not None:
        return storage, layout_to_set(storage_offset, size, stride)
    if storage_offset or stride is not None:
        raise ArgumentTypeError("set_(): storage_offset and stride say how to read a given size; size is missing")
    return storage, source.layout if isinstance(source, TensorBase) else layouts.contiguous((storage.numel(),))


def storage_of(input: Tensor, source: Any) -> Storage:
    """Return a tensor's storage, which must have the dtype of ``input``, or a storage reinterpreted as that dtype."""
    kind = array_dtype(input)
    if not isinstance(source, TensorBase):
        return source if source.array.dtype == kind else reinterpret(source, kind)
    if array_dtype(source) != kind:
        raise DtypeError(f"set_: could not set tensor of type {source.dtype} to a tensor of type {input.dtype}")
    return source.storage


def layout_to_set(offset: int, size: Any, stride: Any) -> Layout:
    """Return the layout described by the arguments of ``set_``."""
    if isinstance(size, int) or isinstance(stride, int):
        raise ArgumentTypeError(f"set_(): size and stride must be tuples of ints, got {size!r} and {stride!r}")
    shape = normalize_sizes(size)
    strides = layouts.contiguous(shape).strides if stride is None else normalize_sizes(stride)
    if len(strides) != len(shape):
        raise ShapeError(f"set_: unequal size length ({len(shape)}) and stride length ({len(strides)})")
    if offset < 0 or any(n < 0 for n in (*shape, *strides)):
        raise ShapeError(
            f"set_: offset, sizes and strides must not be negative, got {offset}, {list(shape)} and {list(strides)}"
        )
    return Layout(shape, strides, offset)

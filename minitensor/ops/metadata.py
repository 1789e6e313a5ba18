"""Metadata of tensors: sizes, strides, addresses, dtype, device. Only ``is_nonzero`` reads elements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor import layout as layouts
from minitensor.autograd.misuse import composite, explained
from minitensor.base import TensorBase
from minitensor.errors import (
    DimError,
    ScalarError,
)
from minitensor.memory_format import contiguous_format, has_format, memory_format
from minitensor.ops.cast import legacy_name
from minitensor.shapes import Size, as_size, wrap_dim

if TYPE_CHECKING:
    from minitensor.storage import Storage
    from minitensor.tensor import Tensor


def numel(input: Tensor) -> int:
    """Return the number of elements."""
    try:
        return layouts.numel(input.layout.shape)
    except AttributeError as error:
        raise explained("numel", numel, (input,), {}, error)  # noqa: B904  # its cause is set


def dim(input: Tensor) -> int:
    """Return the number of dimensions."""
    return input.ndim


def size(input: Tensor, dim: int | None = None) -> Any:
    """Return all sizes, or the size of one dim."""
    shape = input.layout.shape
    return as_size(Size, shape) if dim is None else entry_at("size", shape, dim)


def stride(input: Tensor, dim: int | None = None) -> Any:
    """Return the strides of all dims, or of one: the distance of neighbors in elements.

    >>> import minitensor as torch
    >>> torch.zeros(2, 3).stride()
    (3, 1)
    """
    strides = input.layout.strides
    return strides if dim is None else entry_at("stride", strides, dim)


def entry_at(name: str, numbers: tuple[int, ...], dim: int) -> int:
    """Return one of a tensor's sizes or strides by its dim."""
    if not numbers:
        raise DimError(f"{name}: a 0-d tensor has no dim, got dim {dim}")
    return numbers[wrap_dim(dim, len(numbers))]


def storage_offset(input: Tensor) -> int:
    """Return the position of the first element in the storage, in elements."""
    return input.layout.offset


def untyped_storage(input: Tensor) -> Storage:
    """Return the tensor's memory, which its views share."""
    return input.storage


def data_ptr(input: Tensor) -> int:
    """Return the address of the first element; 0 for a tensor without elements, as in PyTorch."""
    layout = input.layout
    return input.storage.data_ptr() + layout.offset * element_size(input) if 0 not in layout.shape else 0


def element_size(input: Tensor) -> int:
    """Return the size of one element in bytes."""
    return input.dtype.itemsize


def nbytes(input: Tensor) -> int:
    """Return the size of all elements in bytes."""
    return numel(input) * element_size(input)


def is_contiguous(input: Tensor, memory_format: memory_format = contiguous_format) -> bool:
    """Return whether the elements lie row by row without gaps, or in another ``memory_format``.

    >>> import minitensor as torch
    >>> x = torch.zeros(2, 3)
    >>> x.is_contiguous(), x.t().is_contiguous()
    (True, False)
    """
    return has_format(input.layout, memory_format)


@composite
def is_floating_point(input: Tensor) -> bool:
    """Return whether the dtype is floating-point."""
    return input.dtype.is_floating_point


@composite
def is_complex(input: Tensor) -> bool:
    """Return whether the dtype is complex."""
    return input.dtype.is_complex


@composite
def is_signed(input: Tensor) -> bool:
    """Return whether the dtype can hold negative numbers."""
    return input.dtype.is_signed


def is_cuda(input: Tensor) -> bool:
    """Return whether the tensor is on a GPU."""
    return input.device.type == "cuda"


def is_tensor(obj: Any) -> bool:
    """Return whether an object is a tensor.

    >>> import minitensor as torch
    >>> torch.is_tensor(torch.ones(2)), torch.is_tensor(1.0)
    (True, False)
    """
    return isinstance(obj, TensorBase)


@composite
def is_nonzero(input: Tensor) -> bool:
    """Return whether the only element is nonzero; raise RuntimeError unless there is exactly one.

    >>> import minitensor as torch
    >>> torch.is_nonzero(torch.tensor([0.0]))
    False
    """
    if input.numel() != 1:
        raise ScalarError(
            f"Boolean value of Tensor with {'no values' if not input.numel() else 'more than one value'} is ambiguous "
            f"(shape {tuple(input.shape)}); use any() or all()"
        )
    return bool(input.item())


@composite
def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Return whether two tensors have the same shape."""
    return input.shape == other.shape


@composite
def get_device(input: Tensor) -> int:
    """Return the index of the tensor's GPU; -1 for a tensor on the CPU."""
    device = input.device
    return -1 if device.type == "cpu" else device.index or 0


def is_cpu(input: Tensor) -> bool:
    """Return whether the tensor is on the CPU."""
    return input.device.type == "cpu"


def always_false(input: Tensor) -> bool:
    """Return False: this library has no tensors of that kind."""
    return False


def typename(obj: Any, /) -> str:
    """Return the name of a tensor's type, as ``Tensor.type()`` does, or of another object's class.

    >>> import minitensor as torch
    >>> torch.typename(torch.ones(2)), torch.typename(1)
    ('torch.FloatTensor', 'int')
    """
    if is_tensor(obj):
        return legacy_name(obj.dtype, obj.device)
    module = getattr(obj, "__module__", None)
    name = getattr(obj, "__qualname__", None) or getattr(obj, "__name__", None) or type(obj).__qualname__
    return f"{module}.{name}" if module not in (None, "builtins") else str(name)

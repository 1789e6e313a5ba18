"""Metadata of tensors: sizes, strides, addresses, dtype, device. Only ``is_nonzero`` reads elements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor import layouts
from minitensor.autograd.misuse import composite, composite_with_own_checks, explain
from minitensor.autograd.protocol import PROCEED, active, override_function
from minitensor.base import TensorBase
from minitensor.errors import (
    ArgumentTypeError,
    DimError,
    ScalarError,
    ShapeError,
)
from minitensor.memory_format import contiguous_format, has_format, memory_format
from minitensor.ops.cast import legacy_name
from minitensor.shapes import Size, as_size, wrap_dim
from minitensor.storage import Storage, TypedStorage

if TYPE_CHECKING:
    from minitensor.tensor import Tensor


def numel(input: Tensor) -> int:
    """Return the number of elements.

    Raises:
        TypeError: If ``input`` is not a tensor.

    >>> import minitensor as torch
    >>> torch.numel(torch.ones(2, 3))
    6
    """
    if active and (found := override_function(numel, (input,))) is not PROCEED:
        return found  # type: ignore[no-any-return]  # what takes the place of the result
    try:
        return layouts.numel(input.layout.shape)
    except AttributeError as error:
        raise explain("numel", numel, (input,), {}, error)  # noqa: B904  # its cause is set


def dim(input: Tensor) -> int:
    """Return the number of dims.

    >>> import minitensor as torch
    >>> torch.ones(2, 3).dim()
    2
    """
    return input.ndim


def size(input: Tensor, dim: int | None = None) -> Any:
    """Return all sizes, or the size of one dim.

    Raises:
        IndexError: If ``dim`` is out of range.

    >>> import minitensor as torch
    >>> torch.ones(2, 3).size(), torch.ones(2, 3).size(1)
    (torch.Size([2, 3]), 3)
    """
    shape = input.layout.shape
    return as_size(Size, shape) if dim is None else entry_at("size", shape, dim)


def stride(input: Tensor, dim: int | None = None) -> Any:
    """Return the strides of all dims, or of one: the distance of neighbors in elements.

    Raises:
        IndexError: If ``dim`` is out of range.

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
    """Return the position of the first element in the storage, in elements.

    >>> import minitensor as torch
    >>> torch.ones(3)[1:].storage_offset()
    1
    """
    return input.layout.offset


def untyped_storage(input: Tensor) -> Storage:
    """Return the tensor's memory, which its views share.

    >>> import minitensor as torch
    >>> x = torch.ones(2, 3)
    >>> x.untyped_storage().nbytes(), x[0].untyped_storage() is x.untyped_storage()
    (24, True)
    """
    return input.storage


def is_set_to(input: Tensor, tensor: Tensor) -> bool:
    """Return whether another ``tensor`` is the same window on the same memory: one storage, offset, shape and strides.

    >>> x = minitensor.zeros(4)
    >>> x.is_set_to(x.view(4)), x.is_set_to(x[:2])
    (True, False)
    """
    mine, other = input.layout, tensor.layout
    is_same_window = (mine.shape, mine.strides, mine.offset) == (other.shape, other.strides, other.offset)
    is_one_memory = input.storage is tensor.storage or (input.numel() > 0 and data_ptr(input) == data_ptr(tensor))
    return is_same_window and is_one_memory


def data_ptr(input: Tensor) -> int:
    """Return the address of the first element; 0 for a tensor without elements, as in PyTorch.

    >>> import minitensor as torch
    >>> x = torch.ones(3)
    >>> x[1:].data_ptr() - x.data_ptr()
    4
    """
    layout = input.layout
    return input.storage.data_ptr() + layout.offset * element_size(input) if 0 not in layout.shape else 0


def element_size(input: Tensor) -> int:
    """Return the size of one element in bytes.

    >>> import minitensor as torch
    >>> torch.ones(2).element_size(), torch.ones(2).itemsize
    (4, 4)
    """
    return input.dtype.itemsize


def nbytes(input: Tensor) -> int:
    """Return the size of all elements in bytes.

    >>> import minitensor as torch
    >>> torch.ones(2, 3).nbytes
    24
    """
    return numel(input) * element_size(input)


def is_contiguous(input: Tensor, memory_format: memory_format = contiguous_format) -> bool:
    """Return whether the elements lie row by row without gaps, or in another ``memory_format``.

    >>> import minitensor as torch
    >>> x = torch.zeros(2, 3)
    >>> x.is_contiguous(), x.t().is_contiguous()
    (True, False)
    """
    return has_format(input.layout, memory_format)


@composite_with_own_checks
def dim_order(input: Tensor, *, ambiguity_check: bool | list[memory_format] = False) -> tuple[int, ...]:
    """Return the dims in their order in memory, from the one with the largest steps to the innermost.

    Args:
        input: A tensor.
        ambiguity_check: ``True`` to raise if dims may be exchanged, because their sizes are 1 or their strides equal; a
            list of memory formats to raise unless just one of them applies. Default: ``False``.

    Raises:
        RuntimeError: If the order is ambiguous, and that is to be checked.
        TypeError: If ``ambiguity_check`` is neither a bool nor a list of memory formats.

    >>> import minitensor as torch
    >>> torch.empty(2, 3, 5, 7).transpose(1, 2).dim_order()
    (0, 2, 1, 3)
    """
    formats = [] if isinstance(ambiguity_check, bool) else ambiguity_check
    if not isinstance(formats, list) or not all(isinstance(each, memory_format) for each in formats):
        raise ArgumentTypeError("The ambiguity_check argument must be a bool or a list of memory formats.")
    layout = input.layout
    has_several = 1 in layout.shape or any(a == b for a, b in zip(layout.strides, layout.strides[1:]))
    if ambiguity_check is not False and has_several and sum(has_format(layout, each) for each in formats) != 1:
        raise ShapeError(
            "The tensor does not have unique dim order, or cannot map to exact one of the given memory formats."
        )
    return tuple(sorted(range(input.ndim), key=lambda dim: layout.strides[dim], reverse=True))


@composite
def is_floating_point(input: Tensor) -> bool:
    """Return whether the dtype is floating-point.

    >>> import minitensor as torch
    >>> torch.is_floating_point(torch.ones(2))
    True
    """
    return input.dtype.is_floating_point


@composite
def is_complex(input: Tensor) -> bool:
    """Return whether the dtype is complex.

    >>> import minitensor as torch
    >>> torch.is_complex(torch.tensor([1j]))
    True
    """
    return input.dtype.is_complex


@composite
def is_signed(input: Tensor) -> bool:
    """Return whether the dtype can hold negative numbers.

    >>> import minitensor as torch
    >>> torch.is_signed(torch.ones(2)), torch.is_signed(torch.ones(2, dtype=torch.uint8))
    (True, False)
    """
    return input.dtype.is_signed


def is_cuda(input: Tensor) -> bool:
    """Return whether the tensor is on a GPU.

    >>> import minitensor as torch
    >>> torch.ones(2).is_cuda
    False
    """
    return input.device.type == "cuda"


def is_tensor(obj: Any) -> bool:
    """Return whether ``obj`` is a tensor.

    >>> import minitensor as torch
    >>> torch.is_tensor(torch.ones(2)), torch.is_tensor(1.0)
    (True, False)
    """
    return isinstance(obj, TensorBase)


def is_storage(obj: Any, /) -> bool:
    """Return whether ``obj`` is a storage.

    >>> import minitensor as torch
    >>> torch.is_storage(torch.ones(2).untyped_storage()), torch.is_storage(torch.ones(2))
    (True, False)
    """
    return isinstance(obj, (Storage, TypedStorage))


@composite
def is_nonzero(input: Tensor) -> bool:
    """Return whether the only element is nonzero.

    Raises:
        RuntimeError: If there is not exactly one element.

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
    """Return whether two tensors have the same shape.

    >>> import minitensor as torch
    >>> torch.is_same_size(torch.ones(2, 3), torch.zeros(2, 3))
    True
    """
    return input.shape == other.shape


@composite
def get_device(input: Tensor) -> int:
    """Return the index of the tensor's GPU; -1 for a tensor on the CPU or "meta".

    >>> import minitensor as torch
    >>> torch.ones(2).get_device()
    -1
    """
    device = input.device
    return -1 if device.type in ("cpu", "meta") else device.index or 0


def is_cpu(input: Tensor) -> bool:
    """Return whether the tensor is on the CPU.

    >>> import minitensor as torch
    >>> torch.ones(2).is_cpu
    True
    """
    return input.device.type == "cpu"


def is_meta(input: Tensor) -> bool:
    """Return whether the tensor is on the device "meta": it has a shape, a dtype and strides, and no memory.

    >>> import minitensor as torch
    >>> torch.ones(2).is_meta, torch.empty(2, device="meta").is_meta
    (False, True)
    """
    return input.device.type == "meta"


def is_inference(input: Tensor) -> bool:
    """Return False: tensors that are made in ``inference_mode`` may be used in the graph later.

    >>> import minitensor as torch
    >>> torch.is_inference(torch.ones(2))
    False
    """
    return input.is_inference()


def always_false(input: Tensor) -> bool:
    """Return False: this library has no tensors of that kind.

    >>> import minitensor as torch
    >>> x = torch.ones(2)
    >>> x.is_inference(), x.is_quantized, x.is_sparse, x.is_sparse_csr
    (False, False, False, False)
    >>> x.is_ipu, x.is_maia, x.is_mkldnn, x.is_mps, x.is_mtia, x.is_nested, x.is_vulkan, x.is_xla, x.is_xpu
    (False, False, False, False, False, False, False, False, False)
    """
    return False


def typename(obj: Any, /) -> str:
    """Return the name of a tensor's type, as ``Tensor.type()`` does, or of the class of another ``obj``.

    >>> import minitensor as torch
    >>> torch.typename(torch.ones(2)), torch.typename(1)
    ('torch.FloatTensor', 'int')
    """
    if is_tensor(obj):
        return legacy_name(obj.dtype, obj.device)
    module = getattr(obj, "__module__", None)
    name = getattr(obj, "__qualname__", None) or getattr(obj, "__name__", None) or type(obj).__qualname__
    return f"{module}.{name}" if module not in (None, "builtins") else str(name)

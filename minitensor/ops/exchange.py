"""Exchange with other libraries: buffers of bytes, DLPack, array-like objects.

Memory is shared wherever possible, so a write on one side is visible on the other. Graphs are not exchanged: a tensor
that requires grad must be detached first.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

import numpy

from minitensor import backends, dtypes
from minitensor.autograd.face import requires_grad
from minitensor.base import TensorBase, is_encoded, wrap
from minitensor.device import device as as_device
from minitensor.errors import (
    ArgumentError,
    ArgumentTypeError,
    GradError,
    NoMemoryError,
    UnsupportedDtypeError,
    UsageError,
)
from minitensor.ops.creation import as_tensor, from_numpy, share_array, tensor

if TYPE_CHECKING:
    from minitensor.device import DeviceLike
    from minitensor.dtypes import dtype as Dtype
    from minitensor.tensor import Tensor

HOST = 1  # DLPack's device type of CPU memory


def asarray(
    obj: Any,
    *,
    dtype: Dtype | None = None,
    device: DeviceLike = None,
    copy: bool | None = None,
    requires_grad: bool | None = None,
) -> Tensor:
    """Return a tensor from a tensor, a NumPy array, an object with DLPack, a buffer, a number or nested lists.

    Args:
        obj: The object.
        copy: None shares the memory if dtype and device allow; True always copies; False raises if a copy is needed.
        requires_grad: whether the result requires grad; without history if not. Default: ``None``, as ``obj`` does.

    Raises:
        ValueError: If ``copy`` is False and a copy is needed.
        RuntimeError: The same, for a NumPy scalar.

    >>> import minitensor as torch
    >>> torch.asarray([1, 2, 3])
    tensor([1, 2, 3])
    """
    if isinstance(obj, (TensorBase, numpy.ndarray)):
        found: Any = as_tensor(obj, dtype=dtype, device=device)
        source: Any = obj
    elif hasattr(obj, "__dlpack__"):
        found = source = from_dlpack(obj)
        found = found.to(dtype=dtype, device=device)
    elif isinstance(obj, (bytes, bytearray, memoryview)):
        found = frombuffer(obj, dtype=dtypes.get_default_dtype() if dtype is None else dtype)
        source = found
    else:
        found, source = tensor(obj, dtype=dtype, device=device), None
    shared = source is not None and memory_address(found) == memory_address(source)
    if copy is False and not shared:
        error = UsageError if isinstance(obj, numpy.generic) else ArgumentError
        raise error(f"asarray: can't alias {type(obj).__name__} as {dtype} on {device}, and copy=False")
    if copy and shared:
        found = found.clone()
    result: Tensor = found if requires_grad is None or found.requires_grad == requires_grad else found.detach()
    return result if requires_grad is None else result.requires_grad_(requires_grad)


def memory_address(value: Any) -> int:
    """Return the address of a tensor's or an array's memory."""
    return value.storage.data_ptr() if isinstance(value, TensorBase) else backends.backend_of(value).address(value)


def frombuffer(
    buffer: Any, *, dtype: Dtype, count: int = -1, offset: int = 0, requires_grad: bool = False
) -> Tensor:
    """Return a vector that shares the memory of ``buffer``: ``count`` elements (-1 takes all) from byte ``offset`` on.

    Raises:
        ValueError: If the buffer is empty, or holds fewer elements from ``offset`` on.
        TypeError: If the object does not support the buffer protocol.

    >>> import minitensor as torch
    >>> torch.frombuffer(bytearray([1, 0, 2, 0]), dtype=torch.int16)
    tensor([1, 2], dtype=torch.int16)
    """
    dtype = dtypes.read_dtype(dtype)
    if not isinstance(dtype, dtypes.dtype):
        raise ArgumentTypeError(f"frombuffer: dtype must be a torch.dtype, got {type(dtype).__name__}")
    try:
        size = memoryview(buffer).nbytes
    except TypeError:
        raise ArgumentTypeError(f"frombuffer: {type(buffer).__name__} has no buffer; give bytes or an array") from None
    left = size - offset
    if size == 0 or not 0 <= offset < size:
        raise ArgumentError(f"frombuffer: offset ({offset} bytes) must lie within the buffer, which has {size} bytes")
    if count == 0 or count * dtype.itemsize > left:
        raise ArgumentError(f"frombuffer: {count} elements of {dtype.name} do not fit {left} bytes; -1 takes all")
    if count < 0 and left % dtype.itemsize:
        raise ArgumentError(f"frombuffer: {left} bytes are no whole number of {dtype.name} of {dtype.itemsize} bytes")
    found = from_numpy(numpy.frombuffer(buffer, dtype.memory, count, offset))
    return found.requires_grad_() if requires_grad else found


def from_dlpack(ext_tensor: Any, *, device: DeviceLike = None, copy: bool | None = None) -> Tensor:
    """Return a tensor that shares the memory of another library's array ``ext_tensor``, through DLPack.

    Args:
        copy: Copy if true; if false, raise where the wanted device makes a copy necessary. Default: ``None``, copy only
            where it is necessary.

    Raises:
        ValueError: If ``copy`` is false and the array is on another device.
        TypeError: If the object does not support DLPack.

    >>> import numpy
    >>> import minitensor as torch
    >>> torch.from_dlpack(numpy.arange(3))
    tensor([0, 1, 2])
    """
    shared = share(ext_tensor)
    if device is not None and copy is False and as_device(device) != shared.device:
        raise ArgumentError(f"from_dlpack: copy=False, but the array is on {shared.device}, not on {device}")
    return shared.to(device=device, copy=copy is True) if device is not None or copy else shared


def share(ext_tensor: Any) -> Tensor:
    """Return a tensor on the memory of another library's array."""
    if isinstance(ext_tensor, TensorBase):
        if ext_tensor.device.type == "meta":
            ext_tensor.__dlpack_device__()  # raises
        same: Tensor = ext_tensor.detach()
        return same
    if type(ext_tensor).__name__ == "PyCapsule":
        return share_capsule(ext_tensor)
    if not hasattr(ext_tensor, "__dlpack__"):
        raise ArgumentTypeError(f"from_dlpack: {type(ext_tensor).__name__} does not speak DLPack: no __dlpack__")
    kind = ext_tensor.__dlpack_device__()[0]
    if kind == HOST:
        return share_array(numpy.from_dlpack(ext_tensor))
    array = backends.open_backend("cuda").xp.from_dlpack(ext_tensor)
    dtypes.from_numpy(array.dtype)
    found: Tensor = wrap(TensorBase.result_class, array)
    return found


class OnHost:
    """A capsule of host memory as an object that NumPy can ask for it."""

    def __init__(self, capsule: Any) -> None:
        self.capsule = capsule

    def __dlpack__(self, **options: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return HOST, 0


def share_capsule(capsule: Any) -> Tensor:
    """Return a tensor on the host memory of a capsule, which can be read once."""
    try:
        array = numpy.from_dlpack(OnHost(capsule))
    except ValueError:
        raise UsageError("from_dlpack: the capsule is invalid; a capsule can be read only once") from None
    return share_array(unlock(array))


def unlock(array: Any) -> Any:
    """Return a writable array on the same memory: NumPy locks what an old capsule holds, which says nothing of it."""
    if array.flags.writeable or array.size == 0:
        return array
    span = array.itemsize + sum((n - 1) * step for n, step in zip(array.shape, array.strides, strict=True))
    memory: Any = (ctypes.c_byte * span).from_address(array.__array_interface__["data"][0])
    memory.owner = array  # which keeps the memory
    return numpy.ndarray(array.shape, array.dtype, memory, 0, array.strides)


def to_dlpack(self: Tensor, **options: Any) -> Any:
    """Serve ``__dlpack__``: share this tensor's memory. Other libraries' ``from_dlpack`` call it."""
    if requires_grad(self):
        raise GradError("can't export tensors that require gradient through DLPack; use tensor.detach()")
    if self.device.type == "meta":
        raise NoMemoryError("Cannot pack tensors on meta: they have no memory")
    return exportable(self).__dlpack__(**options)


def dlpack_device(self: Tensor) -> Any:
    """Serve ``__dlpack_device__``: return DLPack's device type and index."""
    if self.device.type == "meta":
        raise ArgumentError("Unknown device type meta for Dlpack: such tensors have no memory")
    return exportable(self).__dlpack_device__()


def exportable(tensor: Tensor) -> Any:
    """Return a tensor's array; raise if its memory is encoded."""
    if tensor.dtype in dtypes.UNSIGNED:
        return tensor.numpy()
    if is_encoded(tensor):
        raise UnsupportedDtypeError(f"can't export {tensor.dtype.name} through DLPack: NumPy has no such dtype")
    return tensor.array

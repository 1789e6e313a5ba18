"""Tensors from what others hold, and for them: buffers of bytes, DLPack, anything like an array.

Memory is shared wherever that is possible, so a write on one side is seen on the other. Graphs are not exchanged: who
wants the numbers of a tensor that requires grad detaches it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy

from minitensor import backends, dtypes
from minitensor.autograd.face import requires_grad
from minitensor.base import TensorBase, wrap
from minitensor.errors import ArgumentError, ArgumentTypeError, GradError, UsageError
from minitensor.ops.creation import as_tensor, from_numpy, tensor

if TYPE_CHECKING:
    from minitensor.device import DeviceLike
    from minitensor.dtypes import dtype as Dtype
    from minitensor.tensor import Tensor

HOST = 1  # DLPack's number for memory that the processor reads


def asarray(
    obj: Any,
    *,
    dtype: Dtype | None = None,
    device: DeviceLike = None,
    copy: bool | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return an object as a tensor: a tensor, a NumPy array, what speaks DLPack, a buffer, a number or nested lists.

    Memory is shared where dtype and device allow, unless ``copy`` is True; where it is False, sharing is required.

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
    shared = source is not None and memory(found) == memory(source)
    if copy is False and not shared:
        error = UsageError if isinstance(obj, numpy.generic) else ArgumentError
        raise error(f"asarray: can't alias {type(obj).__name__} as {dtype} on {device}, and copy=False")
    if copy and shared:
        found = found.clone()
    result: Tensor = found.detach().requires_grad_() if requires_grad else found
    return result


def memory(value: Any) -> int:
    """Return where a tensor's or an array's memory begins."""
    return value.storage.data_ptr() if isinstance(value, TensorBase) else backends.of(value).address(value)


def frombuffer(
    buffer: Any, *, dtype: Dtype, count: int = -1, offset: int = 0, requires_grad: bool = False
) -> Tensor:
    """Return a 1-d tensor on a buffer's own memory: ``count`` elements (all that there are, if below 0) from a byte on.

    >>> import minitensor as torch
    >>> torch.frombuffer(bytearray([1, 0, 2, 0]), dtype=torch.int16)
    tensor([1, 2], dtype=torch.int16)

    Raises:
        ValueError: the buffer is empty, or does not hold that many elements there.
        TypeError: the object has no buffer.
    """
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
    found = from_numpy(numpy.frombuffer(buffer, dtype.numpy, count, offset))
    return found.requires_grad_() if requires_grad else found


def from_dlpack(ext_tensor: Any) -> Tensor:
    """Return a tensor on the memory of another library's array, through DLPack.

    >>> import numpy
    >>> import minitensor as torch
    >>> torch.from_dlpack(numpy.arange(3))
    tensor([0, 1, 2])
    """
    if isinstance(ext_tensor, TensorBase):
        same: Tensor = ext_tensor.detach()
        return same
    if not hasattr(ext_tensor, "__dlpack__"):
        raise ArgumentTypeError(f"from_dlpack: {type(ext_tensor).__name__} does not speak DLPack: no __dlpack__")
    kind = ext_tensor.__dlpack_device__()[0]
    if kind == HOST:
        return from_numpy(numpy.from_dlpack(ext_tensor))
    array = backends.named("cuda").xp.from_dlpack(ext_tensor)
    dtypes.from_numpy(array.dtype)
    found: Tensor = wrap(TensorBase.result_class, array)
    return found


def to_dlpack(self: Tensor, **options: Any) -> Any:
    """Lend this tensor's memory through DLPack; libraries call it, users call their ``from_dlpack``."""
    if requires_grad(self):
        raise GradError("can't export tensors that require gradient through DLPack; use tensor.detach()")
    return self.array.__dlpack__(**options)


def dlpack_device(self: Tensor) -> Any:
    """Return the kind and number of the device, as DLPack counts them."""
    return self.array.__dlpack_device__()

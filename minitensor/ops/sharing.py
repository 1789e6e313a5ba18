"""Memory that processes share: several of them can train one network.

The memory has no name, and is freed when the last process releases it. Forked processes have it; the module
``multiprocessing`` sends its descriptor to others. On a GPU there is nothing to do, as in PyTorch.
"""

from __future__ import annotations

import mmap
import os
from typing import TYPE_CHECKING, Any

from minitensor.autograd.mode import no_grad
from minitensor.backends import open_backend
from minitensor.dtypes import from_numpy
from minitensor.errors import DeviceError, UsageError
from minitensor.ops.copy import set_data
from minitensor.ops.exchange import frombuffer

if TYPE_CHECKING:
    from minitensor.dtypes import dtype as Dtype
    from minitensor.storage import Storage
    from minitensor.tensor import Tensor


class SharedMemory(mmap.mmap):
    """Memory of a file without a name, which every process that has its descriptor shares."""

    descriptor: int

    def __new__(cls, descriptor: int, length: int) -> SharedMemory:
        made = super().__new__(cls, descriptor, length)
        made.descriptor = descriptor
        return made

    def __del__(self) -> None:
        os.close(self.descriptor)


def make_memory(length: int) -> mmap.mmap:
    """Return new memory. Without files in memory, as on Windows, only forked processes share it."""
    if not hasattr(os, "memfd_create"):
        return mmap.mmap(-1, length)
    descriptor = os.memfd_create("tensor")
    os.ftruncate(descriptor, length)
    return SharedMemory(descriptor, length)


def memory_of(storage: Storage) -> SharedMemory | None:
    """Return the shared memory of which a storage is the whole, or None."""
    base: Any = storage.buffer
    while base is not None and not isinstance(base, SharedMemory):
        base = base.obj if isinstance(base, memoryview) else getattr(base, "base", None)
    return base if base is not None and len(base) == storage.nbytes() else None


def open_tensor(memory: mmap.mmap, dtype: str | Dtype) -> Tensor:
    """Return memory as a tensor of one dim; a text is NumPy's code of a type."""
    return frombuffer(memory, dtype=from_numpy(dtype) if isinstance(dtype, str) else dtype)


@no_grad()
def share(tensor: Tensor) -> Tensor:
    """Return a tensor with the same values and strides, in memory that processes share."""
    if tensor.device.type != "cpu" or not tensor.numel():
        return tensor
    length = 1 + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
    memory = open_tensor(make_memory(length * tensor.element_size()), tensor.dtype)
    return memory.as_strided(tensor.shape, tensor.stride()).copy_(tensor)


def is_shared(input: Tensor) -> bool:
    """Return whether other processes can share the tensor's memory: that on a GPU, or after ``share_memory_``.

    >>> import minitensor as torch
    >>> torch.ones(2).is_shared()
    False
    """
    kind = input.device.type
    return kind not in ("cpu", "meta") or (kind == "cpu" and memory_of(input.storage) is not None)


def share_memory_(input: Tensor) -> Tensor:
    """Move the tensor to memory that this process and others share, unless it is there; views of it stay behind.

    Raises:
        RuntimeError: If the tensor is on the device "meta".

    >>> import minitensor as torch
    >>> torch.ones(2).share_memory_().is_shared()
    True
    """
    if input.device.type == "meta":
        raise UsageError("share_memory_: only available on CPU; tensors on meta have no memory")
    if not is_shared(input):
        set_data(input, share(input.detach()))
    return input


def pin_memory(input: Tensor, device: Any = None) -> Tensor:
    """Return the tensor itself: memory is not pinned here. Without a GPU it raises, as PyTorch's does.

    Args:
        device: Accepted for PyTorch compatibility.

    Raises:
        RuntimeError: If there is no GPU.

    >>> import minitensor as torch
    >>> torch.ones(2).pin_memory()  # doctest: +SKIP
    """
    try:
        is_here = open_backend("cuda").is_available()
    except DeviceError:  # CuPy is not installed
        is_here = False
    if not is_here:
        raise UsageError("Cannot access accelerator device when none is available.")
    return input

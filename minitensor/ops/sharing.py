"""Memory that processes share: several of them can train one network.

The memory has no name, and is freed when the last process releases it. Forked processes have it; the module
``multiprocessing`` sends its descriptor to others. On a GPU there is nothing to do, as in PyTorch.
"""

from __future__ import annotations

import gc
import mmap
import os
import sys
from typing import TYPE_CHECKING, Any

from minitensor import backends
from minitensor.autograd.mode import no_grad
from minitensor.backends import HostArray
from minitensor.backends.encoded import seen_as
from minitensor.base import TensorBase, renew_array
from minitensor.dtypes import from_numpy, uint8
from minitensor.errors import UsageError
from minitensor.ops.exchange import frombuffer
from minitensor.storage import Storage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from minitensor.dtypes import dtype as Dtype
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
    for owner in backends.owners(storage.buffer):
        if isinstance(owner, SharedMemory):
            return owner if len(owner) == storage.nbytes() else None
    return None


def open_tensor(memory: mmap.mmap | memoryview, dtype: str | Dtype) -> Tensor:
    """Return memory as a tensor of one dim; a text is NumPy's code of a type."""
    return frombuffer(memory, dtype=from_numpy(dtype) if isinstance(dtype, str) else dtype)


def share(tensor: Tensor) -> Tensor:
    """Return a tensor with the same values and strides, in memory that processes share."""
    return in_memory(tensor, make_memory) if tensor.device.type == "cpu" else tensor


@no_grad()
def in_memory(tensor: Tensor, make: Callable[[int], Any]) -> Tensor:
    """Return a tensor with the same values and strides, in memory that a function makes for a number of bytes."""
    if not tensor.numel():
        return tensor
    length = 1 + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
    memory = open_tensor(make(length * tensor.element_size()), tensor.dtype)
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
    """Move the tensor, and all tensors on its storage, to memory that processes share, unless it is there.

    Raises:
        RuntimeError: If the tensor is on the device "meta".

    >>> import minitensor as torch
    >>> torch.ones(2).share_memory_().is_shared()
    True
    """
    if input.device.type == "meta":
        raise UsageError("share_memory_: only available on CPU; tensors on meta have no memory")
    if not is_shared(input):
        share_storage(input.storage, [input] if is_alone(input) else gc.get_referrers(input.storage))
    return input


def is_alone(tensor: Tensor) -> bool:
    """Whether no other tensor has the storage of one, which saves the search for them."""
    return count_references(tensor) <= count_references(tensor.new_empty(1))


def count_references(tensor: Any) -> int:
    """Count the references to a tensor's storage."""
    storage = tensor.storage
    return sys.getrefcount(storage)


def can_share(storage: Storage) -> bool:
    """Whether the memory of a storage can be moved to where processes share it."""
    return hasattr(os, "memfd_create") and type(storage) is Storage and isinstance(storage.array, HostArray)


def share_storage(storage: Storage, users: Iterable[Any]) -> None:
    """Move the memory of a storage, unless it is empty, to memory that processes share; ``users`` has its tensors."""
    length, buffer = storage.nbytes(), storage.buffer
    if not length:
        return
    memory = frombuffer(make_memory(length), dtype=uint8).array
    memory[...] = storage.octets
    storage.array = storage._buffer = seen_as(memory.view(buffer.dtype), buffer.__class__)
    for each in users:
        if isinstance(each, TensorBase):
            renew_array(each)  # tensors keep arrays of their own


def pin_memory(input: Tensor, device: Any = None) -> Tensor:
    """Return a copy in page-locked memory, from which a GPU copies faster, or the tensor itself if it is there.

    Args:
        device: Accepted for PyTorch compatibility.

    Raises:
        RuntimeError: If there is no GPU, or the tensor is on one.

    >>> import minitensor as torch
    >>> torch.ones(2).pin_memory()  # doctest: +SKIP
    """
    backend = backends.gpu_backend()
    if backend is None:
        raise UsageError("Cannot access accelerator device when none is available.")
    if input.device.type != "cpu":
        raise UsageError(f"cannot pin '{input.type()}' only dense CPU tensors can be pinned")
    return input if is_pinned(input) else in_memory(input, backend.pinned_memory)


def is_pinned(input: Tensor, device: Any = None) -> bool:
    """Return whether the memory is page-locked, as ``pin_memory`` makes it.

    Args:
        device: Accepted for PyTorch compatibility.

    >>> import minitensor as torch
    >>> torch.ones(2).is_pinned()
    False
    """
    return backends.is_pinned(input.storage.buffer)

"""``from_file``: a file of numbers as the memory of a tensor. Pages are read when their elements are."""

from __future__ import annotations

import mmap
import os
from typing import TYPE_CHECKING, Any

from minitensor import dtypes
from minitensor.errors import UsageError
from minitensor.ops.creation import empty
from minitensor.ops.exchange import frombuffer

if TYPE_CHECKING:
    from minitensor.device import DeviceLike
    from minitensor.dtypes import dtype as Dtype
    from minitensor.tensor import Tensor


def from_file(
    filename: str, shared: bool | None = None, size: int | None = 0, *, dtype: Dtype | None = None, layout: Any = None,
    device: DeviceLike = None, pin_memory: bool | None = None, requires_grad: bool = False,
) -> Tensor:
    """Return a vector whose memory is a file.

    Args:
        filename: The file.
        shared: Whether writes go to the file, which is made, or made longer, if needed. Otherwise they stay in memory.
            Default: ``None``, they stay.
        size: The number of elements. Default: ``0``.

    Raises:
        RuntimeError: If the file cannot be opened, or is too short.

    >>> import os
    >>> import tempfile
    >>> import minitensor as torch
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "numbers")
    ...     _ = torch.from_file(path, shared=True, size=3).fill_(2)
    ...     torch.from_file(path, size=2)
    tensor([2., 2.])
    """
    kind = dtypes.get_default_dtype() if dtype is None else dtypes.read_dtype(dtype)
    count = size or 0
    if not count:
        return empty(0, dtype=kind, device=device, requires_grad=requires_grad)
    memory = map_file(filename, count * kind.itemsize, bool(shared))
    found = frombuffer(memory, dtype=kind, count=count).to(device)
    return found.requires_grad_(requires_grad)


def map_file(filename: str, length: int, is_shared: bool) -> mmap.mmap:
    """Return a file as memory; writes go to the file, or stay in memory."""
    flags = os.O_RDWR | os.O_CREAT if is_shared else os.O_RDONLY
    try:
        descriptor = os.open(filename, flags | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise UsageError(f"from_file: unable to open file <{filename}>: {error.strerror}") from error
    try:
        has = os.fstat(descriptor).st_size
        if has < length and not is_shared:
            raise UsageError(
                f"from_file: file <{filename}> size <{has}> is smaller than the required mapping size <{length}>"
            )
        if has < length:
            os.ftruncate(descriptor, length)
        return mmap.mmap(descriptor, length, access=mmap.ACCESS_WRITE if is_shared else mmap.ACCESS_COPY)
    except (OSError, ValueError, OverflowError) as error:
        raise UsageError(f"from_file: unable to map {length} bytes of file <{filename}>: {error}") from error
    finally:
        os.close(descriptor)

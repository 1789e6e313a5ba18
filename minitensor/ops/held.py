"""Memory of a GPU that one stream allocated and another one uses: it is kept until both have finished."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from minitensor.errors import UnsupportedError

if TYPE_CHECKING:
    from minitensor.tensor import Tensor

# Note [Memory of two streams]
# CuPy gives freed memory to the next tensor of the stream in which it was allocated, without waiting for other streams.
# `record_stream` therefore keeps the memory of a tensor, after the tensor is gone, until the other stream has done what
# was asked of it by then. Nothing waits: memory whose event is done is released at the next call that looks.
HELD: dict[Any, Any] = {}  # a dict, because other threads may add to it while one looks


def record_stream(input: Tensor, s: Any) -> None:
    """Keep the memory of a tensor until the stream ``s`` has finished with it, although another one allocated it.

    Raises:
        NotImplementedError: If the tensor is not on a GPU.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     torch.ones(2, device="cuda").record_stream(torch.cuda.Stream())
    """
    if input.device.type != "cuda":
        raise UnsupportedError(f"record_stream: only tensors on a GPU have streams, got one on {input.device}")
    weakref.finalize(input.storage, hold_memory, input.storage.buffer, s).atexit = False
    release_memory()


def hold_memory(buffer: Any, stream: Any) -> None:
    """Keep an array until everything that has been asked of a stream is done."""
    HELD[stream.record_event()] = buffer
    release_memory()


def release_memory() -> None:
    """Release the memory that no stream uses any more."""
    for event in list(HELD):
        if event.query():
            HELD.pop(event, None)

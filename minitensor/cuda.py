"""What scripts ask about the GPU: is there one, how many, how much memory is in use; wait for it.

A question never fails: without CuPy or without a GPU the answer is no, none or zero. What needs a GPU raises an error
that names what is missing. Tensors go there by ``.to("cuda")``. CuPy has one stream for each thread and one pool of
memory, so streams and limits are accepted and change nothing.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from minitensor import backends, dtypes
from minitensor.amp import cuda_amp as amp
from minitensor.compat import nvtx
from minitensor.compat.graphs import (
    CUDAGraph,
    graph,
    graph_pool_handle,
    is_current_stream_capturing,
    make_graphed_callables,
)
from minitensor.compat.reasons import attributes_of
from minitensor.device import device as as_device
from minitensor.errors import DeviceError, OutOfMemoryError, UsageError
from minitensor.ops import random
from minitensor.ops.random import initial_seed as initial_seed
from minitensor.ops.tensor_types import TensorType

__all__ = [
    "BoolTensor", "ByteTensor", "CUDAGraph", "CharTensor", "DoubleTensor", "Event", "FloatTensor", "HalfTensor",
    "IntTensor", "LongTensor", "OutOfMemoryError", "ShortTensor", "Stream", "amp", "can_device_access_peer",
    "current_device",
    "current_stream", "default_stream", "device", "device_count", "device_of", "empty_cache", "get_arch_list",
    "get_device_capability", "get_device_name", "get_device_properties", "get_rng_state", "get_rng_state_all",
    "graph", "graph_pool_handle", "init", "initial_seed", "ipc_collect", "is_available", "is_bf16_supported",
    "is_current_stream_capturing", "is_initialized", "make_graphed_callables",
    "is_tf32_supported", "manual_seed", "manual_seed_all", "max_memory_allocated", "max_memory_cached",
    "max_memory_reserved", "mem_get_info", "memory_allocated", "memory_cached", "memory_reserved", "memory_stats",
    "memory_summary", "nvtx", "reset_max_memory_allocated", "reset_max_memory_cached", "reset_peak_memory_stats",
    "seed", "seed_all", "set_device", "set_per_process_memory_fraction", "set_rng_state", "set_rng_state_all",
    "set_stream", "stream", "synchronize",
]  # fmt: skip

ByteTensor, CharTensor = TensorType(dtypes.uint8, "cuda"), TensorType(dtypes.int8, "cuda")
ShortTensor, IntTensor = TensorType(dtypes.int16, "cuda"), TensorType(dtypes.int32, "cuda")
LongTensor, BoolTensor = TensorType(dtypes.int64, "cuda"), TensorType(dtypes.bool_, "cuda")
HalfTensor, FloatTensor = TensorType(dtypes.float16, "cuda"), TensorType(dtypes.float32, "cuda")
DoubleTensor = TensorType(dtypes.float64, "cuda")

# -- is there one ------------------------------------------------------------------------------------------------------


def is_available() -> bool:
    """Return whether tensors can be moved to "cuda" on this machine.

    >>> import minitensor as torch
    >>> torch.cuda.is_available() == (torch.cuda.device_count() > 0)
    True
    """
    try:
        return backends.open_backend("cuda").is_available()
    except DeviceError:
        return False


def device_count() -> int:
    """Return the number of GPUs, 0 without CuPy.

    >>> import minitensor as torch
    >>> torch.cuda.device_count() >= 0
    True
    """
    return backends.open_backend("cuda").device_count() if is_available() else 0


_initialized = False  # libraries that recompute read it, to save the state of a GPU's own random stream


def is_initialized() -> bool:
    """Return whether there is a GPU: it needs no initialization.

    >>> import minitensor as torch
    >>> torch.cuda.is_initialized() == torch.cuda.is_available()
    True
    """
    return is_available()


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Return False: bfloat16 is available only on the CPU, and ``including_emulation`` does not change that.

    >>> import minitensor as torch
    >>> torch.cuda.is_bf16_supported()
    False
    """
    return False


def is_tf32_supported() -> bool:
    """Return False: products of float32 always have full precision.

    >>> import minitensor as torch
    >>> torch.cuda.is_tf32_supported()
    False
    """
    return False


def get_arch_list() -> list[str]:
    """Return the architectures that this library has code for: CuPy compiles for the GPU at hand, so there are none.

    >>> import minitensor as torch
    >>> torch.cuda.get_arch_list()
    []
    """
    return []


def can_device_access_peer(device: Any, peer_device: Any) -> bool:
    """Return whether a ``device`` can read the memory of another, ``peer_device``: not here.

    >>> import minitensor as torch
    >>> torch.cuda.can_device_access_peer(0, 1)
    False
    """
    return False


# -- which one, and what it is -----------------------------------------------------------------------------------------


def init() -> None:
    """Make sure that there is a GPU.

    Raises:
        ImportError: If CuPy is not installed.
        RuntimeError: If there is no GPU.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     torch.cuda.init()
    """
    backends.open_backend("cuda")


def synchronize(device: Any = None) -> None:
    """Wait until everything asked of the GPU is done.

    Raises:
        ImportError: If CuPy is not installed.
        RuntimeError: If there is no GPU.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     torch.cuda.synchronize()
    """
    backends.open_backend("cuda").synchronize()


def current_device() -> int:
    """Return the number of the GPU that "cuda" means; errors as in ``init``.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     assert torch.cuda.current_device() >= 0
    """
    return int(backends.open_backend("cuda").xp.cuda.runtime.getDevice())


def set_device(device: Any) -> None:
    """Choose the GPU that "cuda" means; errors as in ``init``.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     torch.cuda.set_device(0)
    """
    backends.open_backend("cuda").xp.cuda.runtime.setDevice(number_of(device))


def number_of(device: Any) -> int:
    """Return the number of a GPU that is given as a number, a name or a device; the current one if it has none."""
    if isinstance(device, int):
        return device
    index = None if device is None else as_device(device).index
    return current_device() if index is None else index


def get_device_properties(device: Any = None) -> Any:
    """Return what CUDA knows of a GPU, as an object with its ``name`` and other attributes; errors as in ``init``.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     assert torch.cuda.get_device_properties(0).name
    """
    xp = backends.open_backend("cuda").xp
    return Properties(xp.cuda.runtime.getDeviceProperties(number_of(device)))


class Properties:
    """The properties of a GPU as attributes."""

    def __init__(self, facts: Any) -> None:
        vars(self).update(facts)
        self.name = facts["name"].decode()
        self.total_memory, self.multi_processor_count = facts["totalGlobalMem"], facts["multiProcessorCount"]


def get_device_name(device: Any = None) -> str:
    """Return the name of a GPU; errors as in ``init``.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     assert torch.cuda.get_device_name()
    """
    name: str = get_device_properties(device).name
    return name


def get_device_capability(device: Any = None) -> tuple[int, int]:
    """Return the version of a GPU's instructions, as (major, minor); errors as in ``init``.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     assert torch.cuda.get_device_capability() > (1, 0)
    """
    properties = get_device_properties(device)
    return properties.major, properties.minor


@contextlib.contextmanager
def device(device: Any) -> Iterator[None]:
    """Make "cuda" mean another GPU in a block; do nothing for None or a negative number. Errors as in ``init``.

    >>> import minitensor as torch
    >>> with torch.cuda.device(-1):
    ...     pass
    """
    if device is None or (isinstance(device, int) and device < 0):
        yield
        return
    before = current_device()
    set_device(device)
    try:
        yield
    finally:
        set_device(before)


def device_of(obj: Any) -> contextlib.AbstractContextManager[None]:
    """Make "cuda" mean the GPU of the tensor ``obj`` in a block; do nothing for a tensor on the CPU.

    >>> import minitensor as torch
    >>> with torch.cuda.device_of(torch.ones(1)):
    ...     pass
    """
    return device(obj.device if obj.is_cuda else None)


# -- memory ------------------------------------------------------------------------------------------------------------


def pool() -> Any:
    """Return CuPy's pool of memory, or None without a GPU."""
    return backends.open_backend("cuda").xp.get_default_memory_pool() if is_available() else None


def memory_allocated(device: Any = None) -> int:
    """Return the bytes that tensors use on the GPU, 0 without one.

    >>> import minitensor as torch
    >>> torch.cuda.memory_allocated() >= 0
    True
    """
    found = pool()
    return 0 if found is None else int(found.used_bytes())


def memory_reserved(device: Any = None) -> int:
    """Return the bytes that are reserved on the GPU for tensors, 0 without one. Their peak is not recorded.

    >>> import minitensor as torch
    >>> torch.cuda.memory_reserved() >= torch.cuda.memory_allocated()
    True
    """
    found = pool()
    return 0 if found is None else int(found.total_bytes())


max_memory_allocated = memory_allocated
memory_cached = max_memory_reserved = max_memory_cached = memory_reserved


def empty_cache() -> None:
    """Free the reserved memory of the GPU that no tensor uses; do nothing without one.

    >>> import minitensor as torch
    >>> torch.cuda.empty_cache()
    """
    found = pool()
    if found is not None:
        found.free_all_blocks()


def ipc_collect() -> None:
    """Do nothing: no memory of the GPU is shared with other processes.

    >>> import minitensor as torch
    >>> torch.cuda.ipc_collect()
    """


def reset_peak_memory_stats(device: Any = None) -> None:
    """Do nothing: peaks are not recorded.

    >>> import minitensor as torch
    >>> torch.cuda.reset_peak_memory_stats()
    """


reset_max_memory_allocated = reset_max_memory_cached = reset_peak_memory_stats


def set_per_process_memory_fraction(fraction: float, device: Any = None) -> None:
    """Limit the ``fraction`` of the GPU's memory that is used: accepted, and without effect.

    >>> import minitensor as torch
    >>> torch.cuda.set_per_process_memory_fraction(0.5)
    """


def memory_stats(device: Any = None) -> dict[str, int]:
    """Return the bytes in use and reserved on the GPU, under PyTorch's names.

    >>> import minitensor as torch
    >>> torch.cuda.memory_stats()["allocated_bytes.all.current"] == torch.cuda.memory_allocated()
    True
    """
    return {"allocated_bytes.all.current": memory_allocated(), "reserved_bytes.all.current": memory_reserved()}


def memory_summary(device: Any = None, abbreviated: bool = False) -> str:
    """Return a line of text with the memory in use, ``abbreviated`` or not.

    >>> import minitensor as torch
    >>> "bytes" in torch.cuda.memory_summary()
    True
    """
    return f"{memory_allocated()} bytes are in use on the GPU, {memory_reserved()} are reserved"


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """Return the free and the total bytes of the GPU's memory; errors as in ``init``.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     assert torch.cuda.mem_get_info()
    """
    free, total = backends.open_backend("cuda").xp.cuda.runtime.memGetInfo()
    return int(free), int(total)


# -- random numbers ----------------------------------------------------------------------------------------------------


def manual_seed(seed: int) -> None:
    """Seed the random numbers of the GPU with ``seed``; do nothing without one, so that the CPU's stay as they are.

    With a GPU, this seeds the one generator that serves every device.

    >>> import minitensor as torch
    >>> torch.cuda.manual_seed(0)
    >>> torch.cuda.manual_seed_all(0)
    """
    if is_available():
        random.manual_seed(seed)


def seed() -> None:
    """Seed the random numbers of the GPU from the system's randomness; do nothing without one.

    >>> import minitensor as torch
    >>> torch.cuda.seed()
    >>> torch.cuda.seed_all()
    """
    if is_available():
        random.seed()


manual_seed_all, seed_all = manual_seed, seed


def get_rng_state(device: Any = "cuda") -> Any:
    """Return the state of the one generator, which serves every device.

    >>> import minitensor as torch
    >>> torch.equal(torch.cuda.get_rng_state(), torch.get_rng_state())
    True
    """
    return random.get_rng_state()


def set_rng_state(new_state: Any, device: Any = "cuda") -> None:
    """Set the state of the one generator to ``new_state``; do nothing without a GPU.

    >>> import minitensor as torch
    >>> torch.cuda.set_rng_state(torch.cuda.get_rng_state())
    """
    if is_available():
        random.set_rng_state(new_state)


def get_rng_state_all() -> list[Any]:
    """Return the states of the generators of all GPUs: each is that of the one generator.

    >>> import minitensor as torch
    >>> len(torch.cuda.get_rng_state_all()) == torch.cuda.device_count()
    True
    """
    return [get_rng_state() for _ in range(device_count())]


def set_rng_state_all(new_states: Any) -> None:
    """Set the state of the one generator to the last of ``new_states``; do nothing without any, or without a GPU.

    >>> import minitensor as torch
    >>> torch.cuda.set_rng_state_all(torch.cuda.get_rng_state_all())
    """
    for state in new_states:
        set_rng_state(state)


# -- streams -----------------------------------------------------------------------------------------------------------


class Stream:
    """The order in which a GPU works: there is one, so all streams are the same.

    Args:
        device: The GPU.
        priority: Accepted for PyTorch compatibility.

    Raises:
        ImportError: If CuPy is not installed.
        RuntimeError: If there is no GPU.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     torch.cuda.Stream().synchronize()
    """

    def __init__(self, device: Any = None, priority: int = 0) -> None:
        init()
        self.device, self.priority = device, priority

    def synchronize(self) -> None:
        """Wait until everything asked of the GPU is done."""
        synchronize()

    def query(self) -> bool:
        """Return whether everything asked of the GPU is done, after waiting for it."""
        synchronize()
        return True

    def wait_stream(self, stream: Any) -> None:
        """Wait for another ``stream``, which is the same one."""

    def wait_event(self, event: Event) -> None:
        """Wait for an ``event`` of another stream, which is the same one."""

    def record_event(self, event: Event | None = None) -> Event:
        """Record ``event``, or a new one, and return it."""
        event = Event() if event is None else event
        event.record()
        return event


class Event:
    """A moment in the work of a GPU. Recording one waits until everything that was asked before is done.

    Args:
        enable_timing: Accepted for PyTorch compatibility; every event has a time. Default: ``False``.
        blocking: Accepted for PyTorch compatibility. Default: ``False``.
        interprocess: Accepted for PyTorch compatibility. Default: ``False``.
        external: Accepted for PyTorch compatibility. Default: ``False``.

    Raises:
        ImportError: If CuPy is not installed.
        RuntimeError: If there is no GPU.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     torch.cuda.Event(enable_timing=True).record()
    """

    def __init__(
        self, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False, external: bool = False
    ) -> None:
        init()
        self.time: float | None = None

    def record(self, stream: Any = None) -> None:
        """Record the moment at which the GPU has done everything that was asked, in a ``stream``: there is one."""
        synchronize()
        self.time = time.perf_counter()

    def elapsed_time(self, end_event: Event) -> float:
        """Return the milliseconds from this event to ``end_event``.

        Raises:
            RuntimeError: If one of them has not been recorded.
        """
        if self.time is None or end_event.time is None:
            raise UsageError("Event.elapsed_time: record both events first")
        return (end_event.time - self.time) * 1000

    def query(self) -> bool:
        """Return True: what was recorded is done."""
        return True

    def wait(self, stream: Any = None) -> None:
        """Make a ``stream`` wait for the event, which is done."""

    def synchronize(self) -> None:
        """Wait for the event, which is done."""


class StreamContext:
    """A block of work in a ``stream``: there is one, so the block changes nothing. Returned by ``stream``.

    Args:
        stream: The stream.

    >>> import minitensor as torch
    >>> with torch.cuda.StreamContext(None):
    ...     pass
    """

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def __enter__(self) -> None:
        """Begin the block."""

    def __exit__(self, *_: object) -> None:
        """End the block."""


def stream(stream: Any) -> StreamContext:
    """Work in a ``stream`` in a block: there is one, so this changes nothing.

    >>> import minitensor as torch
    >>> with torch.cuda.stream(None):
    ...     pass
    """
    return StreamContext(stream)


def set_stream(stream: Any) -> None:
    """Work in a ``stream`` from now on: there is one, so this changes nothing.

    >>> import minitensor as torch
    >>> torch.cuda.set_stream(None)
    """


def current_stream(device: Any = None) -> Stream:
    """Return the stream in which the GPU works; errors as in ``init``.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     torch.cuda.current_stream().synchronize()
    >>> if torch.cuda.is_available():
    ...     torch.cuda.default_stream().synchronize()
    """
    return Stream(device)


default_stream = current_stream

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)

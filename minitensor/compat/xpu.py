"""``xpu``, the GPUs of Intel: there are none here. Questions are answered; what needs a GPU raises."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, NoReturn

from minitensor.compat import streams
from minitensor.compat.reasons import attributes_of
from minitensor.errors import MissingMonitorError, NoSuchDeviceError

default_generators: tuple[Any, ...] = ()


def device_error() -> NoSuchDeviceError:
    """Return the error for what needs a GPU."""
    return NoSuchDeviceError("there is no XPU device here; ask xpu.is_available() first")


def require_device() -> None:
    """Raise: there is no device. For functions that go on if there is one."""
    raise device_error()


# -- questions ---------------------------------------------------------------------------------------------------------


def is_available() -> bool:
    """Return False: there is no such device."""
    return False


def device_count() -> int:
    """Return 0."""
    return 0


def is_initialized() -> bool:
    """Return False: there is nothing to initialize."""
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Return False: there is no such device."""
    return False


def is_tf32_supported() -> bool:
    """Return False: there is no such device."""
    return False


def get_arch_list() -> list[str]:
    """Return no architectures."""
    return []


def get_gencode_flags() -> str:
    """Return no flags."""
    return ""


def memory_allocated(device: Any = None) -> int:
    """Return 0."""
    return 0


max_memory_allocated = memory_reserved = max_memory_reserved = memory_allocated


def memory_stats(device: Any = None) -> dict[str, Any]:
    """Return nothing: there is no memory."""
    return OrderedDict()


def memory_stats_as_nested_dict(device: Any = None) -> dict[str, Any]:
    """Return nothing: there is no memory."""
    return {}


def memory_snapshot(mempool_id: tuple[int, int] | None = None) -> list[dict[str, Any]]:
    """Return nothing: there is no memory."""
    return []


def empty_cache() -> None:
    """Do nothing: there is no memory to free."""


# -- random numbers ----------------------------------------------------------------------------------------------------


def manual_seed(seed: int) -> None:
    """Do nothing: there is no generator to seed."""


manual_seed_all = manual_seed


def seed() -> None:
    """Do nothing: there is no generator to seed."""


seed_all = seed


def get_rng_state_all() -> list[Any]:
    """Return no states."""
    return []


def set_rng_state(new_state: Any, device: Any = "xpu") -> None:
    """Do nothing: there is no generator."""


def set_rng_state_all(new_states: Any) -> None:
    """Do nothing: there are no generators."""


def get_rng_state(device: Any = "xpu") -> NoReturn:
    """Raise: there is no generator."""
    raise device_error()


# -- what needs a GPU --------------------------------------------------------------------------------------------------


def init() -> NoReturn:
    """Raise: there is no device."""
    raise device_error()


current_device = initial_seed = graph_pool_handle = is_current_stream_capturing = init


def synchronize(device: Any = None) -> NoReturn:
    """Raise: there is no device to ask."""
    raise device_error()


current_stream = get_device_capability = get_device_name = get_device_properties = synchronize
mem_get_info = get_per_process_memory_fraction = synchronize
reset_peak_memory_stats = reset_accumulated_memory_stats = synchronize


def set_device(device: Any) -> NoReturn:
    """Raise: there is no device."""
    raise device_error()


def can_device_access_peer(device: Any, peer: Any) -> NoReturn:
    """Raise: there are no devices."""
    raise device_error()


def get_stream_from_external(data_ptr: int, device: Any = None) -> NoReturn:
    """Raise: there is no device."""
    raise device_error()


def set_per_process_memory_fraction(fraction: float, device: Any = None) -> NoReturn:
    """Raise: there is no memory."""
    raise device_error()


def make_graphed_callables(
    callables: Any, sample_args: Any, num_warmup_iters: int = 3, allow_unused_input: bool = False, pool: Any = None
) -> NoReturn:
    """Raise: there is no device."""
    raise device_error()


def utilization(device: Any = None) -> NoReturn:
    """Raise: Intel's package that measures GPUs is not used here."""
    raise MissingMonitorError("xpu: GPUs of Intel are not measured here; use cuda.utilization for those of NVIDIA")


clock_rate = device_memory_used = memory_usage = power_draw = temperature = utilization


class Stream(streams.Stream):
    """A stream, for ``isinstance``: there is none."""

    def __init__(self, device: Any = None, priority: int = 0) -> None:
        raise device_error()


class Event(streams.Event):
    """An event, for ``isinstance``: there is none."""

    def __init__(self, enable_timing: bool = False) -> None:
        raise device_error()


class XPUGraph:
    """A graph of a GPU's work, for ``isinstance``: there is none."""

    def __init__(self, keep_graph: bool = False) -> None:
        raise device_error()


class MemPool:
    """A pool of memory, for ``isinstance``: there is none."""

    def __init__(self, allocator: Any = None, use_on_oom: bool = False) -> None:
        raise device_error()


class graph:  # noqa: N801  # PyTorch's name
    """A block in which a graph is captured: there is no device."""

    def __init__(self, xpu_graph: Any, pool: Any = None, stream: Any = None) -> None:
        raise device_error()


# -- blocks ------------------------------------------------------------------------------------------------------------


class StreamContext:
    """A block of work in a stream; for None it changes nothing. Returned by ``stream``."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def __enter__(self) -> None:
        """Begin the block."""

    def __exit__(self, *_: object) -> None:
        """End the block."""


def stream(stream: Any) -> StreamContext:
    """Work in a stream in a block: there is none but None."""
    return StreamContext(stream)


def set_stream(stream: Any) -> None:
    """Do nothing: there is no stream but None."""


@contextmanager
def device(device: Any) -> Iterator[None]:
    """Do nothing in a block for None or a negative number; raise for others."""
    if device is not None and not (isinstance(device, int) and device < 0):
        raise device_error()
    yield


def device_of(obj: Any) -> AbstractContextManager[None]:
    """Do nothing in a block: no tensor is on such a device."""
    return device(0) if obj.device.type == "xpu" else nullcontext()


@contextmanager
def use_mem_pool(pool: Any, device: Any = None) -> Iterator[None]:
    """Raise in front of a block: there is no memory."""
    require_device()
    yield


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of("minitensor.xpu")

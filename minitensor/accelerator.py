"""``accelerator``: the device, if any, that is not the CPU. Here that is a GPU through CuPy.

Questions are answered without one; what needs a device raises.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any

from minitensor import cpu, cuda, dtypes
from minitensor.compat.reasons import attributes_of
from minitensor.compat.streams import Stream
from minitensor.device import DeviceLike, device
from minitensor.device import device as Device
from minitensor.errors import ArgumentTypeError, DeviceError, UsageError, quote

SUPPORTED = (
    dtypes.bool_, dtypes.uint8, dtypes.int8, dtypes.int16, dtypes.int32, dtypes.int64, dtypes.float16, dtypes.float32,
    dtypes.float64, dtypes.complex64, dtypes.complex128,
)  # fmt: skip


def is_available() -> bool:
    """Return whether there is a GPU.

    >>> import minitensor as torch
    >>> torch.accelerator.is_available() == torch.cuda.is_available()
    True
    """
    return cuda.is_available()


def device_count() -> int:
    """Return the number of GPUs."""
    return cuda.device_count()


def current_accelerator(check_available: bool = False) -> device | None:
    """Return the device "cuda", or None if there is no GPU."""
    return device("cuda") if cuda.is_available() else None


def require_device() -> None:
    """Raise if there is no GPU."""
    if not cuda.is_available():
        raise DeviceError("there is no accelerator here; ask accelerator.is_available() first")


def current_device_index() -> int:
    """Return the number of the current GPU.

    Raises:
        RuntimeError: If there is no GPU.
    """
    require_device()
    return cuda.current_device()


current_device_idx = current_device_index


def set_device_index(device: Any, /) -> None:
    """Choose the current GPU; raise if there is none."""
    require_device()
    cuda.set_device(device)


set_device_idx = set_device_index


@contextlib.contextmanager
def device_index(device: int | None, /) -> Iterator[None]:
    """Choose the current GPU in a block; raise if there is none. Do nothing for None or a negative number."""
    if device is not None:
        require_device()
    with cuda.device(device):
        yield


def synchronize(device: Any = None, /) -> None:
    """Wait until everything asked of the GPU is done; raise if there is none."""
    require_device()
    cuda.synchronize()


def memory_allocated(device_index: Any = None, /) -> int:
    """Return the number of bytes in use on the GPU; raise if there is none."""
    require_device()
    return cuda.memory_allocated(device_index)


def max_memory_allocated(device_index: Any = None, /) -> int:
    """Return the most bytes that were in use on the GPU at a time; raise if there is none."""
    require_device()
    return cuda.max_memory_allocated(device_index)


def memory_reserved(device_index: Any = None, /) -> int:
    """Return the number of bytes that are reserved on the GPU; raise if there is none."""
    require_device()
    return cuda.memory_reserved(device_index)


def max_memory_reserved(device_index: Any = None, /) -> int:
    """Return the most bytes that were reserved on the GPU at a time; raise if there is none."""
    require_device()
    return cuda.max_memory_reserved(device_index)


def memory_stats(device_index: Any = None, /) -> dict[str, Any]:
    """Return what is known of the GPU's memory, under PyTorch's names; raise if there is none."""
    require_device()
    return cuda.memory_stats(device_index)


def get_memory_info(device_index: Any = None, /) -> tuple[int, int]:
    """Return the free and the total bytes of the GPU's memory; raise if there is none."""
    require_device()
    return cuda.mem_get_info(device_index)


def reset_peak_memory_stats(device_index: Any = None, /) -> None:
    """Let the present values be the peaks; raise if there is no GPU."""
    require_device()
    cuda.reset_peak_memory_stats(device_index)


def reset_accumulated_memory_stats(device_index: Any = None, /) -> None:
    """Forget what was ever taken and freed; raise if there is no GPU."""
    require_device()
    cuda.reset_accumulated_memory_stats(device_index)


def empty_cache() -> None:
    """Free memory of the GPU that is not in use; raise if there is none."""
    require_device()
    cuda.empty_cache()


def empty_host_cache() -> None:
    """Free page-locked memory of the CPU that is not in use; raise if there is no GPU."""
    require_device()
    cuda.memory.empty_host_cache()


def set_stream(stream: Any) -> None:
    """Work in a ``stream`` of the GPU from now on, and on its GPU.

    Raises:
        TypeError: If it is not a stream.
        RuntimeError: If there is no GPU.
    """
    if not isinstance(stream, Stream):
        raise ArgumentTypeError(f"accelerator.set_stream: expected a Stream, got {quote(stream)}")
    require_device()
    cuda.set_stream(stream)


def current_stream(device: Any = None, /) -> cuda.Stream:
    """Return the GPU's stream; raise if there is none."""
    require_device()
    return cuda.current_stream(device)


def get_device_capability(device: Any = None, /) -> dict[str, Any]:
    """Return the dtypes that a GPU supports, as ``{"supported_dtypes": {...}}``; raise if there is none."""
    require_device()
    return {"supported_dtypes": set(SUPPORTED)}


class Graph(cuda.CUDAGraph):
    """A graph of the GPU's work; also a block in which it is captured.

    Args:
        keep_graph: Accepted for PyTorch compatibility. Default: ``False``.
        pool: The memory of another graph that is never replayed at the same time, or None.
        capture_error_mode: Accepted for PyTorch compatibility. Default: ``"default"``.

    Raises:
        RuntimeError: If there is no GPU.
    """

    def __init__(self, keep_graph: bool = False, *, pool: Any = None, capture_error_mode: str = "default") -> None:
        require_device()
        super().__init__(keep_graph)
        mode = "global" if capture_error_mode == "default" else capture_error_mode
        self.capture = cuda.graph(self, pool, capture_error_mode=mode)

    def __enter__(self) -> Graph:
        self.capture.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.capture.__exit__(*error)


def get_device_module(device: DeviceLike = None) -> ModuleType:
    """Return ``cpu`` or ``cuda``, the module for a device.

    Args:
        device: The device; the GPU if None, or the CPU if there is none.

    Raises:
        RuntimeError: If there is no module for the device.

    >>> import minitensor as torch
    >>> torch.get_device_module("cpu") is torch.cpu
    True
    """
    kind = (current_accelerator() or Device("cpu") if device is None else Device(device)).type
    if kind not in ("cpu", "cuda"):
        raise UsageError(f"get_device_module: there is no module for the device {kind!r}, only cpu and cuda")
    return cuda if kind == "cuda" else cpu


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)

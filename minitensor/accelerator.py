"""``accelerator``: the device, if any, that is not the CPU. Here that is a GPU through CuPy.

Questions are answered without one; what needs a device raises.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any

from minitensor import cpu, cuda
from minitensor.compat.reasons import attributes_of
from minitensor.device import DeviceLike, device
from minitensor.device import device as Device
from minitensor.errors import DeviceError, UsageError


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


def memory_allocated(device_index: Any = None) -> int:
    """Return the number of bytes in use on the GPU, 0 without one."""
    return cuda.memory_allocated(device_index)


def memory_reserved(device_index: Any = None) -> int:
    """Return the number of bytes that are reserved on the GPU, 0 without one."""
    return cuda.memory_reserved(device_index)


max_memory_allocated, max_memory_reserved = memory_allocated, memory_reserved


def memory_stats(device_index: Any = None, /) -> dict[str, int]:
    """Return the bytes in use and reserved on the GPU, under PyTorch's names."""
    return cuda.memory_stats(device_index)


def get_memory_info(device_index: Any = None, /) -> tuple[int, int]:
    """Return the free and the total bytes of the GPU's memory; raise if there is none."""
    require_device()
    return cuda.mem_get_info(device_index)


def reset_peak_memory_stats(device_index: Any = None, /) -> None:
    """Do nothing: peaks are not recorded."""


reset_accumulated_memory_stats = reset_peak_memory_stats


def empty_cache() -> None:
    """Free memory of the GPU that is not in use; do nothing without one."""
    cuda.empty_cache()


def empty_host_cache() -> None:
    """Do nothing: no memory of the CPU is kept for the GPU."""


def set_stream(stream: Any) -> None:
    """Work in a ``stream`` from now on: there is one, so this changes nothing."""


def current_stream(device: Any = None, /) -> cuda.Stream:
    """Return the GPU's stream; raise if there is none."""
    require_device()
    return cuda.current_stream()


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

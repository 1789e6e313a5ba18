"""``xpu``, the GPUs of Intel: there are none here. Questions are answered; what needs a GPU raises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.compat.reasons import attributes_of
from minitensor.errors import DeviceError


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


def manual_seed(seed: int) -> None:
    """Do nothing: there is no generator to seed."""


manual_seed_all = manual_seed


def empty_cache() -> None:
    """Do nothing: there is no memory to free."""


def memory_allocated(device: Any = None) -> int:
    """Return 0."""
    return 0


max_memory_allocated = memory_reserved = max_memory_reserved = memory_allocated


def synchronize(device: Any = None) -> None:
    """Raise: there is nothing to wait for.

    Raises:
        RuntimeError: Always.
    """
    raise DeviceError("there is no XPU device here; ask xpu.is_available() first")


def current_device() -> int:
    """Raise: there is no device."""
    synchronize()
    return 0


def set_device(device: Any) -> None:
    """Raise: there is no device."""
    synchronize()

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of("minitensor.xpu")

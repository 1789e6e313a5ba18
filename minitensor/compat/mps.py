"""``mps``, the GPUs of Apple: there are none here. Questions are answered; what needs a GPU raises."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.compat.reasons import attributes_of
from minitensor.errors import DeviceError


def is_available() -> bool:
    """Return False: there is no such device."""
    return False


def device_count() -> int:
    """Return 0."""
    return 0


def manual_seed(seed: int) -> None:
    """Do nothing: there is no generator to seed."""


def seed() -> None:
    """Do nothing: there is no generator to seed."""


def synchronize() -> None:
    """Raise: there is nothing to wait for.

    Raises:
        RuntimeError: Always.
    """
    raise DeviceError("there is no MPS device here; ask backends.mps.is_available() first")


def empty_cache() -> None:
    """Raise: there is no memory to free."""
    synchronize()


def current_allocated_memory() -> int:
    """Raise: there is no memory to measure."""
    synchronize()
    return 0


driver_allocated_memory = recommended_max_memory = current_allocated_memory

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of("minitensor.mps")

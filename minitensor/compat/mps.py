"""``mps``, the GPUs of Apple: there are none here. Questions are answered; what needs a GPU raises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from minitensor.compat import streams
from minitensor.compat.reasons import attributes_of
from minitensor.errors import ArgumentTypeError, NoSuchDeviceError


def is_available() -> bool:
    """Return False: there is no such device."""
    return False


def device_count() -> int:
    """Return 0."""
    return 0


def manual_seed(seed: int) -> None:
    """Do nothing: there is no generator to seed."""


def synchronize() -> NoReturn:
    """Raise: there is nothing to wait for, to measure, to free or to seed.

    Raises:
        RuntimeError: If it is called at all.
    """
    raise NoSuchDeviceError("there is no MPS device here; ask backends.mps.is_available() first")


seed = empty_cache = synchronize
current_allocated_memory = driver_allocated_memory = recommended_max_memory = synchronize


def get_rng_state(device: Any = "mps") -> NoReturn:
    """Raise: there is no generator."""
    synchronize()


def set_rng_state(new_state: Any, device: Any = "mps") -> NoReturn:
    """Raise: there is no generator."""
    synchronize()


def set_per_process_memory_fraction(fraction: float) -> NoReturn:
    """Raise: there is no memory.

    Raises:
        TypeError: If the fraction is not a float.
        RuntimeError: If it is.
    """
    if not isinstance(fraction, float):
        raise ArgumentTypeError(f"mps.set_per_process_memory_fraction: expected a float, got {type(fraction).__name__}")
    synchronize()


def compile_shader(source: str) -> NoReturn:
    """Raise: there is no device to compile for."""
    synchronize()


def load_metallib(source: Any) -> NoReturn:
    """Raise: there is no device to load code for.

    Raises:
        TypeError: If the source is neither bytes nor a path.
        RuntimeError: If it is.
    """
    if not isinstance(source, (bytes, str)) and not hasattr(source, "__fspath__"):
        raise ArgumentTypeError(f"mps.load_metallib: expected bytes or a path, got {type(source).__name__}")
    synchronize()


class Event(streams.Event):
    """An event, for ``isinstance``: there is none."""

    def __init__(self, enable_timing: bool = False) -> None:
        synchronize()


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of("minitensor.mps")

"""``cpu``: what programs ask about the CPU as they ask ``cuda`` about the GPU. It is always there, and never waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.amp import cpu_amp as amp
from minitensor.compat.reasons import attributes_of

__all__ = ["amp", "current_device", "device_count", "is_available", "is_initialized", "set_device", "synchronize"]


def is_available() -> bool:
    """Return True.

    >>> import minitensor as torch
    >>> torch.cpu.is_available()
    True
    """
    return True


def is_initialized() -> bool:
    """Return True.

    >>> import minitensor as torch
    >>> torch.cpu.is_initialized()
    True
    """
    return True


def device_count() -> int:
    """Return 1.

    >>> import minitensor as torch
    >>> torch.cpu.device_count()
    1
    """
    return 1


def current_device() -> str:
    """Return "cpu".

    >>> import minitensor as torch
    >>> torch.cpu.current_device()
    'cpu'
    """
    return "cpu"


def set_device(device: Any) -> None:
    """Do nothing: there is one CPU.

    >>> import minitensor as torch
    >>> torch.cpu.set_device("cpu")
    """


def synchronize(device: Any = None) -> None:
    """Do nothing: the CPU computes before a function returns.

    >>> import minitensor as torch
    >>> torch.cpu.synchronize()
    """


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)

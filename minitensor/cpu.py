"""``cpu``: what programs ask about the CPU as they ask ``cuda`` about the GPU. It is always there, and never waits."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from minitensor.amp import cpu_amp as amp
from minitensor.compat.reasons import attributes_of

__all__ = [
    "Event", "Stream", "StreamContext", "amp", "current_device", "current_stream", "device_count", "get_capabilities",
    "is_available", "is_initialized", "set_device", "stream", "synchronize",
]  # fmt: skip


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


class Stream:
    """The order in which the CPU works: all is done when a function returns, and waiting ends at once.

    Args:
        priority: Accepted for PyTorch compatibility. Default: ``-1``.

    >>> import minitensor as torch
    >>> torch.cpu.Stream().wait_stream(torch.cpu.current_stream())
    """

    def __init__(self, priority: int = -1) -> None:
        """Do nothing."""

    def wait_stream(self, stream: Any) -> None:
        """Wait for another ``stream``: it is done."""

    def record_event(self) -> None:
        """Do nothing."""

    def wait_event(self, event: Any) -> None:
        """Wait for an ``event``: nothing is to be waited for."""


class Event:
    """A point in the work of the CPU, which is always reached.

    >>> import minitensor as torch
    >>> torch.cpu.Event().query()
    True
    """

    def query(self) -> bool:
        """Return True."""
        return True

    def record(self, stream: Any = None) -> None:
        """Do nothing in ``stream``."""

    def synchronize(self) -> None:
        """Wait for the event: nothing is to be waited for."""

    def wait(self, stream: Any = None) -> None:
        """Let ``stream`` wait for the event: nothing is to be waited for."""


default_stream = Stream()


def current_stream(device: Any = None) -> Stream:
    """Return the stream of the CPU, which is always the same.

    >>> import minitensor as torch
    >>> torch.cpu.current_stream() is torch.cpu.current_stream()
    True
    """
    return default_stream


class StreamContext:
    """A block of work in a stream: there is one, so it changes nothing. Returned by ``stream``.

    Args:
        stream: The stream.

    >>> import minitensor as torch
    >>> with torch.cpu.StreamContext(torch.cpu.Stream()):
    ...     x = torch.ones(2)
    """

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def __enter__(self) -> None:
        """Begin the block."""

    def __exit__(self, *_: object) -> None:
        """End the block."""


def stream(stream: Any) -> StreamContext:
    """Work in ``stream`` in a block: there is one, so this changes nothing.

    >>> import minitensor as torch
    >>> with torch.cpu.stream(torch.cpu.Stream()):
    ...     x = torch.ones(2)
    """
    return StreamContext(stream)


def get_capabilities() -> Mapping[str, Any]:
    """Return the name, the architecture and the number of cores of the CPU. NumPy chooses its instructions.

    >>> import minitensor as torch
    >>> torch.cpu.get_capabilities()["num_logical_cores"] > 0
    True
    """
    cores = os.cpu_count() or 1
    return MappingProxyType(
        {"architecture": platform.machine(), "cpu_name": platform.processor(), "num_logical_cores": cores}
    )


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)

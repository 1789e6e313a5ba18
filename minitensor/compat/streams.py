"""``Stream`` and ``Event`` without a device: on the CPU, work is done when a function returns."""

from __future__ import annotations

from typing import Any

from minitensor.errors import UsageError


class Stream:
    """A queue of work. On the CPU all work is done at once, so waiting ends at once. It works in ``with`` too.

    Args:
        device: "cpu", the default.
        priority: Accepted for PyTorch compatibility.

    Raises:
        RuntimeError: If the device is another one; ``cuda.Stream`` is for a GPU.

    >>> import minitensor as torch
    >>> torch.Stream().query()
    True
    """

    device_index, device_type, stream_id = -1, 0, 0

    def __init__(self, device: Any = "cpu", *, priority: int = 0) -> None:
        require_cpu("Stream", device)

    def query(self) -> bool:
        """Return True: all work is done."""
        return True

    def synchronize(self) -> None:
        """Wait until all work is done: it is."""

    def wait_event(self, event: Any) -> None:
        """Let later work wait for ``event``: nothing is to be waited for."""

    def wait_stream(self, stream: Any) -> None:
        """Let later work wait for that of ``stream``: nothing is to be waited for."""

    def record_event(self, event: Any = None) -> Event:
        """Raise: the CPU has no ``event`` to record.

        Raises:
            RuntimeError: If it is called at all.
        """
        raise events_error()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stream)

    def __hash__(self) -> int:
        return hash(Stream)

    def __repr__(self) -> str:
        return "torch.Stream device_type=cpu, device_index=-1, stream_id=0"


class Event:
    """A point in a queue of work. On the CPU none can be recorded.

    Args:
        device: "cpu", the default.
        enable_timing, blocking, interprocess: Accepted for PyTorch compatibility.

    Raises:
        RuntimeError: If the device is another one; ``cuda.Event`` is for a GPU.

    >>> import minitensor as torch
    >>> torch.Event().query()
    True
    """

    device_index, device_type, event_id = -1, 0, 0

    def __init__(
        self, device: Any = "cpu", *, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False
    ) -> None:
        require_cpu("Event", device)

    def query(self) -> bool:
        """Return True: nothing is to be waited for."""
        return True

    def synchronize(self) -> None:
        """Wait for the event: nothing is to be waited for."""

    def record(self, stream: Any = None) -> None:
        """Raise: a ``stream`` of the CPU has no events.

        Raises:
            RuntimeError: If it is called at all.
        """
        raise events_error()

    def wait(self, stream: Any = None) -> None:
        """Let ``stream`` wait for the event: nothing is to be waited for."""

    def elapsed_time(self, end_event: Any) -> float:
        """Raise: there is no time until ``end_event``, because the CPU has no events.

        Raises:
            RuntimeError: If it is called at all.
        """
        raise events_error()

    def __repr__(self) -> str:
        return "torch.Event device_type=cpu, device_index=-1, event_flag=0, event_id=0"


def require_cpu(name: str, device: Any) -> None:
    """Raise unless a device is the CPU."""
    if str(device).partition(":")[0] != "cpu":
        raise UsageError(f"{name}: expected the device 'cpu', got {str(device)!r}; use cuda.{name} for a GPU")


def events_error() -> UsageError:
    """Return the error for what needs a clock of the device."""
    return UsageError("cpu backend doesn't support events; measure with time.perf_counter()")

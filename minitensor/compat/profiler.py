"""``autograd.profiler`` and ``profiler``: programs that profile themselves run, and their tables are empty.

``utils.op_log`` lists the operations of a piece of code; ``python -m benchmarks`` and ``cProfile`` measure times.
"""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from minitensor.compat.reasons import attributes_of


class ProfilerActivity(enum.Enum):
    """What PyTorch's profiler records."""

    CPU = 0
    CUDA = 1
    XPU = 2


class ProfilerAction(enum.Enum):
    """What PyTorch's profiler does in a step."""

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3


class EventList(list[Any]):
    """The events of a profile: there are none."""

    def table(self, *args: Any, **kwargs: Any) -> str:
        """Return a line that says that nothing was recorded."""
        return "no events were recorded; utils.op_log lists operations, and cProfile measures times"

    def total_average(self) -> EventList:
        """Return the list."""
        return self

    def export_chrome_trace(self, path: str) -> None:
        """Write an empty trace to the file ``path``."""
        with open(path, "w", encoding="utf-8") as file:
            file.write('{"traceEvents": []}')


class profile(contextlib.ContextDecorator):  # noqa: N801  # PyTorch's name
    """A context that records no events. All options are accepted.

    >>> import minitensor as torch
    >>> with torch.profiler.profile() as recorded:
    ...     _ = torch.ones(2) + 1
    >>> len(recorded.key_averages())
    0
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        self.options = options

    def __enter__(self) -> profile:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def start(self) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""

    def step(self) -> None:
        """Do nothing at the end of a step."""

    def key_averages(self, *args: Any, **kwargs: Any) -> EventList:
        """Return the events by their names: there are none."""
        return EventList()

    total_average = events = key_averages

    @property
    def function_events(self) -> EventList:
        """The events: there are none."""
        return EventList()

    def table(self, *args: Any, **kwargs: Any) -> str:
        """Return a line that says that nothing was recorded."""
        return EventList().table()

    def export_chrome_trace(self, path: str) -> None:
        """Write an empty trace to the file ``path``."""
        EventList().export_chrome_trace(path)


class record_function(contextlib.ContextDecorator):  # noqa: N801  # PyTorch's name
    """A context that labels what runs in it with ``name``, for no one to read."""

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name, self.args = name, args

    def __enter__(self) -> record_function:
        return self

    def __exit__(self, *error: object) -> None:
        pass


class emit_nvtx(profile):  # noqa: N801  # PyTorch's name
    """A context that would mark operations for NVIDIA's profiler."""


class emit_itt(profile):  # noqa: N801  # PyTorch's name
    """A context that would mark operations for Intel's profiler."""


def schedule(
    *, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0, **options: Any
) -> Callable[[int], ProfilerAction]:
    """Return a function of the number of a step that says to record nothing."""
    return lambda step: ProfilerAction.NONE


def tensorboard_trace_handler(
    dir_name: str, worker_name: str | None = None, use_gzip: bool = False
) -> Callable[[Any], None]:
    """Return a function that writes nothing."""
    return lambda recorded: None


def kineto_available() -> bool:
    """Return False: PyTorch's recorder of times is not here."""
    return False


supported_activities = frozenset

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of("minitensor.profiler")

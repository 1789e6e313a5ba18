"""``autograd.profiler`` and ``profiler``: how long the blocks take that ``record_function`` labels.

Operations are not recorded: ``utils.op_log`` lists those of a piece of code; ``python -m benchmarks`` and ``cProfile``
measure times.
"""

from __future__ import annotations

import contextlib
import enum
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
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
    """The events of a profile, or their sums by name: blocks that ``record_function`` labels."""

    def key_averages(self, *args: Any, **kwargs: Any) -> EventList:
        """Return one event for each name, with the number of blocks and their times."""
        found: dict[str, Event] = {}
        for event in self:
            total = found.setdefault(event.key, Event(event.key, 0.0, 0))
            total.cpu_time_total += event.cpu_time_total
            total.count += event.count
        return EventList(found.values())

    def total_average(self) -> Event:
        """Return one event for all."""
        return Event("Total", sum(each.cpu_time_total for each in self), sum(each.count for each in self))

    @property
    def self_cpu_time_total(self) -> float:
        """The microseconds of all."""
        return float(sum(each.cpu_time_total for each in self))

    def table(self, sort_by: str | None = None, row_limit: int = 100, **options: Any) -> str:
        """Return the events as a table. Operations are not among them: ``utils.op_log`` lists these."""
        if not self:
            return "no events were recorded; utils.op_log lists operations, and cProfile measures times"
        events = sorted(self, key=lambda each: -each.cpu_time_total) if sort_by else list(self)
        rows = [("Name", "CPU total", "CPU time avg", "# of Calls")]
        rows += [
            (each.key, f"{each.cpu_time_total:.3f}us", f"{each.cpu_time:.3f}us", str(each.count))
            for each in events[:row_limit]
        ]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True)) for row in rows]
        rule = "  ".join("-" * width for width in widths)
        return "\n".join([rule, lines[0], rule, *lines[1:], rule, ""])

    def export_chrome_trace(self, path: str) -> None:
        """Write the events to the file ``path``, for the viewer of traces in browsers."""
        events = [
            {"name": each.key, "ph": "X", "ts": each.start, "dur": each.cpu_time_total, "pid": 0, "tid": 0}
            for each in self
        ]
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"traceEvents": events}, file)


@dataclass
class Event:
    """A block that ``record_function`` labels: its microseconds. Or several of one name."""

    key: str
    cpu_time_total: float
    count: int = 1
    start: float = 0.0

    @property
    def name(self) -> str:
        """The label."""
        return self.key

    @property
    def cpu_time(self) -> float:
        """The microseconds of one block."""
        return self.cpu_time_total / self.count

    @property
    def self_cpu_time_total(self) -> float:
        """The microseconds; those of blocks inside are not taken off."""
        return self.cpu_time_total

    @property
    def cpu_time_str(self) -> str:
        """The microseconds of one block, as text."""
        return f"{self.cpu_time:.3f}us"

    @property
    def cpu_time_total_str(self) -> str:
        """The microseconds, as text."""
        return f"{self.cpu_time_total:.3f}us"

    self_cpu_time_total_str = cpu_time_total_str

    # What is not recorded: memory, the times of GPUs, operations, and where a block stands in the program.
    cpu_memory_usage = self_cpu_memory_usage = device_memory_usage = self_device_memory_usage = 0
    device_time = device_time_total = self_device_time_total = cuda_time = cuda_time_total = 0.0
    flops, node_id, is_async, is_remote, is_legacy, use_device = 0, -1, False, False, False, None
    input_shapes: tuple[Any, ...] = ()
    stack: tuple[Any, ...] = ()
    is_user_annotation = True


profiles: list[profile] = []  # those that record now


class profile(contextlib.ContextDecorator):  # noqa: N801  # PyTorch's name
    """A context that records the blocks that ``record_function`` labels, in the steps that a ``schedule`` says.

    >>> import minitensor as torch
    >>> with torch.profiler.profile() as recorded:
    ...     with torch.profiler.record_function("sum"):
    ...         _ = torch.ones(2) + 1
    >>> recorded.key_averages()[0].key
    'sum'
    """

    def __init__(self, *args: Any, schedule: Any = None, on_trace_ready: Any = None, **options: Any) -> None:
        self.options, self.schedule, self.on_trace_ready = options, schedule, on_trace_ready
        self.recorded, self.step_num = EventList(), 0
        self.action = self.action_of(0)

    def action_of(self, step: int) -> ProfilerAction:
        """Return what to do in a step."""
        return ProfilerAction.RECORD if self.schedule is None else self.schedule(step)

    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to record."""
        profiles.append(self)

    def stop(self) -> None:
        """End."""
        if self in profiles:
            profiles.remove(self)
        is_recording = self.action in (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)
        if is_recording and self.on_trace_ready is not None:
            self.on_trace_ready(self)

    def step(self) -> None:
        """Say that the next step begins."""
        before = self.action
        self.step_num += 1
        self.action = self.action_of(self.step_num)
        if before is ProfilerAction.RECORD_AND_SAVE and self.on_trace_ready is not None:
            self.on_trace_ready(self)
        if self.action is ProfilerAction.WARMUP:
            self.recorded = EventList()

    def record(self, event: Event) -> None:
        """Take an event, if this step is one to record."""
        if self.action in (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE):
            self.recorded.append(event)

    def events(self) -> EventList:
        """Return the events."""
        return self.recorded

    @property
    def function_events(self) -> EventList:
        """The events."""
        return self.recorded

    def key_averages(self, *args: Any, **kwargs: Any) -> EventList:
        """Return one event for each name."""
        return self.recorded.key_averages()

    def total_average(self) -> Event:
        """Return one event for all."""
        return self.recorded.total_average()

    @property
    def self_cpu_time_total(self) -> float:
        """The microseconds of all events."""
        return self.recorded.self_cpu_time_total

    def export_stacks(self, path: str, metric: str = "self_cpu_time_total") -> None:
        """Write where in the program the events stand to the file ``path``: nothing, because that is not recorded."""
        open(path, "w", encoding="utf-8").close()

    def add_metadata(self, key: str, value: str) -> None:
        """Take a text for the trace; it is not written."""

    add_metadata_json = add_metadata

    def table(self, *args: Any, **kwargs: Any) -> str:
        """Return the events as a table."""
        return self.recorded.table(*args, **kwargs)

    def export_chrome_trace(self, path: str) -> None:
        """Write the events to the file ``path``."""
        self.recorded.export_chrome_trace(path)


class record_function(contextlib.ContextDecorator):  # noqa: N801  # PyTorch's name
    """A context that labels what runs in it with ``name``: profiles record how long it takes."""

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name, self.args = name, args

    def __enter__(self) -> record_function:
        self.start = time.perf_counter()
        return self

    def __exit__(self, *error: object) -> None:
        taken = (time.perf_counter() - self.start) * 1e6
        for each in profiles:
            each.record(Event(self.name, taken, 1, self.start * 1e6))


class emit_nvtx(profile):  # noqa: N801  # PyTorch's name
    """A context that would mark operations for NVIDIA's profiler."""


class emit_itt(profile):  # noqa: N801  # PyTorch's name
    """A context that would mark operations for Intel's profiler."""


def schedule(
    *, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0, skip_first_wait: int = 0,
) -> Callable[[int], ProfilerAction]:
    """Return a function of the number of a step that says what to do in it.

    Args:
        wait, warmup, active: How many steps of a round are not recorded, come before recording, and are recorded.
        repeat: The number of rounds; 0 means any number. Default: ``0``.
        skip_first: Steps before the first round. Default: ``0``.
        skip_first_wait: Not 0 if the first round has no wait. Default: ``0``.

    Raises:
        AssertionError: If a number is negative, or no step is recorded.
    """
    if min(wait, warmup, repeat, skip_first) < 0 or active <= 0:
        raise AssertionError("Invalid profiler schedule arguments")

    def action(step: int) -> ProfilerAction:
        place = step - skip_first + (wait if skip_first_wait else 0)
        size = wait + warmup + active
        if step < skip_first or (repeat > 0 and place // size >= repeat):
            return ProfilerAction.NONE
        place %= size
        if place < wait:
            return ProfilerAction.NONE
        if place < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD if place < size - 1 else ProfilerAction.RECORD_AND_SAVE

    return action


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

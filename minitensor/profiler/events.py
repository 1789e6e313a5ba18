"""Events of a profile: calls with their times, shapes and bytes; lists of them, and their sums by name.

The names of the attributes are those of PyTorch's ``FunctionEvent``. Times are in microseconds. This file does not know
how events are recorded.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from minitensor.compat.reasons import attributes_of
from minitensor.errors import ArgumentError
from minitensor.profiler.layout import build_table, format_time

MEMORY_EVENT_NAME = "[memory]"  # memory that is released outside all other events
METRICS = ("self_cpu_time_total", "self_cuda_time_total", "self_xpu_time_total", "self_privateuse1_time_total")


class Interval:
    """A span of time, from ``start`` to ``end`` in microseconds.

    >>> import minitensor as torch
    >>> torch.autograd.profiler_util.Interval(1.0, 3.5).elapsed_us()
    2.5
    """

    def __init__(self, start: float, end: float) -> None:
        self.start, self.end = start, end

    def elapsed_us(self) -> float:
        """Return how long it is."""
        return self.end - self.start


class FormattedTimesMixin:
    """The times of an event per call and as text. What only GPUs have is zero."""

    count: int

    device_type = "cpu"
    device_time = device_time_total = self_device_time_total = 0.0
    cuda_time = cuda_time_total = self_cuda_time_total = 0.0
    device_memory_usage = self_device_memory_usage = 0
    use_device = None
    node_id = -1
    is_async = is_remote = is_legacy = False

    @property
    def cpu_time(self) -> float:
        """The microseconds of one call."""
        return cpu_times(self)[0] / self.count if self.count else 0.0

    @property
    def cpu_time_str(self) -> str:
        """The time of one call, as text."""
        return format_time(self.cpu_time)

    @property
    def cpu_time_total_str(self) -> str:
        """The time of all calls, as text."""
        return format_time(cpu_times(self)[0])

    @property
    def self_cpu_time_total_str(self) -> str:
        """The time of all calls without that of the events inside, as text."""
        return format_time(cpu_times(self)[1])

    @property
    def device_time_str(self) -> str:
        """The time of one call on a GPU, as text: zero."""
        return format_time(0.0)

    device_time_total_str = self_device_time_total_str = device_time_str


def cpu_times(event: Any) -> tuple[float, float]:
    """Return the microseconds of an event, with and without those of the events inside."""
    return event.cpu_time_total, event.self_cpu_time_total


class FunctionEvent(FormattedTimesMixin):
    """One call: its name, where it stands among the others, its time, its tensors and its bytes.

    Args:
        id: Its number in the profile.
        name: The name of an operation, of a node of the graph, or of a labeled block.
        thread: The number of its thread.
        start_us, end_us: When it began and ended.
    """

    count = 1

    def __init__(self, id: int, name: str, thread: int, start_us: float, end_us: float) -> None:  # noqa: A002
        self.id, self.name, self.thread = id, name, thread
        self.time_range = Interval(start_us, end_us)
        self.cpu_parent: FunctionEvent | None = None
        self.cpu_children: list[FunctionEvent] = []
        self.input_shapes: list[Any] = []
        self.concrete_inputs: list[Any] = []
        self.kwinputs: dict[str, Any] = {}
        self.stack: list[str] = []
        self.self_cpu_memory_usage = 0
        self.flops = 0
        self.sequence_nr = -1
        self.scope = 0
        self.fwd_thread: int | None = None
        self.is_user_annotation = False
        self.overload_name = ""

    @property
    def key(self) -> str:
        """The name."""
        return self.name

    @property
    def trace_name(self) -> str:
        """The name in traces."""
        return self.name

    @property
    def cpu_time_total(self) -> float:
        """The microseconds from its begin to its end."""
        return self.time_range.elapsed_us()

    @property
    def self_cpu_time_total(self) -> float:
        """The microseconds without those of the events inside."""
        return self.cpu_time_total - sum(each.cpu_time_total for each in self.cpu_children)

    @property
    def cpu_memory_usage(self) -> int:
        """The bytes that were taken, less those that were released, from its begin to its end."""
        return self.self_cpu_memory_usage + sum(each.cpu_memory_usage for each in self.cpu_children)

    def append_cpu_child(self, child: FunctionEvent) -> None:
        """Put an event inside this one."""
        self.cpu_children.append(child)

    def set_cpu_parent(self, parent: FunctionEvent) -> None:
        """Say which event this one is inside."""
        self.cpu_parent = parent

    def __repr__(self) -> str:
        return (
            f"<FunctionEvent id={self.id} name={self.name} thread={self.thread} cpu_time={self.cpu_time_str} "
            f"cpu_start_us={self.time_range.start} cpu_end_us={self.time_range.end} "
            f"cpu_children={[each.id for each in self.cpu_children]} input_shapes={self.input_shapes} "
            f"cpu_memory_usage={self.cpu_memory_usage} flops={self.flops}>"
        )


class FunctionEventAvg(FormattedTimesMixin):
    """The sums of events that have one name, and the same shapes or callers if these tell them apart."""

    def __init__(self) -> None:
        self.key: str | None = None
        self.count = 0
        self.cpu_time_total = self.self_cpu_time_total = 0.0
        self.cpu_memory_usage = self.self_cpu_memory_usage = 0
        self.flops = 0
        self.input_shapes: Any = None
        self.stack: list[str] = []
        self.scope: int | None = None
        self.cpu_children: list[FunctionEvent] = []
        self.cpu_parent: FunctionEvent | None = None
        self.is_user_annotation = False
        self.overload_name = ""

    def add(self, other: FunctionEvent | FunctionEventAvg) -> FunctionEventAvg:
        """Add an event, or other sums, and return these sums."""
        if self.key is None:
            self.key, self.scope, self.cpu_parent = other.key, other.scope, other.cpu_parent
            self.input_shapes, self.stack = other.input_shapes, other.stack
            self.is_user_annotation, self.cpu_children = other.is_user_annotation, other.cpu_children
        self.count += other.count
        self.cpu_time_total += other.cpu_time_total
        self.self_cpu_time_total += other.self_cpu_time_total
        self.cpu_memory_usage += other.cpu_memory_usage
        self.self_cpu_memory_usage += other.self_cpu_memory_usage
        self.flops += other.flops
        return self

    __iadd__ = add

    def __repr__(self) -> str:
        return (
            f"<FunctionEventAvg key={self.key} self_cpu_time={self.self_cpu_time_total_str} "
            f"cpu_time={self.cpu_time_str} input_shapes={self.input_shapes} cpu_memory_usage={self.cpu_memory_usage}>"
        )


class EventList(list[Any]):
    """The events of a profile in the order in which they began, or their sums."""

    def __init__(self, events: Iterable[Any] = (), *, profile_memory: bool = False, with_flops: bool = False) -> None:
        super().__init__(events)
        self.profile_memory, self.with_flops = profile_memory, with_flops
        self.metadata: dict[str, Any] = {}

    def __str__(self) -> str:
        return self.table()

    @property
    def self_cpu_time_total(self) -> float:
        """The microseconds of all events, each without those of the events inside."""
        return float(sum(each.self_cpu_time_total for each in self))

    def key_averages(
        self, group_by_input_shapes: bool = False, group_by_stack_n: int = 0, group_by_overload_name: bool = False
    ) -> EventList:
        """Return the sums of the events by name.

        Args:
            group_by_input_shapes: Whether events with other shapes have other sums. Default: ``False``.
            group_by_stack_n: How many of the callers, from the innermost, tell events apart. Default: ``0``.
            group_by_overload_name: Unused: operations have one form. Default: ``False``.
        """
        sums: dict[tuple[Any, ...], FunctionEventAvg] = {}
        for each in self:
            key = (each.key, str(each.input_shapes) if group_by_input_shapes else "", *each.stack[:group_by_stack_n])
            sums.setdefault((*key, each.is_user_annotation), FunctionEventAvg()).add(each)
        for each in sums.values():
            each.stack = each.stack[:group_by_stack_n]
            each.input_shapes = each.input_shapes if group_by_input_shapes else ""
        return EventList(sums.values(), profile_memory=self.profile_memory, with_flops=self.with_flops)

    def total_average(self) -> FunctionEventAvg:
        """Return the sums of all events."""
        total = FunctionEventAvg()
        for each in self:
            total.add(each)
        total.key = "Total"
        return total

    def table(
        self, sort_by: str | None = None, row_limit: int = 100, max_src_column_width: int | None = 75,
        max_name_column_width: int | None = 55, max_shapes_column_width: int | None = 80, header: str | None = None,
        top_level_events_only: bool = False, time_unit: str | None = None,
    ) -> str:
        """Return the events as a table, in PyTorch's form.

        Args:
            sort_by: The name of an attribute, such as ``"self_cpu_time_total"``: the largest comes first.
                Default: ``None``, in order.
            row_limit: The number of rows; -1 for all. Default: ``100``.
            max_src_column_width, max_name_column_width, max_shapes_column_width: The widths to which callers, names
                and shapes are cut; None for any.
            header: A text above the table. Default: ``None``.
            top_level_events_only: Whether to leave out events inside others. Default: ``False``.
            time_unit: ``"s"``, ``"ms"`` or ``"us"`` for all times. Default: ``None``, as large as the times.

        Raises:
            AttributeError: If ``sort_by`` is not an attribute of events.
        """
        events = list(self)
        if sort_by is not None:
            name = sort_by.replace("cuda", "device").replace("xpu", "device").replace("privateuse1", "device")
            events.sort(key=lambda each: getattr(each, name), reverse=True)
        return build_table(
            events, row_limit, (max_name_column_width, max_shapes_column_width, max_src_column_width), header,
            top_level_events_only, time_unit, self.profile_memory, self.with_flops,
        )

    def export_chrome_trace(self, path: str | os.PathLike[str]) -> None:
        """Write the events to the file ``path``, for viewers of traces such as chrome://tracing and Perfetto.

        A name that ends in ``.gz`` gives a compressed file.
        """
        text = json.dumps({"schemaVersion": 1, "displayTimeUnit": "ms", **self.metadata, "traceEvents": self.trace()})
        if str(path).endswith(".gz"):
            with gzip.open(path, "wt", encoding="utf-8") as file:
                file.write(text)
            return
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def trace(self) -> list[dict[str, Any]]:
        """Return the events as those of a trace, after the names of the process and its threads."""
        process = os.getpid()
        place = {"ph": "M", "ts": 0, "pid": process}
        names = [{**place, "name": "process_name", "tid": 0, "args": {"name": "python"}}]
        names += [
            {**place, "name": "thread_name", "tid": thread, "args": {"name": f"thread {thread} (python)"}}
            for thread in dict.fromkeys(each.thread for each in self)
        ]
        return names + [trace_event(each, process) for each in self]

    def export_stacks(self, path: str | os.PathLike[str], metric: str = "self_cpu_time_total") -> None:
        """Write the callers of each event and its time to the file ``path``, for flame graphs.

        Args:
            path: The file.
            metric: The attribute of events to write. Default: ``"self_cpu_time_total"``.

        Raises:
            ValueError: If events have no such time.
        """
        if metric not in METRICS:
            raise ArgumentError(f"metric should be one of: {list(METRICS)}, got {metric!r}")
        spaces = str.maketrans(" ;\t\n", "____")
        with open(path, "w", encoding="utf-8") as file:
            for each in self:
                time = int(getattr(each, metric, 0))
                if each.stack and time > 0:
                    file.write(";".join(entry.translate(spaces) for entry in reversed(each.stack)) + f" {time}\n")


def trace_event(event: FunctionEvent, process: int) -> dict[str, Any]:
    """Return an event as viewers of traces take it."""
    if event.name == MEMORY_EVENT_NAME:
        return {
            "ph": "i", "s": "t", "cat": "cpu_instant_event", "name": event.name, "pid": process, "tid": event.thread,
            "ts": event.time_range.start, "args": {"Bytes": event.self_cpu_memory_usage},
        }
    args: dict[str, Any] = {"External id": event.id, "Ev Idx": event.id, "Sequence number": event.sequence_nr}
    if event.input_shapes:
        args["Input Dims"] = event.input_shapes
    if event.stack:
        args["Call stack"] = ";".join(event.stack)
    return {
        "ph": "X", "cat": "user_annotation" if event.is_user_annotation else "cpu_op", "name": event.name,
        "pid": process, "tid": event.thread, "ts": event.time_range.start, "dur": event.cpu_time_total, "args": args,
    }


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of("minitensor.autograd.profiler_util")

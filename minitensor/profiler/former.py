"""``autograd.profiler``: the former form of the profiler, and marks for the profilers of vendors, which do nothing."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from minitensor.compat.reasons import attributes_of
from minitensor.errors import UsageError
from minitensor.profiler.events import EventList, FunctionEvent
from minitensor.profiler.labels import record_function
from minitensor.profiler.recorder import Options, Recorder
from minitensor.profiler.session import ProfilerActivity

__all__ = [
    "EventList", "FunctionEvent", "ProfilerActivity", "emit_itt", "emit_nvtx", "kineto_available", "profile",
    "record_function",
]  # fmt: skip


class profile:  # noqa: N801  # PyTorch's name
    """A context that records operations, nodes of the backward pass and labeled blocks.

    Args:
        enabled: Whether it records at all. Default: ``True``.
        use_cuda, use_device, use_kineto, use_cpu, with_modules, experimental_config, acc_events,
            custom_trace_id_callback, post_processing_timeout_s, activity_filters: Taken for PyTorch's sake.
        record_shapes: Whether to note the shapes of arguments. Default: ``False``.
        with_flops: Whether to count floating-point operations. Default: ``False``.
        profile_memory: Whether to count bytes. Default: ``False``.
        with_stack: Whether to note the lines of the program that called. Default: ``False``.

    Raises:
        RuntimeError: If it is entered twice, or another profile records already.

    >>> import minitensor as torch
    >>> with torch.autograd.profiler.profile() as recorded:
    ...     _ = torch.ones(2).exp()
    >>> [event.name for event in recorded.function_events]
    ['aten::ones', 'aten::exp']
    """

    def __init__(
        self, enabled: bool = True, *, use_cuda: bool = False, use_device: str | None = None,
        record_shapes: bool = False, with_flops: bool = False, profile_memory: bool = False, with_stack: bool = False,
        with_modules: bool = False, use_kineto: bool = False, use_cpu: bool = True, experimental_config: Any = None,
        acc_events: bool = False, custom_trace_id_callback: Any = None,
        post_processing_timeout_s: float | None = None, activity_filters: Any = None,
    ) -> None:  # fmt: skip
        self.enabled, self.entered = enabled, False
        self.record_shapes, self.profile_memory = record_shapes or with_flops, profile_memory
        self.with_stack, self.with_flops = with_stack, with_flops
        self.recorder: Recorder | None = None
        self.recorded: EventList | None = None

    def __enter__(self) -> profile | None:
        if not self.enabled:
            return None
        if self.entered:
            raise UsageError("Profiler context manager is not reentrant")
        self.entered = True
        self.recorder = Recorder(Options(self.record_shapes, self.profile_memory, self.with_stack, self.with_flops))
        self.recorder.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self.recorder is not None:
            self.recorder.stop()
            self.recorded = self.recorder.result()

    def __repr__(self) -> str:
        return "<unfinished torch.autograd.profile>" if self.recorded is None else repr(self.recorded)

    def __str__(self) -> str:
        return repr(self) if self.recorded is None else self.recorded.table()

    @property
    def function_events(self) -> EventList:
        """The events, in the order in which they began."""
        if self.recorded is None:
            raise UsageError("Profiler didn't finish running")
        return self.recorded

    @property
    def self_cpu_time_total(self) -> float:
        """The microseconds of all events, each without those of the events inside."""
        return self.function_events.self_cpu_time_total

    def table(
        self, sort_by: str | None = None, row_limit: int = 100, max_src_column_width: int | None = 75,
        max_name_column_width: int | None = 55, max_shapes_column_width: int | None = 80, header: str | None = None,
        top_level_events_only: bool = False, time_unit: str | None = None,
    ) -> str:
        """Return the events as a table; see ``EventList.table``."""
        return self.function_events.table(
            sort_by, row_limit, max_src_column_width, max_name_column_width, max_shapes_column_width, header,
            top_level_events_only, time_unit,
        )

    def key_averages(
        self, group_by_input_shape: bool = False, group_by_stack_n: int = 0, group_by_overload_name: bool = False
    ) -> EventList:
        """Return the sums of the events by name; see ``EventList.key_averages``."""
        return self.function_events.key_averages(group_by_input_shape, group_by_stack_n, group_by_overload_name)

    def total_average(self) -> Any:
        """Return the sums of all events."""
        return self.function_events.total_average()

    def export_chrome_trace(self, path: str) -> None:
        """Write the events to the file ``path``, for viewers of traces."""
        self.function_events.export_chrome_trace(path)

    def export_stacks(self, path: str, metric: str = "self_cpu_time_total") -> None:
        """Write the callers of the events and their times to the file ``path``."""
        self.function_events.export_stacks(path, metric)

    def toggle_collection_dynamic(self, enabled: bool, activities: Any) -> None:
        """Interrupt recording, or go on."""
        if self.recorder is not None and ProfilerActivity.CPU in activities:
            self.recorder.is_paused = not enabled


class Marks(contextlib.AbstractContextManager[Any]):
    """A context that would mark operations for the profiler of a vendor.

    Args:
        enabled: Whether to mark them. Default: ``True``.
        record_shapes: Whether to mark their shapes. Default: ``False``.
    """

    def __init__(self, enabled: bool = True, record_shapes: bool = False) -> None:
        self.enabled, self.record_shapes = enabled, record_shapes

    def __exit__(self, *error: object) -> None:
        """Do nothing."""


class emit_nvtx(Marks):  # noqa: N801  # PyTorch's name
    """A context that would mark operations for NVIDIA's profiler."""


class emit_itt(Marks):  # noqa: N801  # PyTorch's name
    """A context that would mark operations for Intel's profiler."""


def kineto_available() -> bool:
    """Return True: operations are recorded.

    >>> import minitensor as torch
    >>> torch.autograd.profiler.kineto_available()
    True
    """
    return True


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of("minitensor.autograd.profiler")

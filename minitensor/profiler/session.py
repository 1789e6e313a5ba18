"""``profiler.profile``: a profile of the steps that a schedule chooses, and what is done with each."""

from __future__ import annotations

import contextlib
import enum
import os
import socket
import time
import uuid
import warnings
from collections.abc import Callable, Iterable
from typing import Any

from minitensor.callers import user_level
from minitensor.errors import ArgumentTypeError, UsageError
from minitensor.profiler.events import EventList
from minitensor.profiler.labels import record_function
from minitensor.profiler.recorder import Options, Recorder


class ProfilerActivity(enum.Enum):
    """What PyTorch's profiler records. Here the work of GPUs is not recorded."""

    CPU = 0
    XPU = 1
    MTIA = 2
    CUDA = 3
    HPU = 4
    PrivateUse1 = 5


class ProfilerAction(enum.Enum):
    """What is done in a step."""

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3


RECORDING = (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)


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

    >>> import minitensor as torch
    >>> action = torch.profiler.schedule(wait=1, warmup=0, active=1)
    >>> action(0).name, action(1).name, action(2).name
    ('NONE', 'RECORD_AND_SAVE', 'NONE')
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


def always(step: int) -> ProfilerAction:
    """Say that all steps are recorded."""
    return ProfilerAction.RECORD


def tensorboard_trace_handler(
    dir_name: str, worker_name: str | None = None, use_gzip: bool = False
) -> Callable[[Any], None]:
    """Return a function for ``on_trace_ready`` that writes each trace to a file in a folder, which is made if missing.

    Args:
        dir_name: The folder.
        worker_name: The beginning of the names of the files. Default: ``None``, the machine and the process.
        use_gzip: Whether to compress the files. Default: ``False``.

    Raises:
        RuntimeError: When a trace is written, if the folder cannot be made.

    >>> import minitensor as torch
    >>> import os, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> handler = torch.profiler.tensorboard_trace_handler(folder, "worker")
    >>> with torch.profiler.profile(on_trace_ready=handler):
    ...     _ = torch.ones(2).exp()
    >>> os.listdir(folder)[0].endswith(".pt.trace.json")
    True
    """

    def write(recorded: Any) -> None:
        try:
            os.makedirs(dir_name, exist_ok=True)
        except OSError as error:
            raise UsageError(f"tensorboard_trace_handler: cannot create the directory {dir_name!r}") from error
        worker = worker_name or f"{socket.gethostname()}_{os.getpid()}"
        ending = ".gz" if use_gzip else ""
        recorded.export_chrome_trace(os.path.join(dir_name, f"{worker}.{time.time_ns()}.pt.trace.json{ending}"))

    return write


def supported_activities() -> set[ProfilerActivity]:
    """Return what can be recorded: the CPU.

    >>> import minitensor as torch
    >>> torch.profiler.supported_activities()
    {<ProfilerActivity.CPU: 0>}
    """
    return {ProfilerActivity.CPU}


def check_activities(activities: Iterable[Any] | None) -> set[ProfilerActivity]:
    """Return the activities to record, without those that cannot be; raise if there are none."""
    wanted = supported_activities() if activities is None else set(activities)
    for each in wanted:
        if not isinstance(each, ProfilerActivity):
            raise ArgumentTypeError(f"profile: activities must be members of ProfilerActivity, got {each!r}")
    for each in sorted(wanted - supported_activities(), key=lambda kind: kind.value):
        warnings.warn(f"{each.name} is not available, disabling {each.name} profiling", stacklevel=user_level())
    found = wanted & supported_activities()
    if not found:
        raise AssertionError("No valid profiler activities found")
    return found


class profile(contextlib.ContextDecorator):  # noqa: N801  # PyTorch's name
    """A context that records operations, nodes of the backward pass and labeled blocks, in the steps of a schedule.

    Only this thread is recorded, as in PyTorch.

    Args:
        activities: What to record. Default: ``None``, all that can be: ``{ProfilerActivity.CPU}``.
        schedule: A function of the number of a step that says what to do in it; see ``profiler.schedule``.
            Default: ``None``, to record all.
        on_trace_ready: A function that gets the profile at the end of each round. Default: ``None``.
        record_shapes: Whether to note the shapes of arguments. Default: ``False``.
        profile_memory: Whether to count the bytes that results take, and that are released. Default: ``False``.
        with_stack: Whether to note the lines of the program that called. Default: ``False``.
        with_flops: Whether to count floating-point operations. Default: ``False``.
        with_modules, experimental_config, execution_trace_observer, acc_events, use_cuda, custom_trace_id_callback,
            post_processing_timeout_s: Taken for PyTorch's sake; ``acc_events`` keeps the events of former rounds.

    Raises:
        TypeError: If an activity is not one.
        AssertionError: If none of the activities can be recorded.
        RuntimeError: If another profile records already.

    >>> import minitensor as torch
    >>> x = torch.ones(2, 3, requires_grad=True)
    >>> with torch.profiler.profile(record_shapes=True) as recorded:
    ...     x.exp().sum().backward()
    >>> [event.key for event in recorded.key_averages()][:2]
    ['aten::exp', 'aten::sum']
    >>> print(recorded.key_averages().table(sort_by="self_cpu_time_total", row_limit=5))  # doctest: +SKIP
    """

    def __init__(
        self, *, activities: Iterable[Any] | None = None, schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[..., Any] | None = None, record_shapes: bool = False, profile_memory: bool = False,
        with_stack: bool = False, with_flops: bool = False, with_modules: bool = False,
        experimental_config: Any = None, execution_trace_observer: Any = None, acc_events: bool = False,
        use_cuda: bool | None = None, custom_trace_id_callback: Callable[[], str] | None = None,
        post_processing_timeout_s: float | None = None,
    ) -> None:  # fmt: skip
        self.activities = check_activities(activities)
        self.schedule = always if schedule is None else schedule
        self.on_trace_ready, self.record_steps = on_trace_ready, schedule is not None
        self.record_shapes, self.profile_memory = record_shapes, profile_memory
        self.with_stack, self.with_flops, self.with_modules = with_stack, with_flops, with_modules
        self.options = Options(record_shapes or with_flops, profile_memory, with_stack, with_flops)
        self.acc_events, self.custom_trace_id_callback = acc_events, custom_trace_id_callback
        self.step_num = 0
        self.current_action = self.schedule(0)
        self.recorder: Recorder | None = None
        self.recorded: EventList | None = None
        self.step_label: record_function | None = None
        self.metadata: dict[str, Any] = {}
        self.trace_id = ""

    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin with step 0.

        Raises:
            RuntimeError: If another profile records already.
        """
        self.change_action(ProfilerAction.NONE, self.current_action)
        self.begin_step()

    def stop(self) -> None:
        """End the last step, and hand over what was recorded."""
        self.end_step()
        self.change_action(self.current_action, None)

    def step(self) -> None:
        """Say that the next step begins."""
        self.end_step()
        before = self.current_action
        self.step_num += 1
        self.current_action = self.schedule(self.step_num)
        self.change_action(before, self.current_action)
        self.begin_step()

    def begin_step(self) -> None:
        """Label the step, if a schedule counts them."""
        if self.record_steps:
            self.step_label = record_function(f"ProfilerStep#{self.step_num}")
            self.step_label.__enter__()

    def end_step(self) -> None:
        """End the label of the step."""
        if self.step_label is not None:
            self.step_label.__exit__(None, None, None)
            self.step_label = None

    def change_action(self, before: ProfilerAction, after: ProfilerAction | None) -> None:
        """Begin or end recording between two steps; ``after`` is None at the end."""
        saves = before is ProfilerAction.RECORD_AND_SAVE
        if before in RECORDING and (saves or after not in RECORDING):
            if not saves and after is not None:
                warnings.warn(f"Incorrect schedule: RECORD followed by {after.name}", stacklevel=user_level())
            self.stop_trace()
            if saves or after is None:
                self.hand_over()
        if after in RECORDING and (saves or before not in RECORDING):
            self.start_trace()

    def hand_over(self) -> None:
        """Pass the profile to ``on_trace_ready``."""
        if self.on_trace_ready is not None:
            self.on_trace_ready(self)

    def start_trace(self) -> None:
        """Begin to record."""
        callback = self.custom_trace_id_callback
        self.trace_id = uuid.uuid4().hex.upper() if callback is None else callback()
        self.recorder = Recorder(self.options)
        self.recorder.start()

    def stop_trace(self) -> None:
        """End recording."""
        if self.recorder is None:
            raise UsageError("profile: stop() without start()")
        self.recorder.stop()
        found, former = self.recorder.result(), self.recorded
        if self.acc_events and former is not None:
            found[:0] = former
        self.recorded = found

    def toggle_collection_dynamic(self, enable: bool, activities: Iterable[Any]) -> None:
        """Interrupt recording, or go on.

        Args:
            enable: Whether to record from now on.
            activities: Of what; here only of the CPU.
        """
        if self.recorder is not None and ProfilerActivity.CPU in activities:
            self.recorder.is_paused = not enable

    # -- what was recorded

    def events(self) -> EventList:
        """Return the events of the last round, in the order in which they began.

        Raises:
            AssertionError: If nothing was recorded yet.
        """
        if self.recorded is None:
            raise AssertionError("Expected profiling results: the profile did not finish")
        self.recorded.metadata = {**self.metadata, "trace_id": self.trace_id}
        return self.recorded

    def key_averages(
        self, group_by_input_shape: bool = False, group_by_stack_n: int = 0, group_by_overload_name: bool = False
    ) -> EventList:
        """Return the sums of the events by name.

        Args:
            group_by_input_shape: Whether events with other shapes have other sums. Default: ``False``.
            group_by_stack_n: How many callers tell events apart. Default: ``0``.
            group_by_overload_name: Unused. Default: ``False``.

        Raises:
            AssertionError: If nothing was recorded yet.
        """
        return self.events().key_averages(group_by_input_shape, group_by_stack_n, group_by_overload_name)

    def export_chrome_trace(self, path: str) -> None:
        """Write the events to the file ``path``, for viewers of traces; see ``EventList.export_chrome_trace``.

        Raises:
            AssertionError: If nothing was recorded yet.
        """
        self.events().export_chrome_trace(path)

    def export_stacks(self, path: str, metric: str = "self_cpu_time_total") -> None:
        """Write the callers of the events and their times to the file ``path``, for flame graphs.

        Raises:
            AssertionError: If nothing was recorded yet.
            ValueError: If there is no such metric.
        """
        self.events().export_stacks(path, metric)

    def add_metadata(self, key: str, value: str) -> None:
        """Add a text to the trace."""
        self.metadata[key] = value

    add_metadata_json = preset_metadata_json = add_metadata

    def get_trace_id(self) -> str | None:
        """Return what tells this trace from others, or None before it was started."""
        return self.trace_id or None

    def set_custom_trace_id_callback(self, callback: Callable[[], str]) -> None:
        """Let a function choose what tells traces apart."""
        self.custom_trace_id_callback = callback

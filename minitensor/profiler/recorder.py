"""The recorder: it sees every operation of its thread while a profile runs, forward and backward, and times it.

It stands on three doors. As an interpreter it sees operations, as an onlooker the functions that are composed of them,
and through the watch the nodes of the backward pass. While no profile runs, none of the doors knows it.

Note [Bytes of a profile]. An operation that computes takes the memory of its results. A weak reference to the memory's
array tells when it is released, and the innermost event of that moment gets the bytes with a minus sign; outside all
events they are an event of their own, named ``[memory]``. Memory that a kernel takes and releases is not seen.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from minitensor.autograd.interpreters import active, interpreters
from minitensor.autograd.node import Effect, Output
from minitensor.autograd.protocol import PROCEED, onlooker, override_state
from minitensor.autograd.watch import change, watch
from minitensor.base import TensorBase
from minitensor.callers import frames
from minitensor.errors import UsageError
from minitensor.profiler.events import MEMORY_EVENT_NAME, EventList, FunctionEvent
from minitensor.profiler.names import chain_of, count_flops, name_of_function

if TYPE_CHECKING:
    from minitensor.autograd.interpreters import Call
    from minitensor.autograd.node import Node

ENGINE = "autograd::engine::evaluate_function: "
LEAF = "torch::autograd::AccumulateGrad"  # PyTorch's name in profiles
FRESH = frozenset(
    "zeros ones full empty zeros_like ones_like full_like empty_like arange linspace logspace eye".split()
)
FUNCTION, BACKWARD, USER = 0, 1, 7  # PyTorch's scopes of events


class Options(NamedTuple):
    """What is recorded besides names and times."""

    shapes: bool = False
    memory: bool = False
    stack: bool = False
    flops: bool = False


class Recorder:
    """Records the events of one thread between ``start`` and ``stop``."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.events: list[FunctionEvent] = []
        self.open: list[FunctionEvent] = []  # those that have begun, from the outermost
        self.watched: dict[int, Any] = {}  # weak references to arrays whose end is awaited
        self.passing: Callable[..., Any] | None = None  # the function that is about to come to the door again
        self.is_paused = False
        self.thread = threading.get_native_id()

    # -- begin and end

    def start(self) -> None:
        """Stand on the doors.

        Raises:
            RuntimeError: If a profile runs already.
        """
        if onlooker.get() is not None:
            raise UsageError("profile: another profile records this thread already; stop it first")
        interpreters.set((self, *interpreters.get()))
        onlooker.set(self)
        active.append(self)
        change(around=self.run_node)

    def stop(self) -> None:
        """Leave the doors; events that have not ended end now."""
        interpreters.set(tuple(each for each in interpreters.get() if each is not self))
        if onlooker.get() is self:
            onlooker.set(None)
        with suppress(ValueError):
            active.remove(self)
        if watch().around is not None:
            change(around=None)
        while self.open:
            self.end(self.open[-1])
        self.watched.clear()

    def result(self) -> EventList:
        """Return the events in the order in which they began."""
        return EventList(self.events, profile_memory=self.options.memory, with_flops=self.options.flops)

    # -- events

    def begin(self, name: str, shapes: Sequence[Any] = (), scope: int = FUNCTION) -> FunctionEvent:
        """Note that something begins, inside what has begun before."""
        event = FunctionEvent(len(self.events), name, self.thread, now(), 0.0)
        event.scope, event.is_user_annotation = scope, scope == USER
        if self.options.shapes:
            event.input_shapes = list(shapes)
        if self.options.stack:
            event.stack = [f"{each.f_code.co_filename}({each.f_lineno}): {each.f_code.co_name}" for each in frames()]
        if self.open:
            event.set_cpu_parent(self.open[-1])
            self.open[-1].append_cpu_child(event)
        self.events.append(event)
        self.open.append(event)
        return event

    def end(self, event: FunctionEvent) -> None:
        """Note that something ends, and what is still open in it."""
        moment = now()
        while event in self.open:
            self.open.pop().time_range.end = moment

    def is_backward(self) -> bool:
        """Whether a node of the backward pass runs."""
        return any(each.scope == BACKWARD for each in self.open)

    # -- the doors

    def interpret(self, call: Call) -> Any:
        """Time an operation."""
        if self.is_paused:
            return call.proceed()
        shapes = shapes_of(call.args)
        caller = self.open[-1].name if self.open else ""
        chain = chain_of(call.op.name, shapes, caller, self.is_backward())
        if chain and f"aten::{chain[0][0]}" == caller:
            del chain[0]  # the function that is composed of this operation alone
        events = [self.begin(f"aten::{name}", seen) for name, seen in chain]
        try:
            result = call.proceed()
            if self.open:
                self.measure(self.open[-1], call.op.effect, result)
            return result
        finally:
            if events:
                self.end(events[0])  # and with it those inside

    def call(self, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any] | None) -> Any:
        """Time a function that is composed of operations: call it again, and let it pass the door this time."""
        if self.passing is function:
            self.passing = None
            return PROCEED
        name = None if self.is_paused else name_of_function(function)
        if name is None or (self.open and self.open[-1].name == f"aten::{name}"):
            return PROCEED
        event = self.begin(f"aten::{name}", shapes_of(args))
        self.passing = function
        state = override_state.get()
        token = override_state.set(state._replace(skips_one=True))
        try:
            result = function(*args, **(kwargs or {}))
            if self.options.memory and name in FRESH and kwargs_have_no_out(kwargs):
                self.watch_memory(result, event)
            if self.options.flops:
                event.flops = count_flops(name, shapes_of(args), shape_of(result))
            return result
        finally:
            self.passing = None
            override_state.reset(token)
            self.end(event)

    def run_node(self, node: Node, grad: Any, run: Callable[[], Any]) -> Any:
        """Time a node of the backward pass."""
        if self.is_paused or node.passes_on or isinstance(node, Output):
            return run()
        name = node.name()
        name = LEAF if name.endswith("AccumulateGrad") else name
        outer = self.begin(ENGINE + name)
        inner = self.begin(name, shapes_of((grad,)), BACKWARD)
        inner.sequence_nr = outer.sequence_nr = -1 if name == LEAF else node.number
        try:
            return run()
        finally:
            self.end(inner)
            self.end(outer)

    # -- what is measured

    def measure(self, event: FunctionEvent, effect: Effect, result: Any) -> None:
        """Add an operation's numbers of floating-point operations and of bytes to its event."""
        if self.options.flops and not event.flops:
            event.flops = count_flops(event.name.removeprefix("aten::"), event.input_shapes, shape_of(result))
        if self.options.memory and effect in (Effect.COMPUTES, Effect.DRAWS):
            for each in result if isinstance(result, (tuple, list)) else (result,):
                self.watch_memory(each, event)

    def watch_memory(self, value: Any, event: FunctionEvent) -> None:
        """Count the memory of a new tensor, and wait for its end; see Note [Bytes of a profile]."""
        memory = memory_of(value)
        if memory is None or id(memory) in self.watched:
            return
        size, key = int(memory.nbytes), id(memory)
        event.self_cpu_memory_usage += size
        this = weakref.ref(self)

        def forget(_: Any) -> None:
            recorder = this()
            if recorder is not None and recorder.watched.pop(key, None) is not None:
                recorder.note_release(size)

        self.watched[key] = weakref.ref(memory, forget)

    def note_release(self, size: int) -> None:
        """Take released bytes off the innermost event, or make an event of them."""
        if self.open:
            self.open[-1].self_cpu_memory_usage -= size
            return
        event = FunctionEvent(len(self.events), MEMORY_EVENT_NAME, self.thread, now(), 0.0)
        event.time_range.end = event.time_range.start
        event.self_cpu_memory_usage = -size
        self.events.append(event)


def now() -> float:
    """Return the time in microseconds."""
    return time.perf_counter_ns() / 1000


def shape_of(value: Any) -> list[int]:
    """Return the shape of a tensor, and an empty list for other values."""
    return list(value.shape) if isinstance(value, TensorBase) else []


def shapes_of(values: Sequence[Any]) -> list[list[int]]:
    """Return the shapes of values."""
    return [shape_of(each) for each in values]


def kwargs_have_no_out(kwargs: Mapping[str, Any] | None) -> bool:
    """Whether a function makes its result, rather than writing it to ``out``."""
    return not kwargs or kwargs.get("out") is None


def memory_of(value: Any) -> Any:
    """Return the array that owns the memory of a tensor, or None if it has none that can be watched."""
    if not isinstance(value, TensorBase):
        return None
    array: Any = value._array if value._storage is None else value._storage.array
    while isinstance(getattr(array, "base", None), type(array)):
        array = array.base
    return array if hasattr(array, "nbytes") else None


def current() -> Recorder | None:
    """Return the recorder of this thread, if a profile runs."""
    found = onlooker.get()
    return found if isinstance(found, Recorder) else None

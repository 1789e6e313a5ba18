"""``torch.monitor``: events, which handlers receive, and running statistics that become events.

The handlers are state of the whole process.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from minitensor.compat.reasons import attributes_of
from minitensor.errors import ArgumentTypeError

STAT_EVENT = "torch.monitor.Stat"

data_value_t: TypeAlias = "str | float | int | bool"  # PyTorch's name


class Aggregation(enum.Enum):
    """What a ``Stat`` computes of the numbers in a window.

    >>> import minitensor as torch
    >>> torch.monitor.Aggregation.SUM
    <Aggregation.SUM: 4>
    """

    VALUE = 0
    MEAN = 2
    COUNT = 3
    SUM = 4
    MAX = 5
    MIN = 6


VALUE, MEAN, COUNT, SUM, MAX, MIN = Aggregation


def require(name: str, value: Any, kinds: Any) -> Any:
    """Return a value; raise if it has another type."""
    if not isinstance(value, kinds):
        raise ArgumentTypeError(f"{name} has the wrong type: {type(value).__name__}")
    return value


@dataclass(eq=False)
class Event:
    """An event: what happened, when, and numbers or texts that describe it.

    Args:
        name: The kind of the event.
        timestamp: When it happened, a ``datetime``.
        data: A dict from names to strings, floats, ints or bools.

    Raises:
        TypeError: If an argument has another type.

    >>> import minitensor as torch
    >>> from datetime import datetime
    >>> torch.monitor.Event("epoch", datetime(2030, 1, 1), {"loss": 0.5}).data
    {'loss': 0.5}
    """

    name: str
    timestamp: datetime
    data: dict[str, Any]

    def __post_init__(self) -> None:
        require("Event: name", self.name, str)
        require("Event: timestamp", self.timestamp, datetime)
        for key, value in require("Event: data", self.data, Mapping).items():
            require("Event: a key of data", key, str)
            require(f"Event: data[{key!r}]", value, (str, float, int))


class EventHandlerHandle:
    """What ``register_event_handler`` returns and ``unregister_event_handler`` takes.

    >>> import minitensor as torch
    >>> handle = torch.monitor.register_event_handler(print)
    >>> type(handle).__name__
    'EventHandlerHandle'
    >>> torch.monitor.unregister_event_handler(handle)
    """


@dataclass
class State:
    """The handlers, in the order of their registration."""

    handlers: dict[EventHandlerHandle, Callable[[Event], Any]] = field(default_factory=dict)


state = State()


def register_event_handler(callback: Callable[[Event], Any]) -> EventHandlerHandle:
    """Call ``callback`` with each event that is logged from now on.

    Args:
        callback: A function of an ``Event``.

    Returns:
        A handle to remove it with.

    Raises:
        TypeError: If ``callback`` cannot be called.

    >>> import minitensor as torch
    >>> from datetime import datetime
    >>> handle = torch.monitor.register_event_handler(lambda event: print(event.name))
    >>> torch.monitor.log_event(torch.monitor.Event("epoch", datetime(2030, 1, 1), {}))
    epoch
    >>> torch.monitor.unregister_event_handler(handle)
    """
    require("register_event_handler: callback", callback, Callable)
    handle = EventHandlerHandle()
    state.handlers[handle] = callback
    return handle


def unregister_event_handler(handler: EventHandlerHandle) -> None:
    """Remove a handler; nothing happens if it was removed before.

    Args:
        handler: What ``register_event_handler`` returned.

    Raises:
        TypeError: If ``handler`` is something else.

    >>> import minitensor as torch
    >>> torch.monitor.unregister_event_handler(torch.monitor.register_event_handler(print))
    """
    state.handlers.pop(require("unregister_event_handler: handler", handler, EventHandlerHandle), None)


def log_event(event: Event) -> None:
    """Pass an event to all handlers.

    Args:
        event: The event.

    Raises:
        TypeError: If ``event`` is something else.

    >>> import minitensor as torch
    >>> from datetime import datetime
    >>> torch.monitor.log_event(torch.monitor.Event("epoch", datetime(2030, 1, 1), {}))
    """
    require("log_event: event", event, Event)
    for callback in list(state.handlers.values()):
        callback(event)


class Stat:
    """Statistics of numbers in windows of time, each of which is logged as an event when it ends.

    Numbers are counted in the current window. When it is over, or has ``max_samples`` numbers, an event of the name
    ``STAT_EVENT`` has the aggregations under names such as "loss.mean". Further numbers of a window that was logged
    are dropped.

    Args:
        name: The name of the numbers.
        aggregations: What to compute, a list of ``Aggregation``.
        window_size: The length of a window, a ``timedelta``.
        max_samples: The most numbers in a window. Default: ``9223372036854775807``.

    Raises:
        TypeError: If an argument has another type.

    >>> import minitensor as torch
    >>> from datetime import timedelta
    >>> from minitensor.monitor import Aggregation
    >>> stat = torch.monitor.Stat("loss", [Aggregation.MEAN], timedelta(hours=1), 2)
    >>> stat.add(1.0)
    >>> stat.add(4.0)
    >>> stat.get()
    {<Aggregation.MEAN: 2>: 2.5}
    """

    def __init__(
        self, name: str, aggregations: Sequence[Aggregation], window_size: timedelta, max_samples: int = (1 << 63) - 1
    ) -> None:
        self.name: str = require("Stat: name", name, str)
        self.aggregations = [require("Stat: aggregations", each, Aggregation) for each in aggregations]
        self.length = require("Stat: window_size", window_size, timedelta).total_seconds()
        self.max_samples: int = require("Stat: max_samples", max_samples, int)
        self.numbers: list[float] = []
        self.last: list[float] = []  # those of the window that was logged last
        self.window = self.logged = -1

    @property
    def count(self) -> int:
        """The number of numbers in the current window."""
        return len(self.numbers)

    def add(self, v: float) -> None:
        """Add a number to the current window."""
        number = float(require("Stat.add: v", v, (int, float)))
        self.close_window()
        if self.logged != self.current_window():
            self.numbers.append(number)
            self.close_window()

    def get(self) -> dict[Aggregation, float]:
        """Return the aggregations of the window that was logged last; zeros before the first."""
        self.close_window()
        return {each: aggregate(each, self.last) for each in self.aggregations}

    def current_window(self) -> int:
        return int(time.monotonic() / self.length) if self.length > 0 else time.monotonic_ns()

    def close_window(self) -> None:
        """Log the window if it is over or full."""
        current = self.current_window()
        if (self.window != current or self.count >= self.max_samples) and self.logged != current:
            self.log()
            self.logged, self.window = self.window, current

    def log(self) -> None:
        """Log the numbers of the current window, if there are any, and begin a new one."""
        if self.numbers:
            self.last, self.numbers = self.numbers, []
            data = {f"{self.name}.{each.name.lower()}": aggregate(each, self.last) for each in self.aggregations}
            log_event(Event(STAT_EVENT, datetime.now(), data))

    def __del__(self) -> None:
        if getattr(self, "numbers", None):
            self.log()


def aggregate(kind: Aggregation, numbers: Sequence[float]) -> float:
    """Return one aggregation of numbers; 0 of none."""
    if not numbers:
        return 0.0
    if kind is Aggregation.MEAN:
        return sum(numbers) / len(numbers)
    if kind is Aggregation.COUNT:
        return float(len(numbers))
    if kind is Aggregation.VALUE:
        return numbers[-1]
    if kind is Aggregation.SUM:
        return sum(numbers)
    return max(numbers) if kind is Aggregation.MAX else min(numbers)


class TensorboardEventHandler:
    """A handler that writes the events of ``Stat`` as scalars.

    Args:
        writer: A ``SummaryWriter``, or an object with its ``add_scalar``.

    >>> import minitensor as torch
    >>> class Writer:
    ...     def add_scalar(self, tag, value, walltime):
    ...         print(tag, value)
    >>> handle = torch.monitor.register_event_handler(torch.monitor.TensorboardEventHandler(Writer()))
    >>> from datetime import timedelta
    >>> torch.monitor.Stat("loss", [torch.monitor.Aggregation.SUM], timedelta(hours=1), 1).add(2.0)
    loss.sum 2.0
    >>> torch.monitor.unregister_event_handler(handle)
    """

    def __init__(self, writer: Any) -> None:
        self._writer = writer

    def __call__(self, event: Event) -> None:
        if event.name == STAT_EVENT:
            for name, value in event.data.items():
                self._writer.add_scalar(name, value, walltime=event.timestamp.timestamp())


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)

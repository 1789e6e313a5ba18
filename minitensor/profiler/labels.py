"""``record_function``: a name for a block of a program, which profiles list like an operation."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from minitensor.autograd.protocol import active
from minitensor.profiler.recorder import USER, current, shapes_of

if TYPE_CHECKING:
    from minitensor.profiler.events import FunctionEvent
    from minitensor.profiler.recorder import Recorder


class record_function(contextlib.ContextDecorator):  # noqa: N801  # PyTorch's name
    """Label what runs in a block: a profile lists it under this name. A context manager and a decorator.

    Args:
        name: The label.
        args: A text that belongs to it. Default: ``None``.

    >>> import minitensor as torch
    >>> with torch.profiler.profile() as recorded:
    ...     with torch.profiler.record_function("product"):
    ...         _ = torch.ones(2, 3) @ torch.ones(3)
    >>> [event.name for event in recorded.events()]
    ['product', 'aten::ones', 'aten::ones', 'aten::matmul', 'aten::mv']
    """

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name, self.args = name, args
        self.begun = threading.local()  # a decorated function may run in several threads, and call itself

    def __enter__(self) -> record_function:
        recorder = current() if active else None
        if not hasattr(self.begun, "events"):
            self.begun.events = []
        self.begun.events.append(None if recorder is None else (recorder, begin_label(recorder, self.name)))
        return self

    def __exit__(self, *error: object) -> None:
        found = self.begun.events.pop()
        if found is not None:
            recorder, event = found
            recorder.end(event)

    def _recreate_cm(self) -> record_function:
        """Return the context of one call of a decorated function."""
        return type(self)(self.name, self.args)


def begin_label(recorder: Recorder, name: str) -> FunctionEvent:
    """Begin the event of a block."""
    return recorder.begin(name, (), USER)


def label(kind: str, owner: object, method: str) -> contextlib.AbstractContextManager[Any]:
    """Return a context that labels a method of this library's objects; it does nothing while no profile runs."""
    return record_function(f"{kind}#{type(owner).__name__}.{method}") if active else UNLABELED


@contextlib.contextmanager
def operation(name: str, *tensors: Any) -> Iterator[None]:
    """Label a block that is one operation in PyTorch."""
    recorder = current() if active else None
    if recorder is None or recorder.is_paused:
        yield
        return
    event = recorder.begin(f"aten::{name}", shapes_of(tensors))
    try:
        yield
    finally:
        recorder.end(event)


def run_as(name: str, function: Callable[..., Any], *args: Any) -> Any:
    """Call a function that is one operation in PyTorch."""
    with operation(name, *args):
        return function(*args)


UNLABELED: contextlib.AbstractContextManager[Any] = contextlib.nullcontext()

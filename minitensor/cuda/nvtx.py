"""``cuda.nvtx``: marks for NVIDIA's profilers, through CuPy. Without a GPU each function does nothing."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from minitensor.compat.reasons import attributes_of
from minitensor.cuda import devices

COLOR = 0xFF00FF00  # green, CuPy's first one


class Depth(threading.local):
    """How many ranges are open in this thread."""

    value = 0


DEPTH = Depth()


def marks() -> Any:
    """Return CuPy's functions for marks, or None without a GPU or without NVIDIA's library."""
    found = devices.library().nvtx if devices.is_available() else None
    return found if getattr(found, "available", False) else None


def range_push(msg: str) -> int:
    """Begin a range in a range; return its depth, which begins at 0.

    >>> import minitensor as torch
    >>> torch.cuda.nvtx.range_push("step"), torch.cuda.nvtx.range_pop()
    (0, 0)
    """
    if found := marks():
        found.RangePush(msg)
    DEPTH.value += 1
    return DEPTH.value - 1


def range_pop() -> int:
    """End the innermost range; return its depth, -1 if there is none."""
    if found := marks():
        found.RangePop()
    DEPTH.value -= 1
    if DEPTH.value < 0:
        DEPTH.value = 0
        return -1
    return DEPTH.value


def range_start(msg: str) -> int:
    """Begin a range that another thread may end; return its number, 0 without a GPU."""
    found = marks()
    return int(found.RangeStart(msg, COLOR)) if found else 0


def range_end(range_id: int) -> None:
    """End the range of a number that ``range_start`` returned."""
    if found := marks():
        found.RangeEnd(range_id)


def mark(msg: str) -> None:
    """Mark a moment."""
    if found := marks():
        found.Mark(msg)


@contextlib.contextmanager
def range(msg: str, *args: Any, **kwargs: Any) -> Iterator[None]:
    """Name a block, with ``msg.format(*args, **kwargs)``; also a decorator."""
    range_push(msg.format(*args, **kwargs))
    try:
        yield
    finally:
        range_pop()


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)

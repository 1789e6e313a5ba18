"""``cuda.nvtx``: marks for NVIDIA's profiler, which nothing records. Each function does nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from minitensor.compat.reasons import attributes_of


def range_push(msg: str) -> int:
    """Begin a range in a range; return its depth, 0."""
    return 0


def range_pop() -> int:
    """End the innermost range; return its depth, 0."""
    return 0


def range_start(msg: str) -> int:
    """Begin a range; return its number, 0."""
    return 0


def range_end(range_id: int) -> None:
    """End a range."""


def mark(msg: str) -> None:
    """Mark a moment."""


@contextlib.contextmanager
def range(msg: str, *args: Any, **kwargs: Any) -> Iterator[None]:
    """Name a block; also a decorator."""
    yield


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of("minitensor.cuda.nvtx")

"""Whose line it was: the place in the user's program from which the library was called.

Walking frames takes microseconds, so it is done where somebody asked to be told: in anomaly mode, and while copies are
traced. It knows the library by the names of its modules, nothing else.
"""

from __future__ import annotations

import linecache
import sys
import traceback
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

PACKAGE = __name__.partition(".")[0]
LIBRARY = frozenset((PACKAGE, "contextlib", "functools"))  # what stands between the user and us


class Line(NamedTuple):
    """A line of a program."""

    file: str
    number: int
    function: str

    @property
    def text(self) -> str:
        """The line itself, if its file can be read."""
        return linecache.getline(self.file, self.number).strip()

    def __str__(self) -> str:
        text = self.text
        return f"{self.file}:{self.number}, in {self.function}" + (f": {text}" if text else "")


UNKNOWN = Line("<unknown>", 0, "<unknown>")


def frames() -> Iterator[FrameType]:
    """Walk the frames from the user's innermost one outwards."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and is_library_frame(frame):
        frame = frame.f_back
    while frame is not None:
        yield frame
        frame = frame.f_back


def is_library_frame(frame: FrameType) -> bool:
    """Whether a frame runs the library's code."""
    if frame.f_code.co_filename.startswith("<doctest"):
        return False
    name: str = frame.f_globals.get("__name__", "")
    return name.partition(".")[0] in LIBRARY


def caller() -> Line:
    """Return the line of the user's program that called the library."""
    for frame in frames():
        return Line(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)
    return UNKNOWN


def user_level() -> int:
    """Return the ``stacklevel`` by which a warning of the function that asks points to the user's line.

    >>> user_level()
    1
    """
    frame: FrameType | None = sys._getframe(1)
    level = 1
    while frame is not None and is_library_frame(frame):
        frame, level = frame.f_back, level + 1
    return level


def stack() -> traceback.StackSummary:
    """Return all lines from the program's start down to the one that called the library; they are read when shown."""
    lines = [(each, each.f_lineno) for each in frames()]
    return traceback.StackSummary.extract(iter(lines[::-1]), lookup_lines=False)


def line_of(stack: traceback.StackSummary) -> Line:
    """Return the innermost line of a stack."""
    if not stack:
        return UNKNOWN
    last = stack[-1]
    return Line(last.filename, last.lineno or 0, last.name)

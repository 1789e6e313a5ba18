"""The line of the user's program that called the library.

Walking frames takes microseconds. It is done only on request: in anomaly mode, while copies are traced, and for
warnings. Frames of the library are recognized by the names of their modules.
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
LIBRARY = frozenset((PACKAGE, "contextlib", "functools"))  # modules between the user and the library


class Line(NamedTuple):
    """A line of a program."""

    file: str
    number: int
    function: str

    @property
    def text(self) -> str:
        """The text of the line, if its file can be read."""
        return linecache.getline(self.file, self.number).strip()

    def __str__(self) -> str:
        text = self.text
        return f"{self.file}:{self.number}, in {self.function}" + (f": {text}" if text else "")


UNKNOWN = Line("<unknown>", 0, "<unknown>")


def frames() -> Iterator[FrameType]:
    """Yield the frames from the user's innermost one outward."""
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
    """Return the ``stacklevel`` with which a warning in the calling function points to the user's line.

    >>> user_level()
    1
    """
    frame: FrameType | None = sys._getframe(1)
    level = 1
    while frame is not None and is_library_frame(frame):
        frame, level = frame.f_back, level + 1
    return level


def stack() -> traceback.StackSummary:
    """Return the stack from the start of the program to the line that called the library. Text is read when shown."""
    lines = [(each, each.f_lineno) for each in frames()]
    return traceback.StackSummary.extract(iter(lines[::-1]), lookup_lines=False)


def line_of(stack: traceback.StackSummary) -> Line:
    """Return the innermost line of a stack."""
    if not stack:
        return UNKNOWN
    last = stack[-1]
    return Line(last.filename, last.lineno or 0, last.name)

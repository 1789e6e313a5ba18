"""Implicit copies: ``trace_copies`` lists them with their bytes and the lines that caused them.

Before each implicit copy (``reshape`` without a view, ``contiguous``, a cast, a transfer between host and device), the
library checks a context variable, which takes 0.04 us.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

from minitensor.callers import caller

if TYPE_CHECKING:
    from contextvars import Token

    from minitensor.callers import Line


class Copy(NamedTuple):
    """One copy: its kind, the number of bytes, its shape, and the line that caused it."""

    kind: str
    bytes: int
    shape: tuple[int, ...]
    line: Line

    @property
    def place(self) -> str:
        """The line as ``file:number``."""
        return f"{self.line.file}:{self.line.number}"


class Copies(list[Copy]):
    """The copies in order. As text, a table with the largest first."""

    @property
    def bytes(self) -> int:
        """The total of bytes copied."""
        return sum(each.bytes for each in self)

    def __str__(self) -> str:
        rows = [("bytes", "times", "kind", "shape", "line"), *self.rows()]
        widths = [max(len(row[i]) for row in rows) for i in range(4)]
        lines = [
            f"{row[0]:>{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:<{widths[2]}}  {row[3]:<{widths[3]}}  {row[4]}"
            for row in rows
        ]
        return "\n".join([*lines, f"{self.bytes} bytes in {len(self)} copies"])

    def rows(self) -> list[tuple[str, str, str, str, str]]:
        """Return the rows of the table; equal copies of one line share a row."""
        times: dict[Copy, int] = {}
        for each in self:
            times[each] = times.get(each, 0) + 1
        order = sorted(times, key=lambda each: -each.bytes * times[each])
        return [
            (str(each.bytes * times[each]), str(times[each]), each.kind, str(tuple(each.shape)), str(each.line))
            for each in order
        ]


tracing: ContextVar[tuple[Copies, ...]] = ContextVar("tracing", default=())


class trace_copies:  # noqa: N801  # used like a function
    """A context manager that lists the implicit copies in its block, as ``Copy(kind, bytes, shape, line)``.

    Kinds are "reshape" (without a view), "contiguous", "cast" (``to``, ``float()``, promotion of an operand), "to host"
    and "to device". Explicit copies (``clone``, ``copy_``) are not listed, nor those of other threads.

    >>> import minitensor as torch
    >>> with torch.utils.trace_copies() as copies:
    ...     y = torch.zeros(2, 3).t().reshape(6)
    >>> copies[0].kind, copies[0].bytes, copies[0].shape
    ('reshape', 24, (6,))
    """

    def __init__(self) -> None:
        self.tokens: list[Token[tuple[Copies, ...]]] = []

    def __enter__(self) -> Copies:
        copies = Copies()
        self.tokens.append(tracing.set((*tracing.get(), copies)))
        return copies

    def __exit__(self, *error: object) -> None:
        tracing.reset(self.tokens.pop())


def record_copy(kind: str, array: Any) -> None:
    """Add a copy that was just made to all active lists."""
    copy = Copy(kind, int(array.nbytes), tuple(array.shape), caller())
    for each in tracing.get():
        each.append(copy)

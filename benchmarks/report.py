"""Print the figures as a table, each line as soon as it is measured, and format them as JSON."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from benchmarks.fresh import Row
from benchmarks.turns import FAST, NUMPY, OURS, THEIRS, Figures, Spread

NAME, COLUMN, RANGE = 44, 12, 24
NAMED = 20  # how many slow cases the summary names
CLIFF = 5  # a ratio beyond this is too slow


def heading(part: str, bare: bool, sides: Sequence[str]) -> str:
    """Return the heading of a part's table, whose columns are those of ``line``."""
    columns = [f"{part:{NAME}}"]
    if bare:
        columns += [f"{'NumPy':>{COLUMN}}"]
    columns += [f"{OURS:>{COLUMN}}"]
    if bare:
        columns += [f"{'over NumPy':>{COLUMN}}", f"{'limit':>{COLUMN}}"]
    columns += [f"{FAST:>{COLUMN}}"] * (FAST in sides)
    if THEIRS in sides:
        columns += [f"{'PyTorch':>{COLUMN}}", f"{'ours/PyTorch':>{RANGE}}"]
        columns += [f"{'with fast/PyTorch':>{RANGE}}"] * (FAST in sides)
    return "".join(columns)


def line(figures: Figures) -> str:
    """Return a case's line of the table."""
    overhead, sides = figures.overhead(), figures.samples
    columns = [duration(figures.fastest(OURS))]
    if overhead is not None:
        limit = "" if figures.limit is None else duration(figures.limit)
        mark = "! " if figures.is_above_limit() else ""
        columns = [duration(figures.fastest(NUMPY)), *columns, duration(overhead), mark + limit]
    columns += [duration(figures.fastest(side)) for side in (FAST, THEIRS) if side in sides]
    ratios = [ranged(ratio) for side in (OURS, FAST) if (ratio := figures.ratio(side)) is not None]
    line = f"{figures.name:{NAME}}" + "".join([f"{column:>{COLUMN}}" for column in columns])
    return line + "".join([f"{ratio:>{RANGE}}" for ratio in ratios])


def ranged(spread: Spread) -> str:
    return f"{spread.median:.2f} ({spread.least:.2f}-{spread.most:.2f})"


def duration(seconds: float) -> str:
    """Format a time in a suitable unit.

    >>> duration(0.00123)
    '1.23 ms'
    """
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "us")):
        if seconds * factor >= 1:
            return f"{seconds * factor:.2f} {unit}"
    return f"{seconds * 1e9:.0f} ns"


def summary(measured: list[Figures], side: str = OURS) -> str:
    """List the cases that are slower than PyTorch, slowest first."""
    ratios = [
        (ratio.median, f"{each.part}: {each.name}") for each in measured if (ratio := each.ratio(side)) is not None
    ]
    slower = sorted((each for each in ratios if each[0] > 1), reverse=True)
    lines = [f"{'' if side == OURS else side + ', '}slower than PyTorch: {len(slower)} of {len(ratios)}"]
    return "\n".join(lines + [f"  {ratio:6.2f}  {name}" for ratio, name in slower[:NAMED]])


def cliffs(measured: list[Figures]) -> str:
    """List all cases that take more than ``CLIFF`` times as long as PyTorch, in the fastest samples of each."""
    both = [each for each in measured if THEIRS in each.samples]
    ratios = [(each.fastest(OURS) / each.fastest(THEIRS), f"{each.part}: {each.name}") for each in both]
    beyond = sorted((each for each in ratios if each[0] > CLIFF), reverse=True)
    lines = [f"more than {CLIFF} times as slow as PyTorch: {len(beyond)} of {len(ratios)}"]
    return "\n".join(lines + [f"  {ratio:6.2f}  {name}" for ratio, name in beyond])


def fresh_heading(part: str, columns: Sequence[str]) -> str:
    """Return the heading of a table of figures from fresh processes."""
    cells = ["PyTorch" if column == THEIRS else column for column in columns]
    cells += [f"{'ours' if side == OURS else side}/PyTorch" for side in compared(columns)]
    return f"{part:{NAME}}" + "".join([f"{cell:>{RANGE}}" for cell in cells])


def fresh_line(part: str, row: Row, columns: Sequence[str]) -> str:
    """Return a case's line of such a table."""
    unit = megabytes if part == "memory" else duration
    cells = [unit(row.figures[column]) for column in columns]
    cells += [f"{row.ratio(side):.2f}" for side in compared(columns)]
    return f"{row.name:{NAME}}" + "".join([f"{cell:>{RANGE}}" for cell in cells])


def compared(columns: Sequence[str]) -> list[str]:
    """Name the sides that are compared with PyTorch."""
    return [side for side in (OURS, FAST) if side in columns and THEIRS in columns]


def megabytes(count: float) -> str:
    """Format a number of bytes.

    >>> megabytes(1_234_567)
    '1.2 MB'
    """
    return f"{count / 1e6:.1f} MB"


def as_json(
    measured: list[Figures], skipped: dict[str, str], threads: int, tables: dict[str, list[Row]]
) -> dict[str, Any]:
    """Return all measurements, with the machine and versions."""
    return {
        "machine": {"system": platform.platform(), "cores": os.cpu_count(), "threads": threads},
        "date": date.today().isoformat(),
        "versions": {
            "python": platform.python_version(), **{name: installed(name) for name in ("numpy", "numba", "torch")}
        },
        "cases": [
            {
                "part": each.part,
                "name": each.name,
                "seconds": each.samples,
                "ratio": None if (ratio := each.ratio()) is None else ratio._asdict(),
                "ratio_with_fast": None if (ratio := each.ratio(FAST)) is None else ratio._asdict(),
                "over_numpy": each.overhead(),
                "limit": each.limit,
            }
            for each in measured
        ],
        **{part: {row.name: row.figures for row in rows} for part, rows in tables.items()},
        "skipped": skipped,
    }


def installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None

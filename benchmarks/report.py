"""Print the figures as a table, each line as soon as it is measured, and format them as JSON."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from benchmarks.turns import NUMPY, OURS, THEIRS, Figures, Spread

NAME, COLUMN, RANGE = 44, 12, 24
NAMED = 20  # how many slow cases the summary names
CLIFF = 5  # a ratio beyond this is too slow


def heading(part: str, bare: bool, torch: bool) -> str:
    """Return the heading of a part's table."""
    columns = [f"{part:{NAME}}"]
    if bare:
        columns += [f"{'NumPy':>{COLUMN}}"]
    columns += [f"{OURS:>{COLUMN}}"]
    if bare:
        columns += [f"{'over NumPy':>{COLUMN}}", f"{'limit':>{COLUMN}}"]
    if torch:
        columns += [f"{'PyTorch':>{COLUMN}}", f"{'ours/PyTorch':>{RANGE}}"]
    return "".join(columns)


def line(figures: Figures) -> str:
    """Return a case's line of the table."""
    overhead, ratio = figures.overhead(), figures.ratio()
    columns = [duration(figures.fastest(OURS))]
    if overhead is not None:
        limit = "" if figures.limit is None else duration(figures.limit)
        mark = "! " if figures.is_above_limit() else ""
        columns = [duration(figures.fastest(NUMPY)), *columns, duration(overhead), mark + limit]
    if ratio is not None:
        columns += [duration(figures.fastest(THEIRS))]
    line = f"{figures.name:{NAME}}" + "".join([f"{column:>{COLUMN}}" for column in columns])
    return line if ratio is None else line + f"{ranged(ratio):>{RANGE}}"


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


def summary(measured: list[Figures]) -> str:
    """List the cases that are slower than PyTorch, slowest first."""
    ratios = [(ratio.median, f"{each.part}: {each.name}") for each in measured if (ratio := each.ratio()) is not None]
    slower = sorted((each for each in ratios if each[0] > 1), reverse=True)
    lines = [f"slower than PyTorch: {len(slower)} of {len(ratios)}"]
    return "\n".join(lines + [f"  {ratio:6.2f}  {name}" for ratio, name in slower[:NAMED]])


def cliffs(measured: list[Figures]) -> str:
    """List all cases that take more than ``CLIFF`` times as long as PyTorch, in the fastest samples of each."""
    both = [each for each in measured if THEIRS in each.samples]
    ratios = [(each.fastest(OURS) / each.fastest(THEIRS), f"{each.part}: {each.name}") for each in both]
    beyond = sorted((each for each in ratios if each[0] > CLIFF), reverse=True)
    lines = [f"more than {CLIFF} times as slow as PyTorch: {len(beyond)} of {len(ratios)}"]
    return "\n".join(lines + [f"  {ratio:6.2f}  {name}" for ratio, name in beyond])


def as_json(measured: list[Figures], skipped: dict[str, str], threads: int) -> dict[str, Any]:
    """Return all measurements, with the machine and versions."""
    return {
        "machine": {"system": platform.platform(), "cores": os.cpu_count(), "threads": threads},
        "versions": {"python": platform.python_version(), "numpy": installed("numpy"), "torch": installed("torch")},
        "cases": [
            {
                "part": each.part,
                "name": each.name,
                "seconds": each.samples,
                "ratio": None if (ratio := each.ratio()) is None else ratio._asdict(),
                "over_numpy": each.overhead(),
                "limit": each.limit,
            }
            for each in measured
        ],
        "skipped": skipped,
    }


def installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None

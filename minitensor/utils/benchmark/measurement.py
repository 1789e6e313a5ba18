"""``Measurement``: the times of several runs of one statement, their median and their spread."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from minitensor.errors import ArgumentError

UNITS = {"ns": ("nanosecond", 1e-9), "us": ("microsecond", 1e-6), "ms": ("millisecond", 1e-3), "s": ("second", 1.0)}
WIDE = 0.1  # a spread of more than this share of the median is worth a warning
CLOCK = 25e-9  # seconds that no clock tells apart
MOST_DIGITS = 4


@dataclass(frozen=True)
class TaskSpec:
    """What was measured.

    Args:
        stmt: The statement.
        setup: The statements before it.
        global_setup: Unused; for other languages.
        label, sub_label, description: What it is called in tables: their title, a row, and a column.
        env: Where it ran, to tell apart equal statements of several programs.
        num_threads: The number of threads.

    >>> from minitensor.utils.benchmark import TaskSpec
    >>> TaskSpec("x + 1", "x = 1", label="sum", sub_label="small").title
    'sum: small'
    """

    stmt: str
    setup: str
    global_setup: str = ""
    label: str | None = None
    sub_label: str | None = None
    description: str | None = None
    env: str | None = None
    num_threads: int = 1

    @property
    def title(self) -> str:
        """The label, or the statement, and the label of the row."""
        if self.label is None:
            return self.stmt.strip() if "\n" not in self.stmt else f"stmt:\n{indent(self.stmt)}"
        return self.label + (f": {self.sub_label}" if self.sub_label else "")

    def setup_str(self) -> str:
        """Return the setup as text, or nothing."""
        if not self.setup or self.setup == "pass":
            return ""
        return f"setup:\n{indent(self.setup)}\n" if "\n" in self.setup else f"setup: {self.setup}"

    def summarize(self) -> str:
        """Return the title, the setup and the description, each in a line."""
        end = "\n" if "\n" in self.title else ""
        lines = [self.title + end, self.description or "", self.setup_str()]
        return "\n".join(line for line in lines if line)


def indent(text: str) -> str:
    """Return lines that begin with two spaces."""
    return "\n".join(f"  {line}" for line in text.strip().splitlines())


@dataclass
class Measurement:
    """The times of several runs of a statement.

    Args:
        number_per_run: How often the statement was executed in each run.
        raw_times: The seconds that each run took.
        task_spec: What was measured.
        metadata: Anything else. Default: ``None``.

    Raises:
        ValueError: If there are no times, when one is asked for.

    >>> from minitensor.utils.benchmark import Measurement, TaskSpec
    >>> found = Measurement(100, [1e-4, 1.1e-4, 1.2e-4], TaskSpec(stmt="x + 1", setup="pass"))
    >>> f"{found.median:.1e}", found.title
    ('1.1e-06', 'x + 1')
    """

    number_per_run: int
    raw_times: Sequence[float]
    task_spec: TaskSpec
    metadata: dict[Any, Any] | None = field(default=None)

    @property
    def times(self) -> list[float]:
        """The seconds of one execution, for each run."""
        return [each / self.number_per_run for each in self.raw_times]

    @property
    def median(self) -> float:
        """The median of the times.

        Raises:
            ValueError: If there are no times.
        """
        return quantile(self.times, 0.5)

    @property
    def mean(self) -> float:
        """The mean of the times."""
        return math.fsum(self.times) / len(self.times)

    @property
    def iqr(self) -> float:
        """The distance from the first to the third quartile of the times.

        Raises:
            ValueError: If there are no times.
        """
        return quantile(self.times, 0.75) - quantile(self.times, 0.25)

    @property
    def significant_figures(self) -> int:
        """How many digits of the median mean anything, as the spread tells."""
        count = len(self.times)
        middle = sorted(self.times)[count // 4 : math.ceil(3 * count / 4)]
        mean = math.fsum(middle) / len(middle)
        deviation = math.sqrt(math.fsum((each - mean) ** 2 for each in middle) / max(len(middle) - 1, 1))
        half_width = max(1.645 * deviation / math.sqrt(len(middle)), CLOCK)
        return min(max(math.floor(-math.log10(half_width / mean)), 1), MOST_DIGITS)

    @property
    def has_warnings(self) -> bool:
        """Whether the spread is so wide that the numbers are doubtful."""
        return len(self.times) > 1 and not self.meets_confidence(WIDE)

    @property
    def title(self) -> str:
        """The title of what was measured."""
        return self.task_spec.title

    @property
    def as_row_name(self) -> str:
        """The name of its row in a table."""
        return self.task_spec.sub_label or self.task_spec.stmt or "[Unknown]"

    def meets_confidence(self, threshold: float = WIDE) -> bool:
        """Return whether the spread is less than a share, the ``threshold``, of the median."""
        return len(self.times) > 1 and self.iqr / self.median < threshold

    @staticmethod
    def merge(measurements: Iterable[Measurement]) -> list[Measurement]:
        """Return the ``measurements`` with those of one task put together."""
        groups: dict[TaskSpec, list[float]] = {}
        for each in measurements:
            groups.setdefault(each.task_spec, []).extend(each.times)
        return [Measurement(1, times, task) for task, times in groups.items()]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "task_spec":
            raise AttributeError(name)
        return getattr(self.task_spec, name)

    def __repr__(self) -> str:
        unit, scale = select_unit(self.median)
        lines = [f"<{type(self).__module__}.{type(self).__name__} object>"]
        lines.append(self.task_spec.summarize())
        head = "Median: " if len(self.times) > 1 else ""
        lines.append(f"  {head}{self.median / scale:.2f} {unit}")
        if len(self.times) > 3:
            first, third = [quantile(self.times, each) / scale for each in (0.25, 0.75)]
            lines.append(f"  IQR:    {self.iqr / scale:.2f} {unit} ({first:.2f} to {third:.2f})")
        lines.append("  " + ", ".join(self.counts()))
        if len(self.times) > 1 and self.has_warnings:
            share = self.iqr / self.median * 100
            lines.append(f"  WARNING: Interquartile range is {share:.1f}% of the median measurement.")
        return "\n".join(lines)

    def counts(self) -> list[str]:
        """Return how many runs there were, of how many executions, on how many threads, in words."""
        runs, threads = len(self.times), self.task_spec.num_threads
        return [
            f"{runs} measurement{'s' if runs > 1 else ''}",
            f"{self.number_per_run} runs {'per measurement' if runs > 1 else ''}",
            f"{threads} thread{'s' if threads > 1 else ''}",
        ]


def quantile(values: Sequence[float], share: float) -> float:
    """Return a quantile of numbers, between two of them if it is."""
    if not values:
        raise ArgumentError("a Measurement needs at least one time, got none")
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def select_unit(t: float) -> tuple[str, float]:
    """Return the unit in which a time reads best, and its seconds.

    Args:
        t: The time in seconds.

    >>> select_unit(0.002)
    ('ms', 0.001)
    """
    fitting = [(name, scale) for name, (_, scale) in UNITS.items() if scale <= t]
    return fitting[-1] if fitting else ("s", 1.0)


def unit_to_english(u: str) -> str:
    """Return the name of a unit ``u``.

    >>> unit_to_english("us")
    'microsecond'
    """
    return UNITS[u][0]


def trim_sigfig(x: float, n: int) -> float:
    """Return a number ``x`` rounded to ``n`` significant digits.

    >>> trim_sigfig(1234.5, 2)
    1200.0
    """
    if x == 0:
        return 0.0
    scale = 10.0 ** (math.floor(math.log10(abs(x))) + 1 - n)
    return float(round(x / scale) * scale)

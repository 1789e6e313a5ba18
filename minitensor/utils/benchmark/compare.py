"""``Compare``: measurements as a table, with a row for each label of a row and a column for each description."""

from __future__ import annotations

from collections.abc import Iterable

from minitensor.utils.benchmark.measurement import Measurement, select_unit, trim_sigfig, unit_to_english


class Compare:
    """A table of measurements.

    Args:
        results: The measurements.

    >>> from minitensor.utils.benchmark import Compare, Measurement, TaskSpec
    >>> task = TaskSpec("x + 1", "", label="sums", sub_label="small", description="plain")
    >>> Compare([Measurement(1, [2e-6, 2e-6], task)]).print()
    [------- sums ------]
                 |  plain
    1 threads: ----------
          small  |   2.0
    <BLANKLINE>
    Times are in microseconds (us).
    <BLANKLINE>
    """

    def __init__(self, results: list[Measurement]) -> None:
        self._results: list[Measurement] = []
        self.extend_results(results)
        self._is_trimmed = False

    def __str__(self) -> str:
        by_label: dict[str | None, list[Measurement]] = {}
        for each in Measurement.merge(self._results):
            by_label.setdefault(each.task_spec.label, []).append(each)
        return "\n".join(self.table(label, group) for label, group in by_label.items())

    def extend_results(self, results: Iterable[Measurement]) -> None:
        """Add measurements: ``results``."""
        self._results.extend(results)

    def trim_significant_figures(self) -> None:
        """Show only the digits that mean anything."""
        self._is_trimmed = True

    def colorize(self, rowwise: bool = False) -> None:
        """Accept colors, also by rows (``rowwise``); the table has none."""

    def highlight_warnings(self) -> None:
        """Accept marks for doubtful numbers; the table has none."""

    def print(self) -> None:
        """Print the table."""
        print(str(self))

    def table(self, label: str | None, results: list[Measurement]) -> str:
        """Return the table of one ``label`` and its ``results``."""
        unit, scale = select_unit(min(each.median for each in results))
        columns = list(dict.fromkeys(each.task_spec.description or "" for each in results))
        cells: dict[tuple[int, str], dict[str, str]] = {}
        for each in results:
            row = cells.setdefault((each.task_spec.num_threads, each.as_row_name), {})
            row[each.task_spec.description or ""] = self.text_of(each, scale)
        units = f"Times are in {unit_to_english(unit)}s ({unit})."
        return "\n".join([*draw(label or "", columns, cells), "", units, ""])

    def text_of(self, result: Measurement, scale: float) -> str:
        """Return the number of one ``result``, in units of ``scale`` seconds."""
        value = result.median / scale
        return f"{trim_sigfig(value, result.significant_figures) if self._is_trimmed else value:.1f}"


def draw(title: str, columns: list[str], cells: dict[tuple[int, str], dict[str, str]]) -> list[str]:
    """Return the lines of a table."""
    names = max(len(name) for _, name in cells) + 6
    widths = [max(len(column), *(len(row.get(column, "")) for row in cells.values())) for column in columns]
    heads = [f"  |  {column.center(width)}" for column, width in zip(columns, widths, strict=True)]
    lines = [" " * names + "".join(heads)]
    before = None
    for (threads, name), row in cells.items():
        if threads != before:
            lines.append(f"{threads} threads: ".ljust(len(lines[0]), "-"))
            before = threads
        texts = [row.get(column, "").center(width) for column, width in zip(columns, widths, strict=True)]
        lines.append(name.rjust(names) + "".join(f"  |  {text}" for text in texts))
    return [f"[{f' {title} '.center(len(lines[0]) - 2, '-')}]", *map(str.rstrip, lines)]

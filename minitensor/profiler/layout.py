"""The table of a profile, in the form of PyTorch's: one row for each event, with its shares, times, bytes and calls."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

UNITS = ("FLOPs", "KFLOPs", "MFLOPs", "GFLOPs", "TFLOPs", "PFLOPs")
SECONDS = {"s": 1e6, "ms": 1e3, "us": 1.0}
WIDTH = 12  # of columns of numbers
SPACE = "  "


class Column(NamedTuple):
    """A column: its title, its width, its texts, and the side to which they are moved."""

    title: str
    width: int
    texts: list[str]
    side: str = ">"

    def row(self, text: str) -> str:
        """Return a text in the width of the column."""
        return f"{text: {self.side}{self.width}}{SPACE}"


def format_time(time: float, unit: str | None = None) -> str:
    """Return a number of microseconds with its unit, which is the largest that fits if none is given."""
    if unit not in SECONDS:
        unit = "s" if time >= 1e6 else "ms" if time >= 1e3 else "us"
    return f"{time / SECONDS[unit]:.3f}{unit}"


def format_share(time: float, total: float) -> str:
    """Return a share in percent."""
    return f"{time * 100.0 / total:.2f}%" if total else "NaN"


def format_memory(size: int) -> str:
    """Return a number of bytes with its unit."""
    for power, unit in ((3, "GB"), (2, "MB"), (1, "KB")):
        if abs(size) >= 1024**power:
            return f"{size / 1024**power:.2f} {unit}"
    return f"{size} B"


def cut(text: str, width: int | None) -> str:
    """Return the beginning of a name that is too long."""
    return text if width is None or len(text) < width - 3 else text[: width - 3] + "..."


def cut_front(text: str, width: int) -> str:
    """Return the end of a path that is too long."""
    return text if len(text) <= width else "..." + text[len(text) - width + 3 :]


def width_of(texts: Sequence[str], limit: int | None) -> int:
    """Return the width of a column of texts, at most ``limit``."""
    found = max(map(len, texts)) + 4
    return found if limit is None else min(found, limit)


def build_table(
    events: Sequence[Any], row_limit: int, limits: Sequence[int | None], header: str | None, is_top_only: bool,
    unit: str | None, with_memory: bool, with_flops: bool,
) -> str:
    """Return events as a table; ``limits`` are the greatest widths of names, shapes and callers."""
    if not events:
        return ""
    total = sum(each.self_cpu_time_total for each in events)
    shown = [each for each in events if not (is_top_only and each.cpu_parent is not None)]
    shown = shown if row_limit < 0 else shown[:row_limit]
    columns = time_columns(events, shown, total, limits[0], unit)
    columns += memory_columns(shown) if with_memory else []
    columns.append(Column("# of Calls", WIDTH, [str(each.count) for each in shown]))
    if any(each.input_shapes for each in events):
        width = width_of([str(each.input_shapes) for each in events], limits[1])
        columns.append(Column("Input Shapes", width, [str(each.input_shapes)[:width] for each in shown]))
    columns += stack_columns(events, shown, limits[2])
    columns += flop_columns(events, shown) if with_flops else []
    rule = "".join("-" * each.width + SPACE for each in columns)
    lines = [rule, "".join(each.row(each.title) for each in columns), rule]
    if is_top_only:
        lines[:0] = ["=" * (len(rule) - 2), "This report only display top-level ops statistics"]
    if header is not None:
        lines[:0] = ["=" * (len(rule) - 2), header]
    for i, event in enumerate(shown):
        lines.append("".join(each.row(each.texts[i]) for each in columns))
        lines += more_callers(event, columns)
    return "\n".join([*lines, rule, f"Self CPU time total: {format_time(total, unit)}", ""])


def time_columns(
    events: Sequence[Any], shown: Sequence[Any], total: float, limit: int | None, unit: str | None
) -> list[Column]:
    """Return the names and the times."""
    width = width_of([each.key for each in events], limit)
    return [
        Column("Name", width, [cut(each.key, limit) for each in shown]),
        Column("Self CPU %", WIDTH, [format_share(each.self_cpu_time_total, total) for each in shown]),
        Column("Self CPU", WIDTH, [format_time(each.self_cpu_time_total, unit) for each in shown]),
        Column("CPU total %", WIDTH, [format_share(each.cpu_time_total, total) for each in shown]),
        Column("CPU total", WIDTH, [format_time(each.cpu_time_total, unit) for each in shown]),
        Column("CPU time avg", WIDTH, [format_time(each.cpu_time, unit) for each in shown]),
    ]


def memory_columns(shown: Sequence[Any]) -> list[Column]:
    """Return the bytes."""
    return [
        Column("CPU Mem", WIDTH, [format_memory(each.cpu_memory_usage) for each in shown]),
        Column("Self CPU Mem", WIDTH, [format_memory(each.self_cpu_memory_usage) for each in shown]),
    ]


def stack_columns(events: Sequence[Any], shown: Sequence[Any], limit: int | None) -> list[Column]:
    """Return the innermost callers, if they were recorded."""
    entries = [entry for each in events for entry in each.stack]
    if not entries:
        return []
    width = width_of(entries, limit)
    return [Column("Source Location", width, [cut_front("".join(each.stack[:1]), width) for each in shown], "<")]


def more_callers(event: Any, columns: Sequence[Column]) -> list[str]:
    """Return the lines below an event's: one for each further caller, and an empty one."""
    found = next((each for each in columns if each.title == "Source Location"), None)
    if found is None:
        return []
    return [
        "".join(each.row(cut_front(entry, each.width) if each is found else "") for each in columns)
        for entry in (*event.stack[1:], "")
    ]


def flop_columns(events: Sequence[Any], shown: Sequence[Any]) -> list[Column]:
    """Return the numbers of floating-point operations, in the unit of the smallest."""
    counts = [each.flops for each in events if each.flops > 0]
    if not counts:
        return []
    size = min(int(math.log10(min(counts)) / 3), len(UNITS) - 1)
    texts = [f"{each.flops * 1000.0**-size:8.3f}" if each.flops > 0 else "--" for each in shown]
    return [Column(f"Total {UNITS[size]}", WIDTH, texts)]

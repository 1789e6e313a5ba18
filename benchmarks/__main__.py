"""The command line: which parts to run, for how long, and where to write the figures."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from benchmarks import fresh, plot, report
from benchmarks.parts import PARTS, USUAL
from benchmarks.turns import FAST, OURS, THEIRS, Figures, Missing, Worker, measure

PLOT = Path("output/sizes.png")


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    sides, parts = sides_of(options), options.parts or (*USUAL, *fresh.TABLES)
    tables = {part: print_table(part, sides, options) for part in parts if part in fresh.TABLES}
    workers: list[Worker] = []
    try:
        timed = [part for part in parts if part in PARTS]
        workers += [Worker(side, options.threads) for side in sides if timed]
        measured, skipped = run(timed, options, workers)
    except Missing as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        for worker in workers:
            worker.close()
    if THEIRS in sides and timed:
        print("", *[report.summary(measured, side) for side in sides[:-1]], report.cliffs(measured), sep="\n")
    if "sizes" in timed and measured:
        draw_sizes(measured)
    if options.json:
        options.json.write_text(json.dumps(report.as_json(measured, skipped, options.threads, tables), indent=1) + "\n")
    return int(options.strict and any(figures.is_above_limit() for figures in measured))


def sides_of(options: argparse.Namespace) -> list[str]:
    """Name what is compared: NumPy alone, with compiled kernels if Numba is installed, and PyTorch."""
    sides = [OURS]
    if find_spec("numba") and not options.plain:
        sides.append(FAST)
    if find_spec(THEIRS) and not options.alone:
        sides.append(THEIRS)
    return sides


def print_table(part: str, sides: list[str], options: argparse.Namespace) -> list[fresh.Row]:
    """Print a table of what is measured in fresh processes, and return its rows."""
    columns = [each for each in fresh.COLUMNS[part] if each in sides or (each == fresh.COMPILING and FAST in sides)]
    rows: list[fresh.Row] = []
    try:
        for row in fresh.TABLES[part](sides, options.threads, options.only):
            if not rows:
                print(f"\n{report.fresh_heading(part, columns)}")
            rows.append(row)
            print(report.fresh_line(part, row, columns), flush=True)
    except Missing as error:
        print(f"{part:{report.NAME}}skipped: {error}", flush=True)
    return rows


def draw_sizes(measured: list[Figures]) -> None:
    """Draw cost against size, if matplotlib is installed."""
    if find_spec("matplotlib"):
        plot.draw(measured, PLOT)
        print(f"\ncost against size: {PLOT}")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Time minitensor against PyTorch.")
    known = [*fresh.TABLES, *PARTS]
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(known)}; default: not the last two")
    parser.add_argument("--only", default="", metavar="TEXT", help="only cases whose name contains TEXT")
    parser.add_argument("--seconds", type=float, default=0.7, help="for each case (%(default)s)")
    parser.add_argument("--threads", type=int, default=cores(), help="for each library (%(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every sample to FILE")
    parser.add_argument("--alone", action="store_true", help="time only minitensor")
    parser.add_argument("--plain", action="store_true", help="do not time compiled kernels")
    parser.add_argument("--strict", action="store_true", help="fail if an overhead is above its limit")
    options = parser.parse_args(arguments)
    unknown = set(options.parts).difference(known)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}; choose from {', '.join(known)}")
    return options


def cores() -> int:
    """Return how many cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run(parts: list[str], options: argparse.Namespace, workers: list[Worker]) -> tuple[list[Figures], dict[str, str]]:
    """Measure the chosen cases and print a line for each; return the figures, and the reasons for skipped cases."""
    measured: list[Figures] = []
    skipped: dict[str, str] = {}
    for part in parts:
        cases = {name: case for name, case in PARTS[part].items() if options.only in name}
        if cases:
            bare = any(case.bare for case in cases.values())
            print(f"\n{report.heading(part, bare, [worker.name for worker in workers])}")
        for name in cases:
            try:
                measured.append(measure(part, name, workers, options.seconds))
            except Missing as error:
                skipped[f"{part}: {name}"] = str(error)
                print(f"{name:{report.NAME}}skipped: {error}", flush=True)
            else:
                print(report.line(measured[-1]), flush=True)
    return measured, skipped


if __name__ == "__main__":
    sys.exit(main())

"""The command line: which parts to run, for how long, and where to write the figures."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from benchmarks import report
from benchmarks.parts import PARTS, USUAL
from benchmarks.turns import OURS, THEIRS, Figures, Missing, Worker, measure


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    names = [OURS, THEIRS] if find_spec(THEIRS) and not options.alone else [OURS]
    workers: list[Worker] = []
    try:
        for name in names:
            workers.append(Worker(name, options.threads))
        measured, skipped = run(options, workers)
    except Missing as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        for worker in workers:
            worker.close()
    if len(names) == 2:
        print(f"\n{report.summary(measured)}\n{report.cliffs(measured)}")
    if options.json:
        options.json.write_text(json.dumps(report.as_json(measured, skipped, options.threads), indent=1) + "\n")
    return int(options.strict and any(figures.is_above_limit() for figures in measured))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Time minitensor against PyTorch.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; default: not the last two")
    parser.add_argument("--only", default="", metavar="TEXT", help="only cases whose name contains TEXT")
    parser.add_argument("--seconds", type=float, default=0.7, help="for each case (%(default)s)")
    parser.add_argument("--threads", type=int, default=cores(), help="for each library (%(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every sample to FILE")
    parser.add_argument("--alone", action="store_true", help="time only minitensor")
    parser.add_argument("--strict", action="store_true", help="fail if an overhead is above its limit")
    options = parser.parse_args(arguments)
    unknown = set(options.parts) - PARTS.keys()
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}; choose from {', '.join(PARTS)}")
    return options


def cores() -> int:
    """Return how many cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run(options: argparse.Namespace, workers: list[Worker]) -> tuple[list[Figures], dict[str, str]]:
    """Measure the chosen cases and print a line for each; return the figures, and the reasons for skipped cases."""
    measured: list[Figures] = []
    skipped: dict[str, str] = {}
    for part in options.parts or USUAL:
        cases = {name: case for name, case in PARTS[part].items() if options.only in name}
        if cases:
            print(f"\n{report.heading(part, any(case.bare for case in cases.values()), len(workers) == 2)}")
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

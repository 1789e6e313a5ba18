"""The command ``python -m minitensor``: run a program that imports ``torch``, or list what it uses.

    python -m minitensor script.py [arguments]             run a script with torch bound to this library
    python -m minitensor -m package.module [arguments]     run a module
    python -m minitensor --check path [path ...]           list the names of PyTorch in files; run nothing
"""

from __future__ import annotations

import sys

from minitensor.run.check import check_paths
from minitensor.run.program import run_module, run_script


def run_command(arguments: list[str]) -> int:
    """Do what the command line says, and return the exit code."""
    first, rest = arguments[:1], arguments[1:]
    if first in (["-h"], ["--help"]):
        print((__doc__ or "").rstrip())
        return 0
    if first == ["--check"] and rest:
        return check_paths(rest)
    if first == ["-m"] and rest:
        run_module(rest[0], rest[1:])
        return 0
    if not first or first[0].startswith("-"):
        print((__doc__ or "").rstrip(), file=sys.stderr)
        return 2
    run_script(first[0], rest)
    return 0


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:]))

"""What only a fresh process can tell: the peak memory of a training step, and the time until the first step is done.

``python -m benchmarks.fresh memory SIDE THREADS PART NAME`` prints bytes; ``first`` in place of ``memory`` takes one
step, and its caller looks at the clock. *Peak memory* is the most that three steps, their network and their data take
beyond what the process holds when the case has run once and was freed: libraries and machine code do not count.
"""

from __future__ import annotations

import ctypes
import gc
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from benchmarks.case import Make
from benchmarks.parts import PARTS
from benchmarks.turns import BLAS_THREADS, FAST, OURS, THEIRS, Missing, load

STATUS = Path("/proc/self/status")
STEPS = 3
REPEATS = 3
COMPILING = "with fast, compiling"
TRAINED = {
    "steps": ("MLP 784-256-128-10", "ConvNet"),
    "networks": tuple(PARTS["networks"]),
}
FIRST = {"overhead": ("x + y",), "networks": ("LeNet, batch 32", "ResNet-18 on 32x32, batch 16")}


class Row(NamedTuple):
    """A case's figures by side: bytes or seconds."""

    name: str
    figures: dict[str, float]

    def ratio(self, side: str) -> float | None:
        """Return a side's figure over PyTorch's."""
        both = side in self.figures and THEIRS in self.figures
        return self.figures[side] / self.figures[THEIRS] if both else None


# -- in a fresh process ------------------------------------------------------------------------------------------------


def peak_of(make: Make, side: str, threads: int) -> int:
    """Return the bytes that a case takes at its peak."""
    lib = load(side, threads)
    make(lib)()
    before = settled_bytes()
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    step = make(lib)
    for _ in range(STEPS):
        step()
    return read_status("VmHWM") - before


def settled_bytes() -> int:
    """Give free memory back to the system, and return what the process holds."""
    gc.collect()
    with suppress(OSError, AttributeError):  # a C library without it keeps the memory
        ctypes.CDLL(None).malloc_trim(0)
    return read_status("VmRSS")


def read_status(key: str) -> int:
    """Return an entry of the process's status, in bytes."""
    (line,) = [line for line in STATUS.read_text().splitlines() if line.startswith(key)]
    return int(line.split()[1]) * 1024


def main(arguments: Sequence[str]) -> None:
    what, side, threads, part, name = arguments
    make = PARTS[part][name].make
    if what == "memory":
        print(peak_of(make, side, int(threads)))
    else:
        make(load(side, int(threads)))()


# -- in the main process -----------------------------------------------------------------------------------------------


def run(what: str, side: str, threads: int, part: str, name: str, cache: str | None = None) -> str:
    """Run ``main`` in a process of its own, whose compiled kernels are kept in a folder, and return what it prints."""
    environment = os.environ | {variable: str(threads) for variable in BLAS_THREADS}
    if cache is not None:
        environment["NUMBA_CACHE_DIR"] = cache
    command = [sys.executable, "-m", "benchmarks.fresh", what, side, str(threads), part, name]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise Missing(f"{side}: {done.stderr.strip().splitlines()[-1]}")
    return done.stdout


def memory(sides: Sequence[str], threads: int, only: str) -> Iterator[Row]:
    """Yield the peak memory of training steps, in bytes."""
    if not STATUS.exists():
        raise Missing("the system does not tell the peak memory of a process")
    for part, name in chosen(TRAINED, only):
        yield Row(name, {side: float(run("memory", side, threads, part, name)) for side in sides})


def startup(sides: Sequence[str], threads: int, only: str) -> Iterator[Row]:
    """Yield the seconds that a new process takes until its first step is done: the fastest of a few.

    With compiled kernels, the first process has an empty cache; the later ones read what it compiled.
    """
    for part, name in chosen(FIRST, only):
        figures = {}
        with tempfile.TemporaryDirectory() as cache:
            if FAST in sides:
                figures[COMPILING] = seconds(FAST, threads, part, name, cache)
            for side in sides:
                figures[side] = min(seconds(side, threads, part, name, cache) for _ in range(REPEATS))
        yield Row(name, figures)


def seconds(side: str, threads: int, part: str, name: str, cache: str) -> float:
    start = time.perf_counter()
    run("first", side, threads, part, name, cache)
    return time.perf_counter() - start


def chosen(cases: dict[str, tuple[str, ...]], only: str) -> list[tuple[str, str]]:
    return [(part, name) for part, names in cases.items() for name in names if only in name]


COLUMNS = {"memory": (OURS, FAST, THEIRS), "startup": (OURS, FAST, COMPILING, THEIRS)}
TABLES = {"memory": memory, "startup": startup}

if __name__ == "__main__":
    main(sys.argv[1:])

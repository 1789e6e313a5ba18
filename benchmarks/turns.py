"""Measuring: each library in a process of its own, and the processes take turns.

One process would not do: after its work, each library's threads stay awake a while and would take the other's cores. A
process that waits for its turn costs nothing. Nothing is known here of what is measured, nor how it is printed.
"""

from __future__ import annotations

import importlib
import itertools
import multiprocessing
import os
import time
from multiprocessing.connection import Connection
from statistics import median
from typing import Any, NamedTuple

from benchmarks.case import Library, Step
from benchmarks.parts import PARTS

OURS, THEIRS, NUMPY = "minitensor", "torch", "numpy"
TURNS = 7
BLAS_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
BATCH = 1e-3  # seconds: calls are batched until one reading of the clock stands for so much


class Missing(Exception):
    """A library that cannot be imported, or a case that it cannot run."""


class Request(NamedTuple):
    """One sample."""

    part: str
    name: str
    bare: bool
    seconds: float


# -- in the library's process ------------------------------------------------------------------------------------------


def serve(name: str, threads: int, pipe: Connection) -> None:
    """Load a library, then answer each request with the seconds of a call, or with what went wrong."""
    try:
        lib = load(name, threads)
    except Exception as error:
        pipe.send(told(error))
        return
    pipe.send(None)
    prepared: dict[tuple[str, str, bool], Step] = {}
    for request in iter(pipe.recv, None):
        try:
            pipe.send(answer(lib, request, prepared))
        except Exception as error:
            pipe.send(told(error))


def load(name: str, threads: int) -> Library:
    """Import a library with its ``nn`` and ``optim``, and give its kernels so many threads."""
    lib = importlib.import_module(name)
    for inner in ("nn", "nn.functional", "optim"):
        importlib.import_module(f"{name}.{inner}")
    if hasattr(lib, "set_num_threads"):
        lib.set_num_threads(threads)
    return lib


def told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def answer(lib: Library, request: Request, prepared: dict[tuple[str, str, bool], Step]) -> float:
    """Take a sample of a case, prepared once; what another case prepared is let go first."""
    part, name, bare, seconds = request
    for key in [key for key in prepared if key[:2] != (part, name)]:
        del prepared[key]
    if (part, name, bare) not in prepared:
        case = PARTS[part][name]
        prepared[part, name, bare] = case.bare() if bare and case.bare else case.make(lib)
    return sample(prepared[part, name, bare], seconds)


def sample(step: Step, seconds: float) -> float:
    """Return the seconds of a call: the fastest batch's. What is run to find the size of a batch also warms up."""
    calls = 1
    while batch(step, calls) < BATCH:
        calls *= 2
    end = time.perf_counter() + seconds
    fastest = batch(step, calls)
    while time.perf_counter() < end:
        fastest = min(fastest, batch(step, calls))
    return fastest / calls


def batch(step: Step, calls: int) -> float:
    """Return the seconds that so many calls take."""
    turns = itertools.repeat(None, calls)
    start = time.perf_counter()
    for _ in turns:
        step()
    return time.perf_counter() - start


# -- in ours -----------------------------------------------------------------------------------------------------------


class Worker:
    """A process that has loaded a library."""

    def __init__(self, name: str, threads: int) -> None:
        for variable in BLAS_THREADS:
            os.environ[variable] = str(threads)  # read once, when NumPy is imported there
        context = multiprocessing.get_context("spawn")
        self.name = name
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=serve, args=(name, threads, other), daemon=True)
        self.process.start()
        other.close()
        self.receive()

    def ask(self, request: Request) -> float:
        """Return the sample that was asked for."""
        self.pipe.send(request)
        return float(self.receive())

    def receive(self) -> Any:
        try:
            reply = self.pipe.recv()
        except EOFError as error:
            raise Missing(f"{self.name}: its process ended") from error
        if isinstance(reply, str):
            raise Missing(f"{self.name}: {reply}")
        return reply

    def close(self) -> None:
        self.process.terminate()
        self.process.join()
        self.pipe.close()


class Spread(NamedTuple):
    """The median of some figures, the smallest and the largest."""

    median: float
    least: float
    most: float


class Figures(NamedTuple):
    """The samples of a case by side, in seconds: one a turn, so that those of one turn are neighbours."""

    part: str
    name: str
    limit: float | None
    samples: dict[str, list[float]]

    def ratio(self) -> Spread | None:
        """Return ours/PyTorch."""
        if THEIRS not in self.samples:
            return None
        ratios = [ours / theirs for ours, theirs in zip(self.samples[OURS], self.samples[THEIRS])]
        return Spread(median(ratios), min(ratios), max(ratios))

    def fastest(self, side: str) -> float:
        return min(self.samples[side])

    def overhead(self) -> float | None:
        """Return ours - NumPy, in seconds. A difference doubles the noise, so only the fastest of each side count."""
        return self.fastest(OURS) - self.fastest(NUMPY) if NUMPY in self.samples else None

    def is_above_limit(self) -> bool:
        overhead = self.overhead()
        return self.limit is not None and overhead is not None and overhead > self.limit


def measure(part: str, name: str, workers: list[Worker], seconds: float) -> Figures:
    """Let the workers take turns at a case, for so many seconds in all (longer, where a single call is longer)."""
    case = PARTS[part][name]
    sides = [(NUMPY, workers[0], True)] if case.bare else []
    sides += [(worker.name, worker, False) for worker in workers]
    samples: dict[str, list[float]] = {side: [] for side, _, _ in sides}
    for _ in range(TURNS):
        for side, worker, bare in sides:
            samples[side].append(worker.ask(Request(part, name, bare, seconds / TURNS / len(sides))))
    return Figures(part, name, case.limit, samples)

"""Measure each library in its own process; the processes take turns.

One process for both would not work: each library's threads stay awake for a while after a call and would take cores
from the other. A process that waits for its turn uses no CPU. This module knows nothing about the cases or the report.
"""

from __future__ import annotations

import importlib
import itertools
import multiprocessing
import os
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from statistics import median
from typing import Any, NamedTuple

from benchmarks.case import Library, Step
from benchmarks.parts import PARTS

OURS, FAST, THEIRS, NUMPY = "minitensor", "with fast", "torch", "numpy"
MODULES = {OURS: "minitensor", FAST: "minitensor", THEIRS: "torch"}
TURNS = 7
BLAS_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
BATCH = 1e-3  # seconds: a batch has enough calls to last at least this long


class Missing(Exception):
    """A library that cannot be imported, or a case that it cannot run."""


class Request(NamedTuple):
    """One sample."""

    part: str
    name: str
    bare: bool
    seconds: float


# -- in a worker process -----------------------------------------------------------------------------------------------


def serve(side: str, threads: int, pipe: Connection) -> None:
    """Load the library of a side, then answer each request with the seconds per call, or with an error message."""
    try:
        lib = load(side, threads)
    except Exception as error:
        pipe.send(describe(error))
        return
    pipe.send(None)
    prepared: dict[tuple[str, str, bool], Step] = {}
    with suppress(EOFError):  # the main process has ended
        for request in iter(pipe.recv, None):
            try:
                pipe.send(answer(lib, request, prepared))
            except Exception as error:
                pipe.send(describe(error))


def load(side: str, threads: int) -> Library:
    """Import a side's library with its ``nn`` and ``optim``, set its number of threads, and switch compiled kernels."""
    name = MODULES[side]
    lib = importlib.import_module(name)
    for inner in ("nn", "nn.functional", "optim"):
        importlib.import_module(f"{name}.{inner}")
    lib.set_num_threads(threads)
    if side != THEIRS:
        lib.backends.fast.set_flags(enabled=side == FAST)
    return lib


def describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def answer(lib: Library, request: Request, prepared: dict[tuple[str, str, bool], Step]) -> float:
    """Sample a case. It is prepared once, and called once to compile kernels; the previous case is freed first."""
    part, name, bare, seconds = request
    for key in [key for key in prepared if key[:2] != (part, name)]:
        del prepared[key]
    if (part, name, bare) not in prepared:
        case = PARTS[part][name]
        prepared[part, name, bare] = case.bare() if bare and case.bare else case.make(lib)
        prepared[part, name, bare]()
    return sample(prepared[part, name, bare], seconds)


def sample(step: Step, seconds: float) -> float:
    """Return the seconds per call in the fastest batch.

    Finding the batch size also warms up. A call that alone takes the time of a sample is the sample.
    """
    calls = 1
    while (first := batch(step, calls)) < BATCH:
        calls *= 2
    if first > seconds:
        return first / calls
    end = time.perf_counter() + seconds
    fastest = batch(step, calls)
    while time.perf_counter() < end:
        fastest = min(fastest, batch(step, calls))
    return fastest / calls


def batch(step: Step, calls: int) -> float:
    """Return the seconds that ``calls`` calls take."""
    turns = itertools.repeat(None, calls)
    start = time.perf_counter()
    for _ in turns:
        step()
    return time.perf_counter() - start


# -- in the main process -----------------------------------------------------------------------------------------------


class Worker:
    """A process that has loaded the library of a side."""

    def __init__(self, name: str, threads: int) -> None:
        for variable in BLAS_THREADS:
            os.environ[variable] = str(threads)  # read once, when NumPy is imported there
        context = multiprocessing.get_context("spawn")
        self.name = name
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=serve, args=(name, threads, other))  # a daemon could not load data
        self.process.start()
        other.close()
        self.receive()

    def ask(self, request: Request) -> float:
        """Request a sample and return it."""
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
    """The median, minimum and maximum of some figures."""

    median: float
    least: float
    most: float


class Figures(NamedTuple):
    """The samples of a case by side, in seconds. Each side has one sample per turn."""

    part: str
    name: str
    limit: float | None
    samples: dict[str, list[float]]

    def ratio(self, side: str = OURS) -> Spread | None:
        """Return ours/PyTorch, with compiled kernels where ``side`` is ``FAST``."""
        if THEIRS not in self.samples or side not in self.samples:
            return None
        ratios = [ours / theirs for ours, theirs in zip(self.samples[side], self.samples[THEIRS])]
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
    """Measure a case: the workers take turns for ``seconds`` in all, or longer if a single call takes longer."""
    case = PARTS[part][name]
    sides = [(NUMPY, workers[0], True)] if case.bare else []
    sides += [(worker.name, worker, False) for worker in workers]
    samples: dict[str, list[float]] = {side: [] for side, _, _ in sides}
    for _ in range(TURNS):
        for side, worker, bare in sides:
            samples[side].append(worker.ask(Request(part, name, bare, seconds / TURNS / len(sides))))
    return Figures(part, name, case.limit, samples)

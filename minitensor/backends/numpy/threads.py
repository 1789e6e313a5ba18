"""Threads for kernels: a loop whose turns run on several cores, and BLAS held to one thread meanwhile.

NumPy lets go of the interpreter while it works on big arrays, so plain threads share a kernel's tiles well. BLAS would
start threads of its own inside each tile, and they would fight for the cores: it is told to use one until the last loop
is done.
Nothing is known here of what the turns compute.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import numpy

from minitensor.errors import UsageError
from minitensor.forks import after_fork_in_child

if TYPE_CHECKING:
    from minitensor.backends import Array

# (set, get) as NumPy's own OpenBLAS, other builds of it, MKL and BLIS call them.
BLAS_NAMES = (
    ("scipy_openblas_set_num_threads64_", "scipy_openblas_get_num_threads64_"),
    ("scipy_openblas_set_num_threads", "scipy_openblas_get_num_threads"),
    ("openblas_set_num_threads64_", "openblas_get_num_threads64_"),
    ("openblas_set_num_threads", "openblas_get_num_threads"),
    ("MKL_Set_Num_Threads", "MKL_Get_Max_Threads"),
    ("bli_thread_set_num_threads", "bli_thread_get_num_threads"),
)

KEPT_BYTES = 16 << 20  # a scratch buffer up to this size is kept for the next call, one a thread and slot
# Note [Waiting for the interpreter]. A thread that comes back from NumPy needs the interpreter; if another has it, it
# goes to sleep, and to wake it takes longer than most calls (100 us on a virtual machine of two cores). Two threads in
# kernels of many short calls take turns at sleeping: gelu of 260,000 singles took 1.3 ms alone, 3.2 by two threads with
# 16,000 elements a call, 1.1 with half of them; a step of a small GPT took 80 ms, and 60 when none but products of
# matrices were shared. So threads share long calls (products, sorting), and work element by element only from so many
# elements on, many a call. Copies gain as late: joining 10^6 floats takes 120 us alone and 290 by two threads.
SHARED = 1 << 22
LONG_CALL = 1 << 18


def parallel_for(function: Callable[[int], object], count: int) -> None:
    """Call ``function(0)``, ..., ``function(count - 1)`` on up to ``get_num_threads()`` threads, and wait for all.

    Turns are handed out in order as threads become free, so a turn must not care which thread runs it. The caller works
    too. An exception stops the handing out and is raised here. A loop inside a turn runs in its own thread alone.
    """
    helpers = min(POOL.threads, count) - 1
    if helpers <= 0 or POOL.is_inside():
        for turn in range(count):
            function(turn)
        return
    loop = Loop(function, count)
    with one_blas_thread():
        POOL.offer(loop, helpers)
        POOL.join(loop)
    if loop.error is not None:
        raise loop.error


def in_pieces(work: Callable[[slice], object], count: int, width: int, block: int) -> None:
    """Call ``work`` with slices of ``count`` rows of ``width`` elements: ``block`` elements at a time stay in a cache.

    Of very many elements several threads take more at a time; see Note [Waiting for the interpreter]. So the results
    for a row must not depend on how the rows are cut.
    """
    shared = count * width >= SHARED and POOL.threads > 1 and not POOL.is_inside()
    step = max(1, (max(block, LONG_CALL) if shared else block) // max(1, width))
    turns = -(-count // step)
    if shared:
        parallel_for(lambda turn: work(slice(turn * step, (turn + 1) * step)), turns)
        return
    with one_blas_thread():
        for turn in range(turns):
            work(slice(turn * step, (turn + 1) * step))


def get_num_threads() -> int:
    """Return how many threads a kernel may use: at first, the cores this process may run on."""
    return POOL.threads


def set_num_threads(threads: int) -> None:
    """Let kernels, and NumPy's BLAS, use this many threads."""
    if not isinstance(threads, int) or isinstance(threads, bool):
        raise UsageError(f"set_num_threads: expected an int, but got {type(threads).__name__}")
    if threads < 1:
        raise UsageError(f"set_num_threads: expected a positive number of threads, got {threads}")
    POOL.threads = threads
    HOLD.set_threads(threads)


def scratch(slot: str, count: int, dtype: Any) -> Array:
    """Return ``count`` elements of uninitialised memory that is this thread's until it asks for the same slot again.

    Memory that was written before is in the caches and mapped; fresh memory costs a page fault every 4 KiB.
    """
    size = count * dtype.itemsize
    if size > KEPT_BYTES:
        return numpy.empty(count, dtype)
    kept: dict[str, Array] = POOL.local.__dict__.setdefault("scratch", {})
    buffer = kept.get(slot)
    if buffer is None or buffer.nbytes < size:
        buffer = kept[slot] = numpy.empty(size, numpy.uint8)
    window: Array = buffer[:size].view(dtype)
    return window


class Loop:
    """One ``parallel_for``: which turn is next, how many run now, what went wrong."""

    __slots__ = ("changed", "count", "error", "function", "next", "running")

    def __init__(self, function: Callable[[int], object], count: int) -> None:
        self.function = function
        self.count = count
        self.next = 0
        self.running = 0
        self.error: BaseException | None = None
        self.changed = threading.Condition(threading.Lock())

    def take(self) -> int:
        """Return the next turn, or -1."""
        with self.changed:
            if self.next >= self.count or self.error is not None:
                return -1
            self.next += 1
            self.running += 1
            return self.next - 1

    def finish(self, error: BaseException | None) -> None:
        """Put down a turn."""
        with self.changed:
            self.running -= 1
            self.error = self.error or error
            if not self.running:
                self.changed.notify_all()

    def work(self) -> None:
        """Run turns while there are any."""
        while (turn := self.take()) >= 0:
            error: BaseException | None = None
            try:
                self.function(turn)
            except BaseException as raised:
                error = raised
            self.finish(error)

    def wait(self) -> None:
        """Wait for the turns that run elsewhere."""
        with self.changed:
            self.changed.wait_for(lambda: not self.running)


class Pool:
    """Helper threads, started when first needed, waiting at one queue; a forked child starts its own."""

    def __init__(self) -> None:
        self.threads = usable_cores()
        self.forget()

    def forget(self) -> None:
        """Begin anew: in a forked child no helper lives."""
        self.local = threading.local()
        self.lock = threading.Lock()
        self.queue: SimpleQueue[Loop] = SimpleQueue()
        self.started = 0

    def is_inside(self) -> bool:
        """Whether this thread is running a turn of some loop."""
        return getattr(self.local, "inside", False)

    def offer(self, loop: Loop, helpers: int) -> None:
        """Ask that many helpers to join in."""
        with self.lock:
            while self.started < helpers:
                self.started += 1
                threading.Thread(target=self.help, name=f"minitensor-{self.started}", daemon=True).start()
        for _ in range(helpers):
            self.queue.put(loop)

    def join(self, loop: Loop) -> None:
        """Work in this thread, then wait for the helpers' last turns; a helper that comes later finds nothing."""
        self.local.inside = True
        try:
            loop.work()
            loop.wait()
        finally:
            self.local.inside = False

    def help(self) -> None:
        """Spend a helper's life."""
        self.local.inside = True
        queue = self.queue
        while True:
            queue.get().work()  # no name for the loop: it would keep the caller's arrays alive until the next one


class BlasHold:
    """How many loops want BLAS on one thread, and what to give back after the last."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.depth = 0
        self.before = 1

    def forget(self) -> None:
        """Begin anew in a forked child; a loop of another thread may have been under way in the parent."""
        self.lock = threading.Lock()
        if self.depth:
            self.depth = 0
            self.set_threads(self.before)

    def set_threads(self, threads: int) -> None:
        """Set the thread count of BLAS, now or when the last loop is done."""
        controls = blas_controls()
        if controls is None:
            return
        with self.lock:
            self.before = threads
            if not self.depth:
                controls[0](threads)

    def enter(self) -> None:
        """Bring BLAS to one thread if it is not."""
        controls = blas_controls()
        if controls is None:
            return
        with self.lock:
            if not self.depth:
                self.before = controls[1]()
                controls[0](1)
            self.depth += 1

    def leave(self) -> None:
        """Give BLAS its threads back if nobody else holds it."""
        controls = blas_controls()
        if controls is None:
            return
        with self.lock:
            self.depth -= 1
            if not self.depth:
                controls[0](self.before)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Hold BLAS to one thread. Loops of several user threads may overlap; the last one out restores."""
    HOLD.enter()
    try:
        yield
    finally:
        HOLD.leave()


@cache
def blas_controls() -> tuple[Callable[[int], object], Callable[[], int]] | None:
    """Return (set, get) of the BLAS that NumPy has loaded, or None if it has a name unknown here.

    Looking for symbols in NumPy's own extension module also searches the libraries it was linked with. threadpoolctl
    finds the same by listing every library of the process, for 100 us a call; these two calls take 1 us.
    """
    for library in blas_libraries():
        for setter, getter in BLAS_NAMES:
            if hasattr(library, setter) and hasattr(library, getter):
                set_threads, get_threads = getattr(library, setter), getattr(library, getter)
                set_threads.argtypes, set_threads.restype = [ctypes.c_int], None
                get_threads.argtypes, get_threads.restype = [], ctypes.c_int
                return set_threads, get_threads
    return None


def blas_libraries() -> Iterator[ctypes.CDLL]:
    """Yield handles in which NumPy's BLAS may be found: its extension module, then what its wheel brought along."""
    extension = sys.modules["numpy._core._multiarray_umath"].__file__
    wheel = Path(numpy.__file__).parent.parent / "numpy.libs"
    for path in [Path(extension or ""), *sorted(wheel.glob("*openblas*"))]:
        try:
            yield ctypes.CDLL(str(path))
        except OSError:
            continue


def usable_cores() -> int:
    """Count the cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


POOL = Pool()
HOLD = BlasHold()


@after_fork_in_child
def forget_helpers() -> None:
    """Begin anew in a forked child."""
    POOL.forget()
    HOLD.forget()

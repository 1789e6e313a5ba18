"""Threads for kernels: loops whose turns run on several cores, while BLAS is limited to one thread.

NumPy releases the interpreter while it works on large arrays, so that plain threads can share the tiles of a kernel.
BLAS would start its own threads inside each tile, and they would compete for the cores; it uses one thread until the
last loop has ended. This file does not know what the turns compute.
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

# The names of (set, get) in NumPy's own OpenBLAS, in other builds of it, in MKL and in BLIS.
BLAS_NAMES = (
    ("scipy_openblas_set_num_threads64_", "scipy_openblas_get_num_threads64_"),
    ("scipy_openblas_set_num_threads", "scipy_openblas_get_num_threads"),
    ("openblas_set_num_threads64_", "openblas_get_num_threads64_"),
    ("openblas_set_num_threads", "openblas_get_num_threads"),
    ("MKL_Set_Num_Threads", "MKL_Get_Max_Threads"),
    ("bli_thread_set_num_threads", "bli_thread_get_num_threads"),
)

KEPT_BYTES = 16 << 20  # scratch buffers up to this size are kept for the next call, one per thread and slot
# Note [Waiting for the interpreter]. A thread that returns from NumPy needs the interpreter; if another thread has it,
# it sleeps, and waking it takes longer than most calls (100 us on a virtual machine with two cores). In kernels of many
# short calls, two threads alternate between work and sleep: gelu of 260,000 singles took 1.3 ms on one thread, 3.2 on
# two with 16,000 elements per call, 1.1 with 130,000. A step of a small GPT took 80 ms, and 60 when only products of
# matrices were shared. Therefore threads share long calls (products, sorting), and elementwise work only of very many
# elements, with many per call. Copies gain as late: joining 10^6 floats takes 120 us on one thread and 290 on two.
SHARED = 1 << 22  # elements from which on threads share elementwise work
LONG_CALL = 1 << 18  # elements per call of a thread, at least


def parallel_for(function: Callable[[int], object], count: int) -> None:
    """Call ``function(0)``, ..., ``function(count - 1)`` on up to ``get_num_threads()`` threads, and wait for all.

    Turns start in order, each on the next free thread, one of which is the caller. After an exception no further turn
    starts, and it is raised here. A loop inside a turn runs on the thread of that turn only.
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


def parallel_ranges(work: Callable[[int, int], object], count: int, threads: int) -> None:
    """Call ``work(first, last)`` with ranges that together are ``count`` turns, one for each of up to ``threads``."""
    parts = max(1, min(count, threads))
    parallel_for(lambda part: work(count * part // parts, count * (part + 1) // parts), parts)


def in_pieces(work: Callable[[slice], object], count: int, width: int, block: int) -> None:
    """Call ``work`` with slices of ``count`` rows of ``width`` elements, ``block`` elements at a time to fit a cache.

    Very many elements are shared by threads, with more elements per call; see Note [Waiting for the interpreter]. The
    result for a row must therefore not depend on how the rows are cut.
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
    """Return how many threads a kernel may use; by default, the number of cores this process may run on.

    >>> import minitensor as torch
    >>> torch.get_num_threads() >= 1
    True
    """
    return POOL.threads


def set_num_threads(threads: int) -> None:
    """Set the number of threads for kernels and NumPy's BLAS.

    Raises:
        RuntimeError: If ``threads`` is not a positive int.

    >>> import minitensor as torch
    >>> torch.set_num_threads(torch.get_num_threads())
    """
    if not isinstance(threads, int) or isinstance(threads, bool):
        raise UsageError(f"set_num_threads: expected an int, but got {type(threads).__name__}")
    if threads < 1:
        raise UsageError(f"set_num_threads: expected a positive number of threads, got {threads}")
    POOL.threads = threads
    HOLD.set_threads(threads)


def scratch(slot: str, count: int, dtype: Any) -> Array:
    """Return ``count`` elements of uninitialized memory, valid until this thread calls again with the same slot.

    Memory that was used before is cached and mapped; new memory costs a page fault every 4 KiB.
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
    """One ``parallel_for``: the next turn, the number of running turns, the first error."""

    __slots__ = ("changed", "count", "error", "function", "next", "running")

    def __init__(self, function: Callable[[int], object], count: int) -> None:
        self.function = function
        self.count = count
        self.next = 0
        self.running = 0
        self.error: BaseException | None = None
        self.changed = threading.Condition(threading.Lock())

    def take(self) -> int:
        """Start the next turn and return it, or -1 if none is left."""
        with self.changed:
            if self.next >= self.count or self.error is not None:
                return -1
            self.next += 1
            self.running += 1
            return self.next - 1

    def finish(self, error: BaseException | None) -> None:
        """Record that a turn has ended."""
        with self.changed:
            self.running -= 1
            self.error = self.error or error
            if not self.running:
                self.changed.notify_all()

    def work(self) -> None:
        """Run turns until none is left."""
        while (turn := self.take()) >= 0:
            error: BaseException | None = None
            try:
                self.function(turn)
            except BaseException as raised:
                error = raised
            self.finish(error)

    def wait(self) -> None:
        """Wait for the turns of other threads."""
        with self.changed:
            self.changed.wait_for(lambda: not self.running)


class Pool:
    """Helper threads, started when first needed, which share one queue; a forked child starts its own."""

    def __init__(self) -> None:
        self.threads = usable_cores()
        self.forget()

    def forget(self) -> None:
        """Reset in a forked child, where no helper thread exists."""
        self.local = threading.local()
        self.lock = threading.Lock()
        self.queue: SimpleQueue[Loop] = SimpleQueue()
        self.started = 0

    def is_inside(self) -> bool:
        """Whether this thread is running a turn of some loop."""
        return getattr(self.local, "inside", False)

    def offer(self, loop: Loop, helpers: int) -> None:
        """Put a loop on the queue for this many helpers, starting threads if necessary."""
        with self.lock:
            while self.started < helpers:
                self.started += 1
                threading.Thread(target=self.help, name=f"minitensor-{self.started}", daemon=True).start()
        for _ in range(helpers):
            self.queue.put(loop)

    def join(self, loop: Loop) -> None:
        """Run turns in this thread, then wait for those of the helpers; a helper that comes later finds no turn."""
        self.local.inside = True
        try:
            loop.work()
            loop.wait()
        finally:
            self.local.inside = False

    def help(self) -> None:
        """Run the loops on the queue, forever: the body of a helper thread."""
        self.local.inside = True
        numpy.seterr(all="ignore")  # a new thread has NumPy's default state; see Note [Silence] in backends/silence.py
        queue = self.queue
        while True:
            queue.get().work()  # a variable would keep the loop, and the caller's arrays, alive until the next one


class BlasHold:
    """How many loops hold BLAS at one thread, and the number of threads to restore after the last."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.depth = 0
        self.before = 1

    def forget(self) -> None:
        """Reset in a forked child; a loop of another thread may have been running in the parent."""
        self.lock = threading.Lock()
        if self.depth:
            self.depth = 0
            self.set_threads(self.before)

    def set_threads(self, threads: int) -> None:
        """Set the number of threads of BLAS, now or when the last loop has ended."""
        controls = blas_controls()
        if controls is None:
            return
        with self.lock:
            self.before = threads
            if not self.depth:
                controls[0](threads)

    def enter(self) -> None:
        """Limit BLAS to one thread, unless another loop already does."""
        controls = blas_controls()
        if controls is None:
            return
        with self.lock:
            if not self.depth:
                self.before = controls[1]()
                controls[0](1)
            self.depth += 1

    def leave(self) -> None:
        """Restore the threads of BLAS, unless another loop still holds it."""
        controls = blas_controls()
        if controls is None:
            return
        with self.lock:
            self.depth -= 1
            if not self.depth:
                controls[0](self.before)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Hold BLAS at one thread. Loops of several user threads may overlap; the last to end restores it."""
    HOLD.enter()
    try:
        yield
    finally:
        HOLD.leave()


@cache
def blas_controls() -> tuple[Callable[[int], object], Callable[[], int]] | None:
    """Return (set, get) of the BLAS that NumPy has loaded, or None if none of the known names is found.

    Looking up symbols in NumPy's own extension module also searches the libraries it is linked with. threadpoolctl
    lists every library of the process instead, which takes 100 us per call; these two calls take 1 us.
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
    """Yield libraries in which NumPy's BLAS may be found: its extension module, then those in its wheel."""
    extension = sys.modules["numpy._core._multiarray_umath"].__file__
    wheel = Path(numpy.__file__).parent.parent / "numpy.libs"
    for path in [Path(extension or ""), *sorted(wheel.glob("*openblas*"))]:
        try:
            yield ctypes.CDLL(str(path))
        except OSError:
            continue


def usable_cores() -> int:
    """Return the number of cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


POOL = Pool()
HOLD = BlasHold()


@after_fork_in_child
def forget_helpers() -> None:
    """Reset both in a forked child."""
    POOL.forget()
    HOLD.forget()

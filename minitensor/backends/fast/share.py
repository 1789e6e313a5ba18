"""Turns of a compiled loop, shared by threads where this is worth waking them. This file knows no kernels."""

from __future__ import annotations

from collections.abc import Callable

from minitensor.backends.numpy.threads import get_num_threads, parallel_ranges

# Elements of a loop that takes about 0.4 ns for each, from which on threads share it: waking one takes up to 50 us.
WORTHWHILE = 1 << 18


def share(work: Callable[[int, int], object], count: int, elements: int) -> None:
    """Call ``work(first, last)`` with ranges that together are ``count`` turns, on one thread for few elements."""
    if elements < WORTHWHILE:
        work(0, count)
    else:
        parallel_ranges(work, count, get_num_threads())

"""Limits on time and memory for code that must not need much: they stop an endless run or a huge allocation."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SECONDS = 60  # for work of milliseconds, because the machine may be busy


class Endless(BaseException):
    """A run did not end."""


def stop(*args: object) -> None:
    raise Endless


@contextmanager
def time_limit() -> Iterator[None]:
    """Raise ``Endless`` in the block after a minute."""
    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def memory_limit(nbytes: int) -> Iterator[None]:
    """Make allocations in the block fail beyond current use plus ``nbytes``, if /proc shows the current use."""
    status = Path("/proc/self/statm")
    if not status.exists():
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    now = int(status.read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + nbytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))

"""``cuda.profiler``: when NVIDIA's profilers record, if one runs the program."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from minitensor.cuda import devices


def start() -> None:
    """Let the profiler record from now on; errors as in ``cuda.init``.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     torch.cuda.profiler.start()
    """
    devices.library().runtime.profilerStart()


def stop() -> None:
    """Let the profiler record no more; errors as in ``cuda.init``.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     torch.cuda.profiler.stop()
    """
    devices.library().runtime.profilerStop()


@contextlib.contextmanager
def profile() -> Iterator[None]:
    """Let the profiler record a block; errors as in ``cuda.init``.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     with torch.cuda.profiler.profile():
    ...         torch.ones(2, device="cuda").sum()
    """
    start()
    try:
        yield
    finally:
        stop()

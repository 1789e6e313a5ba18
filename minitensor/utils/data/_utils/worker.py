"""Workers: who they are, and what each does: it fetches batches in the order of the requests.

A worker is a process, or a thread. This module does not know how requests and batches travel.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np

from minitensor.utils.data._utils.fetch import Fetch, build_failing_fetch


class WorkerInfo(NamedTuple):
    """A worker's number, the number of workers, its seed, the dataset, and whether it is a process or a thread."""

    id: int
    num_workers: int
    seed: int
    dataset: Any
    rng: Any = None  # unused; kept for PyTorch compatibility
    worker_method: str | None = "multiprocessing"


class ProcessState:
    """Which worker this process is."""

    info: WorkerInfo | None = None


class ThreadState(threading.local):
    """Which worker this thread is."""

    info: WorkerInfo | None = None


PROCESS: Final = ProcessState()
THREAD: Final = ThreadState()


def get_worker_info() -> WorkerInfo | None:
    """Return the number, the number of workers, the seed and the dataset of this worker; None outside of workers.

    >>> get_worker_info() is None
    True
    """
    return THREAD.info or PROCESS.info


def _generate_state(base_seed: int, worker_id: int) -> list[int]:
    """Return the words of a seed for NumPy, which must not be equal to the seed of ``random``."""
    entropy = [worker_id, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]
    return [int(word) for word in np.random.SeedSequence(entropy).generate_state(4)]


class End:
    """The mark of the end of an iterable dataset, in place of a batch."""


END: Final = End()


class Job(NamedTuple):
    """What a worker does.

    Args:
        info: who the worker is.
        init: called once with the worker's number.
        make_fetch: called for each epoch.
        iterable: whether StopIteration is the end of the dataset instead of an error.
    """

    info: WorkerInfo
    init: Callable[[int], Any] | None
    make_fetch: Callable[[], Fetch]
    iterable: bool


class Fetcher:
    """Fetches a worker's batches. An error at the start of an epoch is raised for each of the batches."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._init = job.init
        self.number = job.info.id
        self.begin()

    def begin(self) -> None:
        """Begin an epoch."""
        try:
            if self._init is not None:
                self._init(self._job.info.id)
                self._init = None
            self._fetch = self._job.make_fetch()
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._fetch = build_failing_fetch(error)

    def fetch(self, indices: Any) -> Any:
        """Return a batch, or ``END``."""
        try:
            return self._fetch(indices)
        except StopIteration:
            if not self._job.iterable:
                raise
            self._fetch = build_failing_fetch(StopIteration())
            return END

"""A crew of threads: they share the dataset without copies or pickling, and the streams of ``random`` and NumPy.

NumPy releases the interpreter while it works on large arrays, files and compressed data, so threads overlap there. Each
thread has its own random stream, so a seed gives the same batches however the threads are scheduled.
"""

from __future__ import annotations

import threading
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Final

from minitensor.errors import LoaderTimeoutError, LostWorkerError
from minitensor.stream import use_own_stream
from minitensor.utils.data._utils.epoch import Answer
from minitensor.utils.data._utils.fetch import build_failing_fetch
from minitensor.utils.data._utils.worker import END, THREAD, End, Fetcher, Job


class Stop:
    """The order to end."""


class Restart:
    """The order to begin another epoch."""


STOP: Final = Stop()
RESTART: Final = Restart()


class ThreadCrew:
    """Threads that answer requests for batches. ``Crew`` in ``epoch.py`` describes the methods."""

    def __init__(self, jobs: list[Job]) -> None:
        self._answers: SimpleQueue[tuple[int, Answer | End]] = SimpleQueue()
        self.workers = [WorkerThread(job, self._answers) for job in jobs]

    def request(self, worker: int, number: int, indices: Any) -> None:
        self.workers[worker].orders.put((number, indices))

    def receive(self, timeout: float) -> tuple[int, Answer | End]:
        if self._answers.empty() and not self.is_alive():
            raise LostWorkerError(
                "the DataLoader workers do not run in this forked process, or have been stopped; start another "
                "epoch with iter(loader)"
            )
        try:
            return self._answers.get(timeout=timeout or None)
        except Empty:
            raise LoaderTimeoutError(
                f"DataLoader timed out after {timeout} seconds; increase timeout=, or set it to 0 for no limit"
            ) from None

    def restart(self) -> None:
        for worker in self.workers:
            worker.orders.put(RESTART)

    def is_alive(self) -> bool:
        return all(worker.is_alive() for worker in self.workers)

    def stop(self) -> None:
        for worker in self.workers:
            worker.stop()

    def __del__(self) -> None:
        self.stop()


class WorkerThread:
    """A thread that fetches batches in the order of the requests; it starts at once."""

    def __init__(self, job: Job, answers: SimpleQueue[tuple[int, Answer | End]]) -> None:
        self.orders: SimpleQueue[Any] = SimpleQueue()
        self._stopped = threading.Event()
        self._thread = threading.Thread(
            target=run_thread, args=(job, self.orders, answers, self._stopped), name=f"DataLoader-{job.info.id}",
            daemon=True,
        )  # fmt: skip
        self._thread.start()

    def is_alive(self) -> bool:
        """Whether the thread runs in this process."""
        return self._thread.is_alive() and not self._stopped.is_set()

    def stop(self) -> None:
        """Make the thread end after its current batch."""
        self._stopped.set()
        self.orders.put(STOP)


def run_thread(job: Job, orders: SimpleQueue[Any], answers: SimpleQueue[Any], stopped: threading.Event) -> None:
    """Answer orders until the order to stop."""
    THREAD.info = job.info
    use_own_stream(job.info.seed)
    fetcher = Fetcher(job)
    while (order := orders.get()) is not STOP and not stopped.is_set():
        if order is RESTART:
            fetcher.begin()
            continue
        number, indices = order
        answers.put((number, answer(fetcher, indices)))


def answer(fetcher: Fetcher, indices: Any) -> Answer | End:
    """Return the answer to a request."""
    try:
        batch = fetcher.fetch(indices)
    except BaseException as error:
        return partial(build_failing_fetch(error), None)
    return END if batch is END else lambda: batch

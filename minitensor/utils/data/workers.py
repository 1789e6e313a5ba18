"""Workers: threads that prepare batches ahead of the loop that uses them.

NumPy lets go of the interpreter while it works on big arrays, files and compressed data too, so threads overlap where it
counts, share the dataset without copies, and need no pickling. Batches are dealt to the workers in turn and come back in
the same turn; what a worker raises is raised where its batch is due.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from typing import Any, Final

from minitensor.errors import MinitensorError


class LoaderTimeout(MinitensorError, RuntimeError):
    """A worker did not deliver its batch in time."""


@dataclass(frozen=True)
class WorkerInfo:
    """Who a worker is: its number, how many there are, its own seed, and the dataset."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


class _Here(threading.local):
    info: WorkerInfo | None = None


_here: Final = _Here()  # like a thread's name: set where a worker starts, never shared


def get_worker_info() -> WorkerInfo | None:
    """Return who this worker is; None outside of workers."""
    return _here.info


class Exhausted:
    """What a worker sends when its iterator has ended."""


END: Final = Exhausted()


class Worker:
    """One thread that fetches batches in the order in which it is asked."""

    def __init__(self, info: WorkerInfo, init: Callable[[int], Any] | None, fetch: Callable[[], Callable[[Any], Any]]):
        self._info = info
        self._init = init
        self._make_fetch = fetch
        self._fetch: Callable[[Any], Any] | None = None
        self._thread = ThreadPoolExecutor(1, f"DataLoader-{info.id}")
        self.ended = False

    def ask(self, indices: Any) -> Future[Any]:
        """Ask for a batch."""
        return self._thread.submit(self._work, indices)

    def _work(self, indices: Any) -> Any:
        if self._fetch is None:
            _here.info = self._info
            if self._init is not None:
                self._init(self._info.id)
            self._fetch = self._make_fetch()
        try:
            return self._fetch(indices)
        except StopIteration:
            return END

    def stop(self) -> None:
        """Let the thread end when its present batch is done."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def prefetched(workers: list[Worker], orders: Iterable[Any], ahead: int, timeout: float) -> Iterator[Any]:
    """Yield the batches for ``orders``, up to ``ahead`` of them asked for in advance, dealt to the workers in turn.

    A worker whose iterator has ended is passed over; when all have, that is the end.
    """
    orders = iter(orders)
    asked: deque[tuple[Worker, Future[Any]]] = deque()
    turn = 0
    try:
        while True:
            while len(asked) < ahead and (alive := [worker for worker in workers if not worker.ended]):
                try:
                    indices = next(orders)
                except StopIteration:
                    break
                while workers[turn % len(workers)].ended:
                    turn += 1
                worker = workers[turn % len(workers)]
                turn += 1
                asked.append((worker, worker.ask(indices)))
                del alive
            if not asked:
                return
            worker, future = asked.popleft()
            batch = arrived(future, timeout)
            if batch is END:
                worker.ended = True
            else:
                yield batch
    finally:
        for worker in workers:
            worker.stop()


def arrived(future: Future[Any], timeout: float) -> Any:
    """Wait for a batch; raise what its worker raised."""
    try:
        return future.result(timeout or None)
    except FutureTimeoutError:
        if future.done():
            raise
        raise LoaderTimeout(
            f"DataLoader timed out after {timeout} seconds; give it more time with timeout=, or 0 to wait for ever"
        ) from None

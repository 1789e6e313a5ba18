"""Workers: threads that prepare batches ahead of the loop that uses them.

NumPy lets go of the interpreter while it works on big arrays, files and compressed data too, so threads overlap where
it counts, share the dataset without copies, and need no pickling. Batches are dealt to the workers in turn and come
back in the same turn; what a worker raises is raised where its batch is due.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import cycle, islice
from queue import Empty, SimpleQueue
from typing import Any, Final, NamedTuple

from minitensor.errors import MinitensorError


class LoaderTimeout(MinitensorError, RuntimeError):
    """A worker did not deliver its batch in time."""


class WorkerInfo(NamedTuple):
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


class End:
    """What stands in an order's or a batch's place when there are no more."""


END: Final = End()


class Worker:
    """One thread that fetches batches in the order in which it is asked."""

    def __init__(
        self, info: WorkerInfo, init: Callable[[int], Any] | None, make_fetch: Callable[[], Callable[[Any], Any]]
    ) -> None:
        self.ended = False  # Its iterator has no more batches.
        self._stopped = False
        self._info = info
        self._init = init
        self._make_fetch = make_fetch
        self._orders: SimpleQueue[Any] = SimpleQueue()
        self._batches: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"DataLoader-{info.id}", daemon=True)
        self._thread.start()

    def ask(self, indices: Any) -> None:
        """Ask for a batch."""
        self._orders.put(indices)

    def answer(self, timeout: float) -> Any:
        """Wait for the batch asked for first; raise what the thread raised. ``END``: there are no more."""
        try:
            batch, error = self._batches.get(timeout=timeout or None)
        except Empty:
            raise LoaderTimeout(
                f"DataLoader timed out after {timeout} seconds; give it more time with timeout=, or 0 to wait for ever"
            ) from None
        if error is not None:
            raise error
        return batch

    def stop(self) -> None:
        """Let the thread end when its present batch is done."""
        self._stopped = True
        self._orders.put(END)

    def _run(self) -> None:
        _here.info = self._info
        fetch: Callable[[Any], Any] | None = None
        while (indices := self._orders.get()) is not END and not self._stopped:
            try:
                fetch = fetch or self._begin()
                self._batches.put((fetch(indices), None))
            except StopIteration:
                self._batches.put((END, None))
            except BaseException as error:
                self._batches.put((None, error))

    def _begin(self) -> Callable[[Any], Any]:
        if self._init is not None:
            self._init(self._info.id)
        return self._make_fetch()


def prefetched(workers: list[Worker], orders: Iterable[Any], ahead: int, timeout: float) -> Iterator[Any]:
    """Yield the batches for ``orders``, up to ``ahead`` of them asked for in advance, dealt to the workers in turn.

    A worker whose iterator has ended is passed over; when all have, that is the end.
    """
    asked: deque[Worker] = deque()
    turns = dealt(workers, iter(orders))
    try:
        while True:
            asked.extend(islice(turns, ahead - len(asked)))
            if not asked:
                return
            worker = asked.popleft()
            batch = worker.answer(timeout)
            if batch is END:
                worker.ended = True
            else:
                yield batch
    finally:
        for worker in workers:
            worker.stop()


def dealt(workers: list[Worker], orders: Iterator[Any]) -> Iterator[Worker]:
    """Ask the workers in turn, those that have not ended, and say whom, one order at a time."""
    for worker in cycle(workers):
        if all(each.ended for each in workers):
            return
        if worker.ended:
            continue
        indices = next(orders, END)
        if indices is END:
            return
        worker.ask(indices)
        yield worker

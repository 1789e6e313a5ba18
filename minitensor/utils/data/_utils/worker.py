"""Workers: threads that prepare batches in advance.

NumPy releases the interpreter while it works on large arrays, files and compressed data, so threads overlap there; they
share the dataset without copies or pickling. Batches are assigned to the workers in turn and returned in the same
order, and errors of a worker or the sampler are raised in place of their batch. Each worker has its own random stream,
so a seed gives the same batches however the threads are scheduled.
"""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from itertools import cycle
from queue import Empty, SimpleQueue
from typing import Any, Final, NamedTuple, NoReturn

from minitensor.errors import LoaderTimeoutError, LostWorkerError, UnsupportedError
from minitensor.stream import use_own_stream

Fetch = Callable[[Any], Any]  # from indices to a batch
Answer = tuple[Any, BaseException | None]  # a batch, or the error raised in its place


class WorkerInfo(NamedTuple):
    """A worker's number, the number of workers, its seed, and the dataset."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


class _ThreadState(threading.local):
    info: WorkerInfo | None = None


_thread_state: Final = _ThreadState()  # set when a worker starts, never shared between threads


def get_worker_info() -> WorkerInfo | None:
    """Return the number, the number of workers, the seed and the dataset of this worker; None outside of workers.

    >>> get_worker_info() is None
    True
    """
    return _thread_state.info


class End:
    """The mark of the end, in place of an order or a batch."""


class Restart:
    """The order to start another epoch, and its confirmation."""


END: Final = End()
RESTART: Final = Restart()


class Worker:
    """A thread that fetches batches in the order of the requests.

    Args:
        info: who the worker is.
        init: called once in the thread with the worker's number.
        make_fetch: called in the thread for each epoch.
        iterable: whether StopIteration is the end of the dataset instead of an error.
    """

    def __init__(
        self, info: WorkerInfo, init: Callable[[int], Any] | None, make_fetch: Callable[[], Fetch], iterable: bool
    ) -> None:
        self.ended = False  # whether its iterator has no more batches
        self._stopped = False
        self._info = info
        self._init = init
        self._make_fetch = make_fetch
        self._iterable = iterable
        self._orders: SimpleQueue[Any] = SimpleQueue()
        self._answers: SimpleQueue[Answer] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"DataLoader-{info.id}", daemon=True)
        self._thread.start()

    def is_alive(self) -> bool:
        """Whether the thread runs in this process."""
        return self._thread.is_alive()

    def request(self, indices: Any) -> None:
        """Request a batch."""
        self._orders.put(indices)

    def answer(self, timeout: float) -> Answer:
        """Wait for the oldest requested batch or the error in its place. ``END`` if there are no more batches."""
        if self._answers.empty() and not self.is_alive():
            raise LostWorkerError(
                f"DataLoader worker {self._info.id} does not run in this forked process; start another "
                "epoch with iter(loader)"
            )
        try:
            return self._answers.get(timeout=timeout or None)
        except Empty:
            raise LoaderTimeoutError(
                f"DataLoader timed out after {timeout} seconds; increase timeout=, or set it to 0 for no limit"
            ) from None

    def drop_answers(self) -> None:
        """Drop all answers until the thread confirms a restart."""
        while self._answers.get()[0] is not RESTART:
            pass
        self.ended = False

    def stop(self) -> None:
        """Make the thread end after its current batch."""
        self._stopped = True
        self._orders.put(END)

    def _run(self) -> None:
        _thread_state.info = self._info
        use_own_stream(self._info.seed)
        fetch = self._begin()
        while (order := self._orders.get()) is not END and not self._stopped:
            if order is RESTART:
                fetch = self._begin()
                self._answers.put((RESTART, None))
                continue
            answer = self._answer(fetch, order)
            self._answers.put(answer)
            if answer[0] is END:
                fetch = build_failing_fetch(StopIteration())
            del answer  # hold no reference to the batch while waiting for the next order

    def _begin(self) -> Fetch:
        try:
            if self._init is not None:
                self._init(self._info.id)
                self._init = None
            return self._make_fetch()
        except BaseException as error:
            return build_failing_fetch(error)

    def _answer(self, fetch: Fetch, indices: Any) -> Answer:
        try:
            return fetch(indices), None
        except BaseException as error:
            return (END, None) if self._iterable and isinstance(error, StopIteration) else (None, error)


def build_failing_fetch(error: BaseException) -> Fetch:
    """Return a fetch that raises an error for every batch."""

    def fetch(indices: Any) -> Any:
        raise error

    return fetch


class Failure:
    """The stand-in for a worker where the sampler raised an error."""

    ended = False

    def __init__(self, error: Exception) -> None:
        self._error = error

    def answer(self, timeout: float) -> Answer:
        """Return the error."""
        return None, self._error


class Epoch:
    """An iterator over the batches of an epoch, in an order that a sampler chose."""

    _sampler: Any

    def __getstate__(self) -> NoReturn:
        raise UnsupportedError("an iterator over a DataLoader cannot be pickled or copied; pickle the DataLoader")

    def __iter__(self) -> Iterator[Any]:
        return self

    @abstractmethod
    def __next__(self) -> Any: ...

    def __len__(self) -> int:
        return len(self._sampler)


class DirectEpoch(Epoch):
    """The batches of an epoch without workers, each fetched on request."""

    def __init__(self, fetch: Fetch, order: Iterator[Any], sampler: Any) -> None:
        self._fetch = fetch
        self._order = order
        self._sampler = sampler

    def __next__(self) -> Any:
        return self._fetch(next(self._order))


class PrefetchedEpoch(Epoch):
    """The batches of an epoch, up to ``ahead`` of them requested in advance from the workers in turn.

    Workers whose iterators have ended are skipped, and the epoch ends when all have. As in PyTorch, the next batch is
    requested before one is returned, an error does not end the epoch, and another epoch may reuse the workers.
    """

    def __init__(
        self, workers: list[Worker], order: Iterator[Any], sampler: Any, ahead: int, timeout: float, reuse: bool
    ) -> None:
        self._workers = workers
        self._sampler = sampler
        self._ahead = ahead
        self._timeout = timeout
        self._reuse = reuse
        self._begin(order)

    def _begin(self, order: Iterator[Any]) -> None:
        self._order = order
        self._turns = cycle(self._workers)
        self._requested: deque[Worker | Failure] = deque()
        for _ in range(self._ahead):
            self._request()

    def is_alive(self) -> bool:
        """Whether all workers run in this process."""
        return all(worker.is_alive() for worker in self._workers)

    def restart(self, order: Iterator[Any]) -> None:
        """Start another epoch with the same workers."""
        for worker in self._workers:
            worker.request(RESTART)
        for worker in self._workers:
            worker.drop_answers()
        self._begin(order)

    def _request(self) -> None:
        """Request the next batch, if there is one, from the next worker that has not ended."""
        try:
            indices = next(self._order)
        except StopIteration:
            self._order = iter(())  # an exhausted sampler is not called again, because it might continue
            return
        except Exception as error:
            self._requested.append(Failure(error))
            return
        for _ in self._workers:
            worker = next(self._turns)
            if not worker.ended:
                worker.request(indices)
                self._requested.append(worker)
                return

    def __next__(self) -> Any:
        while self._requested:
            worker = self._requested[0]
            if worker.ended:
                self._requested.popleft()
                continue
            batch, error = worker.answer(self._timeout)  # after a timeout, the next call waits for the same batch
            self._requested.popleft()
            self._request()
            if error is not None:
                raise error
            if batch is not END:
                return batch
            worker.ended = True
        if not self._reuse:
            self.stop()
        raise StopIteration

    def stop(self) -> None:
        """Make all workers end."""
        for worker in self._workers:
            worker.stop()

    def __del__(self) -> None:
        self.stop()

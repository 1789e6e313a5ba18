"""Workers: threads that prepare batches ahead of the loop that uses them.

NumPy lets go of the interpreter while it works on big arrays, files and compressed data too, so threads overlap where
it counts, share the dataset without copies, and need no pickling. Batches are dealt to the workers in turn and come
back in the same turn; what a worker or the sampler raises is raised where its batch is due. Each worker draws from a
stream of its own, so one seed gives one outcome however the threads are scheduled.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from itertools import cycle
from queue import Empty, SimpleQueue
from typing import Any, Final, NamedTuple

from minitensor.errors import MinitensorError
from minitensor.stream import use_own_stream

Fetch = Callable[[Any], Any]  # makes a batch of indices
Answer = tuple[Any, BaseException | None]  # a batch, or what was raised in its place


class LoaderTimeout(MinitensorError, RuntimeError):
    """A worker did not deliver its batch in time."""


class LostWorker(MinitensorError, RuntimeError):
    """A worker whose thread does not run: another process, from which this one was forked, has it."""


class WorkerInfo(NamedTuple):
    """Who a worker is: its number, how many there are, its own seed, and the dataset."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


class _ThreadState(threading.local):
    info: WorkerInfo | None = None


_thread_state: Final = _ThreadState()  # like a thread's name: set where a worker starts, never shared


def get_worker_info() -> WorkerInfo | None:
    """Return who this worker is; None outside of workers."""
    return _thread_state.info


class End:
    """What stands in an order's or a batch's place when there are no more."""


class Restart:
    """The order to begin another epoch, and the answer that it has begun."""


END: Final = End()
RESTART: Final = Restart()


class Worker:
    """One thread that fetches batches in the order in which it is asked.

    Args:
        init: called once in the thread, with the worker's number.
        make_fetch: called in the thread for each epoch.
        iterable: StopIteration is the end of the dataset, not an error.
    """

    def __init__(
        self, info: WorkerInfo, init: Callable[[int], Any] | None, make_fetch: Callable[[], Fetch], iterable: bool
    ) -> None:
        self.ended = False  # Its iterator has no more batches.
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

    def ask(self, indices: Any) -> None:
        """Ask for a batch."""
        self._orders.put(indices)

    def answer(self, timeout: float) -> Answer:
        """Wait for the batch asked for first, or for what was raised in its place. ``END``: there are no more."""
        if self._answers.empty() and not self.is_alive():
            raise LostWorker(
                f"DataLoader worker {self._info.id} does not run in this process, which was forked; "
                "begin another epoch with iter(loader)"
            )
        try:
            return self._answers.get(timeout=timeout or None)
        except Empty:
            raise LoaderTimeout(
                f"DataLoader timed out after {timeout} seconds; give it more time with timeout=, or 0 to wait for ever"
            ) from None

    def drop_answers(self) -> None:
        """Wait until the thread has begun anew, as it was asked to; forget what it was asked for before."""
        while self._answers.get()[0] is not RESTART:
            pass
        self.ended = False

    def stop(self) -> None:
        """Let the thread end when its present batch is done."""
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
            del answer  # until the next order comes, the batch is the caller's alone

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
    """Return what raises an error in place of every batch."""

    def fetch(indices: Any) -> Any:
        raise error

    return fetch


class Failure:
    """What stands in a worker's place where the sampler raised an error."""

    ended = False

    def __init__(self, error: Exception) -> None:
        self._error = error

    def answer(self, timeout: float) -> Answer:
        """Return the error."""
        return None, self._error


class DirectEpoch:
    """The batches of an epoch, each fetched when it is asked for."""

    def __init__(self, fetch: Fetch, order: Iterator[Any], sampler: Any) -> None:
        self._fetch = fetch
        self._order = order
        self._sampler = sampler

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return self._fetch(next(self._order))

    def __len__(self) -> int:
        return len(self._sampler)


class PrefetchedEpoch:
    """The batches of an epoch, up to ``ahead`` of them asked for in advance, dealt to the workers in turn.

    A worker whose iterator has ended is passed over; when all have, that is the end. As in PyTorch, the next batch is
    asked for before one is handed out, an error ends nothing, and another epoch may reuse the workers.
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
        self._asked: deque[Worker | Failure] = deque()
        for _ in range(self._ahead):
            self._ask()

    def is_alive(self) -> bool:
        """Whether all workers run in this process."""
        return all(worker.is_alive() for worker in self._workers)

    def restart(self, order: Iterator[Any]) -> None:
        """Begin another epoch with the same workers."""
        for worker in self._workers:
            worker.ask(RESTART)
        for worker in self._workers:
            worker.drop_answers()
        self._begin(order)

    def _ask(self) -> None:
        """Ask the next worker that has not ended for the next batch, if there is one."""
        try:
            indices = next(self._order)
        except StopIteration:
            self._order = iter(())  # not asked again: it might go on
            return
        except Exception as error:
            self._asked.append(Failure(error))
            return
        for _ in self._workers:
            worker = next(self._turns)
            if not worker.ended:
                worker.ask(indices)
                self._asked.append(worker)
                return

    def __iter__(self) -> Iterator[Any]:
        return self

    def __len__(self) -> int:
        return len(self._sampler)

    def __next__(self) -> Any:
        while self._asked:
            worker = self._asked[0]
            if worker.ended:
                self._asked.popleft()
                continue
            batch, error = worker.answer(self._timeout)  # after a timeout, the next call waits for the same batch
            self._asked.popleft()
            self._ask()
            if error is not None:
                raise error
            if batch is not END:
                return batch
            worker.ended = True
        if not self._reuse:
            self.stop()
        raise StopIteration

    def stop(self) -> None:
        """Let the workers end."""
        for worker in self._workers:
            worker.stop()

    def __del__(self) -> None:
        self.stop()

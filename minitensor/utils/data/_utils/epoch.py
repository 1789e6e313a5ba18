"""Epochs: iterators over the batches of a loader, prepared on request or in advance by a crew of workers.

Batches are assigned to the workers in turn and returned in the same order, and errors of a worker or the sampler are
raised in place of their batch. This module does not know whether the workers are processes or threads.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain, cycle, islice
from typing import Any, Final, NamedTuple, NoReturn, Protocol

from minitensor.autograd.protocol import active
from minitensor.errors import UnsupportedError
from minitensor.profiler.labels import UNLABELED, record_function
from minitensor.utils.data._utils.fetch import Fetch, build_failing_fetch
from minitensor.utils.data._utils.worker import END, End

Finish = Callable[[Any], Any] | None  # what is done with a batch before it is returned
Answer = Callable[[], Any]  # returns a batch, or raises the error in its place
LABEL: Final = "enumerate(DataLoader)"  # PyTorch's, in profiles
NOBODY: Final = -1  # in place of a worker where the sampler raised an error


class Crew(Protocol):
    """Workers that answer requests."""

    @property
    def workers(self) -> Sequence[Any]:
        """The processes or threads."""

    def request(self, worker: int, number: int, indices: Any) -> None:
        """Request a batch from a worker; the number is that of the answer."""

    def receive(self, timeout: float) -> tuple[int, Answer | End]:
        """Wait for an answer, for no longer than ``timeout`` seconds unless that is 0; return its number with it."""

    def restart(self) -> None:
        """Begin another epoch after what was requested before."""

    def is_alive(self) -> bool:
        """Whether all workers run and belong to this process."""

    def stop(self) -> None:
        """End all workers."""


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

    def __init__(self, fetch: Fetch, order: Iterator[Any], sampler: Any, finish: Finish = None) -> None:
        self._fetch = fetch
        self._order = order
        self._sampler = sampler
        self._finish = finish

    def __next__(self) -> Any:
        with record_function(f"{LABEL}#_SingleProcessDataLoaderIter.__next__") if active else UNLABELED:
            batch = self._fetch(next(self._order))
            return batch if self._finish is None else self._finish(batch)


class Plan(NamedTuple):
    """How an epoch uses its workers.

    Args:
        ahead: how many batches are requested in advance.
        timeout: the seconds to wait for a batch; 0 for no limit.
        reuse: whether the workers are kept for the next epoch.
        in_order: whether batches are returned in the order of the sampler.
        finish: what is done with each batch before it is returned.
    """

    ahead: int
    timeout: float
    reuse: bool
    in_order: bool
    finish: Finish


class PrefetchedEpoch(Epoch):
    """The batches of an epoch that workers prepare in advance, requested from them in turn.

    Workers whose iterators have ended are skipped, and the epoch ends when all have. As in PyTorch, the next batch is
    requested before one is returned, an error does not end the epoch, and another epoch may reuse the workers. What
    interrupts the wait for a batch ends the workers.
    """

    def __init__(self, crew: Crew, sampler: Any, plan: Plan) -> None:
        self._crew = crew
        self._sampler = sampler
        self._plan = plan
        self._number = 0  # of the next request, in all epochs
        self._begin()

    @property
    def _workers(self) -> Sequence[Any]:
        return self._crew.workers

    def _begin(self) -> None:
        self._order: Iterator[Any] = iter(self._sampler)
        self._ended: set[int] = set()
        self._turns = cycle(range(len(self._crew.workers)))
        self._requested: dict[int, int] = {}  # from the number of a request to the worker, in order
        self._answers: dict[int, Answer | End] = {}  # those that have come
        with self._stop_on_interrupt():
            for _ in range(self._plan.ahead):
                self._request()

    @contextmanager
    def _stop_on_interrupt(self) -> Iterator[None]:
        """End the workers if something other than an error, such as a KeyboardInterrupt, leaves the block."""
        try:
            yield
        except Exception:
            raise
        except BaseException:
            self.stop()
            raise

    def is_alive(self) -> bool:
        """Whether all workers run in this process."""
        return self._crew.is_alive()

    def restart(self, plan: Plan) -> None:
        """Start another epoch with the same workers; answers to earlier requests are dropped when they come."""
        self._plan = plan
        self._crew.restart()
        self._begin()

    def _request(self) -> None:
        """Request the next batch, if there is one, from the next worker that has not ended."""
        number, self._number = self._number, self._number + 1
        try:
            indices = next(self._order)
        except StopIteration:
            self._order = iter(())  # an exhausted sampler is not called again, because it might continue
            return
        except Exception as error:
            self._requested[number], self._answers[number] = NOBODY, answer_with(error)
            return
        worker = self._next_worker()
        if worker is None:
            return
        self._requested[number] = worker
        try:
            self._crew.request(worker, number, indices)
        except Exception as error:  # indices that cannot be pickled
            self._answers[number] = answer_with(error)

    def _next_worker(self) -> int | None:
        """Return the worker whose turn it is; out of order, only one that has less to do than its share."""
        running = len(self._crew.workers) - len(self._ended)
        share = len(self._requested) + 1 if self._plan.in_order else self._plan.ahead // max(running, 1)
        for worker in islice(self._turns, len(self._crew.workers)):
            if worker not in self._ended and list(self._requested.values()).count(worker) < share:
                return worker
        return None

    def _due(self) -> int | None:
        """Return the number of the next batch; out of order, that of the first answer."""
        numbers = self._requested if self._plan.in_order else chain(self._answers, self._requested)
        return next(iter(numbers), None)

    def __next__(self) -> Any:
        label = record_function(f"{LABEL}#_MultiProcessingDataLoaderIter.__next__") if active else UNLABELED
        with self._stop_on_interrupt(), label:
            return self._next()

    def _next(self) -> Any:
        while (number := self._due()) is not None:
            if number not in self._answers and self._requested[number] not in self._ended:
                self._receive()  # after a timeout, the next call waits for the same batch
                continue
            worker, answer = self._requested.pop(number), self._answers.pop(number, END)
            if not isinstance(answer, End):
                self._request()
                batch = answer()
                return batch if self._plan.finish is None else self._plan.finish(batch)
            if worker not in self._ended:
                self._ended.add(worker)
                self._request()
        if not self._plan.reuse:
            self.stop()
        raise StopIteration

    def _receive(self) -> None:
        number, answer = self._crew.receive(self._plan.timeout)
        if number in self._requested:
            self._answers[number] = answer

    def stop(self) -> None:
        """Make all workers end."""
        self._crew.stop()

    def _shutdown_workers(self) -> None:
        self.stop()  # PyTorch's name


def answer_with(error: Exception) -> Answer:
    """Return an answer that raises an error."""
    return partial(build_failing_fetch(error), None)

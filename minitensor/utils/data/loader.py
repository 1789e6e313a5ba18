"""DataLoader: batches of a dataset in the order of a sampler, collated, and prefetched by workers if there are any.

Random draws come in PyTorch's order: each epoch first draws one seed for its workers, even if there are none, and then
the numbers that the sampler needs.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from copy import copy
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from minitensor.accelerator import is_available
from minitensor.autograd.misuse import constructor
from minitensor.errors import ArgumentError, GuardError
from minitensor.utils.data._utils.collate import default_collate, default_convert
from minitensor.utils.data._utils.epoch import Crew, DirectEpoch, Epoch, Finish, Plan, PrefetchedEpoch
from minitensor.utils.data._utils.fetch import build_fetch
from minitensor.utils.data._utils.lengths import LengthCheck
from minitensor.utils.data._utils.options import (
    check_iterable,
    check_order,
    check_workers,
    find_context,
    read_count,
    to_count,
    warn_of_many_workers,
    warn_of_pins,
)
from minitensor.utils.data._utils.pin_memory import pin_memory as pin
from minitensor.utils.data._utils.processes import ProcessCrew
from minitensor.utils.data._utils.threads import ThreadCrew
from minitensor.utils.data._utils.worker import Job, WorkerInfo
from minitensor.utils.data.dataset import Dataset, IterableDataset
from minitensor.utils.data.sampler import BatchSampler, EndlessSampler, RandomSampler, SequentialSampler, draw_seed

if TYPE_CHECKING:
    from minitensor.generator import Generator

Sample = TypeVar("Sample", covariant=True)  # a plain name, because users see it

START_METHODS = ("fork", "spawn", "forkserver")
READ_ONLY = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")


class DataLoader(Generic[Sample]):
    """An iterable over the batches of a dataset; every ``iter()`` starts a new epoch.

    Args:
        dataset: a map-style or an iterable dataset.
        batch_size: the number of samples in a batch, or None for single samples. Default: 1.
        shuffle: use a new random order in each epoch. Default: False.
        sampler: an iterable of indices, in place of ``shuffle``.
        batch_sampler: an iterable of lists of indices, in place of ``batch_size``, ``shuffle``, ``sampler`` and
            ``drop_last``.
        num_workers: the number of processes that prepare batches in advance. Default: 0, each batch is prepared when
            it is requested. Each process has its own random streams, also of ``random`` and NumPy, seeded as PyTorch
            seeds them; arrays come back in shared memory.
        collate_fn: makes a batch from a list of samples. Default: ``None``, ``default_collate``; without batches,
            ``default_convert``.
        drop_last: skip a last batch that is not full. Default: False.
        pin_memory: copy batches to memory from which a GPU copies faster. Default: False. Without a GPU it has no
            effect.
        timeout: the seconds to wait for a worker's batch. Default: 0, no limit.
        worker_init_fn: called in each worker with its number, before its first batch.
        multiprocessing_context: how processes are started: ``"fork"``, ``"spawn"`` or ``"forkserver"``, or the object
            that ``multiprocessing.get_context`` returns. Default: ``None``, Python's own choice.
        generator: the source of the random order and the workers' seeds. Default: the default generator.
        prefetch_factor: the number of batches that each worker prepares in advance. Default: 2.
        persistent_workers: keep the workers and their random streams for the next epoch, which ends the current one.
            Default: False.
        pin_memory_device: unused; kept for PyTorch compatibility.
        in_order: return batches in the order of the sampler. Default: True; else as soon as one is complete.
        worker_method: ``"multiprocessing"``, or ``"thread"`` for workers that are threads, an option of this library:
            each has a shallow copy of the dataset, so nothing is pickled or copied, and its own stream of this
            library's random numbers, but all share the streams of ``random`` and NumPy. They overlap where NumPy
            works on large arrays or a file is read. Default: ``"multiprocessing"``.

    A loop that is left early ends its workers at once. An exception in a worker is raised in place of its batch, with
    the worker's traceback in its text.

    Raises:
        ValueError: If an option is out of range or contradicts another one.
        TypeError: If ``multiprocessing_context`` is no context; in an epoch, if ``num_workers`` is not an int.
        RuntimeError: In an epoch, if a worker takes longer than ``timeout``, or ends before its time.

    >>> import minitensor as torch
    >>> loader = DataLoader(torch.utils.data.TensorDataset(torch.arange(5)), batch_size=2)
    >>> [batch for batch, in loader]
    [tensor([0, 1]), tensor([2, 3]), tensor([4])]
    """

    _complete = False

    @constructor
    def __init__(
        self,
        dataset: Dataset[Sample],
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Any] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], Any] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
        worker_method: str = "multiprocessing",
    ) -> None:
        num_workers = to_count(num_workers)
        check_workers(num_workers, timeout, prefetch_factor, persistent_workers, worker_method)
        if isinstance(dataset, IterableDataset):
            check_iterable(shuffle, sampler, batch_sampler)
        check_order(batch_size, shuffle, sampler, batch_sampler, drop_last)
        if batch_sampler is not None:
            batch_size = None
        self.dataset = dataset
        self.num_workers = num_workers
        self.worker_method = worker_method
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.in_order = in_order
        self.persistent_workers = persistent_workers
        self.generator = generator
        self.sampler: Any = sampler if sampler is not None else default_sampler(dataset, bool(shuffle), generator)
        if batch_size is not None:
            batch_sampler = BatchSampler(self.sampler, batch_size, drop_last)
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.batch_sampler = batch_sampler
        own_collate = default_convert if batch_sampler is None else default_collate
        self.collate_fn = own_collate if collate_fn is None else collate_fn
        self._iterator: PrefetchedEpoch | None = None  # the epoch of persistent workers
        self._IterableDataset_len_called: int | None = None  # what `len` found; PyTorch's name
        self._complete = True
        self.check_worker_number_rationality()

    @property
    def multiprocessing_context(self) -> Any:
        """The context in which processes are started; None for the default one."""
        return self._multiprocessing_context

    @multiprocessing_context.setter
    def multiprocessing_context(self, context: Any) -> None:
        self._multiprocessing_context = find_context(context, self.num_workers)

    def check_worker_number_rationality(self) -> None:
        """Warn if there are more worker processes than cores."""
        if self.worker_method == "multiprocessing":
            warn_of_many_workers(self.num_workers)

    def __setattr__(self, name: str, value: Any) -> None:
        if self._complete and name in READ_ONLY:
            raise ArgumentError(
                f"{name} attribute should not be set after {type(self).__name__} is initialized; make a new loader"
            )
        super().__setattr__(name, value)

    def __iter__(self) -> Iterator[Any]:
        if self._iterator is not None and self._iterator.is_alive():
            self._iterator.restart(self._plan())
            return self._iterator
        epoch = self._get_iterator()
        if self.persistent_workers and isinstance(epoch, PrefetchedEpoch):
            self._iterator = epoch
        return epoch

    def _get_iterator(self) -> Epoch:
        """Begin an epoch, with new workers if it has any."""
        if self.timeout and not self.num_workers:
            raise GuardError(f"DataLoader: timeout={self.timeout} needs num_workers > 0: it limits waits for workers")
        if self.pin_memory and not is_available():
            warn_of_pins(self.pin_memory_device)
        if not read_count(self.num_workers):
            return SingleProcessEpoch(self)
        self.check_worker_number_rationality()
        return MultiProcessingEpoch(self)

    def _make_fetch(self, dataset: Any) -> Callable[[], Callable[[Any], Any]]:
        """Return a function that begins an epoch of a dataset: this loader's, or a worker's copy of it."""
        return partial(build_fetch, dataset, self.collate_fn, self.batch_sampler is not None, self.drop_last)

    def _start_crew(self, base_seed: int) -> Crew:
        """Start the workers. As in PyTorch, worker i draws from the seed ``base_seed + i``."""
        if self.worker_method == "thread":
            return ThreadCrew([self._job(i, base_seed, copy_for_thread(self.dataset)) for i in range(self.num_workers)])
        jobs = [self._job(i, base_seed, self.dataset) for i in range(self.num_workers)]
        return ProcessCrew(self.multiprocessing_context or multiprocessing, jobs, base_seed)

    def _job(self, i: int, base_seed: int, dataset: Any) -> Job:
        info = WorkerInfo(i, self.num_workers, base_seed + i, dataset, None, self.worker_method)
        return Job(info, self.worker_init_fn, self._make_fetch(dataset), isinstance(dataset, IterableDataset))

    def _plan(self) -> Plan:
        ahead = self.num_workers * (self.prefetch_factor or 0)
        if ahead <= 0:
            raise GuardError(f"prefetch_factor must be greater than 0 with workers, got {self.prefetch_factor}")
        return Plan(ahead, self.timeout, self.persistent_workers, self.in_order, self._finish())

    def _finish(self) -> Finish:
        """Return what is done with each batch of an epoch before it is returned."""
        finish = pin if self.pin_memory and is_available() else None
        if self._IterableDataset_len_called is None:
            return finish
        return LengthCheck(self.dataset, self._IterableDataset_len_called, self.num_workers, finish)

    def __len__(self) -> int:
        if not isinstance(self.dataset, IterableDataset):
            return len(self._index_sampler)
        samples = self._IterableDataset_len_called = len(self.dataset)  # type: ignore[arg-type]  # or len says so
        if self.batch_size is None:
            return samples
        whole, rest = divmod(samples, self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    @property
    def _index_sampler(self) -> Any:
        return self.sampler if self.batch_sampler is None else self.batch_sampler


class SingleProcessEpoch(DirectEpoch):
    """The batches of a loader without workers. As in PyTorch, it is made of the loader, and draws a seed."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        order = iter(loader._index_sampler)
        draw_seed(loader.generator)
        super().__init__(loader._make_fetch(loader.dataset)(), order, loader._index_sampler, loader._finish())


class MultiProcessingEpoch(PrefetchedEpoch):
    """The batches of a loader with workers. As in PyTorch, it is made of the loader, and begins its sampler twice."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        plan = loader._plan()
        iter(loader._index_sampler)
        crew = loader._start_crew(draw_seed(loader.generator))
        super().__init__(crew, loader._index_sampler, plan)


def copy_for_thread(dataset: Any) -> Any:
    """Return an object of its own for a thread, whose attributes ``worker_init_fn`` may set; it shares their values."""
    return copy(dataset) if isinstance(dataset, Dataset) else dataset


def default_sampler(dataset: Any, shuffle: bool, generator: Generator | None) -> Any:
    """Return the sampler of a loader without a ``sampler``."""
    if isinstance(dataset, IterableDataset):
        return EndlessSampler()
    return RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)

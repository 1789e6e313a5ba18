"""DataLoader: batches of a dataset in the order of a sampler, collated, and prefetched by workers if there are any.

Random draws come in PyTorch's order: each epoch first draws one seed for its workers, even if there are none, and then
the numbers that the sampler needs.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from copy import copy
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from minitensor.accelerator import is_available
from minitensor.autograd.misuse import constructor
from minitensor.callers import user_level
from minitensor.errors import ArgumentError, ArgumentTypeError, GuardError
from minitensor.ops.creation import tensor
from minitensor.tensor import Tensor
from minitensor.utils.data._utils.collate import (
    collate_tensor_fn,
    default_collate,
    default_collate_fn_map,
    default_convert,
)
from minitensor.utils.data._utils.worker import DirectEpoch, Fetch, PrefetchedEpoch, Worker, WorkerInfo
from minitensor.utils.data.dataset import Dataset, IterableDataset, Subset, TensorDataset, take_samples
from minitensor.utils.data.sampler import BatchSampler, EndlessSampler, RandomSampler, SequentialSampler, draw_seed

if TYPE_CHECKING:
    from minitensor.generator import Generator

Sample = TypeVar("Sample", covariant=True)  # a plain name, because users see it

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
        num_workers: the number of threads that prepare batches in advance. Default: 0, each batch is prepared when it
            is requested.
        collate_fn: makes a batch from a list of samples. Default: ``None``, ``default_collate``; without batches,
            ``default_convert``.
        drop_last: skip a last batch that is not full. Default: False.
        timeout: the seconds to wait for a worker's batch. Default: 0, no limit.
        worker_init_fn: called in each worker's thread with its number, before its first batch.
        generator: the source of the random order and the workers' seeds. Default: the default generator.
        prefetch_factor: the number of batches that each worker prepares in advance. Default: 2.
        persistent_workers: keep the threads and their random streams for the next epoch, which ends the current one.
            Default: False.
        pin_memory, multiprocessing_context, pin_memory_device, in_order: unused; kept for PyTorch compatibility.

    Raises:
        ValueError: If an option is out of range or contradicts another one.
        TypeError: If ``num_workers`` is not an int.
        RuntimeError: In an epoch, if a worker takes longer than ``timeout``.

    >>> loader = DataLoader(TensorDataset(minitensor.arange(5)), batch_size=2)
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
    ) -> None:
        check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        if isinstance(dataset, IterableDataset):
            check_iterable(shuffle, sampler, batch_sampler)
        check_order(batch_size, shuffle, sampler, batch_sampler, drop_last)
        if batch_sampler is not None:
            batch_size = None
        self.dataset = dataset
        self.num_workers = num_workers
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
        self._epoch: PrefetchedEpoch | None = None  # the epoch of persistent workers
        self._complete = True

    def __setattr__(self, name: str, value: Any) -> None:
        if self._complete and name in READ_ONLY:
            raise ArgumentError(
                f"{name} attribute should not be set after {type(self).__name__} is initialized; make a new loader"
            )
        super().__setattr__(name, value)

    def __iter__(self) -> Iterator[Any]:
        if self.timeout and not self.num_workers:
            raise GuardError(f"DataLoader: timeout={self.timeout} needs num_workers > 0: it limits waits for workers")
        if self.pin_memory and not is_available():
            warn_of_pins(self.pin_memory_device)
        if not self.num_workers:
            return SingleThreadEpoch(self)
        order = iter(self._index_sampler)
        if self._epoch is not None and self._epoch.is_alive():
            self._epoch.restart(order)
            return self._epoch
        epoch = self._start_workers(order, draw_seed(self.generator))
        if self.persistent_workers:
            self._epoch = epoch
        return epoch

    def _make_fetch(self, dataset: Any) -> Callable[[], Fetch]:
        """Return a function that begins an epoch of a dataset: this loader's, or a worker's copy of it."""
        return partial(build_fetch, dataset, self.collate_fn, self.batch_sampler is not None, self.drop_last)

    def _start_workers(self, order: Iterator[Any], base_seed: int) -> PrefetchedEpoch:
        """Start the workers and an epoch. As in PyTorch, worker i draws from the seed ``base_seed + i``."""
        iterable, count = isinstance(self.dataset, IterableDataset), self.num_workers
        infos = [WorkerInfo(i, count, base_seed + i, copy_for_worker(self.dataset)) for i in range(count)]
        workers = [Worker(info, self.worker_init_fn, self._make_fetch(info.dataset), iterable) for info in infos]
        ahead = max(self.num_workers * (self.prefetch_factor or 0), 1)
        return PrefetchedEpoch(workers, order, self._index_sampler, ahead, self.timeout, self.persistent_workers)

    def __len__(self) -> int:
        if not isinstance(self.dataset, IterableDataset):
            return len(self._index_sampler)
        samples = len(self.dataset)  # type: ignore[arg-type]  # sized, or len says so
        if self.batch_size is None:
            return samples
        whole, rest = divmod(samples, self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    @property
    def _index_sampler(self) -> Any:
        return self.sampler if self.batch_sampler is None else self.batch_sampler


class SingleThreadEpoch(DirectEpoch):
    """The batches of a loader without workers. As in PyTorch, it is made of the loader, and draws a seed."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        order = iter(loader._index_sampler)
        draw_seed(loader.generator)
        super().__init__(loader._make_fetch(loader.dataset)(), order, loader._index_sampler)


def copy_for_worker(dataset: Any) -> Any:
    """Return an object of its own for a worker, whose attributes ``worker_init_fn`` may set; it shares their values."""
    return copy(dataset) if isinstance(dataset, Dataset) else dataset


def build_fetch(dataset: Any, collate: Callable[[Any], Any], batched: bool, drop_last: bool) -> Fetch:
    """Return a function from indices to a batch; it raises StopIteration at the end of an iterable dataset."""
    if isinstance(dataset, IterableDataset):
        return build_iterable_fetch(iter(dataset), collate, batched, drop_last)
    if not batched:
        return lambda index: collate(dataset[index])
    if collate is default_collate and default_collate_fn_map[Tensor] is collate_tensor_fn:
        return lambda indices: stack_rows(dataset, indices) or default_collate(take_samples(dataset, indices))
    return lambda indices: collate(take_samples(dataset, indices))


def stack_rows(dataset: Any, indices: list[Any]) -> list[Any] | None:
    """Return a batch of a plain ``TensorDataset``, or of a subset of one, by indexing its tensors once.

    None for any other dataset. The slow twin is ``default_collate(take_samples(dataset, indices))``.
    """
    while type(dataset) is Subset:
        dataset, indices = dataset.dataset, [dataset.indices[i] for i in indices]
    if type(dataset) is not TensorDataset or not all(type(i) is int for i in indices):
        return None
    rows = tensor(indices)
    return [column[rows.to(column.device)] for column in dataset.tensors]


def build_iterable_fetch(
    iterator: Iterator[Any], collate: Callable[[Any], Any], batched: bool, drop_last: bool
) -> Fetch:
    """Return a function that takes the next batch from an iterator; only the number of indices counts."""
    if not batched:
        return lambda _: collate(next(iterator))
    samples = chain(iterator)  # once exhausted, a chain does not call the iterator again, which might restart

    def fetch(indices: Any) -> Any:
        batch = list(islice(samples, len(indices)))
        if not batch or (drop_last and len(batch) < len(indices)):
            raise StopIteration
        return collate(batch)

    return fetch


def default_sampler(dataset: Any, shuffle: bool, generator: Generator | None) -> Any:
    """Return the sampler of a loader without a ``sampler``."""
    if isinstance(dataset, IterableDataset):
        return EndlessSampler()
    return RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)


def warn_of_pins(device: str) -> None:
    """Warn that memory is not pinned."""
    if device:
        text = f"pin_memory_device is deprecated and has no effect, got {device!r}."
        warnings.warn(text, UserWarning, stacklevel=user_level())
    warnings.warn(
        "'pin_memory' argument is set as true but no accelerator is found, then device pinned memory won't be used.",
        UserWarning, stacklevel=user_level(),
    )  # fmt: skip


def check_workers(num_workers: int, timeout: float, prefetch_factor: int | None, persistent: bool) -> None:
    """Validate the options of workers."""
    if not isinstance(num_workers, int):
        raise ArgumentTypeError(f"num_workers should be an int, got {num_workers!r}")
    if num_workers < 0:
        raise ArgumentError(
            f"num_workers option should be non-negative, got {num_workers}; use num_workers=0 to load in this thread"
        )
    if timeout < 0:
        raise ArgumentError(f"timeout option should be non-negative, got {timeout}")
    if num_workers == 0 and prefetch_factor is not None:
        raise ArgumentError("prefetch_factor option could only be specified with num_workers > 0")
    if prefetch_factor is not None and prefetch_factor < 0:
        raise ArgumentError(f"prefetch_factor option should be non-negative, got {prefetch_factor}")
    if persistent and num_workers == 0:
        raise ArgumentError("persistent_workers option needs num_workers > 0")


def check_iterable(shuffle: Any, sampler: Any, batch_sampler: Any) -> None:
    """Raise for an order of an iterable dataset, which has its own."""
    shuffle = None if shuffle == 0 else shuffle
    for name, value in (("shuffle", shuffle), ("sampler", sampler), ("batch_sampler", batch_sampler)):
        if value is not None:
            raise ArgumentError(
                f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}={value}"
            )


def check_order(batch_size: int | None, shuffle: Any, sampler: Any, batch_sampler: Any, drop_last: bool) -> None:
    """Raise for options of the order that exclude each other."""
    if sampler is not None and shuffle:
        raise ArgumentError("sampler option is mutually exclusive with shuffle")
    if batch_sampler is not None and (batch_size != 1 or shuffle or sampler is not None or drop_last):
        raise ArgumentError(
            "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"
        )
    if batch_size is None and drop_last:
        raise ArgumentError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")

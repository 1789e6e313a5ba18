"""Fetching: from the indices of a batch to the batch. The same functions run in the program and in its workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import Any

from minitensor.ops.creation import tensor
from minitensor.tensor import Tensor
from minitensor.utils.data._utils.collate import collate_tensor_fn, default_collate, default_collate_fn_map
from minitensor.utils.data.dataset import IterableDataset, Subset, TensorDataset, take_samples

Fetch = Callable[[Any], Any]  # from indices to a batch


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


def build_failing_fetch(error: BaseException) -> Fetch:
    """Return a fetch that raises an error for every batch."""

    def fetch(indices: Any) -> Any:
        raise error

    return fetch

"""Datasets: collections of samples, their subsets and concatenations.

A map-style dataset has ``__getitem__`` and ``__len__``, an iterable one only ``__iter__``. The file knows no batches.
"""

from __future__ import annotations

import bisect
import itertools
import warnings
from collections.abc import Iterable, Iterator, Sequence
from math import floor, fsum
from operator import index
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from minitensor.autograd.misuse import composite_with_own_checks, explain_constructor
from minitensor.callers import user_level
from minitensor.compat.reasons import attributes_of
from minitensor.errors import ArgumentError, GuardError, IndexValueError, quote
from minitensor.ops.random import randperm
from minitensor.tensor import Tensor

if TYPE_CHECKING:
    from minitensor.generator import Generator

Sample = TypeVar("Sample", covariant=True)  # a plain name, because users see it


class Dataset(Generic[Sample]):
    """The base class of datasets. Subclasses define ``__getitem__`` and usually ``__len__``.

    ``a + b`` is ``ConcatDataset([a, b])``.

    >>> class Squares(Dataset):
    ...     def __getitem__(self, index):
    ...         return index * index
    ...     def __len__(self):
    ...         return 10
    >>> Squares()[3]
    9
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        explain_constructor(cls)

    def __getitem__(self, index: Any) -> Sample:
        raise NotImplementedError("Subclasses of Dataset should implement __getitem__.")

    def __add__(self, other: Dataset[Any]) -> Dataset[Any]:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[Sample]):
    """The base class of datasets that are only iterated. Subclasses define ``__iter__``.

    Each worker of a loader iterates over the whole dataset, unless ``__iter__`` takes a share by ``get_worker_info()``.
    ``a + b`` is ``ChainDataset([a, b])``.

    >>> class Squares(IterableDataset):
    ...     def __iter__(self):
    ...         return (i * i for i in range(3))
    >>> list(Squares())
    [0, 1, 4]
    """

    def __iter__(self) -> Iterator[Sample]:
        raise NotImplementedError("Subclasses of IterableDataset should implement __iter__.")

    def __add__(self, other: Dataset[Any]) -> ChainDataset[Any]:
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Any, ...]]):
    """A dataset of the rows of tensors: sample i is ``(tensors[0][i], tensors[1][i], ...)``.

    Args:
        tensors: tensors of shape (N, ...) with the same N.

    Raises:
        ValueError, AssertionError: If the tensors have different numbers of rows.

    >>> TensorDataset(minitensor.arange(3), minitensor.ones(3, 2))[1]
    (tensor(1), tensor([1., 1.]))
    """

    tensors: tuple[Tensor, ...]

    def __init__(self, *tensors: Tensor) -> None:
        rows = [tensor.size(0) for tensor in tensors]  # which arrays of other libraries refuse
        if any(count != rows[0] for count in rows):
            raise GuardError(f"Size mismatch between tensors: they have {rows} rows, expected the same number")
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Any, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self) -> int:
        return self.tensors[0].shape[0]


class StackDataset(Dataset[Any]):
    """Datasets side by side: a sample is a tuple, or a dict, with a sample of each.

    Args:
        args: datasets of one length, whose samples stand in a tuple.
        kwargs: or datasets of one length, whose samples stand in a dict under these names.

    Raises:
        ValueError: If there are no datasets, or both kinds, or their lengths differ.

    >>> StackDataset(image=["a", "b"], label=[0, 1])[1]
    {'image': 'b', 'label': 1}
    """

    datasets: tuple[Dataset[Any], ...] | dict[str, Dataset[Any]]

    def __init__(self, *args: Dataset[Any], **kwargs: Dataset[Any]) -> None:
        if bool(args) == bool(kwargs):
            raise ArgumentError("StackDataset: expected datasets either one after the other or by name")
        self.datasets = args or kwargs
        lengths = [len(dataset) for dataset in self._columns()]  # type: ignore[arg-type]  # sized, or len says so
        if any(length != lengths[0] for length in lengths):
            raise ArgumentError(f"Size mismatch between datasets: they have {lengths} samples")
        self._length = lengths[0]

    def _columns(self) -> list[Dataset[Any]]:
        """Return the datasets as a list."""
        return list(self.datasets.values() if isinstance(self.datasets, dict) else self.datasets)

    def _row(self, samples: Sequence[Any]) -> Any:
        """Return one sample of each dataset as a tuple, or as a dict."""
        return dict(zip(self.datasets, samples, strict=True)) if isinstance(self.datasets, dict) else tuple(samples)

    def __getitem__(self, index: Any) -> Any:
        return self._row([dataset[index] for dataset in self._columns()])

    def __getitems__(self, indices: list[int]) -> list[Any]:
        """Return several samples, by each dataset's ``__getitems__`` if it has one."""
        columns = [take_samples(dataset, indices) for dataset in self._columns()]
        for column in columns:
            if len(column) != len(indices):
                raise ArgumentError(f"a dataset gave {len(column)} samples for {len(indices)} indices")
        return [self._row(samples) for samples in zip(*columns, strict=True)]

    def __len__(self) -> int:
        return self._length


class ConcatDataset(Dataset[Sample]):
    """The concatenation of map-style datasets.

    Args:
        datasets: at least one dataset with a length.

    Raises:
        ValueError, AssertionError: If there are no datasets, or one is an IterableDataset.
        IndexError: When indexed out of range.

    >>> ConcatDataset([[1, 2], [3]])[2]
    3
    """

    datasets: list[Dataset[Sample]]
    cumulative_sizes: list[int]

    def __init__(self, datasets: Iterable[Dataset[Sample]]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise GuardError("datasets should not be an empty iterable")
        if any(isinstance(dataset, IterableDataset) for dataset in self.datasets):
            raise GuardError("ConcatDataset does not support IterableDataset; use ChainDataset")
        self.cumulative_sizes = list(itertools.accumulate(len(dataset) for dataset in self.datasets))  # type: ignore[arg-type]  # sized, or len says so

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    @property
    def cummulative_sizes(self) -> list[int]:
        """The deprecated name of ``cumulative_sizes``."""
        warnings.warn(
            "`cummulative_sizes` attribute is renamed to `cumulative_sizes`", FutureWarning, stacklevel=user_level()
        )
        return self.cumulative_sizes

    def __getitem__(self, index: int) -> Sample:
        if index < -len(self):
            raise IndexValueError(f"index {index} is out of range: its absolute value exceeds {len(self)} samples")
        if index >= len(self):
            raise IndexError(f"index {index} is out of range for {len(self)} samples")
        if index < 0:
            index += len(self)
        which = bisect.bisect_right(self.cumulative_sizes, index)
        return self.datasets[which][index - self.cumulative_sizes[which - 1] if which else index]


class ChainDataset(IterableDataset[Sample]):
    """The concatenation of iterable datasets.

    Args:
        datasets: The datasets, iterated one after another.

    Raises:
        ValueError, AssertionError: When it is iterated or its length is taken, if one is not an IterableDataset.

    >>> import minitensor as torch
    >>> class Count(torch.utils.data.IterableDataset):
    ...     def __iter__(self):
    ...         return iter(range(2))
    >>> list(torch.utils.data.ChainDataset([Count(), Count()]))
    [0, 1, 0, 1]
    """

    def __init__(self, datasets: Iterable[Dataset[Sample]]) -> None:
        self.datasets = datasets

    def __iter__(self) -> Iterator[Sample]:
        for dataset in self.datasets:
            yield from require_iterable(dataset)

    def __len__(self) -> int:
        lengths: list[int] = [len(require_iterable(dataset)) for dataset in self.datasets]  # type: ignore[arg-type]  # sized, or len says so
        return sum(lengths)


def require_iterable(dataset: Dataset[Sample]) -> IterableDataset[Sample]:
    """Return a dataset of a chain; raise unless it is iterable."""
    if not isinstance(dataset, IterableDataset):
        raise GuardError(f"ChainDataset only supports IterableDataset, got {quote(dataset)}; use ConcatDataset")
    return dataset


def take_samples(dataset: Any, indices: Any) -> Any:
    """Return the samples at some indices, by the dataset's ``__getitems__`` if it has one."""
    at_once = getattr(dataset, "__getitems__", None)
    return at_once(indices) if at_once is not None else [dataset[i] for i in indices]


class Subset(Dataset[Sample]):
    """The samples of a dataset at the given indices.

    Args:
        dataset: a map-style dataset.
        indices: the numbers of its samples that the subset has, in order.

    >>> Subset(["a", "b", "c"], [2, 0])[0]
    'c'
    """

    dataset: Dataset[Sample]
    indices: Sequence[int]

    def __init__(self, dataset: Dataset[Sample], indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index: Any) -> Sample:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: list[int]) -> list[Sample]:
        """Return several samples, by the dataset's ``__getitems__`` if it has one."""
        return list(take_samples(self.dataset, [self.indices[i] for i in indices]))

    def __len__(self) -> int:
        return len(self.indices)


@composite_with_own_checks
def random_split(
    dataset: Dataset[Sample], lengths: Sequence[float], generator: Generator | None = None
) -> list[Subset[Sample]]:
    """Split a dataset at random into disjoint subsets.

    Args:
        dataset: a dataset with a length.
        lengths: the number of samples of each subset, or its fraction if they sum to 1. Fractions are rounded down, and
            the remaining samples go to the subsets one by one, from the first.
        generator: the source of the permutation. Default: the default generator.

    Raises:
        ValueError: If the lengths do not sum to that of the dataset, or a fraction is out of [0, 1].

    >>> train, test = random_split(TensorDataset(minitensor.arange(10)), [0.8, 0.2])
    >>> len(train), len(test)
    (8, 2)
    """
    total = len(dataset)  # type: ignore[arg-type]  # sized, or len says so
    sizes = split_counts(lengths, total) if has_unit_sum(lengths) else lengths
    if sum(sizes) != total:
        raise ArgumentError(
            "Sum of input lengths does not equal the length of the input dataset! "
            f"{fsum(lengths):g} != {total}; fractions must sum to 1"
        )
    sizes = [index(size) for size in sizes]  # type: ignore[arg-type]  # floats raise here
    order = randperm(total, generator=generator).tolist()
    starts = itertools.accumulate(sizes, initial=0)
    return [Subset(dataset, order[start : start + size]) for start, size in zip(starts, sizes, strict=False)]


def has_unit_sum(lengths: Sequence[float]) -> bool:
    """Whether lengths sum to 1 and so are fractions."""
    return abs(fsum(lengths) - 1) < 1e-9


def split_counts(fractions: Sequence[float], total: int) -> list[int]:
    """Convert fractions to numbers of samples."""
    for i, fraction in enumerate(fractions):
        if not 0 <= fraction <= 1:
            raise ArgumentError(f"Fraction at index {i} is not between 0 and 1: {fraction}")
    sizes = [floor(total * fraction) for fraction in fractions]
    for i in range(total - sum(sizes)):
        sizes[i % len(sizes)] += 1
    for i, size in enumerate(sizes):
        if size == 0:
            warnings.warn(
                f"Length of split at index {i} is 0. This might result in an empty dataset.", stacklevel=user_level()
            )
    return sizes

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)

"""Samplers: the order in which a loader takes the samples of a dataset. Each epoch iterates over its sampler once.

Random samplers draw from a generator in PyTorch's order, so the same seed gives the same epochs.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, Generic, TypeVar

from minitensor import dtypes
from minitensor.autograd.misuse import explain_constructor
from minitensor.errors import ArgumentError, ArgumentTypeError
from minitensor.generator import Generator
from minitensor.ops.creation import as_tensor, empty
from minitensor.ops.random import multinomial, randint, randperm
from minitensor.tensor import Tensor

Index = TypeVar("Index", covariant=True)  # a plain name, because users see it


def draw_seed(generator: Generator | None) -> int:
    """Draw a seed for another generator, from all nonnegative int64."""
    return int(empty((), dtype=dtypes.int64).random_(generator=generator))


class Sampler(Generic[Index]):
    """The base class of samplers. Subclasses define ``__iter__`` and, if the length is known, ``__len__``.

    >>> import minitensor as torch
    >>> class Backward(torch.utils.data.Sampler):
    ...     def __iter__(self):
    ...         return iter([2, 1, 0])
    >>> list(torch.utils.data.DataLoader(["a", "b", "c"], batch_size=None, sampler=Backward()))
    ['c', 'b', 'a']
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        explain_constructor(cls)

    def __iter__(self) -> Iterator[Index]:
        raise NotImplementedError(f"{type(self).__name__} is missing __iter__")


class SequentialSampler(Sampler[int]):
    """The indices 0, 1, 2, ... in order.

    Args:
        data_source: a dataset with a length.

    >>> list(SequentialSampler("abc"))
    [0, 1, 2]
    """

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """The indices in random order.

    Args:
        data_source: a dataset with a length.
        replacement: draw each index from all indices. Default: False, the indices are permuted.
        num_samples: the number of indices; without replacement, one permutation follows another. Default: the length of
            the dataset.
        generator: the source of random numbers. Default: a new generator in each epoch, seeded from the default one.

    Raises:
        TypeError: If ``replacement`` is not a bool.
        ValueError: If ``num_samples`` is not a positive int.

    >>> sorted(RandomSampler("abc"))
    [0, 1, 2]
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        if not isinstance(replacement, bool):
            raise ArgumentTypeError(f"replacement should be a boolean value, but got replacement={replacement}")
        if not isinstance(self.num_samples, int) or self.num_samples <= 0:
            raise ArgumentError(
                f"num_samples should be a positive integer value, but got num_samples={self.num_samples}"
            )

    @property
    def num_samples(self) -> int:
        """The number of indices; by default the current length of the dataset."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        generator = self.generator
        if generator is None:
            generator = Generator()
            generator.manual_seed(draw_seed(None))
        total = len(self.data_source)
        draw = self._draw_with_replacement if self.replacement else self._draw_permutations
        yield from draw(generator, total)

    def _draw_with_replacement(self, generator: Generator, total: int) -> Iterator[int]:
        """Draw 32 indices at a time, as PyTorch does, and the rest last."""
        whole, rest = divmod(self.num_samples, 32)
        for size in itertools.chain(itertools.repeat(32, whole), (rest,)):
            yield from randint(0, total, (size,), generator=generator).tolist()

    def _draw_permutations(self, generator: Generator, total: int) -> Iterator[int]:
        """Draw permutations. As in PyTorch, one more is drawn at the end even if none of it is used."""
        whole, rest = divmod(self.num_samples, total)
        for size in itertools.chain(itertools.repeat(total, whole), (rest,)):
            yield from randperm(total, generator=generator).tolist()[:size]

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """Given indices in random order.

    Args:
        indices: the indices to permute.
        generator: the source of the permutation. Default: the default generator.

    >>> sorted(SubsetRandomSampler([3, 5]))
    [3, 5]
    """

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        for i in randperm(len(self.indices), generator=self.generator).tolist():
            yield self.indices[i]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Indices drawn with probabilities proportional to weights.

    Args:
        weights: a sequence of nonnegative numbers, one per index; they need not sum to 1.
        num_samples: the number of indices.
        replacement: draw each index from all indices. Default: True.
        generator: the source of random numbers. Default: the default generator.

    Raises:
        ValueError: If ``num_samples`` is not a positive int, ``replacement`` is not a bool, or weights are not 1-d.

    >>> list(WeightedRandomSampler([0.0, 1.0], 3))
    [1, 1, 1]
    """

    weights: Tensor

    def __init__(
        self,
        weights: Any,
        num_samples: int,
        replacement: bool = True,
        generator: Generator | None = None,
    ) -> None:
        require_positive("num_samples", num_samples)
        if not isinstance(replacement, bool):
            raise ArgumentError(f"replacement should be a boolean value, but got replacement={replacement}")
        self.weights = as_tensor(weights, dtype=dtypes.float64)
        if self.weights.ndim != 1:
            raise ArgumentError(
                f"weights should be a 1d sequence but given weights have shape {tuple(self.weights.shape)}"
            )
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        drawn = multinomial(self.weights, self.num_samples, self.replacement, generator=self.generator)
        yield from drawn.tolist()

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Lists of indices from another sampler.

    Args:
        sampler: an iterable of indices.
        batch_size: the length of the lists.
        drop_last: skip a last list that is shorter.

    Raises:
        ValueError: If ``batch_size`` is not a positive int, or ``drop_last`` is not a bool.

    >>> list(BatchSampler(range(5), batch_size=2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool) -> None:
        require_positive("batch_size", batch_size)
        if not isinstance(drop_last, bool):
            raise ArgumentError(f"drop_last should be a boolean value, but got drop_last={drop_last}")
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        indices = iter(self.sampler)
        while batch := list(itertools.islice(indices, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def __len__(self) -> int:
        whole, rest = divmod(len(self.sampler), self.batch_size)  # type: ignore[arg-type]  # sized, or len says so
        return whole + (rest > 0 and not self.drop_last)


class EndlessSampler(Sampler[None]):
    """None without end: the sampler of iterable datasets, which have their own order."""

    def __iter__(self) -> Iterator[None]:
        return itertools.repeat(None)


def require_positive(name: str, value: Any) -> None:
    """Raise unless a value is a positive int."""
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ArgumentError(f"{name} should be a positive integer value, but got {name}={value!r}")

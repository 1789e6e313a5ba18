"""Datasets: samples by index or in sequence; subsets and concatenations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import minitensor
from minitensor.utils.data import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
    random_split,
)


class Squares(Dataset[int]):
    def __init__(self, count: int) -> None:
        self.count = count

    def __getitem__(self, index: Any) -> int:
        return int(index) ** 2

    def __len__(self) -> int:
        return self.count


class Stream(IterableDataset[int]):
    def __iter__(self) -> Iterator[int]:
        return iter([10, 11])


def test_a_tensor_dataset_gives_rows_of_every_tensor() -> None:
    dataset = TensorDataset(minitensor.arange(6).view(3, 2), minitensor.tensor([7, 8, 9]))
    assert len(dataset) == 3
    assert [column.tolist() for column in dataset[1]] == [[2, 3], 8]


def test_tensors_of_one_dataset_must_have_equally_many_rows() -> None:
    with pytest.raises(ValueError, match=r"Size mismatch between tensors: they have \[3, 2\] rows"):
        TensorDataset(minitensor.zeros(3), minitensor.zeros(2))


def test_datasets_can_be_concatenated() -> None:
    both = Squares(3) + Squares(2)
    assert isinstance(both, ConcatDataset)
    assert [both[i] for i in range(len(both))] == [0, 1, 4, 0, 1]
    assert both[-1] == 1
    with pytest.raises(IndexError, match="index 5 is out of range for 5 samples"):
        both[5]


def test_iterable_datasets_can_be_chained() -> None:
    assert list(Stream() + Stream()) == [10, 11, 10, 11]  # type: ignore[call-overload]  # a chain is iterable


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ConcatDataset([]), "should not be an empty iterable"),
        (lambda: ConcatDataset([Stream()]), "does not support IterableDataset"),
        (lambda: list(ChainDataset([Squares(2)])), "only supports IterableDataset"),
        (lambda: random_split(Squares(5), [2, 2]), r"does not equal the length of the input dataset! 4 != 5"),
        (lambda: random_split(Squares(5), [1.5, -0.5]), "Fraction at index 0 is not between 0 and 1: 1.5"),
    ],
)
def test_datasets_that_cannot_be_combined_are_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_a_subset_selects_by_index_even_from_a_subset() -> None:
    subset = Subset(Subset(Squares(9), [5, 6, 7, 8]), [3, 0])
    assert [subset[0], subset[1], len(subset)] == [64, 25, 2]
    assert subset.__getitems__([1, 0]) == [25, 64]


@pytest.mark.parametrize("lengths", [[6, 4], [0.6, 0.4], [0.33, 0.33, 0.34], [0.5, 0.5], [10]], ids=str)
@pytest.mark.parametrize("seeded", [True, False])
def test_a_random_split_is_pytorchs(lengths: Any, seeded: bool) -> None:
    torch = pytest.importorskip("torch")
    parts = []
    for lib in (minitensor, torch):
        lib.manual_seed(1)
        options = {"generator": lib.Generator().manual_seed(3)} if seeded else {}
        split = lib.utils.data.random_split(range(10), lengths, **options)
        parts.append([list(part.indices) for part in split])
    assert parts[0] == parts[1]


def test_an_empty_part_causes_a_warning() -> None:
    with pytest.warns(UserWarning, match="Length of split at index 1 is 0"):
        random_split(Squares(1), [0.5, 0.5])


def test_methods_that_a_subclass_must_define_are_named() -> None:
    with pytest.raises(NotImplementedError, match="__getitem__"):
        Dataset()[0]
    with pytest.raises(NotImplementedError, match="__iter__"):
        iter(IterableDataset())

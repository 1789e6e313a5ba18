"""An iterable dataset that yields more than its length: the loader warns as PyTorch's does."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import minitensor

torch = pytest.importorskip("torch")


def messages(lib: Any, length: int, yields: int, asks: bool, epochs: int, **options: Any) -> list[list[str]]:
    """Return the warnings of each epoch."""

    class Counting(lib.utils.data.IterableDataset):  # type: ignore[misc, name-defined]  # of either library
        def __iter__(self) -> Any:
            return iter(range(yields))

        def __len__(self) -> int:
            return length

        def __repr__(self) -> str:
            return "Counting()"

    loader = lib.utils.data.DataLoader(Counting(), **options)
    told = len(loader) if asks else None
    assert told is None or told > 0
    found = []
    for _ in range(epochs):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            list(loader)
        texts = [str(each.message) for each in caught if "Length of Iterable" in str(each.message)]
        found.append([text.partition("For multiprocessing")[0] for text in texts])
    return found


CASES = [
    dict(length=length, yields=yields, asks=asks, epochs=2, batch_size=size)
    for length in (1, 3, 5) for yields in (0, 3, 7) for asks in (True, False) for size in (None, 1, 2)
]  # fmt: skip
WORKERS = [
    dict(num_workers=1, multiprocessing_context="fork", persistent_workers=kept, length=2, yields=yields, asks=True,
         epochs=2)
    for kept in (False, True) for yields in (2, 4)
]  # fmt: skip


@pytest.mark.parametrize("case", CASES + WORKERS)
def test_the_warnings_are_pytorchs(case: Any) -> None:
    assert messages(minitensor, **case) == messages(torch, **case)


def test_the_number_of_workers_is_an_integer_of_any_library() -> None:
    data = minitensor.utils.data.TensorDataset(minitensor.arange(3))
    for count in (np.int64(1), minitensor.tensor(1)):
        loader = minitensor.utils.data.DataLoader(data, num_workers=count, worker_method="thread")
        assert [batch.item() for (batch,) in loader] == [0, 1, 2] and loader.num_workers == 1
    with pytest.raises(TypeError, match="num_workers"):
        list(minitensor.utils.data.DataLoader(data, num_workers=1.5))  # type: ignore[arg-type]  # which is refused

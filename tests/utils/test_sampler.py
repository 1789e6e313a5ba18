"""Samplers give PyTorch's order for PyTorch's seed, epoch after epoch."""

from __future__ import annotations

from typing import Any

import pytest

import minitensor
from minitensor.utils.data import BatchSampler, RandomSampler, SequentialSampler, WeightedRandomSampler

SAMPLERS = [
    ("SequentialSampler", (range(5),), {}),
    ("RandomSampler", (range(9),), {}),
    ("RandomSampler", (range(9),), {"num_samples": 21}),
    ("RandomSampler", (range(9),), {"num_samples": 4}),
    ("RandomSampler", (range(9),), {"replacement": True, "num_samples": 70}),
    ("SubsetRandomSampler", ([3, 1, 4, 1, 5],), {}),
    ("WeightedRandomSampler", ([0.1, 0.9, 0.4, 3.0], 6), {}),
    ("WeightedRandomSampler", ([0.1, 0.9, 0.4, 3.0], 3), {"replacement": False}),
]


@pytest.mark.parametrize("seeded", [True, False], ids=["generator", "default"])
@pytest.mark.parametrize(("name", "args", "options"), SAMPLERS, ids=lambda value: str(value)[:40])
def test_the_order_is_pytorchs(name: str, args: Any, options: Any, seeded: bool) -> None:
    torch = pytest.importorskip("torch")
    orders = []
    for lib in (minitensor, torch):
        lib.manual_seed(1)
        generator = {"generator": lib.Generator().manual_seed(2)} if seeded and name != "SequentialSampler" else {}
        sampler = getattr(lib.utils.data, name)(*args, **options, **generator)
        orders.append([len(sampler), list(sampler), list(sampler), lib.rand(1).item()])
    assert orders[0] == orders[1]


@pytest.mark.parametrize("drop_last", [True, False])
@pytest.mark.parametrize("size", [1, 3, 4, 20])
def test_batches_are_formed_in_order(size: int, drop_last: bool) -> None:
    batches = list(sampler := BatchSampler(SequentialSampler(range(10)), size, drop_last))
    kept = 10 // size * size if drop_last else 10
    assert [index for batch in batches for index in batch] == list(range(kept))
    assert {len(batch) for batch in batches[:-1]} <= {size}
    assert len(sampler) == len(batches)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: RandomSampler(range(3), replacement=1), TypeError, "'replacement' must be a bool, not int: 1"),  # type: ignore[arg-type]
        (lambda: RandomSampler([]), ValueError, "positive integer value, but got num_samples=0"),
        (lambda: WeightedRandomSampler([1, 2], 0), ValueError, "got num_samples=0"),
        (lambda: WeightedRandomSampler([[1, 2]], 1), ValueError, r"weights have shape \(1, 2\)"),
        (lambda: BatchSampler(range(3), 0, False), ValueError, "got batch_size=0"),
        (lambda: BatchSampler(range(3), 2, 1), ValueError, "got drop_last=1"),  # type: ignore[arg-type]
    ],
)
def test_misuse_is_named(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()

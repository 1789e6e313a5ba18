"""``pin_memory=True`` copies batches to memory that the backend of the GPU makes; here a simulated one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import minitensor as mt
from minitensor.utils.data import DataLoader, TensorDataset
from strict.gpu import simulated_gpu


@pytest.fixture
def gpu() -> Iterator[None]:
    with simulated_gpu():
        yield


@pytest.mark.parametrize("workers", [0, 1])
def test_batches_are_pinned(workers: int, gpu: None) -> None:
    class Own:
        def pin_memory(self) -> str:
            return "pinned"

    def collate(rows: Any) -> Any:
        return {"rows": mt.stack([row for row, in rows]), "own": "pinned" if workers else Own(), "text": ("a", 1)}

    dataset = TensorDataset(mt.arange(6.0).view(3, 2))
    for batch in DataLoader(dataset, pin_memory=True, num_workers=workers, collate_fn=collate):
        assert batch["rows"].is_pinned() and batch["own"] == "pinned" and batch["text"] == ("a", 1)
    assert not next(iter(DataLoader(dataset)))[0].is_pinned()


@pytest.mark.parametrize("make", [
    lambda: mt.arange(6).view(2, 3).T, lambda: mt.ones(2, 3, dtype=mt.bfloat16), lambda: mt.arange(10)[2::3],
    lambda: mt.ones(3, dtype=mt.bool), lambda: mt.tensor(1 + 2j),
])  # fmt: skip
def test_a_pinned_copy_has_values_and_strides(make: Any, gpu: None) -> None:
    tensor = make()
    pinned = tensor.pin_memory()
    assert pinned.is_pinned() and not tensor.is_pinned() and pinned.pin_memory() is pinned
    assert pinned.untyped_storage().is_pinned() and not tensor.untyped_storage().is_pinned()
    assert mt.equal(pinned, tensor) and pinned.stride() == tensor.stride() and pinned.dtype is tensor.dtype


def test_without_a_gpu_nothing_is_pinned() -> None:
    if mt.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(RuntimeError, match="Cannot access accelerator device"):
        mt.ones(2).pin_memory()

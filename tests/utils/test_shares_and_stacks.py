"""DistributedSampler and StackDataset give PyTorch's indices and samples."""

from __future__ import annotations

from typing import Any

import pytest

import minitensor as mt


@pytest.mark.parametrize("count", [1, 2, 7, 10])
@pytest.mark.parametrize("replicas", [1, 3, 4])
@pytest.mark.parametrize("options", [{}, {"shuffle": False}, {"seed": 5}, {"drop_last": True}], ids=str)
def test_each_program_reads_the_indices_that_pytorch_gives_it(
    count: int, replicas: int, options: dict[str, Any]
) -> None:
    torch = pytest.importorskip("torch")
    for rank in range(replicas):
        ours, theirs = (
            lib.utils.data.DistributedSampler(range(count), num_replicas=replicas, rank=rank, **options)
            for lib in (mt, torch)
        )
        for epoch in (0, 3):
            ours.set_epoch(epoch)
            theirs.set_epoch(epoch)
            assert list(ours) == list(theirs) and len(ours) == len(theirs)


def test_a_share_needs_a_number() -> None:
    with pytest.raises(ValueError, match="Invalid rank 2, rank should be in the interval"):
        mt.utils.data.DistributedSampler(range(3), num_replicas=2, rank=2)
    with pytest.raises(ValueError, match="no process group"):
        mt.utils.data.DistributedSampler(range(3))


class Batches(mt.utils.data.Dataset[int]):
    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> int:
        return index * 10

    def __getitems__(self, indices: list[int]) -> list[int]:
        return [index * 10 for index in indices]


class Short(Batches):
    def __getitems__(self, indices: list[int]) -> list[int]:
        return []


@pytest.mark.parametrize("library", ["minitensor", "torch"])
def test_datasets_stand_side_by_side(library: str) -> None:
    data = pytest.importorskip(library).utils.data
    pair, named = data.StackDataset(range(3), Batches()), data.StackDataset(x=range(3), y=Batches())
    assert len(pair) == len(named) == 3
    assert pair[1] == (1, 10) and named[1] == {"x": 1, "y": 10}
    assert pair.__getitems__([0, 2]) == [(0, 0), (2, 20)]
    assert named.__getitems__([2]) == [{"x": 2, "y": 20}]
    for wrong in (lambda: data.StackDataset(), lambda: data.StackDataset(range(3), y=range(3)),
                  lambda: data.StackDataset(range(3), range(2)),
                  lambda: data.StackDataset(Short()).__getitems__([0])):  # fmt: skip
        with pytest.raises(ValueError):
            wrong()
    assert [batch[1].tolist() for batch in data.DataLoader(pair, batch_size=2)] == [[0, 10], [20]]

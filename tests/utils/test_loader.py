"""The loader: PyTorch's batches in PyTorch's order, with and without workers."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import minitensor
from minitensor.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    SequentialSampler,
    Subset,
    TensorDataset,
    default_collate,
    get_worker_info,
)
from minitensor.utils.data._utils.fetch import stack_rows
from minitensor.utils.data.dataset import take_samples

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")  # there may be few cores


class Numbers(Dataset[int]):
    def __init__(self, count: int = 10) -> None:
        self.count = count

    def __getitem__(self, index: Any) -> int:
        if index >= self.count:
            raise IndexError(f"no sample {index}")
        return int(index)

    def __len__(self) -> int:
        return self.count


class Stream(IterableDataset[int]):
    """Numbers, distributed over the workers."""

    def __init__(self, count: int = 7) -> None:
        self.count = count

    def __iter__(self) -> Iterator[int]:
        info = get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        return iter(range(first, self.count, step))


def to_list(loader: DataLoader[Any]) -> list[Any]:
    return [batch.tolist() for batch in loader]


@pytest.fixture
def torch() -> ModuleType:
    return pytest.importorskip("torch")


@pytest.mark.parametrize("seeded", [True, False], ids=["generator", "default"])
@pytest.mark.parametrize("options", [{}, {"shuffle": True}, {"shuffle": True, "drop_last": True}], ids=str)
def test_epochs_are_pytorchs(options: dict[str, Any], seeded: bool, torch: ModuleType) -> None:
    epochs = []
    for lib in (minitensor, torch):
        lib.manual_seed(1)
        generator = {"generator": lib.Generator().manual_seed(2)} if seeded else {}
        data = lib.utils.data.TensorDataset(lib.arange(10), lib.arange(20).view(10, 2))
        loader = lib.utils.data.DataLoader(data, batch_size=4, **options, **generator)
        seen = [[[column.tolist() for column in batch] for batch in loader] for _ in range(3)]
        epochs.append([seen, len(loader), lib.rand(1).item()])
    assert epochs[0] == epochs[1]


def test_batches_have_pytorchs_type(torch: ModuleType) -> None:
    for lib in (minitensor, torch):
        batch = next(iter(lib.utils.data.DataLoader(lib.utils.data.TensorDataset(lib.arange(3)), batch_size=2)))
        assert type(batch) is list


@pytest.mark.parametrize("indices", [[0, 2, 1], [4], [-1, 0], [3, 3]], ids=str)
def test_rows_selected_together_equal_rows_selected_one_by_one(indices: list[int]) -> None:
    whole = TensorDataset(minitensor.arange(10).view(5, 2), minitensor.rand(5))
    for dataset in (whole, Subset(whole, [4, 3, 2, 1, 0])):
        fast, slow = stack_rows(dataset, indices), default_collate(take_samples(dataset, indices))
        assert fast is not None
        for mine, his in zip(fast, slow, strict=True):
            assert mine.dtype is his.dtype
            assert mine.tolist() == his.tolist()


def test_a_datasets_own_getitems_is_used() -> None:
    class Doubled(TensorDataset):
        def __getitem__(self, index: Any) -> Any:
            return tuple(column * 2 for column in super().__getitem__(index))

    assert [batch.tolist() for (batch,) in DataLoader(Doubled(minitensor.arange(4)), batch_size=2)] == [[0, 2], [4, 6]]


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_workers_change_nothing(workers: int) -> None:
    options: dict[str, Any] = {"batch_size": 3, "shuffle": True, "num_workers": workers}
    minitensor.manual_seed(5)
    loader: DataLoader[int] = DataLoader(Numbers(), **options)
    expected = DataLoader(Numbers(), **{**options, "num_workers": 0})
    epochs = to_list(loader) + to_list(loader)
    minitensor.manual_seed(5)
    assert epochs == to_list(expected) + to_list(expected)


def test_workers_deliver_in_order_even_if_the_first_is_slow() -> None:
    class Slow(Numbers):
        def __getitem__(self, index: Any) -> int:
            time.sleep(0.05 if index == 0 else 0)
            return int(index)

    assert to_list(DataLoader(Slow(6), batch_size=1, num_workers=3)) == [[i] for i in range(6)]


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_is_raised_when_its_batch_is_due(workers: int) -> None:
    loader: DataLoader[int] = DataLoader(Numbers(4), sampler=[0, 1, 2, 9, 3], num_workers=workers)
    seen = []
    with pytest.raises(IndexError, match="no sample 9"):
        for batch in loader:
            seen.append(batch.item())
    assert seen == [0, 1, 2]


def test_an_epoch_that_is_left_early_leaves_no_thread() -> None:
    before = set(threading.enumerate())  # some belong to other tests and may end meanwhile
    for batch in DataLoader(Numbers(), num_workers=2, worker_method="thread"):
        if batch.item() == 1:
            break
    del batch
    deadline = time.monotonic() + 5
    while set(threading.enumerate()) - before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not set(threading.enumerate()) - before


def test_workers_have_their_own_worker_info() -> None:
    class Who(Dataset[Any]):
        def __getitem__(self, index: Any) -> Any:
            info = get_worker_info()
            assert info is not None
            return (info.id, info.num_workers, info.seed - info.id)

        def __len__(self) -> int:
            return 4

    started: list[int] = []
    loader: DataLoader[Any] = DataLoader(
        Who(),
        batch_size=None,
        num_workers=2,
        worker_init_fn=started.append,
        worker_method="thread",
        generator=minitensor.Generator().manual_seed(1),
    )
    seen = list(loader)
    assert [(who, count) for who, count, _ in seen] == [(0, 2), (1, 2)] * 2
    assert len({seed for *_, seed in seen}) == 1
    assert sorted(started) == [0, 1]
    assert get_worker_info() is None


def test_a_worker_that_takes_too_long_is_reported() -> None:
    class Stuck(Numbers):
        def __getitem__(self, index: Any) -> int:
            time.sleep(0.3)
            return 0

    with pytest.raises(RuntimeError, match=r"timed out after 0\.01 seconds"):
        next(iter(DataLoader(Stuck(), num_workers=1, timeout=0.01)))


@pytest.mark.parametrize("drop_last", [True, False])
def test_iterable_datasets_are_batched(drop_last: bool, torch: ModuleType) -> None:
    class Theirs(torch.utils.data.IterableDataset):  # type: ignore[name-defined,misc]  # the module is a fixture
        def __iter__(self) -> Iterator[int]:
            return iter(range(7))

    loader: DataLoader[int] = DataLoader(Stream(), batch_size=3, drop_last=drop_last)
    theirs = torch.utils.data.DataLoader(Theirs(), batch_size=3, drop_last=drop_last)
    assert to_list(loader) == [batch.tolist() for batch in theirs]


def test_an_iterable_dataset_can_divide_itself_among_workers() -> None:
    assert to_list(DataLoader(Stream(7), batch_size=2, num_workers=2)) == [[0, 2], [1, 3], [4, 6], [5]]


def test_single_samples_come_without_a_batch_dimension() -> None:
    assert list(DataLoader(Numbers(3), batch_size=None)) == [0, 1, 2]
    assert list(DataLoader(Stream(3), batch_size=None)) == [0, 1, 2]


def test_users_may_give_a_sampler_and_a_collate_function() -> None:
    order = BatchSampler(SequentialSampler(range(5)), 2, False)
    assert list(DataLoader(Numbers(), batch_sampler=order, collate_fn=sum)) == [1, 5, 4]


@pytest.mark.parametrize("workers", [0, 2])
def test_an_empty_dataset_has_no_batches(workers: int) -> None:
    assert to_list(DataLoader(Numbers(0), num_workers=workers)) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_workers": -1}, "should be non-negative, got -1"),
        ({"timeout": -1}, "timeout option should be non-negative"),
        ({"prefetch_factor": 2}, "only be specified with num_workers > 0"),
        ({"persistent_workers": True}, "needs num_workers > 0"),
        ({"sampler": [0], "shuffle": True}, "mutually exclusive with shuffle"),
        ({"batch_sampler": [[0]], "batch_size": 2}, "batch_sampler option is mutually exclusive"),
        ({"batch_size": None, "drop_last": True}, "mutually exclusive with drop_last"),
        ({"batch_size": 0}, "positive integer value, but got batch_size=0"),
    ],
    ids=str,
)
def test_options_that_exclude_each_other_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DataLoader(Numbers(), **options)


@pytest.mark.parametrize("options", [{"shuffle": True}, {"sampler": [0]}, {"batch_sampler": [[0]]}], ids=str)
def test_an_iterable_dataset_has_its_own_order(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"expected unspecified {next(iter(options))} option"):
        DataLoader(Stream(), **options)


def test_options_that_determine_batches_cannot_be_changed_later() -> None:
    loader: DataLoader[int] = DataLoader(Numbers())
    with pytest.raises(ValueError, match="batch_size attribute should not be set after DataLoader is initialized"):
        loader.batch_size = 3


@pytest.mark.parametrize("workers", [0, 2])
def test_an_epoch_in_progress_keeps_the_length_of_the_loader(workers: int) -> None:
    epoch = iter(DataLoader(Numbers(10), batch_size=4, num_workers=workers))
    next(epoch)
    assert len(epoch) == 3
    with pytest.raises(TypeError, match="no len"):
        len(iter(DataLoader(Stream(), batch_size=4, num_workers=workers)))


def test_each_worker_has_an_object_of_its_own_whose_attributes_it_may_set() -> None:
    class Span(IterableDataset[int]):
        def __init__(self, start: int, end: int) -> None:
            self.start, self.end = start, end

        def __iter__(self) -> Iterator[int]:
            return iter(range(self.start, self.end))

    def share(worker: int) -> None:
        info = get_worker_info()
        assert info is not None and info.id == worker
        whole = info.dataset
        size = -(-(whole.end - whole.start) // info.num_workers)
        whole.start += worker * size
        whole.end = min(whole.start + size, whole.end)

    span = Span(3, 7)
    found = [batch.item() for batch in DataLoader(span, num_workers=2, worker_init_fn=share)]
    assert found == [3, 5, 4, 6] and (span.start, span.end) == (3, 7)

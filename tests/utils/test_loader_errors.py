"""Exceptions of datasets, samplers and loader functions are raised when their batch is due, workers or not."""

from __future__ import annotations

import itertools
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import minitensor as mt

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")  # there may be few cores


class Peculiar(Exception):
    """An exception that cannot be constructed from a message."""

    def __init__(self, one: int, other: int) -> None:
        super().__init__(one + other)


ERRORS: dict[str, Callable[[], BaseException]] = {
    "StopIteration": StopIteration,
    "ValueError": lambda: ValueError("of no use"),
    "KeyError": lambda: KeyError("missing"),
    "IndexError": IndexError,
    "Peculiar": lambda: Peculiar(1, 2),
}
PLACES = ("dataset", "collate_fn", "sampler", "iterable", "collate_fn of iterable")


class Counting:
    """0 to 11, in steps; ``fail`` is called for each one."""

    def __init__(self, fail: Callable[[int], None], first: int = 0, step: int = 1) -> None:
        self.fail, self.first, self.step = fail, first, step
        self.next = first

    def __len__(self) -> int:
        return 12

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        number = self.next
        self.next += self.step
        if number >= 12:
            self.end()
            raise StopIteration
        self.fail(number)
        return number

    def end(self) -> None:
        pass


class Circling(Counting):
    """An iterator that starts again after its end, which must have no effect."""

    def end(self) -> None:
        self.next = self.first


def loader(lib: Any, place: str, error: str, workers: int, batch_size: int | None) -> Any:
    """Return a loader that fails once, at sample 5."""
    data = lib.utils.data

    def fail(number: int) -> None:
        if number == 5:
            raise ERRORS[error]()

    class Indexed(data.Dataset):  # type: ignore[name-defined,misc]  # either library's
        def __len__(self) -> int:
            return 12

        def __getitem__(self, index: int) -> int:
            if place == "dataset":
                fail(index)
            return index

    class Iterable(data.IterableDataset):  # type: ignore[name-defined,misc]  # either library's
        def __iter__(self) -> Iterator[int]:
            info = data.get_worker_info()
            share = (0, 1) if info is None else (info.id, info.num_workers)
            return Circling(fail if place == "iterable" else lambda number: None, *share)

    def collate(batch: Any) -> Any:
        if place.startswith("collate_fn"):
            for number in [batch] if batch_size is None else batch:
                fail(number)
        return batch

    options = {"sampler": Counting(fail)} if place == "sampler" else {}
    dataset = Iterable() if place.endswith("iterable") else Indexed()
    return data.DataLoader(dataset, batch_size=batch_size, num_workers=workers, collate_fn=collate, **options)


def story(lib: Any, place: str, error: str, workers: int, batch_size: int | None) -> list[Any]:
    """Return what each call of ``next`` gives or raises, up to the end of the epoch with the failure."""
    batches, seen = iter(loader(lib, place, error, workers, batch_size)), []
    failures = 0
    while failures < 2:
        try:
            seen.append(next(batches))
        except Exception as raised:
            failures += 1
            seen.append(type(raised).__name__)
    return seen


def theirs(*case: Any) -> list[Any]:
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings(), torch.random.fork_rng():
        warnings.simplefilter("ignore")
        return story(torch, *case)


@pytest.mark.parametrize("place", PLACES)
def test_without_workers_errors_are_raised_as_in_pytorch(place: str) -> None:
    for error, batch_size in itertools.product(ERRORS, (None, 2, 4)):
        assert story(mt, place, error, 0, batch_size) == theirs(place, error, 0, batch_size), (error, batch_size)


@pytest.mark.parametrize("place", [place for place in PLACES if place != "sampler"])
@pytest.mark.parametrize("error", ["StopIteration", "ValueError"])
def test_with_workers_errors_are_raised_as_in_pytorch(place: str, error: str) -> None:
    assert story(mt, place, error, 2, 2) == theirs(place, error, 2, 2)


@pytest.mark.parametrize("place", ["dataset", "collate_fn", "sampler"])
@pytest.mark.parametrize("workers", [1, 3])
def test_workers_change_no_error(place: str, workers: int) -> None:
    """PyTorch raises a sampler's error too early, and continues after its end."""
    for error, batch_size in itertools.product(ERRORS, (None, 4)):
        found, expected = [up_to_the_end(story(mt, place, error, count, batch_size)) for count in (workers, 0)]
        if place != "sampler":  # a class that takes no text is replaced in a message from another process
            expected = ["RuntimeError" if each == "Peculiar" else each for each in expected]
        assert found == expected, (error, batch_size)


def up_to_the_end(told: list[Any]) -> list[Any]:
    return told[: told.index("StopIteration")]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_dataset_that_raises_stop_iteration_ends_the_epoch_there(workers: int) -> None:
    assert list(loader(mt, "dataset", "StopIteration", workers, 1)) == [[0], [1], [2], [3], [4]]


def test_a_worker_that_cannot_start_reports_it_for_each_of_its_batches() -> None:
    def refuse(number: int) -> None:
        if number == 0:
            raise ValueError("not today")

    batches = iter(mt.utils.data.DataLoader(range(4), batch_size=None, num_workers=2, worker_init_fn=refuse))
    for expected in (1, 3):
        with pytest.raises(ValueError, match="not today"):
            next(batches)
        assert next(batches) == expected


def test_after_a_timeout_next_waits_for_the_same_batch() -> None:
    go = threading.Event()

    class Waiting(mt.utils.data.Dataset[int]):
        def __len__(self) -> int:
            return 3

        def __getitem__(self, index: int) -> int:
            go.wait(20)
            return index

    options: dict[str, Any] = {"batch_size": None, "num_workers": 2, "worker_method": "thread"}
    batches = iter(mt.utils.data.DataLoader(Waiting(), timeout=0.05, **options))
    with pytest.raises(RuntimeError, match="timed out"):
        next(batches)
    go.set()
    deadline = 100
    seen: list[int] = []
    while len(seen) < 3 and deadline:
        try:
            seen.append(next(batches))
        except RuntimeError:
            deadline -= 1
    assert seen == [0, 1, 2]


def test_persistent_workers_run_init_once_and_iterate_anew_each_epoch() -> None:
    started: list[int] = []
    begun: list[int] = []

    class Begun(mt.utils.data.IterableDataset[int]):
        def __iter__(self) -> Iterator[int]:
            info = mt.utils.data.get_worker_info()
            assert info is not None
            begun.append(info.id)
            return iter(range(3))

    loading = mt.utils.data.DataLoader(
        Begun(), batch_size=None, num_workers=2, persistent_workers=True, worker_init_fn=started.append,
        worker_method="thread",
    )  # fmt: skip
    for _ in range(3):
        assert sorted(loading) == [0, 0, 1, 1, 2, 2]
    assert (sorted(started), sorted(begun)) == ([0, 1], [0] * 3 + [1] * 3)

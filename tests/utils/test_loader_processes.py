"""Worker processes: PyTorch's batches and streams by every start method, arrays in shared memory, exceptions, order."""

from __future__ import annotations

import multiprocessing
import os
import time
import warnings
from collections import namedtuple
from typing import Any, NamedTuple

import numpy as np
import pytest

import minitensor as mt
from minitensor.utils.data import DataLoader, Dataset, TensorDataset
from minitensor.utils.data._utils.worker import _generate_state
from utils.loader_programs import Noisy, epochs, stream

pytestmark = [
    pytest.mark.filterwarnings("ignore:This DataLoader will create"),  # there may be few cores
    pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork"),
    pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system does not fork"),
]
CASES = ("samples", "iterable", "seed_worker", "a sampler that draws at once", "a shuffled order of its own generator")


def theirs(case: str, **options: Any) -> Any:
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings(), torch.random.fork_rng():
        warnings.simplefilter("ignore")
        return epochs("torch", case, **options)


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_batches_and_all_streams_are_pytorchs(case: str, persistent: bool) -> None:
    np.testing.assert_equal(rounded(epochs("minitensor", case, persistent_workers=persistent)),
                            rounded(theirs(case, persistent_workers=persistent)))  # fmt: skip


def rounded(value: Any) -> Any:
    """Round floats: normal numbers differ from PyTorch's in the last bit."""
    if isinstance(value, (list, tuple)):
        return [rounded(each) for each in value]
    return float(f"{value:.5g}")


@pytest.mark.parametrize(("method", "case"), [("spawn", "samples"), ("forkserver", "iterable")])
def test_every_start_method_gives_the_same(method: str, case: str) -> None:
    expected = epochs("minitensor", case, persistent_workers=True)
    assert epochs("minitensor", case, persistent_workers=True, multiprocessing_context=method) == expected


@pytest.mark.parametrize("worker", [0, 1, 7])
@pytest.mark.parametrize("base_seed", [0, 1, 2**32 - 1, 2**32, 2**63 - 1, 123456789012345])
def test_numpys_seed_is_pytorchs(base_seed: int, worker: int) -> None:
    pytest.importorskip("torch")
    from torch.utils.data._utils.worker import _generate_state as pytorchs_words

    assert _generate_state(base_seed, worker) == pytorchs_words(base_seed, worker)


def test_each_worker_has_pytorchs_facts() -> None:
    class Told(Dataset[Any]):
        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: int) -> Any:
            info = mt.utils.data.get_worker_info()
            assert info is not None
            return repr(info._replace(dataset=None)), os.getpid(), mt.get_num_threads()

    generator = mt.Generator().manual_seed(0)
    seen = list(DataLoader(Told(), batch_size=None, num_workers=2, generator=generator))
    assert [facts.partition(", seed")[0] for facts, *_ in seen] == [f"WorkerInfo(id={i}, num_workers=2" for i in (0, 1)]
    assert len({os.getpid(), *(pid for _, pid, _ in seen)}) == 3 and [threads for *_, threads in seen] == [1, 1]


Pair = namedtuple("Pair", "left right")  # programs have such ones


class Kinds(NamedTuple):
    """A sample with values of many kinds."""

    dense: mt.Tensor
    half: mt.Tensor
    column: mt.Tensor
    array: np.ndarray[Any, Any]
    words: list[str]
    nested: dict[str, Any]


def make_kinds(rows: int) -> Kinds:
    base = mt.arange(rows * 8).view(rows, 8).float()
    return Kinds(
        base, base.to(mt.bfloat16), base[:, 1], np.arange(rows * 3.0).reshape(rows, 3)[:, ::-1], ["a", "b"],
        {"pair": Pair(mt.ones(rows, dtype=mt.bool), mt.zeros(0, 3)), "scalar": mt.tensor(1 + 2j), "none": None},
    )  # fmt: skip


@pytest.mark.parametrize("rows", [1, 300, 5000])
def test_values_of_all_kinds_arrive_as_they_were(rows: int) -> None:
    sent = make_kinds(rows)
    (came,) = DataLoader([sent], batch_size=None, num_workers=1, collate_fn=lambda sample: sample)
    assert type(came) is Kinds and type(came.nested["pair"]) is Pair and came.nested["none"] is None
    for one, other in [*zip(sent[:3], came[:3]), *zip(sent.nested["pair"], came.nested["pair"])]:
        assert one.dtype is other.dtype and mt.equal(one, other)
        assert one.stride() == other.stride() or one is sent.column  # which is sent without the memory around it
    assert came.words == sent.words and (came.array == sent.array).all() and came.nested["scalar"] == 1 + 2j
    came.dense.add_(1)  # it is memory like any other
    came.array[:] = 0
    assert mt.equal(came.dense, sent.dense + 1)


def test_a_view_of_much_memory_is_sent_alone() -> None:
    whole = mt.arange(10**6)
    for (row,) in DataLoader(TensorDataset(whole), batch_size=None, num_workers=1, sampler=[3, 999_999]):
        assert row.untyped_storage().nbytes() == 8 and row in (3, 999_999)


def test_arrays_are_in_shared_memory() -> None:
    batches = list(DataLoader(TensorDataset(mt.arange(6000).view(2, 3000)), num_workers=1))
    with open("/proc/self/maps") as maps:
        regions = [line.split()[0].split("-") for line in maps if "memfd:minitensor" in line]
    for (batch,) in batches:
        assert any(int(start, 16) <= batch.data_ptr() < int(end, 16) for start, end in regions)


class Peculiar(Exception):
    """An exception that cannot be made of a text."""

    def __init__(self, one: int, other: int) -> None:
        super().__init__(one + other)


class Message(Exception):
    """An exception with a keyword argument."""

    message = "none"

    def __init__(self, message: str) -> None:
        super().__init__(message)


ERRORS: dict[str, Any] = {
    "ValueError": lambda: ValueError("wrong"), "KeyError": lambda: KeyError("a\nb"), "Peculiar": lambda: Peculiar(1, 2),
    "Message": lambda: Message("wrong"), "UnicodeDecodeError": lambda: b"\xff".decode(),
    "OSError": lambda: OSError(2, "no"), "local": lambda: type("Local", (IndexError,), {})("far"),
    "SystemError": lambda: SystemError(),
    "NotImplementedError": lambda: NotImplementedError("not yet"), "StopAsyncIteration": lambda: StopAsyncIteration(1),
}  # fmt: skip


class Failing(Dataset[Any]):
    def __init__(self, error: str) -> None:
        self.error = error

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> Any:
        raise ERRORS[self.error]()


def error_of(lib: Any, name: str) -> Any:
    try:
        return list(lib.utils.data.DataLoader(Failing(name), num_workers=1))
    except Exception as error:
        return error


@pytest.mark.parametrize("name", [name for name in ERRORS if name != "local"])  # PyTorch waits forever
def test_errors_have_pytorchs_class_and_words(name: str) -> None:
    torch = pytest.importorskip("torch")
    ours, his = error_of(mt, name), error_of(torch, name)
    assert type(ours) is type(his)
    for text in (str(ours), str(his)):
        lines = text.splitlines()
        assert lines[:2] == [lines[0], "Original Traceback (most recent call last):"], text
        assert "in __getitem__" in text
    assert str(ours).splitlines()[0] == str(his).splitlines()[0] == f"Caught {ERRORS_NAMES.get(name, name)} in " + (
        "DataLoader worker process 0."
    )
    assert str(ours).splitlines()[-1] == str(his).splitlines()[-1]


ERRORS_NAMES = {"OSError": "FileNotFoundError"}


def test_an_error_of_a_local_class_is_raised_as_its_nearest_parent() -> None:
    error = error_of(mt, "local")
    assert type(error) is IndexError and "Caught Local in DataLoader worker process 0." in str(error)


class Uneven(Dataset[int]):
    """Samples of which the first takes long."""

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> int:
        time.sleep(0.3 if index == 0 else 0)
        return index


def test_out_of_order_a_slow_batch_stops_no_other() -> None:
    loader = DataLoader(Uneven(), batch_size=None, num_workers=2, in_order=False, prefetch_factor=1)
    seen = list(loader)
    assert sorted(seen) == list(range(8)) and seen[0] == 1 and seen.index(0) > 3
    assert list(DataLoader(Uneven(), batch_size=None, num_workers=2)) == list(range(8))


def test_batches_that_fill_the_socket_and_long_orders_do_not_block() -> None:
    texts = ["x" * 100_000] * 50
    assert list(DataLoader(texts, batch_size=None, num_workers=2, prefetch_factor=10)) == texts
    order = [list(range(50)) * 2000] * 6
    loader: Any = DataLoader(range(50), batch_sampler=order, num_workers=1, prefetch_factor=6)
    assert [len(batch) for batch in loader] == [100_000] * 6


@pytest.mark.parametrize(("options", "error"), [
    ({"multiprocessing_context": "fork"}, ValueError), ({"multiprocessing_context": "x", "num_workers": 1}, ValueError),
    ({"multiprocessing_context": 3, "num_workers": 1}, TypeError), ({"worker_method": "x"}, ValueError),
])  # fmt: skip
def test_wrong_contexts_are_refused(options: dict[str, Any], error: type[Exception]) -> None:
    for lib in (mt, pytest.importorskip("torch")) if "worker_method" not in options else (mt,):
        with pytest.raises(error, match=next(iter(options))):
            lib.utils.data.DataLoader([1], **options)


def test_more_workers_than_cores_are_warned_of() -> None:
    with pytest.warns(UserWarning, match="This DataLoader will create 1000 worker processes in total"):
        DataLoader([1], num_workers=1000)


def test_a_dataset_that_cannot_be_pickled_leaves_no_process() -> None:
    before = set(multiprocessing.active_children())
    loader = DataLoader([1], num_workers=2, collate_fn=lambda batch: batch, multiprocessing_context="spawn")
    with pytest.raises(Exception, match="pickle"):
        iter(loader)
    assert set(multiprocessing.active_children()) <= before


@pytest.mark.parametrize("method", ["multiprocessing", "thread"])
def test_threads_and_processes_give_the_same_batches(method: str) -> None:
    def batches(**options: Any) -> Any:
        mt.manual_seed(3)
        loader = DataLoader(TensorDataset(mt.arange(20)), batch_size=3, shuffle=True, **options)
        return [batch.tolist() for _ in range(2) for (batch,) in loader]

    assert batches(num_workers=2, worker_method=method) == batches()


def test_datasets_of_this_file_are_what_they_say() -> None:
    assert len(Noisy("minitensor")) == 9 and isinstance(stream("minitensor"), mt.utils.data.IterableDataset)

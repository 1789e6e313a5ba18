"""Data loading with wrong values: each argument in turn, in whole programs that construct, measure and iterate.

Where PyTorch's program fails, this library's fails with a subclass of its class; where PyTorch's ends normally, this
one does too, with the same samples.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

import minitensor as mt
import minitensor.utils.data

pytestmark = pytest.mark.filterwarnings("ignore")


class Made(NamedTuple):
    """A value that each library makes itself."""

    make: Callable[[Any], Any]


class Thing:
    """An object of a class that no loader knows."""


class Once:
    """An iterable that can be iterated only once and has no length."""

    def __iter__(self) -> Once:
        return self

    def __next__(self) -> int:
        raise StopIteration

    def __repr__(self) -> str:
        return "Once()"


WRONG: dict[str, Any] = {
    "0": 0, "-1": -1, "3": 3, "1.5": 1.5, "2**40": 2**40, "nan": float("nan"), "inf": float("inf"), "1j": 1j,
    "None": None, "True": True, "'x'": "x", "bytes": b"x", "[]": [], "()": (), "{}": {}, "['a']": ["a"], "[9]": [9],
    "[None]": [None], "an object": Thing(), "a walk": Once(),
    "a matrix": Made(lambda lib: lib.ones(2, 3)), "a 0-d tensor": Made(lambda lib: lib.tensor(1.0)),
    "integers": Made(lambda lib: lib.tensor([0, 1])), "floats": Made(lambda lib: lib.tensor([0.0, 1.0])),
    "a tensor with 1": Made(lambda lib: lib.tensor(1)), "a tensor with True": Made(lambda lib: lib.tensor(True)),
    "an empty tensor": Made(lambda lib: lib.ones(0)), "a generator": Made(lambda lib: lib.Generator()),
    "rows": Made(lambda lib: rows(lib)), "a stream": Made(lambda lib: stream(lib)),
    "0.0": 0.0, "1.0": 1.0, "[1.0]": [1.0], "[0.5, 0.5]": [0.5, 0.5], "[True]": [True], "[-1]": [-1], "[[0]]": [[0]],
    "a set": frozenset((0, 1)), "{0: 1}": {0: 1}, "a range": range(2), "a slice": slice(0, 1), "...": ..., "int": int,
    "''": "", "NumPy's 1": np.int64(1), "NumPy's 1.0": np.float32(1), "NumPy's True": np.bool_(True),
    "NumPy's array": np.arange(2), "NumPy's floats": np.ones(2),
}  # fmt: skip


def rows(lib: Any) -> Any:
    class Rows(lib.utils.data.Dataset):  # type: ignore[misc,name-defined]  # either library's
        def __len__(self) -> int:
            return 4

        def __getitem__(self, index: Any) -> float:
            if index >= 4:
                raise IndexError(index)
            return index * 1.5  # type: ignore[no-any-return]  # a float, for an int

    return Rows()


def stream(lib: Any) -> Any:
    class Stream(lib.utils.data.IterableDataset):  # type: ignore[misc,name-defined]  # either library's
        def __iter__(self) -> Iterator[int]:
            return iter(range(5))

    return Stream()


ROWS, STREAM, PAIR = Made(rows), Made(stream), Made(lambda lib: lib.ones(3, 2))
RANDOM = Made(lambda lib: lib.Generator())


class Program(NamedTuple):
    """A program over ``utils.data`` of one library, with valid arguments."""

    run: Callable[..., Any]
    args: tuple[Any, ...]


def iterate(made: Any) -> Any:
    """Take the length and iterate, up to a limit."""
    return len(made), plain(list(itertools.islice(made, 50)))


def plain(value: Any) -> Any:
    """Describe a sample independently of the library."""
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value.tolist() if hasattr(value, "tolist") else value


def split(data: Any, *args: Any) -> Any:
    """Split rows and iterate over the parts."""
    return plain([list(part) for part in data.random_split(*args)])


def loader(*options: str) -> Callable[..., Any]:
    """Return a program that iterates over a loader with these options."""

    def run(data: Any, dataset: Any, *values: Any) -> Any:
        return plain(list(data.DataLoader(dataset, **dict(zip(options, values, strict=True)))))

    return run


def unused_loader(*options: str) -> Callable[..., Any]:
    """Return a program that makes a loader with these options, of which none is iterated over."""

    def run(data: Any, dataset: Any, *values: Any) -> Any:
        return type(data.DataLoader(dataset, **dict(zip(options, values, strict=True)))).__name__

    return run


def later_epoch(sampler: Any, epoch: Any) -> Any:
    """Iterate over an epoch."""
    sampler.set_epoch(epoch)
    return iterate(sampler)


WORKER_OPTIONS = ("num_workers", "timeout", "prefetch_factor", "persistent_workers", "multiprocessing_context",
                  "worker_init_fn", "batch_size")  # fmt: skip
OPTIONS = ("batch_size", "shuffle", "sampler", "batch_sampler", "collate_fn", "drop_last", "timeout", "generator")
PROGRAMS = {
    "TensorDataset": Program(lambda data, *args: iterate(data.TensorDataset(*args)), (PAIR, PAIR)),
    "ConcatDataset": Program(lambda data, sets: iterate(data.ConcatDataset(sets)), (Made(lambda lib: [rows(lib)]),)),
    "ConcatDataset of two": Program(lambda data, *sets: iterate(data.ConcatDataset(sets)), (ROWS, ROWS)),
    "ConcatDataset at": Program(lambda data, rows, i: data.ConcatDataset([rows])[i], (ROWS, 0)),
    "ChainDataset": Program(lambda data, sets: list(data.ChainDataset(sets)), (Made(lambda lib: [stream(lib)]),)),
    "ChainDataset of two": Program(lambda data, *sets: list(data.ChainDataset(sets)), (STREAM, STREAM)),
    "len of ChainDataset": Program(lambda data, one: len(data.ChainDataset([one])), (STREAM,)),
    "rows added": Program(lambda data, one, other: iterate(one + other), (ROWS, ROWS)),
    "streams added": Program(lambda data, one, other: list(one + other), (STREAM, STREAM)),
    "Subset": Program(lambda data, rows, indices: iterate(data.Subset(rows, indices)), (ROWS, [0, 1])),
    "Subset of one": Program(lambda data, rows, i: iterate(data.Subset(rows, [i])), (ROWS, 0)),
    "Subset at": Program(lambda data, rows, i: data.Subset(rows, [0, 1])[i], (ROWS, 0)),
    "random_split": Program(lambda data, *args: split(data, *args), (ROWS, [1, 3], RANDOM)),
    "random_split into": Program(lambda data, rows, *parts: split(data, rows, parts), (ROWS, 1, 3)),
    "random_split by": Program(lambda data, rows, *parts: split(data, rows, parts), (ROWS, 0.25, 0.75)),
    "SequentialSampler": Program(lambda data, rows: iterate(data.SequentialSampler(rows)), (ROWS,)),
    "RandomSampler": Program(lambda data, *args: iterate(data.RandomSampler(*args)), (ROWS, False, None, RANDOM)),
    "RandomSampler, again": Program(lambda data, *args: iterate(data.RandomSampler(*args)), (ROWS, True, 3, RANDOM)),
    "SubsetRandomSampler": Program(lambda data, *args: iterate(data.SubsetRandomSampler(*args)), ([2, 3, 4], RANDOM)),
    "WeightedRandomSampler": Program(lambda data, *args: iterate(data.WeightedRandomSampler(*args)),
                                     ([0.2, 0.3, 0.5], 2, True, RANDOM)),
    "a weight": Program(lambda data, w, again: iterate(data.WeightedRandomSampler([0.2, 0.3, w], 2, again)),
                        (0.5, False)),
    "BatchSampler": Program(lambda data, *args: iterate(data.BatchSampler(*args)), ([1, 2, 3], 2, False)),
    "collate": Program(lambda data, batch: repr(data.default_collate(batch)), ([1, 2],)),
    **{f"collate two: {first!r}": Program(lambda data, *two: plain(data.default_collate(list(two))), (first, first))
       for first in (1, 1.5, "a", [1], {"a": 1})},
    "DataLoader": Program(loader(*OPTIONS), (ROWS, 2, False, None, None, None, False, 0, None)),
    "DataLoader, single": Program(loader(*OPTIONS), (ROWS, None, False, None, None, None, False, 0, None)),
    "DataLoader, shuffled": Program(loader(*OPTIONS), (ROWS, 2, True, None, None, None, False, 0, RANDOM)),
    "DataLoader, sampler": Program(loader(*OPTIONS), (ROWS, 2, None, [0, 1], None, None, False, 0, None)),
    "DataLoader of a stream": Program(loader(*OPTIONS), (STREAM, 2, False, None, None, None, False, 0, None)),
    "DataLoader, an index": Program(lambda data, rows, i: plain(list(data.DataLoader(rows, sampler=[i]))), (ROWS, 0)),
    "DataLoader, indices": Program(lambda data, rows, i: plain(list(data.DataLoader(rows, batch_sampler=[i]))),
                                   (ROWS, [0])),
    "DataLoader without workers": Program(loader("prefetch_factor", "persistent_workers"), (ROWS, None, False)),
    "DataLoader in this process": Program(loader("num_workers", "timeout", "in_order", "worker_init_fn", "collate_fn"),
                                          (ROWS, 0, 0, True, None, None)),
    "DataLoader, not iterated": Program(unused_loader(*WORKER_OPTIONS), (ROWS, 0, 0, None, False, None, None, 2)),
    "DataLoader of workers, not iterated": Program(unused_loader(*WORKER_OPTIONS),
                                                   (ROWS, 1, 0, None, False, None, None, 2)),
    "DataLoader of a stream, not iterated": Program(unused_loader("shuffle", "sampler", "batch_sampler", "drop_last"),
                                                    (STREAM, None, None, None, False)),
    "len of a DataLoader": Program(lambda data, rows, size: len(iter(data.DataLoader(rows, size))), (ROWS, 2)),
    "a new batch_size": Program(lambda data, rows, size: setattr(data.DataLoader(rows), "batch_size", size), (ROWS, 1)),
    "a new context": Program(lambda data, rows, context: setattr(
        data.DataLoader(rows, num_workers=1), "multiprocessing_context", context), (ROWS, None)),
    "sampler of two": Program(lambda data, rows, *two: plain(list(data.DataLoader(rows, 2, sampler=two))),
                              (ROWS, 0, 1)),
    "sampler over tensors": Program(lambda data, pair, *two: plain(list(
        data.DataLoader(data.TensorDataset(pair), 2, sampler=two))), (PAIR, 0, 1)),
    "batches in a loader": Program(lambda data, rows, *args: plain(list(
        data.DataLoader(rows, batch_sampler=data.BatchSampler(range(3), *args)))), (ROWS, 2, False)),
    "shares in a loader": Program(lambda data, rows, *args: plain(list(
        data.DataLoader(rows, 2, sampler=data.DistributedSampler(rows, *args)))), (ROWS, 2, 1)),
    "DistributedSampler": Program(lambda data, *args: iterate(data.DistributedSampler(*args)),
                                  (ROWS, 2, 1, True, 0, False)),
    "DistributedSampler in order": Program(lambda data, *args: iterate(data.DistributedSampler(*args)),
                                           (ROWS, 3, 1, False, 0, True)),
    "an epoch of DistributedSampler": Program(lambda data, rows, epoch: later_epoch(
        data.DistributedSampler(rows, 2, 1), epoch), (ROWS, 0)),
    "StackDataset": Program(lambda data, *args: iterate(data.StackDataset(*args)), (ROWS, ROWS)),
    "StackDataset by name": Program(lambda data, a, b: iterate(data.StackDataset(a=a, b=b)), (ROWS, ROWS)),
    "StackDataset at": Program(lambda data, rows, i: plain(data.StackDataset(rows)[i]), (ROWS, 0)),
    "items of StackDataset": Program(lambda data, rows, i: plain(data.StackDataset(rows, rows).__getitems__(i)),
                                     (ROWS, [0])),
    "items of Subset": Program(lambda data, rows, i: plain(data.Subset(rows, [0, 1]).__getitems__(i)), (ROWS, [0])),
    "TensorDataset at": Program(lambda data, pair, i: plain(data.TensorDataset(pair)[i]), (PAIR, 0)),
    "ConcatDataset of two at": Program(lambda data, rows, i: data.ConcatDataset([rows, rows])[i], (ROWS, 1)),
    "two weights": Program(lambda data, *two: list(data.WeightedRandomSampler(two, 2)), (1.0, 2.0)),
    "random_split into three": Program(lambda data, rows, *parts: split(data, rows, parts), (ROWS, 0.5, 0.25, 0.25)),
}  # fmt: skip

# Here PyTorch's error class, or whether it raises at all, depends on where its code happens to fail.
EXCUSED = {
    ("DataLoader of a stream", "2**40"): "a batch of that size takes that much memory in both",
    **{(name, "2**40"): "so many workers or rounds take that much memory in both" for name in (
        "DataLoader in this process", "DistributedSampler", "DistributedSampler in order", "shares in a loader")},
    ("random_split", "a walk"): "PyTorch divides by the length of an exhausted iterator",
    ("items of StackDataset", "a walk"): "PyTorch returns nothing for an exhausted iterator",
    ("random_split into", "a tensor with True"): "PyTorch subtracts a tensor of bools",
    ("two weights", "[]"): "PyTorch fills a matrix of no columns with a number",
    ("two weights", "()"): "PyTorch fills a matrix of no columns with a number",
    ("collate two: 1", "NumPy's True"): "NumPy's bools are numbers",
    ("collate two: 1", "a stream"): "PyTorch takes what has __getitem__ for a sequence",
    ("collate two: 'a'", "a generator"): "its printed form, which is this library's own",
    **{(name, how): "integers of other libraries are seeds" for how in (
        "NumPy's 1", "NumPy's True", "a tensor with 1", "a tensor with True")
       for name in ("DistributedSampler", "an epoch of DistributedSampler")},
    **{(name, how): "PyTorch cuts off the fractions of indices" for how in ("[1.0]", "[0.5, 0.5]", "NumPy's floats")
       for name in ("TensorDataset at", "sampler over tensors")},
}  # fmt: skip


def came(lib: Any, program: Program, args: tuple[Any, ...]) -> Any:
    """Run a program; return its result or the error."""
    lib.manual_seed(0)
    try:
        return program.run(lib.utils.data, *[each.make(lib) if isinstance(each, Made) else each for each in args])
    except Exception as error:
        return error


def describe(value: Any) -> str:
    """Return the printed form of a value, without the addresses of objects."""
    return re.sub(" at 0x[0-9a-f]+", "", repr(value))


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_with_a_wrong_value_ends_as_in_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    program, faults = PROGRAMS[name], []
    for k, (how, value) in itertools.product(range(len(program.args)), WRONG.items()):
        if (name, how) in EXCUSED:
            continue
        args = (*program.args[:k], value, *program.args[k + 1 :])
        ours, theirs = came(mt, program, args), came(torch, program, args)
        if isinstance(theirs, Exception):
            agrees = isinstance(ours, type(theirs))
        else:
            agrees = describe(ours).replace("minitensor", "torch") == describe(theirs)
        if not agrees:
            faults.append(f"argument {k} is {how}: {ours!r:.150}, PyTorch {theirs!r:.150}")
    assert not faults, "\n".join(faults)


def test_a_huge_number_of_samples_is_drawn_lazily() -> None:
    for replacement in (False, True):
        sampler = minitensor.utils.data.RandomSampler(range(3), replacement, 2**60)
        assert len(list(itertools.islice(sampler, 100))) == 100


@pytest.mark.parametrize("generator", [0, -1, "x", [], Thing()])
def test_a_wrong_generator_is_refused_wherever_numbers_are_drawn(generator: Any) -> None:
    data = minitensor.utils.data
    for make in (
        lambda: list(data.DataLoader(range(3), generator=generator)),  # type: ignore[arg-type]  # on purpose
        lambda: list(data.RandomSampler(range(3), generator=generator)),
        lambda: list(data.SubsetRandomSampler([1, 2], generator)),
        lambda: list(data.WeightedRandomSampler([1.0, 2.0], 1, generator=generator)),
        lambda: data.random_split(range(3), [1, 2], generator),  # type: ignore[arg-type]  # on purpose
    ):
        with pytest.raises(TypeError, match=r"argument 'generator' must be a Generator, not"):
            make()

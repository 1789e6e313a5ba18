"""New shape or memory for a tensor: ``resize_``, ``resize_as_``, ``set_``; what counts as a write."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from minitensor.errors import DtypeError, InplaceError, OutOfMemoryError, ShapeError
from ops import call as calls
from ops.call import find, outcome
from ops.row import Row
from ops.table import ROWS


def test_resizing_to_the_same_shape_keeps_strides_and_version() -> None:
    x = mt.arange(6.0).view(2, 3).t()
    before = x.tolist()
    for resized in (x.resize_(3, 2), x.resize_as_(mt.zeros(3, 2))):
        assert resized is x and x.tolist() == before and x.stride() == (1, 3) and x._version == 0


def test_another_shape_reads_the_memory_in_order_and_counts_as_a_write() -> None:
    x = mt.arange(6.0)
    part = x[2:4]
    assert part.resize_(2, 2).tolist() == [[2, 3], [4, 5]]
    assert part.storage_offset() == 2 and part._version == x._version == 1
    grown = mt.arange(2).resize_(3)
    assert grown[:2].tolist() == [0, 1] and grown._version == 1
    x = mt.zeros(2, 3, 4, 4)
    assert x.resize_(2, 3, 4, 4, memory_format=mt.channels_last).stride() == (48, 1, 12, 3)
    assert mt.zeros(2, 3, 4, 4).resize_as_(x, memory_format=mt.preserve_format).stride() == (48, 1, 12, 3)


def test_a_resize_or_a_change_of_memory_makes_saved_values_stale() -> None:
    for change in (lambda x: x.resize_(3), lambda x: x.set_(mt.ones(2)), lambda x: x.set_()):
        weight, x = mt.ones(2, requires_grad=True), mt.ones(2)
        loss = (weight * x).sum()
        change(x)
        with pytest.raises(mt.errors.VersionError, match="modified by an inplace operation"):
            loss.backward()


def test_set_shares_memory_and_counts_its_own_writes() -> None:
    x, y = mt.zeros(2), mt.arange(6.0)
    y.mul_(1).mul_(1)
    assert x.set_(y) is x and x.shape == (6,) and x.data_ptr() == y.data_ptr()
    assert (x._version, y._version) == (1, 2)
    x.add_(1)
    assert y.tolist() == [1, 2, 3, 4, 5, 6] and (x._version, y._version) == (2, 2)
    assert mt.zeros(2).set_(y, 1, (2, 2), (2, 1)).tolist() == [[2, 3], [4, 5]]
    assert mt.zeros(2).set_(y.untyped_storage()).tolist() == y.tolist()
    assert mt.zeros(2).set_().shape == (0,)
    itself = mt.arange(4)
    assert itself.set_(itself.untyped_storage(), 1, (2,)).tolist() == [1, 2] and itself._version == 1


def test_set_reads_a_storage_as_its_own_dtype() -> None:
    x = mt.zeros(2, dtype=mt.int32).set_(mt.ones(3).untyped_storage())
    assert x.tolist() == [0x3F800000] * 3


def test_writes_copies_and_files_see_that_set_shares_memory() -> None:
    y = mt.arange(4.0)
    x = mt.zeros(2).set_(y)
    x[1:].copy_(y[:-1])
    assert y.tolist() == [0, 0, 1, 2]
    for one, other in (copy.deepcopy([x, y]), pickle.loads(pickle.dumps([x, y]))):
        one.fill_(7)
        assert other.tolist() == [7, 7, 7, 7]


def test_set_refuses_calls_that_would_lose_a_gradient_or_cannot_be_read() -> None:
    leaf = mt.zeros(2, requires_grad=True)
    for write in (lambda: leaf.set_(mt.ones(2)), lambda: (leaf * 2).set_(mt.ones(2)), lambda: mt.ones(2).set_(leaf)):
        with pytest.raises(InplaceError):
            write()
    with mt.no_grad():
        assert leaf.set_(mt.ones(3)).shape == (3,) and leaf.requires_grad
    leaf.sum().backward()
    assert leaf.grad.tolist() == [1, 1, 1]
    memory = mt.ones(6).untyped_storage()
    with pytest.raises(DtypeError, match="could not set tensor of type"):
        mt.zeros(2).set_(mt.ones(2, dtype=mt.int64))
    with pytest.raises(ShapeError, match="unequal size length"):
        mt.zeros(2).set_(memory, 0, (2, 2), (2,))
    with pytest.raises(ShapeError, match="must not be negative"):
        mt.zeros(2).set_(memory, -1, (2, 2), (2, 1))
    with pytest.raises(OutOfMemoryError, match="no memory is that large"):
        mt.zeros(2).resize_(1 << 33, 1 << 33)
    for wrong in (lambda: mt.zeros(2).set_(1), lambda: mt.zeros(2).set_(memory, 1), lambda: mt.zeros(2).resize_as_(3)):
        with pytest.raises(TypeError):
            wrong()


# -- against PyTorch ---------------------------------------------------------------------------------------------------

CHANGES: dict[str, Callable[[Any], Any]] = {
    "resize_": lambda lib: lib.zeros(2).resize_(5),
    "resize_ to less": lambda lib: lib.zeros(2).resize_(1),
    "resize_ to the same": lambda lib: lib.arange(6.0).view(2, 3).t().resize_(3, 2),
    "resize_ of nothing": lambda lib: lib.zeros(0).resize_(0, 3),
    "resize_ in a format": lambda lib: lib.zeros(2, 3).resize_(3, 2, memory_format=lib.contiguous_format),
    "resize_ in the format that is there": lambda lib: lib.zeros(2).resize_(2, memory_format=lib.contiguous_format),
    "resize_as_": lambda lib: lib.zeros(2).resize_as_(lib.zeros(2, 2)),
    "set_": lambda lib: lib.zeros(2).set_(),
    "set_ to a tensor": lambda lib: lib.zeros(2).set_(lib.ones(3)),
    "set_ to a transposed one": lambda lib: lib.zeros(2).set_(lib.ones(3, 2).t()),
    "set_ to a part": lambda lib: lib.zeros(2).add_(1).set_(lib.ones(6), 1, (2,)),
    "set_ to a storage": lambda lib: lib.zeros(2).set_(lib.ones(6).untyped_storage(), 1, (2, 2), (2, 1)),
    "t_": lambda lib: lib.zeros(2, 3).t_(),
    "transpose_": lambda lib: lib.zeros(2, 3).transpose_(0, 1),
    "squeeze_": lambda lib: lib.zeros(2, 1).squeeze_(1),
    "unsqueeze_": lambda lib: lib.zeros(2).unsqueeze_(0),
    "as_strided_": lambda lib: lib.zeros(6).as_strided_((2,), (3,)),
    "requires_grad_": lambda lib: lib.zeros(2).requires_grad_(),
    "detach_": lambda lib: (lib.zeros(2, requires_grad=True) * 2).detach_(),
    "copy_": lambda lib: lib.zeros(2).copy_(lib.ones(2)),
    "an assignment": lambda lib: assign(lib.zeros(2), 0),
    "an assignment to a slice": lambda lib: assign(lib.zeros(2), slice(1)),
    "an assignment to positions": lambda lib: assign(lib.zeros(2), lib.tensor([0])),
    "an assignment where a mask holds": lambda lib: assign(lib.zeros(2), lib.tensor([True, False])),
    "uniform_ of nothing": lambda lib: lib.zeros(0).uniform_(),
    "normal_": lambda lib: lib.zeros(2).normal_(),
    "relu in place": lambda lib: lib.nn.functional.relu(lib.zeros(2), inplace=True),
    "dropout in place": lambda lib: lib.nn.functional.dropout(lib.zeros(2), 0.5, True, True),
}


def assign(x: Any, place: Any) -> Any:
    x[place] = 1.0
    return x


@pytest.mark.parametrize("name", CHANGES)
def test_versions_and_strides_are_pytorchs(name: str) -> None:
    torch = pytest.importorskip("torch")
    found, expected = (
        (x._version, tuple(x.shape), tuple(x.stride()), x.storage_offset())
        for x in (CHANGES[name](lib) for lib in (mt, torch))
    )
    assert found == expected


TWINS = [
    (row, name)
    for row in ROWS
    for name in (f"{row.name.split('.')[-1]}_", *[f"{alias}_" for alias in row.aliases])
    if hasattr(mt.Tensor, name) and not row.random and find(mt, row.name) is not None
    and name not in ("scatter_reduce_", "index_reduce_")  # consists of several writes, each of which counts
]


@pytest.mark.parametrize(("row", "name"), TWINS, ids=[f"{row} {name}" for row, name in TWINS])
def test_an_inplace_version_counts_as_many_writes_as_pytorchs(row: Row, name: str) -> None:
    torch = pytest.importorskip("torch")
    wrong = []
    for call in [call for call in row.calls if call.args and isinstance(call.args[0], np.ndarray)]:
        versions = []
        for lib, (args, kwargs) in ((mt, calls.our_arguments(call)), (torch, calls.torch_arguments(torch, call))):
            found = outcome(getattr(lib.Tensor, name), *args, **kwargs)
            versions.append(None if isinstance(found, Exception) else args[0]._version)
        if None not in versions and versions[0] != versions[1]:
            wrong.append((call, versions))
    assert not wrong

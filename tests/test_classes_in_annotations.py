"""PyTorch's classes of tensors and storages, which are objects here, stand where programs write classes."""

from __future__ import annotations

import inspect
import typing
from typing import Any

import pytest

import minitensor as mt

torch = pytest.importorskip("torch")

# Functions here that are classes in PyTorch: they make what PyTorch's constructors make.
FUNCTIONS = {"cuda": {"device", "device_of"}, "jit": {"Attribute"}}
MODULES = {"": (mt, torch)} | {
    name: (getattr(mt, name), getattr(torch, name))
    for name in "nn optim autograd cuda distributions jit distributed profiler amp fx storage".split()
}


def classes(name: str) -> list[str]:
    """Return the names of PyTorch's classes in a module that this library has too."""
    ours, theirs = MODULES[name]
    kinds = {each: value for each, value in vars(theirs).items() if isinstance(value, type)}
    found = {each for each, kind in kinds.items() if each[0] != "_" and kind.__module__.startswith("torch")}
    there = set(dir(ours)) - FUNCTIONS.get(name, set())
    return sorted(each for each in found & there if not inspect.ismodule(getattr(ours, each)))


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of PyTorch's old names
@pytest.mark.parametrize("name", MODULES)
def test_a_class_may_stand_in_annotations(name: str) -> None:
    for each in classes(name):
        kind: Any = getattr(MODULES[name][0], each)
        assert typing.get_args(kind | None) == (kind, type(None)), each
        assert typing.get_args(None | kind) == (type(None), kind), each
        assert typing.get_args(list[kind]) == (kind,), each
        assert kind.__name__ and not isinstance(None, kind) and issubclass(kind, kind), each


@pytest.mark.parametrize("name", ["LongTensor", "FloatTensor", "FloatStorage"])
def test_other_classes_are_no_subclasses_of_a_type(name: str) -> None:
    assert getattr(mt, name).__name__ == getattr(torch, name).__name__ == name
    for lib in (mt, torch):
        kind = getattr(lib, name)
        assert not issubclass(int, kind) and not issubclass(lib.Tensor, kind)


def test_a_dense_layout_is_strided() -> None:
    for lib in (mt, torch):
        dense, sparse = lib.eye(2).t(), lib.eye(2).to_sparse()
        assert dense.layout == lib.strided and lib.strided == dense.layout
        assert (dense.layout != lib.strided) is False
        assert sparse.layout != lib.strided and dense.layout != lib.sparse_coo and lib.strided != lib.sparse_coo
        assert dense.layout in (lib.strided, lib.sparse_coo) and {lib.strided: 1}[lib.strided] == 1
        assert all(isinstance(each, lib.layout) for each in (lib.strided, dense.layout, sparse.layout))
        assert not isinstance(lib.contiguous_format, lib.layout) and not isinstance((2,), lib.layout)
        assert lib.zeros(2, layout=dense.layout).tolist() == [0, 0]

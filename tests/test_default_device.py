"""``with torch.device(...)`` and ``set_default_device``: which functions make tensors there, as in PyTorch."""

from __future__ import annotations

import threading
import warnings
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minitensor as mt
import minitensor.nn
from ops import call as calls
from ops.call import assert_same, find, ours, quiet, tensors_in
from ops.row import Row
from ops.table import ROWS

# Evaluated in both libraries, where new tensors are made on "meta"; h is on the CPU.
EXPRESSIONS = """
torch.empty(2)
torch.empty_strided((2,), (1,))
torch.empty_permuted((2, 3), (0, 1))
torch.ones(2)
torch.zeros((2, 3))
torch.full((2,), 1)
torch.eye(2)
torch.arange(3)
torch.linspace(0, 1, 3)
torch.logspace(0, 1, 3)
torch.range(0, 3)
torch.bartlett_window(4)
torch.blackman_window(4)
torch.hamming_window(4)
torch.hann_window(4)
torch.kaiser_window(4)
torch.fft.fftfreq(4)
torch.fft.rfftfreq(4)
torch.rand(2)
torch.randn(2)
torch.randint(3, (2,))
torch.randperm(3)
torch.tril_indices(2, 2)
torch.triu_indices(2, 2)
torch.tensor([1])
torch.tensor(2.0)
torch.as_tensor([1])
torch.as_tensor(h)
torch.as_tensor(numpy.ones(2))
torch.asarray([1.0])
torch.scalar_tensor(1)
torch.normal(0.0, 1.0, (2,))
torch.from_numpy(numpy.ones(2))
torch.ones(2, device="cpu")
torch.tensor([1], device="cpu")
torch.zeros_like(h)
torch.ones_like(h)
torch.rand_like(h)
h.new_zeros(2)
h.new_tensor([1])
h + 1
h[[0, 1]]
h.sum()
h.nonzero()
h.unique()
torch.nn.Linear(2, 3).weight
torch.nn.Linear(2, 3, device="cpu").weight
torch.nn.BatchNorm2d(3).running_mean
torch.nn.Embedding(3, 2).weight
torch.nn.LSTM(2, 3).weight_hh_l0
torch.nn.functional.one_hot(torch.tensor([0, 1], device="cpu"))
torch.get_default_device()
torch.sparse_coo_tensor(torch.tensor([[0]], device="cpu"), torch.tensor([1.0], device="cpu"), (2,), device="cpu")
""".strip().splitlines()


def evaluate(torch: ModuleType, expression: str, h: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = eval(expression, {"torch": torch, "numpy": np, "h": h})
    return getattr(found, "device", found).type


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_the_functions_that_make_tensors_there_are_pytorchs(expression: str) -> None:
    torch = pytest.importorskip("torch")
    places = []
    for library in (mt, torch):
        h = library.ones(3)
        with library.device("meta"):
            places.append(evaluate(library, expression, h))
        library.set_default_device("meta")
        try:
            places.append(evaluate(library, expression, h))
        finally:
            library.set_default_device(None)
        assert library.ones(1).device.type == "cpu"
    assert len(set(places)) == 1, places


def test_contexts_nest_and_end() -> None:
    with mt.device("meta") as place:
        assert place == mt.device("meta")
        with mt.device("cpu"):
            assert mt.ones(1).device.type == mt.get_default_device().type == "cpu"
        assert mt.ones(1).is_meta
        with pytest.raises(KeyError), mt.device("cpu"):
            raise KeyError
        assert mt.get_default_device() == mt.device("meta")
    assert mt.get_default_device() == mt.device("cpu")


def test_a_device_decorates_a_function() -> None:
    @mt.device("meta")
    def make(count: int) -> mt.Tensor:
        return mt.ones(count)

    assert make(3).is_meta and make.__name__ == "make" and not mt.ones(3).is_meta


def test_a_context_lies_below_other_modes() -> None:
    seen = []

    class Names(mt.overrides.TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.append(func.__name__)
            return func(*args, **(kwargs or {}))

    with Names():
        mt.set_default_device("meta")
        assert mt.ones(2).is_meta
    assert mt.ones(2).is_meta and seen == ["ones"]
    mt.set_default_device(None)
    assert not mt.ones(2).is_meta


def test_other_threads_keep_the_cpu() -> None:
    found = []
    with mt.device("meta"):
        thread = threading.Thread(target=lambda: found.append(mt.ones(1).device.type))
        thread.start()
        thread.join()
    assert found == ["cpu"]


STEADY = [row for row in ROWS if find(mt, row.name) is not None and not row.random]


@pytest.mark.parametrize("row", STEADY, ids=repr)
def test_ops_on_the_cpu_make_nothing_elsewhere(row: Row) -> None:
    for call in row.calls:
        if not calls.arrays_in(call):
            continue
        args, kwargs = calls.our_arguments(call)
        expected = quiet(ours(row), *args, **kwargs)
        args, kwargs = calls.our_arguments(call)
        with mt.device("meta"):
            found = quiet(ours(row), *args, **kwargs)
        if not isinstance(expected, Exception):
            assert not any(each.is_meta for each in tensors_in(found))
            assert_same(found, expected, 1e-12)

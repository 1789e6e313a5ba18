"""What the laws do not ask of ``ops/seldom.py``: tensors from numbers, ranges, names of types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minitensor as mt

MADE: dict[str, Callable[[Any], Any]] = {
    "an int": lambda lib: lib.scalar_tensor(3),
    "a bool": lambda lib: lib.scalar_tensor(True),
    "cut": lambda lib: lib.scalar_tensor(3.5, dtype=lib.int64),
    "complex": lambda lib: lib.scalar_tensor(1j, dtype=lib.complex64),
    "a tensor": lambda lib: lib.scalar_tensor(lib.tensor(3)),
    "range": lambda lib: lib.range(0, 3),
    "range in steps": lambda lib: lib.range(1, 4, 0.5),
    "range of float64": lambda lib: lib.range(0, 1, 0.1, dtype=lib.float64),
    "range of integers": lambda lib: lib.range(1, 4, 2, dtype=lib.int64),
    "range cut": lambda lib: lib.range(0.0, 2.5, 1, dtype=lib.int64),
    "range backwards": lambda lib: lib.range(4, 1, -1),
    "range of one": lambda lib: lib.range(2, 2),
    "range into out": lambda lib: lib.range(0, 2, out=lib.empty(0, dtype=lib.int16)),
}


@pytest.mark.filterwarnings("ignore:torch.range")
@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_made_as_pytorch_makes_it(make: Callable[[Any], Any]) -> None:
    ours, theirs = make(mt), make(pytest.importorskip("torch"))
    assert str(ours.dtype) == str(theirs.dtype) and tuple(ours.shape) == tuple(theirs.shape)
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


WRONG: dict[str, tuple[type[Exception], Callable[[Any], Any]]] = {
    "complex": (RuntimeError, lambda lib: lib.scalar_tensor(1j)),
    "text": (TypeError, lambda lib: lib.scalar_tensor("a")),
    "a list": (TypeError, lambda lib: lib.scalar_tensor([1])),
    "too large": (RuntimeError, lambda lib: lib.scalar_tensor(300, dtype=lib.uint8)),
    "no fractions": (RuntimeError, lambda lib: lib.scalar_tensor(2, dtype=lib.int64, requires_grad=True)),
    "no end": (TypeError, lambda lib: lib.range(3)),
    "no step": (RuntimeError, lambda lib: lib.range(1, 4, 0)),
    "wrong way": (RuntimeError, lambda lib: lib.range(1, 4, -1)),
    "endless": (RuntimeError, lambda lib: lib.range(0, float("inf"))),
    "complex range": (RuntimeError, lambda lib: lib.range(0, 1j)),
    "range of text": (TypeError, lambda lib: lib.range(0, "a")),
    "strides": (RuntimeError, lambda lib: lib.ones(2).new_empty_strided((2, 3), (1,))),
}


@pytest.mark.filterwarnings("ignore:torch.range")
@pytest.mark.parametrize("name", ["minitensor", "torch"])
@pytest.mark.parametrize(("error", "action"), WRONG.values(), ids=WRONG)
def test_refused(name: str, error: type[Exception], action: Callable[[Any], Any]) -> None:
    lib = pytest.importorskip(name)
    with pytest.raises(error):
        action(lib)


def test_range_warns() -> None:
    with pytest.warns(UserWarning, match="deprecated"):
        assert mt.range(0, 2, requires_grad=True).requires_grad


@pytest.mark.parametrize("dtype", ["float32", "int64", "bool", "complex64", "float16"])
def test_names_of_tensors(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    expected = torch.typename(torch.ones(2, dtype=getattr(torch, dtype)))
    assert mt.typename(mt.ones(2, dtype=getattr(mt, dtype))) == expected
    assert mt.typename(mt.nn.Parameter(mt.ones(2))) == "torch.FloatTensor"


def test_names_of_other_objects() -> None:
    assert [mt.typename(each) for each in (1, "s", int)] == ["int", "str", "int"]
    assert mt.typename(mt.nn.Linear(1, 1)) == mt.typename(mt.nn.Linear) == "minitensor.nn.linear.Linear"


def test_memory_with_strides() -> None:
    made = mt.ones(2, dtype=mt.int16).new_empty_strided((2, 3), (1, 2))
    assert made.stride() == (1, 2) and made.dtype is mt.int16
    assert mt.is_signed(made) and not mt.is_signed(made.bool())


def test_renorm_in_place_is_recorded() -> None:
    leaf = mt.tensor([[3.0, 4.0], [0.0, 1.0]], dtype=mt.float64, requires_grad=True)

    def shrunk(x: mt.Tensor) -> mt.Tensor:
        copy = x * 1
        assert copy.renorm_(2, 0, 2.5) is copy
        return copy

    assert mt.equal(shrunk(leaf), leaf.renorm(2, 0, 2.5))
    assert mt.autograd.gradcheck(shrunk, (leaf,))


def test_a_value_to_fill_with_has_a_gradient() -> None:
    value = mt.tensor(2.5, dtype=mt.float64, requires_grad=True)
    input = mt.ones(2, 3, dtype=mt.float64, requires_grad=True)
    assert mt.autograd.gradcheck(mt.fill, (input, value))
    assert mt.equal(mt.fill(input, value), mt.full((2, 3), 2.5, dtype=mt.float64))

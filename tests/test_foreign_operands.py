"""Operators beside objects of other classes: their reflected methods run, and Python raises where they have none."""

from __future__ import annotations

import copy
import operator
from typing import Any

import numpy as np
import pytest

import minitensor as mt

OPERATORS = {
    "add": "radd", "sub": "rsub", "mul": "rmul", "truediv": "rtruediv", "floordiv": "rfloordiv", "mod": "rmod",
    "pow": "rpow", "matmul": "rmatmul", "and_": "rand", "or_": "ror", "xor": "rxor", "lshift": "rlshift",
    "rshift": "rrshift", "lt": "gt", "gt": "lt", "le": "ge", "ge": "le", "eq": "eq", "ne": "ne",
}  # fmt: skip
IN_PLACE = [name for name in OPERATORS if name not in ("lt", "gt", "le", "ge", "eq", "ne")]
WITHOUT_METHODS = (None, [1, 2], (1, 2), {}, object(), "1", b"1", slice(1))


class Other:
    """A class that answers every operator with the name of the method that ran."""

    def __init__(self, log: list[str]) -> None:
        self.log = log


def answer(name: str) -> Any:
    def method(self: Other, other: object) -> str:
        self.log.append(name)
        return name

    return method


for method_name in {*OPERATORS.values(), *[name.rstrip("_") for name in OPERATORS]}:
    setattr(Other, f"__{method_name}__", answer(method_name))


def outcome(function: Any, *operands: Any) -> str:
    try:
        found = function(*operands)
    except TypeError:
        return "TypeError"
    return repr(found).replace("minitensor", "torch")


@pytest.mark.parametrize("name", OPERATORS)
def test_the_reflected_method_of_another_class_runs(name: str) -> None:
    log: list[str] = []
    for x in (mt.ones(2, 2), mt.ones(2, 2, dtype=mt.int64), mt.ones(2, 2, requires_grad=True), mt.tensor(True)):
        assert getattr(operator, name)(x, Other(log)) == OPERATORS[name]
    assert log == [OPERATORS[name]] * 4


@pytest.mark.parametrize("name", IN_PLACE)
def test_after_an_in_place_operator_the_reflected_method_runs(name: str) -> None:
    x = mt.ones(2, 2, dtype=mt.int64)
    assert getattr(operator, "i" + name.rstrip("_"))(x, Other([])) == OPERATORS[name]
    assert x.tolist() == [[1, 1], [1, 1]] and x._version == 0


@pytest.mark.parametrize("name", [*OPERATORS, *["i" + name.rstrip("_") for name in IN_PLACE]])
def test_python_says_what_has_no_operator(name: str) -> None:
    torch = pytest.importorskip("torch")
    function = getattr(operator, name)
    for kind in ("float32", "int64", "bool"):
        for shape in ((), (1,), (2,)):
            for other in WITHOUT_METHODS:
                for swap in (False, True):
                    pairs = [(each.full(shape, 1, dtype=getattr(each, kind)), copy.copy(other)) for each in (mt, torch)]
                    ours, theirs = [outcome(function, *(reversed(pair) if swap else pair)) for pair in pairs]
                    assert ours == theirs, (kind, shape, other, swap)


def test_an_integer_tensor_repeats_sequences() -> None:
    two: Any = mt.tensor(2)
    assert [0] * two == [0, 0] == two * [0]
    assert (0,) * two == (0, 0)
    assert "ab" * two == "abab"
    with pytest.raises(TypeError, match="only integer tensors of a single element"):
        [0] * mt.tensor(2.0)  # type: ignore[operator]


def test_numpy_arrays_and_numbers_are_operands() -> None:
    assert isinstance(np.ones(2) + mt.ones(2), mt.Tensor)
    assert isinstance(np.float64(2) * mt.ones(2), mt.Tensor)
    x = mt.ones(2)
    x += np.float32(1)
    x *= np.array([1, 2], dtype=np.float32)
    assert x.tolist() == [2.0, 4.0]
    with pytest.raises(TypeError, match="unsupported operand"):
        mt.ones(2) + np.array([None, None])

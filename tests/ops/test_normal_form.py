"""A normal form is its own normal form: see Note [Normal form] in ``minitensor/autograd/binding.py``.

An interpreter gets the arguments that an operation's ``prepare`` returned, and may call the operation with them again.
"""

from __future__ import annotations

from typing import Any

import pytest

import minitensor as mt
from minitensor.autograd.binding import NUMBERS
from minitensor.autograd.declare import differentiable, nondifferentiable
from minitensor.autograd.interpreters import Call, interpreted_by
from minitensor.autograd.node import Effect
from ops import call as calls
from ops.call import find, note_on_error, numbers, ours, outcome, twin
from ops.row import Row
from ops.table import ROWS


def op_of(row: Row) -> Any:
    """Return the ``Op`` of a row's operation, or None of a composite."""
    return getattr(ours(row), "op", None)


HERE = tuple([row for row in ROWS if find(mt, row.name) is not None])
WITH_PREPARE = tuple([row for row in HERE if op_of(row) is not None and op_of(row).prepare is not None])


class Preparer:
    """An interpreter that brings every call's arguments to normal form a second time, and lists what changes."""

    def __init__(self) -> None:
        self.prepared = 0
        self.faults: list[str] = []

    def interpret(self, call: Call) -> Any:
        if is_prepared(call):
            self.prepared += 1
            self.compare(call, outcome(call.op.prepare, *call.args, **({"out": None} if call.op.prepares_out else {})))
            if call.op.prepares_out:
                self.compare(call, outcome(call.op.prepare, *call.args, out=call.out))
        return call.proceed()

    def compare(self, call: Call, again: Any) -> None:
        if isinstance(again, Exception) or len(again) != len(call.args):
            self.faults.append(f"{call.op.name}: {call.args!r} becomes {again!r}")
            return
        for name, first, second in zip(call.op.names, call.args, again):
            if not is_same(first, second):
                self.faults.append(f"{call.op.name}: {name} is {first!r}, and prepared again {second!r}")


def is_prepared(call: Call) -> bool:
    """Whether the arguments have gone through the operation's ``prepare``; that of two operands is held by itself."""
    return call.op.prepare is not None and call.op.effect is not Effect.DRAWS and not call.op.takes_two


def is_same(first: Any, second: Any) -> bool:
    """Whether two arguments are of the same type and value."""
    if first is second:
        return True
    if type(first) is not type(second):
        return False
    if isinstance(first, (tuple, list)):
        return len(first) == len(second) and all(map(is_same, first, second))
    if isinstance(first, mt.Tensor):
        a, b = numbers(first), numbers(second)
        return first.dtype is second.dtype and a.shape == b.shape and bool(((a == b) | (a != a) & (b != b)).all())
    return bool(first == second or (first != first and second != second))


def prepare_twice(operation: Any, *args: Any, **kwargs: Any) -> Preparer:
    """Call an operation and prepare the arguments of all that it is made of again."""
    preparer = Preparer()
    with interpreted_by(preparer):
        outcome(operation, *args, **kwargs)
    return preparer


@pytest.mark.parametrize("row", HERE, ids=repr)
def test_a_normal_form_is_its_own_normal_form(row: Row) -> None:
    for call in row.calls:
        args, kwargs = calls.our_arguments(call)
        found = prepare_twice(ours(row), *args, **kwargs)
        with note_on_error(call):
            assert not found.faults


@pytest.mark.parametrize("row", [row for row in HERE if row.out and not row.view and not row.random], ids=repr)
def test_a_normal_form_for_an_out_is_its_own_normal_form(row: Row) -> None:
    for call in row.calls:
        for dtype in (mt.float32, mt.float64, mt.int64, mt.complex128):
            args, kwargs = calls.our_arguments(call)
            found = prepare_twice(ours(row), *args, **kwargs, out=mt.empty(0, dtype=dtype))
            with note_on_error(call, dtype):
                assert not found.faults


@pytest.mark.parametrize("row", [row for row in HERE if row.inplace and twin(row) is not None], ids=repr)
def test_a_normal_form_for_a_write_is_its_own_normal_form(row: Row) -> None:
    for call in row.calls:
        args, kwargs = calls.our_arguments(call)
        found = prepare_twice(twin(row), *args, **kwargs)
        with note_on_error(call):
            assert not found.faults


def test_the_calls_of_the_table_have_normal_forms() -> None:
    """An operation whose ``prepare`` no call of its row reaches would pass unseen."""
    for row in [row for row in WITH_PREPARE if not op_of(row).takes_two]:
        made = [calls.our_arguments(call) for call in row.calls]
        assert any(prepare_twice(ours(row), *args, **kwargs).prepared for args, kwargs in made), row


NUMBERS_IN_FRONT = (True, 2, 2.5, 1 + 2j)


@pytest.mark.parametrize("row", [row for row in WITH_PREPARE if op_of(row).takes_two], ids=repr)
@pytest.mark.parametrize("number", NUMBERS_IN_FRONT)
def test_a_number_in_front_is_prepared_once(row: Row, number: Any) -> None:
    """What stands in front is a tensor then, which is not prepared, or a number that stays one."""
    prepare = op_of(row).prepare
    tensors = [mt.ones(2, dtype=dtype) for dtype in (mt.bool, mt.int8, mt.float16, mt.float64)]
    for other in (*NUMBERS_IN_FRONT, *tensors):
        once = prepare(number, other)
        if once[0].__class__ in NUMBERS:
            assert is_same(tuple(prepare(*once)), tuple(once)), other
        else:
            assert isinstance(once[0], mt.Tensor)


# -- made-up operations: each fault is found ---------------------------------------------------------------------------


@nondifferentiable(prepare=lambda input, dim: (input, dim + 1))
def count_up(input: mt.Tensor, dim: int = 0) -> Any:
    return input.array


@nondifferentiable(prepare=lambda input, dim: (input, list(dim)))
def list_dims(input: mt.Tensor, dim: Any = (0,)) -> Any:
    return input.array


@differentiable(prepare=lambda input, dim: (input * 2, dim), input=lambda grad: grad)
def double(input: mt.Tensor, dim: int = 0) -> Any:
    return input.array


@nondifferentiable(prepare=lambda input, dim, *, out: (input, dim if out is None else dim + 1))
def count_up_for_out(input: mt.Tensor, dim: int = 0, *, out: Any = None) -> Any:
    return input.array


@nondifferentiable(prepare=lambda input, dim: (input, {0: "0"}[dim]))
def spell_dim(input: mt.Tensor, dim: Any = 0) -> Any:
    return input.array


@pytest.mark.parametrize("operation", [count_up, double, spell_dim], ids=lambda each: each.__name__)
def test_a_form_that_is_not_normal_is_found(operation: Any) -> None:
    assert prepare_twice(operation, mt.ones(2)).faults


def test_a_form_that_is_not_normal_for_an_out_is_found() -> None:
    assert prepare_twice(count_up_for_out, mt.ones(2), out=mt.ones(2)).faults
    assert not prepare_twice(count_up_for_out, mt.ones(2)).faults
    assert not prepare_twice(list_dims, mt.ones(2)).faults, "a list is a normal form, if it is always one"

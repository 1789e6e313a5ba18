"""Gradients against finite differences, first and second order, for every op that has one."""

from __future__ import annotations

from typing import Any

import pytest

import minitensor as mt
from minitensor.autograd import gradcheck, gradgradcheck
from ops import call as calls
from ops.call import find, note_on_error, ours, tensors_in
from ops.row import DTYPES, Call, Row
from ops.table import ROWS

DIFFERENTIABLE = [row for row in ROWS if find(mt, row.name) is not None and row.differentiable and not row.random]


def flat_function(row: Row, call: Call) -> tuple[Any, list[mt.Tensor]]:
    """Return the op as a function of its differentiable tensors only, and these tensors."""
    args, kwargs = calls.our_arguments(call)
    given = [*args, *kwargs.values()]
    leaves = [
        tensor.requires_grad_() for k, arg in enumerate(given) if k not in row.constants for tensor in tensors_in(arg)
        if tensor.is_floating_point() or tensor.is_complex()
    ]

    def function(*tensors: mt.Tensor) -> Any:
        fresh = dict(zip(map(id, leaves), tensors, strict=True))

        def swap(value: Any) -> Any:
            if isinstance(value, mt.Tensor):
                return fresh.get(id(value), value)
            return value.__class__([swap(each) for each in value]) if value.__class__ in (list, tuple) else value

        results = ours(row)(*[swap(arg) for arg in args], **{name: swap(arg) for name, arg in kwargs.items()})
        return tuple(tensors_in(results))

    return function, leaves


def smooth(row: Row, most: int) -> list[Call]:
    """Return the calls to which finite differences apply; at most ``most`` large ones: each element costs two calls."""
    found = [call for call in row.calls if call.smooth]
    big = [call for call in found if sum(array.size for array in calls.arrays_in(call)) > 12]
    return [call for call in found if not any(call is each for each in big[most:])]


@pytest.mark.parametrize("row", [row for row in DIFFERENTIABLE if "gradcheck" not in row.notes], ids=repr)
def test_gradcheck(row: Row) -> None:
    checked = 0
    for call in smooth(row, 3):
        function, leaves = flat_function(row, call)
        if leaves:
            with note_on_error(call):
                assert gradcheck(function, leaves, fast_mode=sum(leaf.numel() for leaf in leaves) > 6)
            checked += sum(leaf.numel() for leaf in leaves)
    assert checked, "no call of the row was checked"


@pytest.mark.parametrize("row", [r for r in DIFFERENTIABLE if r.twice and "gradgradcheck" not in r.notes], ids=repr)
def test_gradgradcheck(row: Row) -> None:
    for call in smooth(row, 1):
        function, leaves = flat_function(row, call)
        if leaves:
            with note_on_error(call):
                assert gradgradcheck(function, leaves, fast_mode=True)


@pytest.mark.parametrize(
    "row", [r for r in DIFFERENTIABLE if "complex128" in DTYPES[r.dtypes] and "complex" not in r.notes], ids=repr
)
def test_gradcheck_of_complex_numbers(row: Row) -> None:
    for call in [call for call in smooth(row, 1) if calls.arrays_in(call)][:2]:
        function, leaves = flat_function(row, calls.recast(call, "complex128"))
        if leaves:
            with note_on_error(call):
                assert gradcheck(function, leaves, fast_mode=True)

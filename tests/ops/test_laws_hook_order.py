"""Hooks of leaves run in PyTorch's order, for every op with several leaves."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

import minitensor as mt
from ops import call as calls
from ops.call import note_on_error, ours, tensors_in, theirs
from ops.row import Call, Row
from ops.test_laws_gradcheck import DIFFERENTIABLE
from ops.test_laws_oracle import their_outcome

EXCUSED = {
    "matmul": "one node for all ranks; PyTorch folds and expands a batch first, which reverses the order",
    "nn.functional.locally_connected2d": "PyTorch has none",
}


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    return pytest.importorskip("torch")


def order(library: Any, op: Any, arguments: Any, row: Row) -> list[int]:
    """Return the numbers of the leaves in the order in which their hooks run."""
    args, kwargs = arguments
    leaves = [
        each.requires_grad_()
        for k, arg in enumerate([*args, *kwargs.values()])
        if k not in row.constants
        for each in tensors_in(arg)
        if each.is_floating_point() or each.is_complex()
    ]
    seen: list[int] = []
    for i, leaf in enumerate(leaves):
        leaf.register_hook(lambda grad, i=i: seen.append(i))
    kept = [each for each in tensors_in(op(*args, **kwargs)) if each.requires_grad]
    library.autograd.backward(kept, [library.ones_like(each) for each in kept])
    return seen


def with_leaves(row: Row) -> list[Call]:
    """Return the calls with at least two leaves."""
    return [call for call in row.calls if sum(array.dtype.kind == "f" for array in calls.arrays_in(call)) > 1]


SEVERAL = [row for row in DIFFERENTIABLE if with_leaves(row)]


def misorders(torch: ModuleType, row: Row) -> list[Any]:
    """Return the calls that differ, with both orders."""
    found = []
    for call in with_leaves(row):
        expected = their_outcome(order, torch, theirs(torch, row), calls.torch_arguments(torch, call), row)
        if isinstance(expected, Exception):
            continue  # PyTorch has no gradient for one of them
        with note_on_error(call):
            mine = order(mt, ours(row), calls.our_arguments(call), row)
        if mine != expected:
            found.append((call, mine, expected))
    return found


@pytest.mark.parametrize("row", [row for row in SEVERAL if row.name not in EXCUSED], ids=repr)
def test_hooks_of_leaves_run_in_pytorchs_order(torch: ModuleType, row: Row) -> None:
    assert not misorders(torch, row)


@pytest.mark.parametrize("row", [row for row in SEVERAL if row.name in EXCUSED], ids=repr)
def test_every_exception_to_the_order_is_needed(torch: ModuleType, row: Row) -> None:
    assert misorders(torch, row)

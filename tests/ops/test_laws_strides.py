"""Results and gradients have PyTorch's strides, whatever the strides of the inputs are."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from minitensor.layouts import contiguous, is_dense
from ops import call as calls
from ops.call import convert_arrays, find, numbers, ours, outcome, tensors_in, theirs
from ops.row import Call, Row
from ops.table import ROWS
from strategies import Placed, dense, fill_layout, put_in_memory, torch_of

HERE = tuple([row for row in ROWS if find(mt, row.name) is not None])


# -- layouts of operands -----------------------------------------------------------------------------------------------


def in_order(array: Any, order: tuple[int, ...]) -> Placed:
    return fill_layout(array, array.shape, dense(array.shape, order), 0)


def place(array: Any, kind: str) -> Placed:
    """Put an array into memory in a kind of ``strategies``, or with its dims in another order."""
    dims = tuple(range(array.ndim))
    if kind == "rotated":
        return in_order(array, (*dims[-1:], *dims[:-1]))
    if kind == "channels last" and array.ndim > 2:
        return in_order(array, (0, *dims[2:], 1))
    if kind == "expanded at the end" and array.ndim and array.dtype.kind == "f" and array.shape[-1] > 1:
        first = array[..., :1]
        return fill_layout(np.broadcast_to(first, array.shape), array.shape, (*dense(first.shape)[:-1], 0), 0)
    if kind == "unit":
        strides = [1 if n == 1 else step for n, step in zip(array.shape, dense(array.shape))]
        return fill_layout(array, array.shape, tuple(strides), 0)
    if kind == "sliced" and array.ndim:
        return fill_layout(array, array.shape, dense((*array.shape[:-1], array.shape[-1] + 2)), 1)
    return put_in_memory(array, kind if kind in ("transposed", "gaps", "expanded", "odd") else "contiguous")


EQUAL = (
    "contiguous", "transposed", "rotated", "channels last", "gaps", "sliced", "expanded", "expanded at the end", "odd",
    "unit",
)
MIXED = (
    ("transposed", "contiguous"), ("contiguous", "transposed"), ("channels last", "contiguous"),
    ("contiguous", "channels last"), ("transposed", "rotated"), ("rotated", "transposed"), ("expanded", "transposed"),
    ("transposed", "expanded"), ("gaps", "transposed"), ("contiguous", "odd"), ("odd", "contiguous"),
)
KINDS = (*[(kind, kind) for kind in EQUAL], *MIXED)


def in_kinds(call: Call, kinds: tuple[str, str]) -> Call:
    """Put the arrays of a call into memory in two kinds by turns."""
    turns = itertools.cycle(kinds)
    return convert_arrays(call, lambda array: place(array, next(turns)))


def lift(call: Call) -> Call:
    """Add two dims of size 2 and 3 to all arrays of a pointwise op."""
    return convert_arrays(call, lambda array: np.tile(array[..., None, None], (2, 3)) if array.ndim else array)


def calls_in_layouts(row: Row) -> Iterator[Call]:
    """Yield the calls of a row with their arrays in all kinds of memory, without repetitions."""
    for call in (*row.calls, *[lift(call) for call in row.calls if row.pointwise]):
        seen = set()
        for kinds in KINDS:
            there = in_kinds(call, kinds)
            strides = tuple([array.strides for array in calls.arrays_in(there)])
            if strides not in seen:
                seen.add(strides)
                yield there


# -- strides -----------------------------------------------------------------------------------------------------------


def strides_of(op: Any, args: Any, kwargs: Any, row: Row, library: Any) -> tuple[list[Any], list[Any]]:
    """Return the strides of an op's results, and those of the gradients of its inputs."""
    leaves = [
        tensor.requires_grad_()
        for k, arg in enumerate([*args, *kwargs.values()])
        if row.differentiable and k not in row.constants
        for tensor in tensors_in(arg)
        if tensor.is_floating_point()
    ]
    results = tensors_in(op(*args, **kwargs))
    kept = [each for each in results if each.requires_grad]
    seeds = [library.ones_like(each.detach()) for each in kept]
    grads = outcome(library.autograd.grad, kept, leaves, seeds, allow_unused=True) if kept else []
    if isinstance(grads, Exception):  # of eigenvectors, whose phases are arbitrary
        grads = []
    return [tuple(t.stride()) for t in results], [None if g is None else tuple(g.stride()) for g in grads]


def differences(torch: Any, row: Row) -> Iterator[tuple[str, Call, Any, Any]]:
    """Yield "result" or "grad", the call, our strides and PyTorch's where they differ; skip what PyTorch refuses."""
    for there in calls_in_layouts(row):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            args, kwargs = calls.torch_arguments(torch, there, lambda each: torch_of(torch, each))
            expected = outcome(strides_of, theirs(torch, row), args, kwargs, row, torch)
            if isinstance(expected, Exception):
                continue
            found = strides_of(ours(row), *calls.our_arguments(there, calls.our_tensor), row, mt)
        for what, one, other in zip(("result", "grad"), found, expected, strict=True):
            if one != other:
                yield what, there, one, other


EXCUSED = {"nn.functional.locally_connected2d": "PyTorch has no such function"}

ROWS_IN_LAYOUTS = [row for row in HERE if not row.view and not row.random and repr(row) not in EXCUSED]


@pytest.mark.parametrize("row", ROWS_IN_LAYOUTS, ids=repr)
def test_results_have_pytorchs_strides(row: Row) -> None:
    torch = pytest.importorskip("torch")
    for what, there, found, expected in differences(torch, row):
        assert what != "result", (there, found, expected)


# -- gradients of leaves -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", [row for row in HERE if row.pointwise and row.differentiable], ids=repr)
def test_the_gradient_of_a_leaf_has_the_strides_of_the_leaf(row: Row) -> None:
    """It is row-major if the leaf has gaps or is expanded. Dims of size 1 may have any stride."""
    for there in in_few_kinds(row.calls[0]):
        args, kwargs = calls.our_arguments(there, calls.our_tensor)
        leaves = [each.requires_grad_() for each in tensors_in([*args, *kwargs.values()]) if each.is_floating_point()]
        ours(row)(*args, **kwargs).sum().backward()
        for leaf in leaves:
            layout = leaf.layout if is_dense(leaf.layout) else contiguous(leaf.layout.shape)
            assert leaf.grad is None or has_strides(leaf.grad, layout.strides), (there, leaf.grad.stride())


def in_few_kinds(call: Call) -> list[Call]:
    return [in_kinds(call, (kind, "contiguous")) for kind in ("transposed", "gaps", "expanded")]


def has_strides(tensor: Any, strides: tuple[int, ...]) -> bool:
    return all(n == 1 or one == other for n, one, other in zip(tensor.shape, tensor.stride(), strides, strict=True))


# -- random numbers ----------------------------------------------------------------------------------------------------

UNSET = ("empty", "empty_like", "empty_strided")


@pytest.mark.parametrize("row", [row for row in HERE if row.random], ids=repr)
def test_a_seed_draws_pytorchs_numbers_into_pytorchs_strides(row: Row) -> None:
    torch = pytest.importorskip("torch")
    for there in calls_in_layouts(row):
        torch.manual_seed(3)
        args, kwargs = calls.torch_arguments(torch, there, lambda each: torch_of(torch, each))
        expected = outcome(theirs(torch, row), *args, **kwargs)
        if isinstance(expected, Exception):
            continue
        mt.manual_seed(3)
        args, kwargs = calls.our_arguments(there, calls.our_tensor)
        found = ours(row)(*args, **kwargs)
        for one, other in zip(tensors_in(found), tensors_in(expected), strict=True):
            assert tuple(one.stride()) == tuple(other.stride()), there
            if row.name not in UNSET:
                np.testing.assert_allclose(numbers(one), numbers(other), rtol=1e-5, atol=1e-6)

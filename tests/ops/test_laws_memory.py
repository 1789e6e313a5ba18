"""Memory: results do not depend on the inputs' layouts; which tensors share memory; in-place writes."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minitensor as mt
from minitensor import layouts
from minitensor.base import window
from minitensor.layouts import Layout
from ops import call as calls
from ops.call import assert_same, convert_arrays, find, note_on_error, numbers, ours, recast, tensors_in, twin
from ops.row import Call, Row
from ops.table import ROWS
from strategies import KINDS, Placed, placements, put_in_memory, tensor_of

HERE = tuple([row for row in ROWS if find(mt, row.name) is not None])
STEADY = tuple([row for row in HERE if not row.random])


def each(law: str, rows: Any = STEADY) -> Any:
    return pytest.mark.parametrize("row", [row for row in rows if law not in row.notes], ids=repr)


def results(row: Row, call: Call, seeds: str) -> list[Any]:
    """Return an op's results and its inputs' gradients, with upstream gradients in the layout ``seeds``."""
    args, kwargs = calls.our_arguments(call, calls.our_tensor)
    leaves = []
    if row.differentiable:
        for k, arg in enumerate([*args, *kwargs.values()]):
            for tensor in tensors_in(arg) if k not in row.constants else ():
                if tensor.is_floating_point():
                    leaves.append(tensor.requires_grad_())
    found = ours(row)(*args, **kwargs)
    kept = [tensor for tensor in tensors_in(found) if tensor.requires_grad]
    if not kept:
        return tensors_in(found)
    upstream = [
        tensor_of(put_in_memory(np.cos(np.arange(t.numel())).reshape(t.shape).astype(t.array.dtype), seeds))
        for t in kept
    ]
    grads = mt.autograd.grad(kept, leaves, upstream, allow_unused=True)
    return [*tensors_in(found), *[mt.zeros(0) if grad is None else grad for grad in grads]]


def made_contiguous(call: Call) -> Call:
    return convert_arrays(call, lambda placed: placed.array)


# -- layouts -----------------------------------------------------------------------------------------------------------


@each("layout")
def test_every_layout_gives_the_same_result(row: Row) -> None:
    for kind, call in itertools.product(KINDS, row.calls):
        there = calls.in_layout(call, kind)
        with note_on_error(kind, call):
            expected = results(row, made_contiguous(there), "contiguous")
            assert_same(results(row, there, "contiguous"), expected, 1e-12)


@each("layout", [row for row in STEADY if row.differentiable])
def test_upstream_gradients_may_have_every_layout(row: Row) -> None:
    for call in row.calls:
        expected = results(row, call, "contiguous")
        for kind in ("transposed", "gaps", "odd"):
            with note_on_error(kind, call):
                assert_same(results(row, call, kind), expected, 1e-12)


@each("layout", [row for row in STEADY if row.differentiable])
def test_an_upstream_gradient_may_be_expanded(row: Row) -> None:
    """What ``sum().backward()`` passes: one number, repeated with zero strides."""
    for call in row.calls:
        with note_on_error(call):
            args, kwargs = calls.our_arguments(call)
            leaves = [
                t.requires_grad_()
                for k, arg in enumerate([*args, *kwargs.values()])
                if k not in row.constants
                for t in tensors_in(arg)
                if t.is_floating_point()
            ]
            kept = [tensor for tensor in tensors_in(ours(row)(*args, **kwargs)) if tensor.requires_grad]
            if not kept or not leaves:
                continue
            found, expected = (
                mt.autograd.grad(kept, leaves, [make(tensor) for tensor in kept], allow_unused=True, retain_graph=True)
                for make in (expanded_gradient, lambda tensor: mt.full(tuple(tensor.shape), 1.5, dtype=tensor.dtype))
            )
            for one, other in zip(found, expected, strict=True):
                assert (one is None) == (other is None)
                assert one is None or np.allclose(numbers(one), numbers(other), 1e-12, 1e-12, equal_nan=True)


def expanded_gradient(tensor: Any) -> mt.Tensor:
    """Return a gradient of one and a half everywhere that is a single memory location."""
    shape = tuple(tensor.shape)
    return tensor_of(Placed(np.array([1.5], tensor.array.dtype), shape, (0,) * len(shape), 0))


@given(st.data())
def test_random_layouts_give_the_same_result(data: st.DataObject) -> None:
    row = data.draw(st.sampled_from([row for row in STEADY if "layout" not in row.notes]))
    call = data.draw(st.sampled_from(row.calls))
    there = convert_arrays(call, lambda array: data.draw(placements(array)))
    with note_on_error(row, call):
        assert_same(results(row, there, "contiguous"), results(row, made_contiguous(there), "contiguous"), 1e-12)


# -- sharing -----------------------------------------------------------------------------------------------------------


@each("sharing", [row for row in HERE if not row.may_share])
def test_memory_is_shared_only_where_the_row_says_so(row: Row) -> None:
    for call in row.calls:
        args, kwargs = calls.our_arguments(call)
        given = [tensor for arg in [*args, *kwargs.values()] for tensor in tensors_in(arg)]
        for found in tensors_in(ours(row)(*args, **kwargs)):
            shared = any(np.shares_memory(found.array, tensor.array) for tensor in given)
            assert shared == (row.view and bool(found.numel())), call
            assert not row.view or found.storage is given[0].storage


@each("sharing", [row for row in STEADY if row.view])
def test_a_view_sees_a_write_to_its_base_and_the_base_a_write_to_its_view(row: Row) -> None:
    for call in row.calls:
        args, kwargs = calls.our_arguments(call)
        base = args[0] if isinstance(args[0], mt.Tensor) else tensors_in(args)[0]
        for view in tensors_in(ours(row)(*args, **kwargs)):
            version = base.version
            base.fill_(7)
            assert (numbers(view) == 7).all()
            assert view.version == base.version == version + 1


@each("input", [row for row in HERE if not row.name.endswith("_")])
def test_inputs_are_unchanged(row: Row) -> None:
    for call in row.calls:
        args, kwargs = calls.our_arguments(call)
        ours(row)(*args, **kwargs)
        again, named = calls.our_arguments(call)
        for one, other in zip([*args, *kwargs.values()], [*again, *named.values()], strict=True):
            for tensor, fresh in zip(tensors_in(one), tensors_in(other), strict=True):
                assert tensor.version == 0
                np.testing.assert_array_equal(numbers(tensor), numbers(fresh))


# -- in place ----------------------------------------------------------------------------------------------------------

TWINS = [row for row in STEADY if row.inplace and twin(row) is not None]


def write(row: Row, call: Call, x: mt.Tensor) -> Any:
    """Call the in-place version on ``x`` in place of the first argument."""
    args, kwargs = calls.our_arguments(call)
    return twin(row)(x, *args[1:], **kwargs)


def fitting_calls(row: Row) -> list[tuple[Call, mt.Tensor]]:
    """Return the calls whose result fits into their first argument, with that result."""
    calls_here = [call for call in row.calls if isinstance(call.args[0], np.ndarray)]
    pairs = [(call, calls.run(row, call)) for call in calls_here]
    return [
        (call, found)
        for call, found in pairs
        if tuple(found.shape) == call.args[0].shape and mt.can_cast(found.dtype, mt.tensor(call.args[0]).dtype)
    ]


@each("inplace", TWINS)
def test_the_inplace_version_writes_the_ops_result(row: Row) -> None:
    assert fitting_calls(row), "no call of the row fits its twin"
    for call, expected in fitting_calls(row):
        x = mt.tensor(call.args[0])
        version = x.version
        with note_on_error(call):
            assert write(row, call, x) is x
            assert x.version > version
            np.testing.assert_allclose(numbers(x), numbers(expected), rtol=1e-12, atol=1e-12)


@each("inplace", TWINS)
def test_the_inplace_version_writes_only_inside_its_view(row: Row) -> None:
    for kind, (call, expected) in itertools.product(("transposed", "gaps", "offset"), fitting_calls(row)):
        where = put_in_memory(call.args[0], kind)
        flat = mt.tensor(where.flat)
        seen = np.zeros(where.flat.size, bool)
        np.lib.stride_tricks.as_strided(seen[where.offset :], where.shape, where.strides)[...] = True
        x = window(flat, Layout(where.shape, where.strides, where.offset))
        with note_on_error(call):
            write(row, call, x)
            np.testing.assert_allclose(numbers(x), numbers(expected), rtol=1e-12, atol=1e-12)
            np.testing.assert_array_equal(numbers(flat)[~seen], where.flat[~seen])
            assert flat.version == x.version > 0


@each("inplace", [row for row in TWINS if row.differentiable])
def test_the_inplace_version_has_the_gradient_of_the_op(row: Row) -> None:
    for call, _ in fitting_calls(row):
        found, expected = [], []
        for op, gathered in ((twin(row), found), (ours(row), expected)):
            args, kwargs = calls.our_arguments(call)
            leaves = [t.requires_grad_() for arg in args for t in tensors_in(arg) if t.is_floating_point()]
            result = op(args[0] * 1, *args[1:], **kwargs) if op is not ours(row) else op(*args, **kwargs)
            if result.requires_grad and leaves:
                gathered += mt.autograd.grad(
                    result,
                    leaves,
                    mt.tensor(np.cos(np.arange(result.numel())).reshape(result.shape)),
                    allow_unused=True,
                )
        with note_on_error(call):
            for one, other in zip(found, expected, strict=True):
                zero = np.zeros(())
                np.testing.assert_allclose(
                    *[zero if g is None else numbers(g) for g in (one, other)], rtol=1e-11, atol=1e-12
                )


FILLS = ("masked_fill", "index_fill", "index_put")  # test_laws_overlap.py tests them
UNWRITTEN = ("conj_physical",)  # as in PyTorch, real numbers are their own conjugates, so nothing is written


@each("inplace", [row for row in TWINS if row.name not in (*FILLS, *UNWRITTEN)])
def test_the_inplace_version_refuses_an_expanded_tensor_and_leaves_it_unchanged(row: Row) -> None:
    call, _ = fitting_calls(row)[0]
    cell = mt.tensor(call.args[0].reshape(-1)[:1])
    x = window(cell, layouts.expand(cell.layout, (3,)))
    before = numbers(cell).copy()
    with pytest.raises(mt.errors.InplaceError, match="more than one element"):
        write(
            row,
            Call(
                (call.args[0], *[a if not isinstance(a, np.ndarray) else a.reshape(-1)[:1] for a in call.args[1:]]),
                call.kwargs,
            ),
            x,
        )
    np.testing.assert_array_equal(numbers(cell), before)


@each("inplace", [row for row in TWINS if row.differentiable])
def test_the_inplace_version_refuses_a_leaf_that_requires_grad(row: Row) -> None:
    call = next(call for call, _ in fitting_calls(row) if call.args[0].dtype.kind == "f")
    x = mt.tensor(call.args[0], requires_grad=True)
    with pytest.raises(mt.errors.InplaceError, match="leaf"):
        write(row, call, x)
    np.testing.assert_array_equal(numbers(x), call.args[0])


def test_single_precision_stays_single_in_place() -> None:
    call = recast(Call((np.ones(3),), {}), "float32")
    x = calls.run(Row("clone", (call,)), call)
    assert x.add_(1.5).dtype is mt.float32

"""The laws of forward mode: the tangent of every differentiable op equals PyTorch's and a finite difference.

Where PyTorch has no rule for an op, the double backward pass takes its place.
"""

from __future__ import annotations

import warnings
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from minitensor.autograd import forward_ad
from ops import call as calls
from ops.call import find, note_on_error, numbers, ours, outcome, recast, tensors_in, theirs
from ops.row import DTYPES, Call, Row
from ops.table import ROWS

DIFFERENTIABLE = [row for row in ROWS if find(mt, row.name) is not None and row.differentiable and not row.random]


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    return pytest.importorskip("torch")


def direction(array: Any) -> Any:
    """Return a tangent for an array."""
    steps = np.arange(array.size, dtype="float64").reshape(array.shape)
    found = np.cos(steps + 0.3) + (0.5j * np.sin(steps) if array.dtype.kind == "c" else 0)
    return np.asarray(found, array.dtype)


def moves(row: Row, place: Any, array: Any) -> bool:
    return array.dtype.kind in "fc" and place not in row.constants


def is_real_number(tensor: Any) -> bool:
    return bool(tensor.is_floating_point() or tensor.is_complex())


def make_moving(library: Any, level: Any, row: Row, arguments: Any) -> Any:
    """Return the arguments of a call with a tangent for each tensor of floats."""
    args, kwargs = arguments
    given = [*args, *kwargs.values()]
    constant = {id(each) for place in row.constants if place < len(given) for each in tensors_in(given[place])}

    def move(value: Any) -> Any:
        if isinstance(value, library.Tensor):
            if id(value) in constant or not is_real_number(value):
                return value
            tangent = direction(numbers(value))
            return level.make_dual(value, (mt.tensor if library is mt else library.from_numpy)(np.array(tangent)))
        if value.__class__ in (list, tuple):
            return value.__class__([move(each) for each in value])
        return value

    return [move(each) for each in args], {name: move(each) for name, each in kwargs.items()}


def tangents_of_ours(row: Row, call: Call) -> list[Any]:
    with forward_ad.dual_level():
        args, kwargs = make_moving(mt, forward_ad, row, calls.our_arguments(call, calls.our_tensor))
        results = tensors_in(ours(row)(*args, **kwargs))
        return [unpack(forward_ad, each) for each in results if is_real_number(each)]


def tangents_of_theirs(torch: Any, row: Row, call: Call) -> list[Any]:
    level = torch.autograd.forward_ad
    with level.dual_level():
        args, kwargs = make_moving(torch, level, row, calls.torch_arguments(torch, call))
        results = tensors_in(theirs(torch, row)(*args, **kwargs))
        return [unpack(level, each) for each in results if is_real_number(each)]


def unpack(level: Any, tensor: Any) -> Any:
    """Return the tangent of a result as an array: zeros if it has none."""
    primal, tangent = level.unpack_dual(tensor)
    if tangent is None:
        return np.zeros_like(numbers(primal))
    assert tuple(tangent.shape) == tuple(primal.shape), f"the tangent has shape {tuple(tangent.shape)}"
    assert tangent.dtype == primal.dtype, f"the tangent has dtype {tangent.dtype}"
    return numbers(tangent)


def assert_close(found: list[Any], expected: list[Any], rtol: float, what: str) -> None:
    assert len(found) == len(expected), what
    for one, other in zip(found, expected, strict=True):
        scale = max(1.0, float(np.nanmax(np.abs(other), initial=0)))
        np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol * scale, err_msg=what)


def cases(row: Row) -> list[Call]:
    """Return the calls of a row, and the first ones with complex numbers."""
    found = list(row.calls)
    if "complex128" in DTYPES[row.dtypes] and "complex" not in row.notes:
        found += [recast(call, "complex128") for call in row.calls[:2] if calls.arrays_in(call)]
    return found


@pytest.mark.parametrize("row", DIFFERENTIABLE, ids=repr)
def test_tangents_equal_those_of_pytorch(torch: ModuleType, row: Row) -> None:
    for call in cases(row):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = outcome(tangents_of_theirs, torch, row, call)
            if isinstance(expected, Exception):
                continue  # PyTorch has no rule, or the call is an error
            with note_on_error(call):
                assert_close(tangents_of_ours(row, call), expected, 1e-7, "the tangent")

"""The oracles: every op equals NumPy where NumPy has it, and PyTorch in value, dtype, shape, strides and gradient."""

from __future__ import annotations

import inspect
import itertools
import warnings
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from ops import call as calls
from ops.call import (
    assert_same,
    convert_arrays,
    dtype_name,
    find,
    note_on_error,
    numbers,
    ours,
    outcome,
    recast,
    tensors_in,
    theirs,
)
from ops.row import DTYPES, Call, Row
from ops.table import ROWS

HERE = tuple([row for row in ROWS if find(mt, row.name) is not None])
EACH = pytest.mark.parametrize("row", HERE, ids=repr)


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    return pytest.importorskip("torch")


def steady(law: str) -> Any:
    """Parametrize over the deterministic ops to which a law applies."""
    return pytest.mark.parametrize("row", [row for row in HERE if not row.random and law not in row.notes], ids=repr)


def both(torch: ModuleType, row: Row, call: Call) -> tuple[Any, Any]:
    """Return the results of both libraries, or raise."""
    args, kwargs = calls.torch_arguments(torch, call)
    expected = their_outcome(theirs(torch, row), *args, **kwargs)
    return outcome(calls.run, row, call), expected


def their_outcome(function: Any, *args: Any, **kwargs: Any) -> Any:
    """Return the result of a PyTorch call or its exception, without the warnings that it gives once per process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return outcome(function, *args, **kwargs)


def assert_both(row: Row, found: Any, expected: Any, dtype: str) -> None:
    """Compare results, or the classes of errors."""
    if isinstance(expected, Exception):
        if lacks(expected):
            assert not isinstance(found, Exception) or isinstance(found, (RuntimeError, TypeError)), repr(found)
            return
        assert isinstance(found, Exception), f"PyTorch raises {expected!r}, here is {found}"
        kind = next(each for each in type(expected).__mro__ if each.__module__ == "builtins")
        assert isinstance(found, kind), f"PyTorch raises {expected!r}, here it is {found!r}"
        assert isinstance(found, mt.errors.MinitensorError), f"not an error of this library: {found!r}"
        return
    if isinstance(found, Exception):
        raise found
    assert_same(found, expected, calls.tolerance(row, dtype))


def lacks(error: Exception) -> bool:
    """Return whether PyTorch merely lacks a kernel or formula for this call: then this library may have one."""
    words = str(error)
    return isinstance(error, NotImplementedError) or any(
        reason in words
        for reason in (
            "is not implemented",
            "must be Tensor, not",
            "not supported for complex",
            "does not support automatic diff",
        )
    )


# -- values ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", [row for row in HERE if row.numpy is not None], ids=repr)
def test_equals_numpy(row: Row) -> None:
    for call in row.calls:
        with note_on_error(call):
            args, kwargs = calls.convert_arguments(call, lambda array: array, lambda dtype: np.dtype(dtype.name))
            found = calls.run(row, call)
            for one, other in zip(tensors_in(found) or [found], [row.numpy(*args, **kwargs)], strict=True):
                np.testing.assert_allclose(numbers(one) if tensors_in(one) else one, other, rtol=1e-12, atol=1e-13)


@steady("torch")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_equals_pytorch(torch: ModuleType, row: Row, dtype: str) -> None:
    for call in row.calls:
        with note_on_error(call):
            assert_both(row, *both(torch, row, recast(call, dtype)), dtype)


@pytest.mark.parametrize("row", [r for r in HERE if r.strides and not r.random and "strides" not in r.notes], ids=repr)
@pytest.mark.filterwarnings("ignore::UserWarning")  # PyTorch's, once a process, in whatever test comes first
def test_the_result_has_pytorchs_strides(torch: ModuleType, row: Row) -> None:
    for call in row.calls:
        args, kwargs = calls.torch_arguments(torch, call)
        expected, found = theirs(torch, row)(*args, **kwargs), calls.run(row, call)
        for one, other in zip(tensors_in(found), tensors_in(expected), strict=True):
            assert (one.stride(), one.storage_offset()) == (other.stride(), other.storage_offset()), call


@steady("dtypes")
def test_each_op_accepts_pytorchs_dtypes(torch: ModuleType, row: Row) -> None:
    call = row.calls[0]
    values = any(array.dtype == np.float64 for array in calls.arrays_in(call))
    for dtype in DTYPES[row.dtypes]:
        with note_on_error(dtype, call):
            cast = recast(call, dtype) if values else convert_arrays(call, lambda array: array.astype(dtype))  # noqa: B023
            assert_both(row, *both(torch, row, cast), "float16")


@pytest.mark.parametrize(
    "row", [r for r in HERE if r.pointwise and len(r.calls[0].args) == 2 and "dtypes" not in r.notes], ids=repr
)
@pytest.mark.parametrize("shapes", [((2,), (2,)), ((2,), ()), ((), (2,)), ((2,), None)], ids=repr)
def test_types_are_promoted_as_in_pytorch(torch: ModuleType, row: Row, shapes: Any) -> None:
    """Every pair of dtypes, with dims, 0-d, and with Python numbers."""
    x, y = [None if shape is None else np.full(shape, n) for shape, n in zip(shapes, (3, 2))]
    seconds = [2, 2.0, True, 2j] if y is None else [y.astype(dtype) for dtype in DTYPES["all"]]
    for dtype, second in itertools.product(DTYPES["all"], seconds):
        if (dtype == "float16" and (second == 2j if y is None else second.dtype.kind == "c" and not second.ndim)) or (
            dtype.startswith("complex") and not x.ndim and y is not None and second.dtype == np.float16
        ):
            continue  # complex32: this library has none
        call = Call((x.astype(dtype), second), {})
        with note_on_error(call, getattr(second, "dtype", "")):
            assert_both(row, *both(torch, row, call), "float16")


SPECIAL = np.array([float("nan"), float("inf"), -float("inf"), 0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 1e-30, 1e30])


@pytest.mark.parametrize("row", [row for row in HERE if row.pointwise and "special" not in row.notes], ids=repr)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_special_values_give_pytorchs_results(torch: ModuleType, row: Row, dtype: str) -> None:
    special = SPECIAL.astype(dtype)
    shapes: list[tuple[int, ...]] = [(-1, 1), (-1,)] if len(row.calls[0].args) == 2 else [(-1,)]
    call = Call(tuple([special.reshape(shape) for shape in shapes]), {})
    found, expected = both(torch, row, call)
    assert_both(row, found, expected, dtype)
    zeros = numbers(expected) == 0
    assert not zeros.any() or (np.signbit(numbers(found)) == np.signbit(numbers(expected)))[zeros].all(), (
        "signs of zeros"
    )


@pytest.mark.parametrize("row", [row for row in HERE if row.wrong], ids=repr)
def test_calls_that_pytorch_refuses_raise_a_subclass_of_its_error(torch: ModuleType, row: Row) -> None:
    for call in row.wrong:
        with note_on_error(call):
            found, expected = both(torch, row, call)
            assert isinstance(expected, Exception), f"PyTorch takes it: {expected}"
            assert_both(row, found, expected, "float64")


# -- gradients ---------------------------------------------------------------------------------------------------------


def slope(library: Any, op: Any, arguments: Any, row: Row, tensor: Any) -> tuple[list[bool], list[Any], list[str]]:
    """Return which results require grad, the gradients of all inputs for equal cotangents, and the results' dtypes."""
    args, kwargs = arguments
    leaves = [
        each.requires_grad_()
        for k, arg in enumerate([*args, *kwargs.values()])
        if k not in row.constants
        for each in tensors_in(arg)
        if each.is_floating_point() or each.is_complex()
    ]
    results = tensors_in(op(*args, **kwargs))
    kept = [each for each in results if each.requires_grad]
    seeds = [cotangent(numbers(each).dtype, tuple(each.shape), k, tensor) for k, each in enumerate(kept)]
    grads = library.autograd.grad(kept, leaves, seeds, allow_unused=True) if kept else [None] * len(leaves)
    return (
        [each.requires_grad for each in results],
        [library.zeros_like(leaf) if grad is None else grad for leaf, grad in zip(leaves, grads, strict=True)],
        [dtype_name(each) for each in kept],
    )


def cotangent(dtype: Any, shape: tuple[int, ...], seed: int, tensor: Any) -> Any:
    random = np.random.RandomState(seed)
    values = random.uniform(0.5, 1.5, shape)
    if dtype.kind == "c":
        values = values + 1j * random.uniform(0.5, 1.5, shape)
    return tensor(np.asarray(values, dtype))


@pytest.mark.parametrize(("row", "dtype"), [
    (row, dtype) for row in HERE for dtype in ("float64", "float32", "complex128")
    if not row.random and "gradient" not in row.notes
    and (dtype in DTYPES[row.dtypes] or not dtype.startswith("complex"))
], ids=repr)  # fmt: skip
def test_gradients_equal_pytorchs(torch: ModuleType, row: Row, dtype: str) -> None:
    for call in row.calls:
        with note_on_error(call):
            typed = recast(call, dtype)
            args, kwargs = calls.torch_arguments(torch, typed)
            expected = their_outcome(slope, torch, theirs(torch, row), (args, kwargs), row, torch.from_numpy)
            found = outcome(slope, mt, ours(row), calls.our_arguments(typed), row, mt.tensor)
            if isinstance(expected, Exception):
                assert isinstance(found, Exception) or lacks(expected), f"PyTorch raises {expected!r}"
                continue
            if isinstance(found, Exception):
                raise found
            assert found[0] == expected[0], "requires_grad"
            lowest = max(calls.tolerance(row, name) for name in (dtype, *found[2]))
            for k, (one, other) in enumerate(zip(found[1], expected[1], strict=True)):
                assert_same(one, other, 10 * lowest, f"gradient {k}")
            assert row.differentiable == any(found[0]) or not found[0] or not found[1], "Row.differentiable is wrong"


# -- names -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", [row for row in HERE if row.aliases], ids=repr)
def test_aliases_are_the_same_op(row: Row) -> None:
    for alias in row.aliases:
        found = [place for place in (mt, mt.Tensor) if getattr(place, alias, None) is not None]
        assert found, f"{alias} is nowhere"
        for place in found:
            args, kwargs = calls.our_arguments(row.calls[0])
            assert_same(getattr(place, alias)(*args, **kwargs), calls.run(row, row.calls[0]), 1e-12)


def test_a_method_is_the_function_of_its_name() -> None:
    """One object under two names needs no test of its own."""
    others = {
        row.name
        for row in HERE
        if hasattr(mt, row.name)
        and hasattr(mt.Tensor, row.name)
        and getattr(mt, row.name) is not getattr(mt.Tensor, row.name)
    }
    allowed = {"where", "polygamma", "real", "imag"}
    allowed |= {"reshape", "permute", "flip", "tile", "broadcast_to"}  # only methods take ints one by one
    allowed |= {"addmm", "addmv", "addr", "baddbmm", "addbmm"}  # only methods take old orders: test_old_orders.py
    assert others <= allowed, f"methods of their own: {sorted(others)}"


def names_its_arguments(row: Row) -> bool:
    kinds = inspect.signature(ours(row)).parameters.values()
    return row.names and "names" not in row.notes and not any(each.kind is each.VAR_POSITIONAL for each in kinds)


@pytest.mark.parametrize("row", [row for row in HERE if names_its_arguments(row)], ids=repr)
@pytest.mark.filterwarnings("ignore::UserWarning")  # as above
def test_arguments_have_pytorchs_names(torch: ModuleType, row: Row) -> None:
    op, other = ours(row), theirs(torch, row)
    kinds = list(inspect.signature(op).parameters.values())
    call = row.calls[0]
    (args, kwargs), (own, own_kwargs) = calls.torch_arguments(torch, call), calls.our_arguments(call)
    itself = int(row.name.startswith("Tensor."))  # a method's first argument has no name
    names = [each.name for each in kinds][itself:]
    expected = other(*args[:itself], **dict(zip(names, args[itself:], strict=False)), **kwargs)
    found = op(*own[:itself], **dict(zip(names, own[itself:], strict=False)), **own_kwargs)
    if not row.random:
        assert_same(found, expected, 1e-6)


def test_new_tensors_are_float32() -> None:
    assert dtype_name(mt.zeros(1)) == "float32"

"""Integers at the ends of their dtype, through every op; and no integer tensor ever requires grad."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minitensor as mt
import minitensor.nn.functional
from ops import call as calls
from ops.call import assert_same, convert_arrays, find, ours, outcome, tensors_in, theirs, twin
from ops.row import Call, Row
from ops.table import ROWS

HERE = [row for row in ROWS if find(mt, row.name) is not None and not row.random]
DTYPES = ("bool", "uint8", "int8", "int16", "int32", "int64")


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    return pytest.importorskip("torch")


# -- values at both ends -----------------------------------------------------------------------------------------------

DIFFERS = {
    "gradient": "PyTorch subtracts in the small dtype and wraps",
    "topk": "the order of equal elements is undefined",
    "histogram": "PyTorch has no kernel for integers",
    "histogramdd": "PyTorch has no kernel for integers",
    "nn.functional.hinge_embedding_loss": "PyTorch supports integers for only one of its reductions",
    "nn.functional.locally_connected2d": "the reference is written with convolutions",
    **{
        row.name: "PyTorch overflows to NaN, its angles are float32" for row in ROWS if "_polynomial_" in row.name
    },
    "special.airy_ai": "PyTorch's float32 loses the angle, SciPy refuses that of 2**31",
    "special.bessel_j0": "PyTorch's float32 series loses the angle of 2**31",
    "special.bessel_j1": "PyTorch's float32 series loses the angle of 2**31",
    "special.bessel_y0": "PyTorch's float32 series loses the angle of 2**31",
    "special.bessel_y1": "PyTorch's float32 series loses the angle of 2**31",
    "nn.functional.pad": "PyTorch reflects bools in two dims, not in three",
    "nn.functional.lp_pool3d": "cubes of 2**31 cancel in float32",
}
ROUNDED = ("fft.", "istft", "stft", "linalg.")  # sums of huge numbers in float32: rounding decides


def extremes(dtype: str, shape: tuple[int, ...], start: int) -> Any:
    """Return the largest and smallest integers of a dtype, and small ones, in turn."""
    if dtype == "bool":
        some = np.array([True, False, True])
    else:
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        some = np.array([high, 1, low, 0, 3, high - 1, low + 1, 2], dtype)
    return np.resize(np.roll(some, start), int(np.prod(shape))).reshape(shape)


def at_the_ends(call: Call, dtype: str) -> Call:
    """Return the call with its floats replaced by extreme integers."""
    starts = iter(range(1, 100))

    def convert(array: Any) -> Any:
        return extremes(dtype, array.shape, next(starts)) if array.dtype == "float64" else array

    return convert_arrays(call, convert)


def disagreement(torch: ModuleType, row: Row, call: Call) -> str | None:
    args, kwargs = calls.torch_arguments(torch, call)
    expected, found = outcome(theirs(torch, row), *args, **kwargs), outcome(calls.run, row, call)
    if isinstance(expected, Exception):
        refused = isinstance(found, mt.errors.MinitensorError)
        return None if refused else f"{found!r:.80} for {expected!r:.80}"
    if isinstance(found, Exception):
        return f"{found!r:.80} for {expected!r:.80}"
    different = outcome(assert_same, found, expected, 1e-5)
    return f"{found!r:.80} for {expected!r:.80}" if different is not None else None


def disagreements(torch: ModuleType, rows: list[Row]) -> Iterator[str]:
    for row in rows:
        for dtype in DTYPES:
            trouble = disagreement(torch, row, at_the_ends(row.calls[0], dtype))
            if trouble:
                yield f"{row} {dtype}: {trouble}"


@pytest.mark.parametrize("part", range(4))
def test_extreme_integers_give_pytorchs_results(torch: ModuleType, part: int) -> None:
    rows = [row for row in HERE if row.name not in DIFFERS and not row.name.startswith(ROUNDED)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = list(disagreements(torch, rows[part::4]))
    assert not found, "\n".join(found)


# -- no gradient -------------------------------------------------------------------------------------------------------


def mixed_calls(call: Call, dtype: str) -> list[Any]:
    """Return the calls in which one of the floats is an array of integers."""
    floats = [array for array in calls.arrays_in(call) if array.dtype == "float64"]
    return [
        convert_arrays(call, lambda array, one=one: array.astype(dtype) if array is one else array) for one in floats
    ]


def leaf(array: Any) -> Any:
    made = mt.tensor(array)
    return made.requires_grad_() if made.is_floating_point() or made.is_complex() else made


def integers_with_gradient(operation: Any, call: Call) -> list[Any]:
    given: list[Any] = []

    def argument(array: Any) -> Any:
        made = leaf(array)
        given.append(made * 1 if made.requires_grad else made)
        return given[-1]

    args, kwargs = calls.our_arguments(call, argument)
    result = outcome(operation, *args, **kwargs)
    everything = [*given, *(tensors_in(result) if not isinstance(result, Exception) else [])]
    return [each for each in everything if each.requires_grad and not (each.is_floating_point() or each.is_complex())]


@pytest.mark.parametrize("dtype", ["bool", "int8"])
def test_integers_never_require_grad(dtype: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = {
            f"{row} {operation.__name__}"
            for row in HERE
            for call in row.calls[:2]
            for each in [call, *mixed_calls(call, dtype)]
            for operation in (ours(row), twin(row))
            if operation is not None and integers_with_gradient(operation, each)
        }
    assert not found, sorted(found)


WRITES = {
    "copy_": lambda x, y: x.copy_(y),
    "copy_ into a view": lambda x, y: x.t().copy_(y),
    "x[0] =": lambda x, y: x.__setitem__(0, y[0]),
    "x[0, 0] =": lambda x, y: x.__setitem__((0, 0), y.sum()),
    "x[mask] =": lambda x, y: x.__setitem__(y > 0, y.sum()),
    "fill_": lambda x, y: x.fill_(y.sum()),
    "masked_fill_": lambda x, y: x.masked_fill_(y > 0, y.sum()),
    "index_fill_": lambda x, y: x.index_fill_(0, mt.tensor([0]), y.sum()),
    "fill_diagonal_": lambda x, y: x.fill_diagonal_(y.sum()),
    "data": lambda x, y: setattr(x, "data", y),
    "masked_fill": lambda x, y: x.masked_fill(y > 0, y.sum()),
    "slice_scatter": lambda x, y: x.slice_scatter(y),
}


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize("dtype", [mt.bool, mt.uint8, mt.int64], ids=repr)
def test_a_write_into_integers_is_not_recorded(name: str, dtype: Any) -> None:
    """PyTorch records some of these, and then the integer tensor requires grad."""
    x, y = mt.zeros(2, 2, dtype=dtype), mt.ones(2, 2, requires_grad=True) * 1
    result = WRITES[name](x, y)  # type: ignore[no-untyped-call]
    for each in (x, result) if isinstance(result, mt.Tensor) else (x,):
        assert each.is_floating_point() or (not each.requires_grad and each.grad_fn is None)


def test_data_of_a_leaf_that_requires_grad_cannot_be_integers() -> None:
    x = mt.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="must be floating point or complex dtype, got int64"):
        x.data = mt.tensor([1, 2])
    assert x.tolist() == [1.0, 1.0]

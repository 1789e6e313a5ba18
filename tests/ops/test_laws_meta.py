"""Every op on the device "meta" computes the layout that it has on the CPU, and PyTorch's on "meta", without memory."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest

import minitensor as mt
from ops import call as calls
from ops.call import dtype_name, find, note_on_error, ours, quiet, tensors_in, theirs
from ops.row import Call, Row
from ops.table import ROWS

HERE = tuple([row for row in ROWS if find(mt, row.name) is not None])
EACH = pytest.mark.parametrize("row", HERE, ids=repr)


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


# -- layouts of results ------------------------------------------------------------------------------------------------


def facts(value: Any) -> list[Any]:
    """Return the shape, dtype and strides of each tensor of a result."""
    return [(tuple(each.shape), dtype_name(each), tuple(each.stride())) for each in tensors_in(value)]


def here(row: Row, call: Call, device: str) -> Any:
    """Call this library's op on a device; one without tensors among its arguments gets the device by name."""
    args, kwargs = calls.our_arguments(call, lambda array: calls.our_tensor(array).to(device))
    return ours(row)(*args, **kwargs, **named(row, device))


def there(torch: Any, row: Row, call: Call, device: str) -> Any:
    args, kwargs = calls.torch_arguments(torch, call, lambda array: calls.fresh(torch, array).to(device))
    return theirs(torch, row)(*args, **kwargs, **named(row, device))


def named(row: Row, device: str) -> dict[str, str]:
    return {} if any(calls.arrays_in(call) for call in row.calls) else {"device": device}


def class_of(error: Any) -> type | None:
    """Return the built-in class of an error, or None for a result."""
    if not isinstance(error, Exception):
        return None
    return next(each for each in type(error).__mro__ if each.__module__ == "builtins")


# Results whose shape or value is in the elements, which do not exist.
READS = {
    "unique", "unique_consecutive", "bincount", "histogram", "histogramdd", "masked_select", "combinations", "argwhere",
    "nonzero", "equal", "allclose", "repeat_interleave", "cov", "narrow from a tensor", "nn.functional.one_hot",
    "nn.functional.ctc_loss", "Tensor.__getitem__ with picks",
}  # fmt: skip


@EACH
def test_results_have_the_layout_that_they_have_on_the_cpu(row: Row) -> None:
    """What elements decide on the CPU, such as an index out of range, does not count."""
    for call in row.calls:
        expected = quiet(here, row, call, "cpu")
        if isinstance(expected, Exception):
            continue
        with note_on_error(call):
            found = quiet(here, row, call, "meta")
            if isinstance(found, Exception):
                assert isinstance(found, mt.errors.MetaError) and repr(row) in READS, repr(found)
                continue
            assert all(each.is_meta for each in tensors_in(found))
            if row.name != "nonzero_static":  # the transpose of its rows, as in PyTorch
                assert facts(found) == facts(expected)


@EACH
def test_results_and_errors_are_pytorchs(row: Row) -> None:
    """Where PyTorch's result on "meta" differs from its own on the CPU, or from ours there, those count too."""
    torch = pytest.importorskip("torch")
    for call in (*row.calls, *row.wrong):
        with note_on_error(call):
            found = quiet(here, row, call, "meta")
            expected = [quiet(there, torch, row, call, place) for place in ("meta", "cpu")]
            if isinstance(found, Exception):
                assert isinstance(found, mt.errors.MinitensorError), repr(found)
                classes = [kind for kind in map(class_of, expected) if kind is not None]
                assert any(isinstance(found, kind) for kind in classes), (repr(found), expected)
                continue
            if "meta tensors" in str(expected[0]).lower() and isinstance(expected[1], Exception):
                continue  # PyTorch reads elements there
            layouts = [facts(each) for each in (*expected, quiet(here, row, call, "cpu"))]
            assert facts(found) in layouts or repr(row) in LAPACK, (facts(found), layouts)


# Where matrices are column-major in PyTorch and row-major here, and the CPU refuses what "meta" cannot see.
LAPACK = {"linalg.inv", "linalg.inv_ex", "linalg.cholesky", "linalg.cholesky_ex", "cholesky", "linalg.matrix_power"}

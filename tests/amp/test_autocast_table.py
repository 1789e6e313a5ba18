"""Every call of the op table in a region of autocast: PyTorch's dtypes and values, from arguments of each dtype."""

from __future__ import annotations

from itertools import cycle
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from ops import call as calls
from ops.call import dtype_name, find, numbers, ours, quiet, tensors_in, theirs
from ops.row import Call, Row
from ops.table import ROWS

HERE = tuple([row for row in ROWS if find(mt, row.name) is not None])

# The dtypes that the floating-point arguments of a call have, in turn.
DTYPES = (("float32",), ("float16",), ("float32", "float16"), ("float16", "float32"), ("float64",))

NEEDS_SINGLE = "linear algebra needs single precision"

# Where the results have other dtypes than PyTorch's, or only PyTorch accepts the call.
DIFFERENT = {
    "complex": "there is no complex32",
    "linalg.det": NEEDS_SINGLE,
    **dict.fromkeys(("linalg.lu", "linalg.lu_factor", "linalg.lu_factor_ex"), "PyTorch takes only empty float16"),
    "linalg.matrix_exp": NEEDS_SINGLE,
    "linalg.matrix_power": NEEDS_SINGLE,
    "linalg.pinv": "the pseudoinverse keeps float32; PyTorch casts the product of its factors to float16",
    "linalg.solve_triangular": "PyTorch reads the memory of one dtype as another",
    "matrix_exp": NEEDS_SINGLE,
    "matrix_power": NEEDS_SINGLE,
    "nn.functional.locally_connected2d": "PyTorch has no such op",
    "nn.functional.multi_head_attention_forward": "a mask of another dtype than the query's is refused",
}


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    return pytest.importorskip("torch")


def in_turn(call: Call, dtypes: tuple[str, ...]) -> Call:
    """Return a call whose float64 arrays have dtypes in turn."""
    names = cycle(dtypes)
    return calls.convert_arrays(call, lambda array: array.astype(next(names)) if array.dtype == np.float64 else array)


def in_region(library: Any, function: Any, args: Any, kwargs: Any) -> Any:
    """Return the result of a call under autocast to float16, or its exception."""
    with library.autocast("cpu", library.float16):
        return quiet(function, *args, **kwargs)


def both(torch: ModuleType, row: Row, call: Call) -> tuple[Any, Any]:
    args, kwargs = calls.our_arguments(call, calls.our_tensor)
    found = in_region(mt, ours(row), args, kwargs)
    args, kwargs = calls.torch_arguments(torch, call)
    return found, in_region(torch, theirs(torch, row), args, kwargs)


def dtypes_of(result: Any) -> list[str]:
    return [dtype_name(each) for each in tensors_in(result)]


def pairs(row: Row) -> list[tuple[Call, str]]:
    return [(in_turn(call, dtypes), " ".join(dtypes)) for call in row.calls for dtypes in DTYPES]


@pytest.mark.parametrize("row", HERE, ids=repr)
def test_dtypes_are_pytorchs(torch: ModuleType, row: Row) -> None:
    found_faults = []
    for call, label in pairs(row):
        found, expected = both(torch, row, call)
        if isinstance(expected, Exception):
            continue  # this library accepts float16 in more places
        if isinstance(found, Exception) or dtypes_of(found) != dtypes_of(expected):
            found_faults.append(f"{label}: {found!r} instead of {dtypes_of(expected)}")
    if row.name in DIFFERENT:
        assert found_faults, "it is like PyTorch's now: remove it from DIFFERENT"
    else:
        assert not found_faults, "; ".join(found_faults)


@pytest.mark.parametrize("row", [row for row in HERE if not row.random], ids=repr)
def test_values_are_pytorchs_to_the_precision_of_float16(torch: ModuleType, row: Row) -> None:
    for call in row.calls:
        found, expected = both(torch, row, in_turn(call, ("float32",)))
        if isinstance(expected, Exception) or isinstance(found, Exception):
            continue
        for one, other in zip(tensors_in(found), tensors_in(expected), strict=True):
            if dtype_name(other) == "float16":
                np.testing.assert_allclose(numbers(one), numbers(other), rtol=4e-3, atol=4e-3)

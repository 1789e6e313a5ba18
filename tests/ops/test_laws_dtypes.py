"""Every op with every dtype in every argument: both libraries give a result of the same dtype, or both refuse.

The error is a subclass of the class that PyTorch raises. Where the libraries differ, a table below gives the reason.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from itertools import count
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from ops import call as calls
from ops.call import dtype_name, find, outcome, tensors_in, theirs
from ops.row import DTYPES, Call, Row
from ops.table import ROWS

HERE = tuple([row for row in ROWS if find(mt, row.name) is not None])
EXACT = "elements are only selected, moved or compared, so any dtype works"
GUESS = "PyTorch reads the memory of one dtype as another"
BIAS = "PyTorch accepts a bias of another dtype only in transposed convolutions"

# Accepted here, without a kernel in PyTorch. float16, accepted wherever float32 is, needs no entry.
WIDER = {
    "pow": "bools raised to bools; PyTorch accepts bools with numbers",
    "ldexp": "bools as exponents 0 and 1; PyTorch accepts them if both are bools",
    "isin": EXACT,
    "index_fill": "a number between -1 and 0 written into an unsigned dtype is 0",
    "searchsorted": EXACT,
    "bucketize": EXACT,
    "nn.functional.pad": EXACT,
}

# Accepted by PyTorch and refused here.
STRICTER = {
    "where": "a numeric condition: PyTorch accepts uint8, with a warning",
    "view_as_complex": "there is no complex32",
    "searchsorted": EXACT,
    "bucketize": EXACT,
    "mm": "bools have no sums; PyTorch's small products accept them",
    "linalg.solve_triangular": GUESS,
    "linalg.matrix_power": "linear algebra needs single precision",
    "matrix_power": "linear algebra needs single precision",
    "linalg.matrix_exp": "linear algebra needs single precision; PyTorch's float16 overflows",
    "matrix_exp": "linear algebra needs single precision; PyTorch's float16 overflows",
    "nn.functional.conv_tbc": BIAS,
    "nn.functional.conv_transpose1d": BIAS,
    "nn.functional.conv_transpose2d": BIAS,
    "nn.functional.locally_connected2d": "PyTorch has no such op: the reference here accepts more",
    "nn.functional.rms_norm": "a complex weight: PyTorch drops its imaginary part",
    "nn.functional.soft_margin_loss": "complex numbers have no order",
    "nn.functional.hinge_embedding_loss": "integers: PyTorch truncates fractions if it does not reduce",
    "nn.functional.ctc_loss": "targets are class indices; PyTorch truncates floats",
    "nn.functional.embedding_bag": "a bool is not an index",
    "nn.functional.interpolate": "bicubic and bilinear sums of integers have their own rounding rules",
    "nn.functional.upsample_bilinear": "bicubic and bilinear sums of integers have their own rounding rules",
}

# Other dtypes of the result.
OTHERWISE = {"complex": "there is no complex32"}


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    return pytest.importorskip("torch")


def cast(array: Any, dtype: str) -> Any:
    """Return an array in a dtype; floats converted to complex get an imaginary part."""
    turned = array * (1 + 0.3j) if dtype.startswith("complex") and array.dtype.kind == "f" else array
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(turned, dtype)


def variants(call: Call) -> Iterator[tuple[str, Call]]:
    """Yield a call with all its arrays in each dtype, and with each array alone, beside float64 and float32."""
    arrays = calls.arrays_in(call)
    for dtype in DTYPES["all"]:
        yield dtype, calls.convert_arrays(call, lambda array: cast(array, dtype))  # noqa: B023
    for place in range(len(arrays)) if len(arrays) > 1 else ():
        for dtype in DTYPES["all"]:
            for floats in ("float64", "float32"):
                yield dtype, calls.convert_arrays(call, one_cast(place, dtype, floats))


def one_cast(place: int, dtype: str, floats: str) -> calls.Convert:
    """Return a function that casts one array, and floats elsewhere to another dtype."""
    places = count()

    def convert(array: Any) -> Any:
        elsewhere = floats if array.dtype.kind == "f" else array.dtype.name
        return cast(array, dtype if next(places) == place else elsewhere)

    return convert


def builtin(error: Exception) -> type[Exception]:
    """Return the class with which a program would catch an error; LinAlgError is PyTorch's own."""
    return next(each for each in type(error).__mro__ if each.__module__ == "builtins")


def result_dtypes(result: Any) -> list[str]:
    return [dtype_name(each) for each in tensors_in(result)]


def verdict(row: Row, dtype: str, found: Any, expected: Any) -> str:
    """Describe how the libraries differ on a call; return an empty string if they do not."""
    if isinstance(expected, Exception) and isinstance(found, Exception):
        right = isinstance(found, builtin(expected)) and isinstance(found, mt.errors.MinitensorError)
        return "" if right or lacks_halves(expected, found) else f"raises {found!r}, PyTorch {expected!r}"
    if isinstance(expected, Exception):
        wider = row.name in WIDER or (dtype == "float16" and "Half" in str(expected))
        return "" if wider else f"gives {result_dtypes(found)}, PyTorch raises {expected!r}"
    if isinstance(found, Exception):
        right = row.name in STRICTER and isinstance(found, mt.errors.MinitensorError)
        return "" if right else f"raises {found!r}, PyTorch takes it"
    same = result_dtypes(found) == result_dtypes(expected) or row.name in OTHERWISE
    return "" if same else f"gives {result_dtypes(found)}, PyTorch {result_dtypes(expected)}"


def lacks_halves(expected: Exception, found: Exception) -> bool:
    """Return whether PyTorch fails on a dtype that works here, and this library on two different dtypes."""
    missing = isinstance(expected, NotImplementedError) and isinstance(found, mt.errors.DtypeError)
    return missing and ("'Half'" in str(expected) or "'Bool'" in str(expected)) and "dtype" in str(found)


@pytest.mark.parametrize("row", HERE, ids=repr)
def test_each_op_accepts_and_refuses_pytorchs_dtypes(torch: ModuleType, row: Row) -> None:
    wrong = []
    for call in row.calls[:2]:
        for dtype, variant in variants(call):
            args, kwargs = calls.torch_arguments(torch, variant)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                expected = outcome(theirs(torch, row), *args, **kwargs)
                found = outcome(calls.run, row, variant)
            difference = verdict(row, dtype, found, expected)
            if difference:
                wrong.append(f"{variant}: {difference}")
    assert not wrong, f"{len(wrong)} calls: {wrong[0]}"

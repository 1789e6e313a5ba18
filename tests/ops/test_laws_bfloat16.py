"""Every op on bfloat16: PyTorch's dtypes, and values and gradients no less accurate than PyTorch's.

A result may differ from PyTorch's by its tolerance for bfloat16. Otherwise its distance from the result in double
precision of the same numbers must not exceed twice the largest distance of PyTorch's, and one rounding of the largest
number.
"""

from __future__ import annotations

import warnings
from itertools import count
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from ops import call as calls
from ops.call import dtype_name, find, outcome, tensors_in, theirs
from ops.row import Call, Row
from ops.table import ROWS

HERE = tuple([row for row in ROWS if find(mt, row.name) is not None])
RTOL, ATOL = 1.6e-2, 1e-5  # of torch.testing.assert_close
EPSILON = 2.0**-8  # half the distance of two numbers near 1

# Accepted here, without a kernel in PyTorch.
WIDER = ("special.zeta", "stft")

# Accepted by PyTorch and refused here.
LINEAR = "linear algebra needs single precision"
STRICTER = dict.fromkeys(
    ("linalg.det", "linalg.svdvals", "linalg.matrix_power", "matrix_power", "linalg.matrix_exp", "matrix_exp"), LINEAR
)

# The same for one argument of bfloat16 beside other dtypes.
STRICTER_BESIDE = {
    "linalg.solve_triangular": LINEAR,
    **dict.fromkeys(
        [f"nn.functional.{name}" for name in "conv_tbc conv_transpose1d conv_transpose2d locally_connected2d".split()],
        "PyTorch accepts a bias of another dtype only in transposed convolutions",
    ),
    "nn.functional.hinge_embedding_loss": "integers: PyTorch truncates fractions if it does not reduce",
    "addr": "an integer matrix times the float beta is float32",
}

# Other results, with the reason.
OTHERWISE = {"as_strided_scatter": "PyTorch passes on the gradient of what was overwritten"}


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    return pytest.importorskip("torch")


def is_float(array: Any) -> bool:
    return array.dtype == np.float64


def make(library: Any, array: Any, dtype: str, wants_grad: bool = False) -> Any:
    """Return an array as a tensor of either library; floats are rounded to bfloat16, then cast to a dtype."""
    tensor = library.from_numpy(array.copy())
    if not is_float(array):
        return tensor
    tensor = tensor.to(library.bfloat16).to(getattr(library, dtype))
    return tensor.requires_grad_() if wants_grad else tensor


def doubles(tensor: Any) -> Any:
    """Return the elements of a tensor of either library in double precision."""
    tensor = tensor.detach()
    return (tensor if tensor.is_complex() else tensor.double()).numpy()


def errors(found: Any, expected: Any) -> Any:
    """Return the absolute differences; those of equal infinities and of two NaN are zero."""
    with np.errstate(invalid="ignore", over="ignore"):
        same = (found == expected) | ((found != found) & (expected != expected))
        return np.where(same, 0, np.abs(found - expected))


def largest(numbers: Any) -> float:
    """Return the largest finite magnitude."""
    return float(np.abs(numbers[np.isfinite(numbers)]).max(initial=0))


def difference(found: Any, expected: Any, exact: Any) -> str:
    """Describe how a result differs from PyTorch's more than allowed; return an empty string if it does not."""
    if tuple(found.shape) != tuple(expected.shape):
        return f"shape {tuple(found.shape)}, PyTorch {tuple(expected.shape)}"
    if dtype_name(found) != dtype_name(expected):
        return f"dtype {dtype_name(found)}, PyTorch {dtype_name(expected)}"
    one, other = doubles(found), doubles(expected)
    off = errors(one, other)
    with np.errstate(invalid="ignore", over="ignore"):
        wrong = (off != 0) & ~(off <= ATOL + RTOL * np.abs(other))
        if wrong.any() and exact is not None and tuple(exact.shape) == tuple(found.shape):
            truth = doubles(exact)
            allowed = 2 * largest(errors(other, truth)) + EPSILON * largest(truth)
            wrong &= ~(errors(one, truth) <= allowed)
            return f"{one[wrong][:3]}, PyTorch {other[wrong][:3]}, exactly {truth[wrong][:3]}" if wrong.any() else ""
    return f"{one[wrong][:3]}, PyTorch {other[wrong][:3]}" if wrong.any() else ""


def compare(found: list[Any], expected: list[Any], exact: list[Any] | None) -> str:
    if len(found) != len(expected):
        return f"{len(found)} results, PyTorch {len(expected)}"
    for place, (one, other) in enumerate(zip(found, expected, strict=True)):
        text = difference(one, other, exact[place] if exact and len(exact) == len(found) else None)
        if text:
            return f"result {place}: {text}"
    return ""


def results_of(library: Any, op: Any, call: Call, dtype: str, wants_grad: bool) -> tuple[list[Any], list[Any]]:
    """Return the results of a call and the gradients of its floats."""
    leaves: list[Any] = []

    def tensor(array: Any) -> Any:
        made = make(library, array, dtype, wants_grad)
        if made.requires_grad:
            leaves.append(made)
        return made

    args, kwargs = calls.convert_arguments(call, tensor, lambda each: getattr(library, each.name))
    results = tensors_in(op(*args, **kwargs))
    outputs = [each for each in results if each.requires_grad]
    if not outputs or not leaves:
        return results, []
    grads = [weights_for(library, each) for each in outputs]
    return results, list(library.autograd.grad(outputs, leaves, grads, allow_unused=True, materialize_grads=True))


def weights_for(library: Any, output: Any) -> Any:
    """Return an incoming gradient with a different value for each element."""
    numbers = np.cos(np.arange(output.numel()) * 1.7 + 0.3).reshape(tuple(output.shape)) + 1.5
    return make(library, numbers, dtype_name(output))


def judge(torch: ModuleType, row: Row, call: Call) -> str:
    wants_grad = row.differentiable and not row.random
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = outcome(results_of, torch, theirs(torch, row), call, "bfloat16", wants_grad)
        found = outcome(results_of, mt, calls.ours(row), call, "bfloat16", wants_grad)
        exact = outcome(results_of, torch, theirs(torch, row), call, "float64", wants_grad)
    if isinstance(expected, Exception):
        return ""
    if isinstance(found, Exception):
        return "" if row.name in STRICTER else f"raises {found!r}, PyTorch takes it"
    if row.random:
        return "" if [each.dtype.itemsize for each in found[0]] == [each.itemsize for each in expected[0]] else "dtype"
    truth = (None, None) if isinstance(exact, Exception) else exact
    return compare(found[0], expected[0], truth[0]) or compare(found[1], expected[1], truth[1])


@pytest.mark.parametrize("row", HERE, ids=repr)
def test_each_op_computes_in_bfloat16_as_pytorch_does(torch: ModuleType, row: Row) -> None:
    wrong = []
    for call in row.calls:
        if not any(map(is_float, calls.arrays_in(call))):
            continue
        text = judge(torch, row, call)
        if text:
            wrong.append(f"{call}: {text}")
    assert not wrong or row.name in OTHERWISE, f"{len(wrong)} calls: {wrong[0]}"


@pytest.mark.parametrize("row", HERE, ids=repr)
def test_each_op_accepts_and_refuses_bfloat16_beside_other_dtypes(torch: ModuleType, row: Row) -> None:
    wrong = []
    for call in row.calls[:2]:
        places = [place for place, array in enumerate(calls.arrays_in(call)) if is_float(array)]
        for place in places if len(places) > 1 else ():
            for beside in ("float32", "float64", "float16", "int64"):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    expected = outcome(result_dtypes, torch, theirs(torch, row), call, place, beside)
                    found = outcome(result_dtypes, mt, calls.ours(row), call, place, beside)
                if isinstance(expected, Exception):
                    is_wrong = not isinstance(found, mt.errors.MinitensorError) and row.name not in WIDER
                else:
                    is_wrong = found != expected and row.name not in STRICTER_BESIDE
                if is_wrong:
                    wrong.append(f"{call}, number {place} beside {beside}: {found!r}, PyTorch {expected!r}")
    assert not wrong, f"{len(wrong)} calls: {wrong[0]}"


def result_dtypes(library: Any, op: Any, call: Call, place: int, beside: str) -> list[str]:
    """Return the dtypes of the results of a call with one array in bfloat16 and the other floats in another dtype."""
    places = count()

    def tensor(array: Any) -> Any:
        return make(library, array, "bfloat16" if next(places) == place else beside)

    args, kwargs = calls.convert_arguments(call, tensor, lambda each: getattr(library, each.name))
    return [dtype_name(each) for each in tensors_in(op(*args, **kwargs))]

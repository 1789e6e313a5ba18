"""Which graphs can be walked twice without ``retain_graph``: over the table of ops, those that PyTorch walks twice.

What an op saved is freed by the first walk, so that a second one raises; an op that saved no tensor is walked again.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from ops.call import find, mapped, ours, tensors_in, theirs
from ops.row import Call, Row
from ops.table import ROWS

# PyTorch saves a tensor there to look at its dtype alone; here the dtype is saved, and a second walk goes through.
LENIENT = {
    "complex", "fft.fft", "fft.ifft", "fft.rfft", "fft.ihfft", "fft.rfftn", "fft.ihfftn", "fft.rfft2", "fft.ihfft2",
}  # fmt: skip

# Made of a product with a number, which is freed as an operand is; PyTorch has a formula with a plain number.
STRICTER = {
    "deg2rad", "rad2deg", "trapezoid", "cumulative_trapezoid", "gradient", "nn.functional.affine_grid",
}  # fmt: skip

HERE = [row for row in ROWS if row.differentiable and not row.random and find(mt, row.name) is not None]


def second_walk(lib: Any, op: Any, row: Row, call: Call) -> str:
    """Say how a second walk ends; or that there is no first one."""
    tensors: list[Any] = []

    def tensor(array: Any) -> Any:
        made = lib.tensor(np.asarray(array))
        made.requires_grad_(made.is_floating_point() and len(tensors) not in row.constants)
        tensors.append(made)
        return made

    args, kwargs = mapped(call, tensor, lambda each: getattr(lib, each.name))
    try:
        results = [each for each in tensors_in(op(*args, **kwargs)) if each.requires_grad]
        grads = [lib.ones_like(each) for each in results]
        lib.autograd.backward(results, grads)
    except Exception:  # a call that is for the other library alone, or has no gradient there
        return "no walk"
    if not results:
        return "no walk"
    try:
        lib.autograd.backward(results, grads)
    except RuntimeError as error:
        return "freed" if "second time" in str(error) else str(error)
    return "walked"


def test_a_second_walk_ends_as_pytorchs_does() -> None:
    torch = pytest.importorskip("torch")
    wrong = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for row in HERE:
            expected = second_walk(torch, theirs(torch, row), row, row.calls[0])
            found = second_walk(mt, ours(row), row, row.calls[0])
            if found != expected and "no walk" not in (found, expected) and repr(row) not in LENIENT | STRICTER:
                wrong[repr(row)] = found, expected
    assert not wrong

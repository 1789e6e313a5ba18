"""Which graphs can run backward twice without ``retain_graph``: over the table of ops, the same as in PyTorch.

The first pass frees what an op saved, so a second one raises; through an op that saved no tensor it can run again.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from ops.call import convert_arguments, find, ours, tensors_in, theirs
from ops.row import Call, Row
from ops.table import ROWS

# PyTorch saves a tensor only to read its dtype; here the dtype is saved, and a second pass works. Without a NaN among
# the elements, nansum is a sum here, which saves nothing.
LENIENT = {
    "complex", "fft.fft", "fft.ifft", "fft.rfft", "fft.ihfft", "fft.rfftn", "fft.ihfftn", "fft.rfft2", "fft.ihfft2",
    "nansum",
}  # fmt: skip

# Computed as a product with a number, which is freed like any operand; PyTorch has its own formula with the number.
STRICTER = {
    "deg2rad", "rad2deg", "trapezoid", "cumulative_trapezoid", "gradient", "nn.functional.affine_grid",
}  # fmt: skip

HERE = [row for row in ROWS if row.differentiable and not row.random and find(mt, row.name) is not None]


def second_walk(lib: Any, op: Any, row: Row, call: Call) -> str:
    """Describe how a second backward ends, or say that there is no first one."""
    tensors: list[Any] = []

    def tensor(array: Any) -> Any:
        made = lib.tensor(np.asarray(array))
        made.requires_grad_(made.is_floating_point() and len(tensors) not in row.constants)
        tensors.append(made)
        return made

    args, kwargs = convert_arguments(call, tensor, lambda each: getattr(lib, each.name))
    try:
        results = [each for each in tensors_in(op(*args, **kwargs)) if each.requires_grad]
        grads = [lib.ones_like(each) for each in results]
        lib.autograd.backward(results, grads)
    except Exception:  # a call for the other library only, or without gradient there
        return "no walk"
    if not results:
        return "no walk"
    try:
        lib.autograd.backward(results, grads)
    except RuntimeError as error:
        return "freed" if "second time" in str(error) else str(error)
    return "walked"


def test_a_second_backward_ends_as_in_pytorch() -> None:
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

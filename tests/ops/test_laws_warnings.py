"""Ops warn where PyTorch's do, and NumPy is never heard, whatever the filters say.

Every call of the table is run in both libraries while each warning is recorded, and the categories are compared; then
every op, its gradient and its in-place version run on zeros, ties, infinities, NaN, huge numbers, one element and none.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from ops import call as calls
from ops.call import ours, theirs, twin
from ops.row import Call, Row
from ops.table import ROWS
from ops.test_laws_corners import filled
from test_silence import CORNERS, values

SILENT = {  # PyTorch warns, we do not
    "index_reduce": "it is in beta in PyTorch",
}
UNINITIALIZED = ("empty", "empty_like", "empty_strided", "empty_permuted", "Tensor.new_empty")


@contextmanager
def every_warning(library: Any) -> Iterator[list[Any]]:
    library.set_warn_always(True)
    with warnings.catch_warnings(record=True) as caught, np.errstate(all="warn"):
        warnings.simplefilter("always")
        try:
            yield caught
        finally:
            library.set_warn_always(False)


def categories(library: Any, function: Callable[[], Any]) -> set[str]:
    with every_warning(library) as caught:
        try:
            function()
        except Exception:
            return {"an error"}
    return {each.category.__name__ for each in caught}


def in_ours(row: Row, call: Call) -> set[str]:
    args, kwargs = calls.our_arguments(call, calls.our_tensor)
    return categories(mt, lambda: ours(row)(*args, **kwargs))


def in_theirs(torch: Any, row: Row, call: Call) -> set[str]:
    args, kwargs = calls.torch_arguments(torch, call)
    return categories(torch, lambda: theirs(torch, row)(*args, **kwargs))


def test_ops_warn_where_pytorch_does() -> None:
    torch = pytest.importorskip("torch")
    wrong, count, warned = set(), 0, 0
    for row in ROWS:
        if row.torch is not None or row.name.rpartition(".")[2].rstrip("_") in SILENT:
            continue  # the first: another function of PyTorch is the reference
        for call in row.calls:
            expected, found = in_theirs(torch, row, call), in_ours(row, call)
            if "an error" in expected | found:
                continue
            count, warned = count + 1, warned + bool(expected)
            if found != expected:
                wrong.add(f"{row}{call}: {found}, PyTorch {expected}")
    assert not wrong, "\n".join(sorted(wrong))
    assert count > 1500 and warned > 5


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numpy_is_never_heard(dtype: str) -> None:
    """``values`` runs forward and backward."""
    wrong, count = set(), 0
    one = {"one element": lambda array, seed: array.reshape(-1)[:1], "no element": lambda array, seed: array[:0]}
    for row in ROWS:
        if row.name in UNINITIALIZED:
            continue
        ops = [ours(row), *([twin(row)] if row.inplace and twin(row) is not None else [])]
        for op, (corner, pattern) in itertools.product(ops, {**CORNERS, **one}.items()):
            with every_warning(mt) as caught:
                try:
                    values(row, filled(row.calls[0], pattern), op, dtype)
                except Exception:
                    continue
            count += 1
            if any(issubclass(each.category, RuntimeWarning) for each in caught):
                wrong.add(f"{row}, {corner}: {caught[-1].message}")
    assert not wrong, "\n".join(sorted(wrong))
    assert count > 3000

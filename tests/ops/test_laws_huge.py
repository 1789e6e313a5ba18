"""Ints too large for int64 or for memory, in place of each int of each op: errors have PyTorch's class.

NumPy raises ValueError, OverflowError or MemoryError for these, depending on where it meets the number.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import minitensor as mt
from ops import call as calls
from ops.call import find, outcome, theirs
from ops.row import Call, Row
from ops.table import ROWS

HUGE = (2**63, -(2**70))

SLOW = {
    "mvlgamma": "a sum of that many terms is computed, in PyTorch too",
    "nn.functional.interpolate": "tables for each position are made before the memory is allocated",
    "nn.functional.upsample": "as interpolate",
    "nn.functional.upsample_nearest": "as interpolate",
    "nn.functional.upsample_bilinear": "as interpolate",
    "nn.functional.max_pool1d": "PyTorch does not return from a window of 2**62",
}
OTHERWISE = {
    "Tensor.__getitem__": "an index out of range is an IndexError, however large it is",
    "Tensor.view": "sizes that do not match the elements are a ShapeError, however large",
    "reshape": "as view",
    "Tensor.reshape": "as view",
    "nn.functional.affine_grid": "matrices of another batch size are refused, however large it is",
    "permute": "a dim out of range is an IndexError, however large it is",
    "Tensor.permute": "a dim out of range is an IndexError, however large it is",
    "Tensor.to": "a device index: whether there is a GPU is checked first",
    "flip": "a dim out of range is an IndexError, however large it is",
    "stft": "PyTorch checks the mode of padding first",
    "nn.functional.locally_connected2d": "PyTorch has no such op: the reference here fails in its own way",
}


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    return pytest.importorskip("torch")


def is_count(value: object) -> bool:
    """Return whether an argument is an int, or a sequence of ints."""
    if isinstance(value, (list, tuple)):
        return bool(value) and all(map(is_count, value))
    return isinstance(value, int) and not isinstance(value, bool)


def with_huge_int(value: Any, huge: int) -> Any:
    """Return a huge int in place of an int, or of the first int in a sequence."""
    return type(value)([huge, *value[1:]]) if isinstance(value, (list, tuple)) else huge


def variants(call: Call) -> Iterator[Call]:
    """Yield the call with each of its ints made huge."""
    for huge in HUGE:
        for place, value in enumerate(call.args):
            if is_count(value):
                yield Call((*call.args[:place], with_huge_int(value, huge), *call.args[place + 1 :]), call.kwargs)
        for name, value in call.kwargs.items():
            if is_count(value):
                yield Call(call.args, {**call.kwargs, name: with_huge_int(value, huge)})


ROWS_WITH_COUNTS = [
    row
    for row in ROWS
    if find(mt, row.name) is not None and row.name not in SLOW and any(list(variants(call)) for call in row.calls)
]


@pytest.mark.parametrize("row", ROWS_WITH_COUNTS, ids=repr)
def test_a_huge_int_is_refused_with_pytorchs_class(torch: ModuleType, row: Row) -> None:
    for call in row.calls:
        for variant in variants(call):
            args, kwargs = calls.torch_arguments(torch, variant)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                expected, found = outcome(theirs(torch, row), *args, **kwargs), outcome(calls.run, row, variant)
            if isinstance(found, Exception):
                assert isinstance(found, mt.errors.MinitensorError), f"{variant}: {found!r}"
            if isinstance(expected, Exception) and isinstance(found, Exception) and row.name not in OTHERWISE:
                kind = next(each for each in type(expected).__mro__ if each.__module__ == "builtins")
                assert isinstance(found, kind), f"{variant}: {found!r}, PyTorch raises {expected!r}"

"""Subclasses of ``Tensor`` through all ops: each result has the class that PyTorch's result has."""

from __future__ import annotations

import warnings
from types import ModuleType
from typing import Any

import pytest

import minitensor as mt
from ops import call as calls
from ops.call import find, tensors_in, theirs
from ops.row import Call, Row
from ops.table import ROWS

HERE = tuple([row for row in ROWS if find(mt, row.name) is not None])


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    return pytest.importorskip("torch")


def kinds(library: Any, function: Any, call: Call, kind: str) -> Any:
    """Return the classes' names of an op's results for tensors of a subclass, or that it raised."""
    cls: Any = type("Image", (library.nn.Parameter if kind == "parameter" else library.Tensor,), {})
    make = calls.our_tensor if library is mt else lambda array: calls.fresh(library, array)
    convert = calls.our_arguments if library is mt else lambda *given: calls.torch_arguments(library, *given)
    args, kwargs = convert(call, lambda array: make(array).as_subclass(cls))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = function(*args, **kwargs)
        except Exception:
            return "raises"
    return [type(each).__name__ for each in tensors_in(found)]


@pytest.mark.parametrize("row", HERE, ids=repr)
def test_results_have_the_class_of_pytorchs(torch: ModuleType, row: Row) -> None:
    for call in row.calls:
        for kind in ("tensor", "parameter"):
            found, expected = kinds(mt, calls.ours(row), call, kind), kinds(torch, theirs(torch, row), call, kind)
            assert found == expected or expected == "raises", f"{call} of a {kind}: {found}, not {expected}"

"""Evenly spaced values beyond the op table: ``range`` includes its end, and warns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minitensor as mt

MADE: dict[str, Callable[[Any], Any]] = {
    "range": lambda lib: lib.range(0, 3),
    "range in steps": lambda lib: lib.range(1, 4, 0.5),
    "range of float64": lambda lib: lib.range(0, 1, 0.1, dtype=lib.float64),
    "range of integers": lambda lib: lib.range(1, 4, 2, dtype=lib.int64),
    "range cut": lambda lib: lib.range(0.0, 2.5, 1, dtype=lib.int64),
    "range backwards": lambda lib: lib.range(4, 1, -1),
    "range of one": lambda lib: lib.range(2, 2),
    "range into out": lambda lib: lib.range(0, 2, out=lib.empty(0, dtype=lib.int16)),
}


@pytest.mark.filterwarnings("ignore:torch.range")
@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_a_range_equals_pytorchs(make: Callable[[Any], Any]) -> None:
    ours, theirs = make(mt), make(pytest.importorskip("torch"))
    assert str(ours.dtype) == str(theirs.dtype) and tuple(ours.shape) == tuple(theirs.shape)
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


WRONG: dict[str, tuple[type[Exception], Callable[[Any], Any]]] = {
    "no end": (TypeError, lambda lib: lib.range(3)),
    "no step": (RuntimeError, lambda lib: lib.range(1, 4, 0)),
    "wrong way": (RuntimeError, lambda lib: lib.range(1, 4, -1)),
    "endless": (RuntimeError, lambda lib: lib.range(0, float("inf"))),
    "complex range": (RuntimeError, lambda lib: lib.range(0, 1j)),
    "range of text": (TypeError, lambda lib: lib.range(0, "a")),
}


@pytest.mark.filterwarnings("ignore:torch.range")
@pytest.mark.parametrize("name", ["minitensor", "torch"])
@pytest.mark.parametrize(("error", "action"), WRONG.values(), ids=WRONG)
def test_a_range_without_limits_is_refused(name: str, error: type[Exception], action: Callable[[Any], Any]) -> None:
    lib = pytest.importorskip(name)
    with pytest.raises(error):
        action(lib)


def test_range_warns() -> None:
    with pytest.warns(UserWarning, match="deprecated"):
        assert mt.range(0, 2, requires_grad=True).requires_grad

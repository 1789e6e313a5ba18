"""``apply_`` and ``map_`` against PyTorch, and the old ``assert_allclose``."""

from __future__ import annotations

from typing import Any

import pytest

import minitensor as mt

CALLS = """
    x.apply_(lambda v: v * 2)
    x.map_(t.tensor([10.0, 20.0]), lambda a, b: a + b)
    x.map_(t.tensor(1.0), lambda a, b: a - b)
    x.map_(t.tensor([1, 2]), max)
    t.ones(2, requires_grad=True).apply_(abs)
    t.ones(2, requires_grad=True).map_(x, max)
    x.map_(t.ones(2, requires_grad=True), max)
    t.tensor([1, 2]).apply_(lambda v: v + 0.7)
    t.tensor([1, 2]).apply_(lambda v: "a")
    t.tensor([1], dtype=t.uint8).apply_(lambda v: 300)
    t.tensor([True, False]).apply_(lambda v: type(v) is bool and not v)
    t.arange(6.0).view(2, 3).t().apply_(lambda v: -v)
    x.map_(t.ones(3), max)
    t.ones(1, 2).map_(t.ones(2, 2), max)
    x.apply_(3)
    x.map_(3, max)
    t.zeros(0).apply_(abs)
    t.tensor(2.0).apply_(abs)
    t.tensor([1j]).apply_(lambda v: v * 1j)
"""


def outcome(t: Any, text: str) -> Any:
    x = t.tensor([1.0, -2.0])
    try:
        return eval(text, {"t": t, "x": x}).tolist(), x.tolist()
    except Exception as error:
        return next(each.__name__ for each in type(error).__mro__ if each.__module__ == "builtins"), x.tolist()


@pytest.mark.parametrize("text", [line.strip() for line in CALLS.strip().splitlines()])
def test_functions_of_elements_are_pytorchs(text: str) -> None:
    assert outcome(mt, text) == outcome(pytest.importorskip("torch"), text)


@pytest.mark.parametrize("error", [1e-7, 1e-5, 5e-5, 2e-4, 1e-2])
@pytest.mark.parametrize("kinds", [("float32", "float32"), ("float64", "float64"), ("float32", "float64")])
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_assert_allclose_is_as_strict_as_pytorchs(error: float, kinds: tuple[str, str]) -> None:
    found = []
    for t in (mt, pytest.importorskip("torch")):
        a, b = [t.ones(2, dtype=getattr(t, kind)) for kind in kinds]
        try:
            t.testing.assert_allclose(a, b + error)
            t.testing.assert_allclose(a, [1 + error, 1])
            found.append(True)
        except AssertionError:
            found.append(False)
    assert found[0] == found[1]

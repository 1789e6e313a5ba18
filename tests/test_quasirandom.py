"""The points of ``SobolEngine`` are PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitensor as mt

pytest.importorskip("scipy")


@pytest.mark.parametrize("dimension", [1, 2, 5, 300])
@pytest.mark.parametrize("options", [{}, {"scramble": True, "seed": 7}, {"scramble": True}], ids=str)
def test_points_are_pytorchs(dimension: int, options: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    drawn = []
    for lib in (mt, torch):
        lib.manual_seed(3)
        engine = lib.quasirandom.SobolEngine(dimension, **options)
        first, more = engine.draw(5), engine.draw(1)
        far = engine.fast_forward(1000).draw(6, dtype=lib.float64)
        again = engine.reset().draw_base2(3)
        drawn.append([each.numpy() for each in (first, more, far, again)] + [repr(engine), engine.num_generated])
    for ours, theirs in zip(*drawn, strict=True):
        assert ours.dtype == theirs.dtype and np.array_equal(ours, theirs) if hasattr(ours, "dtype") else ours == theirs


def test_points_are_passed_over_before_the_first() -> None:
    torch = pytest.importorskip("torch")
    found = [lib.quasirandom.SobolEngine(3).fast_forward(10).draw(4).tolist() for lib in (mt, torch)]
    assert found[0] == found[1]


def test_points_are_written_to_out() -> None:
    out = mt.empty(0)
    assert mt.quasirandom.SobolEngine(2).draw(3, out=out) is out
    assert out.tolist() == [[0, 0], [0.5, 0.5], [0.75, 0.25]]


def test_what_is_refused() -> None:
    for dimension in (0, 21202):
        with pytest.raises(ValueError, match=r"Supported range of dimensionality for SobolEngine is \[1, 21201\]"):
            mt.quasirandom.SobolEngine(dimension)
    engine = mt.quasirandom.SobolEngine(2)
    engine.draw(3)
    with pytest.raises(ValueError, match=r"power of 2: 3 \+ 2\*\*2 = 7; use draw"):
        engine.draw_base2(2)

"""The points of ``SobolEngine`` are PyTorch's."""

from __future__ import annotations

import itertools
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


SEQUENCES: list[list[tuple[str, int]]] = [
    [("draw", 1)], [("draw", 5)], [("draw", 1), ("draw", 4)], [("draw", 3), ("fast_forward", 4), ("draw", 5)],
    [("fast_forward", 1), ("draw", 5)], [("fast_forward", 3), ("draw", 1), ("reset", 0), ("draw", 3)],
    [("draw_base2", 2), ("reset", 0), ("fast_forward", 2), ("draw", 3)], [("draw", 0), ("draw", 2)],
    [("draw", 2), ("draw", 0), ("draw", 1)], [("draw", 2), ("draw", -1)], [("fast_forward", 0), ("draw", 2)],
]  # fmt: skip


def draws(lib: Any, dtype: str, options: dict[str, Any], sequence: list[tuple[str, int]]) -> list[Any]:
    """Return all points as lists, the error that ended them if there was one, and the number of points."""
    lib.manual_seed(3)
    engine, found = lib.quasirandom.SobolEngine(**options), []
    try:
        for name, count in sequence:
            if name == "reset":
                engine.reset()
            elif name == "fast_forward":
                engine.fast_forward(count)
            else:
                found.append(getattr(engine, name)(count, dtype=getattr(lib, dtype)).double().tolist())
    except Exception as error:
        found.append(next(each for each in (NotImplementedError, ValueError, RuntimeError) if isinstance(error, each)))
    return [*found, engine.num_generated]


@pytest.mark.parametrize("made_with", ["float32", "float64"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16", "int64", "bool"])
def test_every_sequence_of_calls_draws_pytorchs_points(dtype: str, made_with: str) -> None:
    torch = pytest.importorskip("torch")
    for options in itertools.product((1, 7), (False, True), (None, 0, 5)):
        names = dict(zip(("dimension", "scramble", "seed"), options, strict=True))
        for sequence in SEQUENCES:
            found = []
            for lib in (mt, torch):
                lib.set_default_dtype(getattr(lib, made_with))
                try:
                    found.append(draws(lib, dtype, names, sequence))
                finally:
                    lib.set_default_dtype(lib.float32)
            assert found[0] == found[1], f"{names} {sequence}"


def test_the_first_point_is_a_copy() -> None:
    engine = mt.quasirandom.SobolEngine(2)
    engine.draw(1).fill_(9)
    assert engine.reset().draw(1).tolist() == [[0, 0]]


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

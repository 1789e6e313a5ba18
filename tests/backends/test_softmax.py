"""The fast softmax kernels against the reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from minitensor.backends.numpy import softmax as fast
from minitensor.backends.reference import softmax as reference

RNG = np.random.default_rng(0)
TOLERANCE = {"float16": 1e-2, "float32": 2e-6, "float64": 1e-13}
CASES = [
    ((3, 200), -1), ((40, 1000), 1), ((2, 3, 4, 128), -1), ((2, 300), 0), ((600, 2), 1), ((), 0), ((2, 0), 1),
    ((5, 150_000), 1),
]  # fmt: skip


@pytest.fixture(autouse=True)
def small_arrays_in_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast, "FEW", 512)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize(("shape", "dim"), CASES, ids=str)
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_the_fast_kernels_equal_the_reference(name: str, shape: Any, dim: int, dtype: str) -> None:
    x, g = (np.asarray(RNG.standard_normal(shape) * 5, dtype) for _ in range(2))
    result = getattr(reference, name)(np, x, dim)
    assert_close(getattr(fast, name)(x, dim), result, dtype)
    back = f"{name}_backward"
    assert_close(getattr(fast, back)(g, result, dim), getattr(reference, back)(np, g, result, dim), dtype)


def test_infinities_and_nan_give_equal_results() -> None:
    x = RNG.standard_normal((6, 300)).astype("float32")
    x[0, 3], x[1, 4], x[2], x[3, 5] = np.nan, np.inf, -np.inf, -np.inf
    with np.errstate(invalid="ignore"):
        for name in ("softmax", "log_softmax"):
            assert_close(getattr(fast, name)(x, 1), getattr(reference, name)(np, x, 1), "float32")


def test_any_memory_layout_gives_equal_results() -> None:
    x = RNG.standard_normal((300, 8, 40)).astype("float32").transpose(2, 1, 0)
    assert_close(fast.softmax(x, 2), reference.softmax(np, x, 2), "float32")


def assert_close(ours: Any, theirs: Any, dtype: str) -> None:
    assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
    scale = np.abs(theirs[np.isfinite(theirs)]).max(initial=1)
    np.testing.assert_allclose(ours, theirs, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype] * scale)

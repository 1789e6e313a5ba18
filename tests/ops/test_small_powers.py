"""Small integer powers: as exact as PyTorch's, and not a hundred times slower for numbers below zero."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest

import minitensor as mt

SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-20, -1e20, 1e-40, 3e38, 1.0, -1.0]
EXPONENTS = [*range(-4, 10), 1.5, 3.0, -3.0]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_powers_are_as_exact_as_pytorchs(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    with np.errstate(all="ignore"):
        numbers = np.concatenate([np.random.RandomState(0).randn(5000) * 3, SPECIAL]).astype(dtype)
        for exponent in EXPONENTS:
            exact = np.power(numbers.astype("longdouble"), exponent).astype(dtype).astype("float64")
            ours = (mt.tensor(numbers) ** exponent).numpy().astype("float64")
            theirs = (torch.tensor(numbers) ** exponent).numpy().astype("float64")
            far = ~np.isclose(ours, exact, 4 * np.finfo(dtype).eps, 0, equal_nan=True)
            same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
            assert not (far & ~same).any(), (exponent, numbers[far], ours[far], exact[far])
            assert (np.isnan(ours) | (np.signbit(ours) == np.signbit(theirs))).all(), exponent


def best(function: Callable[[], object]) -> float:
    function()
    times = []
    for _ in range(5):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


@pytest.mark.parametrize("exponent", [3, 4, 5, 6, 7, 8, -1, -2, -3, 3.0, 0.5])
def test_a_power_takes_about_as_long_as_its_products(exponent: float) -> None:
    x = mt.tensor(np.random.RandomState(0).randn(200_000), dtype=mt.float32)
    assert best(lambda: x**exponent) < 25 * best(lambda: x * x * x)

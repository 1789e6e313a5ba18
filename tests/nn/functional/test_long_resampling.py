"""Resampling to and from very long dims: tables are computed in pieces, and equal those of short dims."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitensor
import minitensor.nn.functional as F
from minitensor.backends.numpy import resample as fast
from minitensor.backends.reference import resample as reference
from minitensor.nn.functional import padding, resampling
from ops.twin import agree

PAIRS: dict[str, tuple[Any, Any, tuple[Any, ...]]] = {
    "nearest": (resampling.nearest_taps, resampling.long_nearest_taps, (None, False)),
    "nearest by a factor": (resampling.nearest_taps, resampling.long_nearest_taps, (1.7, False)),
    "nearest-exact": (resampling.nearest_taps, resampling.long_nearest_taps, (None, True)),
    "linear": (resampling.linear_taps, resampling.long_linear_taps, (None, False, False)),
    "linear, corners aligned": (resampling.linear_taps, resampling.long_linear_taps, (None, True, True)),
    "cubic": (resampling.cubic_taps, resampling.long_cubic_taps, (None, False, False)),
    "cubic, corners aligned": (resampling.cubic_taps, resampling.long_cubic_taps, (0.6, True, True)),
    "means": (resampling.mean_taps, resampling.long_mean_taps, ()),
}
SIZES = [(5, 13), (13, 5), (7, 7), (1, 9), (9, 1), (50, 64), (64, 50)]


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_long_table_equals_the_short_one(name: str, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "PIECE", 8)
    short_taps, long_taps, options = PAIRS[name]
    for length, count in SIZES:
        short, long = short_taps(length, count, *options), long_taps(length, count, *options)
        images = np.random.default_rng(0).standard_normal((2, length, 3)).astype(dtype)
        grads = np.random.default_rng(1).standard_normal((2, count, 3)).astype(dtype)
        for kernel in (fast.resample, lambda *given: reference.resample(np, *given)):
            tolerance = {"rtol": 1e-5, "atol": 1e-5} if dtype == "float32" else {"rtol": 1e-12, "atol": 1e-12}
            np.testing.assert_allclose(kernel(images, 1, long), kernel(images, 1, short), **tolerance)
            np.testing.assert_allclose(kernel(grads, 1, long.adjoint), kernel(grads, 1, short.adjoint), **tolerance)


def test_an_infinity_reaches_only_the_outputs_that_read_it() -> None:
    images = np.zeros((1, 5), "float32")
    images[0, 2] = np.inf
    found = fast.resample(images, 1, resampling.long_linear_taps(5, 10, None, False, False))
    expected = fast.resample(images, 1, resampling.linear_taps(5, 10, None, False, False))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "linear", "area"])
def test_long_signals_are_resized_as_pytorch_does(mode: str) -> None:
    signal = np.random.default_rng(0).standard_normal((1, 2, 70_001)).astype("float32")
    for size in (3, 20_001, 70_001, 100_003):
        agree(lambda lib, x, size=size: lib.nn.functional.interpolate(x, size=size, mode=mode), signal, order=1)


@pytest.mark.parametrize("count", [1, 3, 5, 999, 35_000])
def test_long_signals_are_pooled_as_pytorch_does(count: int) -> None:
    signal = np.random.default_rng(0).standard_normal((1, 2, 70_000))
    agree(lambda lib, x: lib.nn.functional.adaptive_avg_pool1d(x, count), signal, order=1)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_long_paddings_equal_short_ones(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "PIECE", 4)
    monkeypatch.setattr(padding, "LONG", 1)
    signal = np.arange(14.0).reshape(2, 7)
    for before, after in ((3, 4), (0, 6), (6, -2), (-3, 5), (-1, -1)):
        short, long = padding.short_copy_taps(mode, 7, before, after), padding.copy_taps(mode, 7, before, after)
        np.testing.assert_array_equal(fast.resample(signal, 1, long), fast.resample(signal, 1, short))


def test_a_hundred_million_entries_need_no_table() -> None:
    """A guard against tables of Python numbers, which took minutes and gigabytes."""
    found = F.interpolate(minitensor.arange(4.0).reshape(1, 1, 4), size=10**7)
    assert found[0, 0, [0, 2_499_999, 2_500_000, -1]].tolist() == [0, 0, 1, 3]

"""Running sums, products and extremes: tiles and lanes, on several threads, equal the reference."""

from __future__ import annotations

import numpy as np
import pytest

from minitensor.backends.numpy import running, threads
from minitensor.backends.reference import running as slow

SHAPES = [(70_000,), (65_539,), (200_001,), (3, 70_001), (300, 1003), (7, 13), (1, 513), (40, 3, 50), (5, 600, 7)]


@pytest.fixture(autouse=True, params=[True, False], ids=["lanes", "calls"])
def thresholds(request, monkeypatch):
    if request.param:
        monkeypatch.setattr(running, "FEW", 0)
        monkeypatch.setattr(running, "NARROW", 2)
        monkeypatch.setattr(running, "SHORT", 64)


def draw(shape, dtype, name):
    values = np.random.default_rng(0).standard_normal(shape)
    if name == "multiply":
        values = np.exp(np.random.default_rng(0).uniform(-1e-4, 1e-4, shape))
    if dtype.startswith("complex"):
        values = values * np.exp(0.1j)
    array = (values * (3 if dtype.startswith("int") else 1)).astype(dtype)
    if array.dtype.kind == "f" and name in ("maximum", "minimum"):
        array.reshape(-1)[array.size * 2 // 3] = np.nan
    return array


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name, dtypes", [
    ("add", ["float16", "float32", "float64", "complex64", "int64"]), ("multiply", ["float32", "complex128"]),
    ("logaddexp", ["float32"]), ("maximum", ["float32", "int64", "int16", "bool"]), ("minimum", ["float64", "uint8"]),
])  # fmt: skip
def test_accumulating_in_lanes_equals_accumulating_step_by_step(name, dtypes, shape, count):
    before = threads.get_num_threads()
    threads.set_num_threads(count)
    try:
        for dtype in dtypes:
            array = draw(shape, dtype, name)
            for dim in range(len(shape)):
                for each, axis in [(array, dim), (array[::-1], dim), (array.T, len(shape) - 1 - dim)]:
                    found, wanted = running.accumulate(name, each, axis), slow.accumulate(np, name, each, axis)
                    assert found.dtype == wanted.dtype
                    # Sums in double precision in another order, then rounded: the last digit may differ.
                    places = {"float16": 1e-3, "float32": 2e-7, "complex64": 2e-7}.get(dtype, 1e-12)
                    np.testing.assert_allclose(found, wanted, rtol=places, atol=1e-10)
    finally:
        threads.set_num_threads(before)


@pytest.mark.parametrize("dtype", ["float32", "int64", "bool"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["maximum", "minimum"])
def test_running_extremes_and_their_indices(name, shape, dtype):
    array = draw(shape, dtype, name)
    for dim in range(len(shape)):
        expected = slow.running_extreme(np, name, array, dim)
        for found, wanted in zip(running.running_extreme(name, array, dim), expected, strict=True):
            np.testing.assert_array_equal(found, wanted)
            assert found.flags.c_contiguous


def test_infinities_affect_only_later_elements():
    array = np.ones(200_000, "float32")
    array[100_003], array[150_001] = np.inf, -np.inf
    found = running.accumulate("add", array, 0)
    np.testing.assert_array_equal(found[:100_003], np.arange(1, 100_004))
    assert np.isposinf(found[100_003:150_001]).all() and np.isnan(found[150_001:]).all()

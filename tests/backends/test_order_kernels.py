"""Sorting by keys against the stable argsort, and running sums row by row against NumPy's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitensor.backends.numpy import order, reduce
from minitensor.backends.reference import order as slow

DTYPES = ["float16", "float32", "float64", "uint8", "int16", "int32", "int64", "bool"]


def tied(shape, dtype, seed=0, odd=True):
    """Return numbers of which many are equal, with both zeros, infinities and both signs of NaN among the floats."""
    random = np.random.default_rng(seed)
    values = random.integers(-40, 40, shape).astype("float64") / 4
    if np.dtype(dtype).kind == "f" and odd:
        flat = values.reshape(-1)
        flat[random.integers(0, flat.size, 40)] = random.choice([np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0], 40)
    return np.abs(values).astype(dtype) if dtype == "uint8" else values.astype(dtype)


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape, dim", [((2000,), 0), ((30, 40), 0), ((30, 40), 1), ((5, 40, 6), 1), ((4, 3), 1)])
def test_sorting_by_keys_is_the_stable_sort(shape, dim, dtype, descending):
    array = tied(shape, dtype)
    np.testing.assert_array_equal(order.order(array, dim, descending), slow.order(np, array, dim, descending))
    other = array.T
    np.testing.assert_array_equal(order.order(other, 0, descending), slow.order(np, other, 0, descending))


@given(st.integers(0, 99), st.sampled_from([1, 2**20, 2**40, 2**62]), st.booleans())
def test_integers_far_apart_sort_too(seed, reach, descending):
    random = np.random.default_rng(seed)
    array = random.integers(-reach, reach, 1000)
    array[:2] = reach, -reach
    np.testing.assert_array_equal(order.order(array, 0, descending), slow.order(np, array, 0, descending))
    array[:2] = np.iinfo("int64").min, np.iinfo("int64").max
    np.testing.assert_array_equal(order.order(array, 0, descending), slow.order(np, array, 0, descending))


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("dtype", ["float16", "float32", "int32", "int64"])
@pytest.mark.parametrize("shape, dim", [((2000,), 0), ((30, 400), 1), ((400, 30), 0), ((2, 20000), 1), ((20000, 2), 0)])
@pytest.mark.parametrize("k", [1, 7, 300])
def test_the_first_few_are_those_of_a_stable_sort(shape, dim, dtype, descending, k):
    array = tied(shape, dtype)
    wanted = np.take(slow.order(np, array, dim, descending), np.arange(k), dim)
    np.testing.assert_array_equal(order.first(array, k, dim, descending), wanted)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64"])
@pytest.mark.parametrize("shape", [(100,), (7, 3000), (3, 500, 40), (3, 500, 2), (2, 3, 4000)])
def test_running_sums_by_rows_are_running_sums(shape, dtype):
    array = (np.random.default_rng(0).standard_normal(shape) * 10).astype(dtype)
    array.reshape(-1)[-1] = np.inf
    wide = "complex128" if dtype == "complex64" else "float64"
    for dim in range(len(shape)):
        for each, axis in [(array, dim), (array[::-1], dim), (array.T, len(shape) - 1 - dim)]:
            found = reduce.cumsum(each, axis)
            np.testing.assert_array_equal(found, np.cumsum(each, axis, dtype=wide).astype(dtype))
            assert found.dtype == dtype


@pytest.mark.parametrize("size", [1000, 4097, 300_000, 5_000_003])
def test_a_sum_of_everything_is_as_good_as_by_halves(size):
    values = (np.random.default_rng(size).random(size) + 0.1).astype("float32")
    exact = values.sum(dtype="float64")
    ours, halves = [abs(float(each) - exact) for each in (reduce.sum(values, (0,), False), np.add.reduce(values))]
    assert ours <= max(2 * halves, 2e-7 * exact)
    values[size // 2] = np.inf
    assert reduce.sum(values, (0,), False) == np.inf
    values[size // 3] = -np.inf
    assert np.isnan(reduce.sum(values, (0,), True)).shape == (1,)

"""The kernels for sorting, unique elements and binary search against the reference; full sums against exact ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitensor.backends.numpy import order, reduce
from minitensor.backends.reference import order as slow

DTYPES = ["float16", "float32", "float64", "uint8", "int16", "int32", "int64", "bool"]


def draw_with_ties(shape, dtype, seed=0, odd=True):
    """Return numbers with many ties; floats include both zeros, infinities and both signs of NaN."""
    random = np.random.default_rng(seed)
    values = random.integers(-40, 40, shape).astype("float64") / 4
    if np.dtype(dtype).kind == "f" and odd:
        flat = values.reshape(-1)
        flat[random.integers(0, flat.size, 40)] = random.choice([np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0], 40)
    return np.abs(values).astype(dtype) if dtype == "uint8" else values.astype(dtype)


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape, dim", [((2000,), 0), ((30, 40), 0), ((30, 40), 1), ((5, 40, 6), 1), ((4, 3), 1)])
def test_sorting_by_keys_equals_the_stable_sort(shape, dim, dtype, descending):
    array = draw_with_ties(shape, dtype)
    np.testing.assert_array_equal(order.argsort(array, dim, descending), slow.argsort(np, array, dim, descending))
    other = array.T
    np.testing.assert_array_equal(order.argsort(other, 0, descending), slow.argsort(np, other, 0, descending))


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("shape, dim", [((3000,), 0), ((30, 400), 0), ((30, 400), 1), ((4, 300, 5), 1)])
@pytest.mark.parametrize("gap", [1, 2**9, 2**40])
def test_elements_that_do_not_fit_into_keys_are_sorted_too(shape, dim, gap, descending):
    """Ties, numbers that differ only in their lower bits, and both ends of the range."""
    random = np.random.default_rng(0)
    array = random.integers(-3, 3, shape) * gap + random.choice([-(2**62), 2**62], shape)
    for each in (array, array.astype("float64"), draw_with_ties(shape, "float64"), random.standard_normal(shape)):
        np.testing.assert_array_equal(order.argsort(each, dim, descending), slow.argsort(np, each, dim, descending))
        turned = each[::-1]
        np.testing.assert_array_equal(order.argsort(turned, dim, descending), slow.argsort(np, turned, dim, descending))


@given(st.integers(0, 99), st.sampled_from([1, 2**20, 2**40, 2**62]), st.booleans())
def test_integers_in_a_wide_range_are_sorted_too(seed, reach, descending):
    random = np.random.default_rng(seed)
    array = random.integers(-reach, reach, 1000)
    array[:2] = reach, -reach
    np.testing.assert_array_equal(order.argsort(array, 0, descending), slow.argsort(np, array, 0, descending))
    array[:2] = np.iinfo("int64").min, np.iinfo("int64").max
    np.testing.assert_array_equal(order.argsort(array, 0, descending), slow.argsort(np, array, 0, descending))


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("dtype", ["float16", "float32", "int32", "int64"])
@pytest.mark.parametrize("shape, dim", [((2000,), 0), ((30, 400), 1), ((400, 30), 0), ((2, 20000), 1), ((20000, 2), 0)])
@pytest.mark.parametrize("k", [1, 7, 300])
def test_the_smallest_few_equal_those_of_a_stable_sort(shape, dim, dtype, descending, k):
    array = draw_with_ties(shape, dtype)
    wanted = np.take(slow.argsort(np, array, dim, descending), np.arange(k), dim)
    np.testing.assert_array_equal(order.argtop(array, k, dim, descending), wanted)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reach", [3, 10**6])
def test_unique_elements_equal_those_of_the_reference(dtype, reach):
    array = draw_with_ties((4000,), dtype, odd=False)
    array = (array * reach if dtype in ("int64", "int32", "float64") else array).astype(dtype)
    if array.dtype.kind == "f":
        array[::50] = np.nan
    wanted = slow.unique(np, array, True, True)
    for inverse in (False, True):
        for counts in (False, True):
            found = order.unique(array, inverse, counts)
            assert [each is None for each in found] == [False, not inverse, not counts]
            np.testing.assert_array_equal(found[0], wanted[0], strict=True)
            if inverse:  # the order of several NaN is undefined
                known = ~np.isnan(array)
                np.testing.assert_array_equal(found[1][known], wanted[1][known], strict=True)
                np.testing.assert_array_equal(np.sort(found[1]), np.sort(wanted[1]), strict=True)
            if counts:
                np.testing.assert_array_equal(found[2], wanted[2], strict=True)


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("dim", [0, 1])
def test_the_smallest_few_of_floats_without_ties(dim, descending):
    array = np.random.default_rng(0).permutation(90_000).reshape(300, 300).astype("float32") - 40_000
    array[5, 7], array[9, 9], array[30, 40] = np.nan, np.inf, -np.inf
    wanted = np.take(slow.argsort(np, array, dim, descending), np.arange(11), dim)
    np.testing.assert_array_equal(order.argtop(array, 11, dim, descending), wanted)


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8", "int16"])
@pytest.mark.parametrize("descending", [False, True])
def test_the_smallest_few_of_many_integers_in_a_wide_range(dtype, descending):
    limits = np.iinfo(dtype)
    array = np.random.default_rng(0).integers(limits.min, limits.max, 40_000, dtype=dtype, endpoint=True)
    array[77], array[99] = limits.min, limits.max
    wanted = slow.argsort(np, array, 0, descending)[:9]
    np.testing.assert_array_equal(order.argtop(array, 9, 0, descending), wanted)


@pytest.mark.parametrize("size", [1000, 4097, 300_000, 5_000_003])
def test_a_full_sum_is_as_accurate_as_a_pairwise_one(size):
    values = (np.random.default_rng(size).random(size) + 0.1).astype("float32")
    exact = values.sum(dtype="float64")
    ours, halves = [abs(float(each) - exact) for each in (reduce.sum(values, (0,), False), np.add.reduce(values))]
    assert ours <= max(2 * halves, 2e-7 * exact)
    values[size // 2] = np.inf
    assert reduce.sum(values, (0,), False) == np.inf
    values[size // 3] = -np.inf
    assert np.isnan(reduce.sum(values, (0,), True)).shape == (1,)


# -- binary search -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("dtype", [*DTYPES, "uint64"])
@pytest.mark.parametrize(
    "rows, size, count", [(1, 1, 5000), (1, 100, 200_000), (300, 7, 40), (2, 64, 3000), (2, 0, 3000)]
)
def test_searching_for_all_values_at_once_equals_one_search_per_value(rows, size, count, dtype, side):
    sequence = np.sort(draw_with_ties((rows, size), dtype, odd=False), -1)
    values = draw_with_ties((rows, count), dtype, seed=1, odd=False)
    for wanted in (values, values.astype("float32"), values[:, ::-1]):
        np.testing.assert_array_equal(
            order.searchsorted(sequence, wanted, side), slow.searchsorted(np, sequence, wanted, side)
        )


@pytest.mark.parametrize("side", ["left", "right"])
def test_nan_and_infinities_are_found_after_the_numbers(side):
    sequence = np.sort(draw_with_ties((1, 500), "float64"), -1)
    for values in (draw_with_ties((1, 5000), "float64", seed=1), np.array([[np.inf, -np.inf, 0.0] * 1000])):
        np.testing.assert_array_equal(
            order.searchsorted(sequence, values, side), slow.searchsorted(np, sequence, values, side)
        )
    infinite = np.array([[-np.inf, -np.inf, 0.0, np.inf, np.inf]])
    values = np.array([[np.inf, -np.inf, 0.0] * 1000])
    np.testing.assert_array_equal(
        order.searchsorted(infinite, values, side), slow.searchsorted(np, infinite, values, side)
    )

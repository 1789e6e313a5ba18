"""The fast kernels for reading and writing at indices against the reference, on both sides of every threshold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitensor.backends.numpy import assemble, scatter
from minitensor.backends.numpy.threads import get_num_threads, set_num_threads
from minitensor.backends.reference import assemble as slow_assemble
from minitensor.backends.reference import scatter as slow

SEEDS = st.integers(0, 2**32 - 1)


@pytest.fixture(autouse=True, scope="module")
def small_thresholds() -> Iterator[None]:
    """Lower the sizes at which threads share work, so that tests are fast."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assemble, "SHARED", 1 << 14)
        patch.setattr(assemble, "SMALL", 1 << 12)
        patch.setattr(scatter, "SHARED", 1 << 14)
        yield


@pytest.fixture(autouse=True)
def two_threads() -> Any:
    """Use two threads on any machine."""
    before = get_num_threads()
    set_num_threads(2)
    yield
    set_num_threads(before)


def positions(random: np.random.Generator, count: int, size: int, kind: str) -> Any:
    """Return indices that are random, mostly equal, sorted, or all different."""
    if kind == "heavy":
        return np.where(random.random(count) < 0.9, size - 1, random.integers(0, size, count))
    if kind == "apart" and count <= size:
        return random.permutation(size)[:count]
    found = random.integers(0, size, count)
    return np.sort(found) if kind == "sorted" else found


KINDS = st.sampled_from(["spread", "heavy", "sorted", "apart"])
DTYPES = st.sampled_from(["float32", "float64", "int64", "complex64", "bool"])


def numbers(random: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Any:
    """Return small integers, whose sums are exact in every dtype and order."""
    return random.integers(-4, 5, shape).astype(dtype)


@given(SEEDS, KINDS, DTYPES, st.sampled_from([
    ((70,), 0, 900), ((9, 30), 0, 400), ((9, 30), 1, 400), ((5, 6, 20), 1, 80), ((4, 70000), 1, 300),
    ((70001, 2), 0, 5000), ((70001, 16), 0, 700), ((3, 16), 0, 4000), ((40, 5), 0, 2), ((2, 3, 4), 2, 3000),
    ((6, 16), 0, 0),
]))  # fmt: skip
def test_add_slices_equals_the_reference(seed: int, kind: str, dtype: str, case: Any) -> None:
    shape, dim, count = case
    random = np.random.default_rng(seed)
    index = positions(random, count, shape[dim], kind)
    values = numbers(random, (*shape[:dim], count, *shape[dim + 1 :]), dtype)
    found = numbers(random, shape, dtype)
    expected = found.copy()
    scatter.add_slices(found, dim, index, values)
    slow.add_slices(np, expected, dim, index, values)
    np.testing.assert_array_equal(found, expected)


TABLES = st.sampled_from([
    (50, 4, 100, 7), (50, 16, 3000, 7), (20, 13, 5000, 70000), (9, 300, 40, 9), (3, 20, 0, 2),
])  # fmt: skip


@given(SEEDS, KINDS, TABLES)
def test_sum_rows_equals_the_reference(seed: int, kind: str, case: Any) -> None:
    height, width, count, places = case
    random = np.random.default_rng(seed)
    table = numbers(random, (height, width), "float32")
    rows, into = random.integers(0, height, count), positions(random, count, places, kind)
    found = scatter.sum_rows(table, rows, into, places)
    np.testing.assert_array_equal(found, slow.sum_rows(np, table, rows, into, places))


@given(SEEDS, st.sampled_from([(50, 16, 40, 7), (50, 13, 6000, 3), (9, 300, 40, 40), (7, 64, 1500, 1)]))
def test_sum_rows_of_groups_of_one_size_equals_the_reference(seed: int, case: Any) -> None:
    height, width, count, size = case
    random = np.random.default_rng(seed)
    table = numbers(random, (height, width), "float32")
    rows, into = random.integers(0, height, count * size), np.repeat(np.arange(count), size)
    found = scatter.sum_rows(table, rows, into, count)
    np.testing.assert_array_equal(found, slow.sum_rows(np, table, rows, into, count))


@pytest.mark.parametrize("position", [-1, 40])
def test_an_unchecked_index_out_of_range_raises(position: int) -> None:
    array, index = np.zeros((300, 40), "float32"), np.zeros((300, 40), "int64")
    index[-1, -1] = position
    for gather in (scatter.gather, lambda *args: slow.gather(np, *args)):
        with pytest.raises(IndexError):
            gather(array, 1, index, False)


def test_rows_of_infinity_and_nan_affect_only_their_targets() -> None:
    values = np.ones((600, 16), "float32")
    values[3], values[4], values[5] = np.inf, np.nan, -np.inf
    index = np.arange(600) % 7
    found, expected = np.zeros((2, 7, 16), "float32")
    scatter.add_slices(found, 0, index, values)
    with np.errstate(invalid="ignore"):
        slow.add_slices(np, expected, 0, index, values)
    np.testing.assert_array_equal(found, expected)


@given(SEEDS, st.sampled_from([
    ((7,), (9000,), 0), ((300, 40), (300, 40), 1), ((300, 40), (200, 50), 1), ((40, 300), (50, 200), 0),
    ((5, 90, 20), (4, 90, 20), 2), ((5, 90, 20), (5, 70, 15), 1), ((600, 300), (600, 300), 1),
    ((3, 4), (2, 4), 0), ((), (), 0), ((3, 4), (0, 4), 0),
]), st.sampled_from(["int64", "int32", "uint8"]))  # fmt: skip
def test_gather_and_scatter_equal_the_reference(seed: int, case: Any, kind: str) -> None:
    shape, places, dim = case
    random = np.random.default_rng(seed)
    array = numbers(random, shape, "float32")
    index = np.asarray(random.integers(0, min(shape[dim] if shape else 1, 255), places), kind)
    values = numbers(random, places, "float32")
    np.testing.assert_array_equal(scatter.gather(array, dim, index, False), slow.gather(np, array, dim, index, True))
    for write in ("scatter", "scatter_add"):
        found, expected = array.copy(), array.copy()
        given_values = values.reshape(-1) if write == "scatter" else values
        getattr(scatter, write)(found, dim, index, given_values)
        getattr(slow, write)(np, expected, dim, index, given_values)
        np.testing.assert_array_equal(found, expected)
    found, expected = array.copy(), array.copy()
    scatter.scatter(found, dim, index, 7.0)
    slow.scatter(np, expected, dim, index, 7.0)
    np.testing.assert_array_equal(found, expected)


@given(SEEDS, st.sampled_from([((70,), 9), ((70,), 9000), ((3000, 60), 5000), ((20, 3, 4), 8), ((3000, 60), 0)]))
def test_take_and_take_rows_equal_the_reference(seed: int, case: Any) -> None:
    shape, count = case
    random = np.random.default_rng(seed)
    array = numbers(random, shape, "float32")
    index = random.integers(0, shape[0], count)
    np.testing.assert_array_equal(scatter.take(array, index, 0), array[index])
    np.testing.assert_array_equal(scatter.take_rows(array, index - shape[0]), slow.take_rows(np, array, index))
    turned = np.asfortranarray(array)
    np.testing.assert_array_equal(scatter.take_rows(turned, index), array[index])


@pytest.mark.parametrize("count", [3, 9000])
@pytest.mark.parametrize("wrong", [-8, 7])
def test_a_row_out_of_range_raises(count: int, wrong: int) -> None:
    index = np.zeros(count, "int64")
    index[-1] = wrong
    for kernel in (scatter.take_rows, lambda array, places: slow.take_rows(np, array, places)):
        with pytest.raises(IndexError):
            kernel(np.ones((7, 2)), index)


@given(SEEDS, st.sampled_from([1, 30, 300, 9000]), st.sampled_from(["spread", "heavy", "sorted"]), st.integers(0, 1))
def test_products_and_extremes_agree(seed: int, count: int, kind: str, dim: int) -> None:
    random = np.random.default_rng(seed)
    shape = (9, 3) if dim == 0 else (3, 9)
    index = np.stack([positions(random, count, 9, kind) for _ in range(3)], 1 - dim)
    values = random.uniform(0.9, 1.1, index.shape)
    for join in ("multiply", "maximum", "minimum"):
        found, expected = np.ones((2, *shape))
        scatter.scatter_reduce(found, dim, index, values, join)
        slow.scatter_reduce(np, expected, dim, index, values, join)
        np.testing.assert_allclose(found, expected, rtol=1e-12 * count)
        values[: count // 7] = np.nan


@given(seed=st.integers(0, 99), rows=st.integers(1, 700), width=st.integers(1, 40), kind=st.sampled_from("fdilb"))
def test_rows_of_an_expanded_index_agree(seed: int, rows: int, width: int, kind: str) -> None:
    random = np.random.RandomState(seed)
    target = random.randint(1, 4, (5, width)).astype(kind)
    values = random.choice([1, -1], (rows, width)).astype(kind)  # no result is rounded
    if kind in "fd":
        values[random.randint(rows), random.randint(width)] = np.nan
    index = np.broadcast_to(random.randint(0, 5, (rows, 1)), values.shape)
    for join in ("multiply", "maximum", "minimum", "add"):
        found, expected = target.copy(), target.copy()
        scatter.scatter_reduce(found, 0, index, values, join)
        slow.scatter_reduce(np, expected, 0, index, values, join)
        np.testing.assert_array_equal(found, expected)


SHAPES = st.sampled_from([(5000,), (40, 200), (3000, 2), (6, 50, 30), (0, 5), ()])


@given(SEEDS, SHAPES, st.sampled_from(["bool", "float32"]))
def test_masks_agree(seed: int, shape: tuple[int, ...], dtype: str) -> None:
    random = np.random.default_rng(seed)
    mask = (random.random(shape) < 0.4).astype(dtype)
    np.testing.assert_array_equal(scatter.argwhere(mask), slow.argwhere(np, mask))
    chosen = mask != 0
    found, expected = np.ones(shape, "float32"), np.ones(shape, "float32")
    values = np.arange(float(np.count_nonzero(chosen)), dtype="float32")
    scatter.place_where(found, chosen, values)
    slow.place_where(np, expected, chosen, values)
    np.testing.assert_array_equal(found, expected)
    scatter.fill_where(found, chosen, np.float32(np.nan))
    np.copyto(expected, np.nan, where=chosen)
    np.testing.assert_array_equal(found, expected)


@given(SEEDS, st.integers(0, 2), st.sampled_from([(3, 4, 5), (40, 90, 100)]), st.integers(1, 4))
def test_joins_agree(seed: int, dim: int, shape: tuple[int, ...], count: int) -> None:
    random = np.random.default_rng(seed)
    sizes = random.integers(0, 2 * shape[dim], count).tolist()
    parts = [numbers(random, (*shape[:dim], size, *shape[dim + 1 :]), "float32") for size in sizes]
    found = assemble.concatenate(parts, dim)
    np.testing.assert_array_equal(found, slow_assemble.concatenate(np, parts, dim))


@pytest.mark.parametrize("large", [False, True])
def test_joining_shapes_that_do_not_match_raises(large: bool) -> None:
    size = 2000 if large else 2
    with pytest.raises(ValueError, match="must match exactly"):
        assemble.concatenate([np.ones((size, 100)), np.ones((size, 101))], 0)


@given(st.integers(-260, 260), st.booleans(), st.sampled_from([(3, 4), (200, 220), (250, 170), (2, 130, 140)]))
def test_triangles_agree(diagonal: int, lower: bool, shape: tuple[int, ...]) -> None:
    array = np.arange(1.0, 1 + np.prod(shape)).reshape(shape)
    array[..., 0, -1] = array[..., -1, 0] = np.nan
    expected = slow_assemble.triangle(np, array, diagonal, lower)
    np.testing.assert_array_equal(assemble.triangle(array, diagonal, lower), expected)

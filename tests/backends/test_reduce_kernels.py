"""The fast kernels of sums and relu against NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitensor.backends.numpy import activation, reduce

SHAPES = [
    (600, 3), (3, 600), (40, 30), (2, 3, 200), (1, 700), (5, 1, 300), (4, 8, 9, 9), (1300, 600), (2000, 200), (2, 5000),
]  # fmt: skip


@given(st.sampled_from(SHAPES), st.data())
def test_a_product_with_ones_equals_the_sum(shape, data):
    dims = tuple(data.draw(st.sets(st.sampled_from(range(len(shape))), min_size=1)))
    keepdim = data.draw(st.booleans())
    array = np.random.default_rng(0).random(shape)
    found = reduce.sum(array, dims, keepdim)
    np.testing.assert_allclose(found, array.sum(dims, keepdims=keepdim), rtol=1e-12)
    assert found.shape == array.sum(dims, keepdims=keepdim).shape
    assert not np.shares_memory(found, array)


@given(st.sampled_from(SHAPES), st.data())
def test_arrays_of_any_layout_are_summed(shape, data):
    order = data.draw(st.permutations(range(len(shape))))
    step, width = data.draw(st.tuples(*[st.integers(1, 2)] * 2))
    whole = np.random.default_rng(0).random((shape[0] * step, *shape[1:-1], shape[-1] * width))
    array = whole[::step, ..., ::width].transpose(order)
    if data.draw(st.booleans()):
        array = np.broadcast_to(array[:, :1], array.shape)
    dims = tuple(data.draw(st.sets(st.sampled_from(range(len(shape))), min_size=1)))
    keepdim = data.draw(st.booleans())
    for values in (array, array * (1 + 1j)):
        found, expected = reduce.sum(values, dims, keepdim), values.sum(dims, keepdims=keepdim)
        np.testing.assert_allclose(found, expected, rtol=1e-12)
        assert found.shape == expected.shape
        assert not np.shares_memory(found, array)


@pytest.mark.parametrize("length", [5, 2048, 5000, 10240])
def test_dot_products_of_rows_in_blocks(length):
    rows = np.random.default_rng(0).random((2, 3, length)).astype("float32")
    np.testing.assert_allclose(reduce.dots(rows, rows), (rows.astype("float64") ** 2).sum(-1), rtol=1e-6)
    np.testing.assert_allclose(reduce.dots(rows, rows[0, 0]), (rows * rows[0, 0]).sum(-1), rtol=1e-6)


def test_infinities_and_nan_affect_only_their_columns():
    array = np.ones((300, 3), "float32")
    array[0, 0], array[1, 1], array[2, 2] = math.inf, math.nan, -math.inf
    np.testing.assert_array_equal(reduce.sum(array, (0,), False), array.sum(0))


@pytest.mark.parametrize("size", [10, 3 * activation.PIECE + 5])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32"])
def test_relu_and_its_gradient_in_pieces(size, dtype):
    values = (np.arange(size) % 7 - 3).astype(dtype)
    grad = (np.arange(size) % 1000).astype(dtype)
    if dtype != "int32":
        values[:3] = [math.nan, -0.0, math.inf]
        grad[:2] = [math.nan, math.inf]
    found = activation.relu(values)
    np.testing.assert_array_equal(found, np.maximum(values, 0))
    np.testing.assert_array_equal(activation.relu_backward(grad, found), np.where(found <= 0, 0, grad))


def test_a_gradient_of_any_layout_is_masked():
    grad, values = np.broadcast_to(np.float32(2), (3, 4)), np.arange(12, dtype="float32").reshape(4, 3).T
    np.testing.assert_array_equal(activation.relu_backward(grad, values), np.where(values <= 0, 0, 2))


# -- products ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dims", [(0,), (1,), (2,), (1, 2), (0, 1, 2)])
@pytest.mark.parametrize("shape", [(3, 5, 1001), (40, 30, 2), (2, 700, 64), (1, 1, 5000)])
def test_products_by_halves_equal_products_one_by_one(shape: tuple[int, ...], dims: tuple[int, ...]) -> None:
    numbers = 1 + 0.02 * np.random.RandomState(0).standard_normal(shape)
    for keepdim in (False, True):
        found = reduce.product(numbers, dims, keepdim)
        np.testing.assert_allclose(found, numbers.prod(dims, keepdims=keepdim), rtol=1e-12)
        assert found.shape == numbers.prod(dims, keepdims=keepdim).shape


def test_products_of_special_numbers() -> None:
    numbers = np.ones((4, 999), "float32")
    numbers[0, 998], numbers[1, 3], numbers[2, 500:502] = 0, np.nan, (np.inf, 0)
    np.testing.assert_array_equal(reduce.product(numbers, (1,), False), [0, np.nan, np.nan, 1])

"""The fast kernels of activations and ``where`` against the reference, for all magnitudes, sizes and layouts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitensor import backends
from minitensor.backends.base import Backend
from minitensor.backends.numpy import activation
from minitensor.backends.reference import special

HOST = backends.open_backend("cpu")
ODD = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-30, -1e-30, 3e38, -3e38, 88.8, -88.8, 104.0, -104.0, 1.0, -1.0]
SIZES = [1, 100, activation.FEW + 1, 2 * activation.PIECE + 3]

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def numbers(size: int, dtype: str = "float32", seed: int = 0) -> Any:
    """Return random numbers of all magnitudes, including special values."""
    random = np.random.default_rng(seed)
    values = random.standard_normal(size) * 10.0 ** random.integers(-3, 2, size)
    values[: len(ODD)] = ODD[:size]
    return random.permutation(values).astype(dtype)


def layouts(values: Any) -> list[Any]:
    """Return the values in several memory layouts."""
    wide = np.repeat(values, 2)[::2]
    half = values[: values.size // 2 * 2].reshape(2, -1)
    return [values, wide, half.T, np.broadcast_to(values[:1], (3, 5))]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32", "uint8"])
def test_clip_equals_the_reference(size, dtype):
    for array in layouts(np.nan_to_num(numbers(size), posinf=9).astype(dtype) if dtype[-1] in "28" else numbers(size)):
        array = array.astype(dtype)
        low, high = np.asarray(1, dtype), np.asarray(3, dtype)
        for bounds in [(low, high), (low, None), (None, high), (high, low)]:
            np.testing.assert_array_equal(HOST.clip(array, *bounds), Backend.clip(HOST, array, *bounds))


@pytest.mark.parametrize("size", SIZES)
def test_relu_keeps_nan_and_the_sign_of_zero(size):
    for array in layouts(numbers(size)):
        found = activation.relu(array)
        np.testing.assert_array_equal(found, Backend.relu(HOST, array))
        np.testing.assert_array_equal(np.signbit(found), (array == 0) & np.signbit(array))
        grad = numbers(array.size, seed=1).reshape(array.shape)
        np.testing.assert_array_equal(activation.relu_backward(grad, found), np.where(found <= 0, 0, grad))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64", "uint8", "complex64", "bool"])
@pytest.mark.parametrize("shapes", [
    ((9000,), (9000,), (9000,)), ((9000,), (), (9000,)), ((9000,), (9000,), ()), ((9000,), (), ()),
    ((90, 100), (100,), (90, 1)), ((100, 90), (100, 90), ()), ((9000,), (3, 9000), (1,)), ((3,), (3,), (3,)),
], ids=str)  # fmt: skip
def test_where_by_bit_masks_equals_where(shapes, dtype):
    condition = np.random.default_rng(0).random(shapes[0]) < 0.5
    a, b = [numbers(max(int(np.prod(s)), 20), seed=k)[: int(np.prod(s))].reshape(s) for k, s in enumerate(shapes[1:])]
    if dtype[0] in "iu":
        a, b = np.nan_to_num(a) % 100, np.nan_to_num(b) % 100
    a, b = np.asarray(a).astype(dtype), np.asarray(b).astype(dtype)
    for zero in (b, np.zeros_like(b), -np.zeros_like(b)) if dtype != "bool" else (b,):
        for x, y in [(a, zero), (zero, a)]:
            found, wanted = activation.where(condition, x, y), np.where(condition, x, y)
            assert found.dtype == wanted.dtype and found.shape == wanted.shape
            assert found.tobytes() == wanted.tobytes()


def test_where_takes_any_layout():
    square = numbers(10000).reshape(100, 100)
    condition = np.random.default_rng(0).random((100, 100)) < 0.5
    for mask in (condition, condition.T):
        for a, b in [(square.T, square), (square[::-1], square.T), (square[:, :1], square.T)]:
            np.testing.assert_array_equal(activation.where(mask, a, b), np.where(mask, a, b))


@given(st.integers(0, 2**32 - 1))
def test_sigmoid_is_accurate_to_the_last_digits(seed):
    for dtype, rtol in [("float32", 3e-7), ("float64", 5e-16)]:
        x = numbers(1000, dtype, seed)
        exact = 1 / (1 + np.exp(-x.astype("longdouble")))
        np.testing.assert_allclose(activation.sigmoid(x), exact.astype(dtype), rtol=rtol, atol=2e-38)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype, rtol", [("float32", 1e-6), ("float64", 1e-15)])
def test_silu_equals_the_reference(size, dtype, rtol):
    for x in layouts(numbers(size, dtype)):
        grad = numbers(x.size, dtype, seed=1).reshape(x.shape)
        close = {"rtol": rtol, "atol": rtol}
        np.testing.assert_allclose(activation.silu(x), Backend.silu(HOST, x), **close)
        np.testing.assert_allclose(activation.silu_backward(grad, x), Backend.silu_backward(HOST, grad, x), **close)


# The absolute errors stated in Note [Quotients]: of the approximation, and of rounding about two dozen float32
# operations.
QUOTIENTS = [
    (activation.erf, lambda x: special.erf(np, x), 3.5e-8, 1.0),
    (activation.gelu, lambda x: special.gelu(np, x), 2.7e-7, None),
    (lambda x: activation.gelu_backward(np.ones_like(x), x),
     lambda x: special.gelu_backward(np, np.ones_like(x), x), 2.9e-7, 1.0),
]  # fmt: skip


@pytest.mark.parametrize("quotient, slow, error, scale", QUOTIENTS, ids=["erf", "gelu", "gelu_backward"])
def test_quotients_in_float32_are_as_accurate_as_stated(quotient, slow, error, scale):
    x = np.concatenate([np.linspace(-40, 40, 200_001), np.linspace(-7, 7, 200_001), 10.0 ** -np.arange(30.0)])
    x = x.astype("float32")
    exact, found = slow(x.astype("float64")), quotient(x).astype("float64")
    assert (np.abs(found - exact) <= error * (np.abs(x) if scale is None else scale)).all()
    near = (np.abs(x) < 0.3) & (np.abs(exact) > 1e-30)
    assert (np.abs(found - exact)[near] <= 7e-7 * np.abs(exact)[near]).all()
    # Beyond the ends results are exact, and special values give the reference's results.
    np.testing.assert_array_equal(quotient(np.float32([-1e4, -50, 30, 1e4])), slow(np.array([-1e4, -50, 30, 1e4])))
    with np.errstate(invalid="ignore"):
        odd = np.array([np.nan, np.inf, -np.inf, 0.0])
        np.testing.assert_array_equal(quotient(odd.astype("float32")), slow(odd))


def test_erf_stays_in_its_range():
    x = np.linspace(-6, 6, 1_000_001).astype("float32")
    found = activation.erf(x)
    assert np.abs(found).max() == 1
    np.testing.assert_array_equal(found, -activation.erf(-x))


@pytest.mark.parametrize("quotient, slow, error, scale", QUOTIENTS, ids=["erf", "gelu", "gelu_backward"])
def test_results_depend_on_neither_pieces_nor_layouts(quotient, slow, error, scale):
    values = np.linspace(-7, 7, 2 * activation.BLOCK + 7).astype("float32")
    for array in layouts(values):
        flat = np.concatenate([quotient(part) for part in np.array_split(array.reshape(-1), 9)])
        np.testing.assert_array_equal(quotient(array), flat.reshape(array.shape))
    np.testing.assert_allclose(quotient(values.astype("float64")), slow(values.astype("float64")))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_copysign_equals_numpys(size, dtype):
    for a, b in zip(layouts(numbers(size, dtype)), layouts(numbers(size, dtype, seed=1)), strict=True):
        found, expected = activation.copysign(a, b), np.copysign(a, b)
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(np.signbit(found), np.signbit(expected))

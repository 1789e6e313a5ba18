"""Nonlinear activations against PyTorch: values, kinks, infinities, gradients to second order."""

from __future__ import annotations

import math

import numpy as np
import pytest

import minitensor as mt
from minitensor.ops import softmax
from ops.twin import agree, same_error, torch

X = np.array([[-4.0, -3.0, -1.5, -0.5, -0.1], [0.1, 0.7, 1.0, 3.5, 7.0]])
KINKS = np.array([-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0, 6.0])
LARGE = np.array([-1000.0, -50.0, 50.0, 1000.0])
INFINITE = np.array([-math.inf, math.inf, math.nan])

CALLS = {
    "relu": {}, "relu6": {}, "hardtanh": {"min_val": -0.5, "max_val": 2.0}, "leaky_relu": {"negative_slope": 0.2},
    "threshold": {"threshold": 0.5, "value": 9.0}, "hardshrink": {"lambd": 0.6}, "softshrink": {"lambd": 0.6},
    "elu": {"alpha": 0.7}, "celu": {"alpha": 0.7}, "selu": {}, "softplus": {"beta": 2.0, "threshold": 5.0},
    "logsigmoid": {}, "silu": {},
    "mish": {}, "gelu": {}, "hardsigmoid": {}, "hardswish": {}, "softsign": {}, "tanhshrink": {},
}  # fmt: skip
# Second derivatives at a kink are arbitrary: they depend on how the gradient formula is written.
SMOOTH = ["logsigmoid", "silu", "mish", "gelu", "tanhshrink"]


def call(name, kwargs):
    """Call an activation where each library has it."""
    if name == "logsigmoid":
        return lambda lib, x: lib.nn.functional.logsigmoid(x)
    return lambda lib, x: getattr(lib.nn.functional, name)(x, **kwargs)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_values_and_gradients(name, dtype):
    # PyTorch's celu computes alpha in single precision, and its hardsigmoid 1/6, without a second derivative.
    loose = dtype == "float32" or name in ("celu", "hardsigmoid")
    order = 1 if name == "hardsigmoid" else 2
    agree(call(name, CALLS[name]), X.astype(dtype), rtol=1e-4 if loose else None, order=order)


@pytest.mark.parametrize("name", CALLS)
def test_defaults_and_kinks(name):
    kwargs = CALLS[name] if name == "threshold" else {}
    rtol = 1e-6 if name == "hardsigmoid" else None
    agree(call(name, kwargs), KINKS, order=2 if name in SMOOTH else 1, rtol=rtol)


@pytest.mark.parametrize("name", CALLS)
def test_nothing_overflows(name):
    kwargs = CALLS[name] if name == "threshold" else {}
    agree(call(name, kwargs), LARGE, order=1)


@pytest.mark.parametrize("name", sorted(set(CALLS) - {"mish", "silu", "gelu", "softsign", "hardswish", "tanhshrink"}))
def test_infinities_and_nan(name):
    kwargs = CALLS[name] if name == "threshold" else {}
    agree(call(name, kwargs), INFINITE, order=0)


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "hardtanh", "softplus"])
def test_in_place_and_float16(name):
    agree(call(name, {}), X.astype("float16"), order=0)
    if name != "softplus":
        agree(lambda lib, x: call(name + "_", {})(lib, x * 1), X)


def test_relu_in_place_through_a_view():
    agree(lambda lib, x: (lambda y: (y[0].relu_(), y)[1] * y)(x * 2), X)


def test_gelu_by_tanh():
    agree(lambda lib, x: lib.nn.functional.gelu(x, approximate="tanh"), X)
    with pytest.raises(RuntimeError, match="'none' or 'tanh'"):
        mt.nn.functional.gelu(mt.ones(2), approximate="erf")


def test_prelu_has_one_weight_or_one_for_each_channel():
    agree(lambda lib, x, w: lib.prelu(x, w), X, np.array([0.3]))
    agree(lambda lib, x, w: lib.prelu(x, w), X.reshape(1, 2, 5), np.array([0.3, 0.6]))
    same_error(lambda lib: lib.prelu(lib.ones(2, 3), lib.ones(2)))


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_glu_halves_a_dim(dim):
    agree(lambda lib, x: lib.nn.functional.glu(x, dim), X[:, :4])
    with pytest.raises(RuntimeError, match="must be even"):
        mt.nn.functional.glu(mt.ones(3, 3), dim)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("dim", [0, 1, 2, -1])
def test_softmax(name, dim):
    agree(lambda lib, x: getattr(lib, name)(x, dim), np.sin(np.arange(24.0) * 1.3).reshape(2, 3, 4))
    agree(lambda lib, x: getattr(lib, name)(x.permute(2, 0, 1), dim), np.sin(np.arange(24.0) * 1.3).reshape(2, 3, 4))


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_of_extremes(name):
    agree(lambda lib, x: getattr(lib, name)(x, 0), np.array([1e4, 1e4 - 1, -1e4]))
    agree(lambda lib, x: getattr(lib, name)(x, 0), np.array([-math.inf, 0.0, 1.0]), order=1)
    agree(lambda lib, x: getattr(lib, name)(x, 0), np.array(3.0), order=1)
    agree(lambda lib, x: getattr(lib, name)(x, 1), np.zeros((2, 0)), order=0)
    agree(lambda lib, x: getattr(lib, name)(x, 0, dtype=lib.float64), np.array([1, 2]))
    agree(lambda lib, x: getattr(lib, name)(x, 0), np.array([1, 2, 3], "float16"), order=0)
    with pytest.raises(RuntimeError, match="not implemented for int64"):
        getattr(mt, name)(mt.tensor([1, 2]), 0)


def test_softmin_prefers_small_values():
    agree(lambda lib, x: (torch.nn.functional if lib is torch else softmax).softmin(x, 1), X)


def test_relu_refuses_bools_and_complex_numbers():
    for dtype in (mt.bool, mt.complex64):
        with pytest.raises(NotImplementedError, match="relu: not implemented for"):
            mt.relu(mt.ones(2, dtype=dtype))


def test_erf_is_accurate_to_the_last_digits():
    x = np.concatenate([np.linspace(-7, 28, 20001), [0.0, -0.0, math.inf, -math.inf]])
    for ours, exact in [(mt.erf, math.erf), (mt.erfc, math.erfc)]:
        wanted = np.array([exact(each) for each in x])
        np.testing.assert_allclose(ours(mt.from_numpy(x)).numpy(), wanted, rtol=5e-15, atol=1e-300)
        single = ours(mt.from_numpy(x.astype("float32"))).numpy()
        np.testing.assert_allclose(single, [exact(each) for each in x.astype("float32")], rtol=2e-6, atol=1e-37)
    agree(lambda lib, x: (lib.erf(x), lib.erfc(x)), X)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_gelu_of_infinity_is_infinite(dtype: str) -> None:
    assert mt.nn.functional.gelu(mt.tensor([math.inf, 40.0], dtype=getattr(mt, dtype))).tolist() == [math.inf, 40.0]

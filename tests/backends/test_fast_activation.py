"""The compiled activation functions equal NumPy's kernels, also where they saturate, and the reference's doubles."""

from __future__ import annotations

from typing import Any

import numpy
import pytest

from minitensor.backends.numpy import activation as plain
from minitensor.backends.numpy import threads
from minitensor.backends.reference import special

pytest.importorskip("numba")
fast = __import__("minitensor.backends.fast.activation", fromlist=["activation"])

NAMES = ("gelu", "gelu_backward", "sigmoid", "silu", "silu_backward", "relu_backward")
LAYOUTS = ("dense", "transposed", "flipped", "expanded", "read-only")
SHAPES = [(), (0,), (1,), (7, 33), (3, 4, 5, 6), (300, 1000)]
ODD = [numpy.nan, numpy.inf, -numpy.inf, 0.0, -0.0, 1e-30, -1e-30, 1e-40, 3e38, -3e38, 88.8, -88.8, 104.0, -104.0]


def draw(shape: tuple[int, ...], dtype: str, layout: str, seed: int) -> Any:
    array = numpy.asarray(numpy.random.default_rng(seed).standard_normal(shape) * 3).astype(dtype)
    if layout == "transposed":
        return numpy.ascontiguousarray(array.T).T if shape else array
    if layout == "flipped":
        return array[..., ::-1] if shape else array
    if layout == "expanded":
        return numpy.broadcast_to(array[:1], shape) if shape and shape[0] else array
    array.flags.writeable = layout != "read-only"
    return array


def call(module: Any, name: str, x: Any, grad: Any) -> Any:
    return getattr(module, name)(*([grad, x] if name.endswith("backward") else [x]))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_activations_equal_numpys_kernels(name: str, shape: Any, dtype: str, layout: str) -> None:
    x, g = draw(shape, dtype, layout, 1), draw(shape, dtype, layout, 2)
    found, expected = call(fast, name, x, g), call(plain, name, x, g)
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    numpy.testing.assert_allclose(found, expected, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("name", NAMES)
def test_odd_numbers_are_as_in_numpys_kernels(name: str) -> None:
    x = numpy.array(ODD * 5, "float32")
    with numpy.errstate(all="ignore"):
        found, expected = (call(module, name, x, numpy.ones_like(x)) for module in (fast, plain))
    numpy.testing.assert_allclose(found, expected, rtol=1e-6, atol=0)
    assert (numpy.signbit(found) == numpy.signbit(expected))[~numpy.isnan(found)].all()


@pytest.mark.parametrize("name", ["gelu", "gelu_backward"])
def test_gelu_is_as_near_to_doubles_as_numpys_kernel(name: str) -> None:
    x = numpy.linspace(-20, 20, 1 << 18).astype("float32")
    exact = getattr(special, name)(numpy, *([numpy.ones(x.shape)] if name.endswith("backward") else []), x.astype("d"))
    found, theirs = (abs(call(module, name, x, numpy.ones_like(x)) - exact).max() for module in (fast, plain))
    assert found <= 1.1 * theirs


@pytest.mark.parametrize("name", NAMES)
def test_the_number_of_threads_changes_no_result(name: str) -> None:
    x, g = draw((700, 1001), "float32", "dense", 1), draw((700, 1001), "float32", "dense", 2)
    before, results = threads.get_num_threads(), []
    try:
        for count in (1, 2, 3):
            threads.set_num_threads(count)
            results.append(call(fast, name, x, g).tobytes())
    finally:
        threads.set_num_threads(before)
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", ["gelu", "sigmoid", "silu"])
def test_the_layout_changes_no_result(name: str, shape: Any, layout: str) -> None:
    x = draw(shape, "float32", layout, 1)
    found, dense = getattr(fast, name)(x), getattr(fast, name)(numpy.array(x, order="C"))
    assert found.tobytes() == dense.tobytes() and found.strides == getattr(plain, name)(x).strides

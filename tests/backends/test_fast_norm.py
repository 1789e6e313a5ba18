"""The compiled normalization kernels equal the reference for every dtype and layout, and are exact for a large mean."""

from __future__ import annotations

from typing import Any

import numpy
import pytest

from minitensor.backends.numpy import threads
from minitensor.backends.reference import norm as reference

pytest.importorskip("numba")
fast = __import__("minitensor.backends.fast.norm", fromlist=["norm"])

TOLERANCE = {"float16": 2e-2, "float32": 2e-5, "float64": 1e-11}  # of the largest entry
LAYOUTS = ("dense", "transposed", "flipped", "expanded", "read-only")
# One row per set, one element per set, short rows at and beyond the border of the two loops, many blocks of lines.
CHANNELS = [(2, 4, 5), (1, 8, 3), (4, 4, 1), (1, 4, 1), (3, 8, 64), (3, 8, 65), (2, 4, 700), (70, 12, 9), (5, 600, 2)]
LINES = [(7, 30), (1, 1), (5, 1), (1, 70), (300, 33), (129, 16), (3, 3000)]
AFFINE = pytest.mark.parametrize(("weighed", "shifted"), [(True, True), (True, False), (False, True), (False, False)])


def draw(shape: tuple[int, ...], dtype: str, layout: str, seed: int, far: float = 0.3) -> Any:
    array = (numpy.random.default_rng(seed).standard_normal(shape) + far).astype(dtype)
    if layout == "transposed":
        return numpy.ascontiguousarray(array.T).T
    if layout == "flipped":
        return array[..., ::-1]
    if layout == "expanded":
        return numpy.broadcast_to(array[:1], shape)
    array.flags.writeable = layout != "read-only"
    return array


def assert_near(found: Any, expected: Any, dtype: str) -> None:
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
        scale = max(1, numpy.abs(theirs).max(initial=0))
        numpy.testing.assert_allclose(ours, theirs, rtol=0, atol=TOLERANCE[dtype] * scale)


@AFFINE
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("groups", [0, 1, 2, 4])
@pytest.mark.parametrize("shape", CHANNELS, ids=str)
def test_channel_norm_equals_the_reference(
    shape: Any, groups: int, dtype: str, layout: str, weighed: bool, shifted: bool
) -> None:
    x, g = draw(shape, dtype, layout, 1), draw(shape, dtype, layout, 2)
    w, b = [draw(shape[1:2], dtype, layout, 3) if given else None for given in (weighed, shifted)]
    expected = reference.channel_norm(numpy, x, w, b, groups, 1e-2)
    assert_near(fast.channel_norm(x, w, b, groups, 1e-2), expected, dtype)
    given = g, x, *expected[1:3], w, groups
    assert_near(fast.channel_norm_backward(*given), reference.channel_norm_backward(numpy, *given), dtype)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("shape", CHANNELS, ids=str)
def test_standardize_equals_the_reference(shape: Any, dtype: str, layout: str) -> None:
    x, g = draw(shape, dtype, layout, 1), draw(shape, dtype, layout, 2)
    expected = reference.standardize(numpy, x, 1e-2)
    assert_near(fast.standardize(x, 1e-2), expected, dtype)
    given = g, *expected[:2]
    found = fast.standardize_backward(*given)
    assert_near([found], [reference.standardize_backward(numpy, *given)], dtype)


@AFFINE
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("shape", LINES, ids=str)
def test_layer_norm_equals_the_reference(shape: Any, dtype: str, layout: str, weighed: bool, shifted: bool) -> None:
    x, g = draw(shape, dtype, layout, 1), draw(shape, dtype, layout, 2)
    w, b = [draw(shape[1:], dtype, layout, 3) if given else None for given in (weighed, shifted)]
    expected = reference.layer_norm(numpy, x, w, b, 1e-2)
    assert_near(fast.layer_norm(x, w, b, 1e-2), expected, dtype)
    given = g, x, *expected[1:], w
    assert_near(fast.layer_norm_backward(*given), reference.layer_norm_backward(numpy, *given), dtype)


@pytest.mark.filterwarnings("ignore:Mean of empty slice:RuntimeWarning", "ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("shape", [(0, 3, 2), (3, 2, 0)])
def test_nothing_can_be_normalized(shape: Any) -> None:
    x = numpy.ones(shape, "float32")
    expected = reference.channel_norm(numpy, x, None, None, 0, 1e-5)
    for ours, theirs in zip(fast.channel_norm(x, None, None, 0, 1e-5), expected, strict=True):
        numpy.testing.assert_array_equal(ours, theirs, strict=True)


@pytest.mark.parametrize("length", [20, 900])
@pytest.mark.parametrize("groups", [0, 1, 4])
@pytest.mark.parametrize("far", [1.0, 30.0, 3000.0])
def test_the_variance_with_a_large_mean_is_as_in_double_precision(far: float, groups: int, length: int) -> None:
    x = (draw((16, 4, length), "float64", "dense", 1) + far * numpy.array([1, -1, 0, 1])[:, None]).astype("float32")
    _, mean, r, var = fast.channel_norm(x, None, None, groups, 0.0)
    exact = reference.channel_norm(numpy, x.astype("float64"), None, None, groups, 0.0)
    numpy.testing.assert_allclose(mean, exact[1], rtol=1e-6, atol=1e-7 * far)
    numpy.testing.assert_allclose(var, exact[3], rtol=2e-6)
    numpy.testing.assert_allclose(r, exact[2], rtol=1e-6)


@pytest.mark.parametrize("length", [5, 600])
@pytest.mark.parametrize("number", [numpy.inf, -numpy.inf, numpy.nan])
def test_infinity_and_nan_affect_only_their_own_set(number: float, length: int) -> None:
    x = draw((4, 6, length), "float32", "dense", 1)
    x[1, 2, 3] = number
    grouped = numpy.isnan(fast.channel_norm(x, None, None, 3, 1e-5)[0])
    assert grouped[1, 2:4].all() and grouped.sum() == 2 * length
    together = numpy.isnan(fast.channel_norm(x, None, None, 0, 1e-5)[0])
    assert together[:, 2].all() and together.sum() == 4 * length
    lines = numpy.isnan(fast.layer_norm(x.reshape(24, length), None, None, 1e-5)[0])
    assert lines[8].all() and lines.sum() == length


@pytest.mark.parametrize("groups", [0, 4])
@pytest.mark.parametrize("shape", [(40, 8, 1024), (64, 512, 16)], ids=str)
def test_the_number_of_threads_changes_no_result(shape: Any, groups: int) -> None:
    x, g = draw(shape, "float32", "dense", 1), draw(shape, "float32", "dense", 2)
    w, lines, before, results = x[0, :, 0].copy(), x.reshape(-1, shape[2]), threads.get_num_threads(), []
    try:
        for count in (1, 2, 3):
            threads.set_num_threads(count)
            y, mean, r, _ = fast.channel_norm(x, w, None, groups, 1e-5)
            z, middle, by = fast.layer_norm(lines, None, None, 1e-5)
            grads = fast.channel_norm_backward(g, x, mean, r, w, groups)
            others = fast.layer_norm_backward(g.reshape(lines.shape), lines, middle, by, None)
            results.append([each.tobytes() for each in (y, mean, r, z, middle, by, *grads, *others)])
    finally:
        threads.set_num_threads(before)
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("groups", [0, 2])
def test_gradients_of_long_rows_are_accurate_to_the_last_digits(groups: int) -> None:
    x, g = [draw((2, 2, 1 << 19), "float32", "dense", seed, far=0.5) for seed in (1, 2)]
    wide_x, wide_g, w = x.astype("float64"), g.astype("float64"), numpy.ones(2, "float32")
    _, mean, r, _ = reference.channel_norm(numpy, wide_x, None, None, groups, 1e-5)
    exact = reference.channel_norm_backward(numpy, wide_g, wide_x, mean, r, None, groups)
    single = mean.astype("float32"), r.astype("float32")
    found = fast.channel_norm_backward(g, x, *single, w, groups)
    numpy.testing.assert_allclose(found[0], exact[0], rtol=0, atol=1e-6)
    numpy.testing.assert_allclose(found[2], exact[2], rtol=1e-6)
    lines, grads = x.reshape(1, -1), g.reshape(1, -1)
    _, middle, by = reference.layer_norm(numpy, lines.astype("float64"), None, None, 1e-5)
    expected = reference.layer_norm_backward(numpy, grads.astype("float64"), lines.astype("float64"), middle, by, None)
    given = grads, lines, middle.astype("float32"), by.astype("float32"), None
    numpy.testing.assert_allclose(fast.layer_norm_backward(*given)[0], expected[0], rtol=0, atol=1e-6)


def test_an_infinite_weight_makes_the_gradient_of_its_group_nan() -> None:
    x, g = draw((2, 4, 5), "float64", "dense", 1), numpy.ones((2, 4, 5))
    w = numpy.array([1.0, numpy.inf, 1.0, 1.0])
    _, mean, r, _ = fast.channel_norm(x, None, None, 2, 1e-5)
    found = fast.channel_norm_backward(g, x, mean, r, w, 2)[0]
    assert numpy.isnan(found[:, :2]).all() and numpy.isfinite(found[:, 2:]).all()

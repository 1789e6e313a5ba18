"""The fast normalization kernels equal the reference, and stay accurate if the mean is large."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from minitensor.backends.numpy import channel_norm, channel_sets, layer_norm, standardize
from minitensor.backends.reference import norm as reference

RNG = np.random.default_rng(0)
SHAPES = [(2, 3, 5), (1, 7, 4), (4, 1, 1), (0, 3, 2), (2, 0, 3), (3, 2, 0), (3, 4, 100), (1, 300, 500), (5, 40, 700)]


@pytest.mark.filterwarnings("ignore:Mean of empty slice:RuntimeWarning", "ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("layout", ["contiguous", "transposed", "sliced"])
def test_standardize_equals_the_reference(shape: Any, dtype: str, layout: str) -> None:
    x, g = (arrange(layout, RNG.standard_normal(shape).astype(dtype)) for _ in range(2))
    tolerance = {"float16": 1e-2, "float32": 1e-5, "float64": 1e-12}[dtype]
    found, expected = standardize.standardize(x, 1e-5), reference.standardize(np, x, 1e-5)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)
    z, r = expected[:2]
    ours, theirs = standardize.standardize_backward(g, z, r), reference.standardize_backward(np, g, z, r)
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance * 10)


TOLERANCE = {"float16": 2e-2, "float32": 1e-5, "float64": 1e-11}
AFFINE = pytest.mark.parametrize(("weighed", "shifted"), [(True, True), (True, False), (False, True), (False, False)])


def assert_close(found: Any, expected: Any, dtype: str) -> None:
    """Compare tuples of arrays, each in proportion to its largest entry."""
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
        scale = np.abs(theirs).max(initial=1)
        np.testing.assert_allclose(ours, theirs, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype] * scale)


@AFFINE
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("offset", [0.3, 20.0])
@pytest.mark.parametrize("shape", [(7, 30), (300, 512), (2, 70_000), (5, 1), (1100, 33), (1500, 500)], ids=str)
def test_layer_norm_and_its_gradients_equal_the_reference(
    shape: Any, offset: float, dtype: str, weighed: bool, shifted: bool
) -> None:
    x, g = (RNG.standard_normal(shape).astype(dtype) for _ in range(2))
    x += np.asarray(offset, dtype)
    w, b = [RNG.standard_normal(shape[1]).astype(dtype) if each else None for each in (weighed, shifted)]
    expected = reference.layer_norm(np, x, w, b, 1e-5)
    assert_close(layer_norm.layer_norm(x, w, b, 1e-5), expected, dtype)
    given = g, x, *expected[1:], w
    assert_close(layer_norm.layer_norm_backward(*given), reference.layer_norm_backward(np, *given), dtype)


@AFFINE
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("offset", [0.3, 20.0])
@pytest.mark.parametrize("groups", [0, 1, 2, 4])
@pytest.mark.parametrize("shape", [(3, 4, 100), (3, 4, 9), (5, 4, 1), (9, 8, 1024), (99, 4, 9), (1, 4, 90000)], ids=str)
def test_channel_norm_and_its_gradients_equal_the_reference(
    shape: Any, groups: int, offset: float, dtype: str, weighed: bool, shifted: bool
) -> None:
    x, g = (RNG.standard_normal(shape).astype(dtype) for _ in range(2))
    x += np.asarray(offset, dtype)
    w, b = [RNG.standard_normal(shape[1]).astype(dtype) if each else None for each in (weighed, shifted)]
    expected = reference.channel_norm(np, x, w, b, groups, 1e-3)
    assert_close(channel_norm.channel_norm(x, w, b, groups, 1e-3), expected, dtype)
    given = g, x, *expected[1:3], w, groups
    assert_close(channel_norm.channel_norm_backward(*given), reference.channel_norm_backward(np, *given), dtype)


@pytest.mark.parametrize("groups", [0, 2, 8])
@pytest.mark.parametrize("shape", [(40, 8, 1024), (1, 8, 5000)], ids=str)
def test_the_division_into_pieces_changes_no_set(shape: Any, groups: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x, g = (RNG.standard_normal(shape).astype("float32") for _ in range(2))
    w, b = (RNG.standard_normal(shape[1]).astype("float32") for _ in range(2))
    expected = reference.channel_norm(np, x, w, b, groups, 1e-3)
    given = g, x, *expected[1:3], w, groups
    for shared, piece in [(1, 1 << 14), (1, 1), (1 << 30, 1 << 12), (1 << 30, 1 << 30)]:
        for name, elements in (("SHARED", shared), ("PIECE_ELEMENTS", piece)):
            monkeypatch.setattr(channel_sets, name, elements)
        assert_close(channel_norm.channel_norm(x, w, b, groups, 1e-3), expected, "float32")
        assert_close(channel_norm.channel_norm_backward(*given), reference.channel_norm_backward(np, *given), "float32")
    assert np.getbufsize() == 8192


@pytest.mark.parametrize("groups", [0, 1, 4])
@pytest.mark.parametrize("far", [1.0, 30.0, 3000.0])
def test_the_variance_with_a_large_mean_is_as_in_double_precision(far: float, groups: int) -> None:
    x = (RNG.standard_normal((16, 4, 900)) + far * np.array([1, -1, 0, 1])[:, None]).astype("float32")
    _, mean, r, var = channel_norm.channel_norm(x, None, None, groups, 0.0)
    exact = reference.channel_norm(np, x.astype("float64"), None, None, groups, 0.0)
    np.testing.assert_allclose(mean, exact[1], rtol=1e-6, atol=1e-7 * far)
    np.testing.assert_allclose(var, exact[3], rtol=2e-6)
    np.testing.assert_allclose(r, exact[2], rtol=1e-6)


def test_infinity_and_nan_affect_only_their_own_set() -> None:
    x = RNG.standard_normal((4, 6, 600)).astype("float32")
    x[1, 2, 5], x[2, 0, 0] = np.inf, np.nan
    y = channel_norm.channel_norm(x, None, None, 3, 1e-5)[0]
    spoiled = np.isnan(y).reshape(4, 3, -1).all(2)
    assert spoiled.sum() == 2 and spoiled[1, 1] and spoiled[2, 0] and np.isnan(y).sum() == 2 * 2 * 600


def arrange(layout: str, array: Any) -> Any:
    """Return equal values in another memory layout."""
    if layout == "transposed":
        return np.ascontiguousarray(array.transpose(2, 1, 0)).transpose(2, 1, 0)
    if layout == "sliced":
        return np.repeat(array, 2, axis=-1)[..., ::2]
    return array

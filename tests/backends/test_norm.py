"""The fast standardising kernels against the ones that define them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from minitensor.backends.numpy import norm as fast
from minitensor.backends.reference import norm as reference

RNG = np.random.default_rng(0)
SHAPES = [(2, 3, 5), (1, 7, 4), (4, 1, 1), (0, 3, 2), (2, 0, 3), (3, 2, 0), (3, 4, 100), (1, 300, 500), (5, 40, 700)]


@pytest.mark.filterwarnings("ignore:Mean of empty slice:RuntimeWarning", "ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("layout", ["contiguous", "transposed", "sliced"])
def test_the_fast_kernels_equal_their_definition(shape: Any, dtype: str, layout: str) -> None:
    x, g = (laid(layout, RNG.standard_normal(shape).astype(dtype)) for _ in range(2))
    tolerance = {"float16": 1e-2, "float32": 1e-5, "float64": 1e-12}[dtype]
    found, expected = fast.standardize(x, 1e-5), reference.standardize(np, x, 1e-5)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)
    z, r = expected[:2]
    ours, theirs = fast.project(g, z, r), reference.project(np, g, z, r)
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
@pytest.mark.parametrize("shape", [(7, 30), (300, 512), (2, 70_000), (5, 1)], ids=str)
def test_rows_are_normed_and_differentiated_by_their_definition(
    shape: Any, offset: float, dtype: str, weighed: bool, shifted: bool
) -> None:
    x, g = (RNG.standard_normal(shape).astype(dtype) for _ in range(2))
    x += np.asarray(offset, dtype)
    w, b = [RNG.standard_normal(shape[1]).astype(dtype) if each else None for each in (weighed, shifted)]
    assert_close([fast.layer_norm(x, w, b, 1e-5)], [reference.layer_norm(np, x, w, b, 1e-5)], dtype)
    assert_close(fast.layer_norm_back(g, x, w, 1e-5), reference.layer_norm_back(np, g, x, w, 1e-5), dtype)


@AFFINE
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("offset", [0.3, 20.0])
@pytest.mark.parametrize("groups", [0, 1, 2, 4])
@pytest.mark.parametrize("shape", [(3, 4, 100), (3, 4, 9), (5, 4, 1), (40, 8, 1024)], ids=str)
def test_channels_are_normed_and_differentiated_by_their_definition(
    shape: Any, groups: int, offset: float, dtype: str, weighed: bool, shifted: bool
) -> None:
    x, g = (RNG.standard_normal(shape).astype(dtype) for _ in range(2))
    x += np.asarray(offset, dtype)
    w, b = [RNG.standard_normal(shape[1]).astype(dtype) if each else None for each in (weighed, shifted)]
    mean, var = fast.channel_statistics(x, groups)
    assert_close((mean, var), reference.channel_statistics(np, x, groups), dtype)
    r = 1 / np.sqrt(var + np.asarray(1e-3, dtype))
    assert_close([fast.channel_norm(x, mean, r, w, b)], [reference.channel_norm(np, x, mean, r, w, b)], dtype)
    found = fast.channel_norm_back(g, x, mean, r, w, groups)
    assert_close(found, reference.channel_norm_back(np, g, x, mean, r, w, groups), dtype)


def laid(layout: str, array: Any) -> Any:
    """Return equal values in another memory layout."""
    if layout == "transposed":
        return np.ascontiguousarray(array.transpose(2, 1, 0)).transpose(2, 1, 0)
    if layout == "sliced":
        return np.repeat(array, 2, axis=-1)[..., ::2]
    return array

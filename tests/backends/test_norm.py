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


def laid(layout: str, array: Any) -> Any:
    """Return equal values in another memory layout."""
    if layout == "transposed":
        return np.ascontiguousarray(array.transpose(2, 1, 0)).transpose(2, 1, 0)
    if layout == "sliced":
        return np.repeat(array, 2, axis=-1)[..., ::2]
    return array

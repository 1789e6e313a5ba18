"""Weighted sums in place: the fast kernel equals the reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from minitensor.backends.numpy import blend as fast
from minitensor.backends.reference import blend as reference

RNG = np.random.default_rng(0)
TOLERANCE = {"float16": 1e-2, "float32": 3e-7, "float64": 1e-15}
FACTORS = [(0.9, 0.1), (1, -0.01), (0.5, 1), (1, 1), (0, 2.0), (-1.5, 0), (1, -1e-12)]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(), (7,), (130, 130), (fast.LEAST + 3,)], ids=str)
@pytest.mark.parametrize(("keep", "share"), FACTORS, ids=str)
def test_the_fast_kernel_equals_the_reference(shape: Any, keep: float, share: float, dtype: str) -> None:
    target, values = (np.asarray(RNG.standard_normal(shape), dtype) for _ in range(2))
    assert_blended(target, keep, values, share)


@pytest.mark.parametrize("keep", [0, 1, 0.5])
@pytest.mark.parametrize("share", [0, -2.0])
def test_infinities_and_nan_give_equal_results(keep: float, share: float) -> None:
    target, values = RNG.standard_normal((2, fast.LEAST)).astype("float32")
    target[:3], values[1:4] = (np.nan, np.inf, -np.inf), (np.inf, np.inf, np.nan)
    with np.errstate(invalid="ignore"):
        assert_blended(target, keep, values, share)


def test_strides_and_other_dtypes_do_not_matter() -> None:
    target, values = RNG.standard_normal((2, 200, 300)).astype("float32")
    assert_blended(target.T, 0.5, values.T, 2.0)
    assert_blended(target[:, ::2], 0.5, values[:, 1::2], 2.0)
    assert_blended(target, 0.5, values.astype("float64"), 2.0)
    assert_blended(target, 0.5, target, 2.0)
    assert_blended(target.astype(">f4"), 0.5, values.astype(">f4"), 2.0)


def test_numpys_own_blas_has_the_routine() -> None:
    if "openblas" not in str(np.show_config(mode="dicts")).lower():
        pytest.skip("this NumPy has another BLAS")
    assert fast.routine("f") and fast.routine("d")
    assert fast.routine("e") is None


def assert_blended(target: Any, keep: float, values: Any, share: float) -> None:
    ours, theirs = target.copy("K"), target.copy("K")
    given = ours if values is target else values
    before = given.copy()
    fast.blend(ours, keep, given, share, np.empty_like(target))
    reference.blend(np, theirs, keep, before, share, np.empty_like(target))
    np.testing.assert_allclose(ours, theirs, rtol=TOLERANCE[target.dtype.name], atol=TOLERANCE[target.dtype.name])
    assert given is ours or np.array_equal(given, before, equal_nan=True)


def test_read_only_memory_raises() -> None:
    target = np.ones(1 << 15, "float32")
    target.setflags(write=False)
    with pytest.raises(ValueError, match="read-only"):
        fast.blend(target, 1, np.ones_like(target), 0.5, np.empty_like(target))
    assert (target == 1).all()

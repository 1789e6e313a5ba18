"""Special functions against SciPy's, over the whole float64 range and where approximations meet."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minitensor.backends.reference import bessel, gamma, special

scipy_special = pytest.importorskip("scipy.special")

Function = Callable[[Any], Any]
RANDOM = np.random.RandomState(0)
TINY = 10.0 ** RANDOM.uniform(-300, 0, 500)
HUGE = 10.0 ** RANDOM.uniform(0, 300, 500)
POSITIVE = np.concatenate([RANDOM.uniform(0, 20, 5000), TINY, HUGE, [0.5, 1.0, 1.5, 2.0, 2.5, 7.999, 8.0, 9.5, 10.0]])
NEGATIVE = -RANDOM.uniform(0, 30, 3000)
REAL = np.concatenate([RANDOM.uniform(-30, 30, 5000), TINY, -TINY, HUGE, -HUGE, [-0.46875, 0.46875, 4.0, 8.0, 0.0]])
SHARE = np.concatenate([RANDOM.uniform(0, 1, 3000), TINY, 1 - 10.0 ** RANDOM.uniform(-15, 0, 500), [0.0, 0.5, 1.0]])


def assert_close_where_finite(ours: Function, theirs: Function, x: Any, rtol: float, atol: float = 0.0) -> None:
    """Compare results where SciPy's is finite."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found, expected = ours(x), theirs(x)
    finite = np.isfinite(expected) & (np.abs(expected) > 1e-300)
    assert finite.sum() > x.size / 4
    np.testing.assert_allclose(found[finite], expected[finite], rtol=rtol, atol=atol)


CASES: dict[str, tuple[Function, Function, Any, float, float]] = {
    "lgamma": (lambda x: gamma.lgamma(np, x), scipy_special.gammaln, POSITIVE, 2e-14, 1e-15),
    "lgamma, left of zero": (lambda x: gamma.lgamma(np, x), scipy_special.gammaln, NEGATIVE, 1e-13, 1e-13),
    "digamma": (lambda x: gamma.digamma(np, x), scipy_special.digamma, POSITIVE, 1e-14, 2e-15),
    "digamma, left of zero": (lambda x: gamma.digamma(np, x), scipy_special.digamma, NEGATIVE, 1e-10, 1e-13),
    "trigamma": (lambda x: gamma.polygamma(np, 1, x), lambda x: scipy_special.polygamma(1, x), POSITIVE, 1e-14, 0),
    "polygamma 3": (lambda x: gamma.polygamma(np, 3, x), lambda x: scipy_special.polygamma(3, x), POSITIVE, 1e-14, 0),
    "i0": (lambda x: bessel.i0(np, x), scipy_special.i0, REAL, 5e-15, 0),
    "i0e": (lambda x: bessel.i0e(np, x), scipy_special.i0e, REAL, 5e-15, 0),
    "i1": (lambda x: bessel.i1(np, x), scipy_special.i1, REAL, 5e-15, 0),
    "i1e": (lambda x: bessel.i1e(np, x), scipy_special.i1e, REAL, 5e-15, 0),
    "erfcx": (lambda x: special.erfcx(np, x), scipy_special.erfcx, REAL, 5e-15, 0),
    "ndtr": (lambda x: special.ndtr(np, x), scipy_special.ndtr, REAL, 2e-13, 0),
    "log_ndtr": (lambda x: special.log_ndtr(np, x), scipy_special.log_ndtr, REAL, 2e-13, 0),
    "erfinv": (lambda x: special.erfinv(np, x), scipy_special.erfinv, 2 * SHARE - 1, 5e-15, 1e-300),
    "ndtri": (lambda x: special.ndtri(np, x), scipy_special.ndtri, SHARE, 5e-15, 1e-15),
}


@pytest.mark.parametrize("name", CASES)
def test_equals_scipy(name: str) -> None:
    ours, theirs, x, rtol, atol = CASES[name]
    assert_close_where_finite(ours, theirs, x, rtol, atol)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_polygammas_of_negative_numbers_are_derivatives_of_one_another(n: int) -> None:
    x, step = -RANDOM.uniform(0.1, 5, 200), 1e-5
    x = x[np.abs(x - np.rint(x)) > 0.05]
    lower = (lambda at: gamma.polygamma(np, n - 1, at)) if n > 1 else (lambda at: gamma.digamma(np, at))
    slope = (lower(x + step) - lower(x - step)) / (2 * step)
    np.testing.assert_allclose(gamma.polygamma(np, n, x), slope, rtol=1e-4, atol=1e-3)


def test_lgamma_is_accurate_near_its_zeros() -> None:
    """Near 1 and 2, lgamma(1 + d) is -0.5772 d and lgamma(2 + d) is 0.4228 d."""
    d = 2.0 ** -np.arange(30, 50)
    euler = 0.5772156649015329
    np.testing.assert_allclose(gamma.lgamma(np, 1 + d), -euler * d, rtol=1e-8)
    np.testing.assert_allclose(gamma.lgamma(np, 2 + d), (1 - euler) * d, rtol=1e-8)


def test_limits_and_poles() -> None:
    inf, nan = np.inf, np.nan
    with np.errstate(all="ignore"):
        lgamma = gamma.lgamma(np, np.array([inf, -inf, 0.0, -3.0, nan]))
        np.testing.assert_array_equal(lgamma, [inf, inf, inf, inf, nan])
        digamma = gamma.digamma(np, np.array([inf, 0.0, -0.0, -2.0, nan]))
        np.testing.assert_array_equal(digamma, [inf, -inf, inf, nan, nan])
        np.testing.assert_array_equal(special.erfinv(np, np.array([1.0, -1.0, 1.5, nan])), [inf, -inf, nan, nan])
        np.testing.assert_array_equal(special.ndtri(np, np.array([0.0, 1.0, -0.1, 1.1])), [-inf, inf, nan, nan])
        np.testing.assert_array_equal(special.log_ndtr(np, np.array([inf, -inf])), [0, -inf])

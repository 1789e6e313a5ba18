"""Kernels of singles and kernels in blocks against the reference kernels in double precision, over the whole range."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minitensor.backends.numpy import division, neighbors, special
from minitensor.backends.reference import bessel, gamma
from minitensor.backends.reference import division as slow_division
from minitensor.backends.reference import special as slow

RANDOM = np.random.RandomState(0)
CORNERS = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 0.5, 1.5, 2.0, 2.5, 7.9999995, 8.0, 1e30, 1e-45]
REAL = np.concatenate(
    [RANDOM.standard_normal(70_000), np.linspace(-14, 14, 70_001), 10 ** RANDOM.uniform(-40, 3, 9000), CORNERS]
).astype("float32")
SHARE = np.concatenate(
    [RANDOM.random_sample(70_000), 10 ** RANDOM.uniform(-44, 0, 9000), 1 - 10 ** RANDOM.uniform(-7, 0, 9000), CORNERS]
).astype("float32")

Function = Callable[..., Any]
CASES: dict[str, tuple[Function, Function, Any]] = {
    "erfinv": (special.erfinv, slow.erfinv, 2 * SHARE - 1),
    "ndtri": (special.ndtri, slow.ndtri, SHARE),
    "erfc": (special.erfc, slow.erfc, REAL),
    "ndtr": (special.ndtr, slow.ndtr, REAL),
    "log_ndtr": (special.log_ndtr, slow.log_ndtr, REAL),
    "erfcx": (special.erfcx, slow.erfcx, REAL),
    "lgamma": (special.lgamma, gamma.lgamma, np.abs(REAL)),
    "digamma": (special.digamma, gamma.digamma, np.abs(REAL)),
    "polygamma": (lambda x: special.polygamma(1, x), lambda xp, x: gamma.polygamma(xp, 1, x), np.abs(REAL)),
    "i0": (special.i0, bessel.i0, REAL),
    "i0e": (special.i0e, bessel.i0e, REAL),
    "i1": (special.i1, bessel.i1, REAL),
    "i1e": (special.i1e, bessel.i1e, REAL),
}  # fmt: skip
RTOL, LEAST = 8e-7, 1.2e-38  # below the smallest normal number, differences count as a whole


@pytest.mark.parametrize("name", CASES)
def test_singles_equal_the_reference(name: str) -> None:
    fast, reference, x = CASES[name]
    with np.errstate(all="ignore"):
        found, expected = fast(x), reference(np, x.astype("float64")).astype("float32")
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=RTOL, atol=LEAST * 1e-5)


@pytest.mark.parametrize("name", CASES)
def test_doubles_in_blocks_equal_the_reference(name: str) -> None:
    fast, reference, x = CASES[name]
    wide = x.astype("float64")
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(fast(wide), reference(np, wide))


@pytest.mark.parametrize("name", CASES)
def test_the_layout_does_not_matter(name: str) -> None:
    fast, _, x = CASES[name]
    turned = x[:60_000].reshape(300, 200).T
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(fast(turned), fast(np.ascontiguousarray(turned)))
        np.testing.assert_array_equal(fast(x[5:6].reshape(())), fast(x[5:6])[0])


# -- two operands ------------------------------------------------------------------------------------------------------

PAIRS: dict[str, tuple[Function, Function]] = {
    "floor_divide": (division.floor_divide, lambda a, b: slow_division.floor_divide(np, a, b)),
    "remainder": (division.remainder, lambda a, b: slow_division.remainder(np, a, b)),
    "fmod": (division.fmod, np.fmod),
    "nextafter": (neighbors.nextafter, np.nextafter),
    "logaddexp": (division.logaddexp, np.logaddexp),
    "logaddexp2": (division.logaddexp2, np.logaddexp2),
}
NUMBERS: dict[str, Callable[[], Any]] = {
    "normal": lambda: RANDOM.standard_normal(40_000),
    "whole": lambda: RANDOM.randint(-20, 20, 40_000),
    "far apart": lambda: RANDOM.standard_normal(40_000) * 10 ** RANDOM.uniform(-20, 20, 40_000),
    "corners": lambda: RANDOM.choice([*CORNERS, 3.0, -2.0], 40_000),
    "quarters, large": lambda: RANDOM.randint(-(2**24), 2**24, 40_000) / 4,
}


@pytest.mark.parametrize("kind", NUMBERS)
@pytest.mark.parametrize("name", PAIRS)
def test_functions_of_two_arrays_equal_the_reference(name: str, kind: str) -> None:
    fast, reference = PAIRS[name]
    a, b = NUMBERS[kind]().astype("float32"), NUMBERS[kind]().astype("float32")
    for other in (b, b[7:8].reshape(())):
        with np.errstate(all="ignore"):
            found, expected = fast(a, other), reference(a, other)
        if name.startswith("log"):
            np.testing.assert_allclose(found, expected, rtol=3e-7, atol=3e-7)
        else:
            np.testing.assert_array_equal(found, expected)
            zeros = expected == 0
            np.testing.assert_array_equal(np.signbit(found[zeros]), np.signbit(expected[zeros]))

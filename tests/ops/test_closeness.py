"""isclose and allclose: every pair of finite and special values, in both orders, in every dtype, against PyTorch."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

import minitensor as mt

INF, NAN = math.inf, math.nan
REAL = (0.0, -0.0, 1.0, -1.0, 1.00000001, 1.0001, INF, -INF, NAN)
COMPLEX = tuple([complex(*parts) for parts in itertools.product((1.0, INF, NAN), repeat=2)])
VALUES: dict[str, tuple[Any, ...]] = {
    "float16": (*REAL, 65504.0, -65504.0),
    "float32": (*REAL, 1e-45, 3e38, -3e38),
    "float64": (*REAL, 1e308, -1.7e308),
    "complex64": (*COMPLEX, complex(1, -INF), complex(-INF, INF), 3e38j, -3e38j, 1.00001 + 1j),
    "complex128": (*COMPLEX, complex(1, -INF), complex(-INF, INF), 1e308j, -1.7e308j, 1.00001 + 1j),
    "bool": (False, True),
    "uint8": (0, 1, 2, 255),
    "int8": (0, 1, 100, -1, -128, 127),
    "int16": (0, 1, 100, -1, -(2**15), 2**15 - 1),
    "int32": (0, 1, 100, -1, 2**20, -(2**20)),  # beyond, PyTorch's float32 differences are not exact
    "int64": (0, 1, 100, -1, -(2**63), 2**63 - 1),
}
TOLERANCES = ((1e-5, 1e-8), (0.0, 0.0), (0.0, 1e-8), (0.5, 0.0), (1.0, 1.0), (2.0, 0.0), (INF, 0.0), (0.0, INF))
EACH_DTYPE = pytest.mark.parametrize("dtype", VALUES)
NAN_OR_NOT = pytest.mark.parametrize("equal_nan", [False, True])


def column(lib: Any, values: Any, dtype: str) -> Any:
    return lib.tensor(values, dtype=getattr(lib, dtype))


def passes(lib: Any, actual: Any, expected: Any, **options: Any) -> bool:
    try:
        lib.testing.assert_close(actual, expected, **options)
    except AssertionError:
        return False
    return True


@EACH_DTYPE
@NAN_OR_NOT
def test_isclose_decides_every_pair_as_pytorch_does(dtype: str, equal_nan: bool) -> None:
    torch = pytest.importorskip("torch")
    pairs = list(itertools.product(VALUES[dtype], VALUES[dtype]))
    for rtol, atol in TOLERANCES:
        found, expected = [
            lib.isclose(*[column(lib, each, dtype) for each in zip(*pairs)], rtol, atol, equal_nan).tolist()
            for lib in (mt, torch)
        ]
        wrong = [(pair, one) for pair, one, other in zip(pairs, found, expected, strict=True) if one != other]
        assert not wrong, f"rtol={rtol}, atol={atol}: {wrong}"


@EACH_DTYPE
@NAN_OR_NOT
def test_allclose_decides_as_pytorch_does(dtype: str, equal_nan: bool) -> None:
    torch = pytest.importorskip("torch")

    def verdicts(lib: Any, one: Any, other: Any) -> list[bool]:
        a, b = column(lib, [one], dtype), column(lib, [other], dtype)
        return [
            lib.equal(a, b),
            lib.allclose(a, b, equal_nan=equal_nan),
            passes(lib, a, b, equal_nan=equal_nan),
            passes(lib, a, b, equal_nan=equal_nan, rtol=2.0, atol=0.0),
            passes(lib, one, other, equal_nan=equal_nan),
            passes(lib, one, other, equal_nan=equal_nan, rtol=2.0, atol=0.0),
        ]

    for pair in itertools.product(VALUES[dtype], VALUES[dtype]):
        assert verdicts(mt, *pair) == verdicts(torch, *pair), pair


@pytest.mark.parametrize("infinite", [INF, -INF, complex(INF, 0), complex(0, -INF)])
def test_no_finite_number_is_close_to_an_infinity(infinite: Any) -> None:
    finite, expected = mt.tensor([1.0, 0.0, -5.0]), mt.tensor([infinite] * 3)
    finite = finite.to(expected.dtype)
    assert not mt.isclose(finite, expected).any()
    assert not mt.isclose(expected, finite).any()
    assert not mt.allclose(finite, expected)
    assert mt.allclose(expected, expected)
    for one, other in ((finite, expected), (expected, finite), (1.0, infinite), (infinite, 1.0)):
        with pytest.raises(AssertionError, match="not close"):
            mt.testing.assert_close(one, other, rtol=1.0, atol=0.0, check_dtype=False)


def test_complex_numbers_too_large_for_abs_are_compared() -> None:
    mt.testing.assert_close(1.7e308 + 1.7e308j, 1.7e308 + 1.7e308j)
    with pytest.raises(AssertionError, match="Absolute difference: inf"):
        mt.testing.assert_close(1.7e308 + 1.7e308j, 0j)


def test_an_infinite_difference_is_within_no_tolerance() -> None:
    assert not mt.isclose(mt.tensor(3e38), mt.tensor(-3e38), rtol=2.0)
    with pytest.raises(AssertionError, match="not close"):
        mt.testing.assert_close(1.7e308, -1.7e308, rtol=2.0, atol=0.0)


@pytest.mark.parametrize("rtol, atol", [(1e-5, 1e-8), (1e-3, 1e-5), (1e-2, 0.0), (0.0, 1e-2), (1e6, 0.0)])
def test_tolerances_of_float16_are_rounded_as_pytorchs(rtol: float, atol: float) -> None:
    torch = pytest.importorskip("torch")
    random = np.random.default_rng(0)
    a = (random.standard_normal(50000) * 10.0 ** random.uniform(-6, 4, 50000)).astype(np.float16)
    with np.errstate(over="ignore"):
        b = (a * (1 + rtol * random.standard_normal(50000)) + atol * random.standard_normal(50000)).astype(np.float16)
    a[:4], b[:4] = [np.inf, np.nan, 0.0, 65504], [np.inf, np.nan, -0.0, -65504]
    found, expected = [lib.isclose(lib.tensor(a), lib.tensor(b), rtol, atol).numpy() for lib in (mt, torch)]
    np.testing.assert_array_equal(found, expected)

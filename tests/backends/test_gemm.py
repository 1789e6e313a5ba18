"""Matrix products split between threads equal NumPy's, for any memory layout."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitensor as mt
from minitensor.backends.numpy import gemm

SHAPES = [(300, 130, 200), (130, 300, 200), (64, 9216, 128), (5, 4, 3), (80, 70, 60), (1, 300, 20000)]


def draw(*shape: int) -> Any:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_product_equals_numpys(shape: tuple[int, int, int], threads: int) -> None:
    m, k, n = shape
    mt.set_num_threads(threads)
    for a in (draw(m, k), draw(k, m).T, draw(2 * m, k)[::2]):
        for b in (draw(k, n), draw(n, k).T, draw(k, 2 * n)[:, ::2]):
            np.testing.assert_allclose(gemm.dot(a, b), a @ b, rtol=1e-4, atol=1e-3)


def test_products_of_vectors_and_other_dtypes_equal_numpys() -> None:
    a = draw(300, 400)
    np.testing.assert_allclose(gemm.dot(a, a[0]), a @ a[0], rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(gemm.dot(a[:, 0], a), a[:, 0] @ a, rtol=1e-4, atol=1e-3)
    whole = np.arange(90000).reshape(300, 300)
    assert (gemm.dot(whole, whole) == whole @ whole).all()


def test_sizes_that_do_not_match_raise() -> None:
    with pytest.raises(ValueError, match="not aligned"):
        gemm.dot(draw(300, 400), draw(300, 400))


BATCHES = [
    ((16, 128, 80), (16, 80, 128)), ((2, 3, 40, 50), (2, 3, 50, 60)), ((1, 9, 70, 70), (4, 9, 70, 70)),
    ((9, 70, 70), (1, 70, 70)), ((0, 3, 4), (0, 4, 5)), ((3, 0, 4), (3, 4, 300)), ((64, 64, 64), (2, 64, 64, 64)),
]  # fmt: skip


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize(("left", "right"), BATCHES, ids=str)
def test_a_batch_of_products_equals_numpys(left: tuple[int, ...], right: tuple[int, ...], threads: int) -> None:
    mt.set_num_threads(threads)
    for a in (draw(*left), draw(*left[:-2], left[-1], left[-2]).swapaxes(-2, -1), draw(*left)[..., ::-1, :]):
        b = draw(*right)
        found = gemm.matmul(a, b)
        np.testing.assert_allclose(found, a @ b, rtol=1e-4, atol=1e-3)
        assert found.dtype == np.float32 and found.flags.c_contiguous


def test_batches_that_do_not_match_raise() -> None:
    for b in (draw(16, 81, 128), draw(15, 80, 128)):
        with pytest.raises(ValueError, match=r"mismatch|broadcast"):
            gemm.matmul(draw(16, 128, 80), b)


@pytest.mark.parametrize("kind", ["int8", "uint8", "int16", "int32", "int64"])
@pytest.mark.parametrize("high", [9, 120, 2**15, 2**40])
def test_integers_are_multiplied_exactly(kind: str, high: int) -> None:
    """By BLAS in double precision if all sums are exact there; what does not fit the dtype wraps."""
    draw, high = np.random.RandomState(0), min(high, np.iinfo(kind).max)
    low = 0 if kind == "uint8" else -high
    a, b = draw.randint(low, high, (90, 120)).astype(kind), draw.randint(low, high, (120, 80)).astype(kind)
    found = gemm.dot(a, b)
    assert found.dtype == kind
    np.testing.assert_array_equal(found, np.dot(a, b))

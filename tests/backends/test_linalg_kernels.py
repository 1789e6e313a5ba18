"""The fast triangular solve against the reference, and the masks of failed matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitensor.backends.numpy import linalg as fast
from minitensor.backends.reference import linalg as reference


@given(
    n=st.integers(0, 9) | st.sampled_from([fast.SMALL - 1, fast.SMALL, fast.SMALL + 1, 2 * fast.SMALL + 5]),
    columns=st.integers(0, 4), batch=st.sampled_from([(), (2,), (0,), (2, 1), (fast.MANY,), (3, fast.MANY)]),
    dtype=st.sampled_from("fdFD"),
    shared=st.booleans(), upper=st.booleans(), unit=st.booleans(), turned=st.booleans(), zero=st.booleans(),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_solving_equals_solving_row_by_row(
    n: int, columns: int, batch: Any, dtype: str, shared: bool, upper: bool, unit: bool, turned: bool, zero: bool,
    seed: int,
) -> None:
    random = np.random.RandomState(seed)
    a = (random.uniform(-1, 1, (*batch, n, n)) / max(n, 1) + np.eye(n)).astype(dtype)
    if zero and n and a.size:
        a[..., n // 2, n // 2] = 0
    if turned:
        a = np.swapaxes(a, -2, -1)
    b = random.uniform(-1, 1, (n, columns) if shared else (*batch, n, columns)).astype(dtype)
    given_a, given_b = a.copy(), b.copy()
    with np.errstate(all="ignore"):
        found = fast.solve_triangular(a, b, upper, unit)
        expected = reference.solve_triangular(np, a, b, upper, unit)
    assert found.dtype == expected.dtype and found.shape == expected.shape
    rtol, atol = (2e-4, 1e-5) if dtype in "fF" else (1e-11, 1e-12)
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol)
    assert (a == given_a).all() and (b == given_b).all()


@pytest.mark.parametrize("upper", [False, True])
def test_the_other_triangle_is_never_read(upper: bool) -> None:
    a = np.full((5, 5), np.nan)
    one = np.triu_indices(5) if upper else np.tril_indices(5)
    a[one] = 1.0
    assert np.isfinite(fast.solve_triangular(a, np.ones((5, 2)), upper, False)).all()
    a[np.diag_indices(5)] = np.nan
    assert np.isfinite(fast.solve_triangular(a, np.ones((5, 2)), upper, True)).all()


@pytest.mark.parametrize("dtype", "fdFD")
@pytest.mark.parametrize("shape", [(0, 3, 3), (2, 0, 0), (1, 1), (4, 4), (3, 2, 5, 5)])
def test_cofactors_equal_those_by_singular_values(dtype: str, shape: tuple[int, ...]) -> None:
    random = np.random.default_rng(0)
    a = (random.standard_normal(shape) + 1j * random.standard_normal(shape)).astype("D")
    if a.ndim == 4:
        a[0, 0], a[1, 1, 0], a[2, 0, 1] = 0, a[1, 1, 1], a[2, 0, 2] * (1 + 1e-6)
    a = (a if dtype in "FD" else a.real).astype(dtype)
    found, expected = fast.cofactors(a), reference.cofactors(np, a)
    assert found.dtype == a.dtype and found.shape == a.shape
    size = np.abs(expected).max(initial=0)
    np.testing.assert_allclose(found, expected, rtol=0, atol=size * (1e-5 if dtype in "fF" else 1e-12))


def test_a_singular_matrix_is_filled_with_nan_and_masked() -> None:
    batch = np.stack([np.eye(2), np.zeros((2, 2)), 4 * np.eye(2)])
    found, failed = reference.inverse(np, batch)
    assert failed is not None and failed.tolist() == [False, True, False]
    assert np.isnan(found[1]).all() and not np.isnan(found[[0, 2]]).any()
    assert reference.inverse(np, batch[::2])[1] is None


@pytest.mark.parametrize("dtype", "fdFD")
def test_a_factor_ends_before_the_failing_minor(dtype: str) -> None:
    random = np.random.default_rng(0)
    half = random.standard_normal((5, 5)) + (1j * random.standard_normal((5, 5)) if dtype in "FD" else 0)
    good = (half @ half.conj().T + np.eye(5)).astype(dtype)
    whole = np.linalg.cholesky(good)
    for order in range(1, 6):
        bad = good.copy()
        bad[order - 1, order - 1] = -1
        factors, failed = reference.cholesky(np, np.stack([good, bad]))
        assert failed is not None and failed.tolist() == [0, order]
        np.testing.assert_array_equal(factors[0], whole)
        np.testing.assert_allclose(factors[1][:, : order - 1], whole[:, : order - 1], 1e-4)
        np.testing.assert_array_equal(factors[1][:, order:], np.tril(bad)[:, order:])

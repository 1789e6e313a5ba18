"""How gamma and beta numbers move with their concentration: against quotients of SciPy's functions, and PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest

import minitensor as mt
from ops.twin import torch

RANGES = ((-6, -2), (-2, 1), (1, 4), (4, 9))  # of the logarithms of the concentrations


def exps(seed: int, low: float, high: float) -> np.ndarray:
    return np.exp(np.random.RandomState(seed).uniform(low, high, 3000))


@pytest.mark.parametrize(("low", "high"), RANGES)
def test_gamma_numbers_stay_at_their_quantile(low: float, high: float) -> None:
    special, stats = pytest.importorskip("scipy.special"), pytest.importorskip("scipy.stats")
    a = exps(0, low, high)
    x = np.maximum(np.random.RandomState(1).gamma(a), 1e-300)
    step = 1e-5 * a
    with np.errstate(all="ignore"):
        moved = (special.gammainc(a + step, x) - special.gammainc(a - step, x)) / (2 * step)
        expected = -moved / stats.gamma.pdf(x, a)
    found = mt._standard_gamma_grad(mt.from_numpy(a), mt.from_numpy(x)).numpy()
    usable = np.isfinite(expected) & (np.abs(moved) > 1e-6)
    assert usable.sum() > 1000
    np.testing.assert_allclose(found[usable], expected[usable], rtol=1e-4)
    if torch is not None:
        theirs = torch._standard_gamma_grad(torch.from_numpy(a), torch.from_numpy(x)).numpy()
        np.testing.assert_allclose(found, theirs, rtol=1e-2)  # which is as close as PyTorch's approximation is


@pytest.mark.parametrize(("low", "high"), RANGES)
def test_beta_numbers_stay_at_their_quantile(low: float, high: float) -> None:
    special, stats = pytest.importorskip("scipy.special"), pytest.importorskip("scipy.stats")
    a, b = exps(0, low, high), exps(1, low, high)
    x = np.clip(np.random.RandomState(2).beta(a, b), 1e-300, np.nextafter(1, 0))
    step = 1e-5 * a
    with np.errstate(all="ignore"):
        moved = (special.betainc(a + step, b, x) - special.betainc(a - step, b, x)) / (2 * step)
        expected = -moved / stats.beta.pdf(x, a, b) / (1 - x)
    arrays = [mt.from_numpy(each) for each in (x, a, a + b)]
    found = mt._dirichlet_grad(*arrays).numpy()
    usable = np.isfinite(expected) & (np.abs(moved) > 1e-6)
    assert usable.sum() > 1000
    np.testing.assert_allclose(found[usable], expected[usable], rtol=1e-4)
    if torch is not None:
        theirs = torch._dirichlet_grad(*map(torch.from_numpy, (x, a, a + b))).numpy()
        np.testing.assert_allclose(found, theirs, rtol=1e-2)

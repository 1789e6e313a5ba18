"""Draws whose stream differs from PyTorch's, and values that are ours alone: held against moments and definitions."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import numpy as np
import pytest

import minitensor as mt
import minitensor.distributions
from distributions.cases import CASES, COVARIANCE, FACTOR

D = mt.distributions


def build(name: str) -> Any:
    return CASES[name](D, lambda values: mt.tensor(values, dtype=mt.float64))


HEAVY = ("Cauchy", "HalfCauchy", "StudentT", "FisherSnedecor", "GeneralizedPareto", "InverseGamma", "Pareto")
WITHOUT = ("Categorical", "LKJCholesky", "LogisticNormal", "Relaxed", "Transformed", "VonMises", "LogNormal")
LIGHT = [name for name in CASES if not name.startswith((*HEAVY, *WITHOUT))]


@pytest.mark.parametrize("name", LIGHT)
def test_draws_have_the_moments_of_the_distribution(name: str) -> None:
    mt.manual_seed(0)
    distribution, count = build(name), 4000
    drawn = distribution.sample((count,))
    spread = (distribution.variance / count).sqrt()
    assert bool(((drawn.mean(0) - distribution.mean).abs() <= 5 * spread + 1e-9).all())
    np.testing.assert_allclose(drawn.var(0).tolist(), distribution.variance.tolist(), rtol=0.35, atol=1e-9)


def test_wishart_draws_once_without_a_warning() -> None:
    distribution = D.Wishart(mt.tensor(4.5), mt.tensor(COVARIANCE))
    mt.manual_seed(0)
    drawn = distribution.sample((20_000,))
    np.testing.assert_allclose(drawn.mean(0).tolist(), distribution.mean.tolist(), atol=0.1)
    assert bool(distribution.support.check(drawn).all())
    factor = D.Wishart(mt.tensor(4.5), scale_tril=mt.tensor(FACTOR, requires_grad=True))
    assert factor.rsample().requires_grad


def test_wishart_draws_singular_matrices_again() -> None:
    distribution = D.Wishart(mt.tensor(4.5), mt.tensor(COVARIANCE))
    given = [mt.zeros(2, 3, 3), mt.eye(3).expand(2, 3, 3)]
    distribution._draw = lambda shape: given.pop(0)
    with pytest.warns(UserWarning, match="Singular"):
        drawn = distribution.rsample((2,))
    assert drawn.tolist() == mt.eye(3).expand(2, 3, 3).tolist()
    with pytest.warns(UserWarning, match="Low df"):
        D.Wishart(mt.tensor(2.5), mt.tensor(COVARIANCE))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_a_copy_draws_the_same(name: str, copied: Any) -> None:
    distribution = build(name)
    distribution.log_prob(distribution.sample())
    twin = copied(distribution)
    assert repr(twin) == repr(distribution)
    mt.manual_seed(0)
    drawn = distribution.sample((2,))
    mt.manual_seed(0)
    assert twin.sample((2,)).tolist() == drawn.tolist()


@pytest.mark.parametrize(("a", "b"), [(3.0, 3.0), (1.5, 1.0), (2.0, 5.0)])
def test_the_mode_of_kumaraswamy_has_the_largest_density(a: float, b: float) -> None:
    distribution = D.Kumaraswamy(mt.tensor(a, dtype=mt.float64), mt.tensor(b, dtype=mt.float64))
    grid = mt.linspace(0.001, 0.999, 999, dtype=mt.float64)
    best = grid[distribution.log_prob(grid).argmax()]
    assert float(distribution.mode) == pytest.approx(float(best), abs=2e-3)


def test_generalized_pareto_is_alike_in_both_dtypes() -> None:
    values = [0.3, 1.5, 4.0]
    for c in (0.3, -0.2, 0.0, 1.5):
        single, double = (
            D.GeneralizedPareto(*(mt.tensor(each, dtype=dtype) for each in (0.2, 2.0, c)))
            for dtype in (mt.float32, mt.float64)
        )
        for function in ("log_prob", "cdf", "log_survival_function", "log_cdf"):
            found = getattr(double, function)(mt.tensor(values, dtype=mt.float64))
            np.testing.assert_allclose(getattr(single, function)(mt.tensor(values)).tolist(), found.tolist(), rtol=1e-4)
        level = double.cdf(mt.tensor(values, dtype=mt.float64))
        np.testing.assert_allclose(double.icdf(level).tolist(), values, rtol=1e-7)


def test_von_mises_density_integrates_to_one() -> None:
    angles = mt.linspace(-math.pi, math.pi, 2001, dtype=mt.float64)
    for c in (0.1, 3.0, 50.0):
        density = D.VonMises(mt.tensor(0.3, dtype=mt.float64), mt.tensor(c, dtype=mt.float64)).log_prob(angles).exp()
        assert float(mt.trapezoid(density, angles)) == pytest.approx(1.0, abs=1e-9)


def test_the_entropy_of_an_exponential_family_is_differentiable() -> None:
    class Own(D.Exponential):
        def _entropy(self) -> Any:
            return D.ExponentialFamily._entropy(self)

    rate = mt.tensor([0.5, 2.0], requires_grad=True)
    entropy = Own(rate).entropy()
    np.testing.assert_allclose(entropy.tolist(), D.Exponential(rate).entropy().tolist(), rtol=1e-5)
    (slope,) = mt.autograd.grad(entropy.sum(), rate)
    np.testing.assert_allclose(slope.tolist(), [-2.0, -0.5], rtol=1e-5)


@pytest.mark.parametrize("name", ["Gamma", "Beta", "Dirichlet"])
def test_the_gradient_of_the_mean_of_draws_is_that_of_the_mean(name: str) -> None:
    concentration = mt.tensor([0.7, 2.5], dtype=mt.float64, requires_grad=True)
    rest = () if name == "Dirichlet" else (mt.tensor(1.5, dtype=mt.float64),)
    distribution = getattr(D, name)(concentration, *rest)
    mt.manual_seed(0)
    weights = mt.tensor([1.0, 3.0], dtype=mt.float64)
    (found,) = mt.autograd.grad((distribution.rsample((20_000,)) * weights).mean(0).sum(), concentration)
    (wanted,) = mt.autograd.grad((distribution.mean * weights).sum(), concentration)
    np.testing.assert_allclose(found.tolist(), wanted.tolist(), rtol=0.05, atol=0.01)

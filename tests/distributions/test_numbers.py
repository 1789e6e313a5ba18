"""Distributions of Python numbers, of integer tensors and of batches that broadcast: every function against PyTorch."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minitensor as mt
import minitensor.distributions

torch = pytest.importorskip("torch")

MADE: dict[str, Callable[[Any, Any], Any]] = {
    "Bernoulli": lambda D, lib: D.Bernoulli(0.3), "Bernoulli of an int": lambda D, lib: D.Bernoulli(logits=1),
    "Beta": lambda D, lib: D.Beta(1, 2), "Binomial": lambda D, lib: D.Binomial(3, 0.5),
    "Binomial of ints": lambda D, lib: D.Binomial(lib.tensor(3), lib.tensor([0.5, 0.2])),
    "Cauchy": lambda D, lib: D.Cauchy(0, 1), "Chi2": lambda D, lib: D.Chi2(3),
    "ContinuousBernoulli": lambda D, lib: D.ContinuousBernoulli(0.3), "Exponential": lambda D, lib: D.Exponential(2),
    "FisherSnedecor": lambda D, lib: D.FisherSnedecor(2, 5), "Gamma": lambda D, lib: D.Gamma(2, 3),
    "GeneralizedPareto": lambda D, lib: D.GeneralizedPareto(0, 1, 0.2), "Geometric": lambda D, lib: D.Geometric(0.2),
    "Gumbel": lambda D, lib: D.Gumbel(0, 1), "HalfCauchy": lambda D, lib: D.HalfCauchy(2),
    "HalfNormal": lambda D, lib: D.HalfNormal(2), "InverseGamma": lambda D, lib: D.InverseGamma(3, 2),
    "Kumaraswamy": lambda D, lib: D.Kumaraswamy(1, 2), "Laplace": lambda D, lib: D.Laplace(0, 2),
    "LKJCholesky": lambda D, lib: D.LKJCholesky(3), "LogNormal": lambda D, lib: D.LogNormal(0, 1),
    "LogisticNormal": lambda D, lib: D.LogisticNormal(0.0, 1.0),
    "NegativeBinomial": lambda D, lib: D.NegativeBinomial(3, 0.5), "Normal": lambda D, lib: D.Normal(0, 1),
    "Pareto": lambda D, lib: D.Pareto(1, 3), "Poisson": lambda D, lib: D.Poisson(3),
    "StudentT": lambda D, lib: D.StudentT(5), "Uniform": lambda D, lib: D.Uniform(0, 2),
    "VonMises": lambda D, lib: D.VonMises(0.0, 1.0), "Weibull": lambda D, lib: D.Weibull(1, 2),
    "RelaxedBernoulli": lambda D, lib: D.RelaxedBernoulli(lib.tensor(0.5), 0.3),
    "Multinomial": lambda D, lib: D.Multinomial(3, lib.tensor([1.0, 2.0])),
    "Categorical of ints": lambda D, lib: D.Categorical(lib.tensor([1, 2])),
    "Normal of ints": lambda D, lib: D.Normal(lib.tensor([1, 2]), lib.tensor([1, 2])),
    "Uniform of a batch": lambda D, lib: D.Uniform(lib.zeros(2), 1),
    "MultivariateNormal of a batch": lambda D, lib: D.MultivariateNormal(lib.zeros(2), lib.eye(2).expand(3, 2, 2)),
    "LowRankMultivariateNormal of a batch": lambda D, lib: D.LowRankMultivariateNormal(
        lib.zeros(4, 1, 3), lib.ones(3, 2), lib.ones(5, 3)
    ),
    "logit": lambda D, lib: D.TransformedDistribution(D.Uniform(0.0, 1.0), [D.SigmoidTransform().inv]),
    "reshaped": lambda D, lib: D.TransformedDistribution(
        D.Normal(lib.zeros(2, 3), 1.0), [D.ReshapeTransform((3,), (3, 1))]
    ),
    "exponential of a vector": lambda D, lib: D.TransformedDistribution(
        D.MultivariateNormal(lib.zeros(2), lib.eye(2)), [D.ExpTransform()]
    ),
    "transform of a batch": lambda D, lib: D.TransformedDistribution(
        D.Normal(0.0, 1.0), [D.AffineTransform(lib.zeros(3), lib.ones(2, 1))]
    ),
    "no transform": lambda D, lib: D.TransformedDistribution(D.Normal(0.0, 1.0), []),
    "independent twice": lambda D, lib: D.Independent(D.Independent(D.Normal(lib.zeros(2, 3), 1.0), 1), 1),
}  # fmt: skip
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "repr": repr, "batch_shape": lambda d: tuple(d.batch_shape), "event_shape": lambda d: tuple(d.event_shape),
    "support": lambda d: repr(d.support), "sample": lambda d: d.sample((2,)),
    "log_prob": lambda d: d.log_prob(d.sample()),
    "cdf": lambda d: d.cdf(d.sample((3,))), "expand": lambda d: d.expand((2, *d.batch_shape)).sample(),
    "mean": lambda d: d.mean, "mode": lambda d: d.mode, "variance": lambda d: d.variance, "stddev": lambda d: d.stddev,
    "entropy": lambda d: d.entropy(), "enumerate_support": lambda d: d.enumerate_support(),
}  # fmt: skip
OURS_ALONE = {("Kumaraswamy", "mode")}


def outcome(lib: Any, name: str, function: Callable[[Any], Any]) -> Any:
    """Return what a function gives for a distribution, or the built-in class of its error."""
    lib.manual_seed(3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return function(MADE[name](lib.distributions, lib))
        except (NotImplementedError, ValueError, RuntimeError) as error:
            return next(each for each in (NotImplementedError, ValueError, RuntimeError) if isinstance(error, each))


@pytest.mark.parametrize("name", MADE)
def test_every_function_is_pytorchs(name: str) -> None:
    for which, function in FUNCTIONS.items():
        found, wanted = outcome(mt, name, function), outcome(torch, name, function)
        if (name, which) in OURS_ALONE:
            continue
        if not hasattr(wanted, "tolist"):
            assert found == wanted, which
            continue
        assert str(found.dtype) == str(wanted.dtype), which
        np.testing.assert_allclose(found.tolist(), wanted.tolist(), rtol=2e-4, atol=1e-5, err_msg=which)


def test_a_number_beside_integer_counts_is_not_rounded() -> None:
    """PyTorch makes it an integer, 0."""
    D = mt.distributions
    assert D.Binomial(mt.tensor([3, 4]), 0.5).mean.tolist() == [1.5, 2.0]
    assert D.NegativeBinomial(mt.tensor(3), 0.5).mean.tolist() == 3.0

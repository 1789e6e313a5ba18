"""Distributions to compare: every class, with parameters that broadcast, numbers, and both forms of probabilities.

A case builds a distribution of a library ``D`` (its module ``distributions``) with ``t``, which makes a tensor of
nested lists, in the dtype of the test, that requires grad.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Build = Callable[[Any, Callable[[Any], Any]], Any]

COLUMN = [[0.3], [-1.2], [2.0]]
ROW = [0.5, 1.0, 3.0, 2.5]
RATES = [[0.7], [3.0]]
PROBS = [0.2, 0.7, 0.5, 0.9]
SHARES = [[0.2, 0.3, 0.5], [0.1, 0.8, 0.1]]
LOGITS = [[0.1, -2.0, 0.3], [1.0, 0.0, 0.5]]
COVARIANCE = [[2.0, 0.5, 0.1], [0.5, 1.0, -0.3], [0.1, -0.3, 1.5]]
FACTOR = [[1.2, 0.0, 0.0], [0.3, 0.8, 0.0], [-0.2, 0.4, 1.5]]

CASES: dict[str, Build] = {
    "Bernoulli": lambda D, t: D.Bernoulli(t(PROBS)),
    "Bernoulli of logits": lambda D, t: D.Bernoulli(logits=t(ROW)),
    "Bernoulli of zero logits": lambda D, t: D.Bernoulli(logits=t([0.0, 0.0])),
    "Bernoulli of a number": lambda D, t: D.Bernoulli(0.3),
    "Beta": lambda D, t: D.Beta(t(RATES), t(ROW)),
    "Beta of numbers": lambda D, t: D.Beta(2.0, 3.0),
    "Categorical": lambda D, t: D.Categorical(t(SHARES)),
    "Categorical of logits": lambda D, t: D.Categorical(logits=t(LOGITS)),
    "Categorical of one row": lambda D, t: D.Categorical(logits=t([0.5, -1.0])),
    "Cauchy": lambda D, t: D.Cauchy(t(COLUMN), t(ROW)),
    "Chi2": lambda D, t: D.Chi2(t(ROW)),
    "Dirichlet": lambda D, t: D.Dirichlet(t([[0.5, 1.5, 3.0], [0.3, 0.2, 0.9]])),
    "Exponential": lambda D, t: D.Exponential(t(ROW)),
    "FisherSnedecor": lambda D, t: D.FisherSnedecor(t([[1.5], [5.0]]), t([1.0, 3.0, 9.0])),
    "Gamma": lambda D, t: D.Gamma(t(RATES), t(ROW)),
    "Geometric": lambda D, t: D.Geometric(t([*PROBS, 1.0])),
    "Geometric of logits": lambda D, t: D.Geometric(logits=t(ROW)),
    "Laplace": lambda D, t: D.Laplace(t(COLUMN), t(ROW)),
    "Normal": lambda D, t: D.Normal(t(COLUMN), t(ROW)),
    "Normal of numbers": lambda D, t: D.Normal(1.0, 2.0),
    "Normal of a number and a tensor": lambda D, t: D.Normal(0, t(ROW)),
    "Poisson": lambda D, t: D.Poisson(t([0.5, 3.0, 30.0])),
    "StudentT": lambda D, t: D.StudentT(t([[0.5], [1.5], [4.0]]), t([0.5, -1.0]), t([1.0, 2.0])),
    "Uniform": lambda D, t: D.Uniform(t(COLUMN), t([4.0, 5.0])),
    "Binomial": lambda D, t: D.Binomial(t([[5.0], [40.0]]), t(PROBS)),
    "Binomial of logits": lambda D, t: D.Binomial(7, logits=t(ROW)),
    "Binomial of one count": lambda D, t: D.Binomial(4, t(PROBS)),
    "ContinuousBernoulli": lambda D, t: D.ContinuousBernoulli(t([0.2, 0.7, 0.5, 0.9, 0.4995])),
    "ContinuousBernoulli of logits": lambda D, t: D.ContinuousBernoulli(logits=t([*ROW, 0.0])),
    "GeneralizedPareto": lambda D, t: D.GeneralizedPareto(t(COLUMN), t(2.0), t([0.3, -0.4, 0.0, 1.5])),
    "Gumbel": lambda D, t: D.Gumbel(t(COLUMN), t(ROW)),
    "HalfCauchy": lambda D, t: D.HalfCauchy(t(ROW)),
    "HalfNormal": lambda D, t: D.HalfNormal(t(ROW)),
    "Independent": lambda D, t: D.Independent(D.Normal(t(COLUMN), t(ROW)), 1),
    "Independent of no dims": lambda D, t: D.Independent(D.Bernoulli(t(PROBS)), 0),
    "InverseGamma": lambda D, t: D.InverseGamma(t(RATES), t(ROW)),
    "Kumaraswamy": lambda D, t: D.Kumaraswamy(t(RATES), t(ROW)),
    "LKJCholesky": lambda D, t: D.LKJCholesky(3, t([0.7, 2.0])),
    "LogNormal": lambda D, t: D.LogNormal(t(COLUMN), t(ROW)),
    "LogisticNormal": lambda D, t: D.LogisticNormal(t([[0.1, 0.5], [-1.0, 0.2]]), t([1.0, 0.5])),
    "LowRankMultivariateNormal": lambda D, t: D.LowRankMultivariateNormal(
        t([[0.1, 0.2, 0.3], [1.0, 0.0, 0.5]]), t([[1.0], [0.5], [-0.3]]), t([1.0, 2.0, 0.5])
    ),
    "MixtureSameFamily": lambda D, t: D.MixtureSameFamily(
        D.Categorical(t([[0.3, 0.7], [0.5, 0.5]])), D.Normal(t([[0.0, 1.0], [3.0, -1.0]]), t([1.0, 0.5]))
    ),
    "MixtureSameFamily of vectors": lambda D, t: D.MixtureSameFamily(
        D.Categorical(logits=t([0.3, 0.7])), D.Independent(D.Normal(t([[0.0, 1.0], [3.0, -1.0]]), t([1.0, 0.5])), 1)
    ),
    "Multinomial": lambda D, t: D.Multinomial(5, t(SHARES)),
    "Multinomial of logits": lambda D, t: D.Multinomial(3, logits=t(LOGITS)),
    "MultivariateNormal": lambda D, t: D.MultivariateNormal(t([[0.1, 0.2, 0.3], [1.0, 0.0, 0.5]]), t(COVARIANCE)),
    "MultivariateNormal of a factor": lambda D, t: D.MultivariateNormal(
        t([0.1, 0.2, 0.3]), scale_tril=t(FACTOR).tril()
    ),
    "MultivariateNormal of a precision": lambda D, t: D.MultivariateNormal(
        t([0.1, 0.2, 0.3]), precision_matrix=t(COVARIANCE)
    ),
    "NegativeBinomial": lambda D, t: D.NegativeBinomial(t([[2.0], [5.5]]), t(PROBS)),
    "NegativeBinomial of logits": lambda D, t: D.NegativeBinomial(3, logits=t(ROW)),
    "OneHotCategorical": lambda D, t: D.OneHotCategorical(t(SHARES)),
    "OneHotCategorical of logits": lambda D, t: D.OneHotCategorical(logits=t(LOGITS)),
    "OneHotCategoricalStraightThrough": lambda D, t: D.OneHotCategoricalStraightThrough(t(SHARES)),
    "Pareto": lambda D, t: D.Pareto(t(RATES), t(ROW)),
    "RelaxedBernoulli": lambda D, t: D.RelaxedBernoulli(t(0.7), t(PROBS)),
    "RelaxedBernoulli of logits": lambda D, t: D.RelaxedBernoulli(t([0.7]), logits=t(ROW)),
    "RelaxedOneHotCategorical": lambda D, t: D.RelaxedOneHotCategorical(t(0.7), t(SHARES)),
    "RelaxedOneHotCategorical of logits": lambda D, t: D.RelaxedOneHotCategorical(t(0.7), logits=t(LOGITS)),
    "TransformedDistribution": lambda D, t: D.TransformedDistribution(
        D.Normal(t(COLUMN), t(ROW)), [D.AffineTransform(t(1.0), t(-2.0)), D.SigmoidTransform()]
    ),
    "TransformedDistribution of vectors": lambda D, t: D.TransformedDistribution(
        D.Normal(t(COLUMN), t(ROW)), D.StickBreakingTransform()
    ),
    "VonMises": lambda D, t: D.VonMises(t(COLUMN), t(ROW)),
    "Weibull": lambda D, t: D.Weibull(t(RATES), t(ROW)),
    "Wishart": lambda D, t: D.Wishart(t([4.5, 6.0]), t(COVARIANCE)),
    "Wishart of a factor": lambda D, t: D.Wishart(5.0, scale_tril=t(FACTOR).tril()),
}

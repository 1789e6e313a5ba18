"""Probability distributions: draws under PyTorch's seeds, densities, moments, divergences and transforms.

Each class is in a module of its own, under PyTorch's name. ``distribution.py`` is the base class; ``transforms.py`` and
``constraints.py`` are about sets of numbers and know no distributions; ``kl.py`` has the divergences.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.compat.reasons import attributes_of
from minitensor.distributions import constraints, transforms
from minitensor.distributions.bernoulli import Bernoulli
from minitensor.distributions.beta import Beta
from minitensor.distributions.binomial import Binomial
from minitensor.distributions.categorical import Categorical
from minitensor.distributions.cauchy import Cauchy
from minitensor.distributions.chi2 import Chi2
from minitensor.distributions.constraint_registry import biject_to, transform_to
from minitensor.distributions.continuous_bernoulli import ContinuousBernoulli
from minitensor.distributions.dirichlet import Dirichlet
from minitensor.distributions.distribution import Distribution
from minitensor.distributions.exp_family import ExponentialFamily
from minitensor.distributions.exponential import Exponential
from minitensor.distributions.fishersnedecor import FisherSnedecor
from minitensor.distributions.gamma import Gamma
from minitensor.distributions.generalized_pareto import GeneralizedPareto
from minitensor.distributions.geometric import Geometric
from minitensor.distributions.gumbel import Gumbel
from minitensor.distributions.half_cauchy import HalfCauchy
from minitensor.distributions.half_normal import HalfNormal
from minitensor.distributions.independent import Independent
from minitensor.distributions.inverse_gamma import InverseGamma
from minitensor.distributions.kl import kl_divergence, register_kl
from minitensor.distributions.kumaraswamy import Kumaraswamy
from minitensor.distributions.laplace import Laplace
from minitensor.distributions.lkj_cholesky import LKJCholesky
from minitensor.distributions.log_normal import LogNormal
from minitensor.distributions.logistic_normal import LogisticNormal
from minitensor.distributions.lowrank_multivariate_normal import LowRankMultivariateNormal
from minitensor.distributions.mixture_same_family import MixtureSameFamily
from minitensor.distributions.multinomial import Multinomial
from minitensor.distributions.multivariate_normal import MultivariateNormal
from minitensor.distributions.negative_binomial import NegativeBinomial
from minitensor.distributions.normal import Normal
from minitensor.distributions.one_hot_categorical import OneHotCategorical, OneHotCategoricalStraightThrough
from minitensor.distributions.pareto import Pareto
from minitensor.distributions.poisson import Poisson
from minitensor.distributions.relaxed_bernoulli import RelaxedBernoulli
from minitensor.distributions.relaxed_categorical import RelaxedOneHotCategorical
from minitensor.distributions.studentT import StudentT
from minitensor.distributions.transformed_distribution import TransformedDistribution
from minitensor.distributions.transforms import (
    AbsTransform,
    AffineTransform,
    CatTransform,
    ComposeTransform,
    CorrCholeskyTransform,
    CumulativeDistributionTransform,
    ExpTransform,
    IndependentTransform,
    LowerCholeskyTransform,
    PositiveDefiniteTransform,
    PowerTransform,
    ReshapeTransform,
    SigmoidTransform,
    SoftmaxTransform,
    SoftplusTransform,
    StackTransform,
    StickBreakingTransform,
    TanhTransform,
    Transform,
    identity_transform,
)
from minitensor.distributions.uniform import Uniform
from minitensor.distributions.von_mises import VonMises
from minitensor.distributions.weibull import Weibull
from minitensor.distributions.wishart import Wishart

__all__ = [
    "AbsTransform", "AffineTransform", "Bernoulli", "Beta", "Binomial", "CatTransform", "Categorical", "Cauchy",
    "Chi2", "ComposeTransform", "ContinuousBernoulli", "CorrCholeskyTransform", "CumulativeDistributionTransform",
    "Dirichlet", "Distribution", "ExpTransform", "Exponential", "ExponentialFamily", "FisherSnedecor", "Gamma",
    "GeneralizedPareto", "Geometric", "Gumbel", "HalfCauchy", "HalfNormal", "Independent", "IndependentTransform",
    "InverseGamma", "Kumaraswamy", "LKJCholesky", "Laplace", "LogNormal", "LogisticNormal",
    "LowRankMultivariateNormal", "LowerCholeskyTransform", "MixtureSameFamily", "Multinomial", "MultivariateNormal",
    "NegativeBinomial", "Normal", "OneHotCategorical", "OneHotCategoricalStraightThrough", "Pareto", "Poisson",
    "PositiveDefiniteTransform", "PowerTransform", "RelaxedBernoulli", "RelaxedOneHotCategorical",
    "ReshapeTransform", "SigmoidTransform", "SoftmaxTransform", "SoftplusTransform", "StackTransform",
    "StickBreakingTransform", "StudentT", "TanhTransform", "Transform", "TransformedDistribution", "Uniform",
    "VonMises", "Weibull", "Wishart", "biject_to", "constraints", "identity_transform", "kl_divergence",
    "register_kl", "transform_to", "transforms",
]  # fmt: skip

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)

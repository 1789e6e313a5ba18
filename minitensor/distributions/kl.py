"""Kullback-Leibler divergences: ``kl_divergence(p, q)``, the mean under p of log p(x) - log q(x).

Pairs of one class have formulas of their own. A pair of two classes is the cross-entropy less the entropy of p: in each
class the logarithm of the density is linear in a few statistics, such as x, x ** 2 and log x, so the cross-entropy
needs only their means under p (``cross_entropy.py``).
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from minitensor.callers import user_level
from minitensor.compat.reasons import attributes_of
from minitensor.distributions.bernoulli import Bernoulli
from minitensor.distributions.beta import Beta
from minitensor.distributions.binomial import Binomial
from minitensor.distributions.categorical import Categorical
from minitensor.distributions.cauchy import Cauchy
from minitensor.distributions.continuous_bernoulli import ContinuousBernoulli
from minitensor.distributions.cross_entropy import CROSS_PAIRS, cross_divergence
from minitensor.distributions.dirichlet import Dirichlet
from minitensor.distributions.distribution import Distribution
from minitensor.distributions.exp_family import ExponentialFamily
from minitensor.distributions.exponential import Exponential
from minitensor.distributions.gamma import Gamma
from minitensor.distributions.geometric import Geometric
from minitensor.distributions.gumbel import Gumbel
from minitensor.distributions.half_normal import HalfNormal
from minitensor.distributions.independent import Independent
from minitensor.distributions.laplace import Laplace
from minitensor.distributions.lowrank_multivariate_normal import LowRankMultivariateNormal
from minitensor.distributions.multivariate_normal import MultivariateNormal, mahalanobis
from minitensor.distributions.normal import Normal
from minitensor.distributions.one_hot_categorical import OneHotCategorical
from minitensor.distributions.pareto import Pareto
from minitensor.distributions.poisson import Poisson
from minitensor.distributions.transformed_distribution import TransformedDistribution
from minitensor.distributions.uniform import Uniform
from minitensor.distributions.utils import _sum_rightmost, euler_constant, where
from minitensor.errors import ArgumentError, ArgumentTypeError, UnsupportedError
from minitensor.linalg import solve_triangular
from minitensor.nn.functional import softplus

if TYPE_CHECKING:
    from minitensor.tensor import Tensor

__all__ = ["kl_divergence", "register_kl"]

Formula = Callable[[Any, Any], Any]


# -- the public functions ----------------------------------------------------------------------------------------------


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """Return the Kullback-Leibler divergence of ``q`` from ``p``: the mean under ``p`` of log p(x) - log q(x).

    Shape: that of the two batches, broadcast.

    Raises:
        NotImplementedError: If there is no formula for the two classes.

    >>> import minitensor as torch
    >>> from minitensor.distributions import Normal, kl_divergence
    >>> kl_divergence(Normal(0.0, 1.0), Normal(1.0, 1.0))
    tensor(0.5000)
    """
    formula = find_formula(type(p), type(q))  # type: ignore[arg-type]  # classes are hashable
    if formula is None:
        raise UnsupportedError(f"No KL(p || q) is implemented for p {type(p).__name__} and q {type(q).__name__}")
    divergence: Tensor = formula(p, q)
    return divergence


def register_kl(type_p: type, type_q: type) -> Callable[[Formula], Formula]:
    """Return a decorator that enters a formula for two classes of distributions, and for their subclasses.

    Of several formulas that apply, the one for the closest classes is used. A class need not be a ``Distribution``:
    it may be one that several distributions inherit from as well.

    Args:
        type_p: The class of the first argument.
        type_q: The class of the second argument.

    Raises:
        TypeError: If one is not a class.

    >>> from minitensor.distributions import Normal, register_kl
    >>> class Own(Normal): ...
    >>> @register_kl(Own, Own)
    ... def divergence(p, q):
    ...     return (p.loc - q.loc).square()
    """
    for kind in (type_p, type_q):
        if not isinstance(kind, type):
            raise ArgumentTypeError(f"register_kl: expected a class of distributions, got {kind!r}")

    def register(formula: Formula) -> Formula:
        FORMULAS[type_p, type_q] = formula
        find_formula.cache_clear()
        return formula

    return register


@functools.cache
def find_formula(type_p: Any, type_q: Any) -> Formula | None:
    """Return the formula for the closest classes; the first class goes first, with a warning if that matters."""
    fitting = [pair for pair in FORMULAS if issubclass(type_p, pair[0]) and issubclass(type_q, pair[1])]
    if not fitting:
        return None

    def distance(pair: tuple[type, type]) -> tuple[int, int]:
        return type_p.__mro__.index(pair[0]), type_q.__mro__.index(pair[1])

    first = min(fitting, key=distance)
    second = min(fitting, key=lambda pair: distance(pair)[::-1])
    if FORMULAS[first] is not FORMULAS[second]:
        text = f"Ambiguous kl_divergence({type_p.__name__}, {type_q.__name__}). "
        text += f"Please register_kl({first[0].__name__}, {second[1].__name__})"
        warnings.warn(text, RuntimeWarning, stacklevel=user_level())
    return FORMULAS[first]


# -- discrete distributions --------------------------------------------------------------------------------------------


def weigh(probs: Tensor, log_ratio: Tensor, other: Tensor) -> Tensor:
    """Return p log(p / q): 0 where p is 0, and else infinite where q is 0."""
    return where(probs == 0, 0.0, where(other == 0, math.inf, probs * log_ratio))


def kl_bernoulli(p: Bernoulli, q: Bernoulli) -> Tensor:
    success = weigh(p.probs, softplus(-q.logits) - softplus(-p.logits), q.probs)
    return success + weigh(1 - p.probs, softplus(q.logits) - softplus(p.logits), 1 - q.probs)


def kl_binomial(p: Binomial, q: Binomial) -> Tensor:
    if bool((p.total_count < q.total_count).any()):
        raise UnsupportedError("KL between Binomials where q.total_count > p.total_count is not implemented")
    single = p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p()
    return where(p.total_count > q.total_count, math.inf, p.total_count * single)


def kl_categorical(p: Categorical, q: Categorical) -> Tensor:
    return weigh(p.probs, p.logits - q.logits, q.probs).sum(-1)


def kl_one_hot(p: OneHotCategorical, q: OneHotCategorical) -> Tensor:
    return kl_categorical(p._categorical, q._categorical)


def kl_geometric(p: Geometric, q: Geometric) -> Tensor:
    return -p.entropy() - (-q.probs).log1p() / p.probs - q.logits


def kl_poisson(p: Poisson, q: Poisson) -> Tensor:
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


# -- continuous distributions ------------------------------------------------------------------------------------------


def kl_beta(p: Beta, q: Beta) -> Tensor:
    return kl_dirichlet(p._dirichlet, q._dirichlet)


def kl_dirichlet(p: Dirichlet, q: Dirichlet) -> Tensor:
    a, b = p.concentration, q.concentration
    log_beta = b.lgamma().sum(-1) - b.sum(-1).lgamma() - a.lgamma().sum(-1) + a.sum(-1).lgamma()
    return log_beta + ((a - b) * (a.digamma() - a.sum(-1, True).digamma())).sum(-1)


def kl_cauchy(p: Cauchy, q: Cauchy) -> Tensor:
    """Chyzak and Nielsen, "A closed-form formula for the Kullback-Leibler divergence between Cauchy distributions"."""
    distance = (p.scale + q.scale).square() + (p.loc - q.loc).square()
    return distance.log() - (4 * p.scale * q.scale).log()


def kl_continuous_bernoulli(p: ContinuousBernoulli, q: ContinuousBernoulli) -> Tensor:
    first = p.mean * (p.logits - q.logits) + p._log_constant() + (-p.probs).log1p()
    return first - q._log_constant() - (-q.probs).log1p()


def kl_exponential(p: Exponential, q: Exponential) -> Tensor:
    ratio = q.rate / p.rate
    return ratio - 1 - ratio.log()


def kl_gamma(p: Gamma, q: Gamma) -> Tensor:
    a, b = p.concentration, q.concentration
    shape = b.lgamma() - a.lgamma() + (a - b) * a.digamma()
    return b * (p.rate / q.rate).log() + shape + (q.rate - p.rate) * (a / p.rate)


def kl_gumbel(p: Gumbel, q: Gumbel) -> Tensor:
    ratio, away = p.scale / q.scale, (p.loc - q.loc) / q.scale
    spread = (-away + (1 + ratio).lgamma()).exp()
    return -ratio.log() + away + ratio * euler_constant + spread - (1 + euler_constant)


def kl_half_normal(p: HalfNormal, q: HalfNormal) -> Tensor:
    return kl_normal(p.base_dist, q.base_dist)


def kl_laplace(p: Laplace, q: Laplace) -> Tensor:
    ratio, away = p.scale / q.scale, (p.loc - q.loc).abs()
    return -ratio.log() + away / q.scale + ratio * (-away / p.scale).exp() - 1


def kl_normal(p: Normal, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale).square()
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale).square() - 1 - ratio.log())


def kl_pareto(p: Pareto, q: Pareto) -> Tensor:
    ratio = q.alpha / p.alpha
    divergence = q.alpha * (p.scale / q.scale).log() - ratio.log() + ratio - 1
    return where(p.scale < q.scale, math.inf, divergence)


def kl_uniform(p: Uniform, q: Uniform) -> Tensor:
    inside = (q.low <= p.low) & (q.high >= p.high)
    return where(inside, ((q.high - q.low) / (p.high - p.low)).log(), math.inf)


# -- multivariate normal distributions ---------------------------------------------------------------------------------


def require_one_size(p: Distribution, q: Distribution) -> int:
    """Return the number of elements of an event; raise if it is not the same for both."""
    if p.event_shape != q.event_shape:
        raise ArgumentError(
            "KL-divergence between two (Low Rank) Multivariate Normals with different event shapes cannot be "
            f"computed: {p.event_shape} and {q.event_shape}"
        )
    return p.event_shape[0]


def half_log_det(p: Any) -> Tensor:
    """Return half the logarithm of the determinant of a covariance."""
    half: Tensor = p._log_det / 2 if isinstance(p, LowRankMultivariateNormal) else p._half_log_det
    return half


def trace_of_quotient(p: Any, q: Any) -> Tensor:
    """Return the trace of inverse(covariance of q) @ covariance of p."""
    is_sum = isinstance(p, LowRankMultivariateNormal)
    columns = [p.cov_factor, p.cov_diag.sqrt().diag_embed()] if is_sum else [p._unbroadcasted_scale_tril]
    total = squared_length(columns[0], q)
    return total + squared_length(columns[1], q) if len(columns) == 2 else total


def squared_length(columns: Tensor, q: Any) -> Tensor:
    """Return the sum of the squared Mahalanobis lengths of the columns of a matrix."""
    if not isinstance(q, LowRankMultivariateNormal):
        return solve_triangular(q._unbroadcasted_scale_tril, columns, upper=False).square().sum((-2, -1))
    outside = (columns.square() / q.cov_diag.unsqueeze(-1)).sum((-2, -1))
    along = solve_triangular(q._capacitance_tril, q._projection @ columns, upper=False)
    return outside - along.square().sum((-2, -1))


def kl_multivariate(p: Any, q: Any) -> Tensor:
    n = require_one_size(p, q)
    away = q.loc - p.loc
    is_sum = isinstance(q, LowRankMultivariateNormal)
    distance = q._distance(away) if is_sum else mahalanobis(q._unbroadcasted_scale_tril, away)
    divergence: Tensor = half_log_det(q) - half_log_det(p) + 0.5 * (trace_of_quotient(p, q) + distance - n)
    return divergence


# -- distributions made of others --------------------------------------------------------------------------------------


def kl_exponential_family(p: ExponentialFamily, q: ExponentialFamily) -> Tensor:
    """Return the Bregman divergence A(eta_q) - A(eta_p) - (eta_q - eta_p) . A'(eta_p)."""
    if type(p) is not type(q):
        raise UnsupportedError(
            "The cross KL-divergence between different exponential families cannot be computed using Bregman "
            f"divergences: {type(p).__name__} and {type(q).__name__}"
        )
    natural, normalizer, slopes = p._bregman_parts()
    others = q._natural_params
    divergence = q._log_normalizer(*others) - normalizer
    for mine, other, slope in zip(natural, others, slopes):
        term = (other - mine) * slope
        divergence = divergence - _sum_rightmost(term, term.ndim - divergence.ndim)
    return divergence


def kl_independent(p: Independent, q: Independent) -> Tensor:
    count = p.reinterpreted_batch_ndims
    if count != q.reinterpreted_batch_ndims:
        raise UnsupportedError(f"kl_divergence: expected events of as many dims, got {p} and {q}")
    return _sum_rightmost(kl_divergence(p.base_dist, q.base_dist), count)


def kl_of_transforms(p: TransformedDistribution, q: TransformedDistribution) -> Tensor:
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise UnsupportedError(f"kl_divergence: expected the same transforms and event shapes, got {p} and {q}")
    return kl_divergence(p.base_dist, q.base_dist)


MULTIVARIATE = (MultivariateNormal, LowRankMultivariateNormal)
FORMULAS: dict[tuple[type, type], Formula] = {
    (Bernoulli, Bernoulli): kl_bernoulli,
    (Beta, Beta): kl_beta,
    (Binomial, Binomial): kl_binomial,
    (Categorical, Categorical): kl_categorical,
    (Cauchy, Cauchy): kl_cauchy,
    (ContinuousBernoulli, ContinuousBernoulli): kl_continuous_bernoulli,
    (Dirichlet, Dirichlet): kl_dirichlet,
    (Exponential, Exponential): kl_exponential,
    (ExponentialFamily, ExponentialFamily): kl_exponential_family,
    (Gamma, Gamma): kl_gamma,
    (Geometric, Geometric): kl_geometric,
    (Gumbel, Gumbel): kl_gumbel,
    (HalfNormal, HalfNormal): kl_half_normal,
    (Independent, Independent): kl_independent,
    (Laplace, Laplace): kl_laplace,
    (Normal, Normal): kl_normal,
    (OneHotCategorical, OneHotCategorical): kl_one_hot,
    (Pareto, Pareto): kl_pareto,
    (Poisson, Poisson): kl_poisson,
    (TransformedDistribution, TransformedDistribution): kl_of_transforms,
    (Uniform, Uniform): kl_uniform,
    **{(p, q): kl_multivariate for p in MULTIVARIATE for q in MULTIVARIATE},
    **{(p, q): cross_divergence for p, others in CROSS_PAIRS.items() for q in others},
}

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)

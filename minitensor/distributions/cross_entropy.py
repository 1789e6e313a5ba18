"""Cross-entropies of two classes of distributions: the mean under p of -log q(x).

In each class, -log q(x) is linear in statistics of x: x itself, x ** 2, log x, log(1 - x), exp(-s x), abs(x - m). Two
tables hold the means of the statistics under p and the formulas for q. If p can draw what q cannot, the cross-entropy
is infinite.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from minitensor.distributions.bernoulli import Bernoulli
from minitensor.distributions.beta import Beta
from minitensor.distributions.binomial import Binomial
from minitensor.distributions.continuous_bernoulli import ContinuousBernoulli
from minitensor.distributions.exponential import Exponential
from minitensor.distributions.gamma import Gamma
from minitensor.distributions.gumbel import Gumbel
from minitensor.distributions.laplace import Laplace
from minitensor.distributions.normal import Normal
from minitensor.distributions.pareto import Pareto
from minitensor.distributions.poisson import Poisson
from minitensor.distributions.uniform import Uniform
from minitensor.distributions.utils import euler_constant, where
from minitensor.ops.creation import as_tensor, full
from minitensor.shapes import broadcast_shapes

if TYPE_CHECKING:
    from minitensor.tensor import Tensor

Formula = Callable[..., Any]


# -- means under p -----------------------------------------------------------------------------------------------------


def mean_of(p: Any) -> Tensor:
    """Return the mean of x; infinite for a heavy tail."""
    mean: Tensor = where(p.alpha <= 1, math.inf, p.mean) if isinstance(p, Pareto) else p.mean
    return mean


def mean_of_square(p: Any) -> Tensor:
    """Return the mean of x ** 2; infinite for a heavy tail."""
    square: Tensor = p.variance + p.mean.square()
    return where(p.alpha <= 2, math.inf, square) if isinstance(p, Pareto) else square


def mean_log_uniform(p: Uniform) -> Tensor:
    """Return the mean of log x over an interval of nonnegative numbers."""
    return (p.high.xlogy(p.high) - p.low.xlogy(p.low)) / (p.high - p.low) - 1


def mean_log_rest_uniform(p: Uniform) -> Tensor:
    """Return the mean of log(1 - x) over an interval of numbers up to 1."""
    low, high = 1 - p.high, 1 - p.low
    return (high.xlogy(high) - low.xlogy(low)) / (high - low) - 1


MEANS_OF_LOG: dict[type, Formula] = {
    Beta: lambda p: p.concentration1.digamma() - (p.concentration1 + p.concentration0).digamma(),
    Exponential: lambda p: -euler_constant - p.rate.log(),
    Pareto: lambda p: p.scale.log() + p.alpha.reciprocal(),
    Uniform: mean_log_uniform,
}
MEANS_OF_DECAY: dict[type, Formula] = {  # of exp(-s x)
    Exponential: lambda p, s: p.rate / (p.rate + s),
    Gamma: lambda p, s: (1 + s / p.rate).pow(-p.concentration),
    Normal: lambda p, s: (-s * p.loc + 0.5 * (s * p.scale).square()).exp(),
    Uniform: lambda p, s: ((-s * p.low).exp() - (-s * p.high).exp()) / (s * (p.high - p.low)),
}


def mean_distance(p: Normal, m: Tensor) -> Tensor:
    """Return the mean of abs(x - m) of a normal number."""
    away = p.loc - m
    z = away / p.scale
    return math.sqrt(2 / math.pi) * p.scale * (-0.5 * z.square()).exp() + away * (math.sqrt(0.5) * z).erf()


# -- formulas for q ----------------------------------------------------------------------------------------------------


def cross_beta(p: Any, q: Beta) -> Tensor:
    a, b = q.concentration1, q.concentration0
    log_area = a.lgamma() + b.lgamma() - (a + b).lgamma()
    return log_area - (a - 1) * mean_log_uniform(p) - (b - 1) * mean_log_rest_uniform(p)


def cross_bernoulli_in_poisson(p: Bernoulli, q: Poisson) -> Tensor:
    return q.rate - p.probs * q.rate.log()


def cross_continuous_bernoulli(p: Any, q: ContinuousBernoulli) -> Tensor:
    return -mean_of(p) * q.logits - (-q.probs).log1p() - q._log_constant()


def cross_exponential(p: Any, q: Exponential) -> Tensor:
    return q.rate * mean_of(p) - q.rate.log()


def cross_gamma(p: Any, q: Gamma) -> Tensor:
    a = q.concentration
    cross_gamma: Tensor = a.lgamma() - a * q.rate.log() - (a - 1) * entry(MEANS_OF_LOG, p)(p) + q.rate * mean_of(p)
    return cross_gamma


def cross_gumbel(p: Any, q: Gumbel) -> Tensor:
    decay = (q.loc / q.scale).exp() * entry(MEANS_OF_DECAY, p)(p, q.scale.reciprocal())
    total: Tensor = q.scale.log() + (mean_of(p) - q.loc) / q.scale + decay
    return total


def cross_laplace(p: Normal, q: Laplace) -> Tensor:
    return (2 * q.scale).log() + mean_distance(p, q.loc) / q.scale


def cross_normal(p: Any, q: Normal) -> Tensor:
    spread = mean_of_square(p) - 2 * q.loc * mean_of(p) + q.loc.square()
    if isinstance(p, Pareto):
        spread = where(p.alpha <= 2, math.inf, spread)
    return q.scale.log() + 0.5 * math.log(2 * math.pi) + spread / (2 * q.scale.square())


def cross_pareto(p: Any, q: Pareto) -> Tensor:
    return (q.alpha + 1) * mean_log_uniform(p) - q.alpha.log() - q.alpha * q.scale.log()


def cross_uniform(p: Any, q: Uniform) -> Tensor:
    return (q.high - q.low).log()


CROSS_ENTROPIES: dict[type, Formula] = {
    Beta: cross_beta, ContinuousBernoulli: cross_continuous_bernoulli, Exponential: cross_exponential,
    Gamma: cross_gamma, Gumbel: cross_gumbel, Laplace: cross_laplace, Normal: cross_normal, Pareto: cross_pareto,
    Poisson: cross_bernoulli_in_poisson, Uniform: cross_uniform,
}  # fmt: skip

# The least and the greatest number that a class can draw. Others draw all real numbers.
BOUNDS: dict[type, Formula] = {
    Bernoulli: lambda p: (0, 1), Beta: lambda p: (0, 1), Binomial: lambda p: (0, p.total_count),
    ContinuousBernoulli: lambda p: (0, 1), Exponential: lambda p: (0, math.inf), Gamma: lambda p: (0, math.inf),
    Pareto: lambda p: (p.scale, math.inf), Poisson: lambda p: (0, math.inf), Uniform: lambda p: (p.low, p.high),
}  # fmt: skip


def entry(table: dict[type, Formula], distribution: Any) -> Any:
    """Return the entry of a distribution's class, or of its closest base class, or None."""
    return next((table[kind] for kind in type(distribution).__mro__ if kind in table), None)


def bounds(distribution: Any) -> tuple[Any, Any]:
    """Return the least and the greatest number that a distribution can draw."""
    formula = entry(BOUNDS, distribution)
    return formula(distribution) if formula else (-math.inf, math.inf)


def cross_divergence(p: Any, q: Any) -> Any:
    """Return the divergence of two classes: infinite unless q can draw all that p can."""
    (low, high), (least, greatest) = bounds(p), bounds(q)
    inside = as_tensor(low >= least) & as_tensor(high <= greatest)
    if not bool(inside.any()):
        shape = broadcast_shapes(tuple(p.batch_shape), tuple(q.batch_shape))
        return full(shape, math.inf, dtype=p.mean.dtype, device=p.mean.device)
    divergence = entry(CROSS_ENTROPIES, q)(p, q) - p.entropy()
    return divergence if bool(inside.all()) else where(inside, divergence, math.inf)


CROSS_PAIRS: dict[type, tuple[type, ...]] = {
    Bernoulli: (Poisson,),
    Beta: (ContinuousBernoulli, Exponential, Gamma, Normal, Pareto, Uniform),
    ContinuousBernoulli: (Exponential, Normal, Pareto, Uniform),
    Exponential: (Beta, ContinuousBernoulli, Gamma, Gumbel, Normal, Pareto, Uniform),
    Gamma: (Beta, ContinuousBernoulli, Exponential, Gumbel, Normal, Pareto, Uniform),
    Gumbel: (Beta, ContinuousBernoulli, Exponential, Gamma, Normal, Pareto, Uniform),
    Laplace: (Beta, ContinuousBernoulli, Exponential, Gamma, Normal, Pareto, Uniform),
    Normal: (Beta, ContinuousBernoulli, Exponential, Gamma, Gumbel, Laplace, Pareto, Uniform),
    Pareto: (Beta, ContinuousBernoulli, Exponential, Gamma, Normal, Uniform),
    Poisson: (Bernoulli, Binomial),
    Uniform: (Beta, ContinuousBernoulli, Exponential, Gamma, Gumbel, Normal, Pareto),
}
"""For each class of p, the other classes of q for which PyTorch has a divergence."""

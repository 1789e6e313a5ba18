"""Every pair of classes for which PyTorch has a divergence, with values and gradients; and the register of formulas."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import minitensor as mt
import minitensor.distributions
from distributions.cases import COVARIANCE, FACTOR, LOGITS, PROBS, SHARES

torch = pytest.importorskip("torch")
REGISTRY = list(torch.distributions.kl._KL_REGISTRY)  # before any test registers more

# For each class, two distributions that fit in a divergence, as p and as q: their parameters and a function of them.
MAKERS: dict[str, Any] = {
    "Bernoulli": lambda D, t: (D.Bernoulli(t(PROBS)), D.Bernoulli(logits=t([0.1, -1.0, 2.0, 0.0]))),
    "Beta": lambda D, t: (D.Beta(t([0.7, 2.0, 3.0, 1.5]), t([1.0, 3.0, 0.5, 2.0])), D.Beta(t(2.0), t(1.5))),
    "Binomial": lambda D, t: (D.Binomial(5, t(PROBS)), D.Binomial(5, logits=t([0.1, -1.0, 2.0, 0.0]))),
    "Categorical": lambda D, t: (D.Categorical(t(SHARES)), D.Categorical(logits=t(LOGITS))),
    "Cauchy": lambda D, t: (D.Cauchy(t([0.3, 1.0, -2.0, 0.0]), t(0.7)), D.Cauchy(t(0.5), t([1.0, 2.0, 0.1, 1.5]))),
    "ContinuousBernoulli": lambda D, t: (
        D.ContinuousBernoulli(t(PROBS)), D.ContinuousBernoulli(logits=t([0.1, -1.0, 2.0, 0.3]))
    ),
    "Dirichlet": lambda D, t: (D.Dirichlet(t([[0.5, 1.5], [3.0, 1.0]])), D.Dirichlet(t([0.7, 2.0]))),
    "Exponential": lambda D, t: (D.Exponential(t([0.5, 1.0, 2.0, 3.0])), D.Exponential(t(1.3))),
    "Gamma": lambda D, t: (D.Gamma(t([0.5, 1.0, 2.0, 3.0]), t(1.5)), D.Gamma(t(1.3), t([0.5, 2.0, 1.0, 0.7]))),
    "Geometric": lambda D, t: (D.Geometric(t(PROBS)), D.Geometric(logits=t([0.1, -1.0, 2.0, 0.0]))),
    "Gumbel": lambda D, t: (D.Gumbel(t([0.5, -1.0, 2.0, 0.0]), t(1.5)), D.Gumbel(t(0.4), t([0.5, 2.0, 1.0, 0.7]))),
    "HalfNormal": lambda D, t: (D.HalfNormal(t([0.5, 1.0, 2.0, 3.0])), D.HalfNormal(t(1.3))),
    "Independent": lambda D, t: (
        D.Independent(D.Normal(t([[0.1, 0.2], [1.0, -1.0]]), t(1.5)), 1),
        D.Independent(D.Normal(t([0.4, 0.0]), t(0.5)), 1),
    ),
    "Laplace": lambda D, t: (D.Laplace(t([0.5, -1.0, 2.0, 0.1]), t(1.5)), D.Laplace(t(0.4), t([0.5, 2.0, 1.0, 0.7]))),
    "LowRankMultivariateNormal": lambda D, t: (
        D.LowRankMultivariateNormal(t([0.1, 0.2, 0.3]), t([[1.0], [0.5], [-0.3]]), t([1.0, 2.0, 0.5])),
        D.LowRankMultivariateNormal(t([[0, 0.2, -0.3], [0, 1, 0.5]]), t([[0.1], [0.5], [-1.3]]), t([1, 0.3, 0.5])),
    ),
    "MultivariateNormal": lambda D, t: (
        D.MultivariateNormal(t([0.1, 0.2, 0.3]), t(COVARIANCE)),
        D.MultivariateNormal(t([[0.0, 0.2, -0.3], [0.0, 1.0, 0.5]]), scale_tril=t(FACTOR).tril()),
    ),
    "Normal": lambda D, t: (D.Normal(t([0.5, -1.0, 2.0, 0.0]), t(1.5)), D.Normal(t(0.4), t([0.5, 2.0, 1.0, 0.7]))),
    "OneHotCategorical": lambda D, t: (D.OneHotCategorical(t(SHARES)), D.OneHotCategorical(logits=t(LOGITS))),
    "Pareto": lambda D, t: (D.Pareto(t([0.5, 1.0, 2.0, 0.7]), t(3.5)), D.Pareto(t(0.4), t([0.5, 2.0, 1.0, 0.7]))),
    "Poisson": lambda D, t: (D.Poisson(t([0.5, 1.0, 2.0, 3.0])), D.Poisson(t(1.3))),
    "TransformedDistribution": lambda D, t: (D.LogNormal(t([0.5, -1.0]), t(1.5)), D.LogNormal(t(0.4), t([0.5, 2.0]))),
    "Uniform": lambda D, t: (D.Uniform(t([0.5, 0.6, 0.7, 0.55]), t(0.9)), D.Uniform(t(-0.2), t([1.5, 2.0, 1.2, 3.7]))),
}  # fmt: skip
PAIRS = [(p.__name__, q.__name__) for p, q in REGISTRY]
COMPARED = [pair for pair in PAIRS if pair != ("ExponentialFamily", "ExponentialFamily")]


def evaluate(lib: Any, pair: tuple[str, str], dtype: str) -> tuple[Any, list[Any]]:
    """Return a divergence and its gradients."""
    leaves: list[Any] = []

    def make(values: Any) -> Any:
        leaves.append(lib.tensor(values, dtype=getattr(lib, dtype), requires_grad=True))
        return leaves[-1]

    p = MAKERS[pair[0]](lib.distributions, make)[0]
    q = MAKERS[pair[1]](lib.distributions, make)[1]
    found = lib.distributions.kl_divergence(p, q)
    if not found.isfinite().all():
        return found, []
    return found, list(lib.autograd.grad(found.sum(), leaves, allow_unused=True))


@pytest.mark.parametrize("pair", COMPARED, ids="-".join)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_divergence_is_pytorchs(pair: tuple[str, str], dtype: str) -> None:
    rtol = {"float32": 5e-4, "float64": 1e-8}[dtype]
    found, slopes = evaluate(mt, pair, dtype)
    wanted, expected = evaluate(torch, pair, dtype)
    np.testing.assert_allclose(np.broadcast_to(found.tolist(), wanted.shape), wanted.tolist(), rtol=rtol, atol=rtol)
    assert str(found.dtype) == str(wanted.dtype)
    assert len(slopes) == len(expected)
    for slope, other in zip(slopes, expected):
        if slope is None or other is None:
            assert not any(each is not None and each.any() for each in (slope, other))
        else:
            np.testing.assert_allclose(slope.tolist(), other.tolist(), rtol=rtol, atol=10 * rtol)


def test_there_are_as_many_pairs_as_in_pytorch() -> None:
    ours = minitensor.distributions.kl.FORMULAS
    assert {(p.__name__, q.__name__) for p, q in ours} == set(PAIRS)


def sampled(p: Any, q: Any) -> float:
    drawn = p.sample((200_000,))
    return float((p.log_prob(drawn) - q.log_prob(drawn)).mean())


def test_a_uniform_number_of_the_unit_interval_has_a_finite_divergence() -> None:
    """PyTorch's is infinite."""
    D = mt.distributions
    mt.manual_seed(0)
    for p, q in ((D.ContinuousBernoulli(0.3), D.Uniform(0.0, 1.0)), (D.Uniform(0.0, 1.0), D.ContinuousBernoulli(0.3))):
        assert float(D.kl_divergence(p, q)) == pytest.approx(sampled(p, q), abs=5e-3)


def test_an_exponential_family_without_a_formula_has_the_divergence_of_its_draws() -> None:
    """Only Wishart has no formula of its own. PyTorch adds up the batch; some of its divergences are negative."""
    D = mt.distributions
    mt.manual_seed(0)
    p = D.Wishart(mt.tensor(4.5), mt.tensor(COVARIANCE))
    for df in (6.0, 7.5):
        q = D.Wishart(mt.tensor(df), scale_tril=mt.tensor(FACTOR))
        drawn = p.sample((20_000,))
        expected = float((p.log_prob(drawn) - q.log_prob(drawn)).mean())
        assert float(D.kl_divergence(p, q)) == pytest.approx(expected, abs=0.05)
    batch = D.Wishart(mt.tensor([6.0, 7.5]), scale_tril=mt.tensor(FACTOR))
    assert D.kl_divergence(p, batch).tolist()[1] == pytest.approx(float(D.kl_divergence(p, q)), rel=1e-4)


def test_a_part_of_a_batch_outside_the_support_is_infinite() -> None:
    D = mt.distributions
    found = D.kl_divergence(D.Uniform(mt.tensor([0.2, -0.2]), 0.5), D.Beta(2.0, 3.0))
    assert found.isfinite().tolist() == [True, False]
    found = D.kl_divergence(D.Binomial(5, mt.tensor(0.5)), D.Binomial(mt.tensor([5.0, 4.0]), mt.tensor(0.5)))
    assert found.isfinite().tolist() == [True, False]
    with pytest.raises(NotImplementedError, match="total_count"):
        D.kl_divergence(D.Binomial(4, 0.5), D.Binomial(5, 0.5))


def test_probabilities_of_zero() -> None:
    for lib in (mt, torch):
        D = lib.distributions
        p, q = D.Bernoulli(lib.tensor([0.0, 1.0, 0.5, 0.5])), D.Bernoulli(lib.tensor([0.3, 0.3, 0.0, 1.0]))
        assert D.kl_divergence(p, q).isinf().tolist() == [False, False, True, True]
        a, b = D.Categorical(lib.tensor([0.0, 1.0])), D.Categorical(lib.tensor([0.5, 0.5]))
        assert float(D.kl_divergence(a, b)) == pytest.approx(np.log(2))
        assert float(D.kl_divergence(b, a)) == np.inf


@pytest.mark.parametrize("lib", [mt, torch], ids=["ours", "pytorch"])
def test_the_closest_classes_decide(lib: Any) -> None:
    D = lib.distributions

    class First(D.Normal): ...  # type: ignore[name-defined,misc]

    class Second(First): ...

    D.register_kl(First, D.Normal)(lambda p, q: "first")
    assert D.kl_divergence(Second(0.0, 1.0), First(0.0, 1.0)) == "first"
    D.register_kl(D.Normal, First)(lambda p, q: "second")
    with pytest.warns(RuntimeWarning, match=r"Ambiguous kl_divergence\(Second, First\)"):
        assert D.kl_divergence(Second(0.0, 1.0), First(0.0, 1.0)) == "first"
    with pytest.raises(NotImplementedError):
        D.kl_divergence(D.Normal(0.0, 1.0), D.Bernoulli(0.5))

    class Mixin: ...

    class Third(Mixin, D.StudentT): ...  # type: ignore[name-defined,misc]

    D.register_kl(Third, Mixin)(lambda p, q: "third")  # a class that is no distribution, which distributions share
    assert D.kl_divergence(Third(2.0), Third(2.0)) == "third"
    with pytest.raises((TypeError, AttributeError)), warnings.catch_warnings():
        D.register_kl(3, D.Normal)(lambda p, q: 0)
    if lib is mt:
        minitensor.distributions.kl.FORMULAS = {  # the entries of this test's classes go
            pair: formula
            for pair, formula in minitensor.distributions.kl.FORMULAS.items()
            if not {First, Third} & {*pair}
        }
        minitensor.distributions.kl.find_formula.cache_clear()

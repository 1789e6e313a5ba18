"""Checks of arguments: the class of the error for each wrong parameter and value, and how to turn checks off."""

from __future__ import annotations

import math
import warnings
from typing import Any

import pytest

import minitensor as mt
import minitensor.distributions
from minitensor.errors import MinitensorError

torch = pytest.importorskip("torch")

Call = Any
WRONG: dict[str, Call] = {
    "negative scale": lambda D, t: D.Normal(0.0, -1.0),
    "NaN": lambda D, t: D.Normal(math.nan, 1.0),
    "a list": lambda D, t: D.Normal([0.0], 1.0),
    "shapes": lambda D, t: D.Normal(t([0.0, 1.0]), t([1.0, 1.0, 1.0])),
    "a value that is no tensor": lambda D, t: D.Normal(0.0, 1.0).log_prob(0.0),
    "a value of another shape": lambda D, t: D.Normal(t([0.0, 1.0]), 1.0).log_prob(t([0.0, 1.0, 2.0])),
    "NaN as value": lambda D, t: D.Normal(0.0, 1.0).log_prob(t(math.nan)),
    "both": lambda D, t: D.Bernoulli(0.5, logits=0.0), "none": lambda D, t: D.Bernoulli(),
    "probability": lambda D, t: D.Bernoulli(1.5), "not boolean": lambda D, t: D.Bernoulli(0.5).log_prob(t(0.5)),
    "no dim": lambda D, t: D.Categorical(t(0.5)), "both of a row": lambda D, t: D.Categorical(t([1.0]), t([1.0])),
    "negative weights": lambda D, t: D.Categorical(t([-1.0, 0.5])),
    "category": lambda D, t: D.Categorical(t([1.0, 1.0])).log_prob(t(2)),
    "low": lambda D, t: D.Uniform(1.0, 1.0), "outside": lambda D, t: D.Uniform(0.0, 1.0).log_prob(t(1.5)),
    "cdf outside": lambda D, t: D.Uniform(0.0, 1.0).cdf(t(-1.5)),
    "gamma": lambda D, t: D.Gamma(0.0, 1.0), "gamma value": lambda D, t: D.Gamma(1.0, 1.0).log_prob(t(-1.0)),
    "beta": lambda D, t: D.Beta(t(-1.0), 1.0), "beta value": lambda D, t: D.Beta(1.0, 1.0).log_prob(t(1.5)),
    "dirichlet": lambda D, t: D.Dirichlet(t(1.0)), "dirichlet value": lambda D, t: D.Dirichlet(
        t([1.0, 1.0])).log_prob(t([0.5, 0.6])),
    "dirichlet event": lambda D, t: D.Dirichlet(t([1.0, 1.0])).log_prob(t([0.5, 0.3, 0.2])),
    "poisson": lambda D, t: D.Poisson(-1.0), "poisson value": lambda D, t: D.Poisson(1.0).log_prob(t(0.5)),
    "geometric": lambda D, t: D.Geometric(0.0), "binomial": lambda D, t: D.Binomial(-1, 0.5),
    "binomial value": lambda D, t: D.Binomial(2, 0.5).log_prob(t(3.0)),
    "binomial support": lambda D, t: D.Binomial(t([2.0, 3.0]), 0.5).enumerate_support(),
    "negative binomial": lambda D, t: D.NegativeBinomial(1.0, 1.0),
    "multinomial": lambda D, t: D.Multinomial(t(2), t([0.5, 0.5])),
    "multinomial value": lambda D, t: D.Multinomial(2, t([0.5, 0.5])).log_prob(t([2.0, 1.0])),
    "one hot": lambda D, t: D.OneHotCategorical(t([0.5, 0.5])).log_prob(t([1.0, 1.0])),
    "student": lambda D, t: D.StudentT(0.0), "laplace": lambda D, t: D.Laplace(0.0, 0.0),
    "half normal": lambda D, t: D.HalfNormal(1.0).cdf(t(-1.0)),
    "continuous": lambda D, t: D.ContinuousBernoulli(1.5, validate_args=True),
    "loc": lambda D, t: D.MultivariateNormal(t(0.0), t([[1.0]])),
    "matrices": lambda D, t: D.MultivariateNormal(t([0.0]), t([[1.0]]), t([[1.0]])),
    "no matrix": lambda D, t: D.MultivariateNormal(t([0.0])),
    "matrix": lambda D, t: D.MultivariateNormal(t([0.0]), t([1.0])),
    "indefinite": lambda D, t: D.MultivariateNormal(t([0.0, 0.0]), t([[1.0, 2.0], [2.0, 1.0]])),
    "triangle": lambda D, t: D.MultivariateNormal(t([0.0, 0.0]), scale_tril=t([[1.0, 2.0], [0.0, 1.0]])),
    "low rank": lambda D, t: D.LowRankMultivariateNormal(t([0.0, 0.0]), t([[1.0]]), t([1.0, 1.0])),
    "low rank diagonal": lambda D, t: D.LowRankMultivariateNormal(t([0.0]), t([[1.0]]), t([1.0, 1.0])),
    "wishart": lambda D, t: D.Wishart(t(0.5), t([[1.0, 0.0], [0.0, 1.0]])),
    "wishart without": lambda D, t: D.Wishart(t(2.5)),
    "lkj": lambda D, t: D.LKJCholesky(1), "independent": lambda D, t: D.Independent(D.Normal(0.0, 1.0), 1),
    "mixture": lambda D, t: D.MixtureSameFamily(D.Normal(0.0, 1.0), D.Normal(t([0.0]), 1.0)),
    "component": lambda D, t: D.MixtureSameFamily(D.Categorical(t([1.0])), 3),
    "components": lambda D, t: D.MixtureSameFamily(D.Categorical(t([1.0, 1.0])), D.Normal(t([0.0]), 1.0)),
    "transforms": lambda D, t: D.TransformedDistribution(D.Normal(0.0, 1.0), [3]),
    "no transform": lambda D, t: D.TransformedDistribution(D.Normal(0.0, 1.0), None),
    "too few dims": lambda D, t: D.TransformedDistribution(D.Normal(0.0, 1.0), D.StickBreakingTransform()),
    "no rsample": lambda D, t: D.Bernoulli(0.5).rsample(), "no cdf": lambda D, t: D.Beta(1.0, 1.0).cdf(t(0.5)),
    "no cdf outside": lambda D, t: D.Beta(1.0, 1.0).cdf(t(-0.5)),
    "no entropy": lambda D, t: D.Poisson(1.0).entropy(),
    "no support": lambda D, t: D.Distribution(validate_args=False).support,
    "no enumeration": lambda D, t: D.Normal(0.0, 1.0).enumerate_support(),
    "no enumeration of events": lambda D, t: D.Independent(D.Bernoulli(t([0.5])), 1).enumerate_support(),
    "expand": lambda D, t: D.Normal(t([0.0, 1.0]), 1.0).expand((3,)),
    "setting": lambda D, t: D.Distribution.set_default_validate_args(3),
}  # fmt: skip
BUILT_IN = (ValueError, NotImplementedError, AssertionError, RuntimeError, TypeError)


def outcome(lib: Any, call: Call) -> Any:
    with pytest.raises(BUILT_IN) as caught:
        call(lib.distributions, lib.tensor)
    return caught.value


@pytest.mark.parametrize("name", WRONG)
def test_an_error_has_pytorchs_class(name: str) -> None:
    ours, theirs = outcome(mt, WRONG[name]), outcome(torch, WRONG[name])
    wanted = next(each for each in BUILT_IN if isinstance(theirs, each))
    assert isinstance(ours, wanted), f"{ours!r} is no {theirs!r}"
    assert isinstance(ours, MinitensorError)
    assert str(ours)


@pytest.mark.parametrize("lib", [mt, torch], ids=["ours", "pytorch"])
def test_checks_can_be_turned_off(lib: Any) -> None:
    D = lib.distributions
    assert bool(D.Normal(0.0, -1.0, validate_args=False).scale < 0)
    assert float(D.Uniform(0.0, 1.0, validate_args=False).log_prob(lib.tensor(2.0))) == -math.inf
    D.Distribution.set_default_validate_args(False)
    try:
        assert bool(D.Normal(0.0, -1.0).scale < 0)
        with pytest.raises(ValueError, match="scale"):
            D.Normal(0.0, -1.0, validate_args=True)
    finally:
        D.Distribution.set_default_validate_args(True)
    with pytest.raises(ValueError, match="scale"):
        D.Normal(0.0, -1.0)


def test_a_message_tells_parameter_constraint_and_values() -> None:
    with pytest.raises(ValueError, match=r"(?s)parameter scale .*GreaterThan\(lower_bound=0\.0\).*-1"):
        mt.distributions.Normal(0.0, -1.0)
    with pytest.raises(ValueError, match=r"(?s)support \(Boolean\(\)\).*0\.5"):
        mt.distributions.Bernoulli(0.3).log_prob(mt.tensor(0.5))


@pytest.mark.parametrize("lib", [mt, torch], ids=["ours", "pytorch"])
def test_a_subclass_of_a_user(lib: Any) -> None:
    D = lib.distributions

    class Own(D.Normal):  # type: ignore[name-defined,misc]
        def __init__(self, loc: Any) -> None:
            super().__init__(loc, 1.0)

    class Plain(D.Normal):  # type: ignore[name-defined,misc]
        @property
        def mean(self) -> Any:
            return self.loc + 1

    class Bare(D.Distribution):  # type: ignore[name-defined,misc]
        def rsample(self, sample_shape: Any = ()) -> Any:
            return lib.ones(*sample_shape)

    class Whole(D.Distribution):  # type: ignore[name-defined,misc]
        arg_constraints = {"rate": D.constraints.positive}  # noqa: RUF012
        support = D.constraints.positive

        def __init__(self, rate: Any, validate_args: Any = None) -> None:
            self.rate = rate
            super().__init__(rate.shape, validate_args=validate_args)

        def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
            new = self._get_checked_instance(Whole, _instance)
            new.rate = self.rate.expand(batch_shape)
            super(Whole, new).__init__(batch_shape, validate_args=False)
            new._validate_args = self._validate_args
            return new

        def log_prob(self, value: Any) -> Any:
            if self._validate_args:
                self._validate_sample(value)
            return self.rate.log() - self.rate * value

    class Later(Whole):
        def __init__(self, rate: Any, more: int) -> None:
            super().__init__(rate)
            self.more = more

        def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
            new = super().expand(batch_shape, self._get_checked_instance(Later, _instance))
            new.more = self.more
            return new

    class Named(D.Normal):  # type: ignore[name-defined,misc]
        def __init__(self, loc: Any, name: str) -> None:
            super().__init__(loc, 1.0)
            self.name = name

        def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
            new = self._get_checked_instance(Named, _instance)
            new.name = self.name
            return super().expand(batch_shape, _instance=new)

    with pytest.raises(NotImplementedError, match="expand"):
        Own(lib.zeros(2)).expand((3, 2))
    whole = Whole(lib.ones(2)).expand((3, 2))
    assert whole.batch_shape == (3, 2) and whole.log_prob(lib.ones(2)).shape == (3, 2)
    with pytest.raises(ValueError, match="support"):
        whole.log_prob(lib.zeros(2))
    assert Later(lib.ones(2), 3).expand((3, 2)).more == 3
    named = Named(lib.zeros(2), "x").expand((3, 2))
    assert named.name == "x" and named.sample().shape == (3, 2)
    assert Plain(lib.zeros(2), 1.0).expand((3, 2)).mean.shape == (3, 2)
    with pytest.warns(UserWarning, match="arg_constraints"):
        bare = Bare()
    assert bare.sample((2,)).tolist() == [1.0, 1.0]
    with pytest.warns(UserWarning, match="support"):
        bare._validate_sample(lib.tensor(1.0))


@pytest.mark.parametrize("lib", [mt, torch], ids=["ours", "pytorch"])
def test_sample_n_is_deprecated(lib: Any) -> None:
    with pytest.warns(FutureWarning, match="sample_n"):
        assert lib.distributions.Normal(0.0, 1.0).sample_n(3).shape == (3,)


@pytest.mark.parametrize("lib", [mt, torch], ids=["ours", "pytorch"])
def test_lazy_forms_keep_gradients(lib: Any) -> None:
    logits = lib.zeros(3, requires_grad=True)
    with lib.no_grad():
        distribution = lib.distributions.Categorical(logits=logits * 1)
    assert "probs" not in vars(distribution)
    distribution = lib.distributions.Bernoulli(logits=logits)
    with lib.no_grad():
        assert distribution.probs.requires_grad
    assert vars(distribution)["probs"] is distribution.probs
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not distribution.sample().requires_grad

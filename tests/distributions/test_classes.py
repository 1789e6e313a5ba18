"""Every class against PyTorch: draws under one seed, functions of a value and moments, with their gradients."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import minitensor as mt
import minitensor.distributions
from distributions.cases import CASES

torch = pytest.importorskip("torch")

DTYPES = ("float32", "float64")
TOLERANCE = {"float32": 2e-4, "float64": 1e-8}
IMPLICIT = ("Beta", "Gamma", "Chi2", "Dirichlet", "StudentT", "FisherSnedecor", "InverseGamma", "Wishart")
APPROXIMATE = 2e-3  # how far PyTorch's gradients of gamma and Dirichlet numbers are from exact ones


class Side:
    """One library: its distribution of a case, and the tensors that the distribution was made of."""

    def __init__(self, lib: Any, name: str, dtype: str, **options: Any) -> None:
        self.lib, self.dtype = lib, getattr(lib, dtype)
        self.leaves: list[Any] = []
        self.distribution = CASES[name](lib.distributions, self.tensor)

    def tensor(self, values: Any) -> Any:
        made = self.lib.tensor(values, dtype=self.dtype, requires_grad=True)
        self.leaves.append(made)
        return made

    def evaluate(self, call: Any) -> tuple[Any, list[Any]]:
        """Return what a call gives, or its error's class, and the gradients of a weighted sum of it."""
        self.lib.manual_seed(5)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = call(self.lib, self.distribution)
        except NotImplementedError:
            return NotImplementedError, []
        if not found.requires_grad:
            return found, []
        weights = self.lib.tensor(np.cos(np.arange(found.numel())).reshape(tuple(found.shape)), dtype=found.dtype)
        try:
            return found, list(self.lib.autograd.grad((found * weights).sum(), self.leaves, allow_unused=True))
        except NotImplementedError:  # the incomplete gamma function has no gradient with respect to the concentration
            return found, []


# Where PyTorch's own values are less exact: polynomials, float32 for an integer, cancellation.
LOOSE = {
    "VonMises": {"float64": 1e-6}, "Multinomial": {"float64": 1e-6}, "ContinuousBernoulli": {"float32": 1e-2},
}  # fmt: skip


def tolerance_of(name: str, dtype: str) -> float:
    return LOOSE.get(name.split()[0], {}).get(dtype, TOLERANCE[dtype])


def compare(name: str, dtype: str, call: Any, gradients: float | None = None) -> None:
    """Compare values and gradients of a call in both libraries."""
    ours, theirs = Side(mt, name, dtype), Side(torch, name, dtype)
    found, slopes = ours.evaluate(call)
    try:
        wanted, expected = theirs.evaluate(call)
    except RuntimeError as error:  # GeneralizedPareto compares float64 with float32
        assert "Double did not match Float" in str(error)
        pytest.skip(f"PyTorch raises: {error}")
    if wanted is NotImplementedError:
        assert found is NotImplementedError
        return
    assert found is not NotImplementedError
    assert str(found.dtype) == str(wanted.dtype)
    assert tuple(found.shape) == tuple(wanted.shape)
    kind = str(wanted.dtype).removeprefix("torch.")
    rtol = tolerance_of(name, kind) if kind in TOLERANCE else 0.0
    close(found, wanted, rtol)
    assert len(slopes) >= len(expected)
    for slope, other in zip(slopes, expected):
        if other is None:
            assert slope is None or not slope.any()
        else:
            close(mt.zeros(*other.shape) if slope is None else slope, other, rtol if gradients is None else gradients)


def close(found: Any, wanted: Any, rtol: float) -> None:
    found, wanted = np.asarray(found.tolist()), np.asarray(wanted.tolist())
    if wanted.dtype.kind == "f":
        size = np.abs(wanted[np.isfinite(wanted)]).max(initial=0.0) if wanted.size else 0.0
        np.testing.assert_allclose(found, wanted, rtol=rtol, atol=rtol * 0.1 * max(size, 1e-3))
    else:
        np.testing.assert_array_equal(found, wanted)


def values_of(name: str, dtype: str) -> Any:
    """Draw values with PyTorch, as a NumPy array, a sample of three."""
    torch.manual_seed(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Side(torch, name, dtype).distribution.sample((3,)).numpy()


each_case = pytest.mark.parametrize("name", CASES)
each_dtype = pytest.mark.parametrize("dtype", DTYPES)


# PyTorch takes valid draws for singular ones, draws them again and warns; test_moments.py tests Wishart's.
DRAWN_TWICE = "Wishart"
each_draw = pytest.mark.parametrize("name", [name for name in CASES if not name.startswith(DRAWN_TWICE)])


@each_draw
@each_dtype
@pytest.mark.parametrize("shape", [(), (3, 2)])
def test_one_seed_draws_pytorchs_numbers(name: str, dtype: str, shape: tuple[int, ...]) -> None:
    compare(name, dtype, lambda lib, d: d.sample(shape))


@each_draw
@each_dtype
@pytest.mark.parametrize("shape", [(), (5,)])
def test_reparametrized_draws_have_pytorchs_gradients(name: str, dtype: str, shape: tuple[int, ...]) -> None:
    implicit = name.split()[0] in IMPLICIT
    compare(name, dtype, lambda lib, d: d.rsample(shape), gradients=APPROXIMATE if implicit else None)


@each_case
@each_dtype
def test_log_prob(name: str, dtype: str) -> None:
    values = values_of(name, dtype)
    compare(name, dtype, lambda lib, d: d.log_prob(lib.tensor(values)))


@each_case
@each_dtype
def test_cdf(name: str, dtype: str) -> None:
    values = values_of(name, dtype)
    compare(name, dtype, lambda lib, d: d.cdf(lib.tensor(values)))


@each_case
@each_dtype
def test_icdf(name: str, dtype: str) -> None:
    d = Side(torch, name, dtype).distribution
    shape = (3, *d.batch_shape, *d.event_shape)
    levels = np.random.RandomState(0).uniform(0.05, 0.95, shape).astype(dtype)
    compare(name, dtype, lambda lib, d: d.icdf(lib.tensor(levels)))


@each_case
@each_dtype
@pytest.mark.parametrize("fact", ["mean", "mode", "variance", "stddev"])
def test_moments(name: str, dtype: str, fact: str) -> None:
    if (name, fact) == ("Kumaraswamy", "mode"):
        pytest.skip("PyTorch's is NaN; test_moments.py tests it")
    compare(name, dtype, lambda lib, d: getattr(d, fact))


@each_case
@each_dtype
@pytest.mark.parametrize("fact", ["entropy", "perplexity"])
def test_entropy(name: str, dtype: str, fact: str) -> None:
    compare(name, dtype, lambda lib, d: getattr(d, fact)())


@each_case
@pytest.mark.parametrize("expand", [True, False])
def test_enumerate_support(name: str, expand: bool) -> None:
    compare(name, "float32", lambda lib, d: d.enumerate_support(expand))


def facts(d: Any) -> tuple[Any, ...]:
    return (
        repr(d), tuple(d.batch_shape), tuple(d.event_shape), tuple(d._extended_shape((2,))), d.has_rsample,
        d.has_enumerate_support, repr(d.support).replace(", requires_grad=True", ""), d.support.event_dim,
        d.support.is_discrete, {key: repr(each) for key, each in d.arg_constraints.items()}, d._validate_args,
    )  # fmt: skip


@each_case
def test_facts_are_pytorchs(name: str) -> None:
    ours, theirs = Side(mt, name, "float32"), Side(torch, name, "float32")
    assert facts(ours.distribution) == facts(theirs.distribution)


def expand(d: Any) -> Any:
    return d.expand((2, *d.batch_shape))


@each_case
def test_an_expanded_distribution_is_pytorchs(name: str) -> None:
    ours, theirs = Side(mt, name, "float32"), Side(torch, name, "float32")
    assert facts(expand(ours.distribution)) == facts(expand(theirs.distribution))
    if not name.startswith(DRAWN_TWICE):
        compare(name, "float32", lambda lib, d: expand(d).sample((2,)))
    values = values_of(name, "float32")[:2]
    compare(name, "float32", lambda lib, d: expand(d).log_prob(lib.tensor(values)))

"""Random functions under one to three levels of ``vmap`` that map any dims: PyTorch's numbers and generator state.

PyTorch refuses some calls that work here: the same numbers where a parameter differs between samples, levels that fill
a tensor of each sample, rrelu. For these, the test only checks that a seed gives the same numbers twice.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minitensor as mt
import minitensor.nn.functional

Draw = Callable[[Any, Any], Any]  # (library, one sample, a matrix) -> drawn numbers


def functional(name: str, *options: Any) -> Draw:
    """Return a function that draws with ``nn.functional`` from the sample."""
    return lambda lib, x: getattr(lib.nn.functional, name)(x, *options)


def filling(name: str, *options: Any) -> Draw:
    """Return a function that draws into a copy of the sample."""
    return lambda lib, x: getattr(x.clone(), name)(*options)


OF_NONE: dict[str, Draw] = {
    "rand": lambda lib, x: lib.rand(2, 9), "rand of a tuple": lambda lib, x: lib.rand((2, 9)),
    "rand, size": lambda lib, x: lib.rand(size=(2, 9)), "randn": lambda lib, x: lib.randn(2, 9),
    "randn, few": lambda lib, x: lib.randn(3), "randn of doubles": lambda lib, x: lib.randn(5, dtype=lib.float64),
    "a number": lambda lib, x: lib.rand(()).reshape(1), "randint": lambda lib, x: lib.randint(0, 100, (7,)),
    "randint, high": lambda lib, x: lib.randint(100, (7,)),
    "randint, words": lambda lib, x: lib.randint(low=3, high=100, size=(7,)),
    "randperm": lambda lib, x: lib.randperm(6), "normal of a size": lambda lib, x: lib.normal(1.0, 2.0, (7,)),
    "normal": lambda lib, x: lib.normal(lib.zeros(2, 9), lib.ones(9)),
    "normal of means": lambda lib, x: lib.normal(lib.zeros(2, 9), 2.0),
    "normal of spreads": lambda lib, x: lib.normal(2.0, lib.ones(2, 9)),
    "bernoulli": lambda lib, x: lib.bernoulli(lib.full((2, 9), 0.5)),
    "bernoulli, p": lambda lib, x: lib.bernoulli(lib.zeros(2, 9), 0.3),
    "multinomial": lambda lib, x: lib.multinomial(lib.ones(50), 3),
    "multinomial of rows": lambda lib, x: lib.multinomial(lib.ones(4, 20), 3),
    "multinomial, with replacement": lambda lib, x: lib.multinomial(lib.ones(20), 3, True),
    "poisson": lambda lib, x: lib.poisson(lib.full((2, 9), 3.0)),
    "rand_like": lambda lib, x: lib.rand_like(lib.zeros(2, 9)),
    "randn_like, turned": lambda lib, x: lib.randn_like(lib.zeros(9, 2).t()),
    "randint_like, turned": lambda lib, x: lib.randint_like(lib.zeros(9, 2).t(), 50),
    "dropout": lambda lib, x: lib.nn.functional.dropout(lib.ones(20), 0.5),
    "dropout2d": lambda lib, x: lib.nn.functional.dropout2d(lib.ones(4, 5, 2, 2), 0.5),
    "alpha_dropout": lambda lib, x: lib.nn.functional.alpha_dropout(lib.ones(20), 0.5, True),
}  # fmt: skip
OF_A_SAMPLE: dict[str, Draw] = {
    "rand_like x": lambda lib, x: lib.rand_like(x), "rand_like x, turned": lambda lib, x: lib.rand_like(x.t()),
    "rand_like x, of doubles": lambda lib, x: lib.rand_like(x, dtype=lib.float64),
    "randn_like x": lambda lib, x: lib.randn_like(x), "randint_like x": lambda lib, x: lib.randint_like(x, 3, 100),
    "uniform_": filling("uniform_"), "uniform_ of a range": filling("uniform_", 2, 3), "normal_": filling("normal_"),
    "normal_ of a sum": lambda lib, x: (x * 2 + 1).normal_(1, 2), "random_": filling("random_"),
    "normal_, turned": lambda lib, x: x.t().clone().normal_(), "random_ of a range": filling("random_", 3, 9000),
    "exponential_": filling("exponential_"), "geometric_": filling("geometric_", 0.1), "cauchy_": filling("cauchy_"),
    "log_normal_": filling("log_normal_"), "bernoulli_": filling("bernoulli_", 0.4),
    "bernoulli_ of a row": lambda lib, x: x.clone().bernoulli_(lib.full((x.shape[-1],), 0.4)),
    "bernoulli_ of a number": lambda lib, x: x.clone().bernoulli_(lib.tensor(0.4)),
    "bernoulli_ of x": lambda lib, x: x.clone().bernoulli_(x / 20), "normal of x": lambda lib, x: lib.normal(x, x[0]),
    "bernoulli_ of a row of x": lambda lib, x: x.clone().bernoulli_(x[0] / 20),
    "bernoulli of x": lambda lib, x: lib.bernoulli(x / 20), "bernoulli x, p": lambda lib, x: x.bernoulli(p=0.5),
    "normal of x and one row": lambda lib, x: lib.normal(x, lib.ones(x.shape[-1])),
    "normal of one row and x": lambda lib, x: lib.normal(lib.ones(x.shape[-1]), x),
    "normal of means x": lambda lib, x: lib.normal(x, 2.0), "normal of spreads x": lambda lib, x: lib.normal(0.0, x),
    "poisson of x": lambda lib, x: lib.poisson(x), "binomial of x": lambda lib, x: lib.binomial(x, x / 20),
    "multinomial of x": lambda lib, x: lib.multinomial(x, 2),
    "multinomial of a row of x": lambda lib, x: lib.multinomial(x[0], 2),
    "multinomial of x, with replacement": lambda lib, x: lib.multinomial(x, 5, True),
    "dropout x": functional("dropout"), "alpha_dropout x": functional("alpha_dropout", 0.5, True),
    "dropout x in place": lambda lib, x: lib.nn.functional.dropout(x.clone(), 0.5, True, True),
    "dropout x, turned": lambda lib, x: lib.nn.functional.dropout(x.t(), 0.5),
    "dropout1d x": functional("dropout1d"), "feature_alpha_dropout x": functional("feature_alpha_dropout", 0.5, True),
    "dropout2d x": lambda lib, x: lib.nn.functional.dropout2d(x[..., None, None].expand(*x.shape, 2, 2)),
    "dropout3d x": lambda lib, x: lib.nn.functional.dropout3d(x[..., None, None, None].expand(*x.shape, 2, 2, 2)),
    "gumbel_softmax": functional("gumbel_softmax"), "rrelu": lambda lib, x: lib.nn.functional.rrelu(-x, training=True),
    "attention": lambda lib, x: lib.nn.functional.scaled_dot_product_attention(x, x, x, dropout_p=0.4),
    "fractional_max_pool2d": lambda lib, x: lib.nn.functional.fractional_max_pool2d(x.expand(4, *x.shape), 2, (3, 3)),
    "init.normal_": lambda lib, x: lib.nn.init.normal_(x.clone()),
}  # fmt: skip
DRAWS = OF_NONE | OF_A_SAMPLE

Level = tuple[Any, int, str, Any]  # in_dims of two inputs, out_dims, randomness, chunk_size
SIZES = (2, 3, 4)  # for each level, outermost first
D, S = "different", "same"
ONE: list[tuple[Level, ...]] = [
    ((dims, out, D, chunk),) for dims in (0, 1, -1, (1, None)) for out in (0, -1) for chunk in (None, 2)
] + [((dims, 0, S, chunk),) for dims in (0, 1, -1) for chunk in (None, 2)]  # PyTorch misplaces shared values
TWO: list[tuple[Level, ...]] = [
    ((a, 0, r, None), (b, 0, s, None)) for a in (0, 1) for b in (0, 1, -1, (None, 0)) for r in (D, S) for s in (D, S)
] + [((0, 0, D, 2), (1, -1, D, 2)), ((-1, 1, D, None), (0, 1, D, None)), (((None, 0), 0, D, None), (0, 0, D, None))]
THREE: list[tuple[Level, ...]] = [
    tuple([(dim, 0, kind, None) for dim, kind in zip(dims, kinds, strict=True)])
    for dims in ((0, 0, 0), (1, -1, 0), (1, (None, 0), 1))
    for kinds in ((D, D, D), (S, D, D), (D, S, D), (D, D, S))
]

REFUSED_BY_PYTORCH = (
    "does not currently support same randomness with a batched tensor", "different inplace randomness on an unbatched",
    "we do not yet support aten::rrelu", "inplace arithmetic(self, *extra_args) is not possible",
)  # fmt: skip


def inputs(lib: Any, levels: tuple[Level, ...]) -> list[Any]:
    """Return a tensor with samples of shape (5, 6), mapped as the levels say, and one mapped at every level."""
    made: list[Any] = []
    for place, inner in enumerate(((5, 6), ())):
        shape = list(inner)
        for (dims, *_), size in zip(levels[::-1], SIZES[: len(levels)][::-1], strict=True):
            dim = dims[place] if isinstance(dims, tuple) else dims if place == 0 else 0
            if dim is not None:
                shape.insert(dim if dim >= 0 else len(shape) + 1 + dim, size)
        made.append((lib.arange(float(np.prod(shape))) * 7 % 11 + 0.5).reshape(shape))
    return made


def outcome(lib: Any, name: str, levels: tuple[Level, ...]) -> tuple[Any, ...]:
    """Return what the samples drew, its dtype, and the next number of the main stream."""
    mapped: Any = lambda x, y: DRAWS[name](lib, x)
    for dims, out, randomness, chunk in levels[::-1]:
        dims = dims if isinstance(dims, tuple) else (dims, 0)
        mapped = lib.func.vmap(mapped, dims, out, randomness, chunk_size=chunk)
    lib.manual_seed(4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        drawn = mapped(*inputs(lib, levels))
    return np.array(drawn.tolist()), str(drawn.dtype).removeprefix("torch."), lib.rand(1).item()


def difference(name: str, levels: tuple[Level, ...]) -> str | None:
    """Describe how the outcome differs from PyTorch's; return None if PyTorch refuses."""
    torch = pytest.importorskip("torch")
    try:
        with torch.random.fork_rng():
            expected, *facts = outcome(torch, name, levels)
    except RuntimeError as error:
        if any(text in str(error) for text in REFUSED_BY_PYTORCH):
            return None
        raise
    found, *others = outcome(mt, name, levels)
    alike = found.shape == expected.shape and np.allclose(found, expected, 1e-5, 1e-6)
    return "" if alike and facts == others else f"{levels}: {found.ravel()[:4]} is not {expected.ravel()[:4]}"


def crashes(name: str, levels: tuple[Level, ...]) -> bool:
    """Return whether PyTorch crashes: ``bernoulli_`` into a tensor that is shared by all samples of a level."""
    return name.startswith(("bernoulli_", "attention")) and any(dims == (None, 0) for dims, *_ in levels)


@pytest.mark.parametrize("name", DRAWS)
def test_nested_levels_draw_pytorchs_numbers(name: str) -> None:
    ways = [levels for levels in itertools.chain(ONE, TWO, THREE) if not crashes(name, levels)]
    told = [difference(name, levels) for levels in ways]
    wrong = [each for each in told if each]
    assert not wrong, "\n".join(wrong)
    assert name == "rrelu" or told.count("") >= 22, "PyTorch refuses more than expected"


@pytest.mark.parametrize("name", OF_A_SAMPLE)
def test_nested_levels_draw_reproducibly_where_pytorch_refuses(name: str) -> None:
    for levels in TWO[:4]:
        first, *facts = outcome(mt, name, levels)
        again, *others = outcome(mt, name, levels)
        np.testing.assert_array_equal(first, again)
        assert facts == others


def test_a_parameter_broadcasts_to_its_own_sample_only() -> None:
    with pytest.raises(RuntimeError, match="bernoulli_"):
        mt.vmap(lambda x: x.clone().bernoulli_(mt.full((4, 3), 0.5)), randomness="different")(mt.zeros(4, 3))


@pytest.mark.parametrize("shape", [(), (2, 2, 2)])
def test_weights_of_a_sample_are_one_row_or_several(shape: tuple[int, ...]) -> None:
    with pytest.raises(RuntimeError, match="1 or 2 dim"):
        mt.vmap(lambda x: mt.multinomial(x, 1), randomness="different")(mt.ones(4, *shape))


@pytest.mark.parametrize("name", DRAWS)
def test_every_draw_is_refused_unless_randomness_is_chosen(name: str) -> None:
    for lib in (pytest.importorskip("torch"), mt):
        lib.manual_seed(4)
        state = lib.get_rng_state().tolist()
        with pytest.raises(RuntimeError, match=r"randomness|aten::rrelu"):
            lib.func.vmap(lambda x, lib=lib: DRAWS[name](lib, x))(inputs(lib, ((0, 0, "error", None),))[0])
        assert lib.get_rng_state().tolist() == state

"""Random functions under ``vmap``: refused, the same for all samples, or different, at once or in chunks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minitensor as mt
import minitensor.nn.functional

# (library, one sample of shape (3,)) -> drawn numbers
DRAWS: dict[str, Callable[[Any, Any], Any]] = {
    "rand": lambda lib, x: lib.rand(3),
    "randn": lambda lib, x: lib.randn(3),
    "randint": lambda lib, x: lib.randint(0, 100, (3,)),
    "randperm": lambda lib, x: lib.randperm(6),
    "normal of a size": lambda lib, x: lib.normal(0.0, 1.0, (3,)),
    "normal of shared means": lambda lib, x: lib.normal(lib.zeros(3), lib.ones(3)),
    "rand_like": lambda lib, x: lib.rand_like(x),
    "randn_like": lambda lib, x: lib.randn_like(x),
    "randint_like": lambda lib, x: lib.randint_like(x, 0, 100),
    "bernoulli of shared odds": lambda lib, x: lib.bernoulli(lib.full((3,), 0.5)),
    "uniform_": lambda lib, x: x.clone().uniform_(),
    "normal_": lambda lib, x: x.clone().normal_(),
    "random_": lambda lib, x: x.clone().random_(3, 9000),
    "exponential_": lambda lib, x: x.clone().exponential_(),
    "geometric_": lambda lib, x: x.clone().geometric_(0.1),
    "cauchy_": lambda lib, x: x.clone().cauchy_(),
    "log_normal_": lambda lib, x: x.clone().log_normal_(),
    "bernoulli_": lambda lib, x: x.clone().bernoulli_(0.4),
    "multinomial of shared weights": lambda lib, x: lib.multinomial(lib.ones(50), 3),
    "dropout of what is shared": lambda lib, x: lib.nn.functional.dropout(lib.ones(20), 0.5) + x[0] * 0,
}
# With numbers that differ between samples; in the mode "same" PyTorch refuses the first four.
BY_SAMPLE: dict[str, Callable[[Any, Any], Any]] = {
    "bernoulli": lambda lib, x: lib.bernoulli(x * 0 + 0.5),
    "normal": lambda lib, x: lib.normal(x, lib.ones(3)),
    "normal of a number": lambda lib, x: lib.normal(0.0, x.abs()),
    "multinomial": lambda lib, x: lib.multinomial(x.abs() + 1, 2),
    "dropout": lambda lib, x: lib.nn.functional.dropout(x + 1, 0.5),
    "dropout in place": lambda lib, x: lib.nn.functional.dropout(x.clone() + 1, 0.5, True, True),
    "alpha_dropout": lambda lib, x: lib.nn.functional.alpha_dropout(x, 0.5, True),
    "dropout1d": lambda lib, x: lib.nn.functional.dropout1d(x.reshape(3, 1).expand(3, 2) + 1, 0.5),
    "feature_alpha_dropout": lambda lib, x: lib.nn.functional.feature_alpha_dropout(x.reshape(3, 1) + 1, 0.5, True),
}
EACH = pytest.mark.parametrize("name", [*DRAWS, *BY_SAMPLE])
CHUNKS = pytest.mark.parametrize("chunk_size", [None, 2])


def draw_all(lib: Any, name: str, randomness: str, chunk_size: int | None) -> tuple[Any, Any]:
    """Return what five samples drew, and the next number of the main stream."""
    lib.manual_seed(4)
    draw = (DRAWS | BY_SAMPLE)[name]
    x = lib.arange(15.0).reshape(5, 3) / 7
    drawn = lib.func.vmap(lambda x: draw(lib, x), randomness=randomness, chunk_size=chunk_size)(x)
    return np.array(drawn.tolist()), lib.rand(1).item()


@EACH
@CHUNKS
@pytest.mark.parametrize("randomness", ["same", "different"])
def test_one_seed_gives_pytorchs_numbers(name: str, chunk_size: int | None, randomness: str) -> None:
    torch = pytest.importorskip("torch")
    found, after = draw_all(mt, name, randomness, chunk_size)
    with torch.random.fork_rng():
        try:
            expected, following = draw_all(torch, name, randomness, chunk_size)
        except RuntimeError as error:
            assert randomness == "same" and "same randomness with a batched tensor input" in str(error)
            return
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert after == following


@EACH
@CHUNKS
def test_a_draw_without_randomness_is_an_error(name: str, chunk_size: int | None) -> None:
    with pytest.raises(RuntimeError, match="randomness"):
        draw_all(mt, name, "error", chunk_size)


@pytest.mark.parametrize("name", DRAWS)
@CHUNKS
def test_samples_have_the_same_numbers_or_different_ones(name: str, chunk_size: int | None) -> None:
    same, _ = draw_all(mt, name, "same", chunk_size)
    assert (same == same[0]).all()
    different, _ = draw_all(mt, name, "different", chunk_size)
    assert not (different == different[0]).all()


IN_PLACE = [name for name in DRAWS if name.endswith("_")]


@pytest.mark.parametrize("library", ["minitensor", "torch"])
def test_a_tensor_shared_by_all_samples_cannot_hold_different_draws(library: str) -> None:
    lib = pytest.importorskip(library)
    for name in IN_PLACE:
        with pytest.raises(RuntimeError, match="different"):
            lib.func.vmap(lambda x, name=name: DRAWS[name](lib, lib.zeros(3)) + x, randomness="different")(
                lib.zeros(2, 3)
            )


def test_a_tensor_shared_by_all_samples_accepts_draws_that_are_the_same() -> None:
    for name in IN_PLACE:
        drawn = mt.vmap(lambda x, name=name: DRAWS[name](mt, mt.zeros(3)) + x, randomness="same")(mt.zeros(2, 3))
        assert drawn[0].tolist() == drawn[1].tolist()


@pytest.mark.parametrize("chunk_size", [1, 2, 5])
def test_chunks_change_nothing_if_all_samples_share_their_numbers(chunk_size: int) -> None:
    for name in DRAWS:
        np.testing.assert_array_equal(draw_all(mt, name, "same", chunk_size)[0], draw_all(mt, name, "same", None)[0])


@pytest.mark.parametrize("options", [{"p": 0.0}, {"training": False}], ids=str)
def test_a_dropout_that_drops_nothing_draws_nothing(options: dict[str, Any]) -> None:
    x = mt.ones(2, 3)
    assert mt.vmap(lambda x: mt.nn.functional.dropout(x, **options))(x).tolist() == x.tolist()


def test_numbers_are_drawn_from_a_given_generator() -> None:
    torch = pytest.importorskip("torch")
    drawn = []
    for lib in (mt, torch):
        generator = lib.Generator().manual_seed(9)
        draw = lib.func.vmap(lambda x, lib=lib, g=generator: lib.rand(3, generator=g) + x, randomness="different")
        drawn.append([draw(lib.zeros(4)).tolist(), lib.rand(1, generator=generator).item()])
    assert drawn[0] == drawn[1]

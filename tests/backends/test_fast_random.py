"""The compiled stream of random numbers equals NumPy's engine word for word, and PyTorch's numbers."""

from __future__ import annotations

from typing import Any

import numpy
import pytest

import minitensor
from minitensor.backends.numpy import random as plain
from minitensor.backends.numpy import shuffle
from minitensor.generator import Generator
from minitensor.sampling import normal

pytest.importorskip("numba")
fast = __import__("minitensor.backends.fast.random", fromlist=["random"])

COUNTS = (0, 1, 2, 3, 15, 16, 17, 100, 623, 624, 625, 1247, 1248, 1249, 5003)  # the engine renews 624 words at a time


def engines() -> tuple[Any, Any]:
    return numpy.random.MT19937(5), numpy.random.MT19937(5)


def test_the_compiled_stream_equals_numpys_in_any_order_of_draws() -> None:
    ours, theirs = engines()
    chance = numpy.random.default_rng(0)
    for _ in range(300):
        count = int(chance.choice(COUNTS))
        name = str(chance.choice(["random_words", "random_singles", "random_doubles", "random_remainders"]))
        size, low = int(chance.integers(1, 1 << int(chance.integers(1, 29)))), int(chance.integers(-(1 << 40), 1 << 40))
        numbers = (size, low) if name == "random_remainders" else ()
        found, expected = (getattr(room, name)(engine, count, *numbers) for room, engine in
                           ((fast, ours), (plain, theirs)))  # fmt: skip
        assert found.dtype == expected.dtype
        assert (found == expected).all(), (name, count, size, low)
        assert str(ours.state) == str(theirs.state)


@pytest.mark.parametrize("size", [1, 2, 3, 2**27 - 1, 2**28 - 57, 2**28])
def test_remainders_are_exact_where_quotients_are_almost_integers(size: int) -> None:
    ours, theirs = engines()
    found, expected = fast.random_remainders(ours, 1 << 20, size, 0), plain.random_remainders(theirs, 1 << 20, size, 0)
    assert (found == expected).all()


@pytest.mark.parametrize("count", [*COUNTS, 40_000])
def test_the_compiled_shuffle_equals_numpys(count: int) -> None:
    drawn = plain.random_words(numpy.random.MT19937(3), count)
    assert (fast.permutation(drawn) == shuffle.permutation(drawn)).all()
    assert (fast.permutation(drawn.astype("uint64")) == shuffle.permutation(drawn.astype("uint64"))).all()
    extreme = numpy.full(count, 2**32 - 1, numpy.uint32)
    assert (fast.permutation(extreme) == shuffle.permutation(extreme)).all()


def test_compiled_normal_numbers_are_those_of_numpys_kernel() -> None:
    special = numpy.concatenate([[0, 2.0**-24, 1 - 2.0**-24], numpy.arange(8) / 8, numpy.arange(1, 8) / 8 - 2.0**-24])
    unit = plain.random_singles(numpy.random.MT19937(3), 160_000)
    unit[: 16 * len(special)] = numpy.repeat(special, 16)
    unit[16 * len(special) : 17 * len(special)] = special
    blocks = unit.reshape(-1, 2, 8)
    found, expected = fast.normal_blocks(blocks), plain.normal_blocks(blocks)
    # Double precision rounds twice in about one sum of 2**29.
    assert (found != expected).sum() <= 1
    numpy.testing.assert_allclose(found, expected, rtol=1e-6)
    assert (fast.normal_blocks(blocks[::-1]) == found[::-1]).all()


@pytest.mark.parametrize("count", [16, 17, 100, 1000, 1_000_003])
def test_compiled_normal_numbers_equal_pytorchs(count: int) -> None:
    torch = pytest.importorskip("torch")
    if torch.backends.cpu.get_cpu_capability() == "DEFAULT":
        pytest.skip("PyTorch uses other formulas on this processor")
    found = normal(Generator().manual_seed(5), count)
    assert (found == torch.empty(count).normal_(generator=torch.Generator().manual_seed(5)).numpy()).all()


DRAWS = {
    "rand": lambda torch, count: torch.rand(count),
    "rand in float64": lambda torch, count: torch.rand(count, dtype=torch.float64),
    "randint": lambda torch, count: torch.randint(-5, 12, (count,)),
    "randint of a wide range": lambda torch, count: torch.randint(0, 2**40, (count,)),
    "randperm": lambda torch, count: torch.randperm(count),
    "normal in pairs": lambda torch, count: torch.randn(min(count, 15)),
    "exponential": lambda torch, count: torch.empty(count).exponential_() > 1,
    "bernoulli": lambda torch, count: torch.bernoulli(torch.full((count,), 0.3)),
}


@pytest.mark.parametrize("name", DRAWS)
def test_mixed_draws_equal_pytorchs_with_and_without_compiled_loops(name: str) -> None:
    torch = pytest.importorskip("torch")
    for enabled in (True, False):
        with minitensor.backends.fast.flags(enabled=enabled):
            for library in (torch, minitensor):
                library.manual_seed(7)
            for count in COUNTS:
                expected, found = DRAWS[name](torch, count), DRAWS[name](minitensor, count)
                assert found.tolist() == expected.tolist(), (count, enabled)
        assert bytes(minitensor.get_rng_state().tolist()) == bytes(torch.get_rng_state().tolist())

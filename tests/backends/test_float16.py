"""Fast float16: conversions have NumPy's bits, and results from tables or in single precision are those of the loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from minitensor.autograd import tables
from minitensor.backends.numpy import halves

F = mt.nn.functional
FINITE = halves.ALL[np.isfinite(halves.ALL)].astype(np.float32)
BETWEEN = ((FINITE[1:].astype(float) + FINITE[:-1]) / 2).astype(np.float32)  # exactly between two neighbors: ties


def bits(array: np.ndarray) -> np.ndarray:
    return array.view({2: np.uint16, 4: np.uint32, 1: np.uint8}[array.itemsize])


def test_all_halves_become_singles() -> None:
    assert np.array_equal(bits(halves.to_singles(halves.ALL)), bits(halves.ALL.astype(np.float32)))
    finite = halves.ALL[np.isfinite(halves.ALL)]
    assert np.array_equal(bits(halves.to_singles(finite)), bits(finite.astype(np.float32)))


@pytest.mark.parametrize("largest", [65519, np.inf])
def test_singles_are_rounded_as_numpy_rounds_them(largest: float) -> None:
    rng = np.random.default_rng(0)
    singles = np.concatenate([
        FINITE, BETWEEN, np.nextafter(BETWEEN, np.float32(np.inf)), np.nextafter(BETWEEN, np.float32(-np.inf)),
        rng.integers(0, 1 << 32, 300000, np.uint32).view(np.float32), rng.standard_normal(300000, np.float32),
    ])  # fmt: skip
    singles = singles[np.abs(singles) <= largest]
    with np.errstate(all="ignore"):
        assert np.array_equal(bits(halves.to_halves(singles)), bits(singles.astype(np.float16)))


ONE: list[Callable[[mt.Tensor], mt.Tensor]] = [
    mt.ceil, mt.floor, mt.trunc, mt.round, mt.frac, mt.sign, mt.sgn, mt.sigmoid, mt.angle, F.gelu, F.hardshrink, F.silu,
    F.hardswish, F.hardtanh, F.relu6, F.leaky_relu, F.relu, F.elu, F.celu, F.selu, F.softplus, F.softshrink, mt.cos,
    F.logsigmoid, mt.reciprocal, mt.rsqrt, mt.sqrt, mt.nan_to_num,
    lambda x: mt.clamp(x, -1), lambda x: mt.clamp(x, 0.1, 0.2), lambda x: mt.round(x, decimals=2),
    lambda x: F.threshold(x, 0.1, 20.0), lambda x: F.leaky_relu(x, 0.3), lambda x: F.gelu(x, approximate="tanh"),
    lambda x: mt.nan_to_num(x, 1.5, 2.5), lambda x: F.hardtanh(x, -0.0, 1.0), lambda x: F.hardtanh(x, 0.0, 1.0),
]  # fmt: skip
TWO: list[Callable[[mt.Tensor, mt.Tensor], mt.Tensor]] = [
    mt.add, mt.sub, mt.mul, mt.div, lambda x, y: mt.div(x, y, rounding_mode="trunc"), lambda x, y: mt.add(x, y[5]),
    lambda x, y: mt.mul(x, y[5]), lambda x, y: x * 1.7, lambda x, y: x + 1.7, lambda x, y: x / 70000.0,
    lambda x, y: 3 / x,
    mt.copysign, mt.maximum, mt.minimum, mt.fmax, mt.fmin, mt.lt, mt.le, mt.gt, mt.ge, mt.hypot,
]  # fmt: skip


def all_halves(seed: int) -> mt.Tensor:
    return mt.tensor(np.random.default_rng(seed).permutation(halves.ALL))


def by_loop(compute: Callable[[], mt.Tensor], monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Return a result that NumPy computes number by number."""
    with monkeypatch.context() as patch:
        patch.setattr(tables, "MANY", np.inf)
        patch.setattr(halves, "FEW", np.inf)
        return compute().numpy()


@pytest.mark.parametrize("function", ONE)
def test_a_table_holds_the_results_of_the_loop(
    function: Callable[[mt.Tensor], mt.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    x = all_halves(0)
    tables.table_of.cache_clear()
    expected = by_loop(lambda: function(x), monkeypatch)
    monkeypatch.setattr(tables, "MANY", 1)
    looked_up: list[object] = []
    original = halves.look_up
    monkeypatch.setattr(halves, "look_up", lambda *args: looked_up.append(args) or original(*args))
    found = function(x)
    assert looked_up and np.array_equal(bits(found.numpy()), bits(expected))
    assert np.array_equal(bits(function(x.view(256, 256).t()).t().contiguous().view(-1).numpy()), bits(expected))


@pytest.mark.parametrize("function", TWO)
def test_single_precision_gives_the_results_of_the_loop(
    function: Callable[[mt.Tensor, mt.Tensor], mt.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = all_halves(1), all_halves(2)
    expected = by_loop(lambda: function(x, y), monkeypatch)
    assert np.array_equal(bits(function(x, y).numpy()), bits(expected))


def test_options_that_differ_have_tables_of_their_own() -> None:
    values = (0.0, -0.0, 0, False, 1.0, 1, True, "none", None)
    assert len({tables.Options((each,)) for each in values}) == len(values)
    assert tables.Options((0.5, "tanh")) == tables.Options((0.5, "tanh"))


@pytest.mark.parametrize("name", ["tanh", "exp", "log", "sqrt", "square"])
def test_gradients_that_pytorch_rounds_once_are_rounded_once(name: str) -> None:
    torch = pytest.importorskip("torch")
    random = np.random.default_rng(0)
    x, grad = np.abs(random.standard_normal((2, 20000))).astype(np.float16) + np.float16(0.01)

    def gradient(lib: Any) -> np.ndarray:
        input = lib.tensor(x, requires_grad=True)
        return lib.autograd.grad(getattr(lib, name)(input), input, lib.tensor(grad))[0].numpy()

    ours, theirs = gradient(mt), gradient(torch)
    np.testing.assert_allclose(ours, theirs, rtol=2e-3)
    assert (ours != theirs).mean() < 1e-3  # results of float32 functions differ in their last bits

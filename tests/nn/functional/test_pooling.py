"""Pooling against PyTorch, to second order; sizes, indices, and errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitensor as mt
import minitensor.nn.functional as F
from ops.twin import agree, same_error

RNG = np.random.default_rng(0)


def draw(*shape: int) -> Any:
    return RNG.permutation(int(np.prod(shape))).reshape(shape) / 7.0


MAX = [
    ((2, 3, 6, 7), (2,), {}),
    ((2, 3, 6, 7), (3, 2), {}),
    ((2, 3, 7, 7), ((3, 2), (2, 1)), {"padding": 1}),
    ((2, 3, 7, 8), (3, 2), {"padding": (1, 0), "dilation": 2}),
    ((2, 3, 7, 8), (3, 2), {"ceil_mode": True, "padding": 1}),
    ((3, 6, 7), (2,), {}),
]


@pytest.mark.parametrize(("shape", "sizes", "options"), MAX)
def test_max_pool2d_and_its_indices(shape: Any, sizes: Any, options: Any) -> None:
    agree(lambda lib, x: lib.nn.functional.max_pool2d(x, *sizes, **options), draw(*shape))
    agree(lambda lib, x: lib.nn.functional.max_pool2d(x, *sizes, **options, return_indices=True), draw(*shape))


def test_max_pool_of_special_numbers() -> None:
    x = draw(1, 2, 6, 6)
    x[0, 0, 1, 1], x[0, 0, 4, 4], x[0, 1] = np.nan, -np.inf, -np.inf
    agree(lambda lib, x: lib.nn.functional.max_pool2d(x, 2, return_indices=True), x, order=0)


@pytest.mark.parametrize("shape", [(2, 3, 9), (3, 9)])
def test_pooling_in_one_dim(shape: Any) -> None:
    agree(lambda lib, x: lib.nn.functional.max_pool1d(x, 3, 2, 1, return_indices=True), draw(*shape))
    agree(lambda lib, x: lib.nn.functional.avg_pool1d(x, 3, 2, 1, count_include_pad=False), draw(*shape))
    agree(lambda lib, x: lib.nn.functional.adaptive_avg_pool1d(x, 4), draw(*shape))


AVG = [
    ((2, 3, 6, 7), (2,), {}),
    ((2, 3, 6, 7), ((3, 2), 2), {"padding": 1}),
    ((2, 3, 6, 7), (3,), {"padding": 1, "count_include_pad": False}),
    ((2, 3, 6, 7), (3, 2), {"padding": 1, "ceil_mode": True}),
    ((2, 3, 6, 7), (3, 2), {"padding": 1, "ceil_mode": True, "count_include_pad": False}),
    ((2, 3, 6, 7), (2,), {"divisor_override": 3}),
    ((3, 6, 7), (2,), {}),
]


@pytest.mark.parametrize(("shape", "sizes", "options"), AVG)
def test_avg_pool2d(shape: Any, sizes: Any, options: Any) -> None:
    agree(lambda lib, x: lib.nn.functional.avg_pool2d(x, *sizes, **options), draw(*shape))


@pytest.mark.parametrize("size", [1, 3, (2, 5), (None, 2), (7, 9), (6, 8)])
def test_adaptive_pooling(size: Any) -> None:
    for shape in [(2, 3, 6, 8), (3, 6, 8)]:
        agree(lambda lib, x: lib.nn.functional.adaptive_avg_pool2d(x, size), draw(*shape))
        agree(lambda lib, x: lib.nn.functional.adaptive_max_pool2d(x, size, True), draw(*shape))


def test_lp_pooling() -> None:
    agree(lambda lib, x: lib.nn.functional.lp_pool2d(x, 2, 2), draw(2, 3, 6, 8) + 1)
    agree(lambda lib, x: lib.nn.functional.lp_pool2d(x, 3.0, (2, 3), 1), draw(2, 3, 6, 8) + 1)


def test_pool_sizes_of_known_networks() -> None:
    assert F.max_pool2d(mt.zeros(1, 64, 224, 224), 2).shape == (1, 64, 112, 112)
    assert F.max_pool2d(mt.zeros(1, 1, 13, 13), 3, 2).shape == (1, 1, 6, 6)


@pytest.mark.parametrize(
    "call",
    [
        lambda lib: lib.nn.functional.max_pool2d(lib.ones(4, 4), 2),
        lambda lib: lib.nn.functional.max_pool2d(lib.ones(1, 4, 4), 5),
        lambda lib: lib.nn.functional.max_pool2d(lib.ones(1, 4, 4), 2, padding=2),
        lambda lib: lib.nn.functional.max_pool2d(lib.ones(1, 4, 4), 2, stride=0),
        lambda lib: lib.nn.functional.max_pool2d([1.0], 2),
    ],
)
def test_both_refuse(call: Any) -> None:
    same_error(call)


def test_an_error_shows_the_shape() -> None:
    with pytest.raises(
        RuntimeError, match=r"max_pool2d: expected 3D \(unbatched\) or 4D \(batched\) input, got shape \(4, 4\)"
    ):
        F.max_pool2d(mt.ones(4, 4), 2)
    with pytest.raises(RuntimeError, match=r"avg_pool2d: input of shape \(1, 3, 3\): pool: output size is too small"):
        F.avg_pool2d(mt.ones(1, 3, 3), 4)
    with pytest.raises(ValueError, match="divisor must be not zero"):
        F.avg_pool2d(mt.ones(1, 4, 4), 2, divisor_override=0)

"""Results of kernels that work in pieces depend on neither the division nor the threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minitensor.backends.numpy import (
    activation,
    channel_norm,
    layer_norm,
    pool,
    resample,
    running,
    sample,
    scatter,
    softmax,
    threads,
)
from minitensor.backends.numpy import random as chance
from minitensor.nn.functional.resampling import linear_taps

pytestmark = pytest.mark.usefixtures("three_threads")

RANDOM = np.random.default_rng(0)
ROWS = RANDOM.standard_normal((300, 40)).astype("float32")
OTHER = RANDOM.standard_normal((300, 40)).astype("float32")
IMAGES = RANDOM.standard_normal((6, 5, 9, 8)).astype("float32")
PLACES = RANDOM.integers(0, 300, (4, 500))

UNIFORM = RANDOM.random((400, 2, 8), "float32")
TAPS = linear_taps(9, 17, None, False, False)

KERNELS: dict[str, Callable[[], Any]] = {
    "gelu": lambda: activation.gelu(ROWS),
    "gelu's gradient": lambda: activation.gelu_backward(OTHER, ROWS),
    "relu": lambda: activation.relu(ROWS),
    "relu's gradient": lambda: activation.relu_backward(OTHER, ROWS),
    "softmax": lambda: softmax.softmax(ROWS, 1),
    "log_softmax's gradient": lambda: softmax.log_softmax_backward(OTHER, ROWS, 1),
    "layer_norm": lambda: layer_norm.layer_norm(ROWS, ROWS[0], ROWS[1], 1e-5),
    "max_pool2d": lambda: pool.max_pool2d(IMAGES, (2, 3), (1, 2), (1, 1), (1, 1), False),
    "avg_pool": lambda: pool.avg_pool(IMAGES, (2, 2), (2, 2), (0, 0), False, True, None),
    "cumsum": lambda: running.accumulate("add", ROWS, 1),
    "normal numbers": lambda: chance.normal_blocks(UNIFORM),
    "bilinear": lambda: resample.resample(IMAGES, 2, TAPS),
    "picked rows": lambda: sample.pick(ROWS, np.ones((4, 500), "float32"), PLACES),
    "rows compared": lambda: sample.compare(OTHER, ROWS, PLACES[:, :300]),
    "rows added": lambda: scatter.sum_rows(ROWS, PLACES.reshape(-1) % 300, PLACES[::-1].reshape(-1), 300),
}


CUTS = {"many, short": (1, 1), "many, long": (1, 1000), "alone": (1 << 30, 1)}


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("name", KERNELS)
def test_results_do_not_depend_on_how_the_work_is_divided(name: str, cut: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = KERNELS[name]()
    monkeypatch.setattr(threads, "SHARED", CUTS[cut][0])
    monkeypatch.setattr(threads, "LONG_CALL", CUTS[cut][1])
    for chapter, size in ((activation, "PIECE"), (activation, "BLOCK"), (pool, "TILE_ELEMENTS"), (running, "TILE")):
        monkeypatch.setattr(chapter, size, 1 << 10)
    found = KERNELS[name]()
    for one, other in zip(*[each if isinstance(each, tuple) else (each,) for each in (found, expected)], strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-6, atol=1e-6)  # BLAS may sum in another order


NORMS: dict[str, Callable[[], Any]] = {
    "rows": lambda: layer_norm.layer_norm_backward(WIDE, WIDE * 2, WIDE[:, 0], WIDE[:, 1] ** 2 + 1, WIDE[0]),
    "columns": lambda: channel_norm.channel_norm(WIDE.reshape(20000, 20, 2), None, None, 0, 1e-5),
    "columns' gradients": lambda: channel_norm.channel_norm_backward(
        WIDE.reshape(20000, 20, 2), (WIDE * 2).reshape(20000, 20, 2), WIDE[:1, :20], WIDE[1:2, :20] ** 2 + 1, None, 0
    ),
}
WIDE = RANDOM.standard_normal((20000, 40))  # several tiles


@pytest.mark.parametrize("name", NORMS)
def test_sums_do_not_depend_on_the_order_of_threads(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def backwards(function: Callable[[int], object], count: int) -> None:
        for turn in reversed(range(count)):
            function(turn)

    monkeypatch.setattr(threads, "SHARED", 1)
    monkeypatch.setattr(threads, "LONG_CALL", 1)
    expected = NORMS[name]()
    monkeypatch.setattr(threads, "parallel_for", backwards)
    for one, other in zip(NORMS[name](), expected, strict=True):
        np.testing.assert_array_equal(one, other)

"""Normalizations against PyTorch, to second order; running statistics, and errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitensor as mt
import minitensor.nn.functional as F
from ops.twin import agree

RNG = np.random.default_rng(0)


def draw(*shape: int, dtype: str = "float64") -> Any:
    return (RNG.standard_normal(shape) * 2 + 1).astype(dtype)


@pytest.mark.parametrize("shape", [(6, 3), (4, 3, 5), (2, 3, 4, 5)], ids=str)
@pytest.mark.parametrize("affine", [0, 1, 2])
def test_batch_norm_in_training(shape: Any, affine: int) -> None:
    call = lambda lib, x, *wb: lib.nn.functional.batch_norm(x, None, None, *wb, training=True)
    agree(call, draw(*shape), *[draw(3) for _ in range(affine)])


def test_batch_norm_with_only_a_bias() -> None:
    agree(lambda lib, x, b: lib.nn.functional.batch_norm(x, None, None, None, b, True), draw(4, 3, 5), draw(3), order=1)


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_updates_its_statistics_only_in_training(training: bool) -> None:
    mean, var = draw(3), np.abs(draw(3))

    def call(lib: Any, x: Any, w: Any, b: Any) -> Any:
        running = lib.from_numpy(mean.copy()), lib.from_numpy(var.copy())
        result = lib.nn.functional.batch_norm(x, *running, w, b, training, 0.3, 1e-3)
        return result, *running

    agree(call, draw(4, 3, 5), draw(3), draw(3))


def test_batch_norm_reads_every_layout_and_single_precision() -> None:
    call = lambda lib, x, w: lib.nn.functional.batch_norm(x.permute(0, 3, 1, 2), None, None, w, training=True)
    agree(call, draw(4, 5, 6, 3), draw(3))
    agree(call, draw(4, 5, 6, 3, dtype="float32"), draw(3, dtype="float32"), order=1, rtol=1e-3)


def test_means_far_from_zero_do_not_spoil_the_variance() -> None:
    x = (RNG.standard_normal((8, 2, 50)) + 1000).astype("float32")
    agree(lambda lib, x: lib.nn.functional.batch_norm(x, None, None, training=True), x, order=0, rtol=1e-3)


@pytest.mark.parametrize(
    ("shape", "normalized"), [((4, 5), (5,)), ((2, 3, 4), (3, 4)), ((2, 3, 4), (4,)), ((6,), (6,))]
)
@pytest.mark.parametrize("affine", [0, 1, 2])
def test_layer_norm(shape: Any, normalized: Any, affine: int) -> None:
    call = lambda lib, x, *wb: lib.nn.functional.layer_norm(x, normalized, *wb)
    agree(call, draw(*shape), *[draw(*normalized) for _ in range(affine)])


@pytest.mark.parametrize(("groups", "shape"), [(1, (2, 6, 4)), (2, (3, 6, 2, 3)), (6, (2, 6, 4)), (2, (4, 6))])
def test_group_norm(groups: int, shape: Any) -> None:
    agree(lambda lib, x, w, b: lib.nn.functional.group_norm(x, groups, w, b), draw(*shape), draw(6), draw(6))


def test_instance_norm() -> None:
    mean, var = draw(3), np.abs(draw(3))

    def call(lib: Any, x: Any, w: Any, b: Any) -> Any:
        running = lib.from_numpy(mean.copy()), lib.from_numpy(var.copy())
        return lib.nn.functional.instance_norm(x, *running, w, b, True, 0.2), *running

    agree(call, draw(2, 3, 4, 5), draw(3), draw(3))
    agree(lambda lib, x: lib.nn.functional.instance_norm(x), draw(2, 3, 7))


def test_rms_norm() -> None:
    agree(lambda lib, x, w: lib.nn.functional.rms_norm(x, (3, 4), w, 1e-3), draw(2, 3, 4), draw(3, 4))


@pytest.mark.parametrize("p", [1, 2, 3.0, float("inf")])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_normalize(p: float, dim: int) -> None:
    agree(lambda lib, x: lib.nn.functional.normalize(x, p, dim), draw(3, 4, 2), order=1 if p == float("inf") else 2)


def test_normalize_of_zeros() -> None:
    agree(lambda lib, x: lib.nn.functional.normalize(x, 2, 1), np.zeros((2, 3)), order=1)


@pytest.mark.parametrize("size", [1, 2, 5])
@pytest.mark.parametrize("shape", [(2, 7, 3), (2, 4, 3, 3)])
def test_local_response_norm(size: int, shape: Any) -> None:
    agree(lambda lib, x: lib.nn.functional.local_response_norm(x, size, 0.3, 0.7, 2.0), draw(*shape))


REFUSED = [
    (
        lambda: F.batch_norm(mt.ones(1, 3), None, None, training=True),
        ValueError,
        r"more than 1 value per channel .* \(1, 3\)",
    ),
    (lambda: F.batch_norm(mt.ones(4, 3), None, None), RuntimeError, "running_mean and running_var"),
    (
        lambda: F.batch_norm(mt.ones(4, 3), mt.ones(4), mt.ones(3)),
        RuntimeError,
        r"running_mean should contain 3 elements.*\(4,\)",
    ),
    (
        lambda: F.batch_norm(mt.ones(4, 3).long(), None, None, training=True),
        RuntimeError,
        "not implemented for int64; expected floats",
    ),
    (
        lambda: F.layer_norm(mt.ones(4, 3), (4,)),
        RuntimeError,
        r"normalized_shape=\[4\], expected input .* size \[4, 3\]",
    ),
    (lambda: F.layer_norm(mt.ones(4, 3), (3,), mt.ones(4)), RuntimeError, r"weight of shape \[4\]"),
    (
        lambda: F.group_norm(mt.ones(4, 3), 2),
        RuntimeError,
        r"divisible by num_groups, but got input of shape \(4, 3\) and",
    ),
    (lambda: F.instance_norm(mt.ones(4, 3, 1)), ValueError, "more than 1 spatial element"),
    (lambda: F.local_response_norm(mt.ones(4, 3), 2), ValueError, "3D or higher"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_a_misuse_names_what_was_given(call: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call()

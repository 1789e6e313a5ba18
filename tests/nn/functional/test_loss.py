"""Losses against PyTorch, to second order: weights, ignored samples, reductions; and errors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import minitensor as mt
import minitensor.nn.functional as F
from ops.twin import agree, same_error

RNG = np.random.default_rng(0)
REDUCTIONS = ["none", "mean", "sum"]


def draw(*shape: int, dtype: str = "float64") -> Any:
    return RNG.standard_normal(shape).astype(dtype)


def chance(*shape: int) -> Any:
    return RNG.uniform(0.05, 0.95, shape)


SAMPLES = [((4, 3), (4,)), ((3,), ()), ((2, 3, 4), (2, 4)), ((2, 3, 2, 2), (2, 2, 2)), ((1, 1), (1,))]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("shape", "classes"), SAMPLES, ids=str)
@pytest.mark.parametrize(
    "options", [{}, {"ignore_index": 1}, {"label_smoothing": 0.2}, {"label_smoothing": 0.2, "ignore_index": 0}], ids=str
)
@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy_of_classes(reduction: str, shape: Any, classes: Any, options: Any, weighted: bool) -> None:
    count = shape[1] if len(shape) > 1 else shape[0]
    target = RNG.integers(0, count, classes)
    if "ignore_index" in options and target.size > 1:
        target.flat[0], target.flat[1] = options["ignore_index"], 2
    weight = np.abs(draw(count)) + 0.1
    call = lambda lib, x, t: lib.nn.functional.cross_entropy(
        x, t, lib.from_numpy(weight) if weighted else None, reduction=reduction, **options
    )
    agree(call, draw(*shape), np.asarray(target))


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("shape", [(4, 3), (3,), (2, 3, 4)])
def test_cross_entropy_of_probabilities(reduction: str, smoothing: float, shape: Any) -> None:
    weight = np.abs(draw(3)) + 0.1
    call = lambda lib, x, t: lib.nn.functional.cross_entropy(
        x, t, lib.from_numpy(weight), reduction=reduction, label_smoothing=smoothing
    )
    agree(call, draw(*shape), chance(*shape))


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("shape", "classes"), SAMPLES, ids=str)
@pytest.mark.parametrize("ignored", [-100, 1])
def test_nll_loss(reduction: str, shape: Any, classes: Any, ignored: int) -> None:
    count = shape[1] if len(shape) > 1 else shape[0]
    target, weight = np.asarray(RNG.integers(0, count, classes)), np.abs(draw(count)) + 0.1
    if ignored == 1 and target.size > 1:
        target.flat[0], target.flat[1] = 1, 2
    call = lambda lib, x, t: lib.nn.functional.nll_loss(
        x, t, lib.from_numpy(weight), ignore_index=ignored, reduction=reduction
    )
    agree(call, draw(*shape), target)


def test_all_samples_ignored() -> None:
    target = np.full(3, -100)
    agree(lambda lib, x, t: lib.nn.functional.cross_entropy(x, t), draw(3, 4), target, order=1)
    agree(lambda lib, x, t: lib.nn.functional.cross_entropy(x, t, reduction="sum"), draw(3, 4), target, order=1)


def test_no_samples() -> None:
    agree(
        lambda lib, x, t: lib.nn.functional.cross_entropy(x, t, reduction="sum"), draw(0, 4), np.zeros(0, int), order=1
    )
    agree(lambda lib, x, t: lib.nn.functional.cross_entropy(x, t), draw(0, 4), np.zeros(0, int), order=0)


def test_large_logits_do_not_overflow() -> None:
    x = np.array([[1e4, -1e4, 0.0], [-1e30, 0.0, -np.inf]])
    agree(lambda lib, x, t: lib.nn.functional.cross_entropy(x, t, reduction="none"), x, np.array([1, 1]), order=1)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("classes", ["int64", "uint8"])
def test_cross_entropy_keeps_the_dtype(dtype: str, classes: str) -> None:
    target = RNG.integers(0, 5, 8).astype(classes)
    agree(lambda lib, x, t: lib.nn.functional.cross_entropy(x, t), draw(8, 5, dtype=dtype), target, order=1)


ELEMENTWISE = ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy_with_logits"]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_losses_of_two_tensors(reduction: str, name: str) -> None:
    agree(lambda lib, x, t: getattr(lib.nn.functional, name)(x, t, reduction=reduction), draw(4, 3) * 2, draw(4, 3))


def test_losses_with_options() -> None:
    x, t = draw(4, 3), draw(4, 3)
    agree(lambda lib, x, t: lib.nn.functional.smooth_l1_loss(x, t, beta=0.3), x, t)
    agree(lambda lib, x, t: lib.nn.functional.smooth_l1_loss(x, t, beta=0), x, t, order=1)
    agree(lambda lib, x, t: lib.nn.functional.huber_loss(x, t, delta=0.3), x, t)
    weight, positive = np.abs(draw(4, 3)), np.abs(draw(3))
    call = lambda lib, x, t: lib.nn.functional.binary_cross_entropy_with_logits(
        x, t, lib.from_numpy(weight), pos_weight=lib.from_numpy(positive)
    )
    agree(call, x * 30, chance(4, 3))


def test_binary_cross_entropy() -> None:
    weight = np.abs(draw(4, 3))
    for reduction in REDUCTIONS:
        call = lambda lib, x, t, reduction=reduction: lib.nn.functional.binary_cross_entropy(
            x, t, lib.from_numpy(weight), reduction=reduction
        )
        agree(call, chance(4, 3), chance(4, 3), rtol=1e-7)  # PyTorch's second gradient is wrong by its epsilon
    edges = np.array([0.0, 0.0, 1.0, 1.0, 0.5])
    agree(
        lambda lib, x: lib.nn.functional.binary_cross_entropy(x, lib.tensor([0, 1, 0, 1, 0.0]).double()),
        edges,
        order=1,
        rtol=1e-7,
    )


@pytest.mark.filterwarnings("ignore:reduction:UserWarning")
def test_kl_div() -> None:
    for reduction in [*REDUCTIONS, "batchmean"]:
        call = lambda lib, x, t, reduction=reduction: lib.nn.functional.kl_div(x, t, reduction=reduction)
        agree(call, draw(4, 3), chance(4, 3))
    agree(lambda lib, x, t: lib.nn.functional.kl_div(x, t, reduction="sum", log_target=True), draw(4, 3), draw(4, 3))
    agree(
        lambda lib, x: lib.nn.functional.kl_div(x, lib.tensor([0.0, 1.0]).double(), reduction="sum"), draw(2), order=1
    )


def test_cosines_and_margins() -> None:
    agree(lambda lib, x, y: lib.nn.functional.cosine_similarity(x, y), draw(4, 3), draw(4, 3))
    agree(lambda lib, x, y: lib.nn.functional.cosine_similarity(x, y, dim=-1), draw(1, 3), draw(4, 3))
    agree(lambda lib, x, y: lib.nn.functional.cosine_similarity(x, y), np.zeros((2, 3)), draw(2, 3), order=0)
    target = np.array([1.0, -1.0, 1.0, -1.0])
    agree(
        lambda lib, x, y: lib.nn.functional.cosine_embedding_loss(x, y, lib.from_numpy(target), 0.1),
        draw(4, 3),
        draw(4, 3),
    )
    agree(lambda lib, x, y: lib.nn.functional.margin_ranking_loss(x, y, lib.from_numpy(target), 0.1), draw(4), draw(4))


@pytest.mark.parametrize(
    "call",
    [
        lambda lib: lib.nn.functional.cross_entropy(lib.ones(2, 3), lib.tensor([0, 3])),
        lambda lib: lib.nn.functional.cross_entropy(lib.ones(2, 3), lib.tensor([0, -1])),
        lambda lib: lib.nn.functional.cross_entropy(lib.ones(2, 3), lib.tensor([0, 1, 2])),
        lambda lib: lib.nn.functional.cross_entropy(lib.ones(2, 3, 4), lib.ones(2, 5).long()),
        lambda lib: lib.nn.functional.cross_entropy(lib.ones(2, 3), lib.tensor([0.0, 1.0])),
        lambda lib: lib.nn.functional.nll_loss(lib.ones(2, 3), lib.tensor([0, 3])),
        lambda lib: lib.nn.functional.binary_cross_entropy(lib.ones(2) * 2, lib.ones(2)),
        lambda lib: lib.nn.functional.mse_loss(lib.ones(2), lib.ones(2), reduction="most"),
    ],
)
def test_both_refuse(call: Any) -> None:
    same_error(call)


REFUSED = [
    (
        lambda: F.cross_entropy(mt.ones(2, 3), mt.tensor([0, 3])),
        IndexError,
        "Target 3 is out of bounds: there are 3 classes, 0 to 2",
    ),
    (lambda: F.cross_entropy(mt.ones(2, 3), mt.tensor([0, -1])), IndexError, "Target -1 is out of bounds"),
    (
        lambda: F.cross_entropy(mt.ones(2, 3), mt.tensor([0, 1, 2])),
        ValueError,
        r"expected target of shape \(2,\) for input of shape \(2, 3\), got \(3,\)",
    ),
    (
        lambda: F.cross_entropy(mt.ones(2, 3), mt.tensor([0, 1]), mt.ones(2)),
        RuntimeError,
        "all 3 classes or no classes",
    ),
    (
        lambda: F.cross_entropy(mt.ones(2, 3), mt.tensor([0.0, 1.0])),
        RuntimeError,
        "class numbers .* or probabilities .* got float32",
    ),
    (lambda: F.cross_entropy(mt.ones(2, 3).long(), mt.tensor([0, 1])), RuntimeError, "floating-point input, got int64"),
    (
        lambda: F.cross_entropy(mt.ones(2, 3), mt.tensor([0, 1]), reduction="most"),
        ValueError,
        "'most' is not a valid value",
    ),
    (lambda: F.binary_cross_entropy(mt.ones(2), mt.ones(3)), ValueError, r"target size \(\(3,\)\)"),
    (lambda: F.huber_loss(mt.ones(2), mt.ones(2), delta=0), ValueError, "delta"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_a_misuse_names_what_was_given(call: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call()


def test_shapes_that_broadcast_cause_a_warning() -> None:
    with pytest.warns(UserWarning, match=r"target size \(\(3, 1\)\) that is different to the input size \(\(3,\)\)"):
        assert F.mse_loss(mt.ones(3), mt.ones(3, 1)).item() == 0.0


def test_the_example_of_the_docstring() -> None:
    assert math.isclose(
        F.cross_entropy(mt.tensor([[0.0, 0.0], [10.0, 0.0]]), mt.tensor([1, 0])).item(), 0.3466, rel_tol=1e-3
    )

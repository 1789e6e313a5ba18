"""Losses with a weight or second tensor of another dtype than the input: dtypes and values are PyTorch's."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minitensor as mt
import minitensor.nn.functional
from ops.call import outcome

pytestmark = pytest.mark.usefixtures("without_warnings")

FLOATS = ("float16", "float32", "float64")
KINDS = (*FLOATS, "int64", "bool", "complex64")
RANDOM = np.random.RandomState(0)
X, Y, EACH = RANDOM.uniform(0.1, 0.9, (3, 4, 3))
EACH = EACH + 0.5
BY_CLASS, CLASSES = EACH[0], np.array([0, 2, 1, 0])
SIGNS = np.sign(EACH - 1)

Case = Callable[[Any, Any, Any, Any], Any]  # F, input, target, and a function that makes a tensor of the other dtype


CASES: dict[str, Case] = {
    "binary_cross_entropy": lambda F, x, y, other: F.binary_cross_entropy(x, y, other(EACH)),
    "binary_cross_entropy none": lambda F, x, y, other: F.binary_cross_entropy(x, y, other(EACH), reduction="none"),
    "with_logits": lambda F, x, y, other: F.binary_cross_entropy_with_logits(x, y, other(EACH)),
    "with_logits none": lambda F, x, y, other: F.binary_cross_entropy_with_logits(x, y, other(EACH), reduction="none"),
    "pos_weight": lambda F, x, y, other: F.binary_cross_entropy_with_logits(x, y, pos_weight=other(BY_CLASS)),
    "weight and pos_weight": lambda F, x, y, other: F.binary_cross_entropy_with_logits(
        x, y, other(EACH), pos_weight=other(BY_CLASS)
    ),
    "cross_entropy": lambda F, x, y, other: F.cross_entropy(x, other(CLASSES, "int64"), other(BY_CLASS)),
    "cross_entropy smooth": lambda F, x, y, other: F.cross_entropy(
        x, other(CLASSES, "int64"), other(BY_CLASS), label_smoothing=0.1
    ),
    "cross_entropy of probabilities": lambda F, x, y, other: F.cross_entropy(x, y, other(BY_CLASS)),
    "nll_loss": lambda F, x, y, other: F.nll_loss(x, other(CLASSES, "int64"), other(BY_CLASS)),
    "mse_loss": lambda F, x, y, other: F.mse_loss(x, y, weight=other(EACH)),
    "l1_loss": lambda F, x, y, other: F.l1_loss(x, y, weight=other(EACH)),
    "huber_loss": lambda F, x, y, other: F.huber_loss(x, y, weight=other(EACH)),
    "multilabel_soft_margin_loss": lambda F, x, y, other: F.multilabel_soft_margin_loss(x, y, other(BY_CLASS)),
    "multi_margin_loss": lambda F, x, y, other: F.multi_margin_loss(
        x, other(CLASSES, "int64"), weight=other(BY_CLASS)
    ),
    "mse_loss target": lambda F, x, y, other: F.mse_loss(x, other(Y)),
    "smooth_l1_loss target": lambda F, x, y, other: F.smooth_l1_loss(x, other(Y)),
    "kl_div target": lambda F, x, y, other: F.kl_div(x, other(Y)),
    "poisson_nll_loss target": lambda F, x, y, other: F.poisson_nll_loss(x, other(Y)),
    "gaussian_nll_loss var": lambda F, x, y, other: F.gaussian_nll_loss(x, y, other(EACH)),
    "hinge_embedding_loss target": lambda F, x, y, other: F.hinge_embedding_loss(x, other(SIGNS)),
    "margin_ranking_loss target": lambda F, x, y, other: F.margin_ranking_loss(x, y, other(SIGNS)),
}
NO_HALVES = "not implemented for 'Half'"


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    return pytest.importorskip("torch")


def results(lib: Any, name: str, dtype: str, kind: str) -> list[Any]:
    x, y = lib.tensor(X.astype(dtype)).requires_grad_(), lib.tensor(Y.astype(dtype))
    found = CASES[name](lib.nn.functional, x, y, lambda array, to=kind: lib.tensor(array.astype(to)))
    slope = outcome(lib.autograd.grad, found.sum(), x)
    return [found.detach().numpy()] + ([] if isinstance(slope, Exception) else [slope[0].numpy()])


def trouble(torch: ModuleType, name: str, dtype: str, kind: str) -> str | None:
    expected, found = [outcome(results, lib, name, dtype, kind) for lib in (torch, mt)]
    if isinstance(expected, Exception):
        refused = isinstance(found, RuntimeError) or NO_HALVES in str(expected)
        return None if refused else f"accepted, but {expected}"
    if isinstance(found, Exception):
        return f"refused: {found}"
    rough = "float16" in (dtype, kind)
    for one, other in zip(found, expected, strict=True):
        if one.dtype != other.dtype:
            return f"{one.dtype} for {other.dtype}"
        if not np.allclose(one, other, rtol=5e-3 if rough else 1e-5, atol=1e-3 if rough else 1e-7):
            return f"{one} for {other}"
    return None


@pytest.mark.parametrize("name", CASES)
def test_a_weight_of_another_dtype_works_as_in_pytorch(torch: ModuleType, name: str) -> None:
    found = [
        f"{dtype}, {kind}: {what}"
        for dtype, kind in itertools.product(FLOATS, KINDS) if (what := trouble(torch, name, dtype, kind))
    ]
    assert not found, "\n".join(found)


def test_a_wider_weight_does_not_change_the_dtype_of_the_loss() -> None:
    F, (x, y) = minitensor.nn.functional, [mt.tensor(each.astype("float32")) for each in (X, Y)]
    for loss in (F.binary_cross_entropy, F.binary_cross_entropy_with_logits):
        assert loss(x, y, mt.tensor(EACH)).dtype is mt.float32
        with pytest.raises(RuntimeError, match="complex64 can't be cast to float32"):
            loss(x, y, mt.ones(4, 3, dtype=mt.complex64))

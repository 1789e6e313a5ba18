"""Rows of the losses in ``nn.functional``, and of distances."""

from __future__ import annotations

import numpy as np

from ops.row import Call, Row, call, f, i, kink, rows, ties

F = "nn.functional."
CLASSES = np.array([2, 0])
SIGNS = np.array([[1.0, -1, 1], [-1, -1, 1]])


def pairs(low: float = -2.0, high: float = 2.0, **facts: object) -> tuple[Call, ...]:
    """Predictions and targets, with each reduction."""
    return tuple([call(f(2, 3, low=low, high=high), f(2, 3, low=low, high=high, seed=1), reduction=reduction)
                  for reduction in ("mean", "sum", "none")])  # fmt: skip


def loss(name: str, calls: tuple[Call, ...], **facts: object) -> Row:
    return Row(F + name, calls, out=False, dtypes="single", rtol=1e-5, **facts)  # type: ignore[arg-type]


def triplets(**options: object) -> Call:
    return call(f(2, 3), f(2, 3, seed=1), f(2, 3, seed=2), **options)


def log_probabilities(*shape: int) -> np.ndarray:
    scores = f(*shape)
    return scores - np.log(np.exp(scores).sum(-1, keepdims=True))


SHAPES = (call(f(2, 3), f(2, 3), reduction="average"),)
CHECKED = "classes are checked"
PRESUMED = "like PyTorch's, its gradient assumes that probabilities add up to 1; tests/nn/functional/test_ctc.py"
NUMBERS = rows(
    loss("mse_loss", (*pairs(), call(f(2, 3), f(2, 3, seed=1), weight=f(2, 3, low=0.2, seed=2))), constants=(2,),
         wrong=(call(f(2, 3), f(4)), *SHAPES)),
    loss("l1_loss", (*pairs(), call(f(2, 3), f(2, 3, seed=1), weight=f(2, 3, low=0.2, seed=2))), constants=(2,), wrong=SHAPES),
    loss("smooth_l1_loss", (*pairs(), call(f(2, 3), f(2, 3, seed=1), beta=0.6), kink(ties(3, 4), ties(3, 4, seed=1))),
         wrong=(*SHAPES, call(f(2, 3), f(2, 3), beta=-1.0))),
    loss("huber_loss", (*pairs(), call(f(2, 3), f(2, 3, seed=1), delta=0.6),
                        call(f(2, 3), f(2, 3, seed=1), weight=f(2, 3, low=0.2, seed=2))), constants=(2,),
         wrong=(*SHAPES, call(f(2, 3), f(2, 3), delta=0.0))),
    loss("poisson_nll_loss", (
        *pairs(0.2), call(f(2, 3), f(2, 3, low=0.2, high=4, seed=1), full=True), call(f(2, 3, low=0.2), f(2, 3, seed=1), log_input=False),
        call(f(2, 3, low=0.2), f(2, 3, low=0.2, seed=1), False, True, eps=0.1)), wrong=SHAPES),
    loss("gaussian_nll_loss", (
        call(f(2, 3), f(2, 3, seed=1), f(2, 3, low=0.2, seed=2)), call(f(2, 3), f(2, 3, seed=1), f(2, 1, low=0.2, seed=2), True),
        call(f(2, 3), f(2, 3, seed=1), f(2, low=0.2, seed=2), reduction="none"), call(f(2, 3), f(2, 3, seed=1), 0.7, reduction="sum"),
        kink(f(2, 3), f(2, 3, seed=1), f(2, 3, low=0.2, seed=2), False, 1.0)),
        wrong=(call(f(2, 3), f(2, 3), f(3, 3, low=0.2)), call(f(2, 3), f(2, 3), -f(2, 3, low=0.2)), call(f(2, 3), f(2, 3), -1.0),
               call(f(2, 3), f(2, 3), f(2, 3, low=0.2), reduction="x")), host="variances are checked"),
    loss("binary_cross_entropy", (*pairs(0.1, 0.9), call(f(2, 3, low=0.1, high=0.9), f(2, 3, low=0.1, high=0.9, seed=1), f(3, low=0.2))),
         wrong=(call(f(2, 3, low=0.1, high=0.9), f(3, low=0.1, high=0.9)), *SHAPES), host="probabilities are checked", constants=(2,)),
    loss("binary_cross_entropy_with_logits", (
        *pairs(0.1, 0.9), call(f(2, 3), f(2, 3, low=0.1, high=0.9, seed=1), f(3, low=0.2), pos_weight=f(3, low=0.2, seed=2))),
        wrong=(call(f(2, 3), f(3)), *SHAPES), constants=(2, 3)),
    loss("kl_div", (call(f(2, 3), f(2, 3, low=0.1, high=0.9, seed=1), reduction="batchmean"),
                    call(f(2, 3), f(2, 3, seed=1), reduction="sum", log_target=True))),
)  # fmt: skip

ON_CLASSES = rows(
    loss("nll_loss", (
        call(f(2, 3), CLASSES), call(f(2, 3), CLASSES, reduction="none"), call(f(2, 3), CLASSES, f(3, low=0.2, seed=1)),
        call(f(2, 3), CLASSES, ignore_index=0), call(f(3), np.array(1)), call(f(2, 3, 2), i(2, 2, high=3))),
        wrong=(call(f(2, 3), np.array([3, 0])), call(f(2, 3), np.array([0])), call(f(2, 3), CLASSES, reduction="x")),
        constants=(2,), host=CHECKED),
    loss("cross_entropy", (
        call(f(2, 3), CLASSES), call(f(2, 3), CLASSES, reduction="none"), call(f(2, 3), CLASSES, reduction="sum"),
        call(f(2, 3), CLASSES, f(3, low=0.2, seed=1)), call(f(2, 3), CLASSES, ignore_index=0),
        call(f(2, 3), CLASSES, label_smoothing=0.1), call(f(2, 3), CLASSES, f(3, low=0.2, seed=1), label_smoothing=0.1),
        call(f(3), np.array(1)), call(f(2, 3, 2), i(2, 2, high=3)), call(f(2, 3), f(2, 3, low=0.1, high=0.9, seed=1))),
        wrong=(call(f(2, 3), np.array([3, 0])), call(f(2, 3), np.array([0])), call(f(2, 3), CLASSES, reduction="x"),
               call(f(2, 3), np.array([1.0, 2.0])), call(f(2, 3), f(2, 4))), constants=(2,), host=CHECKED),
    loss("linear_cross_entropy", (
        call(f(2, 4), f(3, 4, seed=1), CLASSES), call(f(2, 4), f(3, 4, seed=1), CLASSES, linear_bias=f(3, seed=2), reduction="none"),
        call(f(2, 4), f(3, 2, 4, seed=1), i(2, 2, high=3), linear_bias=f(3, 2, seed=2), ignore_index=0, label_smoothing=0.1),
        call(f(4), f(3, 4, seed=1), np.array(1)),
        call(f(2, 4), f(3, 4, seed=1), f(2, 3, low=0.1, high=0.9, seed=2), reduction="sum")), host=CHECKED,
        wrong=(call(f(2, 4), f(3, 5), CLASSES), call(f(4), f(3, 2, 4), CLASSES), call(f(2, 4), f(3, 4), CLASSES, linear_bias=f(2)),
               call(f(2, 4), f(3, 4), f(2, 3), ignore_index=1), call(f(1, 2, 4), f(3, 4), CLASSES))),
    loss("multi_margin_loss", (
        call(f(2, 3), CLASSES), call(f(2, 3), CLASSES, 2, 0.7), call(f(2, 3), CLASSES, weight=f(3, low=0.2, seed=1)),
        call(f(2, 3), CLASSES, reduction="none"), call(f(3), np.array(1), reduction="none")), constants=(2,), twice=False,
        wrong=(call(f(2, 3), np.array([3, 0])), call(f(2, 3), np.array([0])), call(f(2, 3), CLASSES, 3), call(f(2, 3, 2), CLASSES),
               call(f(2, 3), CLASSES, weight=f(2))), host=CHECKED, notes={"gradgradcheck": "piecewise linear: PyTorch has none"}),
    loss("multilabel_margin_loss", (
        call(f(2, 3), np.array([[2, 0, -1], [1, -1, 0]])), call(f(2, 3), np.array([[-1, 0, 1], [0, 1, 2]]), reduction="none"),
        call(f(3), np.array([1, -1, 2]), reduction="sum")), twice=False,
        wrong=(call(f(2, 3), np.array([[2, 0], [1, 0]])), call(f(2, 3), np.array([[3, 0, -1], [1, -1, 0]])), call(f(1, 2, 3), i(1, 2, 3))),
        host=CHECKED, notes={"gradgradcheck": "piecewise linear: PyTorch has none"}),
    loss("multilabel_soft_margin_loss", (
        call(f(2, 3), (SIGNS + 1) / 2), call(f(2, 3), (SIGNS + 1) / 2, f(3, low=0.2), reduction="none"), call(f(3), SIGNS[0], reduction="sum")),
        constants=(2,), wrong=(call(f(2, 3), SIGNS, reduction="x"),)),
    loss("soft_margin_loss", (call(f(2, 3), SIGNS), call(f(2, 3), SIGNS, reduction="none"), call(f(2, 3), SIGNS, reduction="sum")),
         wrong=(call(f(2, 3), SIGNS, reduction="x"),), constants=(1,)),
    loss("ctc_loss", (
        call(log_probabilities(5, 2, 4), np.array([[1, 2], [3, 3]]), np.array([5, 4]), np.array([2, 2])),
        call(log_probabilities(5, 2, 4), np.array([1, 2, 3]), np.array([5, 3]), np.array([2, 1]), 0, "none"),
        call(log_probabilities(4, 2, 4), np.array([[1, 1], [3, 2]]), np.array([2, 4]), np.array([2, 2]), reduction="sum", zero_infinity=True),
        call(log_probabilities(5, 4), np.array([1, 0]), np.array(5), np.array(2), 3)), twice=False,
        wrong=(call(log_probabilities(5, 2, 4), np.array([[1, 2], [3, 3]]), np.array([6, 4]), np.array([2, 2])),
               call(log_probabilities(5, 2, 4), np.array([[1, 2], [3, 3]]), np.array([5, 4]), np.array([2, 3])),
               call(log_probabilities(5, 2, 4), np.array([[1, 2], [3, 3]]), np.array([5]), np.array([2, 2])),
               call(log_probabilities(5, 2, 4), np.array([[1, 2], [3, 3]]), np.array([5, 4]), np.array([2, 2]), 4)),
        host="lengths and classes are checked", notes={"gradcheck": PRESUMED}),
)  # fmt: skip

PAIRS = rows(
    loss("cosine_embedding_loss", (call(f(2, 3), f(2, 3, seed=1), np.array([1, -1])), call(f(2, 3), f(2, 3, seed=1), np.array([1, -1]), 0.2),
                                   call(f(3), f(3, seed=1), np.array(1))), wrong=(call(f(2, 3), f(2, 3), SIGNS), call(f(3), f(3), np.array([1])))),
    loss("margin_ranking_loss", (call(f(3), f(3, seed=1), np.array([1, -1, 1])), call(f(3), f(3, seed=1), np.array([1, -1, 1]), 0.7)),
         wrong=(call(f(3), f(1, 3), np.array([1, -1, 1])),)),
    loss("hinge_embedding_loss", (call(f(2, 3), SIGNS), call(f(2, 3), SIGNS, 0.7, reduction="none"), call(f(2, 3), SIGNS, reduction="sum")),
         wrong=(call(f(2, 3), SIGNS, reduction="x"),), constants=(1,)),
    loss("triplet_margin_loss", (
        triplets(), triplets(margin=0.7, p=3.0), triplets(swap=True), triplets(reduction="none"), call(f(3), f(3, seed=1), f(3, seed=2))),
        wrong=(triplets(margin=0.0), call(f(2, 3), f(2, 3), f(3)), triplets(reduction="x"))),
    loss("triplet_margin_with_distance_loss", (
        triplets(), triplets(margin=0.7, swap=True), triplets(distance_function=lambda a, b: (a * b).sum(-1), reduction="none")),
        wrong=(triplets(margin=-1.0), call(f(2, 3), f(2, 3), f(3)), triplets(reduction="x"))),
)  # fmt: skip

DISTANCES = rows(
    loss("cosine_similarity", (
        call(f(2, 3), f(2, 3, seed=1)), call(f(2, 3), f(2, 3, seed=1), 0), call(f(2, 3), f(1, 3, seed=1), -1), call(f(2, 3), f(2, 1, seed=1)),
        kink(f(2, 3), f(2, 3, seed=1), 1, 2.0), kink(np.zeros((2, 3)), f(2, 3))), aliases=("cosine_similarity",)),
    loss("pairwise_distance", (
        call(f(2, 3), f(2, 3, seed=1)), call(f(2, 3), f(3, seed=1), 1.0), call(f(2, 3), f(2, 3, seed=1), 3.0, 0.1, True), call(f(3), f(3, seed=1)),
        call(f(2, 3), f(2, 3, seed=1), float("inf"))), aliases=("pairwise_distance",)),
    loss("pdist", (call(f(4, 3)), call(f(4, 3), 1.0), call(f(3, 3), 3.0), kink(f(4, 3, seed=1), float("inf")), call(f(1, 2)), kink(np.zeros((3, 2)))),
         wrong=(call(f(3)), call(f(3, 2), -1.0)), aliases=("pdist",), host="the pairs are counted"),
)  # fmt: skip

ROWS = rows(NUMBERS, ON_CLASSES, PAIRS, DISTANCES)

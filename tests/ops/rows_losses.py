"""Rows of the losses in ``nn.functional``."""

from __future__ import annotations

import numpy as np

from ops.row import Call, Row, call, f, i, kink, rows, ties

F = "nn.functional."
CLASSES = np.array([2, 0])


def paired(low: float = -2.0, high: float = 2.0, **facts: object) -> tuple[Call, ...]:
    """Predictions and targets, under each reduction."""
    return tuple([call(f(2, 3, low=low, high=high), f(2, 3, low=low, high=high, seed=1), reduction=reduction)
                  for reduction in ("mean", "sum", "none")])  # fmt: skip


def loss(name: str, calls: tuple[Call, ...], **facts: object) -> Row:
    return Row(F + name, calls, out=False, dtypes="single", rtol=1e-5, **facts)  # type: ignore[arg-type]


SHAPES = (call(f(2, 3), f(2, 3), reduction="average"),)
ROWS = rows(
    loss("mse_loss", paired(), wrong=(call(f(2, 3), f(4)), *SHAPES)),
    loss("l1_loss", paired(), wrong=SHAPES),
    loss("smooth_l1_loss", (*paired(), call(f(2, 3), f(2, 3, seed=1), beta=0.6), kink(ties(3, 4), ties(3, 4, seed=1))), wrong=SHAPES),
    loss("huber_loss", (*paired(), call(f(2, 3), f(2, 3, seed=1), delta=0.6)), wrong=SHAPES),
    loss("binary_cross_entropy", (*paired(0.1, 0.9), call(f(2, 3, low=0.1, high=0.9), f(2, 3, low=0.1, high=0.9, seed=1), f(3, low=0.2))),
         wrong=(call(f(2, 3, low=0.1, high=0.9), f(3, low=0.1, high=0.9)), *SHAPES), host="probabilities are checked", constants=(2,)),
    loss("binary_cross_entropy_with_logits", (
        *paired(0.1, 0.9), call(f(2, 3), f(2, 3, low=0.1, high=0.9, seed=1), f(3, low=0.2), pos_weight=f(3, low=0.2, seed=2))),
        wrong=(call(f(2, 3), f(3)), *SHAPES), constants=(2, 3)),
    loss("kl_div", (call(f(2, 3), f(2, 3, low=0.1, high=0.9, seed=1), reduction="batchmean"),
                    call(f(2, 3), f(2, 3, seed=1), reduction="sum", log_target=True))),
    loss("nll_loss", (
        call(f(2, 3), CLASSES), call(f(2, 3), CLASSES, reduction="none"), call(f(2, 3), CLASSES, f(3, low=0.2, seed=1)),
        call(f(2, 3), CLASSES, ignore_index=0), call(f(3), np.array(1)), call(f(2, 3, 2), i(2, 2, high=3))),
        wrong=(call(f(2, 3), np.array([3, 0])), call(f(2, 3), np.array([0])), call(f(2, 3), CLASSES, reduction="x")),
        constants=(2,), host="classes are checked"),
    loss("cross_entropy", (
        call(f(2, 3), CLASSES), call(f(2, 3), CLASSES, reduction="none"), call(f(2, 3), CLASSES, reduction="sum"),
        call(f(2, 3), CLASSES, f(3, low=0.2, seed=1)), call(f(2, 3), CLASSES, ignore_index=0),
        call(f(2, 3), CLASSES, label_smoothing=0.1), call(f(2, 3), CLASSES, f(3, low=0.2, seed=1), label_smoothing=0.1),
        call(f(3), np.array(1)), call(f(2, 3, 2), i(2, 2, high=3)), call(f(2, 3), f(2, 3, low=0.1, high=0.9, seed=1))),
        wrong=(call(f(2, 3), np.array([3, 0])), call(f(2, 3), np.array([0])), call(f(2, 3), CLASSES, reduction="x"),
               call(f(2, 3), np.array([1.0, 2.0])), call(f(2, 3), f(2, 4))), constants=(2,), host="classes are checked"),
    loss("cosine_similarity", (call(f(2, 3), f(2, 3, seed=1)), call(f(2, 3), f(2, 3, seed=1), 0), call(f(2, 3), f(1, 3, seed=1), -1))),
    loss("cosine_embedding_loss", (call(f(2, 3), f(2, 3, seed=1), np.array([1, -1])), call(f(2, 3), f(2, 3, seed=1), np.array([1, -1]), 0.2))),
    loss("margin_ranking_loss", (call(f(3), f(3, seed=1), np.array([1, -1, 1])), call(f(3), f(3, seed=1), np.array([1, -1, 1]), 0.7))),
)  # fmt: skip

"""Losses with a margin: nothing is lost where the right answer wins by enough.

Pairs and triplets of vectors, scores of classes of which one or several are right, and signs. All are written in
tensor arithmetic, vectorised over the batch; gradients of every order come with it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from minitensor.autograd.misuse import composite
from minitensor.base import wrap
from minitensor.dtypes import int64
from minitensor.errors import ArgumentError, ShapeError
from minitensor.nn.functional.cross_entropy import as_rows, no_such_class, picked_scores
from minitensor.nn.functional.reduction import read_reduction, reduced, require_classes, weighted
from minitensor.ops.activation import logsigmoid, relu
from minitensor.ops.choice import clamp, minimum, where
from minitensor.ops.distance import pairwise_distance
from minitensor.ops.kinds import FLOATS, in_dtype_of, require_kind, require_same_dtype
from minitensor.ops.operand import require_tensors

if TYPE_CHECKING:
    from minitensor.autograd.argument_types import Truth
    from minitensor.backends import Array
    from minitensor.tensor import Tensor

Distance = Callable[["Tensor", "Tensor"], "Tensor"]

SMALL = 1e-12  # added to squared lengths, so that a vector of zeros has an angle


# -- pairs and triplets ------------------------------------------------------------------------------------------------


@composite
def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: Truth | None = None,
    reduce: Truth | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return max(0, -target (input1 - input2) + margin)."""
    reduction = read_reduction("margin_ranking_loss", reduction, size_average, reduce)
    require_tensors("margin_ranking_loss", input1=input1, input2=input2, target=target)
    if not input1.ndim == input2.ndim == target.ndim:
        raise ShapeError(
            "margin_ranking_loss: All input tensors should have same dimension, got shapes "
            f"{tuple(input1.shape)}, {tuple(input2.shape)} and {tuple(target.shape)}"
        )
    return reduced(clamp(-target * (input1 - input2) + float(margin), min=0), reduction)


@composite
def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: Truth | None = None,
    reduce: Truth | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return the distance ``input`` where the target is 1, and max(0, margin - input) where it is -1."""
    reduction = read_reduction("hinge_embedding_loss", reduction, size_average, reduce)
    require_tensors("hinge_embedding_loss", input=input, target=target)
    require_kind("hinge_embedding_loss", FLOATS, input)
    apart = where(target != 1, clamp(-input + float(margin), min=0), 0)
    return reduced(apart + where(target != -1, input, 0), reduction)


@composite
def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: Truth | None = None,
    reduce: Truth | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return 1 - cos where the target is 1, and max(0, cos - margin) where it is -1: (N, D), (N, D) and (N)."""
    reduction = read_reduction("cosine_embedding_loss", reduction, size_average, reduce)
    require_tensors("cosine_embedding_loss", input1=input1, input2=input2, target=target)
    if target.ndim > 1 or input1.ndim != input2.ndim or input1.ndim != target.ndim + 1:
        raise ShapeError(
            "cosine_embedding_loss: expected (N, D), (N, D) and a 1D target tensor (N), or (D), (D) and a 0D one, got "
            f"{tuple(input1.shape)}, {tuple(input2.shape)} and {tuple(target.shape)}"
        )
    products = (input1 * input2).sum(-1)
    squares = ((input1 * input1).sum(-1) + SMALL) * ((input2 * input2).sum(-1) + SMALL)
    cosine = products / squares.sqrt()
    losses = where(target == 1, 1 - cosine, 0) + where(target == -1, clamp(cosine - margin, min=0), 0)
    return reduced(losses, reduction)


@composite
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: Truth | None = None,
    reduce: Truth | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return max(0, d(a, p) - d(a, n) + margin) with d = ``pairwise_distance`` of that ``p`` and ``eps``.

    With ``swap``, the distance to the negative is the lesser of the anchor's and the positive's. Balntas et al. 2016.
    """
    reduction = read_reduction("triplet_margin_loss", reduction, size_average, reduce)
    return triplet("triplet_margin_loss", anchor, positive, negative,
                   lambda a, b: pairwise_distance(a, b, p, eps), margin, swap, reduction)  # fmt: skip


@composite
def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Distance | None = None,
    margin: float = 1.0,
    swap: Truth = False,
    reduction: str = "mean",
) -> Tensor:
    """Return the triplet loss for any distance, a function of two tensors; ``pairwise_distance`` if not given."""
    name = "triplet_margin_with_distance_loss"
    reduction = read_reduction(name, reduction)
    return triplet(name, anchor, positive, negative, distance_function or pairwise_distance, margin, swap, reduction)


def triplet(
    name: str, anchor: Tensor, positive: Tensor, negative: Tensor, distance: Distance, margin: float, swap: bool,
    reduction: str,
) -> Tensor:
    """Return the loss of triplets."""
    require_tensors(name, anchor=anchor, positive=positive, negative=negative)
    if margin <= 0:
        raise ArgumentError(f"{name}: margin must be greater than 0, got {margin}")
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise ShapeError(
            f"{name}: The anchor, positive, and negative tensors are expected to have the same number of dimensions, "
            f"but got: anchor {anchor.ndim}D, positive {positive.ndim}D, and negative {negative.ndim}D inputs"
        )
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = minimum(far, distance(positive, negative))
    return reduced(clamp(near - far + float(margin), min=0), reduction)


# -- classes -----------------------------------------------------------------------------------------------------------


@composite
def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: Truth | None = None,
    reduce: Truth | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return the mean over all other classes of max(0, margin - x[target] + x)ᵖ, for scores (N, C) or (C).

    ``weight`` (C) counts samples by their class; ``p`` is 1 or 2.
    """
    reduction = read_reduction("multi_margin_loss", reduction, size_average, reduce)
    require_tensors("multi_margin_loss", input=input, target=target)
    if p not in (1, 2):
        raise ArgumentError(f"multi_margin_loss: only p == 1 and p == 2 supported, got {p}")
    if weight is not None and weight.ndim != 1:
        raise ArgumentError(f"multi_margin_loss: weight must be one-dimensional, got shape {tuple(weight.shape)}")
    require_same_dtype("multi_margin_loss", input=input, weight=weight)
    check_scores("multi_margin_loss", input)
    require_classes("multi_margin_loss", (int64,), target)
    if target.ndim > 1 or target.numel() != (input.shape[0] if input.ndim == 2 else 1):
        raise ShapeError(
            f"multi_margin_loss: inconsistent target size: expected one class for each sample of input "
            f"{tuple(input.shape)}, got target {tuple(target.shape)}"
        )
    rows, classes = as_rows(input), target.reshape(-1)
    if weight is not None and weight.shape[0] != rows.shape[1]:
        raise ShapeError(
            f"multi_margin_loss: inconsistent weight size: expected {rows.shape[1]}, one for each class, got "
            f"{weight.shape[0]}"
        )
    right = picked_scores("multi_margin_loss", rows, classes)
    behind = relu(rows - right.unsqueeze(1) + float(margin))
    losses = behind * behind if p == 2 else behind
    losses = where(places_of(classes, rows), 0, losses).sum(1) / rows.shape[1]
    if weight is not None:
        losses = losses * weight[classes]
    return reduced(losses.reshape(target.shape) if reduction == "none" else losses, reduction)


def places_of(classes: Tensor, rows: Tensor) -> Tensor:
    """Return for each row where its class is."""
    numbers: Tensor = wrap(rows.result_class, rows.xp.arange(rows.shape[1]))
    return numbers == classes.unsqueeze(1)  # type: ignore[no-any-return]  # `==` may be anything


@composite
def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: Truth | None = None,
    reduce: Truth | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return the sum over right classes r and wrong ones w of max(0, 1 - x[r] + x[w]), over C: scores (N, C) or (C).

    Each row of ``target``, in the shape of ``input``, lists the right classes and then -1.
    """
    reduction = read_reduction("multilabel_margin_loss", reduction, size_average, reduce)
    require_tensors("multilabel_margin_loss", input=input, target=target)
    check_scores("multilabel_margin_loss", input)
    require_classes("multilabel_margin_loss", (int64,), target)
    if input.shape != target.shape:
        raise ShapeError(
            f"multilabel_margin_loss: inconsistent target size {tuple(target.shape)} for input of size "
            f"{tuple(input.shape)}: they must be the same"
        )
    rows = input.reshape(-1, input.shape[-1]) if input.ndim else input.reshape(1, 1)
    listed, classes, right = labels_of(rows, target.array.reshape(rows.shape))
    ahead = rows.gather(1, classes)
    # One for each pair of a right class and any: (N, C, C).
    behind = relu(rows.unsqueeze(1) - ahead.unsqueeze(2) + 1)
    pairs = listed.unsqueeze(2) & ~right.unsqueeze(1)
    losses = where(pairs, behind, 0).sum((1, 2)) / rows.shape[1]
    return reduced(losses if input.ndim == 2 else losses.reshape(()), reduction)


def labels_of(rows: Tensor, target: Array) -> tuple[Tensor, Tensor, Tensor]:
    """Return which places of a target list a class, the classes (0 elsewhere), and which classes are listed."""
    xp, count = rows.xp, rows.shape[1]
    listed = xp.cumsum(target < 0, 1) == 0
    classes = xp.where(listed, target, 0)
    if classes.size and int(classes.max()) >= count:
        raise no_such_class("multilabel_margin_loss", int(classes.max()), count)
    right = ((classes[:, :, None] == xp.arange(count)) & listed[:, :, None]).any(1)
    listed, classes, right = [wrap(rows.result_class, each) for each in (listed, classes, right)]
    return listed, classes, right


@composite
def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: Truth | None = None,
    reduce: Truth | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return the mean over classes, the last dim, of the binary cross-entropy of ``sigmoid(input)``."""
    reduction = read_reduction("multilabel_soft_margin_loss", reduction, size_average, reduce)
    require_tensors("multilabel_soft_margin_loss", input=input, target=target)
    require_kind("multilabel_soft_margin_loss", FLOATS, input)
    losses = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    return reduced(weighted(losses, weight).sum(-1) / input.shape[-1], reduction)


@composite
def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: Truth | None = None,
    reduce: Truth | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return log(1 + exp(-target * input)), for targets 1 and -1."""
    reduction = read_reduction("soft_margin_loss", reduction, size_average, reduce)
    require_tensors("soft_margin_loss", input=input, target=target)
    require_kind("soft_margin_loss", FLOATS, input)
    losses = in_dtype_of("soft_margin_loss", input, -logsigmoid(target * input))
    return reduced(losses, reduction)


def check_scores(name: str, input: Any) -> None:
    """Refuse what is neither (N, C) nor (C) of real numbers."""
    require_kind(name, FLOATS, input)
    if input.ndim > 2 or (not input.numel() and (input.ndim < 2 or not input.shape[1])):
        raise ShapeError(
            f"{name}: Expected non-empty vector or matrix with optional 0-dim batch size, (N, C) or (C), but got: "
            f"{tuple(input.shape)}"
        )

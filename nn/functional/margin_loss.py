"""Losses with a margin: the loss is zero where the right answer wins by at least the margin.

They compare pairs and triplets of vectors, scores of classes of which one or several are right, and signs. All are
written in tensor arithmetic, vectorized over the batch, so gradients of every order follow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from minitensor.autograd.misuse import composite
from minitensor.autograd.strides import lay_out_composite, of_input
from minitensor.backends import holds_data
from minitensor.base import elements_of, wrap
from minitensor.dtypes import int64
from minitensor.errors import ArgumentError, ShapeError
from minitensor.nn.functional.cross_entropy import as_rows, no_such_class, pick_scores
from minitensor.nn.functional.reduction import read_reduction, reduce_losses, require_classes, weigh_losses
from minitensor.ops.activation import logsigmoid, relu
from minitensor.ops.choice import clamp, clamp_min, minimum, where
from minitensor.ops.distance import pairwise_distance
from minitensor.ops.kinds import FLOATS, ORDERED, in_dtype_of, require_kind, require_same_dtype
from minitensor.ops.operand import require_tensors
from minitensor.shapes import broadcast_shapes

if TYPE_CHECKING:
    from minitensor.autograd.argument_types import Truth
    from minitensor.backends import Array, Library
    from minitensor.ops.operand import Operand
    from minitensor.tensor import Tensor

Distance = Callable[["Tensor", "Tensor"], "Tensor"]

SMALL = 1e-12  # added to squared lengths, so that the cosine of a zero vector is defined


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
    """Return max(0, -target (input1 - input2) + margin) of pairs of scores, by default its mean.

    Args:
        input1, input2: The scores to rank, (N,) or other shapes that broadcast and have as many dims.
        target: 1 where ``input1`` should be larger, -1 where ``input2`` should.
        margin: By how much.
        size_average, reduce: Deprecated; use ``reduction``.
        reduction: "mean" (the default) or "sum" of the losses, or "none" for all of them.

    Raises:
        ValueError: If ``reduction`` is unknown.
        RuntimeError: If the numbers of dims differ.

    >>> F.margin_ranking_loss(tensor([1.]), tensor([3.]), tensor([1.]))
    tensor(2.)
    """
    reduction = read_reduction("margin_ranking_loss", reduction, size_average, reduce)
    require_tensors("margin_ranking_loss", input1=input1, input2=input2, target=target)
    if not input1.ndim == input2.ndim == target.ndim:
        raise ShapeError(
            "margin_ranking_loss: All input tensors should have same dimension, got shapes "
            f"{tuple(input1.shape)}, {tuple(input2.shape)} and {tuple(target.shape)}"
        )
    return reduce_losses(clamp_min(-target * (input1 - input2) + float(margin), 0), reduction)


@composite
def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: Truth | None = None,
    reduce: Truth | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return the distance ``input`` where the target is 1, and max(0, margin - input) where it is -1.

    Args:
        input: Distances, a real tensor of any shape (...). Losses of integers are integers, rounded toward zero.
        target: 1 for similar pairs, -1 for dissimilar ones, in the same shape.
        margin: The distance that dissimilar pairs should have.
        size_average, reduce: Deprecated; use ``reduction``.
        reduction: "mean" (the default) or "sum" of the losses, or "none" for all of them.

    Raises:
        ValueError: If ``reduction`` is unknown.

    >>> F.hinge_embedding_loss(tensor([2., 0.25]), tensor([1, -1]))
    tensor(1.3750)
    """
    reduction = read_reduction("hinge_embedding_loss", reduction, size_average, reduce)
    require_tensors("hinge_embedding_loss", input=input, target=target)
    require_kind("hinge_embedding_loss", ORDERED, input)
    # As in PyTorch, a target that is neither 1 nor -1 gets both terms.
    apart = where(target != 1, clamp(-input + float(margin), min=0), 0)
    return reduce_losses((apart + where(target != -1, input, 0)).to(input.dtype), reduction)


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
    """Return 1 - cos where the target is 1, and max(0, cos - margin) where it is -1.

    Args:
        input1, input2: The vectors, (N, D) or (D).
        target: 1 for similar pairs, -1 for dissimilar ones, (N) or ().
        margin: The cosine that dissimilar pairs may have.
        size_average, reduce: Deprecated; use ``reduction``.
        reduction: "mean" (the default) or "sum" of the losses, or "none" for all of them.

    Raises:
        ValueError: If ``reduction`` is unknown.
        RuntimeError: If the numbers of dims do not fit.

    >>> F.cosine_embedding_loss(tensor([1., 0.]), tensor([0., 1.]), tensor(1))
    tensor(1.)
    """
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
    return reduce_losses(losses, reduction)


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
    """Return max(0, d(anchor, positive) - d(anchor, negative) + margin) for the p-norm distance d.

    Balntas et al. 2016.

    Args:
        anchor, positive, negative: The vectors, (N, D) or (D).
        margin: By how much the negative should be farther away; must be positive.
        p, eps: The exponent of the norm and the summand of ``pairwise_distance``.
        swap: Whether to use the distance from positive to negative where that is smaller.
        size_average, reduce: Deprecated; use ``reduction``.
        reduction: "mean" (the default) or "sum" of the losses, or "none" for all of them.

    Raises:
        ValueError: If ``margin`` is not positive, or ``reduction`` is unknown.
        RuntimeError: If the numbers of dims differ.

    >>> F.triplet_margin_loss(tensor([0.]), tensor([3.]), tensor([1.]))
    tensor(3.)
    """
    reduction = read_reduction("triplet_margin_loss", reduction, size_average, reduce)
    return triplet_loss("triplet_margin_loss", anchor, positive, negative,
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
    """Return the triplet loss for any distance.

    Args:
        anchor, positive, negative: The vectors, (N, D) or (D).
        distance_function: A function of two tensors; ``pairwise_distance`` if not given.
        margin: By how much the negative should be farther away; must be positive.
        swap: Whether to use the distance from positive to negative where that is smaller.
        reduction: "mean" (the default) or "sum" of the losses, or "none" for all of them.

    Raises:
        ValueError: If ``margin`` is not positive, or ``reduction`` is unknown.
        RuntimeError: If the numbers of dims differ.

    >>> city = lambda a, b: (a - b).abs().sum(-1)
    >>> F.triplet_margin_with_distance_loss(tensor([0.]), tensor([3.]), tensor([1.]), distance_function=city)
    tensor(3.)
    """
    name = "triplet_margin_with_distance_loss"
    reduction = read_reduction(name, reduction)
    distance = distance_function or pairwise_distance
    return triplet_loss(name, anchor, positive, negative, distance, margin, swap, reduction)


def triplet_loss(
    name: str, anchor: Tensor, positive: Tensor, negative: Tensor, distance: Distance, margin: float, swap: bool,
    reduction: str,
) -> Tensor:
    """Validate the arguments and return the loss of triplets."""
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
    return reduce_losses(clamp_min(near - far + float(margin), 0), reduction)


# -- classes -----------------------------------------------------------------------------------------------------------


@composite
def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: float = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: Truth | None = None,
    reduce: Truth | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return the sum over all other classes of max(0, margin - x[target] + x)ᵖ, divided by C.

    Args:
        input: The scores, (N, C) or (C).
        target: The right classes, int64, (N) or ().
        p: The exponent, 1 or 2.
        margin: By how much the right class should win.
        weight: A factor for each class, (C); samples count by their class.
        size_average, reduce: Deprecated; use ``reduction``.
        reduction: "mean" (the default) or "sum" of the losses, or "none" for all of them.

    Raises:
        ValueError: If ``p`` or ``reduction`` is another, or ``weight`` has not one dim.
        RuntimeError: If the shapes do not fit.
        IndexError, RuntimeError: If a target is not in [0, C).

    >>> F.multi_margin_loss(tensor([[0., 1.]]), tensor([0]))
    tensor(1.)
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
    right = pick_scores("multi_margin_loss", rows, classes)
    behind = relu(rows - right.unsqueeze(1) + float(margin))
    losses = behind * behind if p == 2 else behind
    losses = where(class_mask(classes, rows), 0, losses).sum(1) / rows.shape[1]
    if weight is not None:
        losses = losses * weight[classes]
    return reduce_losses(losses.reshape(target.shape) if reduction == "none" else losses, reduction)


def class_mask(classes: Tensor, rows: Tensor) -> Tensor:
    """Return a mask with True at the class of each row."""
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
    """Return the sum over right classes r and wrong ones w of max(0, 1 - x[r] + x[w]), divided by C.

    Args:
        input: The scores, (N, C) or (C).
        target: In the same shape: the right classes of each row, int64, followed by -1.
        size_average, reduce: Deprecated; use ``reduction``.
        reduction: "mean" (the default) or "sum" of the losses, or "none" for all of them.

    Raises:
        ValueError: If ``reduction`` is unknown.
        RuntimeError: If the shapes differ.
        IndexError, RuntimeError: If a target is not below C.

    >>> F.multilabel_margin_loss(tensor([0., 1.]), tensor([0, -1]))
    tensor(1.)
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
    listed, classes = read_labels(rows, target.array.reshape(rows.shape))
    factors, pairs = count_pairs(rows.xp, elements_of(rows), listed, classes)
    factors, pairs = [wrap(rows.result_class, each) for each in (factors, pairs)]
    # A score of a class without pairs may be infinite.
    losses = ((where(factors == 0, 0, rows) * factors).sum(1) + pairs) / rows.shape[1]
    return reduce_losses(losses if input.ndim == 2 else losses.reshape(()), reduction)


def read_labels(rows: Tensor, target: Array) -> tuple[Array, Array]:
    """Return which places of a target list a class, and the classes (0 elsewhere), up to the longest list."""
    xp, count = rows.xp, rows.shape[1]
    # The first negative number ends the list, whatever follows.
    listed = xp.cumsum(target < 0, 1) == 0
    if not holds_data(target):
        return listed[:, :0], target[:, :0]
    longest = int(listed.sum(1).max()) if listed.size else 0
    listed, target = listed[:, :longest], target[:, :longest]
    classes = xp.where(listed, target, 0)
    if classes.size and int(classes.max()) >= count:
        raise no_such_class("multilabel_margin_loss", int(classes.max()), count)
    return listed, classes


def count_pairs(xp: Library, rows: Array, listed: Array, classes: Array) -> tuple[Array, Array]:
    """Return what to multiply the scores by, and the number of pairs, of a sum of ``1 - right + wrong``.

    The sum is over the pairs in which that is positive, of a class listed as right and one that is not. So a wrong
    class counts once for each right one that is not far enough ahead, and a right one loses as much.
    """
    factors, total = xp.zeros(rows.shape, rows.dtype), xp.zeros(len(rows), rows.dtype)
    numbers, wrong = xp.arange(len(rows)), xp.ones(rows.shape, bool)
    for place in range(listed.shape[1]):
        wrong[numbers[listed[:, place]], classes[listed[:, place], place]] = False
    for place in range(listed.shape[1]):
        right = classes[:, place]
        behind = wrong & ~(1 - rows[numbers, right][:, None] + rows <= 0) & listed[:, place : place + 1]
        counts = behind.sum(1)
        factors += behind
        factors[numbers, right] -= counts
        total += counts
    return factors, total


@composite
def multilabel_soft_margin_loss(
    input: Tensor,
    target: Operand,
    weight: Operand | None = None,
    size_average: Truth | None = None,
    reduce: Truth | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return the mean over classes of the binary cross-entropy of ``sigmoid(input)``.

    Args:
        input: The scores, (..., C).
        target: 1 for right classes and 0 for wrong ones, in the same shape, or one number for all.
        weight: A factor for each class, in a shape that broadcasts, or one number.
        size_average, reduce: Deprecated; use ``reduction``.
        reduction: "mean" (the default) or "sum" of the losses, or "none" for all of them.

    Raises:
        ValueError: If ``reduction`` is unknown.

    >>> F.multilabel_soft_margin_loss(tensor([0., 0.]), tensor([1., 0.]))
    tensor(0.6931)
    """
    reduction = read_reduction("multilabel_soft_margin_loss", reduction, size_average, reduce)
    require_tensors("multilabel_soft_margin_loss", input=input)
    require_kind("multilabel_soft_margin_loss", FLOATS, input)
    losses = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    classes = input.ndim - 1  # as in PyTorch, also where the target has more dims
    return reduce_losses(weigh_losses(losses, weight).sum(classes) / input.shape[classes], reduction)


@composite
def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: Truth | None = None,
    reduce: Truth | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return log(1 + exp(-target * input)).

    Args:
        input: The scores, a floating-point tensor of any shape (...).
        target: 1 or -1, in the same shape.
        size_average, reduce: Deprecated; use ``reduction``.
        reduction: "mean" (the default) or "sum" of the losses, or "none" for all of them.

    Raises:
        ValueError: If ``reduction`` is unknown.
        RuntimeError: If ``target`` does not broadcast to the shape of ``input``.

    >>> F.soft_margin_loss(tensor([0.]), tensor([1.]))
    tensor(0.6931)
    """
    reduction = read_reduction("soft_margin_loss", reduction, size_average, reduce)
    require_tensors("soft_margin_loss", input=input, target=target)
    require_kind("soft_margin_loss", FLOATS, input)
    if broadcast_shapes(input.shape, target.shape) != input.shape:
        raise ShapeError(
            f"soft_margin_loss: target of shape {tuple(target.shape)} does not broadcast to {tuple(input.shape)}, "
            "that of input"
        )
    losses = in_dtype_of("soft_margin_loss", input, -logsigmoid(target * input))
    return reduce_losses(lay_out_composite(of_input, (input,), losses), reduction)


def check_scores(name: str, input: Any) -> None:
    """Raise unless scores are floating-point, (N, C) or (C)."""
    require_kind(name, FLOATS, input)
    if input.ndim > 2 or (not input.numel() and (input.ndim < 2 or not input.shape[1])):
        raise ShapeError(
            f"{name}: Expected non-empty vector or matrix with optional 0-dim batch size, (N, C) or (C), but got: "
            f"{tuple(input.shape)}"
        )

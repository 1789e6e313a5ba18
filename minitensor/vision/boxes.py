"""Boxes around objects: areas, overlaps, other formats, and the choice of one box among many that overlap.

A box is four numbers. The formats are "xyxy" (the corners, x1 < x2 and y1 < y2), "xywh" (a corner, width and height)
and "cxcywh" (the center, width and height). All functions are of ``torchvision.ops``, which re-exports them.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from minitensor.autograd.misuse import composite_with_own_checks
from minitensor.autograd.mode import no_grad
from minitensor.dtypes import float32, float64, int32, int64
from minitensor.errors import ArgumentError, ShapeError
from minitensor.nn.functional import binary_cross_entropy_with_logits
from minitensor.ops.choice import maximum, minimum, where
from minitensor.ops.creation import empty, tensor, zeros
from minitensor.ops.join import stack
from minitensor.tensor import Tensor

FORMATS = ("xyxy", "xywh", "cxcywh")


def require_format(fmt: str) -> None:
    if fmt not in FORMATS:
        raise ArgumentError(f"the format of boxes must be one of {', '.join(FORMATS)}, got {fmt!r}")


def widen(boxes: Tensor) -> Tensor:
    """Return numbers in a dtype in which products do not overflow."""
    if boxes.dtype.is_floating_point:
        return boxes if boxes.dtype in (float32, float64) else boxes.float()
    return boxes if boxes.dtype in (int32, int64) else boxes.int()


@composite_with_own_checks
def box_convert(boxes: Tensor, in_fmt: str, out_fmt: str) -> Tensor:
    """Return boxes in another format.

    Args:
        boxes: Boxes of shape (..., 4).
        in_fmt: Their format: "xyxy", "xywh" or "cxcywh".
        out_fmt: The format of the result.

    Raises:
        ValueError: If a format is none of these; rotated boxes are not here.

    >>> import minitensor as torch
    >>> torch.vision.ops.box_convert(torch.tensor([[1.0, 2.0, 4.0, 6.0]]), "xyxy", "cxcywh")
    tensor([[2.5000, 4.0000, 3.0000, 4.0000]])
    """
    require_format(in_fmt)
    require_format(out_fmt)
    if in_fmt == out_fmt:
        return boxes.clone()
    corners = corners_of(boxes, in_fmt)
    x1, y1, x2, y2 = corners.unbind(-1)
    if out_fmt == "xyxy":
        return corners
    if out_fmt == "xywh":
        return stack([x1, y1, x2 - x1, y2 - y1], -1)
    return stack([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1], -1)


def corners_of(boxes: Tensor, fmt: str) -> Tensor:
    """Return boxes of any format as their corners."""
    a, b, width, height = boxes.unbind(-1)
    if fmt == "xyxy":
        return boxes
    if fmt == "xywh":
        return stack([a, b, a + width, b + height], -1)
    return stack([a - 0.5 * width, b - 0.5 * height, a + 0.5 * width, b + 0.5 * height], -1)


@composite_with_own_checks
def box_area(boxes: Tensor, fmt: str = "xyxy") -> Tensor:
    """Return the areas of ``boxes`` of shape (..., 4) in the format ``fmt``.

    Raises:
        ValueError: If the format is not "xyxy", "xywh" or "cxcywh".

    >>> import minitensor as torch
    >>> torch.vision.ops.box_area(torch.tensor([[1.0, 2.0, 4.0, 6.0]]))
    tensor([12.])
    """
    require_format(fmt)
    a, b, c, d = widen(boxes).unbind(-1)
    return (c - a) * (d - b) if fmt == "xyxy" else c * d


@composite_with_own_checks
def box_iou(boxes1: Tensor, boxes2: Tensor, fmt: str = "xyxy") -> Tensor:
    """Return the intersection over union of each pair of boxes.

    Args:
        boxes1: Boxes of shape (..., N, 4).
        boxes2: Boxes of shape (..., M, 4).
        fmt: Their format: "xyxy", "xywh" or "cxcywh". Default: ``"xyxy"``

    Returns:
        A tensor of shape (..., N, M).

    Raises:
        ValueError: If the format is none of these.

    >>> import minitensor as torch
    >>> boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0], [1.0, 0.0, 3.0, 2.0]])
    >>> torch.vision.ops.box_iou(boxes, boxes)
    tensor([[1.0000, 0.3333],
            [0.3333, 1.0000]])
    """
    inside, around = intersection_and_union(boxes1, boxes2, fmt)
    return inside / around


def intersection_and_union(boxes1: Tensor, boxes2: Tensor, fmt: str = "xyxy") -> tuple[Tensor, Tensor]:
    """Return the areas that each pair of boxes has in common, and together."""
    require_format(fmt)
    areas1, areas2 = box_area(boxes1, fmt), box_area(boxes2, fmt)
    first, second = pairs(corners_of(boxes1, fmt), corners_of(boxes2, fmt))
    sides = widen(minimum(first[..., 2:], second[..., 2:]) - maximum(first[..., :2], second[..., :2])).clamp(min=0)
    inside = sides[..., 0] * sides[..., 1]
    return inside, areas1[..., None] + areas2[..., None, :] - inside


def pairs(boxes1: Tensor, boxes2: Tensor) -> tuple[Tensor, Tensor]:
    """Return boxes as (..., N, 1, 4) and (..., 1, M, 4), which broadcast."""
    return boxes1[..., None, :], boxes2[..., None, :, :]


def hull_sides(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Return the width and height of the smallest box around each pair."""
    first, second = pairs(boxes1, boxes2)
    return widen(maximum(first[..., 2:], second[..., 2:]) - minimum(first[..., :2], second[..., :2])).clamp(min=0)


@composite_with_own_checks
def generalized_box_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Return the generalized intersection over union of each pair: less by the empty part of the box around both.

    Args:
        boxes1: Boxes of shape (..., N, 4), as corners.
        boxes2: Boxes of shape (..., M, 4), as corners.

    >>> import minitensor as torch
    >>> boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0], [3.0, 0.0, 4.0, 1.0]])
    >>> torch.vision.ops.generalized_box_iou(boxes, boxes)[0]
    tensor([ 1.0000, -0.5000])
    """
    inside, around = intersection_and_union(boxes1, boxes2)
    sides = hull_sides(boxes1, boxes2)
    hull = sides[..., 0] * sides[..., 1]
    return inside / around - (hull - around) / hull


@composite_with_own_checks
def distance_box_iou(boxes1: Tensor, boxes2: Tensor, eps: float = 1e-7) -> Tensor:
    """Return the distance intersection over union of each pair: less by the distance of the centers.

    Args:
        boxes1: Boxes of shape (..., N, 4), as corners.
        boxes2: Boxes of shape (..., M, 4), as corners.
        eps: What is added to the squared diagonal, against a division by zero. Default: ``1e-7``

    >>> import minitensor as torch
    >>> boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0], [1.0, 0.0, 3.0, 2.0]])
    >>> torch.vision.ops.distance_box_iou(boxes, boxes)[0]
    tensor([1.0000, 0.2564])
    """
    boxes1, boxes2 = widen(boxes1), widen(boxes2)
    diagonal = hull_sides(boxes1, boxes2).pow(2).sum(-1) + eps
    first, second = pairs(*[(each[..., :2] + each[..., 2:]) / 2 for each in (boxes1, boxes2)])
    return box_iou(boxes1, boxes2) - (first - second).pow(2).sum(-1) / diagonal


@composite_with_own_checks
def complete_box_iou(boxes1: Tensor, boxes2: Tensor, eps: float = 1e-7) -> Tensor:
    """Return the complete intersection over union of each pair: less by the distance and by unlike aspect ratios.

    Args:
        boxes1: Boxes of shape (..., N, 4), as corners.
        boxes2: Boxes of shape (..., M, 4), as corners.
        eps: What is added to divisors, against a division by zero. Default: ``1e-7``

    >>> import minitensor as torch
    >>> boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0], [0.0, 0.0, 4.0, 2.0]])
    >>> torch.vision.ops.complete_box_iou(boxes, boxes)[0]
    tensor([1.0000, 0.4468])
    """
    boxes1, boxes2 = widen(boxes1), widen(boxes2)
    ratios1, ratios2 = [
        ((each[..., 2] - each[..., 0]) / (each[..., 3] - each[..., 1])).atan() for each in (boxes1, boxes2)
    ]
    unlike = (4 / math.pi**2) * (ratios1[..., None] - ratios2[..., None, :]).pow(2)
    with no_grad():
        weight = unlike / (1 - box_iou(boxes1, boxes2) + unlike + eps)
    return distance_box_iou(boxes1, boxes2, eps) - weight * unlike


@composite_with_own_checks
def clip_boxes_to_image(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Return ``boxes`` of shape (..., 4), as corners, cut to an image of ``size`` (height, width).

    >>> import minitensor as torch
    >>> torch.vision.ops.clip_boxes_to_image(torch.tensor([[-1.0, 2.0, 40.0, 6.0]]), (10, 20))
    tensor([[ 0.,  2., 20.,  6.]])
    """
    height, width = size
    corners = [boxes[..., 0::2].clamp(min=0, max=width), boxes[..., 1::2].clamp(min=0, max=height)]
    return stack(corners, boxes.ndim).reshape(boxes.shape)


@composite_with_own_checks
def remove_small_boxes(boxes: Tensor, min_size: float) -> Tensor:
    """Return the indices of the ``boxes``, as corners, whose sides are both at least ``min_size``.

    >>> import minitensor as torch
    >>> torch.vision.ops.remove_small_boxes(torch.tensor([[0.0, 0.0, 1.0, 9.0], [0.0, 0.0, 5.0, 5.0]]), 2)
    tensor([1])
    """
    sides = boxes[..., 2:] - boxes[..., :2]
    kept: Tensor = where((sides[..., 0] >= min_size) & (sides[..., 1] >= min_size))[0]
    return kept


@composite_with_own_checks
def masks_to_boxes(masks: Tensor) -> Tensor:
    """Return the boxes around what is not zero in ``masks`` of shape (N, H, W), as corners; zeros for empty masks.

    >>> import minitensor as torch
    >>> torch.vision.ops.masks_to_boxes(torch.tensor([[[0, 0, 0, 0], [0, 1, 1, 0]]]))
    tensor([[1., 1., 2., 1.]])
    """
    if not masks.numel():
        return zeros((0, 4), device=masks.device)
    rows, columns = masks.bool().any(2), masks.bool().any(1)
    first = [each.float().argmax(1) for each in (columns, rows)]
    last = [each.shape[1] - 1 - each.float().flip(1).argmax(1) for each in (columns, rows)]
    return stack([*first, *last], 1).float() * rows.any(1, keepdim=True)


@composite_with_own_checks
def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Keep the best of boxes that overlap: non-maximum suppression.

    From the best score on, each box that is left suppresses those that overlap it.

    Args:
        boxes: Boxes of shape (N, 4), as corners.
        scores: Their scores, of shape (N,).
        iou_threshold: The intersection over union above which two boxes count as one.

    Returns:
        The indices of the boxes that are kept, from the best score to the worst.

    Raises:
        RuntimeError: If the shapes are others.

    >>> import minitensor as torch
    >>> boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0], [0.1, 0.0, 2.0, 2.0], [5.0, 5.0, 6.0, 6.0]])
    >>> torch.vision.ops.nms(boxes, torch.tensor([0.5, 0.9, 0.7]), 0.5)
    tensor([1, 2])
    """
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ShapeError(f"nms: boxes must be of shape (N, 4), got {tuple(boxes.shape)}")
    if tuple(scores.shape) != (len(boxes),):
        raise ShapeError(f"nms: scores must be of shape ({len(boxes)},), got {tuple(scores.shape)}")
    with no_grad():
        left = scores.argsort(descending=True, stable=True)
        kept = [empty((0,), dtype=int64, device=boxes.device)]
        while len(left):
            best, left = left[:1], left[1:]
            kept.append(best)
            left = left[~(box_iou(boxes[best], boxes[left])[0] > iou_threshold)]
        return join_indices(kept)


def join_indices(parts: list[Tensor]) -> Tensor:
    """Return indices as one tensor."""
    return tensor([each for part in parts for each in part.tolist()], dtype=int64, device=parts[0].device)


@composite_with_own_checks
def batched_nms(boxes: Tensor, scores: Tensor, idxs: Tensor, iou_threshold: float) -> Tensor:
    """Keep the best of boxes of the same category that overlap.

    Args:
        boxes: Boxes of shape (N, 4), as corners.
        scores: Their scores, of shape (N,).
        idxs: The numbers of their categories, of shape (N,).
        iou_threshold: As for ``nms``.

    Returns:
        The indices of the boxes that are kept, from the best score to the worst.

    >>> import minitensor as torch
    >>> boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0], [0.1, 0.0, 2.0, 2.0]])
    >>> torch.vision.ops.batched_nms(boxes, torch.tensor([0.5, 0.9]), torch.tensor([0, 1]), 0.5)
    tensor([1, 0])
    """
    if not boxes.numel():
        return empty((0,), dtype=int64, device=boxes.device)
    # Categories are moved apart, so that boxes of two never overlap.
    offsets = idxs.to(boxes.dtype) * (boxes.max() + 1)
    return nms(boxes + offsets[:, None], scores, iou_threshold)


REDUCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "none": lambda loss: loss,
    "mean": lambda loss: loss.mean(),
    "sum": lambda loss: loss.sum(),
}


@composite_with_own_checks
def sigmoid_focal_loss(
    inputs: Tensor, targets: Tensor, alpha: float = 0.25, gamma: float = 2, reduction: str = "none"
) -> Tensor:
    """Return the binary cross entropy with less weight on what is predicted well already.

    "Focal Loss for Dense Object Detection" (Lin et al., 2017).

    Args:
        inputs: The scores, of any shape.
        targets: The classes 0 and 1, as floats of that shape.
        alpha: The weight of the class 1; that of 0 is ``1 - alpha``; no weights if -1. Default: ``0.25``
        gamma: How much less the weight is. Default: ``2``
        reduction: "none", "mean" or "sum". Default: ``"none"``

    Raises:
        ValueError: If ``alpha`` is neither between 0 and 1 nor -1, or there is no such reduction.

    >>> import minitensor as torch
    >>> torch.vision.ops.sigmoid_focal_loss(torch.tensor([0.0, 4.0]), torch.tensor([1.0, 1.0]), reduction="sum")
    tensor(0.0433)
    """
    if not 0 <= alpha <= 1 and alpha != -1:
        raise ArgumentError(f"sigmoid_focal_loss: alpha must be between 0 and 1, or -1, got {alpha}")
    if reduction not in REDUCTIONS:
        raise ArgumentError(f"sigmoid_focal_loss: reduction must be one of {', '.join(REDUCTIONS)}, got {reduction!r}")
    p = inputs.sigmoid()
    right = p * targets + (1 - p) * (1 - targets)
    loss = binary_cross_entropy_with_logits(inputs, targets, reduction="none") * (1 - right).pow(gamma)
    if alpha >= 0:
        loss = (alpha * targets + (1 - alpha) * (1 - targets)) * loss
    return REDUCTIONS[reduction](loss)

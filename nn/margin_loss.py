"""Losses with margins and of several labels, as layers; see ``loss.py`` for their reductions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from minitensor.errors import ArgumentError
from minitensor.nn import functional as F
from minitensor.nn.distance import PairwiseDistance
from minitensor.nn.loss import Loss, WeightedLoss

if TYPE_CHECKING:
    from minitensor.tensor import Tensor

    Distance = Callable[[Tensor, Tensor], Tensor]


class MarginLoss(Loss):
    """The base class of losses with one margin."""

    def __init__(
        self,
        margin: float = 0.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin


class MarginRankingLoss(MarginLoss):
    """Ranking loss: which of two inputs should be larger.

    For a target y of 1 (the first) or -1 (the second)::

        loss = max(0, -y (x1 - x2) + margin)

    Args:
        margin: Difference at which the loss is zero. Default: ``0.0``.
        size_average, reduce: Deprecated, replaced by ``reduction``. Default: ``None``.
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for one loss per element. Default: ``"mean"``.

    Shape:
        - Input1, input2: (N), or any shapes that broadcast
        - Target: (N), 1 or -1, floating-point or integers
        - Output: (), or (N) if ``reduction="none"``

    Raises:
        ValueError: If ``reduction`` is unknown, when called.
        ShapeError: If the three do not have the same number of dims, or do not broadcast.

    >>> import minitensor as torch
    >>> loss = torch.nn.MarginRankingLoss(margin=1.0)
    >>> loss(torch.tensor([2.0, 0.0]), torch.tensor([0.0, 0.5]), torch.tensor([1.0, 1.0]))
    tensor(0.7500)
    """

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.margin_ranking_loss(input1, input2, target, margin=self.margin, reduction=self.reduction)


class CosineEmbeddingLoss(MarginLoss):
    """Loss of pairs of vectors that should be similar (target 1) or not (target -1), by their cosine.

    With c the cosine of x1 and x2::

        loss = 1 - c                    (y = 1)
        loss = max(0, c - margin)       (y = -1)

    Args:
        margin: Cosine that dissimilar vectors may have, usually in [0, 0.5]. Default: ``0.0``.
        size_average, reduce: Deprecated, replaced by ``reduction``. Default: ``None``.
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for one loss per sample. Default: ``"mean"``.

    Shape:
        - Input1, input2: (N, D) or (D)
        - Target: (N) or (), 1 or -1
        - Output: (), or the target's shape if ``reduction="none"``

    Raises:
        ValueError: If ``reduction`` is unknown, when called.
        ShapeError: If the shapes do not fit.

    >>> import minitensor as torch
    >>> loss = torch.nn.CosineEmbeddingLoss(reduction="none")
    >>> loss(torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([[1.0, 1.0], [1.0, 1.0]]), torch.tensor([1, -1]))
    tensor([0.2929, 0.7071])
    """

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.cosine_embedding_loss(input1, input2, target, margin=self.margin, reduction=self.reduction)


class HingeEmbeddingLoss(MarginLoss):
    """Loss of distances x of pairs that should be similar (target 1) or not (target -1).

    For each element::

        loss = x                        (y = 1)
        loss = max(0, margin - x)       (y = -1)

    Args:
        margin: Distance that dissimilar pairs should have. Default: ``1.0``.
        size_average, reduce: Deprecated, replaced by ``reduction``. Default: ``None``.
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for one loss per element. Default: ``"mean"``.

    Shape:
        - Input: (*), any shape
        - Target: (*), as the input, 1 or -1
        - Output: (), or (*) if ``reduction="none"``

    Raises:
        ValueError: If ``reduction`` is unknown, when called.
        ShapeError: If the shapes do not broadcast.

    >>> import minitensor as torch
    >>> torch.nn.HingeEmbeddingLoss(reduction="none")(torch.tensor([0.3, 0.3]), torch.tensor([1, -1]))
    tensor([0.3000, 0.7000])
    """

    def __init__(
        self,
        margin: float = 1.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(margin, size_average, reduce, reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.hinge_embedding_loss(input, target, margin=self.margin, reduction=self.reduction)


class SoftMarginLoss(Loss):
    """Logistic loss of scores x for targets y of 1 or -1: log(1 + exp(-y x)).

    Args:
        size_average, reduce: Deprecated, replaced by ``reduction``. Default: ``None``.
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for one loss per element. Default: ``"mean"``.

    Shape:
        - Input: (*), any shape
        - Target: (*), as the input, 1 or -1
        - Output: (), or (*) if ``reduction="none"``

    Raises:
        ValueError: If ``reduction`` is unknown, when called.
        ShapeError: If the shapes do not broadcast.

    >>> import minitensor as torch
    >>> torch.nn.SoftMarginLoss(reduction="none")(torch.tensor([2.0, 2.0]), torch.tensor([1.0, -1.0]))
    tensor([0.1269, 2.1269])
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.soft_margin_loss(input, target, reduction=self.reduction)


class MultiMarginLoss(WeightedLoss):
    """Hinge loss of C classes, of which one is right (Crammer and Singer 2001).

    With scores x, class y and class weights w, for each sample::

        loss = w[y] sum over i != y of max(0, margin - x[y] + x[i])^p / C

    Args:
        p: Power, 1 or 2. Default: ``1``.
        margin: Margin by which the right class should lead. Default: ``1.0``.
        weight: Weight of each class, shape (C). Default: ``None``, all 1.
        size_average, reduce: Deprecated, replaced by ``reduction``. Default: ``None``.
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for one loss per sample. Default: ``"mean"``.

    Shape:
        - Input: (N, C) or (C)
        - Target: (N) or (), int64 class numbers
        - Output: (), or the target's shape if ``reduction="none"``

    Raises:
        ValueError: If ``p`` is neither 1 nor 2, if ``weight`` does not have one dim, or, when called, if ``reduction``
            is unknown.
        ShapeError: If the target or the weight does not fit the input.
        IndexError: If a class number is out of range.
        RuntimeError: If the target is not int64.

    >>> import minitensor as torch
    >>> torch.nn.MultiMarginLoss()(torch.tensor([[0.1, 0.2, 0.4, 0.8]]), torch.tensor([3]))
    tensor(0.3250)
    """

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        if p not in (1, 2):
            raise ArgumentError(f"only p == 1 and p == 2 supported, got {p}")
        if weight is not None and weight.ndim != 1:
            raise ArgumentError(f"expected weight to be None or 1D tensor, got {weight.ndim}D instead")
        self.p = p
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.multi_margin_loss(
            input, target, p=self.p, margin=self.margin, weight=self.weight, reduction=self.reduction
        )


class MultiLabelMarginLoss(Loss):
    """Hinge loss of C classes, of which several are right.

    With scores x and the set y of right classes, for each sample::

        loss = sum over j in y, i not in y, of max(0, 1 - x[j] + x[i]) / C

    Args:
        size_average, reduce: Deprecated, replaced by ``reduction``. Default: ``None``.
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for one loss per sample. Default: ``"mean"``.

    Shape:
        - Input: (N, C) or (C)
        - Target: as the input, int64; a row lists the right classes, then -1, and what follows is ignored
        - Output: (), or (N) if ``reduction="none"``

    Raises:
        ValueError: If ``reduction`` is unknown, when called.
        ShapeError: If the target does not have the input's shape.
        IndexError: If a class number is out of range.
        RuntimeError: If the target is not int64.

    >>> import minitensor as torch
    >>> loss = torch.nn.MultiLabelMarginLoss()
    >>> loss(torch.tensor([[0.1, 0.2, 0.4, 0.8]]), torch.tensor([[3, 0, -1, 1]]))
    tensor(0.8500)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.multilabel_margin_loss(input, target, reduction=self.reduction)


class MultiLabelSoftMarginLoss(WeightedLoss):
    """Binary cross-entropy of each class, averaged over C classes, of which several may be right.

    With scores x, targets y of 0 or 1 and class weights w, for each sample::

        loss = -sum over c of w[c] (y[c] log sigmoid(x[c]) + (1 - y[c]) log(1 - sigmoid(x[c]))) / C

    Args:
        weight: Weight of each class, shape (C). Default: ``None``, all 1.
        size_average, reduce: Deprecated, replaced by ``reduction``. Default: ``None``.
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for one loss per sample. Default: ``"mean"``.

    Shape:
        - Input: (N, C) or (C)
        - Target: as the input, 0 or 1
        - Output: (), or (N) if ``reduction="none"``

    Raises:
        ValueError: If ``reduction`` is unknown, when called.
        ShapeError: If the shapes do not broadcast.

    >>> import minitensor as torch
    >>> torch.nn.MultiLabelSoftMarginLoss()(torch.tensor([[2.0, 0.0]]), torch.tensor([[1.0, 0.0]]))
    tensor(0.4100)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.multilabel_soft_margin_loss(input, target, weight=self.weight, reduction=self.reduction)


class TripletMarginLoss(MarginLoss):
    """Triplet loss: an anchor a should be closer to a positive p than to a negative n (Balntas et al. 2016).

    With d the distance of ``PairwiseDistance(p, eps)``::

        loss = max(0, d(a, p) - d(a, n) + margin)

    Args:
        margin: Margin by which the positive should be closer, positive. Default: ``1.0``.
        p: Order of the norm of the distance. Default: ``2.0``.
        eps: Number added to the difference of two vectors, which keeps the gradient finite. Default: ``1e-6``.
        swap: Use the smaller of d(a, n) and d(p, n). Default: ``False``.
        size_average, reduce: Deprecated, replaced by ``reduction``. Default: ``None``.
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for one loss per sample. Default: ``"mean"``.

    Shape:
        - Input (anchor, positive, negative): (N, D) or (D)
        - Output: (), or (N) if ``reduction="none"``

    Raises:
        ValueError: If ``margin`` is not positive, or, when called, if ``reduction`` is unknown.
        ShapeError: If the three do not have the same number of dims, or do not broadcast.

    >>> import minitensor as torch
    >>> anchor, positive, negative = torch.zeros(1, 2), torch.ones(1, 2), torch.full((1, 2), 1.5)
    >>> torch.nn.TripletMarginLoss()(anchor, positive, negative)
    tensor(0.2929)
    """

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(margin, size_average, reduce, reduction)
        if margin <= 0:
            raise ArgumentError(f"TripletMarginLoss: expected margin to be greater than 0, got {margin} instead")
        self.p = p
        self.eps = eps
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        """Return the loss."""
        return F.triplet_margin_loss(
            anchor, positive, negative, margin=self.margin, p=self.p, eps=self.eps, swap=self.swap,
            reduction=self.reduction,
        )


class TripletMarginWithDistanceLoss(Loss):
    """Triplet loss, as ``TripletMarginLoss``, with any distance.

    With d the distance::

        loss = max(0, d(a, p) - d(a, n) + margin)

    Args:
        distance_function: A function or module that takes two tensors. Default: ``None``, ``PairwiseDistance()``.
        margin: Margin by which the positive should be closer, positive. Default: ``1.0``.
        swap: Use the smaller of d(a, n) and d(p, n). Default: ``False``.
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for one loss per sample. Default: ``"mean"``.

    Shape:
        - Input (anchor, positive, negative): (N, *), as the distance takes them
        - Output: (), or the distance's shape if ``reduction="none"``

    Raises:
        ValueError: If ``margin`` is not positive, or, when called, if ``reduction`` is unknown.
        ShapeError: If the three do not have the same number of dims.

    >>> import minitensor as torch
    >>> loss = torch.nn.TripletMarginWithDistanceLoss(distance_function=lambda a, b: (a - b).abs().sum(-1))
    >>> loss(torch.zeros(1, 2), torch.ones(1, 2), torch.full((1, 2), 1.2))
    tensor(0.6000)
    """

    def __init__(
        self,
        *,
        distance_function: Distance | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction=reduction)
        if margin <= 0:
            raise ArgumentError(f"TripletMarginWithDistanceLoss: expected margin to be greater than 0, got {margin}")
        self.distance_function: Distance | None = PairwiseDistance() if distance_function is None else distance_function
        self.margin = margin
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        """Return the loss."""
        return F.triplet_margin_with_distance_loss(
            anchor, positive, negative, distance_function=self.distance_function, margin=self.margin, swap=self.swap,
            reduction=self.reduction,
        )

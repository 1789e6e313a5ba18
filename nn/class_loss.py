"""Losses on classes as layers: cross-entropy, negative log-likelihood, and that of label sequences.

They are created and reduced as the losses in ``loss.py``; their targets are class numbers, or probabilities of classes.
"""

from __future__ import annotations

import warnings
from math import prod
from typing import TYPE_CHECKING

from minitensor.callers import user_level
from minitensor.errors import ShapeError, UsageError
from minitensor.nn import functional as F
from minitensor.nn.linear import Linear
from minitensor.nn.loss import Loss, WeightedLoss

if TYPE_CHECKING:
    from collections.abc import Sequence

    from minitensor.device import DeviceLike
    from minitensor.dtypes import dtype as Dtype
    from minitensor.tensor import Tensor


class CrossEntropyLoss(WeightedLoss):
    """Cross-entropy between scores (logits) and classes, or probabilities of classes.

    With scores x, class y and class weights w, for each sample::

        loss = -w[y] log softmax(x)[y]                      (classes)
        loss = -sum over c of w[c] y[c] log softmax(x)[c]   (probabilities)

    Label smoothing s replaces the target distribution q by (1 - s) q + s / C. The mean of class targets divides by the
    sum of their weights, the mean of probabilities by the number of samples.

    Args:
        weight: Weight of each class, shape (C). Default: ``None``, all 1.
        size_average, reduce: Deprecated, replaced by ``reduction``. Default: ``None``.
        ignore_index: Class whose samples count neither in the sum nor in the mean. Default: ``-100``.
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for one loss per sample. Default: ``"mean"``.
        label_smoothing: Share s, in [0, 1]. Default: ``0.0``.

    Shape:
        - Input: (C), (N, C) or (N, C, d1, ..., dk), floating-point
        - Target: the input's shape without C, int64 or uint8 class numbers; or the input's shape, floating-point
          probabilities
        - Output: (), or the target's shape without classes if ``reduction="none"``

    Raises:
        ValueError: If ``reduction`` is unknown, when called, or if the target's shape does not fit.
        RuntimeError: If ``label_smoothing``, the target's dtype or the weight's shape is wrong, or if ``ignore_index``
            is at least 0 with probabilities.
        IndexError: If a class number is out of range.

    >>> import minitensor as torch
    >>> loss = torch.nn.CrossEntropyLoss()
    >>> loss(torch.tensor([[2.0, 1.0, 0.0], [0.0, 3.0, 0.0]]), torch.tensor([0, 1]))
    tensor(0.2513)
    >>> loss(torch.tensor([[2.0, 1.0, 0.0]]), torch.tensor([[0.5, 0.5, 0.0]]))
    tensor(0.9076)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.cross_entropy(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class LinearCrossEntropyLoss(WeightedLoss):
    """Cross-entropy of scores that are a linear map of the input, with the map's weight as a parameter.

    The scores are x W^T + b; the loss is that of ``CrossEntropyLoss``.

    Args:
        in_features: Size of an input.
        num_classes: Number of classes C.
        out_features: Further dims d1, ..., dk of the scores and the targets. Default: ``()``.
        bias: Learn a bias b. Default: ``False``.
        device, dtype: Where the parameters lie, and their type.
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for one loss per sample. Default: ``"mean"``.
        weight: Weight of each class, shape (C). Default: ``None``, all 1.
        ignore_index: Class whose samples count for nothing. Default: ``None``, no class.
        label_smoothing: Share of each target that is spread evenly over all classes, in [0, 1]. Default: ``0.0``.
        options: PyTorch's options for saving memory, which are not supported. Default: ``None``.

    Shape:
        - Input: (N, in_features) or (in_features)
        - Target: (N, d1, ..., dk) or (d1, ..., dk), int64 or uint8 class numbers; or probabilities in the scores' shape
        - Output: (), or the target's shape if ``reduction="none"``

    Attributes:
        linear: The map, a ``Linear`` whose weight has shape (C d1 ... dk, in_features).

    Raises:
        RuntimeError: If ``label_smoothing`` is out of range, or if the weight, input or target has the wrong shape.
        NotImplementedError: If ``options`` is not None, when called.
        ValueError: If ``reduction`` is unknown, when called.

    >>> import minitensor as torch
    >>> loss = torch.nn.LinearCrossEntropyLoss(in_features=4, num_classes=3)
    >>> loss(torch.zeros(2, 4), torch.tensor([0, 2]))
    tensor(1.0986, grad_fn=<NllLossBackward0>)
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: tuple[int, ...] = (),
        bias: bool = False,
        device: DeviceLike = None,
        dtype: Dtype | None = None,
        reduction: str = "mean",
        weight: Tensor | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: None = None,
    ) -> None:
        if weight is not None and tuple(weight.shape) != (num_classes,):
            raise ShapeError(f"expected weight shape to be {(num_classes,)}, got {tuple(weight.shape)}")
        if not 0 <= label_smoothing <= 1:
            raise UsageError(f"expected label_smoothing to be in range [0, 1], got {label_smoothing}")
        super().__init__(weight, None, None, reduction)
        self.num_classes = num_classes
        self.out_features = out_features
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing
        self.linear = Linear(in_features, prod(out_features, start=num_classes), bias, device, dtype)
        self.options = options

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        shape, bias = (self.num_classes, *self.out_features), self.linear.bias
        return F.linear_cross_entropy(
            input,
            self.linear.weight.reshape(*shape, -1),
            target,
            linear_bias=None if bias is None else bias.reshape(shape),
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            options=self.options,
        )

    def extra_repr(self) -> str:
        """Return the sizes and options."""
        return (
            f"in_features={self.linear.in_features}, num_classes={self.num_classes}, out_features={self.out_features}, "
            f"bias={self.linear.bias is not None}, reduction={self.reduction}, ignore_index={self.ignore_index}, "
            f"label_smoothing={self.label_smoothing}, options={self.options}"
        )


class NLLLoss(WeightedLoss):
    """Negative log-likelihood of classes, from log-probabilities.

    With log-probabilities x, class y and class weights w, for each sample::

        loss = -w[y] x[y]

    The mean divides by the sum of the targets' weights. After ``LogSoftmax`` this is ``CrossEntropyLoss``.

    Args:
        weight: Weight of each class, shape (C). Default: ``None``, all 1.
        size_average, reduce: Deprecated, replaced by ``reduction``. Default: ``None``.
        ignore_index: Class whose samples count neither in the sum nor in the mean. Default: ``-100``.
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for one loss per sample. Default: ``"mean"``.

    Shape:
        - Input: (C), (N, C) or (N, C, d1, ..., dk), floating-point
        - Target: the input's shape without C, int64 or uint8
        - Output: (), or the target's shape if ``reduction="none"``

    Raises:
        ValueError: If ``reduction`` is unknown, when called, or if the target's shape does not fit.
        RuntimeError: If the target's dtype or the weight's shape is wrong.
        IndexError: If a class number is out of range.

    >>> import minitensor as torch
    >>> scores = torch.tensor([[2.0, 1.0, 0.0], [0.0, 3.0, 0.0]])
    >>> torch.nn.NLLLoss()(torch.log_softmax(scores, dim=1), torch.tensor([0, 1]))
    tensor(0.2513)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.nll_loss(input, target, weight=self.weight, ignore_index=self.ignore_index, reduction=self.reduction)


class NLLLoss2d(NLLLoss):
    """Negative log-likelihood of classes, under a deprecated name of ``NLLLoss``; creating one warns.

    Args:
        weight: Weight of each class, shape (C). Default: ``None``, all 1.
        size_average, reduce: Deprecated, replaced by ``reduction``. Default: ``None``.
        ignore_index: Class whose samples count neither in the sum nor in the mean. Default: ``-100``.
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for one loss per sample. Default: ``"mean"``.

    Shape:
        - Input: (N, C, H, W), floating-point
        - Target: (N, H, W), int64 or uint8
        - Output: (), or (N, H, W) if ``reduction="none"``

    Raises:
        ValueError: If ``reduction`` is unknown, when called, or if the target's shape does not fit.
        IndexError: If a class number is out of range.

    >>> import minitensor as torch
    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     loss = torch.nn.NLLLoss2d()
    >>> loss(torch.zeros(1, 3, 2, 2), torch.zeros(1, 2, 2, dtype=torch.int64))
    tensor(0.)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        warnings.warn("NLLLoss2d has been deprecated. Please use NLLLoss instead", FutureWarning, user_level())
        super().__init__(weight, size_average, ignore_index, reduce, reduction)


class CTCLoss(Loss):
    """Connectionist temporal classification: -log P(labels | sequence), over all alignments (Graves et al. 2006).

    An alignment repeats labels and puts blanks between them. The mean divides each loss by its target length first.

    Args:
        blank: Class number of the blank. Default: ``0``.
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for one loss per sequence. Default: ``"mean"``.
        zero_infinity: Replace infinite losses, of targets that are too long, and their gradients by zero. Default:
            ``False``.

    Shape:
        - Log_probs: (T, N, C) or (T, C), log-probabilities, for example from ``log_softmax``
        - Targets: (N, S), or all labels concatenated, (sum of target_lengths); integers
        - Input_lengths, target_lengths: (N) or (), integers, tensors or sequences
        - Output: (), or (N) if ``reduction="none"``

    Raises:
        ValueError: If ``reduction`` is unknown, when called.
        RuntimeError: If ``blank`` or a length is out of range, or if the targets are not integers.

    >>> import minitensor as torch
    >>> log_probs = torch.full((4, 1, 3), 1 / 3).log()
    >>> torch.nn.CTCLoss()(log_probs, torch.tensor([[1, 2]]), (4,), (2,))
    tensor(0.8432)
    """

    def __init__(self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False) -> None:
        super().__init__(reduction=reduction)
        self.blank = blank
        self.zero_infinity = zero_infinity

    def forward(
        self,
        log_probs: Tensor,
        targets: Tensor,
        input_lengths: Tensor | Sequence[int],
        target_lengths: Tensor | Sequence[int],
    ) -> Tensor:
        """Return the loss."""
        return F.ctc_loss(
            log_probs, targets, input_lengths, target_lengths, self.blank, self.reduction, self.zero_infinity
        )

"""Losses as layers: each calls its function in ``nn.functional`` with the options it was created with.

``reduction`` says how the losses of a batch are combined: their ``"mean"``, their ``"sum"``, or ``"none"``.
"""

from __future__ import annotations

from typing import Any

from minitensor.base import TensorBase
from minitensor.errors import ArgumentTypeError, UsageError
from minitensor.nn import functional as F
from minitensor.nn.functional.reduction import legacy_get_string
from minitensor.nn.module import Module
from minitensor.tensor import Tensor


class Loss(Module):
    """The base class of losses, which holds their reduction."""

    def __init__(self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = reduction_of(size_average, reduce, reduction)


class WeightedLoss(Loss):
    """A loss with a weight for each class or element, a buffer that moves with the module and is saved with it."""

    weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)


def reduction_of(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """Return the reduction that the two deprecated arguments ask for, or ``reduction`` if both are None."""
    if size_average is None and reduce is None:
        return reduction
    require_switches(size_average, reduce)
    return legacy_get_string(size_average, reduce)


def require_switches(*given: Any) -> None:
    """Raise for tensors: whoever passes those has called the constructor instead of the layer."""
    if any(isinstance(each, TensorBase) for each in given):
        raise UsageError(
            "size_average and reduce are bools, got a tensor; make the layer first, then call it with input and target"
        )


class MSELoss(Loss):
    """Squared error: (x - y)^2.

    Args:
        size_average, reduce: Deprecated, replaced by ``reduction``. Default: ``None``.
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for one loss per element. Default: ``"mean"``.

    Shape:
        - Input: (*), any shape
        - Target: (*), as the input; other shapes broadcast, with a warning
        - Output: (), or (*) if ``reduction="none"``

    Raises:
        ValueError: If ``reduction`` is unknown, when called.
        ShapeError: If the shapes do not broadcast.

    >>> import minitensor as torch
    >>> torch.nn.MSELoss()(torch.tensor([1.0, 2.0]), torch.tensor([0.0, 4.0]))
    tensor(2.5000)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.mse_loss(input, target, reduction=self.reduction)


class L1Loss(Loss):
    """Absolute error: |x - y|.

    Args:
        size_average, reduce: Deprecated, replaced by ``reduction``. Default: ``None``.
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for one loss per element. Default: ``"mean"``.

    Shape:
        - Input: (*), any shape
        - Target: (*), as the input; other shapes broadcast, with a warning
        - Output: (), or (*) if ``reduction="none"``

    Raises:
        ValueError: If ``reduction`` is unknown, when called.
        ShapeError: If the shapes do not broadcast.

    >>> import minitensor as torch
    >>> torch.nn.L1Loss()(torch.tensor([1.0, 2.0]), torch.tensor([0.0, 4.0]))
    tensor(1.5000)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.l1_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(Loss):
    """Squared error near zero and absolute error elsewhere (Girshick 2015).

    With d = |x - y|::

        loss = d^2 / (2 beta)   (d < beta)
        loss = d - beta / 2     (elsewhere)

    Args:
        size_average, reduce: Deprecated, replaced by ``reduction``. Default: ``None``.
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for one loss per element. Default: ``"mean"``.
        beta: Distance at which the two parts meet; 0 is ``L1Loss``. Default: ``1.0``.

    Shape:
        - Input: (*), any shape
        - Target: (*), as the input; other shapes broadcast, with a warning
        - Output: (), or (*) if ``reduction="none"``

    Raises:
        ValueError: If ``reduction`` is unknown, when called, or ``beta`` is negative.
        ShapeError: If the shapes do not broadcast.

    >>> import minitensor as torch
    >>> torch.nn.SmoothL1Loss(reduction="none")(torch.tensor([0.5, 3.0]), torch.zeros(2))
    tensor([0.1250, 2.5000])
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        beta: float = 1.0,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(Loss):
    """Squared error near zero and absolute error, times ``delta``, elsewhere (Huber 1964).

    With d = |x - y|::

        loss = d^2 / 2                  (d <= delta)
        loss = delta (d - delta / 2)    (elsewhere)

    Args:
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for one loss per element. Default: ``"mean"``.
        delta: Distance at which the two parts meet, positive. Default: ``1.0``.

    Shape:
        - Input: (*), any shape
        - Target: (*), as the input; other shapes broadcast, with a warning
        - Output: (), or (*) if ``reduction="none"``

    Raises:
        TypeError: If ``delta`` is not a number.
        ValueError: If ``reduction`` is unknown, when called, or ``delta`` is not positive.
        ShapeError: If the shapes do not broadcast.

    >>> import minitensor as torch
    >>> torch.nn.HuberLoss(reduction="none", delta=2.0)(torch.tensor([0.5, 3.0]), torch.zeros(2))
    tensor([0.1250, 4.0000])
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        if not isinstance(delta, (int, float)):
            raise ArgumentTypeError(f"HuberLoss: delta must be a number, got {delta!r}")
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class BCELoss(WeightedLoss):
    """Binary cross-entropy of probabilities x and targets y.

    With element weights w::

        loss = -w (y log x + (1 - y) log(1 - x))

    The logarithms are cut off at -100, as in PyTorch, which keeps the loss of a wrong certainty finite.

    Args:
        weight: Weights that broadcast to the input. Default: ``None``, all 1.
        size_average, reduce: Deprecated, replaced by ``reduction``. Default: ``None``.
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for one loss per element. Default: ``"mean"``.

    Shape:
        - Input: (*), probabilities in [0, 1]
        - Target: (*), as the input and of its dtype
        - Output: (), or (*) if ``reduction="none"``

    Raises:
        ValueError: If ``reduction`` is unknown, when called, or if the shapes differ.
        RuntimeError: If an input lies outside [0, 1], or if the dtypes differ.

    >>> import minitensor as torch
    >>> torch.nn.BCELoss()(torch.tensor([0.9, 0.5]), torch.tensor([1.0, 0.0]))
    tensor(0.3993)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.binary_cross_entropy(input, target, weight=self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(Loss):
    """Binary cross-entropy of scores (logits) x and targets y, without the overflow of ``Sigmoid`` and ``BCELoss``.

    With element weights w and positive weights p::

        loss = -w (p y log sigmoid(x) + (1 - y) log(1 - sigmoid(x)))

    Args:
        weight: Weights that broadcast to the input. Default: ``None``, all 1.
        size_average, reduce: Deprecated, replaced by ``reduction``. Default: ``None``.
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for one loss per element. Default: ``"mean"``.
        pos_weight: Weights p of positive targets, which broadcast to the input; more than 1 favors recall. Default:
            ``None``, all 1.

    Shape:
        - Input: (*), any shape
        - Target: (*), as the input, floating-point
        - Output: (), or (*) if ``reduction="none"``

    Raises:
        ValueError: If ``reduction`` is unknown, when called, or if the shapes differ.

    >>> import minitensor as torch
    >>> torch.nn.BCEWithLogitsLoss()(torch.tensor([2.0, 0.0]), torch.tensor([1.0, 0.0]))
    tensor(0.4100)
    """

    weight: Tensor | None
    pos_weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.binary_cross_entropy_with_logits(
            input, target, self.weight, pos_weight=self.pos_weight, reduction=self.reduction
        )


class KLDivLoss(Loss):
    """Kullback-Leibler divergence of log-probabilities x from target probabilities t (Kullback and Leibler 1951).

    For each element::

        loss = t (log t - x)            (log_target: exp(t) (t - x))

    The divergence is the sum over classes. Hence use ``"batchmean"``; ``"mean"`` divides by the number of elements too.

    Args:
        size_average, reduce: Deprecated, replaced by ``reduction``. Default: ``None``.
        reduction: ``"batchmean"`` (the sum over the batch size), ``"mean"``, ``"sum"``, or ``"none"``. Default:
            ``"mean"``.
        log_target: The target holds log-probabilities. Default: ``False``.

    Shape:
        - Input: (*), log-probabilities
        - Target: (*), as the input or a shape that broadcasts with it, floating-point
        - Output: (), or (*) if ``reduction="none"``

    Raises:
        ValueError: If ``reduction`` is unknown, when called.
        ShapeError: If the shapes do not broadcast.

    >>> import minitensor as torch
    >>> loss = torch.nn.KLDivLoss(reduction="batchmean")
    >>> loss(torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[0.25, 0.75]]))
    tensor(0.1308)
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        log_target: bool = False,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_target = log_target

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


class PoissonNLLLoss(Loss):
    """Negative log-likelihood of counts y under Poisson distributions.

    The constant log y! is left out unless ``full`` approximates it by Stirling's formula, where y > 1::

        loss = exp(x) - y x             (log_input)
        loss = x - y log(x + eps)       (otherwise)
        loss += y log y - y + log(2 pi y) / 2               (full)

    Args:
        log_input: The input is the logarithm of the expected count. Default: ``True``.
        full: Add Stirling's approximation of log y!. Default: ``False``.
        size_average: Deprecated, replaced by ``reduction``. Default: ``None``.
        eps: Number that keeps the logarithm from zero. Default: ``1e-8``.
        reduce: Deprecated, replaced by ``reduction``. Default: ``None``.
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for one loss per element. Default: ``"mean"``.

    Shape:
        - Input: (*), any shape
        - Target: (*), as the input or a shape that broadcasts with it
        - Output: (), or (*) if ``reduction="none"``

    Raises:
        ValueError: If ``reduction`` is unknown, when called.
        ShapeError: If the shapes do not broadcast.

    >>> import minitensor as torch
    >>> torch.nn.PoissonNLLLoss()(torch.tensor([0.0, 1.0]), torch.tensor([1.0, 3.0]))
    tensor(0.3591)
    """

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        size_average: bool | None = None,
        eps: float = 1e-8,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_input = log_input
        self.full = full
        self.eps = eps

    def forward(self, log_input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.poisson_nll_loss(
            log_input, target, log_input=self.log_input, full=self.full, eps=self.eps, reduction=self.reduction
        )


class GaussianNLLLoss(Loss):
    """Negative log-likelihood of targets y under normal distributions of mean x and variance v (Nix and Weigend 1994).

    The constant log(2 pi) / 2 is left out unless ``full``::

        loss = (log max(v, eps) + (x - y)^2 / max(v, eps)) / 2

    Args:
        full: Add the constant. Default: ``False``.
        eps: Least variance; gradients ignore the limit. Default: ``1e-6``.
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for one loss per element. Default: ``"mean"``.

    Shape:
        - Input: (*), any shape
        - Target: (*), as the input or a shape that broadcasts with it
        - Var: (*), as the input, that without its last dim, or with one dim of size 1; or a number
        - Output: (), or (*) if ``reduction="none"``

    Raises:
        ValueError: If ``reduction`` is unknown, when called, if a variance is negative, or if the shape of ``var`` does
            not fit.
        ShapeError: If the shapes do not broadcast.

    >>> import minitensor as torch
    >>> torch.nn.GaussianNLLLoss()(torch.zeros(2), torch.tensor([1.0, 2.0]), torch.ones(2))
    tensor(1.2500)
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.full = full
        self.eps = eps

    def forward(self, input: Tensor, target: Tensor, var: Tensor | float) -> Tensor:
        """Return the loss."""
        return F.gaussian_nll_loss(input, target, var, full=self.full, eps=self.eps, reduction=self.reduction)

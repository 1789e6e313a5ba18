"""A scheduler that follows the training: it lowers the rate when a metric stops improving."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from minitensor.errors import ArgumentError, GradError, WrongKindError
from minitensor.optim.lr_scheduler.base import LRScheduler, plain, require_optimizer, set_rate, warn_of_epoch
from minitensor.optim.optimizer import Optimizer


class ReduceLROnPlateau(LRScheduler):
    """Multiply the rate by ``factor`` when a metric has not improved for more than ``patience`` epochs.

    Call ``step(metric)`` after each epoch.

    Args:
        optimizer: Whose learning rates to set.
        mode: Whether a better metric is smaller, ``"min"``, or larger, ``"max"``. Default: ``"min"``.
        factor: The factor, less than 1. Default: ``0.1``.
        patience: Number of epochs without improvement to wait. Default: ``10``.
        threshold: Least change that counts as an improvement. Default: ``1e-4``.
        threshold_mode: Whether ``threshold`` is a fraction of the best metric, ``"rel"``, or a difference, ``"abs"``.
            Default: ``"rel"``.
        cooldown: Epochs after a reduction in which none counts as bad. Default: ``0``.
        min_lr: Least rate, a number or one for each group. Default: ``0``.
        eps: Reductions by at most this are not made. Default: ``1e-8``.

    Raises:
        TypeError: If ``optimizer`` is not an optimizer.
        ValueError: If ``factor`` is at least 1, a mode is unknown, or ``min_lr`` does not have one entry for each
            group.

    >>> import minitensor as torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    >>> scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=1)
    >>> for loss in [3.0, 2.0, 2.0, 2.0]:
    ...     scheduler.step(loss)
    >>> scheduler.get_last_lr()
    [0.1]
    """

    words: ClassVar[dict[str, tuple[str, ...]]] = {"mode": ("min", "max"), "threshold_mode": ("rel", "abs")}

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0,
        eps: float = 1e-8,
    ) -> None:
        if factor >= 1.0:
            raise ArgumentError(f"Factor should be < 1.0, got {factor}")
        if mode not in ("min", "max"):
            raise WrongKindError(f"mode {mode} is unknown!")
        if threshold_mode not in ("rel", "abs"):
            raise WrongKindError(f"threshold mode {threshold_mode} is unknown!")
        require_optimizer(optimizer)
        self.factor = factor
        self.optimizer = optimizer
        groups = len(optimizer.param_groups)
        several = isinstance(min_lr, Sequence) and not isinstance(min_lr, (str, bytes))
        self.default_min_lr = None if several else min_lr
        self.min_lrs: list[Any] = [*min_lr] if several else [min_lr] * groups  # type: ignore[misc]  # several
        if len(self.min_lrs) != groups:
            raise ArgumentError(f"expected {groups} min_lrs, got {len(self.min_lrs)}")
        self.patience = patience
        self.cooldown = cooldown
        self.eps = eps
        self.last_epoch = 0
        self._last_lr = self.rates()
        self.mode_worse = math.inf if mode == "min" else -math.inf
        self.mode = mode
        self.threshold = threshold
        self.threshold_mode = threshold_mode
        self.best = self.mode_worse
        self.cooldown_counter = 0
        self.num_bad_epochs = 0

    def step(self, metrics: Any, epoch: int | None = None) -> None:
        """End an epoch with this metric.

        Args:
            metrics: The metric, a number or a tensor with one element.
            epoch: Number of the epoch. Default: ``None``, the next one.
        """
        current = float(metrics)
        warn_of_epoch(epoch)
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self.is_better(current, self.best):
            self.best = current
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self._last_lr = self.rates()

    @property
    def in_cooldown(self) -> bool:
        """Whether bad epochs do not count now."""
        return self.cooldown_counter > 0

    def is_better(self, measure: float, best: float) -> bool:
        """Tell whether the metric ``measure`` beats ``best`` by the threshold."""
        if self.mode == "min":
            return measure < (best * (1.0 - self.threshold) if self.threshold_mode == "rel" else best - self.threshold)
        return measure > (best * (self.threshold + 1.0) if self.threshold_mode == "rel" else best + self.threshold)

    def _reduce(self) -> None:
        """Reduce every group's rate, but not below its least rate."""
        groups = self.optimizer.param_groups
        if len(groups) != len(self.min_lrs):
            if self.default_min_lr is None:
                raise GradError(
                    f"The number of param groups in the `optimizer` ({len(groups)}) differs from when "
                    f"`ReduceLROnPlateau` was initialized ({len(self.min_lrs)}): add its floor to `min_lrs`"
                )
            self.min_lrs = [self.default_min_lr] * len(groups)
        for group, floor in zip(groups, self.min_lrs, strict=True):
            old = plain(group["lr"])
            new = max(old * self.factor, floor)
            if old - new > self.eps:
                set_rate(group, new)

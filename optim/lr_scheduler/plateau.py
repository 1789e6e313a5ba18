"""A schedule that looks at how training goes: it waits while a measure gets better, and slows down when it does not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from minitensor.errors import ArgumentError, GradError
from minitensor.optim.lr_scheduler.base import LRScheduler, WrongWordError, plain, require_optimizer, set_rate
from minitensor.optim.optimizer import Optimizer


class ReduceLROnPlateau(LRScheduler):
    """Multiply by ``factor`` when a measure has not got better for more than ``patience`` epochs.

    Args:
        mode: whether a better measure is smaller ("min") or larger ("max").
        threshold, threshold_mode: what counts as better: by this share of the best ("rel"), or by this much ("abs").
        cooldown: epochs to wait after a reduction before counting bad ones again.
        min_lr: a floor, for all groups or for each.
        eps: smaller reductions are left out.
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
            raise WrongWordError(f"mode {mode} is unknown!")
        if threshold_mode not in ("rel", "abs"):
            raise WrongWordError(f"threshold mode {threshold_mode} is unknown!")
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
        self.mode = mode
        self.mode_worse = math.inf if mode == "min" else -math.inf
        self.threshold = threshold
        self.threshold_mode = threshold_mode
        self.best = self.mode_worse
        self.cooldown_counter = 0
        self.num_bad_epochs = 0

    def step(self, metrics: Any, epoch: int | None = None) -> None:
        """End an epoch with this measure."""
        current = float(metrics)
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
        """Whether a measure beats the best by the threshold."""
        if self.mode == "min":
            return measure < (best * (1.0 - self.threshold) if self.threshold_mode == "rel" else best - self.threshold)
        return measure > (best * (self.threshold + 1.0) if self.threshold_mode == "rel" else best + self.threshold)

    def _reduce(self) -> None:
        """Reduce every group's rate, but not below its floor."""
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

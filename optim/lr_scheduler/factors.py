"""Schedules that multiply: by a function of the epoch, at some epochs, at each, or along a line or a power."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import NoneType
from typing import Any

from minitensor.errors import ArgumentError, ArgumentTypeError, WrongTypeError
from minitensor.optim.lr_scheduler.base import (
    LRScheduler,
    named_state,
    require_entry,
    require_optimizer,
    require_state,
)
from minitensor.optim.optimizer import Optimizer


class LambdaLR(LRScheduler):
    """lr = initial lr * f(epoch), with one f for all groups or one for each."""

    lr_lambdas: list[Callable[[int], float]]

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        self.lr_lambdas = functions_for(optimizer, lr_lambda)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return each group's initial rate times its function."""
        return [base * f(self.last_epoch) for base, f in zip(self.base_lrs, self.lr_lambdas, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """Return everything but the optimizer and plain functions; of callable objects, their attributes."""
        kept = super().state_dict()
        kept["lr_lambdas"] = [named_state(f) for f in self.lr_lambdas]
        return kept

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back what ``state_dict`` returned; functions stay as they are."""
        require_state(self, state_dict)
        kept = require_entry(self, state_dict, "lr_lambdas", len(self.lr_lambdas))
        for attributes in kept:
            if not isinstance(attributes, (Mapping, NoneType)):
                raise WrongTypeError(f"lr_lambdas: a dict of attributes or None, got {type(attributes).__name__}")
        super().load_state_dict({name: value for name, value in state_dict.items() if name != "lr_lambdas"})
        for f, attributes in zip(self.lr_lambdas, kept, strict=True):
            if attributes is not None:
                f.__dict__.update(attributes)


def functions_for(optimizer: Optimizer, given: Any) -> list[Any]:
    """Return a function for each group, which may have been given one by one."""
    require_optimizer(optimizer)
    groups = len(optimizer.param_groups)
    functions = list(given) if isinstance(given, Sequence) else [given] * groups
    if len(functions) != groups:
        raise ArgumentError(f"Expected {groups} lr_lambdas, but got {len(functions)}")
    return functions


class MultiplicativeLR(LambdaLR):
    """lr <- lr * f(epoch), with one f for all groups or one for each."""

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        lambdas = functions_for(optimizer, lr_lambda)
        for each in lambdas:
            if not callable(each):
                raise ArgumentTypeError(f"lr_lambda should be a function, but got {type(each).__name__}")
        super().__init__(optimizer, lambdas, last_epoch)

    def get_lr(self) -> list[float]:
        """Return each group's rate times its function."""
        if self._is_initial:
            return self.rates()
        return [rate * f(self.last_epoch) for rate, f in zip(self.rates(), self.lr_lambdas, strict=True)]


class StepLR(LRScheduler):
    """Multiply by gamma every ``step_size`` epochs."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return lr * gamma at multiples of the step size, lr elsewhere."""
        due = self.last_epoch != 0 and self.last_epoch % self.step_size == 0
        return [rate * self.gamma if due else rate for rate in self.rates()]

    def _get_closed_form_lr(self) -> list[float]:
        return [base * self.gamma ** (self.last_epoch // self.step_size) for base in self.base_lrs]


class MultiStepLR(LRScheduler):
    """Multiply by gamma at each milestone."""

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.milestones = Counter(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return lr * gamma for each time this epoch is among the milestones."""
        times = self.milestones[self.last_epoch]
        return [rate * self.gamma**times if times else rate for rate in self.rates()]

    def _get_closed_form_lr(self) -> list[float]:
        passed = sum(times for epoch, times in self.milestones.items() if epoch <= self.last_epoch)
        return [base * self.gamma**passed for base in self.base_lrs]


class ConstantLR(LRScheduler):
    """Multiply by ``factor`` for the first ``total_iters`` epochs."""

    def __init__(
        self, optimizer: Optimizer, factor: float = 1.0 / 3, total_iters: int = 5, last_epoch: int = -1
    ) -> None:
        if not 0 <= factor <= 1.0:
            raise ArgumentError(f"Constant multiplicative factor expected to be between 0 and 1., got {factor}")
        self.factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return lr * factor at first, lr / factor when the time is over."""
        if self.last_epoch == 0:
            return [rate * self.factor for rate in self.rates()]
        if self.last_epoch != self.total_iters:
            return self.rates()
        return [rate * (1.0 / self.factor) for rate in self.rates()]

    def _get_closed_form_lr(self) -> list[float]:
        over = self.last_epoch >= self.total_iters
        return [base * (self.factor + over * (1 - self.factor)) for base in self.base_lrs]


class ExponentialLR(LRScheduler):
    """Multiply by gamma every epoch."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return lr * gamma."""
        return [rate if self._is_initial else rate * self.gamma for rate in self.rates()]

    def _get_closed_form_lr(self) -> list[float]:
        return [base * self.gamma**self.last_epoch for base in self.base_lrs]


class LinearLR(LRScheduler):
    """Multiply by a factor that goes from ``start_factor`` to ``end_factor`` in ``total_iters`` epochs, and stays."""

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 < start_factor <= 1.0:
            raise ArgumentError(
                "Starting multiplicative factor expected to be greater than 0 and less or equal to 1., "
                f"got {start_factor}"
            )
        if not 0 <= end_factor <= 1.0:
            raise ArgumentError(f"Ending multiplicative factor expected to be between 0 and 1., got {end_factor}")
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return lr times this epoch's factor over that of the epoch before."""
        if self.last_epoch == 0:
            return [rate * self.start_factor for rate in self.rates()]
        if self._is_initial or self.last_epoch > self.total_iters:
            return self.rates()
        rise = self.end_factor - self.start_factor
        factor = 1.0 + rise / (self.total_iters * self.start_factor + (self.last_epoch - 1) * rise)
        return [rate * factor for rate in self.rates()]

    def _get_closed_form_lr(self) -> list[float]:
        rise = self.end_factor - self.start_factor
        share = min(self.total_iters, self.last_epoch)
        return [base * (self.start_factor + rise * share / self.total_iters) for base in self.base_lrs]


class PolynomialLR(LRScheduler):
    """lr = initial lr * (1 - epoch / total_iters)^power, and zero from ``total_iters`` on."""

    def __init__(
        self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1
    ) -> None:
        self.total_iters = total_iters
        self.power = power
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return lr times this epoch's factor over that of the epoch before."""
        if self._is_initial or self.last_epoch > self.total_iters:
            return self.rates()
        now, before = (1.0 - epoch / self.total_iters for epoch in (self.last_epoch, self.last_epoch - 1))
        return [rate * (now / before) ** self.power for rate in self.rates()]

    def _get_closed_form_lr(self) -> list[float]:
        left = 1.0 - min(self.total_iters, self.last_epoch) / self.total_iters
        return [base * left**self.power for base in self.base_lrs]

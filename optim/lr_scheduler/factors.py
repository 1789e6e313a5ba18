"""Schedulers that multiply: by a function of the epoch, at some epochs, at each, or along a line or a power."""

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
    """Multiply the initial rate by a function of the epoch: lr = initial_lr f(epoch).

    Args:
        optimizer: Whose learning rates to set.
        lr_lambda: The function f, or a list with one for each group.
        last_epoch: The epoch to resume after; -1 starts anew. Default: ``-1``.

    Raises:
        TypeError: If ``optimizer`` is not an optimizer, or f is not callable.
        ValueError: If there are not as many functions as groups.
        KeyError: If ``last_epoch`` resumes and a group has no ``initial_lr``.

    >>> import minitensor as torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    >>> scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1 / (1 + epoch))
    >>> rates = []
    >>> for _ in range(4):
    ...     rates.append(round(scheduler.get_last_lr()[0], 3))
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [1.0, 0.5, 0.333, 0.25]
    """

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
        """Return all attributes except the optimizer and plain functions; of callable objects, their attributes."""
        kept = super().state_dict()
        del kept["lr_lambdas"]  # PyTorch's are last
        kept["lr_lambdas"] = [named_state(f) for f in self.lr_lambdas]
        return kept

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore what ``state_dict`` returned; functions stay as they are.

        Raises:
            TypeError: If the state of a function is neither a dict nor None.
        """
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
    """Return a function for each group, given once or one by one."""
    require_optimizer(optimizer)
    groups = len(optimizer.param_groups)
    functions = list(given) if isinstance(given, Sequence) else [given] * groups
    if len(functions) != groups:
        raise ArgumentError(f"Expected {groups} lr_lambdas, but got {len(functions)}")
    return functions


class MultiplicativeLR(LambdaLR):
    """Multiply the rate by a function of the epoch: lr <- lr f(epoch).

    Args:
        optimizer: Whose learning rates to set.
        lr_lambda: The function f, or a list with one for each group; it is first called for epoch 1.
        last_epoch: The epoch to resume after; -1 starts anew. Default: ``-1``.

    Raises:
        TypeError: If ``optimizer`` is not an optimizer, or f is not callable.
        ValueError: If there are not as many functions as groups.
        KeyError: If ``last_epoch`` resumes and a group has no ``initial_lr``.

    >>> import minitensor as torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    >>> scheduler = torch.optim.lr_scheduler.MultiplicativeLR(optimizer, lambda epoch: 0.5)
    >>> rates = []
    >>> for _ in range(4):
    ...     rates.append(round(scheduler.get_last_lr()[0], 3))
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [1.0, 0.5, 0.25, 0.125]
    """

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
    """Multiply the rate by ``gamma`` every ``step_size`` epochs.

    Args:
        optimizer: Whose learning rates to set.
        step_size: Number of epochs between two changes.
        gamma: The factor. Default: ``0.1``.
        last_epoch: The epoch to resume after; -1 starts anew. Default: ``-1``.

    Raises:
        TypeError: If ``optimizer`` is not an optimizer.
        KeyError: If ``last_epoch`` resumes and a group has no ``initial_lr``.
        ZeroDivisionError: If ``step_size`` is 0, in ``step``.

    >>> import minitensor as torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    >>> scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
    >>> rates = []
    >>> for _ in range(5):
    ...     rates.append(round(scheduler.get_last_lr()[0], 3))
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return lr gamma at multiples of the step size, lr elsewhere."""
        due = self.last_epoch != 0 and self.last_epoch % self.step_size == 0
        return [rate * self.gamma if due else rate for rate in self.rates()]

    def _get_closed_form_lr(self) -> list[float]:
        return [base * self.gamma ** (self.last_epoch // self.step_size) for base in self.base_lrs]


class MultiStepLR(LRScheduler):
    """Multiply the rate by ``gamma`` at each milestone.

    Args:
        optimizer: Whose learning rates to set.
        milestones: Epochs; one that occurs twice multiplies twice.
        gamma: The factor. Default: ``0.1``.
        last_epoch: The epoch to resume after; -1 starts anew. Default: ``-1``.

    Raises:
        TypeError: If ``optimizer`` is not an optimizer.
        KeyError: If ``last_epoch`` resumes and a group has no ``initial_lr``.

    >>> import minitensor as torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    >>> scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[1, 3], gamma=0.5)
    >>> rates = []
    >>> for _ in range(5):
    ...     rates.append(round(scheduler.get_last_lr()[0], 3))
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [1.0, 0.5, 0.5, 0.25, 0.25]
    """

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.milestones = Counter(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return lr gamma for each time that this epoch is among the milestones."""
        times = self.milestones[self.last_epoch]
        return [rate * self.gamma**times if times else rate for rate in self.rates()]

    def _get_closed_form_lr(self) -> list[float]:
        passed = sum(times for epoch, times in self.milestones.items() if epoch <= self.last_epoch)
        return [base * self.gamma**passed for base in self.base_lrs]


class ConstantLR(LRScheduler):
    """Multiply the rate by ``factor`` for the first ``total_iters`` epochs, a simple warmup.

    Args:
        optimizer: Whose learning rates to set.
        factor: The factor, in [0, 1]. Default: ``0.3333333333333333``.
        total_iters: Number of epochs. Default: ``5``.
        last_epoch: The epoch to resume after; -1 starts anew. Default: ``-1``.

    Raises:
        TypeError: If ``optimizer`` is not an optimizer.
        ValueError: If ``factor`` lies outside [0, 1].
        KeyError: If ``last_epoch`` resumes and a group has no ``initial_lr``.
        ZeroDivisionError: If ``factor`` is 0, in the step that ends it.

    >>> import minitensor as torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    >>> scheduler = torch.optim.lr_scheduler.ConstantLR(optimizer, factor=0.5, total_iters=2)
    >>> rates = []
    >>> for _ in range(4):
    ...     rates.append(round(scheduler.get_last_lr()[0], 3))
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [0.5, 0.5, 1.0, 1.0]
    """

    def __init__(
        self, optimizer: Optimizer, factor: float = 1.0 / 3, total_iters: int = 5, last_epoch: int = -1
    ) -> None:
        if not 0 <= factor <= 1.0:
            raise ArgumentError(f"Constant multiplicative factor expected to be between 0 and 1., got {factor}")
        self.factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return lr factor at first, lr / factor at the end."""
        if self.last_epoch == 0:
            return [rate * self.factor for rate in self.rates()]
        if self.last_epoch != self.total_iters:
            return self.rates()
        return [rate * (1.0 / self.factor) for rate in self.rates()]

    def _get_closed_form_lr(self) -> list[float]:
        over = self.last_epoch >= self.total_iters
        return [base * (self.factor + over * (1 - self.factor)) for base in self.base_lrs]


class ExponentialLR(LRScheduler):
    """Multiply the rate by ``gamma`` every epoch: lr = initial_lr gamma^epoch.

    Args:
        optimizer: Whose learning rates to set.
        gamma: The factor.
        last_epoch: The epoch to resume after; -1 starts anew. Default: ``-1``.

    Raises:
        TypeError: If ``optimizer`` is not an optimizer.
        KeyError: If ``last_epoch`` resumes and a group has no ``initial_lr``.

    >>> import minitensor as torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    >>> scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    >>> rates = []
    >>> for _ in range(4):
    ...     rates.append(round(scheduler.get_last_lr()[0], 3))
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [1.0, 0.5, 0.25, 0.125]
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return lr * gamma."""
        return [rate if self._is_initial else rate * self.gamma for rate in self.rates()]

    def _get_closed_form_lr(self) -> list[float]:
        return [base * self.gamma**self.last_epoch for base in self.base_lrs]


class LinearLR(LRScheduler):
    """Multiply the initial rate by a factor that changes linearly, usually a warmup.

    At epoch e, with s = min(1, e / total_iters)::

        lr = initial_lr (start_factor + s (end_factor - start_factor))

    Args:
        optimizer: Whose learning rates to set.
        start_factor: First factor, in (0, 1]. Default: ``0.3333333333333333``.
        end_factor: Last factor, in [0, 1]. Default: ``1.0``.
        total_iters: Number of epochs of the change. Default: ``5``.
        last_epoch: The epoch to resume after; -1 starts anew. Default: ``-1``.

    Raises:
        TypeError: If ``optimizer`` is not an optimizer.
        ValueError: If a factor is out of range.
        KeyError: If ``last_epoch`` resumes and a group has no ``initial_lr``.

    >>> import minitensor as torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    >>> scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.5, total_iters=2)
    >>> rates = []
    >>> for _ in range(4):
    ...     rates.append(round(scheduler.get_last_lr()[0], 3))
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [0.5, 0.75, 1.0, 1.0]
    """

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
        """Return lr times this epoch's factor divided by that of the epoch before."""
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
    """Decay the rate to zero along a power: lr = initial_lr (1 - epoch / total_iters)^power.

    From ``total_iters`` on the rate is zero.

    Args:
        optimizer: Whose learning rates to set.
        total_iters: Number of epochs of the decay. Default: ``5``.
        power: The power; 1 is a line. Default: ``1.0``.
        last_epoch: The epoch to resume after; -1 starts anew. Default: ``-1``.

    Raises:
        TypeError: If ``optimizer`` is not an optimizer.
        KeyError: If ``last_epoch`` resumes and a group has no ``initial_lr``.

    >>> import minitensor as torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    >>> scheduler = torch.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=4)
    >>> rates = []
    >>> for _ in range(6):
    ...     rates.append(round(scheduler.get_last_lr()[0], 3))
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]
    """

    def __init__(
        self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1
    ) -> None:
        self.total_iters = total_iters
        self.power = power
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return lr times this epoch's factor divided by that of the epoch before."""
        if self._is_initial or self.last_epoch > self.total_iters:
            return self.rates()
        now, before = (1.0 - epoch / self.total_iters for epoch in (self.last_epoch, self.last_epoch - 1))
        return [rate * (now / before) ** self.power for rate in self.rates()]

    def _get_closed_form_lr(self) -> list[float]:
        left = 1.0 - min(self.total_iters, self.last_epoch) / self.total_iters
        return [base * left**self.power for base in self.base_lrs]

"""Schedulers made of schedulers: one after another, or all at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from minitensor.errors import ArgumentError, ArgumentTypeError
from minitensor.optim.lr_scheduler.base import LRScheduler, require_entry, require_state, set_rate
from minitensor.optim.optimizer import Optimizer


class Combined(LRScheduler):
    """The base class of schedulers that hold others, whose states are saved with their own."""

    _schedulers: list[Any]

    def state_dict(self) -> dict[str, Any]:
        """Return all attributes except the optimizer, and the schedulers' own states."""
        state = {name: value for name, value in self.__dict__.items() if name not in ("optimizer", "_schedulers")}
        return {**state, "_schedulers": [each.state_dict() for each in self._schedulers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore what ``state_dict`` returned."""
        require_state(self, state_dict)
        states = require_entry(self, state_dict, "_schedulers", len(self._schedulers))
        for scheduler, state in zip(self._schedulers, states, strict=True):
            require_state(scheduler, state)
        super().load_state_dict({name: value for name, value in state_dict.items() if name != "_schedulers"})
        for scheduler, state in zip(self._schedulers, states, strict=True):
            scheduler.load_state_dict(state)


class SequentialLR(Combined):
    """Follow one scheduler up to a milestone, then the next, which starts anew.

    Args:
        optimizer: Whose learning rates to set.
        schedulers: The schedulers, in order.
        milestones: Epochs at which the next scheduler takes over, one less than schedulers.
        last_epoch: The epoch to resume after; -1 starts anew. Default: ``-1``.

    Raises:
        ValueError: If there are no schedulers, if one is a ``ReduceLROnPlateau`` or belongs to another optimizer, or if
            the number of milestones does not fit.

    >>> import minitensor as torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    >>> warmup = torch.optim.lr_scheduler.ConstantLR(optimizer, factor=0.1, total_iters=2)
    >>> decay = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    >>> scheduler = torch.optim.lr_scheduler.SequentialLR(optimizer, [warmup, decay], milestones=[2])
    >>> rates = []
    >>> for _ in range(5):
    ...     rates.append(round(scheduler.get_last_lr()[0], 3))
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [0.1, 0.1, 1.0, 0.5, 0.25]
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int], last_epoch: int = -1
    ) -> None:
        require_schedulers(type(self).__name__, schedulers, optimizer)
        if len(milestones) != len(schedulers) - 1:
            raise ArgumentError(
                "Sequential Schedulers expects number of schedulers provided to be one more than the number of "
                f"milestone points, but got {len(schedulers)} schedulers and {len(milestones)} milestones"
            )
        self._schedulers = list(schedulers)
        self._milestones = list(milestones)
        self.last_epoch = last_epoch + 1
        self.optimizer = optimizer
        for group in optimizer.param_groups:
            set_rate(group, group["initial_lr"])
        undo_first_step(self)
        first = self._schedulers[bisect_right(self._milestones, 0)]
        restart(first)
        self._last_lr = first.get_last_lr()

    def step(self) -> None:
        """Begin the next epoch."""
        self.last_epoch += 1
        number = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[number]
        if number and self._milestones[number - 1] == self.last_epoch:
            scheduler._update_lr(0)
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()


class ChainedScheduler(Combined):
    """Step several schedulers at once, each from the rates that the one before it set.

    Args:
        schedulers: The schedulers, in order.
        optimizer: Whose learning rates they set. Default: ``None``, that of the first.

    Raises:
        ValueError: If there are no schedulers, if one is a ``ReduceLROnPlateau`` or belongs to another optimizer.

    >>> import minitensor as torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    >>> warmup = torch.optim.lr_scheduler.ConstantLR(optimizer, factor=0.1, total_iters=2)
    >>> decay = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    >>> scheduler = torch.optim.lr_scheduler.ChainedScheduler([warmup, decay], optimizer)
    >>> rates = []
    >>> for _ in range(4):
    ...     rates.append(round(scheduler.get_last_lr()[0], 3))
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [0.1, 0.05, 0.25, 0.125]
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        if len(schedulers) < 1:
            raise ArgumentError("ChainedScheduler expects at least one scheduler to be chained, but got no scheduler.")
        optimizer = schedulers[0].optimizer if optimizer is None else optimizer
        require_schedulers(type(self).__name__, schedulers, optimizer)
        self._schedulers = list(schedulers)
        self.optimizer = optimizer
        self._last_lr = self.rates()

    def step(self) -> None:
        """Begin the next epoch of every scheduler."""
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = self.rates()


def require_schedulers(name: str, schedulers: Sequence[Any], optimizer: Optimizer) -> None:
    """Raise unless there are schedulers, all of this optimizer, and none that needs a metric."""
    if len(schedulers) < 1:
        raise ArgumentError(f"{name} expects at least one scheduler, but got no scheduler.")
    for i, scheduler in enumerate(schedulers):
        if not hasattr(scheduler, "optimizer"):
            raise ArgumentTypeError(f"{name} at index {i} should have `optimizer` as its attribute.")
        if type(scheduler).__name__ == "ReduceLROnPlateau":
            raise ArgumentError(f"{name} does not support `ReduceLROnPlateau`, which needs a measure; got it at {i}")
        if scheduler.optimizer is not optimizer:
            raise ArgumentError(
                f"{name} expects all schedulers to belong to the same optimizer, but the one at index {i}, a "
                f"{type(scheduler).__name__}, has another"
            )


def undo_first_step(scheduler: Any) -> None:
    """Undo the step that creating a scheduler took."""
    for each in getattr(scheduler, "_schedulers", ()):
        undo_first_step(each)
    if not hasattr(scheduler, "_schedulers"):
        scheduler.last_epoch -= 1


def restart(scheduler: Any) -> None:
    """Take a scheduler's first step again."""
    scheduler._is_initial = True
    scheduler._step_count = 0
    scheduler.step()
    scheduler._is_initial = False

"""Schedules made of schedules: one after another, or all at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from minitensor.errors import ArgumentError
from minitensor.optim.lr_scheduler.base import LRScheduler, require_entry, require_state, set_rate
from minitensor.optim.optimizer import Optimizer


class Combined(LRScheduler):
    """What has schedules: their states are saved with its own."""

    _schedulers: list[Any]

    def state_dict(self) -> dict[str, Any]:
        """Return everything but the optimizer, and the schedules' own states."""
        state = {name: value for name, value in self.__dict__.items() if name not in ("optimizer", "_schedulers")}
        return {**state, "_schedulers": [each.state_dict() for each in self._schedulers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back what ``state_dict`` returned."""
        require_state(self, state_dict)
        states = require_entry(self, state_dict, "_schedulers", len(self._schedulers))
        for scheduler, state in zip(self._schedulers, states, strict=True):
            require_state(scheduler, state)
        super().load_state_dict({name: value for name, value in state_dict.items() if name != "_schedulers"})
        for scheduler, state in zip(self._schedulers, states, strict=True):
            scheduler.load_state_dict(state)


class SequentialLR(Combined):
    """Follow the first schedule up to the first milestone, then the second, which begins anew, and so on."""

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
            scheduler.step(0)
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()


class ChainedScheduler(Combined):
    """Take a step of every schedule, each from where the one before it came."""

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        if len(schedulers) < 1:
            raise ArgumentError("ChainedScheduler expects at least one scheduler to be chained, but got no scheduler.")
        optimizer = schedulers[0].optimizer if optimizer is None else optimizer
        require_schedulers(type(self).__name__, schedulers, optimizer)
        self._schedulers = list(schedulers)
        self.optimizer = optimizer
        self._last_lr = self.rates()

    def step(self) -> None:
        """Begin the next epoch of every schedule."""
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = self.rates()


def require_schedulers(name: str, schedulers: Sequence[Any], optimizer: Optimizer) -> None:
    """Refuse none at all, what is no schedule or wants a measure, and schedules of another optimizer."""
    if len(schedulers) < 1:
        raise ArgumentError(f"{name} expects at least one scheduler, but got no scheduler.")
    for i, scheduler in enumerate(schedulers):
        if not hasattr(scheduler, "optimizer"):
            raise ArgumentError(f"{name} at index {i} should have `optimizer` as its attribute.")
        if type(scheduler).__name__ == "ReduceLROnPlateau":
            raise ArgumentError(f"{name} does not support `ReduceLROnPlateau`, which needs a measure; got it at {i}")
        if scheduler.optimizer is not optimizer:
            raise ArgumentError(
                f"{name} expects all schedulers to belong to the same optimizer, but the one at index {i}, a "
                f"{type(scheduler).__name__}, has another"
            )


def undo_first_step(scheduler: Any) -> None:
    """Take back the step that making a schedule took."""
    for each in getattr(scheduler, "_schedulers", ()):
        undo_first_step(each)
    if not hasattr(scheduler, "_schedulers"):
        scheduler.last_epoch -= 1


def restart(scheduler: Any) -> None:
    """Take a schedule's first step again."""
    scheduler._is_initial = True
    scheduler._step_count = 0
    scheduler.step()
    scheduler._is_initial = False

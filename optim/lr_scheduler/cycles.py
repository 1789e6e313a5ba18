"""Schedulers that rise and fall while momentum falls and rises (Smith 2015; Smith and Topin 2017)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from minitensor.errors import ArgumentError, GuardZeroDivisionError
from minitensor.optim.lr_scheduler.base import (
    LRScheduler,
    named_state,
    one_for_each,
    require_entry,
    require_optimizer,
    require_real,
    require_state,
    set_rate,
)
from minitensor.optim.optimizer import Group, Optimizer


def triangular_height(gamma: float, cycle: float) -> float:
    return 1.0


def triangular2_height(gamma: float, cycle: float) -> float:
    return float(1 / (2.0 ** (cycle - 1)))


def exp_range_height(gamma: float, step: float) -> float:
    return float(gamma**step)


# How a cycle's height changes: from the cycle's number, or from the number of the step, with gamma.
HEIGHTS: dict[str, tuple[str, Callable[[float, float], float]]] = {
    "triangular": ("cycle", triangular_height),
    "triangular2": ("cycle", triangular2_height),
    "exp_range": ("iterations", exp_range_height),
}


class Momenta:
    """The momentum of an optimizer's groups, in whichever option it is."""

    def __init__(self, optimizer: Optimizer, base: Any, largest: Any, fresh: bool) -> None:
        if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
            raise ArgumentError("optimizer must support momentum or beta1 with `cycle_momentum` option enabled")
        self.use_beta1 = "betas" in optimizer.defaults
        self.bases = one_for_each("base_momentum", optimizer, base)
        self.largest = one_for_each("max_momentum", optimizer, largest)
        if fresh:
            for most, least, group in zip(self.largest, self.bases, optimizer.param_groups, strict=True):
                set_momentum(group, most)
                group["max_momentum"], group["base_momentum"] = most, least


def set_momentum(group: Group, momentum: float) -> None:
    """Set a group's momentum, or the first of its betas."""
    if "betas" in group:
        group["betas"] = (momentum, *group["betas"][1:])
    else:
        group["momentum"] = momentum


class CyclicLR(LRScheduler):
    """Cycle the rate between two bounds, and momentum inversely (Smith 2015).

    With x the distance from the last bound as a share of the half cycle, for step t of cycle c::

        lr = base_lr + (max_lr - base_lr) x scale

    where scale is 1 for "triangular", 1 / 2^(c - 1) for "triangular2", and gamma^t for "exp_range". Call ``step`` after
    every batch, not every epoch.

    Args:
        optimizer: Whose learning rates to set.
        base_lr: Lower bound, a number or one for each group; replaces the initial rates.
        max_lr: Upper bound, a number or one for each group.
        step_size_up: Steps of the rising half. Default: ``2000``.
        step_size_down: Steps of the falling half. Default: ``None``, as many.
        mode: ``"triangular"``, ``"triangular2"`` or ``"exp_range"``. Default: ``"triangular"``.
        gamma: Factor of ``"exp_range"``. Default: ``1.0``.
        scale_fn: A function that returns the scale, in place of ``mode``. Default: ``None``.
        scale_mode: What ``scale_fn`` gets: the number of the ``"cycle"``, or of the ``"iterations"``. Default:
            ``"cycle"``.
        cycle_momentum: Cycle momentum too, or the first beta. Default: ``True``.
        base_momentum: Least momentum, at the greatest rate; a number or one for each group. Default: ``0.8``.
        max_momentum: Greatest momentum, at the least rate; a number or one for each group. Default: ``0.9``.
        last_epoch: The epoch to resume after; -1 starts anew. Default: ``-1``.

    Raises:
        TypeError: If ``optimizer`` is not an optimizer.
        ValueError: If ``mode`` is unknown, if a list does not have one entry for each group, or if ``cycle_momentum``
            is true and the optimizer has neither momentum nor betas.
        ZeroDivisionError: If ``step_size_up`` is 0.
        KeyError: If ``last_epoch`` resumes and a group has no ``initial_lr``.

    >>> import minitensor as torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0, momentum=0.9)
    >>> scheduler = torch.optim.lr_scheduler.CyclicLR(optimizer, base_lr=0.1, max_lr=0.5, step_size_up=2)
    >>> rates = []
    >>> for _ in range(6):
    ...     rates.append(round(scheduler.get_last_lr()[0], 3))
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [0.1, 0.3, 0.5, 0.3, 0.1, 0.3]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | Sequence[float],
        max_lr: float | Sequence[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.8,
        max_momentum: float | Sequence[float] = 0.9,
        last_epoch: int = -1,
    ) -> None:
        require_optimizer(optimizer)
        base_lrs = one_for_each("base_lr", optimizer, base_lr)
        if last_epoch == -1:
            for rate, group in zip(base_lrs, optimizer.param_groups, strict=True):
                set_rate(group, rate)
        self.max_lrs = one_for_each("max_lr", optimizer, max_lr)
        up = float(step_size_up)
        down = up if step_size_down is None else float(step_size_down)
        self.total_size = up + down
        if not up:
            raise GuardZeroDivisionError("step_size_up must not be 0: it is divided by")
        self.step_ratio = up / self.total_size
        if not (isinstance(mode, str) and mode in HEIGHTS) and scale_fn is None:
            raise ArgumentError(f"mode is invalid and scale_fn is None: {mode!r} is not among {', '.join(HEIGHTS)}")
        self.mode = mode
        self.gamma = gamma
        self._scale_fn_custom = scale_fn
        self.scale_mode = scale_mode if scale_fn is not None else HEIGHTS[mode][0]
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            momenta = Momenta(optimizer, base_momentum, max_momentum, last_epoch == -1)
            self.use_beta1 = momenta.use_beta1
            self.base_momentums, self.max_momentums = momenta.bases, momenta.largest
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    # The names of the functions in files that PyTorch wrote.
    _triangular_scale_fn = staticmethod(triangular_height)
    _triangular2_scale_fn = staticmethod(triangular2_height)
    _exp_range_scale_fn = staticmethod(exp_range_height)

    def scale_fn(self, x: float) -> float:
        """Return the scale of cycle, or step, ``x``."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        return HEIGHTS[self.mode][1](self.gamma, x)

    def get_lr(self) -> list[float]:
        """Return the rates of this step, and set its momenta."""
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        share = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        scale = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            for group, least, most in zip(
                self.optimizer.param_groups, self.base_momentums, self.max_momentums, strict=True
            ):
                set_momentum(group, most - (most - least) * share * scale)
        return [low + (high - low) * share * scale for low, high in zip(self.base_lrs, self.max_lrs, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """Return all attributes except the optimizer and a plain ``scale_fn``; of a callable object, its attributes."""
        state = super().state_dict()
        state.pop("_scale_fn_ref", None)  # of a scheduler that PyTorch pickled
        custom = state.pop("_scale_fn_custom")
        state["_scale_fn_custom"] = None if custom is None else named_state(custom)
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore what ``state_dict`` returned; a plain function stays as it is."""
        require_state(self, state_dict)
        attributes = require_entry(self, state_dict, "_scale_fn_custom")
        state = {name: value for name, value in state_dict.items() if name != "_scale_fn_custom"}
        super().load_state_dict(state)
        if attributes is not None and self._scale_fn_custom is not None:
            self._scale_fn_custom.__dict__.update(attributes)


class OneCycleLR(LRScheduler):
    """Raise the rate once to ``max_lr`` and lower it far below the start (1cycle, Smith and Topin 2017).

    The rate goes from max_lr / div_factor to max_lr, and then to max_lr / (div_factor final_div_factor). Call ``step``
    after every batch, not every epoch, at most ``total_steps`` times.

    Args:
        optimizer: Whose learning rates to set.
        max_lr: Greatest rate, a number or one for each group.
        total_steps: Number of steps. Default: ``None``, ``epochs`` times ``steps_per_epoch``.
        epochs: Number of epochs. Default: ``None``.
        steps_per_epoch: Number of steps in an epoch. Default: ``None``.
        pct_start: Fraction of the steps in which the rate rises. Default: ``0.3``.
        anneal_strategy: ``"cos"`` or ``"linear"``. Default: ``"cos"``.
        cycle_momentum: Cycle momentum too, or the first beta. Default: ``True``.
        base_momentum: Least momentum, at the greatest rate; a number or one for each group. Default: ``0.85``.
        max_momentum: Greatest momentum, at the least rate; a number or one for each group. Default: ``0.95``.
        div_factor: max_lr divided by the first rate. Default: ``25.0``.
        final_div_factor: First rate divided by the last. Default: ``1e4``.
        three_phase: Fall to the first rate as fast as the rise, and only then further. Default: ``False``.
        last_epoch: The epoch to resume after; -1 starts anew. Default: ``-1``.

    Raises:
        TypeError: If ``optimizer`` is not an optimizer.
        ValueError: If the number of steps is not given or not positive, if ``pct_start`` is not a float in [0, 1], if
            ``anneal_strategy`` is unknown, if ``cycle_momentum`` is true and the optimizer has neither momentum nor
            betas, or in a step too many.
        ZeroDivisionError: If ``div_factor`` or ``final_div_factor`` is 0.

    >>> import minitensor as torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0, momentum=0.9)
    >>> scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=5)
    >>> rates = []
    >>> for _ in range(5):
    ...     rates.append(round(scheduler.get_last_lr()[0], 3))
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [0.04, 0.95, 0.611, 0.188, 0.0]
    """

    words: ClassVar[dict[str, tuple[str, ...]]] = {"_anneal_func_type": ("cos", "linear")}

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        require_optimizer(optimizer)
        self.total_steps = count_steps(total_steps, epochs, steps_per_epoch)
        require_real("pct_start", pct_start)
        if not isinstance(pct_start, float) or not 0 <= pct_start <= 1:
            raise ArgumentError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ArgumentError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        self._schedule_phases = phases(self.total_steps, pct_start, three_phase)
        self._anneal_func_type = anneal_strategy
        for option, factor in (("div_factor", div_factor), ("final_div_factor", final_div_factor)):
            if factor == 0:
                raise GuardZeroDivisionError(f"{option} must not be 0: it is divided by")
        for group, peak in zip(optimizer.param_groups, one_for_each("max_lr", optimizer, max_lr), strict=True):
            if last_epoch == -1:
                group["initial_lr"] = peak / div_factor
                group["max_lr"] = peak
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.use_beta1 = Momenta(optimizer, base_momentum, max_momentum, last_epoch == -1).use_beta1
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the rates of this step, and set its momenta.

        Raises:
            ValueError: If ``step`` was called more than ``total_steps`` times.
        """
        if self.last_epoch > self.total_steps:
            raise ArgumentError(
                f"OneCycleLR: Tried to step {self.last_epoch} times. The specified number of total steps is "
                f"{self.total_steps}"
            )
        start = 0.0
        for phase in self._schedule_phases:
            if self.last_epoch <= phase["end_step"] or phase is self._schedule_phases[-1]:
                break
            start = phase["end_step"]
        share = (self.last_epoch - start) / (phase["end_step"] - start)
        rates = []
        for group in self.optimizer.param_groups:
            rates.append(self._between(group[phase["start_lr"]], group[phase["end_lr"]], share))
            if self.cycle_momentum:
                set_momentum(group, self._between(group[phase["start_momentum"]], group[phase["end_momentum"]], share))
        return rates

    def _between(self, start: float, end: float, share: float) -> float:
        return anneal(self._anneal_func_type, start, end, share)


def anneal(strategy: str, start: float, end: float, share: float) -> float:
    """Return the value at a share of the way from start to end, along a cosine or a line."""
    if strategy == "cos":
        return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)
    return (end - start) * share + start


def count_steps(total: int | None, epochs: int | None, steps_per_epoch: int | None) -> int:
    """Return the number of steps, given directly or as epochs."""
    if total is not None:
        return positive("total_steps", total)
    if epochs is None or steps_per_epoch is None:
        raise ArgumentError("You must define either total_steps OR (epochs AND steps_per_epoch)")
    return positive("epochs", epochs) * positive("steps_per_epoch", steps_per_epoch)


def positive(name: str, value: int) -> int:
    """Return a positive integer, or raise."""
    require_real(name, value)
    if not isinstance(value, int) or value <= 0:
        raise ArgumentError(f"Expected positive integer {name}, but got {value}")
    return value


def phases(steps: int, rise: float, three: bool) -> list[dict[str, Any]]:
    """Return where each phase ends, and between which of a group's options it goes."""
    names = ("end_step", "start_lr", "end_lr", "start_momentum", "end_momentum")
    up = (float(rise * steps) - 1, "initial_lr", "max_lr", "max_momentum", "base_momentum")
    if three:
        down = (float(2 * rise * steps) - 2, "max_lr", "initial_lr", "base_momentum", "max_momentum")
        last: tuple[Any, ...] = (steps - 1, "initial_lr", "min_lr", "max_momentum", "max_momentum")
        return [dict(zip(names, phase, strict=True)) for phase in (up, down, last)]
    last = (steps - 1, "max_lr", "min_lr", "base_momentum", "max_momentum")
    return [dict(zip(names, phase, strict=True)) for phase in (up, last)]

"""Schedulers along a cosine: once down and up, or down again and again (Loshchilov and Hutter 2016)."""

from __future__ import annotations

import math

from minitensor.errors import ArgumentError
from minitensor.optim.lr_scheduler.base import LRScheduler
from minitensor.optim.optimizer import Optimizer


class CosineAnnealingLR(LRScheduler):
    """Anneal the rate along a cosine, down to ``eta_min`` and up again (Loshchilov and Hutter 2016).

    At epoch e::

        lr = eta_min + (initial_lr - eta_min) (1 + cos(pi e / T_max)) / 2

    Args:
        optimizer: Whose learning rates to set.
        T_max: Number of epochs on the way down.
        eta_min: Least rate. Default: ``0.0``.
        last_epoch: The epoch to resume after; -1 starts anew. Default: ``-1``.

    Raises:
        TypeError: If ``optimizer`` is not an optimizer.
        KeyError: If ``last_epoch`` resumes and a group has no ``initial_lr``.
        ZeroDivisionError: If ``T_max`` is 0, in ``step``.

    >>> import minitensor as torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    >>> scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=4)
    >>> rates = []
    >>> for _ in range(5):
    ...     rates.append(round(scheduler.get_last_lr()[0], 3))
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [1.0, 0.854, 0.5, 0.146, 0.0]
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return eta_min + (lr - eta_min) times this epoch's (1 + cos) divided by that of the epoch before."""
        if self._is_initial:
            return self.rates()
        if self._step_count == 1 and self.last_epoch > 0:
            return self._get_closed_form_lr()
        if (self.last_epoch - 1 - self.T_max) % (2 * self.T_max) == 0:  # The epoch before had 1 + cos = 0.
            rise = (1 - math.cos(math.pi / self.T_max)) / 2
            return [rate + (base - self.eta_min) * rise for rate, base in zip(self.rates(), self.base_lrs, strict=True)]
        factor = self._wave(self.last_epoch) / self._wave(self.last_epoch - 1)
        return [factor * (rate - self.eta_min) + self.eta_min for rate in self.rates()]

    def _wave(self, epoch: int) -> float:
        return 1 + math.cos(math.pi * epoch / self.T_max)

    def _get_closed_form_lr(self) -> list[float]:
        return [self.eta_min + (base - self.eta_min) * self._wave(self.last_epoch) / 2 for base in self.base_lrs]


class CosineAnnealingWarmRestarts(LRScheduler):
    """Anneal the rate along a cosine, and restart it (SGDR, Loshchilov and Hutter 2016).

    With T_cur epochs since the last of the restarts, and T_i epochs to the next::

        lr = eta_min + (initial_lr - eta_min) (1 + cos(pi T_cur / T_i)) / 2

    T_i is ``T_0`` at first and is multiplied by ``T_mult`` at each restart.

    Args:
        optimizer: Whose learning rates to set.
        T_0: Number of epochs to the first restart.
        T_mult: Factor by which the periods grow. Default: ``1``.
        eta_min: Least rate. Default: ``0.0``.
        last_epoch: The epoch to resume after; -1 starts anew. Default: ``-1``.

    Raises:
        TypeError: If ``optimizer`` is not an optimizer.
        ValueError: Unless ``T_0`` is a positive int, ``T_mult`` an int of at least 1, and ``eta_min`` a number.
        KeyError: If ``last_epoch`` resumes and a group has no ``initial_lr``.

    >>> import minitensor as torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    >>> scheduler = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=2)
    >>> rates = []
    >>> for _ in range(5):
    ...     rates.append(round(scheduler.get_last_lr()[0], 3))
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [1.0, 0.5, 1.0, 0.5, 1.0]
    """

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        if T_0 <= 0 or not isinstance(T_0, int):
            raise ArgumentError(f"Expected positive integer T_0, but got {T_0}")
        if T_mult < 1 or not isinstance(T_mult, int):
            raise ArgumentError(f"Expected integer T_mult >= 1, but got {T_mult}")
        if not isinstance(eta_min, (float, int)):
            raise ArgumentError(f"Expected float or int eta_min, but got {eta_min} of type {type(eta_min)}")
        self.T_0 = T_0
        self.T_i = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the rates at this point of the period."""
        raised = 1 + math.cos(math.pi * self.T_cur / self.T_i)
        return [self.eta_min + (base - self.eta_min) * raised / 2 for base in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Begin the next epoch, or go to any point of any epoch.

        Args:
            epoch: The epoch to go to, which may be a fraction. Default: ``None``, the next one.

        Raises:
            ValueError: If ``epoch`` is negative.
        """
        if epoch is None and self.last_epoch < 0:
            epoch = 0
        if epoch is None:
            epoch = self.last_epoch + 1
            self._one_on()
        else:
            self._to(epoch)
        self.last_epoch = math.floor(epoch)
        self._set_rates(self.get_lr)

    def _one_on(self) -> None:
        self.T_cur += 1
        if self.T_cur >= self.T_i:
            self.T_cur %= self.T_i
            self.T_i *= self.T_mult

    def _to(self, epoch: float) -> None:
        if epoch < 0:
            raise ArgumentError(f"Expected non-negative epoch, but got {epoch}")
        if epoch < self.T_0:
            self.T_i, self.T_cur = self.T_0, epoch
        elif self.T_mult == 1:
            self.T_cur = epoch % self.T_0
        else:
            # The first n periods last T_0 (T_mult ** n - 1) / (T_mult - 1) epochs together; this is solved for n.
            restarts = int(math.log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))
            self.T_cur = epoch - self.T_0 * (self.T_mult**restarts - 1) / (self.T_mult - 1)
            self.T_i = self.T_0 * self.T_mult**restarts

"""Averages of a model's weights over training: equal (SWA, Izmailov et al. 2018) or exponential (EMA).

``AveragedModel`` is a copy of a model that holds the average; ``update_bn`` recomputes the statistics of its batch
norms; ``SWALR`` anneals the learning rate to the one at which averaging pays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from itertools import chain
from typing import TYPE_CHECKING, Any

from minitensor.autograd.mode import no_grad
from minitensor.base import require_writable
from minitensor.dtypes import int64
from minitensor.errors import ArgumentError, GuardError
from minitensor.nn.batchnorm import BatchNorm
from minitensor.nn.module import Module
from minitensor.ops.creation import tensor
from minitensor.optim.lr_scheduler.base import LRScheduler, one_for_each, require_optimizer
from minitensor.optim.lr_scheduler.cycles import anneal
from minitensor.tensor import Tensor

if TYPE_CHECKING:
    from minitensor.device import DeviceLike
    from minitensor.optim.optimizer import Optimizer

    Average = Callable[[Tensor, Tensor, Any], Tensor]
    Averages = Callable[[Sequence[Tensor], Sequence[Tensor], Any], None]

__all__ = [
    "SWALR", "AveragedModel", "get_ema_avg_fn", "get_ema_multi_avg_fn", "get_swa_avg_fn", "get_swa_multi_avg_fn",
    "update_bn",
]  # fmt: skip


def get_swa_avg_fn() -> Average:
    """Return the update of an equal average: average + (current - average) / (count + 1).

    Returns:
        A function (average, current, count) -> the next average, for ``AveragedModel(avg_fn=...)``.

    >>> import minitensor as torch
    >>> average = torch.optim.swa_utils.get_swa_avg_fn()
    >>> average(torch.tensor(1.0), torch.tensor(4.0), 2)
    tensor(2.)
    """

    def average(averaged: Tensor, current: Tensor, count: Any) -> Tensor:
        mean: Tensor = averaged + (current - averaged) / (count + 1)
        return mean

    return average


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """Return the update of an exponential moving average: decay average + (1 - decay) current.

    Args:
        decay: The share of the average that is kept, in [0, 1]. Default: ``0.999``.

    Returns:
        A function (average, current, count) -> the next average, for ``AveragedModel(avg_fn=...)``.

    Raises:
        ValueError: If ``decay`` lies outside [0, 1].

    >>> import minitensor as torch
    >>> average = torch.optim.swa_utils.get_ema_avg_fn(decay=0.9)
    >>> average(torch.tensor(1.0), torch.tensor(4.0), 2)
    tensor(1.3000)
    """
    require_share(decay)

    def average(averaged: Tensor, current: Tensor, count: Any) -> Tensor:
        return decay * averaged + (1 - decay) * current

    return average


def get_swa_multi_avg_fn() -> Averages:
    """Return ``get_swa_avg_fn``'s update for lists of tensors, in place.

    Returns:
        A function (averages, currents, count) -> None, for ``AveragedModel(multi_avg_fn=...)``.

    >>> import minitensor as torch
    >>> averages = [torch.tensor(1.0)]
    >>> torch.optim.swa_utils.get_swa_multi_avg_fn()(averages, [torch.tensor(4.0)], 2)
    >>> averages
    [tensor(2.)]
    """
    return for_lists(get_swa_avg_fn())


def get_ema_multi_avg_fn(decay: float = 0.999) -> Averages:
    """Return ``get_ema_avg_fn``'s update for lists of tensors, in place.

    Args:
        decay: The share of the average that is kept, in [0, 1]. Default: ``0.999``.

    Returns:
        A function (averages, currents, count) -> None, for ``AveragedModel(multi_avg_fn=...)``.

    Raises:
        ValueError: If ``decay`` lies outside [0, 1].

    >>> import minitensor as torch
    >>> averages = [torch.tensor(1.0)]
    >>> torch.optim.swa_utils.get_ema_multi_avg_fn(0.9)(averages, [torch.tensor(2.0)], 1)
    >>> averages
    [tensor(1.1000)]
    """
    return for_lists(get_ema_avg_fn(decay))


def require_share(decay: float) -> None:
    """Raise if a decay lies outside [0, 1]."""
    if not 0.0 <= decay <= 1.0:
        raise ArgumentError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


def for_lists(average: Average) -> Averages:
    """Turn the update of one average into one of a list of averages, in place."""

    def averages(averaged: Sequence[Tensor], current: Sequence[Tensor], count: Any) -> None:
        with no_grad():
            for mean, value in zip(averaged, current, strict=True):
                mean.copy_(average(mean, value, count))

    return averages


class AveragedModel(Module):
    """A copy of a model whose weights are the average of the models it was given (Izmailov et al. 2018).

    Args:
        model: The model to copy; ``update_parameters`` then takes models of the same structure.
        device: Where the copy lies; None leaves it where the model is. Default: ``None``.
        avg_fn: Update (average, current, count) -> the next average. Default: ``None``, the equal average.
        multi_avg_fn: The same for lists of tensors, in place. Default: ``None``.
        use_buffers: Average the buffers too, instead of copying the latest. Default: ``False``.

    Shape:
        - Input: as the model's
        - Output: as the model's

    Attributes:
        module: The copy, which holds the average.
        n_averaged: Number of models averaged, an int64 tensor of shape ().

    Raises:
        ValueError: If both ``avg_fn`` and ``multi_avg_fn`` are given.

    >>> import minitensor as torch
    >>> model = torch.nn.Linear(1, 1)
    >>> averaged = torch.optim.swa_utils.AveragedModel(model)
    >>> averaged.update_parameters(model)
    >>> averaged.n_averaged
    tensor(1)
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: DeviceLike = None,
        avg_fn: Average | None = None,
        multi_avg_fn: Averages | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise GuardError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", tensor(0, dtype=int64, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Return the output of the averaged model for ``*args`` and ``**kwargs``."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Include a model's weights in the average; the first ones are copied.

        Args:
            model: A model of the same structure as the copied one.

        Raises:
            RuntimeError, ValueError: If the average lies in read-only memory.
        """
        mine, theirs = averaged_tensors(self.module, self.use_buffers), averaged_tensors(model, self.use_buffers)
        require_writable("update_parameters", *self.module.parameters(), *self.module.buffers(), self.n_averaged)
        with no_grad():
            current = [each.detach().to(mean.device) for mean, each in zip(mine, theirs, strict=True)]
            if self.n_averaged.item() == 0:
                for mean, value in zip(mine, current):
                    mean.copy_(value)
            else:
                averages = self.multi_avg_fn or for_lists(self.avg_fn or get_swa_avg_fn())
                averages([mean.detach() for mean in mine], current, self.n_averaged)
            if not self.use_buffers:
                for kept, buffer in zip(self.module.buffers(), model.buffers(), strict=True):
                    kept.copy_(buffer.detach().to(kept.device))
        self.n_averaged += 1


def averaged_tensors(module: Module, use_buffers: bool) -> list[Tensor]:
    """Return the tensors of a module that are averaged."""
    return list(chain(module.parameters(), module.buffers()) if use_buffers else module.parameters())


def update_bn(loader: Iterable[Any], model: Module, device: DeviceLike = None) -> None:
    """Recompute the running statistics of the model's batch-norm layers, in one pass over the data.

    The statistics of an average of weights are not the average of the statistics. They become the mean over all
    batches; the model's mode and momenta are restored.

    Args:
        loader: Batches: tensors, or lists or tuples that begin with one.
        model: The model, whose batch norms are updated in place.
        device: Where batches are moved before the model sees them; None leaves them. Default: ``None``.

    >>> import minitensor as torch
    >>> model = torch.nn.BatchNorm1d(1)
    >>> torch.optim.swa_utils.update_bn([torch.tensor([[1.0], [3.0]]), torch.tensor([[5.0], [7.0]])], model)
    >>> model.running_mean
    tensor([4.])
    """
    layers = [layer for layer in model.modules() if isinstance(layer, BatchNorm)]
    if not layers:
        return
    momenta = [layer.momentum for layer in layers]
    was_training = model.training
    model.train()
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # the mean of all batches
    with no_grad():
        for batch in loader:
            input = batch[0] if isinstance(batch, (list, tuple)) else batch
            model(input if device is None else input.to(device))
    for layer, momentum in zip(layers, momenta):
        layer.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """Anneal each group's learning rate to ``swa_lr``, then keep it there (Izmailov et al. 2018).

    At epoch e, with s = min(1, e / anneal_epochs)::

        lr = a swa_lr + (1 - a) lr_0            (a = (1 - cos(pi s)) / 2, or s for "linear")

    Args:
        optimizer: Whose rates to set.
        swa_lr: The final rate, a number or one for each group.
        anneal_epochs: Number of epochs of the annealing, at least 0. Default: ``10``.
        anneal_strategy: ``"cos"`` or ``"linear"``. Default: ``"cos"``.
        last_epoch: The epoch to resume from; -1 starts anew. Default: ``-1``.

    Raises:
        TypeError: If ``optimizer`` is not an optimizer.
        ValueError: If ``anneal_strategy`` or ``anneal_epochs`` is none of the above, or ``swa_lr`` has the wrong
            length.

    >>> import minitensor as torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.5)
    >>> scheduler = torch.optim.swa_utils.SWALR(optimizer, swa_lr=0.1, anneal_epochs=2, anneal_strategy="linear")
    >>> for _ in range(3):
    ...     optimizer.step()
    ...     scheduler.step()
    ...     print(round(scheduler.get_last_lr()[0], 3))
    0.3
    0.1
    0.1
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | Sequence[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        require_optimizer(optimizer)
        for group, rate in zip(optimizer.param_groups, one_for_each("swa_lr", optimizer, swa_lr), strict=True):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise ArgumentError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ArgumentError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self._anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the rates of this epoch, computed from those of the epoch before."""
        epoch = self.last_epoch if self.anneal_epochs else max(1, self.last_epoch)
        before, now = self._share(epoch - 1), self._share(epoch)
        rates = []
        for group, rate in zip(self.optimizer.param_groups, self.rates(), strict=True):
            goal = group["swa_lr"]
            start = goal if before == 1 else (rate - before * goal) / (1 - before)
            rates.append(now * goal + (1 - now) * start)
        return rates

    def _share(self, epoch: int) -> float:
        """Return how much of the annealing is done, from 0 to 1."""
        return anneal(self._anneal_strategy, 0.0, 1.0, max(0.0, min(1.0, epoch / max(1, self.anneal_epochs))))

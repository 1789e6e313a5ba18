"""Averages of a model's weights along its way: equal ones (SWA, Izmailov et al. 2018) or fading ones (EMA).

``AveragedModel`` is a copy of a model that takes part in the average each time it is told; ``update_bn`` recomputes
what batch norm remembers; ``SWALR`` brings the learning rate to where averaging pays.
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
from minitensor.nn.module import Module
from minitensor.nn.normalization import BatchNorm
from minitensor.ops.creation import tensor
from minitensor.optim.lr_scheduler.base import LRScheduler, one_for_each, require_optimizer
from minitensor.optim.lr_scheduler.cycles import anneal

if TYPE_CHECKING:
    from minitensor.device import DeviceLike
    from minitensor.optim.optimizer import Optimizer
    from minitensor.tensor import Tensor

    Average = Callable[[Tensor, Tensor, Any], Tensor]
    Averages = Callable[[Sequence[Tensor], Sequence[Tensor], Any], None]

__all__ = [
    "SWALR", "AveragedModel", "get_ema_avg_fn", "get_ema_multi_avg_fn", "get_swa_avg_fn", "get_swa_multi_avg_fn",
    "update_bn",
]  # fmt: skip


def get_swa_avg_fn() -> Average:
    """Return the average in which all models count alike."""

    def average(averaged: Tensor, current: Tensor, count: Any) -> Tensor:
        mean: Tensor = averaged + (current - averaged) / (count + 1)
        return mean

    return average


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """Return the average in which a model counts ``decay`` times what the one after it does."""
    require_share(decay)

    def average(averaged: Tensor, current: Tensor, count: Any) -> Tensor:
        return decay * averaged + (1 - decay) * current

    return average


def get_swa_multi_avg_fn() -> Averages:
    """Return ``get_swa_avg_fn``'s average for lists of tensors, written where they lie."""
    return for_lists(get_swa_avg_fn())


def get_ema_multi_avg_fn(decay: float = 0.999) -> Averages:
    """Return ``get_ema_avg_fn``'s average for lists of tensors, written where they lie."""
    return for_lists(get_ema_avg_fn(decay))


def require_share(decay: float) -> None:
    """Refuse a decay that is no share."""
    if not 0.0 <= decay <= 1.0:
        raise ArgumentError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


def for_lists(average: Average) -> Averages:
    """Return an average of two tensors as one of two lists of them."""

    def averages(averaged: Sequence[Tensor], current: Sequence[Tensor], count: Any) -> None:
        with no_grad():
            for mean, value in zip(averaged, current, strict=True):
                mean.copy_(average(mean, value, count))

    return averages


class AveragedModel(Module):
    """A copy of a model whose weights are the average of those it was shown.

    Args:
        avg_fn: (average, current, count so far) -> the next average; equal weights, if None.
        multi_avg_fn: the same for lists, changing the first one where it is.
        use_buffers: average the buffers too; else they are copied.

    >>> model = nn.Linear(1, 1)
    >>> averaged = optim.swa_utils.AveragedModel(model)
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
        """Return what the averaged model makes of the input."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Take a model's weights into the average; the first ones are copied."""
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
    """Return the tensors of a module that an average is taken of."""
    return list(chain(module.parameters(), module.buffers()) if use_buffers else module.parameters())


def update_bn(loader: Iterable[Any], model: Module, device: DeviceLike = None) -> None:
    """Compute anew what the model's batch-norm layers remember, in one pass over the data.

    A batch is a tensor, or a list or tuple that begins with one.
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
    """Bring each group's rate to ``swa_lr`` in ``anneal_epochs``, along a cosine or a line, and keep it there."""

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
            raise ArgumentError(f"anneal_strategy must by one of 'cos' or 'linear', instead got {anneal_strategy}")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ArgumentError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self._strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the rates of this epoch, from those of the one before."""
        epoch = self.last_epoch if self.anneal_epochs else max(1, self.last_epoch)
        before, now = self._share(epoch - 1), self._share(epoch)
        rates = []
        for group, rate in zip(self.optimizer.param_groups, self.rates(), strict=True):
            goal = group["swa_lr"]
            start = goal if before == 1 else (rate - before * goal) / (1 - before)
            rates.append(now * goal + (1 - now) * start)
        return rates

    def _share(self, epoch: int) -> float:
        """Return how much of the way is done."""
        return anneal(self._strategy, 0.0, 1.0, max(0.0, min(1.0, epoch / max(1, self.anneal_epochs))))

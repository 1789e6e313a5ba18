"""The class of modules that PyTorch trains in several processes. Here there is one process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.compat.distributed_nn import require_group
from minitensor.compat.reasons import attributes_of
from minitensor.nn.module import Module

__all__ = ["DistributedDataParallel"]


class DistributedDataParallel(Module):
    """The class of modules that PyTorch trains in several processes: it cannot be made here.

    Args:
        module: A module.
        args, kwargs: Accepted for PyTorch compatibility.

    Raises:
        ValueError: If it is called at all: no process group can be initialized.

    >>> import minitensor as torch
    >>> torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(3, 2))
    Traceback (most recent call last):
        ...
    minitensor.errors.UsageValueError: DistributedDataParallel: no process group has been initialized: there is no ...
    """

    def __init__(self, module: Module, *args: Any, **kwargs: Any) -> None:
        require_group("DistributedDataParallel")


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)

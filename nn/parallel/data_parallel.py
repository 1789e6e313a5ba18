"""A module that PyTorch copies to several GPUs. Here there is one device, and the module is called as it is.

Its parameters have the names that PyTorch gives them, so that checkpoints written on several GPUs can be read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.compat.reasons import attributes_of
from minitensor.nn.module import Module

__all__ = ["DataParallel", "data_parallel"]


class DataParallel(Module):
    """Call a module as it is. PyTorch divides the batch among several GPUs; here there is one device.

    Neither the module nor the inputs are moved to another device. The names of parameters in the state dict begin with
    ``module.``, as PyTorch's do.

    Args:
        module: The module to call.
        device_ids, output_device, dim: Accepted for PyTorch compatibility.

    Attributes:
        module: The module that is called.
        device_ids: An empty list.

    >>> import minitensor as torch
    >>> model = torch.nn.DataParallel(torch.nn.Linear(3, 2))
    >>> model(torch.ones(4, 3)).shape, list(model.state_dict())
    (torch.Size([4, 2]), ['module.weight', 'module.bias'])
    """

    def __init__(self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0) -> None:
        super().__init__()
        self.module = module
        self.device_ids: list[int] = []

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """Return what the module returns for ``inputs`` and keyword arguments."""
        return self.module(*inputs, **kwargs)


def data_parallel(
    module: Module, inputs: Any, device_ids: Any = None, output_device: Any = None, dim: int = 0,
    module_kwargs: Any = None,
) -> Any:
    """Call ``module`` with ``inputs``, one or a tuple of several, as it is.

    Args:
        module: The module to call.
        inputs: Its arguments.
        device_ids, output_device, dim: Accepted for PyTorch compatibility.
        module_kwargs: Its keyword arguments.

    >>> import minitensor as torch
    >>> torch.nn.parallel.data_parallel(torch.nn.Flatten(), torch.ones(2, 3, 4)).shape
    torch.Size([2, 12])
    """
    arguments = inputs if isinstance(inputs, tuple) else (inputs,)
    return module(*arguments, **(module_kwargs or {}))


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)

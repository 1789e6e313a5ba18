"""How a module's tensors come to another device, dtype or memory layout: what was asked for, and each tensor's move.

This file knows no modules; ``Module.to`` and its kin walk over the tensors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor import dtypes
from minitensor.device import device as Device
from minitensor.errors import ArgumentTypeError
from minitensor.nn.parameter import is_lazy
from minitensor.tensor import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable

    from minitensor.nn.parameter import Parameter


def convert(parameter: Parameter, fn: Callable[[Tensor], Tensor]) -> None:
    """Change a parameter's value and gradient where they are, so that optimizers keep hold of them."""
    gradient = parameter.grad
    parameter.grad = None  # A gradient of the old dtype or device would be refused beside the new value.
    parameter.data = fn(parameter.data)
    if gradient is not None:
        parameter.grad = fn(gradient.detach()).requires_grad_(gradient.requires_grad)


def destination(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
    """Read the arguments of ``to``: a device, a dtype, both, or a tensor that has them."""
    device, dtype = kwargs.pop("device", None), kwargs.pop("dtype", None)
    like = kwargs.pop("tensor", None)
    for value in (*args, like):
        if isinstance(value, Tensor):
            device, dtype = value.device, value.dtype
        elif isinstance(value, dtypes.dtype):
            dtype = value
        elif isinstance(value, bool):
            continue  # non_blocking: copies here are over when the call returns.
        elif value is not None:
            device = value
    if unknown := kwargs.keys() - {"non_blocking"}:
        raise ArgumentTypeError(f"to: unknown argument {sorted(unknown)[0]!r}; expected device, dtype or tensor")
    return (None if device is None else Device(device)), dtype


def moved(tensor: Tensor, device: Any, dtype: Any, format: Any) -> Tensor:
    """Return a tensor elsewhere, cast if it holds no counts or masks, and laid out anew if it can be."""
    target = device or tensor.device, dtype if castable(tensor) and dtype is not None else tensor.dtype
    if format is not None and not is_lazy(tensor) and tensor.ndim in (4, 5):
        return tensor.to(*target, memory_format=format)
    return tensor.to(*target)


def castable(tensor: Tensor) -> bool:
    """Tell whether ``to(dtype)`` casts this tensor: masks and counters keep their dtype."""
    return tensor.is_floating_point() or tensor.is_complex()

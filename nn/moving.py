"""How a module's tensors come to another device, dtype or memory layout: what was asked for, and each tensor's move.

This file knows no modules; ``Module.to`` and its kin walk over the tensors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.errors import ArgumentTypeError, UsageError
from minitensor.nn.parameter import is_lazy
from minitensor.ops import cast
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
    if unknown := kwargs.keys() - {"device", "dtype", "tensor", "non_blocking"}:
        raise ArgumentTypeError(f"to: unknown argument {sorted(unknown)[0]!r}; expected device, dtype or tensor")
    wanted = cast.destination(*args, other=kwargs.pop("tensor", None), **kwargs)
    if wanted.copy:
        raise UsageError(f"Module.to does not take copy, got {args}; use copy.deepcopy")
    return wanted.device, wanted.dtype


def moved(tensor: Tensor, device: Any, dtype: Any, format: Any) -> Tensor:
    """Return a tensor elsewhere, cast if it holds no counts or masks, and laid out anew if it can be."""
    target = device or tensor.device, dtype if castable(tensor) and dtype is not None else tensor.dtype
    if format is not None and not is_lazy(tensor) and tensor.ndim in (4, 5):
        return tensor.to(*target, memory_format=format)
    return tensor.to(*target)


def castable(tensor: Tensor) -> bool:
    """Tell whether ``to(dtype)`` casts this tensor: masks and counters keep their dtype."""
    return tensor.is_floating_point() or tensor.is_complex()

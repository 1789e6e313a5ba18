"""How the tensors of a module are moved to another device, dtype or memory layout.

This file reads the arguments of ``Module.to`` and moves single tensors; the walk over a module's tensors is in
``module.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.errors import ArgumentTypeError, MetaError, UsageError
from minitensor.nn.parameter import is_lazy
from minitensor.ops import cast
from minitensor.tensor import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable

    from minitensor.nn.module import Module
    from minitensor.nn.parameter import Parameter


def convert(parameter: Parameter, fn: Callable[[Tensor], Tensor]) -> None:
    """Replace a parameter's value and gradient by those that ``fn`` returns; optimizers keep the same object."""
    gradient = parameter.grad
    parameter.grad = None  # A value of another dtype or device than the gradient would be refused.
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


def move(tensor: Tensor, device: Any, dtype: Any, format: Any) -> Tensor:
    """Move a tensor, cast it if it is floating-point or complex, and change the memory format if it is 4D or 5D."""
    if device is not None and device.type != "meta" and not is_lazy(tensor) and tensor.is_meta:
        raise MetaError(
            "Cannot copy out of meta tensor; no data! Please use torch.nn.Module.to_empty() instead of "
            "torch.nn.Module.to() when moving module from meta to a different device."
        )
    target = device or tensor.device, dtype if is_castable(tensor) and dtype is not None else tensor.dtype
    if format is not None and not is_lazy(tensor) and tensor.ndim in (4, 5):
        return tensor.to(*target, memory_format=format)
    return tensor.to(*target)


def is_castable(tensor: Tensor) -> bool:
    """Tell whether ``to(dtype)`` casts this tensor; masks and counters keep their dtype."""
    return tensor.is_floating_point() or tensor.is_complex()


def require_memory(module: Module) -> None:
    """Raise if a module has tensors without a shape."""
    if any(is_lazy(each) for each in (*module.parameters(), *module.buffers())):
        raise UsageError(
            "Can't share memory on an uninitialized parameter or buffer. Call `forward` to initialize the parameters "
            "before calling `module.share_memory()`."
        )

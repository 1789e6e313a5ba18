"""PyTorch's functions that put a tensor in the place of a module's parameter, buffer or attribute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.base import TensorBase
from minitensor.compat.reasons import attributes_of
from minitensor.errors import ArgumentTypeError, MissingEntryError, MissingParameterError
from minitensor.nn.module import Module

if TYPE_CHECKING:
    from minitensor.tensor import Tensor

_MISSING: Any = object()  # in the place of a tensor: remove the entry


def set_tensor(module: Module, name: str, tensor: Tensor) -> None:
    """Put a tensor in the place of a module's parameter, buffer or attribute, as it is.

    Raises:
        TypeError, KeyError, AttributeError: As ``swap_tensor``.
    """
    swap_tensor(module, name, tensor, allow_missing=True)


def swap_tensor(module: Module, name: str, tensor: Any, allow_missing: bool = False) -> Any:
    """Put a tensor in the place of a module's parameter, buffer or attribute, and return what was there.

    Args:
        module: The module.
        name: The name in it, without dots.
        tensor: The tensor or None. It need not be a parameter.
        allow_missing: Whether nothing needs to be there. Default: False.

    Raises:
        TypeError: If the module is none, or one of the tensors.
        KeyError: If the name is empty, or has a dot.
        AttributeError: If nothing is there and something needs to be.
    """
    if not isinstance(module, Module):
        raise ArgumentTypeError(f"swap_tensor: expected a module, got {type(module).__name__}")
    if tensor is not _MISSING:
        require_tensor(tensor, "the value")
    if "." in name or not name:
        raise MissingEntryError(f"swap_tensor: expected a name without dots, got {name!r}")
    for store in (module._parameters, module._buffers):
        if name in store:
            return swap_entry(store, name, tensor)
    return swap_attribute(module, name, tensor, allow_missing)


def swap_entry(store: Any, name: str, tensor: Any) -> Any:
    """Replace an entry of a dict, or remove it; return the one before."""
    before = store[name]
    if tensor is _MISSING:
        del store[name]
    else:
        store[name] = tensor
    return before


def swap_attribute(module: Module, name: str, tensor: Any, allow_missing: bool) -> Any:
    """Replace an attribute of a module, or remove it; return the one before."""
    before = getattr(module, name, _MISSING)
    if before is not _MISSING:
        require_tensor(before, f"the attribute {name!r}")
    elif not allow_missing:
        raise MissingParameterError(f"swap_tensor: {type(module).__name__} has no attribute {name!r}")
    if tensor is not _MISSING:
        setattr(module, name, tensor)
    elif before is not _MISSING:
        delattr(module, name)
    return before


def require_tensor(value: Any, what: str) -> None:
    if value is not None and not isinstance(value, TensorBase):
        raise ArgumentTypeError(f"swap_tensor: {what} must be a tensor or None, got {type(value).__name__}")


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)

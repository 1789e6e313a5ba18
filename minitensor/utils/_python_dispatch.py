"""``torch.utils._python_dispatch``: what libraries ask of tensors that wrap others, for compilers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.base import TensorBase
from minitensor.compat.reasons import attributes_of


def is_traceable_wrapper_subclass_type(t: type) -> bool:
    """Return whether a class of tensors says how it is taken apart and put together."""
    return issubclass(t, TensorBase) and hasattr(t, "__tensor_flatten__") and hasattr(t, "__tensor_unflatten__")


def is_traceable_wrapper_subclass(t: object) -> bool:
    """Return whether a tensor's class says how it is taken apart and put together.

    >>> import minitensor as torch
    >>> from minitensor.utils._python_dispatch import is_traceable_wrapper_subclass
    >>> is_traceable_wrapper_subclass(torch.ones(2))
    False
    """
    return is_traceable_wrapper_subclass_type(type(t))


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)

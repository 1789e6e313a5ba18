"""Modules created without drawing their first values, for values that are loaded or set right after."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from minitensor.errors import UsageError, UsageTypeError
from minitensor.nn.module import Module

M = TypeVar("M", bound=Module)


def skip_init(module_cls: Callable[..., M], *args: Any, **kwargs: Any) -> M:
    """Return ``module_cls(*args, **kwargs)`` with uninitialized parameters, which hold whatever was in their memory.

    During ``__init__`` the module has a class without ``reset_parameters``; modules inside it still draw their values.

    Args:
        module_cls: A module class whose constructor takes ``device``.
        *args, **kwargs: Arguments of the constructor.

    Returns:
        The module.

    Raises:
        RuntimeError: If ``module_cls`` is not a module class, or does not take ``device``.

    >>> import minitensor as torch
    >>> layer = torch.nn.utils.skip_init(torch.nn.Linear, 5, 1)
    >>> layer.weight.shape, torch.nn.init.ones_(layer.weight).sum()
    (torch.Size([1, 5]), tensor(5., grad_fn=<SumBackward0>))
    """
    if not (isinstance(module_cls, type) and issubclass(module_cls, Module)):
        raise UsageTypeError(f"Expected a Module; got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise UsageError(f"Module must support a 'device' arg to skip initialization, {module_cls.__name__} does not")
    blank = type(module_cls.__name__, (module_cls,), {"reset_parameters": leave, "_reset_parameters": leave})
    module: M = blank(*args, **kwargs)
    module.__class__ = module_cls  # type: ignore[assignment]  # the class of an M
    return module


def leave(module: Module) -> None:
    """Draw nothing."""

"""Modules made without drawing their first values, for those whose values come from elsewhere at once."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from minitensor.errors import UsageError, WrongKindUsage
from minitensor.nn.module import Module

M = TypeVar("M", bound=Module)


def skip_init(module_cls: Callable[..., M], *args: Any, **kwargs: Any) -> M:
    """Return ``module_cls(*args, **kwargs)`` whose parameters hold whatever was in their memory.

    The class must take a ``device``. For the time of its ``__init__`` the module is of a class without
    ``reset_parameters``; modules inside it draw their values as ever.

    >>> from minitensor import nn
    >>> layer = nn.utils.skip_init(nn.Linear, 5, 1)
    >>> layer.weight.shape, nn.init.ones_(layer.weight).sum()
    (torch.Size([1, 5]), tensor(5., grad_fn=<SumBackward0>))
    """
    if not (isinstance(module_cls, type) and issubclass(module_cls, Module)):
        raise WrongKindUsage(f"Expected a Module; got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise UsageError(f"Module must support a 'device' arg to skip initialization, {module_cls.__name__} does not")
    blank = type(module_cls.__name__, (module_cls,), {"reset_parameters": leave, "_reset_parameters": leave})
    module: M = blank(*args, **kwargs)
    module.__class__ = module_cls  # type: ignore[assignment]  # the class of an M
    return module


def leave(module: Module) -> None:
    """Draw nothing."""

"""How transforms fail: an argument of the constructor that does not fit is named when an image comes.

Constructors check little, as torchvision's do, so that a wrong probability or color shows in ``forward``.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast

from minitensor.autograd.misuse import NAMED, clarify, is_raised_here, public_name, set_cause
from minitensor.errors import ArgumentTypeError, MinitensorError
from minitensor.nn.module import Module
from minitensor.tensor import Tensor

F = TypeVar("F", bound=Callable[..., Any])


def transform_forward(forward: F) -> F:
    """Make the ``forward`` of a transform name the constructor's argument that does not fit."""

    @functools.wraps(forward)
    def call(self: Module, *args: Any, **kwargs: Any) -> Any:
        try:
            return forward(self, *args, **kwargs)
        except Exception as error:
            if isinstance(error, MinitensorError) or not is_raised_here(error):
                raise
            raise explain_transform(self, error)  # noqa: B904  # its cause is set

    return cast("F", call)


def explain_transform(transform: Module, error: Exception) -> Exception:
    """Return a clearer error for one of Python's that a transform raised; the caller adds the transform's name."""
    init = type(transform).__init__
    names = [name for name in inspect.signature(init).parameters if name in vars(transform)]
    given = [(name, getattr(transform, name)) for name in names]
    clear = clarify(public_name(type(transform)), error, given, init.__annotations__)
    if clear is not error:
        clear.args = (NAMED.sub("", str(clear)), *clear.args[1:])
    return set_cause(clear, error)


def require_step(name: str, transform: Any) -> Callable[[Any], Any]:
    """Return one of the transforms that another is made of; raise unless it can be called."""
    if not callable(transform):
        raise ArgumentTypeError(f"{name}: a transform must be a function or a module, got {transform!r}")
    return transform  # type: ignore[no-any-return]  # a callable


def require_steps(name: str, transforms: Any) -> Any:
    """Return the transforms that another is made of; raise unless they can be iterated."""
    if isinstance(transforms, (type, Tensor)) or not hasattr(transforms, "__iter__"):
        raise ArgumentTypeError(f"{name}: transforms must be a sequence of transforms, got {transforms!r}")
    return transforms

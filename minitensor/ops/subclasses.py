"""Subclasses of ``Tensor``: the default ``__torch_function__``, and the attributes that a class with its own sees.

By default, what a function computes from tensors of a subclass is of that subclass. A class that defines
``__torch_function__`` sees the calls of all functions that have its tensors as arguments. Most functions ask it
themselves (``autograd/protocol.py``). Attributes, and the few methods that do not ask, so that they cost nothing, are
replaced in that class by ones that do.
"""

from __future__ import annotations

import functools
from types import FunctionType
from typing import TYPE_CHECKING, Any

from minitensor.autograd.protocol import (
    PROCEED,
    DisableTorchFunctionSubclass,
    announce,
    does_override,
    override_function,
)
from minitensor.base import TensorBase
from minitensor.ops.tensor_types import as_subclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# What belongs to this library or to Python, and is not seen.
UNSEEN = frozenset("""
    array storage layout node backend xp version as_subclass __new__ __init__ __init_subclass__ __class_getitem__
    __dir__ __hash__ __array_wrap__ __iter__
""".split())


def torch_function(
    cls: type[Any], func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
) -> Any:
    """Compute, and return the tensors among the results as tensors of this class. A subclass may override it.

    A class with a ``__torch_function__`` sees each call of a function that has one of its instances as an argument:
    ``func`` is the function, ``types`` are the classes of such arguments.

    Returns:
        The result, or ``NotImplemented`` if ``types`` has a class that is not a parent of this one.

    >>> import minitensor as torch
    >>> class Loud(torch.Tensor):
    ...     @classmethod
    ...     def __torch_function__(cls, func, types, args=(), kwargs=None):
    ...         print(func.__name__)
    ...         return super().__torch_function__(func, types, args, kwargs)
    >>> x = torch.ones(2).as_subclass(Loud)
    >>> type(torch.exp(x)).__name__
    exp
    'Loud'
    """
    if not all(issubclass(cls, each) for each in types):
        return NotImplemented
    with DisableTorchFunctionSubclass():
        found = func(*args, **(kwargs or {}))
        return found if func == TensorBase.result_class.grad.__get__ else convert(found, cls)  # always the same object


def convert(found: Any, cls: type[Any]) -> Any:
    """Return a result with its tensors as tensors of a subclass."""
    if isinstance(found, TensorBase):
        return found if isinstance(found, cls) else as_subclass(found, cls)  # type: ignore[arg-type]  # a Tensor
    if type(found) is tuple or type(found) is list:
        return type(found)(convert(each, cls) for each in found)
    if isinstance(found, tuple) and hasattr(found, "_fields"):
        return type(found)(*[convert(each, cls) for each in found])
    return found


def attributes_of_subclass(cls: type[Any], announces_itself: bool) -> list[tuple[str, Any]]:
    """Make calls with tensors of a new class ask it. Return what has to replace inherited attributes that would not.

    A class that announces itself does so when its first tensor is made: programs without one pay nothing.
    """
    if not announces_itself:
        announce(cls)
    if "__torch_function__" not in vars(cls) or not does_override(cls):
        return []
    return [
        (name, property_that_asks(attribute) if isinstance(attribute, property) else method_that_asks(attribute))
        for name, attribute in attributes_that_do_not_ask(cls)
    ]


def attributes_that_do_not_ask(cls: type[Any]) -> Iterator[tuple[str, Any]]:
    """Yield the properties and methods of ``Tensor`` that a class has inherited and that ask nobody."""
    for parent in (TensorBase, TensorBase.result_class):
        for name, attribute in vars(parent).items():
            own = name in UNSEEN or (name.startswith("_") and not name.startswith("__"))
            is_silent = isinstance(attribute, property) or (isinstance(attribute, FunctionType) and not asks(attribute))
            if is_silent and not own and getattr(cls, name) is getattr(TensorBase.result_class, name):
                yield name, attribute


def name_methods(cls: type[Any]) -> None:
    """Give the methods of ``Tensor`` the names that they have there, which a ``__torch_function__`` may print."""
    for name, attribute in vars(cls).items():
        if isinstance(attribute, FunctionType) and vars(cls).get(attribute.__name__) is not attribute:
            attribute.__name__ = name


def asks(function: FunctionType) -> bool:
    """Whether a function asks who takes its call over."""
    return not {"override", "override_function", "pass_on"}.isdisjoint(function.__code__.co_names)


def method_that_asks(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method that lets the classes of its arguments take the call over."""

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        found = override_function(method, args, kwargs)
        return method(*args, **kwargs) if found is PROCEED else found

    return call


def property_that_asks(attribute: property) -> property:
    """Return a property that lets the class of its tensor take over reading and writing."""
    reader, writer = method_that_asks(attribute.__get__), method_that_asks(attribute.__set__)
    return property(reader, writer if attribute.fset else None, doc=attribute.__doc__)

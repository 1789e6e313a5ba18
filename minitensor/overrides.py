"""``torch.overrides``: tools for classes and modes that define ``__torch_function__``.

A class with a ``__torch_function__`` takes over the calls of this library's functions that have its instances as
arguments, as in PyTorch. Subclasses of ``Tensor`` have one, which keeps the subclass; any class may have its own.
"""

from __future__ import annotations

import functools
import inspect
import sys
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from minitensor.autograd.protocol import TorchFunctionMode as TorchFunctionMode
from minitensor.autograd.protocol import handle_torch_function as handle_torch_function
from minitensor.autograd.protocol import has_torch_function as has_torch_function
from minitensor.autograd.protocol import has_torch_function_unary as has_torch_function_unary
from minitensor.autograd.protocol import has_torch_function_variadic as has_torch_function_variadic
from minitensor.autograd.protocol import is_tensor_like as is_tensor_like
from minitensor.autograd.protocol import skip_override
from minitensor.compat.reasons import attributes_of
from minitensor.ops.subclasses import asks
from minitensor.tensor import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

P = ParamSpec("P")
R = TypeVar("R")

__all__ = [
    "BaseTorchFunctionMode", "TorchFunctionMode", "get_default_nowrap_functions", "get_ignored_functions",
    "get_overridable_functions", "get_testing_overrides", "handle_torch_function", "has_torch_function",
    "has_torch_function_unary", "has_torch_function_variadic", "is_tensor_like", "is_tensor_method_or_property",
    "redispatch_function", "resolve_name", "wrap_torch_function",
]  # fmt: skip

NAMESPACES = ("torch", "torch.nn.functional", "torch.nn.init", "torch.Tensor", "torch.linalg", "torch.fft",
              "torch.special")  # fmt: skip


class BaseTorchFunctionMode(TorchFunctionMode):
    """A mode that changes nothing.

    >>> import minitensor as torch
    >>> with torch.overrides.BaseTorchFunctionMode():
    ...     torch.ones(2) + 1
    tensor([2., 2.])
    """

    def __torch_function__(self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


def wrap_torch_function(
    dispatcher: Callable[P, Iterable[Any]],
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let classes take over the calls of a function, as a decorator.

    Args:
        dispatcher: It takes the function's arguments, and returns those whose classes are asked.

    >>> import minitensor as torch
    >>> @torch.overrides.wrap_torch_function(lambda a: (a,))
    ... def add_zero(a):
    ...     return a + 0
    >>> add_zero(torch.ones(2))
    tensor([1., 1.])
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            relevant = tuple(dispatcher(*args, **kwargs))
            if has_torch_function(relevant):
                found: R = handle_torch_function(call, relevant, *args, **kwargs)
                return found
            return function(*args, **kwargs)

        return call

    return decorate


def redispatch_function(
    func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
) -> Any:
    """Call a function itself, from a ``__torch_function__``; the calls that it makes inside may be taken over again.

    Args:
        func: The function.
        types: Unused.
        args, kwargs: Its arguments. Default: none.

    >>> import minitensor as torch
    >>> class Image(torch.Tensor):
    ...     @classmethod
    ...     def __torch_function__(cls, func, types, args=(), kwargs=None):
    ...         return torch.overrides.redispatch_function(func, types, args, kwargs)
    >>> torch.ones(2).as_subclass(Image) * 3
    tensor([3., 3.])
    """
    return skip_override(func, args, kwargs or {})


# -- names -------------------------------------------------------------------------------------------------------------


def resolve_name(f: Callable[..., Any]) -> str | None:
    """Return the name of a function, as an expression: ``torch.add`` or ``torch.Tensor.shape.__get__``.

    A function that is a method too has the name of the function.

    Args:
        f: A function, as a ``__torch_function__`` gets it.

    >>> import minitensor as torch
    >>> torch.overrides.resolve_name(torch.add), torch.overrides.resolve_name(torch.Tensor.add_)
    ('torch.add', 'torch.Tensor.add_')
    """
    return names_of_functions().get(f)


def is_tensor_method_or_property(func: Callable[..., Any]) -> bool:
    """Return whether a function is a method of ``Tensor``, or reads or writes a property.

    Args:
        func: A function, as a ``__torch_function__`` gets it.

    >>> import minitensor as torch
    >>> torch.overrides.is_tensor_method_or_property(torch.Tensor.add_)
    True
    >>> torch.overrides.is_tensor_method_or_property(torch.stack)
    False
    """
    return func.__name__ == "__get__" or any(func is each for each in vars(Tensor).values())


def get_ignored_functions() -> set[Callable[..., Any]]:
    """Return functions that no ``__torch_function__`` sees: most of them make new tensors.

    >>> import minitensor as torch
    >>> torch.Tensor.as_subclass in torch.overrides.get_ignored_functions()
    True
    >>> torch.add in torch.overrides.get_ignored_functions()
    False
    """
    return {function for function in names_of_functions() if not can_be_overridden(function)}


def get_overridable_functions() -> dict[Any, list[Callable[..., Any]]]:
    """Return the functions that a ``__torch_function__`` sees, by the module or class in which they are.

    >>> import minitensor as torch
    >>> torch.add in torch.overrides.get_overridable_functions()[torch]
    True
    """
    found: dict[Any, list[Callable[..., Any]]] = {}
    for _, owner, _, function in public_functions():
        if can_be_overridden(function):
            found.setdefault(owner, []).append(function)
    return found


def get_testing_overrides() -> dict[Callable[..., Any], Callable[..., Any]]:
    """Return a function with the same signature, which returns -1, for each function that can be overridden.

    >>> import minitensor as torch
    >>> override = torch.overrides.get_testing_overrides()[torch.add]
    >>> override(torch.ones(2), 1)
    -1
    """
    functions = [each for group in get_overridable_functions().values() for each in group]
    return {each: dummy_of(each) for each in functions}


def dummy_of(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that returns -1, with the signature of another."""

    def dummy(*args: Any, **kwargs: Any) -> int:
        return -1

    if isinstance(function, FunctionType):
        dummy.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]  # read by `inspect`
    return dummy


def get_default_nowrap_functions() -> set[Callable[..., Any]]:
    """Return the functions whose result the default ``__torch_function__`` leaves as it is: those that read ``grad``.

    >>> import minitensor as torch
    >>> torch.Tensor.grad.__get__ in torch.overrides.get_default_nowrap_functions()
    True
    """
    return {Tensor.grad.__get__}


@functools.cache
def names_of_functions() -> dict[Callable[..., Any], str]:
    """Return the first name of each public function."""
    names: dict[Callable[..., Any], str] = {}
    for namespace, _, name, function in public_functions():
        names.setdefault(function, f"{namespace}.{name}")
    return names


def public_functions() -> Iterator[tuple[str, Any, str, Callable[..., Any]]]:
    """Yield the public functions with the name of their module or class, that itself, and their own name."""
    for namespace in NAMESPACES:
        owner = owner_of(namespace)
        for name in dir(owner):
            value = inspect.getattr_static(owner, name)
            value = value.__func__ if isinstance(value, (classmethod, staticmethod)) else value
            if isinstance(value, property):
                yield namespace, owner, f"{name}.__get__", value.__get__
                yield namespace, owner, f"{name}.__set__", value.__set__
            elif isinstance(value, (FunctionType, BuiltinFunctionType)) and is_public(name, owner):
                yield namespace, owner, name, value


def owner_of(namespace: str) -> ModuleType | type[Any]:
    """Return the module or class of PyTorch's name."""
    own = namespace.replace("torch", "minitensor", 1)
    return Tensor if namespace == "torch.Tensor" else sys.modules[own]


def is_public(name: str, owner: Any) -> bool:
    """Whether users call a function of this name: methods with two underscores count, others not."""
    return not name.startswith("_") or (owner is Tensor and name.startswith("__"))


def can_be_overridden(function: Any) -> bool:
    """Whether a ``__torch_function__`` sees the calls of a function."""
    if not isinstance(function, FunctionType):
        return not isinstance(function, BuiltinFunctionType)
    is_method = any(function is each for each in vars(Tensor).values())
    return asks(function) or (is_method and function is not Tensor.as_subclass)


__getattr__ = attributes_of(__name__)

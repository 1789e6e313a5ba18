"""Other names of arguments: NumPy's, which PyTorch's parser accepts too, and those of PyTorch's variants of a function.

And other places: ``add(x, 2, y)`` and its like, from the time when factors stood among the tensors. ``respell`` and
``reorder`` are called only after a call did not match the signature, so usual calls pay nothing. This file knows no
operations.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import CodeType
from typing import Any, TypeVar, cast

from minitensor.base import TensorBase, values_of
from minitensor.compat.once import warn_once
from minitensor.errors import UnsupportedError, UsageError, WrongTypeError
from minitensor.memory_format import layout, strided

F = TypeVar("F", bound=Callable[..., Any])

# What PyTorch's parser accepts for a parameter of every function that it parses.
NUMPY_NAMES: Mapping[str, str] = {
    "axis": "dim", "keepdims": "keepdim", "x": "input", "a": "input", "x1": "input", "x2": "other",
}  # fmt: skip
IGNORED = ""  # the parameter of a name that has no effect here


def other_names(**names: str) -> Callable[[F], F]:
    """Accept other names for parameters: ``other_names(sections="indices_or_sections")``.

    Arguments whose name is given as ``IGNORED`` are accepted and have no effect.
    """

    def mark(function: F) -> F:
        function.other_names = names  # type: ignore[attr-defined]  # read by `respell`
        return function

    return mark


def old_orders(*orders: str) -> Callable[[F], F]:
    """Accept, with PyTorch's warning, arguments by position in orders of the past: ``old_orders("input alpha other")``.

    Factors, named alpha, beta or value, must be numbers, and all others tensors, but ``other`` and what it is added to.
    Of functions with several orders, those that begin with ``input`` are the orders of the method: see ``as_method``.
    """

    def mark(function: F) -> F:
        function.old_orders = tuple([order.split() for order in orders])  # type: ignore[attr-defined]  # for `reorder`
        return function

    return mark


def reorder(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the arguments of a call in an order of the past by their names, or None if it is none."""
    return reorder_by(getattr(function, "old_orders", ()), function.__name__, args, kwargs)


def reorder_by(
    orders: Iterable[Sequence[str]], name: str, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Return the arguments of a call in one of these orders by their names, or None if it is none."""
    for order in orders if kwargs.keys() <= {"out"} else ():
        given = dict(zip(order, args))
        if len(args) == len(order) and all(is_in_place(each, value, order) for each, value in given.items()):
            text = f"This overload of {name} is deprecated: {name}({', '.join(order)})"
            warn_once(f"{text}; give {name_factors(order)} by name.", subject="old orders")
            return {name: as_factor(value) if name in FACTORS else value for name, value in given.items()} | {**kwargs}
    return None


FACTORS = frozenset(("alpha", "beta", "value"))


def is_in_place(name: str, value: Any, order: Sequence[str]) -> bool:
    """Whether an argument in an order of the past can have this name."""
    is_tensor = isinstance(value, TensorBase)
    if name in FACTORS:
        return not is_tensor or not value.ndim
    return is_tensor or "other" in order


def as_factor(value: Any) -> Any:
    """Return a number, also of a 0-d tensor."""
    return values_of(value).item() if isinstance(value, TensorBase) else value


def name_factors(order: Sequence[str]) -> str:
    """Return the factors in an order of the past."""
    return " and ".join(name for name in order if name in FACTORS)


def accept_old_orders(call: Callable[..., Any], function: F) -> F:
    """Make a call that accepts the orders of the past of a function that was marked."""
    orders: list[list[str]] = function.old_orders  # type: ignore[attr-defined]
    public = in_orders(call, function, [order for order in orders if order[0] != "input"])
    public.method = in_orders(  # type: ignore[attr-defined]  # read by `as_method`
        call, function, [order for order in orders if order[0] == "input"]
    )
    return public


def in_orders(call: Callable[..., Any], function: F, orders: Sequence[Sequence[str]]) -> F:
    """Make a call of a function that accepts these orders."""
    most, name = function.__code__.co_argcount, function.__name__

    @functools.wraps(function)
    def call_in_order(*args: Any, **kwargs: Any) -> Any:
        known = reorder_by(orders, name, args, kwargs) if len(args) > most else None
        return call(*args, **kwargs) if known is None else call(**known)

    return cast("F", call_in_order)


def as_method(function: F) -> F:
    """Return a function of a sum with a product as a method, which has other orders of the past."""
    return cast("F", function.method)  # type: ignore[attr-defined]  # set by `accept_old_orders`


def respell(
    function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Return the arguments of a call under the names of the signature, or None if they have them or none is known."""
    code = inspect.unwrap(function).__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    if code.co_flags & inspect.CO_VARKEYWORDS:
        return None  # any name is accepted, so the call did not fail at one
    others = getattr(function, "other_names", {})
    given: dict[str, Any] = {}
    for name, value in kwargs.items():
        target = name if name in names else others.get(name, NUMPY_NAMES.get(name, name))
        if target in names:
            if target in given or (target != name and target in kwargs):
                return None
            given[target] = value
        elif name == name_of_rest(code) and len(args) == code.co_argcount:
            args = (*args, value)  # `size` of `zeros(*size)`
        elif target != IGNORED and not is_of_storage(function.__name__, name, value, names):
            return None
    return None if given.keys() == kwargs.keys() else (tuple(args), given)


def name_of_rest(code: CodeType) -> str | None:
    """Return the name of ``*args``, if there is one."""
    count = code.co_argcount + code.co_kwonlyargcount
    return code.co_varnames[count] if code.co_flags & inspect.CO_VARARGS else None


def is_of_storage(function: str, name: str, value: Any, names: Sequence[str]) -> bool:
    """Whether an argument of a function that makes tensors says how to store them; raise for what is not supported."""
    if name not in ("layout", "pin_memory") or "dtype" not in names or "device" not in names:
        return False
    if name == "layout" and value is not None and not isinstance(value, layout):
        raise WrongTypeError(f"{function}(): argument 'layout' must be strided, not {type(value).__name__}")
    if name == "layout" and value is not None and value != strided:
        raise UnsupportedError(f"{function}(): makes dense tensors, got layout={value!r}; convert with to_sparse()")
    if name == "pin_memory" and value is not None and not isinstance(value, bool):
        raise WrongTypeError(f"{function}(): argument 'pin_memory' must be a bool, not {type(value).__name__}")
    if name == "pin_memory" and value:
        raise UsageError(f"{function}: new memory cannot be pinned; call pin_memory() on the result")
    return True

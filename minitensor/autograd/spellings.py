"""Other names of arguments: NumPy's, which PyTorch's parser accepts too, and those of PyTorch's variants of a function.

``respell`` is called only after a call did not match the signature, so calls by the usual names pay nothing. This file
knows no operations.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from types import CodeType
from typing import Any, TypeVar

from minitensor.errors import UsageError, WrongTypeError
from minitensor.layout import Layout
from minitensor.memory_format import layout

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
    if name == "layout" and value is not None and not isinstance(value, (layout, Layout)):
        raise WrongTypeError(f"{function}(): argument 'layout' must be strided, not {type(value).__name__}")
    if name == "pin_memory" and value is not None and not isinstance(value, bool):
        raise WrongTypeError(f"{function}(): argument 'pin_memory' must be a bool, not {type(value).__name__}")
    if name == "pin_memory" and value:
        raise UsageError(f"{function}: memory cannot be pinned: it is NumPy's; leave out pin_memory")
    return True

"""The names, paths and error messages of modules, and the checks of what is registered under a name.

A check comes before the module is changed. This file knows modules only by their tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.errors import ArgumentTypeError

if TYPE_CHECKING:
    from minitensor.nn.module import Module


def indent(text: str) -> str:
    """Indent all lines but the first by two columns."""
    return text.replace("\n", "\n  ")


def indent_lines(s_: str, numSpaces: int) -> str:  # noqa: N803  # PyTorch's names
    """Indent all lines but the first by so many columns; blank lines become empty."""
    first, *lines = s_.split("\n")
    return "\n".join([first, *[" " * numSpaces + line if line.strip() else "" for line in lines]])


def join_path(prefix: str, name: str) -> str:
    """Join a path and a name."""
    return f"{prefix}.{name}" if prefix else name


def type_name(value: object) -> str:
    """Return the name of a value's type as PyTorch's messages give it."""
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def too_many_arguments(module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """Return the message that the base class takes no arguments."""
    name = type(module).__name__
    if kwargs:
        return f"{name}.__init__() got an unexpected keyword argument {next(iter(kwargs))!r}"
    return f"{name}.__init__() takes 1 positional argument but {len(args) + 1} were given"


def not_initialized_message(module: Module, what: str) -> str:
    """Return the message that the constructor of the base class was not called."""
    name = type(module).__name__
    return f"{name!r} object has {what}: super().__init__() was not called; call it first in {name}.__init__"


def require_tables(module: Module, what: str) -> None:
    """Raise if ``Module.__init__`` has not run."""
    if "_modules" not in module.__dict__:
        name = type(module).__name__
        raise AttributeError(
            f"cannot assign {what} before Module.__init__() call: super().__init__() was not called; "
            f"call it first in {name}.__init__"
        )


def require_free_name(module: Module, name: Any, kind: str, table: dict[str, Any]) -> None:
    """Raise if a name is not a string, is empty, contains a dot, or is taken by another attribute."""
    if not isinstance(name, str):
        raise ArgumentTypeError(f"{kind} name should be a string. Got {type_name(name)}")
    if "." in name:
        raise KeyError(f'{kind} name can\'t contain ".", got: {name}')
    if not name:
        raise KeyError(f'{kind} name can\'t be empty string ""')
    if name not in table and hasattr(module, name):
        raise KeyError(f"attribute '{name}' already exists")


def require_none(name: str, value: Any, role: str, wanted: str) -> None:
    """Raise unless a value is None: it would replace a parameter, module or buffer under its name."""
    if value is not None:
        raise ArgumentTypeError(f"cannot assign '{type_name(value)}' {role} '{name}' ({wanted})")

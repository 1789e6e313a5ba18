"""A module's attributes: the tables it starts with, and what setting an attribute does to them.

A registered name stays in its table, and no name lies in two tables.

This file knows modules only by their tables; ``Module.__setattr__`` decides which of its functions is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.nn.words import require_none
from minitensor.tensor import Tensor
from minitensor.utils.hooks import Hooks

if TYPE_CHECKING:
    from minitensor.nn.module import Module

TABLES = ("_parameters", "_buffers", "_modules")


def fresh_tables() -> dict[str, Any]:
    """Return the attributes with which every module starts."""
    return {
        "training": True,
        "_parameters": {},
        "_buffers": {},
        "_modules": {},
        "_non_persistent_buffers_set": set(),
        "_forward_pre_hooks": Hooks(),
        "_forward_hooks": Hooks(),
        "_backward_pre_hooks": Hooks(),
        "_backward_hooks": Hooks(),
        "_state_dict_pre_hooks": Hooks(),
        "_state_dict_hooks": Hooks(),
        "_load_state_dict_pre_hooks": Hooks(),
        "_load_state_dict_post_hooks": Hooks(),
    }


def drop(module: Module, name: str, but: str) -> None:
    """Delete a module's entries under a name, except in the table where a new value replaces the old one."""
    module.__dict__.pop(name, None)
    for table in TABLES:
        if table != but:
            module.__dict__[table].pop(name, None)
    module._non_persistent_buffers_set.discard(name)


def assign(module: Module, name: str, value: Any) -> None:
    """Set an attribute to a value that is neither a parameter nor a module; registered names keep their role."""
    attributes = module.__dict__
    if "_modules" not in attributes:
        object.__setattr__(module, name, value)
    elif name in attributes["_parameters"]:
        require_none(name, value, "as parameter", "minitensor.nn.Parameter or None expected")
        module.register_parameter(name, None)
    elif name in attributes["_modules"]:
        require_none(name, value, "as child module", "minitensor.nn.Module or None expected")
        module._modules[name] = None
    elif name in attributes["_buffers"]:
        if not isinstance(value, Tensor):
            require_none(name, value, "as buffer", "minitensor.nn.Buffer, minitensor.Tensor or None expected")
        module.register_buffer(name, value, name not in module._non_persistent_buffers_set)
    else:
        object.__setattr__(module, name, value)

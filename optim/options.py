"""Checks of options that optimizers share, and how an update reads options that are tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import chain
from numbers import Real
from operator import index
from typing import Any

from minitensor.errors import (
    ArgumentError,
    ArgumentTypeError,
    GradError,
    IndexValueError,
    MissingEntryError,
    RealNumberError,
    WrongKindError,
    WrongTypeError,
    quote,
)
from minitensor.tensor import Tensor


def require_rate(lr: Any) -> None:
    """Raise if a learning rate is negative or has many elements."""
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ArgumentError(f"Tensor lr must be 1-element, got shape {tuple(lr.shape)}")
    require_at_least_zero("learning rate", lr)


def require_at_least_zero(name: str, value: Any) -> None:
    """Raise if a value is negative or not a number."""
    if isinstance(value, str):
        raise ArgumentTypeError(f"Invalid {name}: {value!r}; expected a number")
    if not value >= 0.0:
        raise ArgumentError(f"Invalid {name}: {value}")


def require_number(name: str, value: Any) -> None:
    """Raise, before a step computes with it, unless a value is a number or a tensor with one element."""
    if not isinstance(value, (Real, Tensor)):
        raise RealNumberError(f"{name} must be a number, not {type(value).__name__}")
    if isinstance(value, Tensor) and value.numel() != 1:
        raise RealNumberError(f"{name} must be a number or a tensor with one element, got shape {tuple(value.shape)}")


def read_integer(name: str, value: Any) -> int:
    """Return an integer, or an integer tensor with one element, as an int; raise for anything else."""
    try:
        return index(value)
    except TypeError:
        raise RealNumberError(f"{name} must be an int, got {quote(value)}") from None


def require_betas(betas: Any) -> None:
    """Raise unless ``betas`` is a pair of decay rates in [0, 1)."""
    if isinstance(betas, (str, dict, Tensor)) or not hasattr(betas, "__len__"):
        error = WrongKindError if isinstance(betas, Tensor) else ArgumentTypeError  # PyTorch reads a tensor's entries
        raise error(f"betas must be a pair of numbers, got {quote(betas)}")
    require_count(betas, 2, "betas must be a pair of numbers")
    if isinstance(betas[0], Tensor) != isinstance(betas[1], Tensor):
        raise ArgumentError(f"betas must be either both floats or both Tensors, got {betas!r}")
    for i, beta in enumerate(betas):
        if isinstance(beta, Tensor) and beta.numel() != 1:
            raise ArgumentError(f"Tensor betas[{i}] must be 1-element, got shape {tuple(beta.shape)}")
    for i, beta in enumerate(betas):
        if not 0.0 <= beta < 1.0:
            raise ArgumentError(f"Invalid beta parameter at index {i}: {beta}")


def require_plain(foreach: bool | None, differentiable: bool, fused: bool | None = None) -> None:
    """Check the options by which PyTorch chooses among its implementations; there is one here."""
    if not isinstance(differentiable, bool):
        raise ArgumentTypeError(f"differentiable must be a bool, got {quote(differentiable)}")
    if fused and differentiable:
        raise GradError("`fused` does not support `differentiable`")
    if fused and foreach:
        raise GradError("`fused` and `foreach` cannot be `True` together.")


NUMBERS = frozenset({int, float})
FLAGS = frozenset({  # of which only the truth is asked, so that any value will do
    "amsgrad", "capturable", "centered", "decoupled_weight_decay", "foreach", "fused", "maximize", "nesterov",
})  # fmt: skip


def require_options(where: str, group: dict[str, Any], defaults: dict[str, Any]) -> None:
    """Raise if a group lacks an option, or holds one of a type that cannot replace the default."""
    if not defaults.keys() <= group.keys():
        lacking = sorted(defaults.keys() - group.keys())
        raise MissingEntryError(f"{where} has no {', '.join(map(repr, lacking))}; a group needs {list(defaults)}")
    for name, default in defaults.items():
        value = group[name]
        if not isinstance(default, (str, Tensor)) and hasattr(default, "__len__"):  # a pair, in a sequence of any type
            require_several(f"{where}: {name}", value, len(default))
        elif type(value) in NUMBERS or name in FLAGS or default is None or isinstance(default, (bool, str)):
            continue
        else:
            require_number(f"{where}: {name}", value)


def require_several(what: str, value: Any, count: int) -> None:
    """Raise unless ``value`` is a sequence of ``count`` values."""
    if not hasattr(value, "__len__"):
        raise WrongTypeError(f"{what} must be {count} numbers, not {type(value).__name__}")
    if isinstance(value, (str, dict)):
        raise WrongKindError(f"{what} must be {count} numbers, got {quote(value)}")
    require_count(value, count, f"{what} must be {count} numbers")


def require_count(values: Any, count: int, wanted: str) -> None:
    """Raise unless there are ``count`` values."""
    if len(values) != count:
        error = IndexValueError if len(values) < count else ArgumentError
        raise error(f"{wanted}, got {quote(values)}")


# Types of options that an update can use as they are. A number of the array library is none: it would widen arrays.
SIMPLE = frozenset({bool, int, float, str, list, tuple, type(None)})
PAIRS = ("betas", "etas", "step_sizes")


def in_numbers(group: dict[str, Any]) -> dict[str, Any]:
    """Return a group whose options are Python numbers; the value of a tensor is read at each step."""
    pairs = [group[name] for name in PAIRS if name in group]
    types = chain(map(type, group.values()), *[map(type, pair) for pair in pairs])
    return group if SIMPLE.issuperset(types) else change_options(group, in_number)


def change_options(group: dict[str, Any], change: Callable[[Any], Any]) -> dict[str, Any]:
    """Return a group in which a function has changed each option."""
    return {name: value if name == "params" else change(value) for name, value in group.items()}


def in_number(value: Any) -> Any:
    """Return a number or a tensor of one element as a float, a pair of them as floats, and all else unchanged."""
    if isinstance(value, (tuple, list)):
        return tuple(map(in_number, value))
    if isinstance(value, Tensor):
        return float(value.item())
    if type(value) in SIMPLE:
        return value
    return float(value) if isinstance(value, Real) else in_number(value.tolist()) if hasattr(value, "tolist") else value


def in_scalars(group: dict[str, Any]) -> dict[str, Any]:
    """Return a group whose tensors with one element keep their history and have no dims."""
    return change_options(group, in_scalar)


def in_scalar(value: Any) -> Any:
    """Return a tensor without dims, and anything else as a number."""
    if isinstance(value, (tuple, list)):
        return tuple(map(in_scalar, value))
    return value.squeeze() if isinstance(value, Tensor) else in_number(value)


class Required:
    """The default of an option that each group must give, in optimizers that programs define."""

    def __repr__(self) -> str:
        return "<required parameter>"


required: Any = Required()


def fill_group(group: dict[str, Any], defaults: Mapping[str, Any]) -> None:
    """Give a group the options that it lacks; raise, with the group unchanged, if one is required."""
    for name, default in defaults.items():
        if default is required and name not in group:
            raise ArgumentError(f"parameter group didn't specify a value of required optimization parameter {name}")
    group.update({name: default for name, default in defaults.items() if name not in group})

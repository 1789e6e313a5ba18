"""State dicts of optimizers: their checks, and how loaded values become those of an optimizer."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from minitensor.errors import ArgumentError, MissingEntryError, WrongTypeError
from minitensor.ops.creation import tensor
from minitensor.optim.plan import step_dtype
from minitensor.tensor import Tensor

Group = dict[str, Any]


def require_groups(name: str, saved: dict[str, Any]) -> None:
    """Raise unless a state dict consists of a state and groups."""
    for entry in ("state", "param_groups"):
        if entry not in saved:
            raise MissingEntryError(f"{name}: the loaded state dict has no {entry!r}, but {list(saved)}")
    if not isinstance(saved["state"], dict):
        raise WrongTypeError(f"{name}: 'state' of a state dict must be a dict, not {type(saved['state']).__name__}")
    if not hasattr(saved["param_groups"], "__len__"):
        given = type(saved["param_groups"]).__name__
        raise WrongTypeError(f"{name}: 'param_groups' of a state dict must be a list of dicts, not {given}")


def require_same_groups(name: str, groups: list[Group], saved: list[Group]) -> None:
    """Raise unless a state dict has groups of the same number and sizes."""
    if len(groups) != len(saved):
        raise ArgumentError(
            f"{name}: loaded state dict has a different number of parameter groups: {len(saved)}, "
            f"the optimizer has {len(groups)}"
        )
    for number, group in enumerate(saved):
        if not isinstance(group, dict):
            raise WrongTypeError(f"{name}: param_groups[{number}] must be a dict, not {type(group).__name__}")
        if "params" not in group:
            raise MissingEntryError(f"{name}: param_groups[{number}] of the loaded state dict has no 'params'")
        if not hasattr(group["params"], "__len__"):
            given = type(group["params"]).__name__
            raise WrongTypeError(f"{name}: 'params' of param_groups[{number}] must be a list, not {given}")
    sizes, saved_sizes = ([len(group["params"]) for group in each] for each in (groups, saved))
    if sizes != saved_sizes:
        raise ArgumentError(
            f"{name}: loaded state dict contains a parameter group that doesn't match the size of optimizer's group: "
            f"{saved_sizes} parameters, the optimizer has {sizes}"
        )


def require_counts(name: str, number: Any, entry: Any, counts: tuple[str, ...]) -> None:
    """Raise unless the state of a parameter is a dict that holds every number of the rule."""
    if not isinstance(entry, dict):
        raise WrongTypeError(f"{name}: the state of parameter {number} must be a dict, not {type(entry).__name__}")
    for count in counts if entry else ():
        if count not in entry:
            raise MissingEntryError(f"{name}: the state of parameter {number} has no {count!r}, but {list(entry)}")
        if isinstance(entry[count], str):
            raise ArgumentError(f"{name}: {count!r} of parameter {number} must be a number, got {entry[count]!r}")
        if not isinstance(entry[count], (Tensor, int, float)):
            kind = type(entry[count]).__name__
            raise WrongTypeError(f"{name}: {count!r} of parameter {number} must be a number or a tensor, not {kind}")


def adapt(value: Any, param: Tensor | None, counts: tuple[str, ...] = (), key: Any = None) -> Any:
    """Copy a value of a state dict; tensors take the parameter's device and, except the step, its dtype."""
    if isinstance(value, Tensor):
        copied = value.detach().clone()
        if param is None or key == "step":
            return copied
        return copied.to(param.device, param.dtype if param.is_floating_point() else copied.dtype)
    if isinstance(value, dict):
        return {key: adapt(inner, param, counts, key) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(adapt(inner, param) for inner in value)
    if key in counts and isinstance(value, (int, float)):
        return tensor(float(value), dtype=step_dtype())  # as PyTorch saved it before 1.12
    return deepcopy(value)


def merge_group(old: Group, new: Group) -> Group:
    """Return the saved options with the optimizer's own parameters."""
    kept = {"param_names": old["param_names"]} if "param_names" in old else {}
    options = {key: deepcopy(value) for key, value in new.items() if key != "params"}
    return {**kept, **options, "params": old["params"]}

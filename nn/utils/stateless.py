"""Calls of a module with other tensors in place of its parameters and buffers.

The module itself is restored after the call, even if it raised. ``minitensor.func`` exports this function too, for the
transforms.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from minitensor.errors import ArgumentError, AttributeValueError, StateDictError, quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from minitensor.nn.module import Module
    from minitensor.tensor import Tensor

__all__ = ["functional_call"]

Slot = tuple[dict[str, Any], str]  # the dict that holds a parameter or buffer, and its key there


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: Mapping[str, Tensor] | Sequence[Mapping[str, Tensor]],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call a module with the given tensors in place of its parameters and buffers.

    Args:
        module: The module.
        parameter_and_buffer_dicts: A dict from paths to tensors, or a sequence of such dicts. Parameters without an
            entry are used as they are; unknown paths are ignored.
        args: One argument, or a tuple of arguments. Default: ``None``, no arguments.
        kwargs: Keyword arguments. Default: ``None``.
        tie_weights: Replace a parameter with several paths under all of them. Default: ``True``.
        strict: Require exactly the module's paths. Default: ``False``.

    Returns:
        The module's output.

    Raises:
        TypeError: If the second argument is neither a dict nor a sequence of dicts.
        ValueError: If a path is in several dicts, or a parameter with several paths gets several values.
        AttributeError: If a path leads to a module that does not exist.
        RuntimeError: If ``strict`` is true, and paths are missing or unknown.

    >>> import minitensor as torch
    >>> from minitensor.func import functional_call
    >>> model = torch.nn.Linear(2, 1)
    >>> weights = {"weight": torch.tensor([[1., 2.]]), "bias": torch.tensor([10.])}
    >>> functional_call(model, weights, torch.tensor([1., 1.]))
    tensor([13.])
    """
    given = merge_dicts(parameter_and_buffer_dicts)
    places = {name: (store, key) for name, store, key in slots(module)}
    missing = [name for name in places if name not in given]
    unknown = [name for name in given if name not in places]
    if strict and (missing or unknown):
        raise StateDictError(
            f"functional_call: strict=True, but these are missing: {missing}, and these the module has not: {unknown}"
        )
    require_modules(module, unknown)
    replaced = tie(places, given) if tie_weights else {}
    kept = [(store, key, store[key]) for store, key in places.values()]
    positional = () if args is None else args if isinstance(args, tuple) else (args,)
    try:
        for name, (store, key) in places.items():
            store[key] = given[name] if name in given else replaced.get(id(store[key]), store[key])
        return module(*positional, **(kwargs or {}))
    finally:
        for store, key, value in kept:
            store[key] = value


def merge_dicts(dicts: Any) -> dict[str, Tensor]:
    """Merge the dicts; raise if a name is in several."""
    if isinstance(dicts, Mapping):
        return dict(dicts)
    if not isinstance(dicts, (tuple, list)) or not all(isinstance(each, Mapping) for each in dicts):
        raise AttributeValueError(
            f"functional_call: expected a dict of tensors or a sequence of such dicts, got {type(dicts).__name__}"
        )
    found: dict[str, Tensor] = {}
    for each in dicts:
        for name, value in each.items():
            if name in found:
                raise ArgumentError(f"functional_call: {name!r} is given in more than one of the dicts")
            found[name] = value
    return found


def require_modules(module: Module, names: list[str]) -> None:
    """Raise if an unknown path leads to a module that does not exist."""
    for name in names:
        if not isinstance(name, str):
            raise AttributeValueError(f"functional_call: a path must be a string, got {quote(name)}")
        module.get_submodule(name.rpartition(".")[0])


def tie(places: dict[str, Slot], given: dict[str, Tensor]) -> dict[int, Tensor]:
    """Return the new value of each tensor, by its id; raise if one tensor gets several values under its paths."""
    names: dict[int, list[str]] = {}
    for name in given:
        if name in places:
            store, key = places[name]
            names.setdefault(id(store[key]), []).append(name)
    for several in names.values():
        if any(given[name] is not given[several[0]] for name in several):
            raise ArgumentError(
                f"functional_call got multiple values for keys {sorted(several)}, which are tied; consider using "
                "tie_weights=False"
            )
    return {tensor: given[several[0]] for tensor, several in names.items()}


def slots(module: Module) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield the path of every parameter and buffer, the dict that holds it, and its key there."""
    for prefix, each in module.named_modules(remove_duplicate=False):
        for store in (each._parameters, each._buffers):
            for key, value in store.items():
                if value is not None:
                    yield f"{prefix}.{key}" if prefix else key, store, key

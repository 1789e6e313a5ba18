"""Functions that layers outside PyTorch import by this path: sizes for each dim, and state dicts without a prefix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["_ntuple", "_pair", "_quadruple", "_single", "_triple", "consume_prefix_in_state_dict_if_present"]


def _ntuple(n: int, name: str = "parse") -> Callable[[Any], tuple[Any, ...]]:
    """Return a function that converts an iterable to a tuple, and repeats anything else ``n`` times."""

    def parse(value: Any) -> tuple[Any, ...]:
        return tuple(value) if hasattr(value, "__iter__") else (value,) * n

    parse.__name__ = name
    return parse


_single, _pair, _triple = _ntuple(1, "_single"), _ntuple(2, "_pair"), _ntuple(3, "_triple")
_quadruple = _ntuple(4, "_quadruple")


def consume_prefix_in_state_dict_if_present(state_dict: dict[str, Any], prefix: str) -> None:
    """Strip a prefix, for example ``"module."``, from the keys of a state dict, in place.

    >>> state = {"module.weight": 1, "bias": 2}
    >>> consume_prefix_in_state_dict_if_present(state, "module.")
    >>> state
    {'bias': 2, 'weight': 1}
    """
    strip_prefix(state_dict, prefix)
    metadata = getattr(state_dict, "_metadata", {})
    if prefix.rstrip(".") in metadata and prefix:
        metadata[""] = metadata.pop(prefix.rstrip("."))
    strip_prefix(metadata, prefix)


def strip_prefix(entries: dict[str, Any], prefix: str) -> None:
    """Strip a prefix from the keys that have it; their entries move to the end, in order."""
    for name in [name for name in entries if name.startswith(prefix)]:
        entries[name[len(prefix) :]] = entries.pop(name)

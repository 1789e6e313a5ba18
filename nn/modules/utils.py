"""Small helpers that layers outside PyTorch are written with: sizes for each dim, and state dicts without a prefix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["_ntuple", "_pair", "_quadruple", "_single", "_triple", "consume_prefix_in_state_dict_if_present"]


def _ntuple(n: int, name: str = "parse") -> Callable[[Any], tuple[Any, ...]]:
    """Return a function that makes a tuple of anything iterable, and ``n`` times the same of anything else."""

    def parse(value: Any) -> tuple[Any, ...]:
        return tuple(value) if hasattr(value, "__iter__") else (value,) * n

    parse.__name__ = name
    return parse


_single, _pair, _triple = _ntuple(1, "_single"), _ntuple(2, "_pair"), _ntuple(3, "_triple")
_quadruple = _ntuple(4, "_quadruple")


def consume_prefix_in_state_dict_if_present(state_dict: dict[str, Any], prefix: str) -> None:
    """Take a prefix such as ``"module."`` off all names that have it, where the state dict is.

    >>> state = {"module.weight": 1, "bias": 2}
    >>> consume_prefix_in_state_dict_if_present(state, "module.")
    >>> state
    {'bias': 2, 'weight': 1}
    """
    without_prefix(state_dict, prefix)
    metadata = getattr(state_dict, "_metadata", {})
    if prefix.rstrip(".") in metadata and prefix:
        metadata[""] = metadata.pop(prefix.rstrip("."))
    without_prefix(metadata, prefix)


def without_prefix(entries: dict[str, Any], prefix: str) -> None:
    """Rename the entries whose names begin with a prefix; they move to the end, in their order."""
    for name in [name for name in entries if name.startswith(prefix)]:
        entries[name[len(prefix) :]] = entries.pop(name)

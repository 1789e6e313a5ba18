"""Functions that layers outside PyTorch import by this path: sizes for each dim, and state dicts without a prefix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "_list_with_default", "_ntuple", "_pair", "_quadruple", "_reverse_repeat_tuple", "_single", "_triple",
    "consume_prefix_in_state_dict_if_present",
]  # fmt: skip


def _ntuple(n: int, name: str = "parse") -> Callable[[Any], tuple[Any, ...]]:
    """Return a function that converts an iterable to a tuple, and repeats anything else ``n`` times."""

    def parse(value: Any) -> tuple[Any, ...]:
        return tuple(value) if hasattr(value, "__iter__") else (value,) * n

    parse.__name__ = name
    return parse


_single, _pair, _triple = _ntuple(1, "_single"), _ntuple(2, "_pair"), _ntuple(3, "_triple")
_quadruple = _ntuple(4, "_quadruple")


def _reverse_repeat_tuple(t: tuple[int, ...], n: int) -> tuple[int, ...]:
    """Return the entries in reverse order, each ``n`` times."""
    return tuple(each for each in reversed(t) for _ in range(n))


def _list_with_default(out_size: Any, defaults: Any) -> Any:
    """Return sizes with None replaced by the last of ``defaults``.

    Raises:
        ValueError: If there are not more defaults than sizes.
    """
    if isinstance(out_size, (int, type(None))):
        return out_size
    if len(defaults) <= len(out_size):
        raise ArgumentError(f"Input dimension should be at least {len(out_size) + 1}")
    known = zip(out_size, defaults[-len(out_size) :], strict=True)
    return [default if size is None else size for size, default in known]


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

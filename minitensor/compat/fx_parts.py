"""Modules inside ``torch.fx.experimental`` that libraries import: no size is a symbol here, and nothing is traced."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from minitensor.compat.reasons import attributes_of

__path__: list[str] = []  # as that of a package, so that its parts can be imported
proxy_tensor = symbolic_shapes = sys.modules[__name__]


def get_proxy_mode() -> None:
    """Return None: nothing is traced."""


def guard_or_false(a: Any) -> bool:
    """Return whether a condition holds: none is unknown."""
    return bool(a)


guard_or_true = statically_known_true = guard_size_oblivious = guard_or_false


def free_symbols(val: Any) -> set[Any]:
    """Return an empty set: sizes are numbers."""
    return set()


free_unbacked_symbols = free_symbols

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of("minitensor.fx")

"""``torch.__future__``: how modules are moved in later versions of PyTorch. Kept, and chooses nothing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class State:
    """The values that were set last."""

    overwrite: bool = False
    swap: bool = False


state = State()


def set_overwrite_module_params_on_conversion(value: bool) -> None:
    """Accept whether moving a module makes new parameters; it keeps the objects."""
    state.overwrite = value


def get_overwrite_module_params_on_conversion() -> bool:
    """Return what was set last; False at first."""
    return state.overwrite


def set_swap_module_params_on_conversion(value: bool) -> None:
    """Accept whether moving a module swaps the contents of parameters; it sets their data."""
    state.swap = value


def get_swap_module_params_on_conversion() -> bool:
    """Return what was set last; False at first."""
    return state.swap

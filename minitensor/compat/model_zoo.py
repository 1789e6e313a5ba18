"""``utils.model_zoo``: the former place of ``hub.load_state_dict_from_url``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.compat.hub import load_state_dict_from_url as load_url
from minitensor.compat.hub import progress_bar
from minitensor.compat.reasons import attributes_of

__all__ = ["load_url", "tqdm"]

tqdm: type[Any]
missing_attribute = attributes_of("minitensor.utils.model_zoo")

if not TYPE_CHECKING:  # with it, type checkers accept any name

    def __getattr__(name: str) -> Any:
        return progress_bar() if name == "tqdm" else missing_attribute(name)

"""``utils.model_zoo``: the former place of ``hub.load_state_dict_from_url``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.compat.hub import load_state_dict_from_url as load_url
from minitensor.compat.hub import tqdm as tqdm
from minitensor.compat.reasons import attributes_of

__all__ = ["load_url", "tqdm"]

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of("minitensor.utils.model_zoo")

"""``amp``: mixed precision. ``autocast`` lets functions choose their dtypes, ``GradScaler`` keeps small gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.amp import autocast_mode as autocast_mode
from minitensor.amp import grad_scaler as grad_scaler
from minitensor.amp.autocast_mode import autocast, custom_bwd, custom_fwd
from minitensor.amp.grad_scaler import GradScaler
from minitensor.amp.switches import is_autocast_available
from minitensor.compat.reasons import attributes_of

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd", "is_autocast_available"]

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)

"""``torch._inductor``, the part of PyTorch's compiler that writes code: there are only its settings here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.compat import inductor_config as config
from minitensor.compat.reasons import attributes_of

__all__ = ["config"]

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of("minitensor._inductor")

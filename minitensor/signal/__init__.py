"""Signal processing: windows."""

from typing import TYPE_CHECKING

from minitensor.compat.reasons import attributes_of
from minitensor.signal import windows

__all__ = ["windows"]

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)

"""Files: checkpoints in PyTorch's format and weights in the safetensors format.

``save`` and ``load`` exchange ``.pt`` files with PyTorch, which need not be installed. ``save_file`` and ``load_file``
exchange safetensors files, which hold only named tensors. Loading a file never runs code from it, unless the
caller says ``weights_only=False``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from minitensor.compat.reasons import attributes_of
from minitensor.device import device
from minitensor.serialization.checkpoint import get_unsafe_globals_in_checkpoint, load, save
from minitensor.serialization.names import add_safe_globals, clear_safe_globals, get_safe_globals, safe_globals
from minitensor.serialization.packages import register_package
from minitensor.serialization.settings import (
    LoadEndianness,
    get_crc32_options,
    get_default_load_endianness,
    get_default_mmap_options,
    set_crc32_options,
    set_default_load_endianness,
    set_default_mmap_options,
    skip_data,
)
from minitensor.serialization.weights import load_file, save_file

__all__ = [
    "LoadEndianness", "add_safe_globals", "clear_safe_globals", "get_crc32_options", "get_default_load_endianness",
    "get_default_mmap_options", "get_safe_globals", "get_unsafe_globals_in_checkpoint", "load", "load_file",
    "register_package", "safe_globals", "save", "save_file", "set_crc32_options", "set_default_load_endianness",
    "set_default_mmap_options", "skip_data",
]  # fmt: skip

# What programs take from here for their own functions that save and load.
DEFAULT_PROTOCOL = 2
MAP_LOCATION = Callable[[Any, str], Any] | device | str | dict[str, str] | None

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)

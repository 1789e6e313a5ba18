"""``torch.types``: names of types for annotations."""

from __future__ import annotations

import builtins
import os
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING, Any, TypeAlias

from minitensor.compat.reasons import attributes_of
from minitensor.device import device
from minitensor.dtypes import dtype
from minitensor.memory_format import layout
from minitensor.shapes import Size
from minitensor.storage import Storage
from minitensor.tensor import Tensor

__all__ = ["Device", "FileLike", "Number", "Size", "Storage", "Tensor"]

_TensorOrTensors: TypeAlias = Tensor | Sequence[Tensor]
_TensorOrOptionalTensors: TypeAlias = Tensor | Sequence[Tensor | None]
_TensorOrTensorsOrGradEdge: TypeAlias = Any
_size: TypeAlias = Size | list[int] | tuple[int, ...]
_symsize: TypeAlias = Size | Sequence[int]
IntLikeType: TypeAlias = int
FloatLikeType: TypeAlias = float
BoolLikeType: TypeAlias = bool
Number: TypeAlias = int | float | bool
_Number = (int, float, bool)
FileLike: TypeAlias = str | os.PathLike[str] | IO[bytes]
Device: TypeAlias = device | str | int | None
_device, _dtype, _layout = device, dtype, layout
_bool, _bytes, _complex, _float, _int, _str = (
    builtins.bool, builtins.bytes, builtins.complex, builtins.float, builtins.int, builtins.str
)

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of("minitensor.types")

"""``torch._tensor_str``: how tensors are printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.compat.reasons import attributes_of
from minitensor.printing import printoptions as printoptions
from minitensor.printing import set_printoptions as set_printoptions


def _str(self: Any, *, tensor_contents: Any = None) -> str:
    """Return a tensor as text."""
    return repr(self)


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of("minitensor._tensor_str")

"""``onnx``: there is no export, and each function says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.compat.reasons import attributes_of
from minitensor.errors import UnsupportedError


def export(*args: Any, **kwargs: Any) -> Any:
    """Raise: models cannot be exported to ONNX.

    Raises:
        NotImplementedError: Always.
    """
    raise UnsupportedError(
        "onnx.export: there is no export to ONNX here; save model.state_dict(), load it in PyTorch, and export it there"
    )


dynamo_export = export


def is_in_onnx_export() -> bool:
    """Return False: nothing is exported."""
    return False

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of("minitensor.onnx")

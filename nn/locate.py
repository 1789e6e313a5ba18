"""Errors of layers: which layer raised, by its path in the network, and which argument of its ``forward`` was wrong.

This file knows modules only by their names, their text and the walk over them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.autograd.misuse import call_error
from minitensor.errors import MinitensorError, shorten

if TYPE_CHECKING:
    from minitensor.nn.module import Module


def reject(module: Module, args: tuple[Any, ...], kwargs: dict[str, Any], error: Exception) -> None:
    """Raise the error that names the wrong argument, if a layer of this library was called with one."""
    misfit = call_error("forward", type(module).forward, (module, *args), kwargs, error)
    if misfit is None:
        return
    locate(misfit, module)
    try:
        raise misfit from error
    finally:
        del misfit  # its traceback holds this frame, which holds the arguments


def locate(error: MinitensorError, module: Module) -> None:
    """Put the layer's path and text before the message; each module on the way out makes the path longer.

    The innermost module records itself on the error, and every outer one looks up its path.
    """
    if not hasattr(error, "layer"):
        error.layer, error.reason = module, str(error)  # type: ignore[attr-defined]  # set on the way out
    layer: Module = error.layer  # type: ignore[attr-defined]
    path = next((path for path, inner in module.named_modules() if inner is layer), "")
    if path or layer is module:
        error.args = (f"{path + ': ' if path else ''}{text_of(layer)}: {error.reason}",)  # type: ignore[attr-defined]


def text_of(layer: Module) -> str:
    """Return a layer as a message shows it, without its options if they cannot be shown."""
    try:
        return shorten(f"{layer._get_name()}({layer.extra_repr()})")
    except Exception:  # it must not hide the error being raised
        return layer._get_name()

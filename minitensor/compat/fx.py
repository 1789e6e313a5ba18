"""``fx``: functions are not traced into graphs. What wants a graph says so; ``wrap`` has nothing to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.compat import fx_parts
from minitensor.compat.reasons import attributes_of
from minitensor.errors import UnsupportedError

__path__: list[str] = []  # as that of a package, so that its parts can be imported
experimental = fx_parts


def symbolic_trace(root: Any, concrete_args: Any = None) -> Any:
    """Raise: programs are not traced into graphs.

    Raises:
        NotImplementedError: Always.
    """
    raise UnsupportedError(
        "fx.symbolic_trace: programs are not traced into graphs here; utils.op_log lists the operations of a call, "
        "and forward hooks see the values between layers"
    )


def wrap(fn_or_name: Any) -> Any:
    """Return the function or name: no tracer will come that must leave it whole."""
    return fn_or_name


class Tracer:
    """A tracer of programs, which cannot trace: ``trace`` raises."""

    def trace(self, root: Any, concrete_args: Any = None) -> Any:
        """Raise, as ``symbolic_trace`` does."""
        return symbolic_trace(root, concrete_args)


class GraphModule:
    """The class of traced modules, for ``isinstance``: there are none."""

    def __init__(self, root: Any, graph: Any, class_name: str = "GraphModule") -> None:
        symbolic_trace(root)

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of("minitensor.fx")

"""``torch._dynamo``: nothing is compiled here. Its decorators return what they get, and its settings choose nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.compat import dynamo_config as config
from minitensor.compat import dynamo_parts
from minitensor.compat.compiler import (
    allow_in_graph as allow_in_graph,
)
from minitensor.compat.compiler import (
    assume_constant_result as assume_constant_result,
)
from minitensor.compat.compiler import (
    disable as disable,
)
from minitensor.compat.compiler import (
    is_compiling as is_compiling,
)
from minitensor.compat.compiler import (
    list_backends as list_backends,
)
from minitensor.compat.compiler import (
    reset as reset,
)
from minitensor.compat.compiler import (
    set_stance as set_stance,
)
from minitensor.compat.dynamo_parts import OptimizedModule as OptimizedModule
from minitensor.compat.reasons import attributes_of
from minitensor.compat.unchanged import Unchanged

_trace_wrapped_higher_order_op = eval_frame = utils = dynamo_parts
__path__: list[str] = []  # as that of a package, so that its parts can be imported

__all__ = ["config", "disable", "optimize", "reset"]


def optimize(*args: Any, **options: Any) -> Unchanged:
    """Return a decorator that returns what it gets."""
    return Unchanged()


optimize_assert = run = optimize


def mark_dynamic(t: Any, index: Any, **options: Any) -> None:
    """Accept that a size may change from call to call; it always may."""


mark_static = mark_static_address = maybe_mark_dynamic = mark_unbacked = mark_dynamic
disallow_in_graph = forbid_in_graph = allow_in_graph


def graph_break(msg: str = "") -> None:
    """Do nothing: there are no graphs."""


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of("minitensor._dynamo")

"""The classes of nodes that users see: ``type(y.grad_fn).__name__`` is the name of the operation, as in PyTorch.

All nodes of one kind have one class when they are made, because a class for each operation would cost time there. A
node gets the class of its operation's name, which adds nothing, when it is handed out.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minitensor.autograd.node import Node


def show_name(node: Node) -> Node:
    """Give a node the class that has its name, and return the node."""
    kind, name = node.__class__, node.name().rpartition("::")[2]
    if kind.__name__ != name:
        node.__class__ = class_of_name(kind, name)  # type: ignore[arg-type]  # a class can be hashed
    return node


@functools.cache
def class_of_name(kind: type[Node], name: str) -> Any:
    """Return a child of a class of nodes under a name."""
    return type(name, (kind,), {"__slots__": (), "__module__": kind.__module__})

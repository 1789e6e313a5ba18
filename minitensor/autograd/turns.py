"""The order in which gradients arrive at leaves, where PyTorch has one operation and this library has several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.autograd.declare import describe
from minitensor.autograd.interpreters import active, interpreters
from minitensor.autograd.leaf import Leaf
from minitensor.autograd.mode import grad_mode
from minitensor.autograd.node import TurnNode, make_node, output
from minitensor.base import TensorBase, array_dtype, has_values, window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from minitensor.tensor import Tensor


def in_turn(*values: Any) -> tuple[Any, ...]:
    """Return the values such that the gradients of the leaves among them arrive together and in this order.

    A leaf's hooks run as soon as its gradient is complete. Where PyTorch has one operation and this library has
    several, the leaves would follow the order of the inner operations.
    """
    if not grad_mode.get() or not all(has_values(each) for each in values if isinstance(each, TensorBase)):
        return values
    if active and interpreters.get():
        return values  # which know these tensors, and not others on the same memory
    if sum([isinstance(each, TensorBase) and each.node.__class__ is Leaf for each in values]) < 2:
        return values  # other nodes run after all later operations in any case
    nodes = [each.node if isinstance(each, TensorBase) else None for each in values]
    turn_node = make_node(TURN, tuple(nodes), (), (), None, TurnNode)
    turn_node.count = len(values)
    pairs = enumerate(zip(values, nodes))
    return tuple([each if node is None else route_through(turn_node, i, each) for i, (each, node) in pairs])


def route_through(node: TurnNode, index: int, tensor: Any) -> Any:
    """Return a tensor on the same memory whose gradient goes through ``node``."""
    result = window(tensor, tensor.layout)
    result._node = output(node, index, result._layout.shape, array_dtype(tensor))
    return result


def turn(tensors: Sequence[Tensor]) -> None:
    """Serve as the body of the operation of every ``TurnNode``."""


TURN = describe(turn, {})

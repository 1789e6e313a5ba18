"""The order in which gradients arrive at leaves, where PyTorch has one operation and this library has several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.autograd.declare import describe
from minitensor.autograd.mode import grad_mode
from minitensor.autograd.node import Gate, Leaf, make_node, output
from minitensor.base import TensorBase, array_dtype, has_values, window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from minitensor.tensor import Tensor


def in_turn(*values: Any) -> tuple[Any, ...]:
    """Return values such that the gradients of the leaves among them arrive together, and in this order.

    A leaf takes its gradient as soon as that is complete, and its hooks run then. Where PyTorch has one operation and
    this library has several, the leaves' order would be that of the inner ones.
    """
    if not grad_mode.get() or not all(has_values(each) for each in values if isinstance(each, TensorBase)):
        return values
    if sum([isinstance(each, TensorBase) and each.node.__class__ is Leaf for each in values]) < 2:
        return values  # all others wait in any case until every later operation has run
    nodes = [each.node if isinstance(each, TensorBase) else None for each in values]
    gate = make_node(TURN, tuple(nodes), (), (), None, Gate)
    gate.count = len(values)
    return tuple([each if node is None else behind(gate, i, each) for i, (each, node) in enumerate(zip(values, nodes))])


def behind(gate: Gate, index: int, tensor: Any) -> Any:
    """Return a look at a tensor whose gradient goes through a gate."""
    seen = window(tensor, tensor.layout)
    seen._node = output(gate, index, seen._layout.shape, array_dtype(tensor))
    return seen


def turn(tensors: Sequence[Tensor]) -> None:
    """Stand for the operation that gates belong to."""


TURN = describe(turn, {})

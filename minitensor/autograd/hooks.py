"""Functions that users hang on the graph: on a tensor's gradient, before a node runs, after it ran."""

from __future__ import annotations

import itertools
import weakref
from typing import TYPE_CHECKING, Any, NamedTuple

from minitensor.callers import line_of
from minitensor.errors import ArgumentTypeError, GradError

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping, Sequence

    from minitensor.autograd.node import Node
    from minitensor.callers import Line

numbers = itertools.count()


class RemovableHandle:
    """Takes a hook off again: by ``remove()``, or at the end of a ``with`` block."""

    def __init__(self, hooks: MutableMapping[int, Any], *, extra: MutableMapping[int, Any] | None = None) -> None:
        self.id = next(numbers)
        self.maps = [
            weakref.ref(each) if hasattr(each, "__weakref__") else _strong(each)
            for each in (hooks, extra)
            if each is not None
        ]

    def remove(self) -> None:
        """Take the hook off; a second call does nothing."""
        for reference in self.maps:
            hooks = reference()
            if hooks is not None:
                hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *error: object) -> None:
        self.remove()


def _strong(hooks: MutableMapping[int, Any]) -> Callable[[], MutableMapping[int, Any]]:
    return lambda: hooks


class HookTable(dict[int, Any]):
    """A dictionary of hooks in the order in which they were hung up."""

    __slots__ = ("__weakref__",)


class Hooks:
    """The hooks of one node, and what else is known of it alone."""

    __slots__ = ("accumulated", "after", "before", "metadata", "on_grad", "retained")

    def __init__(self) -> None:
        self.on_grad = HookTable()  # of the tensor: grad -> None or another grad
        self.before = HookTable()  # of the node: grads -> None or other grads
        self.after = HookTable()  # of the node: (grads of inputs, grads of outputs) -> None or other grads of inputs
        self.accumulated = HookTable()  # of a leaf: tensor -> None
        self.retained: weakref.ReferenceType[Any] | None = None  # the tensor whose .grad is to be kept
        self.metadata: dict[str, Any] | None = None

    def arriving(self, node: Node, grad: Any, walk: Walk) -> Any:
        """Run the tensor's hooks, in order, and keep the gradient where that was asked."""
        for hook in list(self.on_grad.values()):
            if hook.__class__ is Joint:
                hook.arrived(node, grad, walk)
            else:
                grad = checked(hook(grad), grad)
        tensor = None if self.retained is None else self.retained()
        if tensor is not None:
            tensor._grad = grad.clone() if tensor._grad is None else tensor._grad + grad
        return grad

    def entering(self, node: Node, grad: Any) -> Any:
        """Run the node's hooks on its incoming gradients."""
        for hook in list(self.before.values()):
            given = node.gradients(grad)
            found = hook(given)
            if found is not None:
                grad = node.gathered(checked_all(found, given, node))
        return grad

    def leaving(self, node: Node, grads: list[Any], grad: Any) -> list[Any]:
        """Run the node's hooks on the gradients it made."""
        for hook in list(self.after.values()):
            found = hook(tuple(grads), node.gradients(grad))
            if found is not None:
                grads = list(checked_all(found, grads, node))
        if not self.after:
            return grads
        return [None if each is None else each.clone() for each in grads]  # a hook may hold them

    def added(self, tensor: Any) -> None:
        """Run the hooks that wait for a leaf's gradient to be added up."""
        for hook in list(self.accumulated.values()):
            hook(tensor)

    def line(self) -> Line | None:
        """Return the line that made the node, if anomaly mode was on then."""
        stack = None if self.metadata is None else self.metadata.get(TRACE)
        return None if stack is None else line_of(stack)


TRACE = "traceback_"  # where PyTorch keeps it


class Walk(NamedTuple):
    """What is the same for all nodes of a walk back."""

    stops: dict[Any, Any]  # one for each node that is reached; hooks may leave things of their own there
    needed: set[Node] | None  # the nodes that are run, if not all
    found: dict[Node, Any]  # the gradients that are asked for
    gather: bool  # whether leaves add to their tensors' gradient

    def runs(self, node: Node) -> bool:
        """Whether a gradient will arrive at a node."""
        return node in self.stops and (self.needed is None or node in self.needed)


class Joint:
    """One function for the gradients of several tensors: called with all of them, or with the first that arrives."""

    __slots__ = ("function", "mode", "nodes")

    def __init__(self, nodes: Sequence[Node], function: Callable[..., Any], mode: str) -> None:
        self.nodes = [weakref.ref(node) for node in nodes]  # each of them holds this; that must be no circle
        self.function = function
        self.mode = mode

    def arrived(self, node: Node, grad: Any, walk: Walk) -> None:
        """Take one of the gradients of a walk; what came so far lies with the walk and dies with it."""
        if self.mode == "any":
            if walk.stops.setdefault(self, grad) is grad:
                self.function(grad)
            return
        grads, left = walk.stops.get(self) or (
            [None] * len(self.nodes), sum(1 for each in self.nodes if (one := each()) is not None and walk.runs(one))
        )
        for i, each in enumerate(self.nodes):
            if each() is node and grads[i] is None:
                grads[i] = grad
                break
        walk.stops[self] = grads, left - 1
        if left == 1:
            self.function(grads)


def checked_all(found: Any, given: Sequence[Any], node: Node) -> tuple[Any, ...]:
    """Return what a node's hook gave, if there is one gradient for each."""
    grads = found if isinstance(found, tuple) else tuple(found) if isinstance(found, list) else (found,)
    if len(grads) != len(given):
        raise GradError(
            f"hook of {node.name()} returned an incorrect number of gradients: got {len(grads)}, expected {len(given)}"
        )
    return grads


def checked(found: Any, grad: Any) -> Any:
    """Return what a tensor hook gave, if it fits in the gradient's place."""
    if found is None:
        return grad
    if not hasattr(found, "_node"):
        raise ArgumentTypeError(f"expected a Tensor or None from a hook, got {type(found).__name__}")
    if found.shape != grad.shape:
        raise GradError(
            f"hook has changed the size of the gradient: it was given {tuple(grad.shape)} and returned "
            f"{tuple(found.shape)}"
        )
    return found


def hooks_of(node: Node) -> Hooks:
    """Return a node's hooks, made on first use."""
    if node.hooks is None:
        node.hooks = Hooks()
    return node.hooks


def hang(table: HookTable, hook: Callable[..., Any] | Joint) -> RemovableHandle:
    """Add a hook to a table and return its handle."""
    handle = RemovableHandle(table)
    table[handle.id] = hook
    return handle

"""Functions that users hang on the graph: on a tensor's gradient, before a node runs, after it ran."""

from __future__ import annotations

import itertools
import weakref
from typing import TYPE_CHECKING, Any

from minitensor.errors import GradError

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from minitensor.autograd.node import Node

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
    """The hooks of one node."""

    __slots__ = ("after", "before", "on_grad", "retained")

    def __init__(self) -> None:
        self.on_grad = HookTable()  # of the tensor: grad -> None or another grad
        self.before = HookTable()  # of the node: grads -> None or other grads
        # of the node: (grads of inputs, grads of outputs) -> None or other grads; of a leaf: tensor -> None
        self.after = HookTable()
        self.retained: weakref.ReferenceType[Any] | None = None  # the tensor whose .grad is to be kept

    def arriving(self, grad: Any) -> Any:
        """Run the tensor's hooks, in order, and keep the gradient where that was asked."""
        for hook in list(self.on_grad.values()):
            grad = checked(hook(grad), grad)
        tensor = None if self.retained is None else self.retained()
        if tensor is not None:
            tensor._grad = grad if tensor._grad is None else tensor._grad + grad
        return grad

    def entering(self, grad: Any) -> Any:
        """Run the node's hooks on its incoming gradient."""
        for hook in list(self.before.values()):
            found = hook((grad,))
            grad = grad if found is None else found[0]
        return grad

    def leaving(self, grads: list[Any], grad: Any) -> list[Any]:
        """Run the node's hooks on the gradients it made."""
        for hook in list(self.after.values()):
            found = hook(tuple(grads), (grad,))
            grads = grads if found is None else list(found)
        return grads

    def gathered(self, leaf: Any) -> None:
        """Run the hooks that wait for a leaf's gradient to be added up."""
        tensor = leaf.variable
        for hook in list(self.after.values()):
            hook(tensor)


def checked(found: Any, grad: Any) -> Any:
    """Return what a tensor hook gave, if it fits in the gradient's place."""
    if found is None:
        return grad
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


def hang(table: HookTable, hook: Callable[..., Any]) -> RemovableHandle:
    """Add a hook to a table and return its handle."""
    handle = RemovableHandle(table)
    table[handle.id] = hook
    return handle

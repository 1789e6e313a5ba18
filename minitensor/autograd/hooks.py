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
    """Takes a hook off again: by ``remove()``, or at the end of a ``with`` block.

    Args:
        hooks: The dict that holds the hook under the handle's ``id``.
        extra: A second dict with an entry of this ``id``, removed too. Default: ``None``.

    >>> import minitensor as torch
    >>> hooks = {}
    >>> handle = torch.utils.hooks.RemovableHandle(hooks)
    >>> hooks[handle.id] = print
    >>> handle.remove()
    >>> hooks
    {}
    """

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
    """The hooks of one node, and what else is known of it alone.

    Where an operation has several results, its node has all hooks, and ``results`` those of each tensor by its number,
    in the order in which the first of each was hung up.
    """

    __slots__ = ("accumulated", "after", "before", "metadata", "on_grad", "results", "retained")

    def __init__(self) -> None:
        self.results: dict[int, Hooks] = {}
        self.on_grad = HookTable()  # of the tensor: grad -> None or another grad
        self.before = HookTable()  # of the node: grads -> None or other grads
        self.after = HookTable()  # of the node: (grads of inputs, grads of outputs) -> None or other grads of inputs
        self.accumulated = HookTable()  # of a leaf: tensor -> None
        self.retained: weakref.ReferenceType[Any] | None = None  # the tensor whose .grad is to be kept
        self.metadata: dict[str, Any] | None = None

    def arriving(self, node: Node, grad: Any, walk: Walk) -> Any:
        """Run the hooks of the tensors that the node made."""
        if not self.results:
            return self.seen(grad, walk)
        grads = list(node.gradients(grad))
        for i, hooks in list(self.results.items()):
            grads[i] = hooks.seen(grads[i], walk)
        return node.gathered(grads)

    def seen(self, grad: Any, walk: Walk) -> Any:
        """Run one tensor's hooks, in order, and keep the gradient where that was asked."""
        for hook in list(self.on_grad.values()):
            if hook.__class__ is Share:
                hook.take(grad, walk)
            else:
                grad = checked(hook(grad), grad)
        tensor = None if self.retained is None else self.retained()
        if tensor is not None and grad is not None:
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
            returned = hook(tensor)
            if returned is not None and returned is not tensor:
                raise (GradError if hasattr(returned, "_node") else ArgumentTypeError)(
                    f"post accumulate grad hooks should return None, got {type(returned).__name__}: change .grad in "
                    "place, or assign it"
                )

    def line(self) -> Line | None:
        """Return the line that made the node, if anomaly mode was on then."""
        stack = None if self.metadata is None else self.metadata.get(TRACE)
        return None if stack is None else line_of(stack)


TRACE = "traceback_"  # where PyTorch keeps it


class Walk(NamedTuple):
    """What is the same for all nodes of a walk back."""

    stops: dict[Any, Any]  # one for each node that is reached; hooks may leave things of their own there
    needed: set[Node] | None  # the nodes that it comes to, if not all
    found: dict[Node, Any]  # the gradients that are asked for
    gather: bool  # whether leaves add to their tensors' gradient, and nodes that are asked for run

    def runs(self, node: Node) -> bool:
        """Whether a node that the walk comes to runs; that of an input of ``autograd.grad`` need not."""
        return self.needed is None or (self.gather and node in self.found) or not self.needed.isdisjoint(node.edges)

    def reaches(self, maker: weakref.ReferenceType[Node]) -> bool:
        """Whether the walk comes to a node."""
        node = maker()
        return node in self.stops and (self.needed is None or node in self.needed)


class Joint:
    """One function for the gradients of several tensors: called with all of them, or with the first that arrives.

    What came so far lies with the walk and dies with it.
    """

    __slots__ = ("function", "makers", "mode")

    def __init__(self, makers: Sequence[Node], function: Callable[..., Any], mode: str) -> None:
        self.makers = [weakref.ref(node) for node in makers]  # each of them holds this; that must be no circle
        self.function = function
        self.mode = mode

    def first(self, grad: Any, walk: Walk) -> None:
        """Call the function if no other gradient came before."""
        if self not in walk.stops:
            walk.stops[self] = True
            self.function(grad)

    def gather(self, index: int, grad: Any, walk: Walk) -> None:
        """Take one of the gradients, and call the function if it is the last to come."""
        grads, left = walk.stops.get(self) or ([None] * len(self.makers), sum(map(walk.reaches, self.makers)))
        grads[index] = grad
        walk.stops[self] = grads, left - 1
        if left == 1:
            self.function(grads)


class Share:
    """The hook of one tensor among several that have one function."""

    __slots__ = ("index", "joint")

    def __init__(self, joint: Joint, index: int) -> None:
        self.joint = joint
        self.index = index

    def take(self, grad: Any, walk: Walk) -> None:
        """Take the tensor's gradient."""
        if self.joint.mode == "any":
            self.joint.first(grad, walk)
        else:
            self.joint.gather(self.index, grad, walk)


def checked_all(found: Any, given: Sequence[Any], node: Node) -> tuple[Any, ...]:
    """Return what a node's hook gave, if there is a fitting gradient, or None, for each."""
    if not isinstance(found, tuple):
        raise ArgumentTypeError(
            f"expected tuple, but hook of {node.name()} returned {type(found).__name__}: return one gradient, or None, "
            "for each of those it was given"
        )
    if len(found) != len(given):
        raise GradError(
            f"hook of {node.name()} returned an incorrect number of gradients: got {len(found)}, expected {len(given)}"
        )
    return tuple([None if new is None else checked(new, old) for new, old in zip(found, given, strict=True)])


def checked(found: Any, grad: Any) -> Any:
    """Return what a hook gave, if it fits in the gradient's place."""
    if found is None:
        return grad
    if grad is None:
        raise GradError("can't replace a None gradient with a non-None value: no gradient came for a hook to change")
    if not hasattr(found, "_node"):
        raise ArgumentTypeError(f"expected a Tensor or None from a hook, got {type(found).__name__}")
    if found.shape != grad.shape:
        raise GradError(
            f"hook has changed the size of the gradient: it was given {tuple(grad.shape)} and returned "
            f"{tuple(found.shape)}"
        )
    if found.dtype is not grad.dtype or found.device != grad.device:
        raise GradError(
            f"hook has changed the type of the gradient: it was given {grad.dtype.name} on {grad.device} and returned "
            f"{found.dtype.name} on {found.device}"
        )
    return found


def hooks_of(node: Node) -> Hooks:
    """Return a node's hooks, made on first use."""
    if node.hooks is None:
        node.hooks = Hooks()
    return node.hooks


def hooks_of_tensor(node: Node) -> Hooks:
    """Return the hooks of the tensor whose place in the graph a node is, made on first use."""
    maker, index = node.as_edge()
    hooks = hooks_of(maker)
    return hooks if maker is node else hooks.results.setdefault(index, Hooks())


def known_hooks_of_tensor(node: Node) -> Hooks | None:
    """Return the hooks of the tensor whose place in the graph a node is, if there were any."""
    maker, index = node.as_edge()
    return maker.hooks if maker is node or maker.hooks is None else maker.hooks.results.get(index)


def is_retained(tensor: Any, node: Node | None) -> bool:
    """Whether the gradient of a tensor whose place in the graph is ``node`` is to be kept."""
    hooks = None if node is None else known_hooks_of_tensor(node)
    return hooks is not None and hooks.retained is not None and hooks.retained() is tensor


def hang(table: HookTable, hook: Callable[..., Any] | Share) -> RemovableHandle:
    """Add a hook to a table and return its handle."""
    handle = RemovableHandle(table)
    table[handle.id] = hook
    return handle

"""Hooks: functions that users attach to a tensor's gradient, or to a node, to run before or after it."""

from __future__ import annotations

import itertools
import weakref
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, NamedTuple

from minitensor.callers import line_of
from minitensor.errors import ArgumentTypeError, GradError

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping, Sequence

    from minitensor.autograd.node import Node
    from minitensor.callers import Line

numbers = itertools.count()


class RemovableHandle:
    """Removes a hook: by ``remove()`` or at the end of a ``with`` block.

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
        """Remove the hook. A second call does nothing."""
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


class HookTable(OrderedDict[int, Any]):
    """A dictionary of hooks in the order in which they were registered. It prints as PyTorch's tables do."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(OrderedDict(self))


class Hooks:
    """The hooks and the metadata of one node.

    The node of an operation with several results has the hooks of all its tensors. ``results`` contains them by the
    number of the result, in the order in which the first hook of each was registered.
    """

    __slots__ = ("accumulated", "after", "before", "metadata", "on_grad", "results", "retained")

    def __init__(self) -> None:
        self.results: dict[int, Hooks] = {}
        self.on_grad = HookTable()  # of the tensor: grad -> None or another grad
        self.before = HookTable()  # of the node: grads -> None or other grads
        self.after = HookTable()  # of the node: (grads of inputs, grads of outputs) -> None or other grads of inputs
        self.accumulated = HookTable()  # of a leaf: tensor -> None
        self.retained: weakref.ReferenceType[Any] | None = None  # the tensor that retain_grad() was called on
        self.metadata: dict[str, Any] | None = None

    def run_grad_hooks(self, node: Node, grad: Any, walk: Walk) -> Any:
        """Run the gradient hooks of all tensors that the node made."""
        if not self.results:
            return self.run_tensor_hooks(grad, walk)
        grads = list(node.gradients(grad))
        for i, hooks in list(self.results.items()):
            grads[i] = hooks.run_tensor_hooks(grads[i], walk)
        return node.gather_results(grads)

    def run_tensor_hooks(self, grad: Any, walk: Walk) -> Any:
        """Run one tensor's gradient hooks in order, and set its ``grad`` if it retains the gradient."""
        for hook in list(self.on_grad.values()):
            if hook.__class__ is Share:
                hook.take(grad, walk)
            else:
                grad = check_replacement(hook(grad), grad)
        tensor = None if self.retained is None else self.retained()
        if tensor is not None and grad is not None:
            sum_so_far = getattr(tensor, "_grad", None)
            tensor._grad = grad.clone() if sum_so_far is None else sum_so_far + grad
        return grad

    def run_prehooks(self, node: Node, grad: Any) -> Any:
        """Run the hooks of ``register_prehook`` on the gradients that arrived."""
        for hook in list(self.before.values()):
            given = node.gradients(grad)
            found = hook(given)
            if found is not None:
                grad = node.gather_results(check_replacements(found, given, node))
        return grad

    def run_posthooks(self, node: Node, grads: list[Any], grad: Any) -> list[Any]:
        """Run the hooks of ``register_hook`` on the gradients that the node computed."""
        for hook in list(self.after.values()):
            found = hook(tuple(grads), node.gradients(grad))
            if found is not None:
                grads = list(check_replacements(found, grads, node))
        if not self.after:
            return grads
        return [None if each is None else each.clone() for each in grads]  # a hook may keep them

    def run_accumulated_hooks(self, tensor: Any) -> None:
        """Run the hooks of ``register_post_accumulate_grad_hook`` after a leaf's ``grad`` has changed."""
        for hook in list(self.accumulated.values()):
            returned = hook(tensor)
            if returned is not None and returned is not tensor:
                raise (GradError if hasattr(returned, "_node") else ArgumentTypeError)(
                    f"post accumulate grad hooks should return None, got {type(returned).__name__}: change .grad in "
                    "place, or assign it"
                )

    def line(self) -> Line | None:
        """Return the line that made the node, if anomaly mode was on."""
        stack = None if self.metadata is None else self.metadata.get(TRACE)
        return None if stack is None else line_of(stack)


TRACE = "traceback_"  # PyTorch's key in a node's metadata


class Walk(NamedTuple):
    """The state of one backward pass that is the same for all nodes."""

    stops: dict[Any, Any]  # one for each node that the walk can reach; a `Joint` keeps its gradients here too
    needed: set[Node] | None  # the nodes that lead to a target; None in a walk without targets
    found: dict[Node, Any]  # the requested gradients
    gather: bool  # whether leaves add to ``grad``, and targets run

    def runs(self, node: Node) -> bool:
        """Whether the walk runs a node that it reaches. Inputs of ``autograd.grad`` need not run."""
        return self.needed is None or (self.gather and node in self.found) or not self.needed.isdisjoint(node.edges)

    def reaches(self, maker: weakref.ReferenceType[Node]) -> bool:
        """Whether the walk reaches a node."""
        node = maker()
        return node in self.stops and (self.needed is None or node in self.needed)


class Joint:
    """One function for the gradients of several tensors: called with all of them, or with the first that arrives.

    The gradients that have arrived are kept in the ``Walk`` and freed with it.
    """

    __slots__ = ("function", "makers", "mode")

    def __init__(self, makers: Sequence[Node], function: Callable[..., Any], mode: str) -> None:
        self.makers = [weakref.ref(node) for node in makers]  # weak, because each node refers to this object
        self.function = function
        self.mode = mode

    def first(self, grad: Any, walk: Walk) -> None:
        """Call the function if this gradient is the first."""
        if self not in walk.stops:
            walk.stops[self] = True
            self.function(grad)

    def gather(self, index: int, grad: Any, walk: Walk) -> None:
        """Store one of the gradients, and call the function if it is the last."""
        grads, left = walk.stops.get(self) or ([None] * len(self.makers), sum(map(walk.reaches, self.makers)))
        grads[index] = grad
        walk.stops[self] = grads, left - 1
        if left == 1:
            self.function(grads)


class Share:
    """The hook of one of the tensors of a ``Joint``."""

    __slots__ = ("index", "joint")

    def __init__(self, joint: Joint, index: int) -> None:
        self.joint = joint
        self.index = index

    def take(self, grad: Any, walk: Walk) -> None:
        """Pass the tensor's gradient to the joint."""
        if self.joint.mode == "any":
            self.joint.first(grad, walk)
        else:
            self.joint.gather(self.index, grad, walk)


def check_replacements(found: Any, given: Sequence[Any], node: Node) -> tuple[Any, ...]:
    """Check the tuple that a node's hook returned: a gradient that fits, or None, for each one that it was given."""
    if not isinstance(found, tuple):
        raise ArgumentTypeError(
            f"expected tuple, but hook of {node.name()} returned {type(found).__name__}: return one gradient, or None, "
            "for each one that it was given"
        )
    if len(found) != len(given):
        raise GradError(
            f"hook of {node.name()} returned an incorrect number of gradients: got {len(found)}, expected {len(given)}"
        )
    return tuple([None if new is None else check_replacement(new, old) for new, old in zip(found, given, strict=True)])


def check_replacement(found: Any, grad: Any) -> Any:
    """Check that the result of a hook can replace a gradient; None leaves the gradient unchanged."""
    if found is None:
        return grad
    if grad is None:
        raise GradError("can't replace a None gradient with a non-None value: no gradient arrived at this node")
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
    """Return a node's hooks; create them on first use."""
    if node.hooks is None:
        node.hooks = Hooks()
    return node.hooks


def hooks_of_tensor(node: Node) -> Hooks:
    """Return the hooks of the tensor whose place in the graph is ``node``; create them on first use."""
    maker, index = node.as_edge()
    hooks = hooks_of(maker)
    return hooks if maker is node else hooks.results.setdefault(index, Hooks())


def find_hooks_of_tensor(node: Node) -> Hooks | None:
    """Return the hooks of the tensor whose place in the graph is ``node``, or None."""
    maker, index = node.as_edge()
    return maker.hooks if maker is node or maker.hooks is None else maker.hooks.results.get(index)


def is_retained(tensor: Any, node: Node | None) -> bool:
    """Whether a tensor whose place in the graph is ``node`` retains its gradient."""
    hooks = None if node is None else find_hooks_of_tensor(node)
    return hooks is not None and hooks.retained is not None and hooks.retained() is tensor


def add_hook(table: HookTable, hook: Callable[..., Any] | Share) -> RemovableHandle:
    """Add a hook to a table and return its handle."""
    handle = RemovableHandle(table)
    table[handle.id] = hook
    return handle

"""The walk back: from roots with their gradients to the leaves, each node once, when all its gradients have come.

The walk is a loop, not a recursion: it counts how many gradients each node still waits for, runs those that wait for
none, and frees what they saved as it goes. It knows nodes and the sum of two gradients, nothing of operations.
"""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Any, TypeAlias

from minitensor.autograd.mode import grad_mode
from minitensor.autograd.node import Leaf, Node
from minitensor.base import TensorBase, wrap
from minitensor.errors import ArgumentError, ArgumentTypeError, GradError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from minitensor.tensor import Tensor

    Tensors: TypeAlias = Tensor | Sequence[Tensor]


def backward(
    tensors: Tensors,
    grad_tensors: Tensors | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Tensors | None = None,
) -> None:
    """Add the gradients of ``tensors`` to the ``grad`` of every leaf, or of the given ``inputs`` alone.

    >>> import minitensor as torch
    >>> x = torch.tensor([1., 2.], requires_grad=True)
    >>> torch.autograd.backward((x * x).sum())
    >>> x.grad
    tensor([2., 4.])
    """
    roots = starts(as_tuple(tensors), grad_tensors)
    keep = create_graph if retain_graph is None else retain_graph
    if inputs is None:
        walk(roots, keep, create_graph)
        return
    wanted = as_tuple(inputs)
    if not wanted:
        raise GradError("backward: inputs is empty; leave it out to reach all leaves")
    found = walk(roots, keep, create_graph, [target(i, each) for i, each in enumerate(wanted)])
    for tensor in wanted:
        grad = found[tensor.node]
        if grad is not None:
            tensor._grad = grad.clone() if tensor._grad is None else tensor._grad + grad


def grad(
    outputs: Tensors,
    inputs: Tensors,
    grad_outputs: Tensors | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """Return the gradients of the sum of ``outputs`` with respect to ``inputs``, and touch no ``grad``.

    >>> import minitensor as torch
    >>> x = torch.tensor(3., requires_grad=True)
    >>> (first,) = torch.autograd.grad(x ** 3, x, create_graph=True)
    >>> (second,) = torch.autograd.grad(first, x)
    >>> first.item(), second.item()
    (27.0, 18.0)
    """
    if materialize_grads and allow_unused is False:
        raise ArgumentError("grad: materialize_grads=True fills in for unused inputs, allow_unused=False forbids them")
    wanted = as_tuple(inputs)
    if not wanted:
        raise GradError("grad: inputs is empty; name the tensors to differentiate by")
    roots = starts(as_tuple(outputs), grad_outputs)
    targets = [target(i, each) for i, each in enumerate(wanted)]
    found = walk(roots, create_graph if retain_graph is None else retain_graph, create_graph, targets)
    return tuple([
        result(i, tensor, found[node], bool(allow_unused) or materialize_grads, materialize_grads)
        for i, (tensor, node) in enumerate(zip(wanted, targets, strict=True))
    ])


def result(index: int, tensor: Tensor, grad: Any, allow_unused: bool, materialize: bool) -> Any:
    """Return what ``grad`` gives for one input."""
    if grad is None and not allow_unused:
        raise GradError(
            f"grad: input {index} of shape {tuple(tensor.shape)} was not used in the graph; pass allow_unused=True to "
            "get None for it"
        )
    if grad is None and materialize:
        return wrap(tensor.result_class, tensor.xp.zeros(tensor.shape, tensor.array.dtype))
    return grad


# -- roots and targets -------------------------------------------------------------------------------------------------


def as_tuple(tensors: Any) -> tuple[Any, ...]:
    """Return one tensor or several as a tuple, and refuse anything else."""
    found = (tensors,) if isinstance(tensors, TensorBase) else tuple(tensors)
    for each in found:
        if not isinstance(each, TensorBase):
            raise ArgumentTypeError(f"expected a tensor or a sequence of tensors, got {type(each).__name__}")
    return found


def starts(tensors: tuple[Tensor, ...], grads: Any) -> list[tuple[Node, Any]]:
    """Return each root's node with the gradient to start from."""
    given = (None,) * len(tensors) if grads is None else (grads,) if isinstance(grads, TensorBase) else tuple(grads)
    if len(given) != len(tensors):
        raise GradError(f"expected one gradient for each of the {len(tensors)} tensors, got {len(given)}")
    return [start(i, tensor, grad) for i, (tensor, grad) in enumerate(zip(tensors, given, strict=True))]


def start(index: int, tensor: Tensor, grad: Any) -> tuple[Node, Any]:
    """Return a root's node with a checked gradient, ones for a scalar."""
    node = tensor.node
    if node is None:
        raise GradError(
            f"element {index} of tensors does not require grad and does not have a grad_fn: nothing that made it was "
            "recorded (set requires_grad=True on an input, and mind no_grad and detach)"
        )
    if grad is None:
        if tensor.array.size != 1:
            raise GradError(
                f"grad can be implicitly created only for scalar outputs, this one has shape {tuple(tensor.shape)}: "
                "reduce it (.sum(), .mean()) or pass a gradient of its shape"
            )
        return node, wrap(tensor.result_class, tensor.xp.ones_like(tensor.array))
    if grad.shape != tensor.shape:
        raise GradError(
            f"mismatch in shape: gradient {index} has shape {tuple(grad.shape)}, its tensor {tuple(tensor.shape)}"
        )
    if grad.dtype is not tensor.dtype:
        grad = grad._like_dtype(tensor.array.dtype)
    return node, grad


def target(index: int, tensor: Tensor) -> Node:
    """Return the node whose incoming gradient is asked for."""
    node = tensor.node
    if node is None:
        raise GradError(f"one of the differentiated tensors does not require grad: input {index}, "
                        f"of shape {tuple(tensor.shape)}")
    return node


# -- the walk ----------------------------------------------------------------------------------------------------------


def walk(
    roots: Sequence[tuple[Node, Any]], keep: bool, record: bool, targets: Sequence[Node] | None = None
) -> dict[Node, Any]:
    """Run every node between the roots and the leaves; with targets, only those on the way to them.

    Returns the gradients that arrived at the targets. Without targets, leaves add to their tensors' ``grad``.
    """
    stops = survey([node for node, _ in roots])
    for node, grad in roots:
        stop = stops[node]
        stop[GRAD] = grad if stop[GRAD] is None else stop[GRAD] + grad
        stop[BORROWED] = True
    found: dict[Node, Any] = {} if targets is None else dict.fromkeys(targets)
    needed = None if targets is None else leading_to(found, stops)
    ready = [stop for stop in stops.values() if not stop[WAITING]]
    token = grad_mode.set(record)
    try:
        while ready:
            _, grad, node, borrowed = ready.pop()
            grads: Iterable[Any]
            if grad is None:
                grads = nothing
            elif needed is None and node.hooks is None and node.__class__ is not Leaf:
                grads = node(grad)
            else:
                grads = visit(node, grad, found, needed, borrowed)
            if not keep:
                node.release()
            for edge, g in zip(node.edges, grads):
                if edge is None:
                    continue
                stop = stops[edge]
                if g is not None:
                    if stop[GRAD] is None:
                        stop[GRAD] = g
                        if g is grad or g._base is not None or not node.trusted:
                            stop[BORROWED] = True
                    else:
                        stop[GRAD] = stop[GRAD] + g
                        stop[BORROWED] = False
                left = stop[WAITING] = stop[WAITING] - 1
                if not left:
                    ready.append(stop)
    finally:
        grad_mode.reset(token)
    return found


WAITING, GRAD, NODE, BORROWED = range(4)  # a stop of the walk is a list: attributes would cost a quarter of its time

nothing: Iterable[Any] = repeat(None)


def visit(node: Node, grad: Any, found: dict[Node, Any], needed: set[Node] | None, borrowed: bool) -> Iterable[Any]:
    """Run a node that is more than a formula: it has hooks, is a leaf, or some of the graph is not needed."""
    if needed is not None and node not in needed:
        return nothing
    hooks = node.hooks
    if hooks is not None:
        grad = hooks.arriving(grad)
    if node in found:
        found[node] = grad
    if node.__class__ is Leaf:
        if needed is None:
            node(grad.clone() if borrowed else grad)  # see Note [Whose gradient]
            if hooks is not None:
                hooks.gathered(node)
        return nothing
    if needed is not None and needed.isdisjoint(node.edges):
        return nothing
    if hooks is None:
        return node(grad, needed)
    grad = hooks.entering(grad)
    return hooks.leaving(node(grad, needed), grad)


# Note [Whose gradient]. A leaf keeps the gradient that arrives, and users write into it (zero_, clipping). It may keep
# it without a copy only if nobody else holds it: if it was made for this leaf alone by a formula of the house. A
# gradient that a formula passed on as it came (addition), a view (expand), or one from a user's function is `borrowed`
# and cloned.


def survey(starts: Iterable[Node]) -> dict[Node, list[Any]]:
    """Return a stop for every node that the walk can reach: how many gradients it waits for, none of which has come."""
    stops: dict[Node, list[Any]] = {node: [0, None, node, False] for node in starts}
    stack = list(stops)
    while stack:
        for edge in stack.pop().edges:
            if edge is None:
                continue
            if edge in stops:
                stops[edge][WAITING] += 1
            else:
                stops[edge] = [1, None, edge, False]
                stack.append(edge)
    return stops


def leading_to(targets: Iterable[Node], starts: Iterable[Node]) -> set[Node]:
    """Return the nodes from which a target can be reached, the targets included."""
    needed = set(targets)
    for node in backwards(starts):
        if node not in needed and any(edge in needed for edge in node.edges):
            needed.add(node)
    return needed


def backwards(starts: Iterable[Node]) -> list[Node]:
    """List the reachable nodes, inputs before the nodes that use them."""
    order: list[Node] = []
    entered: set[Node] = set()
    stack: list[tuple[Node, bool]] = [(node, False) for node in starts]
    while stack:
        node, done = stack.pop()
        if done:
            order.append(node)
        elif node not in entered:
            entered.add(node)
            stack.append((node, True))
            stack.extend([(edge, False) for edge in node.edges if edge is not None and edge not in entered])
    return order

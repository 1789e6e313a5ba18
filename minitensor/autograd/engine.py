"""The walk back: from roots with their gradients to the leaves, each node once, when all its gradients have come.

The walk is a loop, not a recursion: it counts how many gradients each node still waits for, runs those that wait for
none, and frees what they saved as it goes. It knows nodes and the sum of two gradients, nothing of operations.
"""

from __future__ import annotations

import weakref
from itertools import repeat
from typing import TYPE_CHECKING, Any, TypeAlias

from minitensor.autograd.hooks import Walk, hooks_of
from minitensor.autograd.mode import grad_mode
from minitensor.autograd.node import GradientEdge, Leaf, Node
from minitensor.base import TensorBase, wrap
from minitensor.errors import ArgumentError, ArgumentTypeError, BatchingError, GradError, WrongTypeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from minitensor.tensor import Tensor

    Tensors: TypeAlias = Tensor | GradientEdge | Sequence[Tensor | GradientEdge]


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
    targets = [target(i, each) for i, each in enumerate(wanted)]
    for node, tensor in zip(targets, wanted, strict=True):
        if node.__class__ is not Leaf:
            hooks_of(node).retained = weakref.ref(tensor)
    walk(roots, keep, create_graph, targets, gather=True)


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> Any:
    """Return the gradients of the sum of ``outputs`` with respect to ``inputs``, and touch no ``grad``.

    A dictionary of inputs gives a dictionary of gradients. With ``is_grads_batched`` the first dimension of each of
    ``grad_outputs`` counts gradients to start from, and that of each result counts what they give.

    >>> import minitensor as torch
    >>> x = torch.tensor(3., requires_grad=True)
    >>> (first,) = torch.autograd.grad(x ** 3, x, create_graph=True)
    >>> (second,) = torch.autograd.grad(first, x)
    >>> first.item(), second.item()
    (27.0, 18.0)

    >>> x = torch.tensor([1., 2.], requires_grad=True)
    >>> torch.autograd.grad(x * x, {"x": x}, torch.eye(2), is_grads_batched=True)
    {'x': tensor([[2., 0.],
            [0., 4.]])}
    """
    if isinstance(inputs, dict):
        found = grad(
            outputs, list(inputs.values()), grad_outputs, retain_graph, create_graph, allow_unused, is_grads_batched,
            materialize_grads,
        )
        return dict(zip(inputs, found, strict=True))
    if materialize_grads and allow_unused is False:
        raise ArgumentError("grad: materialize_grads=True fills in for unused inputs, allow_unused=False forbids them")
    keep = create_graph if retain_graph is None else retain_graph
    lenient = bool(allow_unused) or materialize_grads
    if is_grads_batched:
        return batched(outputs, inputs, grad_outputs, keep, create_graph, lenient, materialize_grads)
    return gradients(outputs, inputs, grad_outputs, keep, create_graph, lenient, materialize_grads)


def gradients(
    outputs: Any, inputs: Any, grad_outputs: Any, keep: bool, record: bool, allow_unused: bool, materialize: bool
) -> tuple[Any, ...]:
    """Walk once."""
    wanted = as_tuple(inputs)
    if not wanted:
        raise GradError("grad: inputs is empty; name the tensors to differentiate by")
    roots = starts(as_tuple(outputs), grad_outputs)
    targets = [target(i, each) for i, each in enumerate(wanted)]
    found = walk(roots, keep, record, targets)
    return tuple([
        result(i, tensor, found[node], allow_unused, materialize)
        for i, (tensor, node) in enumerate(zip(wanted, targets, strict=True))
    ])


def batched(
    outputs: Any, inputs: Any, grad_outputs: Any, keep: bool, record: bool, allow_unused: bool, materialize: bool
) -> tuple[Any, ...]:
    """Walk once for all entries of the first dimension of the gradients to start from, or once for each of them."""
    given = (grad_outputs,) if isinstance(grad_outputs, TensorBase) else tuple(grad_outputs or ())
    sizes = {len(each.array) for each in given if each is not None}
    if len(sizes) != 1:
        raise GradError(
            "grad: is_grads_batched=True needs grad_outputs whose first dimension counts the gradients to start from, "
            f"got the sizes {sorted(sizes)}"
        )
    (size,) = sizes
    try:
        return TensorBase.batched_class._for_all(  # type: ignore[no-any-return]  # a class from above
            lambda *row: gradients(outputs, inputs, row, True, record, allow_unused, materialize), given
        )
    except BatchingError:  # a formula without a rule
        pass
    rows = []
    for i in range(size):
        row = [None if each is None else each[i] for each in given]
        rows.append(gradients(outputs, inputs, row, keep or i + 1 < size, record, allow_unused, materialize))
    return tuple([stacked(column) for column in zip(*rows, strict=True)])


def stacked(grads: tuple[Any, ...]) -> Any:
    """Return gradients as one tensor along a new first dimension; None if the input was not used."""
    first = grads[0]
    if first is None:
        return None
    whole = first.new_zeros((len(grads), *first.shape))
    for i, each in enumerate(grads):
        whole[i] = each
    return whole


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
    """Return one tensor (or gradient edge) or several as a tuple, and refuse anything else."""
    if isinstance(tensors, dict):
        raise ArgumentTypeError("expected a tensor or a sequence of tensors, got a dict; pass list(....values())")
    found = (tensors,) if isinstance(tensors, (TensorBase, GradientEdge)) else tuple(tensors)
    for each in found:
        if not isinstance(each, (TensorBase, GradientEdge)):
            raise ArgumentTypeError(f"expected a tensor or a sequence of tensors, got {type(each).__name__}")
    return found


def starts(tensors: tuple[Any, ...], grads: Any) -> list[tuple[Node, Any]]:
    """Return each root's node with the gradient to start from."""
    given = (None,) * len(tensors) if grads is None else (grads,) if isinstance(grads, TensorBase) else tuple(grads)
    if len(given) != len(tensors):
        raise GradError(f"expected one gradient for each of the {len(tensors)} tensors, got {len(given)}")
    return [start(i, tensor, grad) for i, (tensor, grad) in enumerate(zip(tensors, given, strict=True))]


def start(index: int, tensor: Any, grad: Any) -> tuple[Node, Any]:
    """Return a root's node with a checked gradient, ones for a scalar."""
    if tensor.__class__ is GradientEdge:
        return start_at_edge(index, tensor, grad)
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
    return node, fitting(index, node, grad)


def start_at_edge(index: int, edge: GradientEdge, grad: Any) -> tuple[Node, Any]:
    """Return the node of an edge with a checked gradient, which must be given."""
    if grad is None:
        raise GradError(f"grad can be implicitly created only for tensors: pass a gradient for the edge {index}")
    node = node_at(edge)
    return node, fitting(index, node, grad)


def fitting(index: int, node: Node, grad: Any) -> Any:
    """Return a gradient that a user gave in the shape and dtype of what it is the gradient of."""
    if not isinstance(grad, TensorBase):
        raise WrongTypeError(f"gradient {index} must be a tensor or None, got {type(grad).__name__}")
    if tuple(grad.shape) != tuple(node.shape):
        raise GradError(
            f"mismatch in shape: gradient {index} has shape {tuple(grad.shape)}, its tensor {tuple(node.shape)}"
        )
    given: Any = grad
    if given.array.dtype != node.dtype:
        if given.array.dtype.kind == "c" and node.dtype.kind != "c":
            raise GradError(f"gradient {index} is complex, its tensor is real: pass a real gradient")
        return given._like_dtype(node.dtype)
    return given


def target(index: int, tensor: Any) -> Node:
    """Return the node whose incoming gradient is asked for."""
    if tensor.__class__ is GradientEdge:
        return node_at(tensor)
    node: Node | None = tensor.node
    if node is None:
        raise GradError(f"one of the differentiated tensors does not require grad: input {index}, "
                        f"of shape {tuple(tensor.shape)}")
    return node


def node_at(edge: GradientEdge) -> Node:
    """Return the node that an edge means."""
    return edge.node if edge.ownership_token is None else edge.ownership_token


# -- the walk ----------------------------------------------------------------------------------------------------------


def walk(
    roots: Sequence[tuple[Node, Any]], keep: bool, record: bool, targets: Sequence[Node] | None = None,
    gather: bool = False,
) -> dict[Node, Any]:
    """Run every node between the roots and the leaves; with targets, only those on the way to them.

    Returns the gradients that arrived at the targets. Leaves add to their tensors' ``grad``, with targets only if asked
    to ``gather``.
    """
    stops = survey([node for node, _ in roots])
    for node, grad in roots:
        stop = stops[node]
        stop[GRAD] = grad if stop[GRAD] is None else stop[GRAD] + grad
        stop[BORROWED] = True
    found: dict[Node, Any] = {} if targets is None else dict.fromkeys(targets)
    needed = None if targets is None else leading_to(found, stops)
    ready = [stop for stop in stops.values() if not stop[WAITING]]
    mode = grad_mode.get()
    watched = mode is not True and mode is not False
    straight = needed is None and not watched
    facts: Walk | None = None
    token = grad_mode.set(mode.turned(record) if watched else record)
    try:
        while ready:
            _, grad, node, borrowed = ready.pop()
            grads: Iterable[Any]
            if grad is None:
                grads = nothing
            elif straight and node.hooks is None and node.__class__ is not Leaf:
                grads = node(grad)
            else:
                facts = facts or Walk(stops, needed, found, targets is None or gather)
                grads = visit(node, grad, borrowed, facts)
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
                if left:
                    continue
                if edge.__class__ is not Leaf:
                    ready.append(stop)
                elif (g := stop[GRAD]) is not None:  # at once: what is added up need not be kept
                    if straight and edge.hooks is None:
                        edge(g.clone() if stop[BORROWED] else g)  # see Note [Whose gradient]
                    else:
                        facts = facts or Walk(stops, needed, found, targets is None or gather)
                        visit(edge, g, stop[BORROWED], facts)
                    stop[GRAD] = None
    finally:
        grad_mode.reset(token)
    return found


WAITING, GRAD, NODE, BORROWED = range(4)  # a stop of the walk is a list: attributes would cost a quarter of its time

nothing: Iterable[Any] = repeat(None)


def visit(node: Node, grad: Any, borrowed: bool, walk: Walk) -> Iterable[Any]:
    """Run a node that is more than a formula: it has hooks or is watched, or not all of the graph is needed."""
    _, needed, found, gather = walk
    if needed is not None and node not in needed:
        return nothing
    hooks = node.hooks
    if hooks is not None:
        grad = hooks.arriving(node, grad, walk)
    if node in found:
        found[node] = grad
    if node.__class__ is Leaf:
        if gather:
            add_up(node, grad, borrowed)
        return nothing
    if needed is not None and needed.isdisjoint(node.edges):
        return nothing
    if hooks is not None:
        grad = hooks.entering(node, grad)
    grads = run(node, grad, needed)
    return grads if hooks is None else hooks.leaving(node, grads, grad)


def run(node: Node, grad: Any, needed: set[Node] | None) -> list[Any]:
    """Run a node's formulas, under the eyes of a watch if there is one."""
    mode = grad_mode.get()
    if mode is True or mode is False:
        return node(grad, needed)
    found: list[Any] = mode.run(node, grad, needed)
    return found


def add_up(leaf: Any, grad: Any, borrowed: bool) -> None:
    """Add to a leaf's gradient, between its hooks."""
    hooks = leaf.hooks
    if hooks is None:
        leaf(grad.clone() if borrowed else grad)
        return
    grad = hooks.entering(leaf, grad)
    leaf(grad.clone())  # a hook may hold it
    hooks.added(leaf.variable)
    hooks.leaving(leaf, [], grad)


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

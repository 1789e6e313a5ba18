"""The backward pass: from the roots to the leaves, each node once, after all its gradients have arrived.

The walk is a loop, not a recursion. It runs the nodes in the reverse order of their creation and frees their saved
values. This file knows nodes and how to add two gradients. It knows no operations.
"""

from __future__ import annotations

import warnings
import weakref
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from minitensor.autograd.hooks import Walk, hooks_of_tensor
from minitensor.autograd.leaf import Leaf
from minitensor.autograd.mode import grad_mode
from minitensor.autograd.node import Node
from minitensor.autograd.protocol import PROCEED, active, override_function, past_overrides
from minitensor.autograd.sums import add_gradients
from minitensor.backends.encoded import round_to_bfloat16
from minitensor.base import TensorBase, array_dtype, elements_of, wrap
from minitensor.callers import user_level
from minitensor.compat.once import warn_once
from minitensor.dtypes import bfloat16
from minitensor.errors import (
    ArgumentError,
    ArgumentTypeError,
    BatchingError,
    DimError,
    GradError,
    UsageError,
    WrongTypeError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from minitensor.tensor import Tensor

    Tensors: TypeAlias = "Tensor | GradientEdge | Sequence[Tensor | GradientEdge]"


class GradientEdge(NamedTuple):
    """A place in the graph that ``backward`` and ``grad`` accept for a tensor; see ``graph.get_gradient_edge``.

    Args:
        node: The node to which a gradient flows.
        output_nr: Which result of the node the tensor is.
        ownership_token: What keeps the graph alive. Default: ``None``.

    >>> import minitensor as torch
    >>> y = torch.ones(2, requires_grad=True) * 3
    >>> edge = torch.autograd.graph.get_gradient_edge(y)
    >>> isinstance(edge, torch.autograd.graph.GradientEdge), edge.output_nr
    (True, 0)
    """

    node: Node
    output_nr: int
    ownership_token: Any = None  # the node of this output; `node` is that of the operation


def backward(
    tensors: Tensors,
    grad_tensors: Tensors | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Tensors | Sequence[Tensor | None] | None = None,
    inputs: Tensors | None = None,
) -> None:
    """Add the gradients of ``tensors`` to the ``grad`` of every leaf, or only of the given ``inputs``.

    Args:
        tensors: A tensor or several, each of which requires grad.
        grad_tensors: For each tensor the gradient that arrives there, of its shape; None for 1 where the tensor has one
            element. Default: ``None``, for all.
        retain_graph: Keep the saved values, so that another backward pass can follow. Default: ``None``, as
            ``create_graph``.
        create_graph: Record the backward pass, so that the gradients can be differentiated. Default: ``False``.
        grad_variables: Deprecated name of ``grad_tensors``. Default: ``None``.
        inputs: The tensors whose ``grad`` is added to. Default: ``None``, all leaves.

    Raises:
        RuntimeError: If a tensor does not require grad, a gradient is missing or has another shape, the graph was
            freed, or ``inputs`` is empty.

    >>> import minitensor as torch
    >>> x = torch.tensor([1., 2.], requires_grad=True)
    >>> torch.autograd.backward((x * x).sum())
    >>> x.grad
    tensor([2., 4.])
    """
    if grad_variables is not None:
        grad_tensors = by_old_name(grad_tensors, grad_variables)
    roots = make_roots(as_tuple("backward: tensors", tensors), grad_tensors)
    keep = create_graph if retain_graph is None else retain_graph
    if create_graph:
        warn_once(CYCLE)
    if inputs is None:
        past_overrides(walk, roots, keep, create_graph)
        return
    wanted = as_tuple("backward: inputs", inputs)
    if not wanted:
        raise GradError("backward: inputs is empty; leave it out to reach all leaves")
    targets = [target(i, each) for i, each in enumerate(wanted)]
    for node, tensor in zip(targets, wanted, strict=True):
        # As in PyTorch, a tensor that is not a leaf gets a `grad` if it is named as an input.
        if node.__class__ is not Leaf and tensor.__class__ is not GradientEdge:
            hooks_of_tensor(node).retained = weakref.ref(tensor)
    past_overrides(walk, roots, keep, create_graph, targets)


CYCLE = (
    "Using backward() with create_graph=True creates a reference cycle between the parameter and its gradient, which "
    "can leak memory: use autograd.grad instead, or reset the .grad of the parameters to None after use."
)


def by_old_name(grad_tensors: Any, grad_variables: Any) -> Any:
    """Return the gradients that were given under their old name; raise if they were given under both."""
    warnings.warn(
        "backward: grad_variables is deprecated; use grad_tensors", FutureWarning, stacklevel=user_level()
    )
    if grad_tensors is not None:
        raise UsageError("backward: grad_tensors and grad_variables are two names of one argument; give grad_tensors")
    return grad_variables


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> Any:
    """Return the gradients of the sum of ``outputs`` with respect to ``inputs``, and change no ``grad``.

    A dictionary of inputs gives a dictionary of gradients. With ``is_grads_batched`` the first dimension of each of
    ``grad_outputs`` is a batch of gradients to start from, and the first dimension of each result is that batch too.

    Args:
        outputs: A tensor or several, each of which requires grad.
        inputs: A tensor, several, or a dict of tensors.
        grad_outputs: For each output the gradient that arrives there, of its shape; None for 1 where the output has one
            element. Default: ``None``, for all.
        retain_graph: Keep the saved values, so that another backward pass can follow. Default: ``None``, as
            ``create_graph``.
        create_graph: Record the backward pass, so that the gradients can be differentiated. Default: ``False``.
        only_inputs: Deprecated and without effect: other leaves are never changed. Default: ``True``.
        allow_unused: Return None for an input that the outputs do not depend on. Default: ``None``, as
            ``materialize_grads``.
        is_grads_batched: Take many gradients at once, along the first dim of ``grad_outputs``. Default: ``False``.
        materialize_grads: Return zeros for an input that the outputs do not depend on. Default: ``False``.

    Raises:
        RuntimeError: If an output or an input does not require grad, an input is unused and that is not allowed, a
            gradient is missing or has another shape, or the graph was freed.
        ValueError: If ``materialize_grads`` is true and ``allow_unused`` is false.
        IndexError: If ``is_grads_batched`` is true and a gradient has no dimensions.

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
    if active:
        options = {
            "grad_outputs": grad_outputs, "retain_graph": retain_graph, "create_graph": create_graph,
            "allow_unused": allow_unused, "is_grads_batched": is_grads_batched, "materialize_grads": materialize_grads,
        }
        if (found := override_function(grad, (outputs, inputs), options)) is not PROCEED:
            return found
    if isinstance(inputs, dict):
        found = grad(
            outputs, list(inputs.values()), grad_outputs, retain_graph, create_graph, only_inputs, allow_unused,
            is_grads_batched, materialize_grads,
        )
        return dict(zip(inputs, found, strict=True))
    if not only_inputs:
        message = "only_inputs=False is deprecated and has no effect; use backward to accumulate in other leaves too"
        warnings.warn(f"grad: {message}", FutureWarning, stacklevel=user_level())
    if materialize_grads and allow_unused is False:
        raise ArgumentError("grad: materialize_grads=True fills in for unused inputs, allow_unused=False forbids them")
    keep = create_graph if retain_graph is None else retain_graph
    lenient = bool(allow_unused) or materialize_grads
    if is_grads_batched:
        return walk_batch(outputs, inputs, grad_outputs, keep, create_graph, lenient, materialize_grads)
    return gradients(outputs, inputs, grad_outputs, keep, create_graph, lenient, materialize_grads)


def gradients(
    outputs: Any, inputs: Any, grad_outputs: Any, keep: bool, record: bool, allow_unused: bool, materialize: bool
) -> tuple[Any, ...]:
    """Run one backward pass and return the gradients of the inputs."""
    wanted = as_tuple("autograd.grad: inputs", inputs)
    if not wanted:
        raise GradError("grad: inputs is empty; name the tensors to differentiate by")
    roots = make_roots(as_tuple("autograd.grad: outputs", outputs), grad_outputs)
    targets = [target(i, each) for i, each in enumerate(wanted)]
    found = past_overrides(walk, roots, keep, record, targets, False)
    return tuple([
        gradient_of_input(i, tensor, node.part(found[node.as_edge()[0]]), allow_unused, materialize)
        for i, (tensor, node) in enumerate(zip(wanted, targets, strict=True))
    ])


def walk_batch(
    outputs: Any, inputs: Any, grad_outputs: Any, keep: bool, record: bool, allow_unused: bool, materialize: bool
) -> tuple[Any, ...]:
    """Run one backward pass for a batch of ``grad_outputs``, or one for each if a formula has no batching rule."""
    given = (grad_outputs,) if isinstance(grad_outputs, TensorBase) else tuple(grad_outputs or ())
    if any(each is not None and not each.ndim for each in given):
        raise DimError("grad: is_grads_batched=True needs grad_outputs with a first dimension, got a 0-d tensor")
    sizes = {each.shape[0] for each in given if each is not None}
    if len(sizes) != 1:
        raise GradError(
            "grad: is_grads_batched=True needs grad_outputs whose first dimension counts the gradients to start from, "
            f"got the sizes {sorted(sizes)}"
        )
    (size,) = sizes
    try:
        # The values are kept in any case: if this pass fails half-way, the passes below need them.
        return TensorBase.batched_class._for_all(  # type: ignore[no-any-return]  # a class from above
            lambda *row: gradients(outputs, inputs, row, True, record, allow_unused, materialize), given
        )
    except BatchingError:  # a formula has no batching rule
        pass
    rows = []
    for i in range(size):
        row = [None if each is None else each[i] for each in given]
        rows.append(gradients(outputs, inputs, row, keep or i + 1 < size, record, allow_unused, materialize))
    return tuple([stack_gradients(column) for column in zip(*rows, strict=True)])


def stack_gradients(grads: tuple[Any, ...]) -> Any:
    """Stack gradients along a new first dimension; return None if the input was not used."""
    first = grads[0]
    if first is None:
        return None
    whole = first.new_zeros((len(grads), *first.shape))
    for i, each in enumerate(grads):
        whole[i] = each
    return whole


def gradient_of_input(index: int, tensor: Tensor, grad: Any, allow_unused: bool, materialize: bool) -> Any:
    """Return the gradient of one input: zeros, None or an error if the input was not used."""
    if grad is None and not allow_unused:
        raise GradError(
            f"grad: input {index} of shape {tuple(tensor.shape)} was not used in the graph; pass allow_unused=True to "
            "get None for it"
        )
    if grad is None and materialize:
        return tensor.new_zeros(tensor.shape)
    return grad


# -- roots and targets -------------------------------------------------------------------------------------------------


def as_tuple(name: str, tensors: Any) -> tuple[Any, ...]:
    """Return one or several tensors or gradient edges as a tuple. Raise for anything else."""
    if isinstance(tensors, (TensorBase, GradientEdge)):
        return (tensors,)
    if isinstance(tensors, dict):
        raise ArgumentTypeError(f"{name}: expected a tensor or a sequence of them, got a dict; pass list(....values())")
    found = tuple(tensors) if hasattr(tensors, "__iter__") else (tensors,)
    for each in found:
        if not isinstance(each, (TensorBase, GradientEdge)):
            raise ArgumentTypeError(f"{name}: expected a tensor or a sequence of tensors, got {type(each).__name__}")
    return found


def make_roots(tensors: tuple[Any, ...], grads: Any) -> list[tuple[Node, Any]]:
    """Return the node of each root and the gradient to start from."""
    given = (None,) * len(tensors) if grads is None else (grads,) if isinstance(grads, TensorBase) else tuple(grads)
    if len(given) != len(tensors):
        raise GradError(f"expected one gradient for each of the {len(tensors)} tensors, got {len(given)}")
    return [make_root(i, tensor, grad) for i, (tensor, grad) in enumerate(zip(tensors, given, strict=True))]


def make_root(index: int, tensor: Any, grad: Any) -> tuple[Node, Any]:
    """Return the node of a root and its checked gradient, one by default for a scalar."""
    if tensor.__class__ is GradientEdge:
        return make_root_at_edge(index, tensor, grad)
    node = tensor.node
    if node is None:
        raise GradError(
            f"element {index} of tensors does not require grad and does not have a grad_fn: no operation that computed "
            "it was recorded (set requires_grad=True on an input; check for no_grad and detach)"
        )
    if grad is None:
        if tensor.numel() != 1:
            raise GradError(
                f"grad can be implicitly created only for scalar outputs, this one has shape {tuple(tensor.shape)}: "
                "reduce it (.sum(), .mean()) or pass a gradient of its shape"
            )
        if tensor.dtype.is_complex:
            raise GradError(
                f"grad can be implicitly created only for real scalar outputs but got {tensor.dtype.name}: take .real "
                "or .abs(), or pass a gradient"
            )
        return node, one_like(tensor)
    return node, check_root(index, node, grad)


def one_like(tensor: Any) -> Any:
    """Return 1 in the shape and dtype of a tensor, without calling an operation that an interpreter would see."""
    array = elements_of(tensor)
    ones = tensor.xp.ones_like(array)
    return wrap(tensor.result_class, round_to_bfloat16(ones) if tensor.dtype is bfloat16 else ones)


def make_root_at_edge(index: int, edge: GradientEdge, grad: Any) -> tuple[Node, Any]:
    """Return the node of an edge and its checked gradient, which has no default."""
    if grad is None:
        raise GradError(f"grad can be implicitly created only for tensors: pass a gradient for the edge {index}")
    node = node_at(edge)
    return node, check_root(index, node, grad)


def check_root(index: int, node: Node, grad: Any) -> Any:
    """Check the gradient of a root that the user gave, and cast it to the dtype of the root."""
    if not isinstance(grad, TensorBase):
        raise WrongTypeError(f"gradient {index} must be a tensor or None, got {type(grad).__name__}")
    if tuple(grad.shape) != tuple(node.shape):
        raise GradError(
            f"mismatch in shape: gradient {index} has shape {tuple(grad.shape)}, its tensor {tuple(node.shape)}"
        )
    given: Any = grad
    if array_dtype(given) != node.dtype:
        if given.dtype.is_complex and node.dtype.kind != "c":
            raise GradError(f"gradient {index} is complex, its tensor is real: pass a real gradient")
        if node.dtype.kind == "c":
            raise GradError(
                f"gradient {index} is {grad.dtype.name}, its tensor {node.dtype.name}: for a complex tensor, pass a "
                "gradient of the same dtype"
            )
        return given._like_dtype(node.dtype)
    return given if given.dtype is bfloat16 else given._decode()  # a lazy conjugate is resolved


def target(index: int, tensor: Any) -> Node:
    """Return the node of a tensor whose gradient is requested."""
    if tensor.__class__ is GradientEdge:
        return node_at(tensor)
    node: Node | None = tensor.node
    if node is None:
        raise GradError(f"one of the differentiated tensors does not require grad: input {index}, "
                        f"of shape {tuple(tensor.shape)}")
    return node


def node_at(edge: GradientEdge) -> Node:
    """Return the node of an edge."""
    return edge.node if edge.ownership_token is None else edge.ownership_token


# -- the walk ----------------------------------------------------------------------------------------------------------


def walk(
    roots: Sequence[tuple[Node, Any]], keep: bool, record: bool, targets: Sequence[Node] | None = None,
    gather: bool = True,
) -> dict[Node, Any]:
    """Run every node between the roots and the leaves, or only those that lead to ``targets``.

    Return the gradients that arrived at the targets' nodes. If ``gather`` is true, leaves add their gradients to the
    ``grad`` of their tensors.
    """
    stops, order = survey([node for node, _ in roots])
    for node, grad in roots:
        stop = stops[node]
        stop[GRAD] = grad if stop[GRAD] is None else stop[GRAD] + grad
        stop[BORROWED] = True
    makers = () if targets is None else [each.as_edge()[0] for each in targets]
    needed = None if targets is None else find_nodes_to(makers, order, roots)
    state = Walk(stops, needed, dict.fromkeys(makers), gather)
    mode = grad_mode.get()
    watched = mode is not True and mode is not False
    straight = needed is None and not watched
    token = grad_mode.set(mode.with_recording(record) if watched else record)
    try:
        # A root that is a leaf waits for nobody, and leaves are not in `order`.
        for node in dict.fromkeys([node for node, _ in roots if node.__class__ is Leaf]):
            arrive(stops[node], state)
        for node in order if needed is None else [node for node in order if node in needed]:
            stop = stops[node]
            grad = stop[GRAD]
            stop[GRAD] = None
            grads: Iterable[Any] | None
            if not straight or node.hooks is not None:
                grads = visit(node, grad, state)
                if grads is None:
                    continue
            elif grad is not None or node.fills_in:
                grads = node.propagate(grad)
            else:
                grads = node.without_gradient()
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
                        stop[GRAD] = add_gradients(stop[GRAD], g) if active else stop[GRAD] + g
                        stop[BORROWED] = False
                if edge.__class__ is Leaf:
                    # A gradient of None counts as arrived: the leaf must not wait for it.
                    left = stop[WAITING] = stop[WAITING] - 1
                    if left:
                        continue
                    if straight and edge.hooks is None and (g := stop[GRAD]) is not None:
                        edge.accumulate(g, stop[BORROWED])
                        stop[GRAD] = None
                    else:
                        arrive(stop, state)
    finally:
        grad_mode.reset(token)
    return state.found


# Note [The order of the walk]. Nodes are numbered as they are made. A node has a larger number than its edges, and in
# descending order each node comes after all nodes that pass it a gradient. The operation that was called last runs
# first, and hooks are called in PyTorch's order. A leaf does not wait for its number: it adds its gradient to ``grad``
# as soon as the gradient is complete, which frees memory early.

# A stop is what the walk knows of a node: how many gradients it still waits for, the sum of those that have arrived,
# the node itself, and whether the sum is borrowed. It is a list: attributes would take a quarter of the walk's time.
WAITING, GRAD, NODE, BORROWED = range(4)


def arrive(stop: list[Any], walk: Walk) -> None:
    """Add a leaf's gradient to its tensor's ``grad`` if the gradient is complete and requested."""
    waiting, grad, leaf, borrowed = stop
    if waiting or not (walk.needed is None or leaf in walk.needed):
        return
    stop[GRAD] = None
    hooks = leaf.hooks
    if not walk.runs(leaf):
        walk.found[leaf] = grad if hooks is None else hooks.run_grad_hooks(leaf, grad, walk)
    elif hooks is not None:
        add_up(leaf, hooks.run_prehooks(leaf, hooks.run_grad_hooks(leaf, grad, walk)))
    elif grad is not None:
        accumulate(leaf, grad, borrowed)


def add_up(leaf: Any, grad: Any) -> None:
    """Add a gradient to a leaf's ``grad`` and run the leaf's hooks."""
    if grad is not None:
        accumulate(leaf, grad, is_borrowed=True)  # a hook may keep the gradient
    leaf.hooks.run_accumulated_hooks(leaf.variable)
    leaf.hooks.run_posthooks(leaf, [], grad)


def visit(node: Node, grad: Any, walk: Walk) -> Iterable[Any] | None:
    """Run a node that has hooks or is watched, or in a walk to targets. Return None if the node is not needed.

    As in PyTorch, the requested gradient of a node that runs is the one before the hooks.
    """
    hooks = node.hooks
    runs = walk.runs(node)
    if hooks is not None and not runs:
        grad = hooks.run_grad_hooks(node, grad, walk)
    if node in walk.found:
        walk.found[node] = grad
    if not runs:
        return None
    if hooks is None:
        return run(node, grad, walk.needed)
    grad = hooks.run_prehooks(node, hooks.run_grad_hooks(node, grad, walk))
    return hooks.run_posthooks(node, run(node, grad, walk.needed), grad)


def run(node: Node, grad: Any, needed: set[Node] | None) -> list[Any]:
    """Run a node's formulas, through the watch if there is one."""
    if grad is None and not node.fills_in:
        return node.without_gradient()
    mode = grad_mode.get()
    if mode is True or mode is False:
        return node.propagate(grad, needed)
    found: list[Any] = mode.run(node, grad, needed)
    return found


# Note [Borrowed gradients]. A leaf keeps the gradient that arrives, and users write into it (zero_, clipping). It needs
# no copy if nothing else holds the gradient, which is true if one of this library's formulas computed it for this leaf
# alone. A gradient that a formula passed on unchanged (addition), a view (expand) or the result of a user's function is
# `borrowed`, and the leaf clones it.


def survey(starts: Iterable[Node]) -> tuple[dict[Node, list[Any]], list[Node]]:
    """Return a stop for every node that the walk can reach, and these nodes without the leaves, in walking order.

    A stop counts the gradients that the node still waits for, here all of them. Only leaves read the count; the order
    makes other nodes wait.
    """
    stops: dict[Node, list[Any]] = {node: [0, None, node, False] for node in starts}
    order = [node for node in stops if node.__class__ is not Leaf]
    for node in order:  # the loop appends to `order`
        for edge in node.edges:
            if edge is None:
                continue
            if edge in stops:
                stops[edge][WAITING] += 1
            else:
                stops[edge] = [1, None, edge, False]
                if edge.__class__ is not Leaf:
                    order.append(edge)
    order.sort(key=NUMBER, reverse=True)
    return stops, order


NUMBER = attrgetter("number")


def find_nodes_to(targets: Iterable[Node], order: Sequence[Node], roots: Sequence[tuple[Node, Any]]) -> set[Node]:
    """Return the nodes that lead to a target, including the targets.

    A single root is always included: as in PyTorch, its tensor's hooks get the gradient even if it leads to no target.
    """
    needed = set(targets)
    for node in reversed(order):
        if node not in needed and not needed.isdisjoint(node.edges):
            needed.add(node)
    if len(roots) == 1:
        root = roots[0][0]
        needed |= {root, root.as_edge()[0]}
    return needed


def accumulate(leaf: Any, grad: Any, is_borrowed: bool) -> None:
    """Add a gradient to a leaf's ``grad``, through the watch if there is one."""
    mode = grad_mode.get()
    if mode is True or mode is False:
        leaf.accumulate(grad, is_borrowed)
    else:
        mode.accumulate(leaf, grad, is_borrowed)

"""Everything that happens when two tensors share memory: windows and their gradients, in-place operations.

The graph below knows nodes but no operations, and the operations elsewhere know nothing of sharing; this chapter joins
the two. It holds the operations on windows (``as_window``, ``pick``, ``place``, ``erase``, ``overwrite``), the
decorators ``inplace`` and ``writes``, and the functions by which a view finds its node again.

Note [Writing through a view]. Let ``v`` be a view of ``b``, a window on ``b``'s storage. After ``v.mul_(y)`` the base
is a new value: outside the window what it was, inside it ``v * y``. So the base gets a node ``overwrite(b, v * y)``
whose gradients are the incoming one with the window erased, for the old ``b``, and the window of it, for ``v * y``,
whose own node is recorded as for any product. Every view of ``b``, ``v`` itself too, sees that the storage's version
moved and takes as its node a window on the base's new node. A view's layout is absolute, so views of views need
nothing more. The node of the product gets its gradient for the old ``v`` through a new window on the old ``b``: hooks
on the old ``v`` see what was computed of ``v`` before the write, as in PyTorch, and not the write.
"""

from __future__ import annotations

import functools
import operator
from copy import copy
from typing import TYPE_CHECKING, Any, ParamSpec, cast

from minitensor import dtypes
from minitensor import layout as layouts
from minitensor.autograd.argument_types import TypeGate
from minitensor.autograd.binding import admitted, bind, host_values
from minitensor.autograd.declare import describe, differentiable, finish, view
from minitensor.autograd.function import AliasNode
from minitensor.autograd.hooks import hooks_of_tensor, is_retained
from minitensor.autograd.interpreters import active, interpret, interpreters
from minitensor.autograd.misuse import misuse, retitled
from minitensor.autograd.mode import grad_mode
from minitensor.autograd.node import Effect, Leaf, Node, make_node, numbering
from minitensor.autograd.record import edges_of, record, remember
from minitensor.base import TensorBase, array_dtype, sealed, wrap
from minitensor.errors import (
    DtypeError,
    InplaceError,
    ShapeError,
    WrongTypeError,
)
from minitensor.ops.operand import is_number, lifted, meets
from minitensor.ops.pairs import as_pairs, complexes_of, pairs_of
from minitensor.storage import owner

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from minitensor.autograd.node import Op
    from minitensor.backends import Array
    from minitensor.layout import Layout
    from minitensor.tensor import Tensor

P = ParamSpec("P")


# -- windows -----------------------------------------------------------------------------------------------------------
# `home` is the layout of the base, `window` that of the view; both count from the start of one storage.


def placed(grad: Tensor, home: Layout, window: Layout) -> Tensor:
    """Return the gradient of what was behind a window."""
    return place(grad, home, window)


def picked(grad: Tensor, home: Layout, window: Layout) -> Tensor:
    """Return the gradient of what was put behind a window."""
    return pick(grad, home, window)


def erased(grad: Tensor, home: Layout, window: Layout) -> Tensor:
    """Return the gradient of what was around a window."""
    return erase(grad, home, window)


@view(input=placed)
def as_window(input: Tensor, home: Layout, window: Layout) -> Layout:
    """Look at ``input``'s storage through ``window``; ``home`` is ``input``'s own layout."""
    return window


@differentiable(input=placed)
def pick(input: Tensor, home: Layout, window: Layout) -> Array:
    """Return what a window shows of ``input``, if ``input`` lay at ``home``."""
    flat, low = spread(input, home, window)
    return copied(input, flat, window, low)


@differentiable(input=picked)
def place(input: Tensor, home: Layout, window: Layout) -> Array:
    """Return zeros that lie at ``home``, with ``input`` added where a window shows them: the adjoint of ``pick``."""
    low, high = common_extent(home, window)
    flat = input.xp.zeros(high - low, input.array.dtype)
    if layouts.overlaps_itself(window):
        positions = input.xp.arange(high - low)
        input.backend.add_at(flat, look(input, positions, window, low), input.array)
    else:
        look(input, flat, window, low)[...] = input.array
    return at_home(input, flat, home, low)


@differentiable(input=erased)
def erase(input: Tensor, home: Layout, window: Layout) -> Array:
    """Return ``input`` with zeros where a window shows it."""
    flat, low = spread(input, home, window)
    flat = flat.copy()
    look(input, flat, window, low)[...] = 0
    return at_home(input, flat, home, low)


@differentiable(input=erased, values=picked)
def overwrite(input: Tensor, values: Tensor, home: Layout, window: Layout) -> Array:
    """Return ``input`` with a window of it replaced: the history of a base after a write through a view."""
    flat, low = spread(input, home, window)
    flat = flat.copy()
    look(input, flat, window, low)[...] = values.array
    return at_home(input, flat, home, low)


def common_extent(home: Layout, window: Layout) -> tuple[int, int]:
    """Return the first cell that either layout touches, and the one after the last."""
    low, high = layouts.extent(home)
    first, last = layouts.extent(window)
    return min(low, first), max(high, last)


def spread(input: Tensor, home: Layout, window: Layout) -> tuple[Array, int]:
    """Return flat memory with ``input`` at ``home``, and the number of its first cell; may be its own memory."""
    low, high = common_extent(home, window)
    if layouts.is_contiguous(home) and (low, high) == layouts.extent(home):
        return input.xp.ascontiguousarray(input.array).reshape(-1), low
    flat = input.xp.zeros(high - low, input.array.dtype)
    look(input, flat, home, low)[...] = input.array
    return flat, low


def look(input: Tensor, flat: Array, layout: Layout, low: int) -> Array:
    """Return a window on flat memory whose first cell has the number ``low``."""
    return input.backend.window(flat, flat.dtype, layout.shape, layout.strides, layout.offset - low)


def at_home(input: Tensor, flat: Array, home: Layout, low: int) -> Array:
    """Return fresh flat memory as an array that lies at ``home``; nothing is copied where home fills the memory."""
    if layouts.is_contiguous(home) and flat.size == layouts.numel(home.shape):
        return flat.reshape(home.shape)
    return copied(input, flat, home, low)


def copied(input: Tensor, flat: Array, layout: Layout, low: int) -> Array:
    """Return a fresh array of what a window shows of flat memory."""
    array: Array = look(input, flat, layout, low).copy()
    return array


def refresh(self: Tensor) -> None:
    """Give a view the node of its base, seen through its window, as it stands after the last write."""
    base = self._base
    self._seen = self.storage.version
    base_node = base.node
    node = None if base_node is None else view_node(base_node, base, self)
    keep_retained(self, node)
    self._node = node


def view_node(base_node: Node, base: Tensor, view: Tensor) -> Node:
    """Return the node of a view on what ``base_node`` made; reals and complex numbers may be each other's view."""
    home, window = base.layout, view.layout
    whole, part = array_dtype(base), array_dtype(view)
    if whole == part:
        return window_node(base_node, home, window)
    if whole.kind == "c":
        return window_node(recast_node(AS_PAIRS, base_node, (*home.shape, 2), part), as_pairs(home), window)
    return recast_node(AS_COMPLEX, window_node(base_node, home, as_pairs(window)), window.shape, part)


def window_node(base_node: Node, home: Layout, window: Layout) -> Node:
    """Return the node of a window on what ``base_node`` made."""
    return make_node(AS_WINDOW, (base_node,), (home, window), window.shape, base_node.dtype)


def op_of(operation: Any) -> Op:
    """Return what the recorder hung on an operation."""
    op: Op = operation.op
    return op


def recast_node(op: Op, source: Node, shape: tuple[int, ...], kind: Any) -> Node:
    """Return the node of reals read as complex numbers, or the other way round."""
    return make_node(op, (source,), (), shape, kind)


AS_WINDOW, OVERWRITE = op_of(as_window), op_of(overwrite)
AS_PAIRS, AS_COMPLEX = op_of(pairs_of), op_of(complexes_of)


# -- in place ----------------------------------------------------------------------------------------------------------


def inplace(operation: Callable[..., Any]) -> Callable[[Callable[P, None]], Callable[P, Tensor]]:
    """Make the in-place twin of an operation; the decorated function holds the name and the documentation.

    The operation's own body computes beside the input before anything is written, so the twin is safe whatever shares
    memory with what, and an error leaves nothing half-changed.
    """
    op = op_of(operation)
    writer = IN_PLACE.get(getattr(op.body, "kernel", None))

    def decorate(stub: Callable[P, None]) -> Callable[P, Tensor]:
        name = stub.__name__.lstrip("_")
        twin = writing(op, name, operation)

        def call(input: Any, *args: Any, **kwargs: Any) -> Any:
            check_tensor(name, input)
            bound = bind(twin, (input, *args), kwargs)
            if not op.takes_two:
                bound = admitted(twin, bound)
            if active and interpreters.get():
                return interpret(twin, call, bound)
            try:
                edges = prepare(name, op, input, bound)
                if writer is not None and edges is None and written_straight(writer, input, bound[1]):
                    input.storage.version += 1
                    return input
                array = op.body(*bound)
            except Exception as error:
                read = host_values(bound)
                if read is None:
                    raise retitled(name, misuse(twin, bound, error))  # noqa: B904  # its cause is set
                return call(*read)
            check_fits(name, input, array)
            if edges is None:
                input.array[...] = array
                input.storage.version += 1
                return input
            rewritten(op, edges, bound, input, functools.partial(overwrite_array, input.array, array))
            return input

        return cast("Callable[P, Tensor]", functools.update_wrapper(call, stub))

    return decorate


def writing(op: Op, name: str, beside: Callable[..., Any] | None = None) -> Op:
    """Return an operation as one that writes into its first argument and goes by another name.

    ``beside`` is the operation that computes the same and writes nothing, if there is one.
    """
    twin = copy(op)
    twin.name, twin.gate, twin.effect, twin.beside = name, TypeGate(name, op.gate.asked), Effect.WRITES, beside
    return twin


# What a kernel named by `on_equal_dtypes` does in place.
IN_PLACE: dict[Any, Callable[[Any, Any], Any]] = {
    operator.add: operator.iadd, operator.sub: operator.isub,
    operator.mul: operator.imul, operator.truediv: operator.itruediv,
}  # fmt: skip


def written_straight(writer: Callable[[Any, Any], Any], input: Any, other: object) -> bool:
    """Let the array library write into the input where that is sure to be right, and say whether it was.

    It is for floats of one dtype and shape, or a number, in memory of their own or the very same; for halves see Note
    [Halves beside numbers].
    """
    target = input.array
    if target.dtype.char not in "fd":
        return False
    if is_number(other):
        if other.__class__ is bool or not meets(other, target):
            return False  # a bool is subtracted from nothing
        writer(target, lifted(other, target.dtype, target))
        return True
    if not isinstance(other, TensorBase):
        return False
    array = other.array
    if array.dtype is not target.dtype or array.__class__ is not target.__class__:
        return False
    if array.shape != target.shape and array.ndim:
        return False
    if other is not input and input._storage is not None and input._storage is other._storage:
        return False
    writer(target, array)
    return True


def writes(
    called: str = "", /, **formulas: Callable[..., Any]
) -> Callable[[Callable[P, None]], Callable[P, Tensor]]:
    """Make an in-place operation of a body that itself writes into its first argument, the way cheaper than a new
    array.

    The body must check its arguments before it writes. ``called`` is what errors call it, if not by the body's name.
    """

    def decorate(body: Callable[P, None]) -> Callable[P, Tensor]:
        op, name = describe(body, formulas), called or body.__name__.lstrip("_")
        told = writing(op, name)

        def call(input: Any, *args: Any, **kwargs: Any) -> Any:
            check_tensor(name, input)
            bound = bind(told, (input, *args), kwargs)
            if active and interpreters.get():
                return interpret(told, call, bound)
            edges = prepare(name, op, input, bound)
            for i, value in enumerate(bound[1:], 1):
                if isinstance(value, TensorBase) and shares_storage(value, input):
                    bound[i] = snapshot(value)
            try:
                if edges is None:
                    op.body(*bound)
                    input.storage.version += 1
                    return input
                rewritten(op, edges, bound, input, functools.partial(op.body, *bound))
            except Exception as error:
                raise retitled(name, misuse(told, bound, error))  # noqa: B904  # its cause is set
            return input

        return cast("Callable[P, Tensor]", finish(call, op))

    return decorate


def check_tensor(name: str, input: Any) -> None:
    """Refuse to write into what is no tensor."""
    if not isinstance(input, TensorBase):
        raise WrongTypeError(f"{name}(): argument 'input' must be a tensor, not {type(input).__name__}")


def refuse_write(name: str, input: Any) -> None:
    """Refuse to write into read-only memory, and where two elements lie in one cell."""
    layout = input._layout
    if layout is None:  # a fresh result, in memory of its own
        return
    if layouts.overlaps_itself(layout):
        raise InplaceError(
            f"{name}: unsupported operation: more than one element of the written-to tensor refers to a single memory "
            f"location (shape {tuple(input.shape)}, strides {layout.strides}); clone() it before writing"
        )
    storage = input._storage
    if storage is not None and storage.sealed:
        raise sealed(name, input)


def prepare(name: str, op: Op, input: Any, bound: Sequence[Any]) -> tuple[Node | None, ...] | None:
    """Refuse a write that would be wrong; return the edges to record, or None."""
    refuse_write(name, input)
    mode = grad_mode.get()
    if mode is not True and mode is not False:
        mode.writes(name, input)
    if not mode:
        return None
    refuse_leaf(name, input)
    base = input._base
    if base is not None and base._node is not None and input.node is None:
        refresh(input)  # made under no_grad, or before its base required grad: from now on it counts
    edges = edges_of(op, bound)
    return edges if edges is None or array_dtype(input).kind in "fc" else None  # no gradient goes through integers


def refuse_leaf(name: str, input: Any) -> None:
    """Raise for a leaf that requires grad, and for a view of one."""
    base = input._base
    if base is None:
        kind = input._node.__class__
        if kind is AliasNode:
            raise InplaceError(
                f"{name}: the output of a custom Function that is a view of its input (or the input itself) is being "
                "modified inplace: its backward would know nothing of the write; clone() the output first, or let "
                "forward return a clone"
            )
        if kind is Leaf:
            raise InplaceError(
                f"{name}: a leaf Variable that requires grad is being used in an in-place operation (shape "
                f"{tuple(input.shape)}); use the out-of-place one, or wrap it in torch.no_grad()"
            )
    elif base._node.__class__ is Leaf:
        raise InplaceError(
            f"{name}: a view of a leaf Variable that requires grad is being used in an in-place operation (view "
            f"{tuple(input.shape)} of {tuple(base.shape)}); clone() the leaf first, or wrap it in torch.no_grad()"
        )


def check_fits(name: str, input: Any, array: Array) -> None:
    """Refuse a result whose shape or dtype the written-to tensor cannot take."""
    shape = input.array.shape
    if array.shape != shape:
        raise ShapeError(
            f"{name}: output with shape {list(shape)} doesn't match the broadcast shape {list(array.shape)}; the "
            "written-to tensor cannot grow: use the out-of-place operation"
        )
    given, wanted = dtypes.from_numpy(array.dtype), input.dtype
    if not dtypes.can_cast(given, wanted):
        raise DtypeError(
            f"{name}: result type {given.name} can't be cast to the desired output type {wanted.name}; use the "
            "out-of-place operation, or cast the tensor first"
        )


def rewritten(
    op: Op, edges: tuple[Node | None, ...], bound: Sequence[Any], input: Any, write: Callable[[], None]
) -> None:
    """Write, and record the write; see Note [Writing through a view]."""
    keep = op.plan(tuple([edge is not None for edge in edges]))[0]
    kept = [
        snapshot(value) if i in keep and isinstance(value, TensorBase) and shares_storage(value, input) else value
        for i, value in enumerate(bound)
    ]
    node = record(op, edges, kept, input)
    mode = grad_mode.get()
    was_clean = mode is not True and mode.clean(bound)
    write()
    input.storage.version += 1
    if node.result is not None:
        node.result = remember(input)
    attach(input, node)
    if mode is not True:
        mode.rewritten(node, input, was_clean)


def attach(input: Any, node: Node) -> None:
    """Make ``node`` the maker of a tensor that was just written to, and of its window in the base."""
    base = input._base
    if base is None:
        keep_retained(input, node)
        input._node = node
        return
    if base._node is not None:
        bypass(input._node, node, view_node(base._node, base, input))
    joined = overwritten_node(base, input, node)
    keep_retained(base, joined)
    base._node = joined
    refresh(input)


def bypass(former: Node | None, node: Node, window: Node) -> None:
    """Let a node that wrote to a view take the old value from the base itself, past what hung on the view's ``former``
    node.
    """
    if former in node.edges:
        i = node.edges.index(former)
        node.edges = (*node.edges[:i], window, *node.edges[i + 1 :])
        node.number = next(numbering)  # larger than the window's, see Note [The order of the walk]


def overwritten_node(base: Any, view: Any, node: Node) -> Node:
    """Return the node of a base in which a view's window was overwritten by what ``node`` made."""
    home, window = base.layout, view.layout
    whole, part = array_dtype(base), array_dtype(view)
    if whole == part:
        return joined_node(base._node, home, node, window, whole)
    if whole.kind != "c":
        pairs = as_pairs(window)
        return joined_node(base._node, home, recast_node(AS_PAIRS, node, pairs.shape, whole), pairs, whole)
    pairs = as_pairs(home)
    before = None if base._node is None else recast_node(AS_PAIRS, base._node, pairs.shape, part)
    return recast_node(AS_COMPLEX, joined_node(before, pairs, node, window, part), home.shape, whole)


def joined_node(before: Node | None, home: Layout, inside: Node, window: Layout, kind: Any) -> Node:
    """Return the node of what ``before`` made, with a window replaced by what ``inside`` made."""
    return make_node(OVERWRITE, (before, inside), (home, window), home.shape, kind)


def keep_retained(input: Any, node: Node | None) -> None:
    """Let ``retain_grad`` follow a tensor to its new value; its other hooks stay with the old one."""
    former = input._node
    if former is not None and node is not None and is_retained(input, former):
        hooks = hooks_of_tensor(former)
        hooks_of_tensor(node).retained, hooks.retained = hooks.retained, None


def written_by(self: Tensor, node: Node) -> None:
    """Take note that a user's function wrote to this tensor."""
    refuse_leaf("a function that marked its input dirty", self)
    self.storage.version += 1
    attach(self, node)


def overwrite_array(target: Array, values: Array) -> None:
    """Write values into an array, cast to its dtype."""
    target[...] = values


def shares_storage(a: Any, b: Any) -> bool:
    """Whether two tensors lie in the same memory."""
    return a is b or (a._storage is not None and b._storage is not None and owner(a._storage) is owner(b._storage))


def snapshot(tensor: Any) -> Any:
    """Return a copy of the values as they are now, with the same place in the graph."""
    copy = wrap(tensor.result_class, tensor.array.copy())
    copy._node = tensor.node
    return copy

"""Tensors that share memory: in-place operations, views and their gradients.

A window is the part of a storage that a layout selects. This file defines the operations on windows (``as_window``,
``pick``, ``place``, ``erase``, ``overwrite``), the decorators ``inplace`` and ``writes``, and the functions that give a
view a new node after a write. Other operations need not consider shared memory.

Note [Writing through a view]. Let ``v`` be a view of ``b``. The write ``v.mul_(y)`` gives ``b`` a new value: ``v * y``
inside the window of ``v``, the old value outside. So ``b`` gets a node of the operation ``overwrite``, with two inputs.
The gradient of the first, the old ``b``, is the incoming gradient with zeros inside the window. The gradient of the
second, ``v * y``, is the part of the incoming gradient inside the window. The product is recorded like any other. Every
view of ``b``, including ``v``, finds that the version of the storage has changed, and gets a new node: a window on the
new node of ``b``. This is also correct for views of views, because a layout's offset counts from the start of the
storage. The node of the product passes the gradient of the old ``v`` to a new window on the old ``b``. As in PyTorch,
hooks on the old ``v`` therefore see the gradient of what was computed from ``v`` before the write, but not that of the
write.
"""

from __future__ import annotations

import functools
import operator
import warnings
from copy import copy
from typing import TYPE_CHECKING, Any, ParamSpec, cast

from minitensor import dtypes, layouts
from minitensor.autograd.argument_types import TypeGate
from minitensor.autograd.binding import are_foreign, bind, check_types, host_values, normalize
from minitensor.autograd.declare import describe, differentiable, finish, view, with_options
from minitensor.autograd.encoded import EncodedNode, write_through_copy
from minitensor.autograd.function import AliasNode
from minitensor.autograd.hooks import hooks_of_tensor, is_retained
from minitensor.autograd.interpreters import active, interpret, interpreters
from minitensor.autograd.leaf import Leaf
from minitensor.autograd.misuse import misuse, rename_in_message
from minitensor.autograd.mode import grad_mode
from minitensor.autograd.node import Effect, Node, is_differentiable, make_node, numbering
from minitensor.autograd.protocol import PROCEED, meets_override, override
from minitensor.autograd.record import again, decode_and_compute, edges_of, record, remember
from minitensor.backends.encoded import ConjugateArray, NegativeArray
from minitensor.backends.silence import is_complaint, quietly, update_quietly
from minitensor.base import TensorBase, array_dtype, memory_of, read_only_error, wrap, write_values
from minitensor.callers import user_level
from minitensor.errors import DtypeError, EncodedError, InplaceError, ShapeError, WrongTypeError
from minitensor.ops.operand import is_number, is_weaker, lift_number
from minitensor.ops.overlap import add_window, window_array
from minitensor.ops.pairs import as_pairs, complexes_of, conjugates_of, negatives_of, pairs_of
from minitensor.storage import owner

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from minitensor.autograd.node import Op
    from minitensor.backends import Array
    from minitensor.layouts import Layout
    from minitensor.tensor import Tensor

P = ParamSpec("P")


# -- windows -----------------------------------------------------------------------------------------------------------
# `home` is the layout of the base, `window` the layout of the view. Both count elements from the start of the storage.


def pick_grad(grad: Tensor, home: Layout, window: Layout) -> Tensor:
    """Return the gradient of what a window shows: placed into zeros."""
    return place(grad, home, window)


def place_grad(grad: Tensor, home: Layout, window: Layout) -> Tensor:
    """Return the gradient of what was written into a window: the part that the window shows."""
    return pick(grad, home, window)


def erase_grad(grad: Tensor, home: Layout, window: Layout) -> Tensor:
    """Return the gradient of what lies outside a window: zero inside it."""
    return erase(grad, home, window)


@view(input=pick_grad)
def as_window(input: Tensor, home: Layout, window: Layout) -> Layout:
    """Return a view of ``input``'s storage through ``window``; ``home`` is ``input``'s own layout."""
    return window


@differentiable(input=pick_grad)
def pick(input: Tensor, home: Layout, window: Layout) -> Array:
    """Return what a window shows of ``input``, as if ``input`` lay at ``home``."""
    flat, low = flatten_memory(input, home, window)
    return copy_window(input, flat, window, low)


@differentiable(input=place_grad)
def place(input: Tensor, home: Layout, window: Layout) -> Array:
    """Return zeros at ``home`` with ``input`` added inside a window: the adjoint of ``pick``."""
    low, high = common_extent(home, window)
    flat = input.xp.zeros(high - low, input.array.dtype)
    if layouts.has_overlap(window):
        add_window(input, flat, window, low)
    else:
        window_array(input, flat, window, low)[...] = input.array
    return restore_home(input, flat, home, low)


@differentiable(input=erase_grad)
def erase(input: Tensor, home: Layout, window: Layout) -> Array:
    """Return ``input`` with zeros inside a window."""
    flat, low = flatten_memory(input, home, window)
    flat = flat.copy()
    window_array(input, flat, window, low)[...] = 0
    return restore_home(input, flat, home, low)


@differentiable(input=erase_grad, values=place_grad)
def overwrite(input: Tensor, values: Tensor, home: Layout, window: Layout) -> Array:
    """Return ``input`` with ``values`` inside a window: the value of a base after a write through a view."""
    flat, low = flatten_memory(input, home, window)
    flat = flat.copy()
    window_array(input, flat, window, low)[...] = values.array
    return restore_home(input, flat, home, low)


def common_extent(home: Layout, window: Layout) -> tuple[int, int]:
    """Return the first cell that either layout touches and the cell after the last."""
    low, high = layouts.extent(home)
    first, last = layouts.extent(window)
    return min(low, first), max(high, last)


def flatten_memory(input: Tensor, home: Layout, window: Layout) -> tuple[Array, int]:
    """Return flat memory with ``input`` at ``home``, possibly its own, and the number of the first cell."""
    low, high = common_extent(home, window)
    if layouts.is_contiguous(home) and (low, high) == layouts.extent(home):
        return input.xp.ascontiguousarray(input.array).reshape(-1), low
    flat = input.xp.zeros(high - low, input.array.dtype)
    window_array(input, flat, home, low)[...] = input.array
    return flat, low


def restore_home(input: Tensor, flat: Array, home: Layout, low: int) -> Array:
    """Return new flat memory as an array with the layout ``home``; copy unless home fills the memory."""
    if layouts.is_contiguous(home) and flat.size == layouts.numel(home.shape):
        return flat.reshape(home.shape)
    return copy_window(input, flat, home, low)


def copy_window(input: Tensor, flat: Array, layout: Layout, low: int) -> Array:
    """Return a copy of what a window shows of flat memory."""
    array: Array = window_array(input, flat, layout, low).copy()
    return array


def refresh(self: Tensor) -> None:
    """Give a view a node for its window on the base's current node, as of the last write."""
    base = self._base
    self._seen = self.storage.version
    base_node = base.node
    if base_node is None and self._node.__class__ is Leaf:
        return  # it requires grad itself, as a parameter made by reshape does, and stays a leaf whatever is written
    node = None if base_node is None else view_node(base_node, base, self)
    move_retain_grad(self, node)
    self._node = node


def view_node(base_node: Node, base: Tensor, view: Tensor) -> Node:
    """Return the node of a view of ``base_node``'s result, which may read complex numbers as reals or the reverse."""
    # The window of a real view on complex memory counts reals, that of a complex view on real memory counts pairs.
    home, window = base.layout, view.layout
    whole, part = array_dtype(base), array_dtype(view)
    memory = across(base_node, base)
    if whole == part:
        return across(window_node(memory, home, window), view)
    if whole.kind == "c":
        pairs = recast_node(AS_PAIRS, memory, (*home.shape, 2), part)
        return across(window_node(pairs, as_pairs(home), window), view)
    return across(recast_node(AS_COMPLEX, window_node(memory, home, as_pairs(window)), window.shape, part), view)


def across(node: Node, tensor: Tensor) -> Node:
    """Return the node of what the memory of a tensor holds, given that of its elements, or the reverse.

    They differ for lazy conjugates and negatives; see Note [Encoded arrays] in ``backends/encoded.py``.
    """
    op = LAZY.get(getattr(tensor.storage.array, "encoding", None))
    return node if op is None else recast_node(op, node, node.shape, node.dtype)


def window_node(base_node: Node, home: Layout, window: Layout) -> Node:
    """Return the node of a window on the result of ``base_node``."""
    return make_node(AS_WINDOW, (base_node,), (home, window), window.shape, base_node.dtype)


def op_of(operation: Any) -> Op:
    """Return the ``Op`` that a decorator attached to an operation."""
    op: Op = operation.op
    return op


def recast_node(op: Op, source: Node, shape: tuple[int, ...], kind: Any) -> Node:
    """Return the node that reads reals as complex numbers, or complex numbers as reals."""
    return make_node(op, (source,), (), shape, kind)


AS_WINDOW, OVERWRITE = op_of(as_window), op_of(overwrite)
AS_PAIRS, AS_COMPLEX = op_of(pairs_of), op_of(complexes_of)
LAZY: dict[Any, Op] = {ConjugateArray: op_of(conjugates_of), NegativeArray: op_of(negatives_of)}


# -- in place ----------------------------------------------------------------------------------------------------------


def inplace(
    operation: Callable[..., Any], *, prepare: Callable[..., Sequence[Any]] | None = None,
    options: Callable[..., Any] | None = None,
) -> Callable[[Callable[P, None]], Callable[P, Tensor]]:
    """Make the in-place version of an operation. The decorated function provides the name and the documentation.

    The operation's own body computes a new array before anything is written. So the result is correct whichever
    arguments share memory, and an error leaves nothing half-changed. ``prepare`` replaces that of the operation, and
    ``options`` is called if there are keyword arguments, as in ``differentiable``.
    """
    op = op_of(operation)

    def decorate(stub: Callable[P, None]) -> Callable[P, Tensor]:
        twin = make_writer(op, stub.__name__.lstrip("_"), operation)
        if prepare is not None:
            twin.prepare, twin.prepares_out = prepare, False
        call: Callable[..., Any] = functools.update_wrapper(recorder_of_writes(op, twin), stub)
        if options is not None:
            call.op = twin  # type: ignore[attr-defined]  # read by `with_options`
            call = with_options(call, options, stub)
        if op.takes_two:
            way = recorder_of_writes(op, twin, gives_way=True)
            call.operator = functools.update_wrapper(way, stub)  # type: ignore[attr-defined]  # read by `operator_of`
        twin.public = call
        return cast("Callable[P, Tensor]", call)

    return decorate


def recorder_of_writes(op: Op, twin: Op, gives_way: bool = False) -> Callable[..., Any]:
    """Return the function that runs when an in-place operation is called; for ``gives_way`` see ``operator_of``."""
    name = twin.name
    writer = IN_PLACE.get(getattr(op.body, "kernel", None))

    def call(input: Any, *args: Any, **kwargs: Any) -> Any:
        if active and (found := override(twin, call, (input, *args), None, kwargs, gives_way)) is not PROCEED:
            return found
        check_tensor(name, input)
        bound: Sequence[Any] = bind(twin, (input, *args), kwargs)
        if not op.takes_two:
            bound = check_types(twin, bound)
            if twin.prepare is not None:
                bound = normalize(twin, bound, None)
        if active and interpreters.get():
            return interpret(twin, call, bound)
        try:
            edges = begin_write(name, op, input, bound)
            if writer is not None and edges is None and try_direct_write(writer, input, bound[1]):
                input.storage.version += 1
                return input
            array = op.body(*bound)
        except Exception as error:
            if is_complaint(error) or meets_override(bound):
                return again(twin, call, bound)
            # Only a call that fails pays for the search for NumPy's arrays and numbers; with tensors in their place it
            # is repeated.
            converted = host_values(bound)
            if converted is None:
                if gives_way and are_foreign(bound):
                    return NotImplemented
                if error.__class__ is not EncodedError:
                    raise rename_in_message(name, misuse(twin, bound, error))  # noqa: B904  # its cause is set
                write_encoded_result(op, twin, bound)
                return input
            return call(*converted)
        check_fits(name, input, array)
        if edges is None:
            overwrite_array(input.array, array)
            input.storage.version += 1
            return input
        write_and_record(op, edges, bound, input, functools.partial(overwrite_array, input.array, array))
        return input

    return call


def write_encoded_result(op: Op, twin: Op, bound: Sequence[Any]) -> None:
    """Compute an in-place operation on encoded tensors; see Note [Encoded arrays] in ``backends/encoded.py``."""
    input = bound[0]
    edges = begin_write(twin.name, op, input, bound)
    array = decode_and_compute(twin, bound)
    check_fits(twin.name, input, array)
    write = functools.partial(write_values, input, array)
    if edges is None:
        write()
        input.storage.version += 1
    else:
        write_and_record(op, edges, bound, input, write, EncodedNode)


def make_writer(op: Op, name: str, out_of_place: Callable[..., Any] | None = None) -> Op:
    """Return a copy of an operation that writes into its first argument and has another name.

    ``out_of_place`` is the operation that computes the same in new memory, if there is one.
    """
    twin = copy(op)
    twin.name, twin.gate, twin.effect = name, TypeGate(name, op.gate.annotations), Effect.WRITES
    twin.out_of_place, twin.takes_out, twin.public = out_of_place, False, None
    return twin


# The in-place versions of the kernels named by `on_equal_dtypes`.
IN_PLACE: dict[Any, Callable[[Any, Any], Any]] = {
    operator.add: operator.iadd, operator.sub: operator.isub,
    operator.mul: operator.imul, operator.truediv: operator.itruediv,
}  # fmt: skip


def try_direct_write(writer: Callable[[Any, Any], Any], input: Any, other: object) -> bool:
    """Let the array library write into the input if that is certainly correct; return whether it did.

    It is correct for float32 and float64 if the other operand is a number, the same tensor, or a tensor of equal dtype
    in another storage that is 0-d or has the same shape. For float16 see Note [Halves beside numbers].
    """
    target = input.array
    if target.dtype.char not in "fd":
        return False
    if is_number(other):
        if other.__class__ is bool or not is_weaker(other, target):
            return False  # the body promotes, or raises where a bool is subtracted
        update_quietly(writer, target, lift_number(other, target.dtype, target))
        return True
    if not isinstance(other, TensorBase):
        return False
    array = other.array
    if array.dtype is not target.dtype or array.__class__ is not target.__class__:
        return False
    if array.shape != target.shape and array.ndim:
        return False
    # A shifted view would be read after it was overwritten; the same tensor is read and written cell by cell.
    if other is not input and input._storage is not None and input._storage is other._storage:
        return False
    update_quietly(writer, target, array)
    return True


def writes(
    called: str = "", /, *, name: str = "", prepare: Callable[..., Sequence[Any]] | None = None, overlaps: str = "",
    **formulas: Callable[..., Any],
) -> Callable[[Callable[P, None]], Callable[P, Tensor]]:
    """Make an in-place operation of a body that writes into its first argument itself.

    The body must check its arguments before it writes. ``called`` is the name in errors, if not the body's, and
    ``name`` that of the operation in the graph. ``prepare`` brings the arguments to normal form, in which the first may
    be a view of the tensor to write into. ``overlaps`` says whether that may have several elements in one place, where
    the last one written counts: "allowed", "deprecated", or "" if not.
    """

    def decorate(body: Callable[P, None]) -> Callable[P, Tensor]:
        op, title = describe(body, formulas, name=name, prepare=prepare), called or body.__name__.lstrip("_")
        writer = make_writer(op, title)

        def call(input: Any, *args: Any, **kwargs: Any) -> Any:
            if active and (found := override(writer, call, (input, *args), None, kwargs)) is not PROCEED:
                return found
            check_tensor(title, input)
            bound = bind(writer, (input, *args), kwargs)
            if prepare is not None:
                bound = list(normalize(writer, check_types(writer, bound), None))
            target = bound[0]
            if active and interpreters.get():
                found = interpret(writer, call, bound)
                return found if target is input else input
            edges = begin_write(title, op, target, bound, overlaps)
            for i, value in enumerate(bound[1:], 1):
                if isinstance(value, TensorBase) and shares_storage(value, target):
                    bound[i] = snapshot(value)
            try:
                if edges is None:
                    run_writer(op.body, bound)
                    target.storage.version += 1
                    return input
                write_and_record(op, edges, bound, target, functools.partial(run_writer, op.body, bound))
            except Exception as error:
                raise rename_in_message(title, misuse(writer, bound, error))  # noqa: B904  # its cause is set
            return input

        return cast("Callable[P, Tensor]", finish(call, op))

    return decorate


def run_writer(body: Callable[..., None], bound: Sequence[Any]) -> type[Node]:
    """Run a body that writes into its first argument; return the class of the node that records it."""
    try:
        quietly(body, *bound)
    except EncodedError:
        write_through_copy(body, bound)
        return EncodedNode
    return Node


def check_tensor(name: str, input: Any) -> None:
    """Raise if the argument to write into is not a tensor."""
    if not isinstance(input, TensorBase):
        raise WrongTypeError(f"{name}(): argument 'input' must be a tensor, not {type(input).__name__}")


def refuse_write(name: str, input: Any, overlaps: str = "") -> None:
    """Raise for read-only memory, and for a layout with two elements in one place unless ``overlaps`` allows it."""
    layout = input._layout
    if layout is None:  # a new result, in its own memory
        return
    if layouts.has_overlap(layout) and not can_overlap(name, input, overlaps):
        raise InplaceError(
            f"{name}: unsupported operation: more than one element of the written-to tensor refers to a single memory "
            f"location (shape {tuple(input.shape)}, strides {layout.strides}); clone() it before writing"
        )
    storage = input._storage
    if storage is not None and storage.is_read_only:
        raise read_only_error(name, input)


def can_overlap(name: str, input: Any, overlaps: str) -> bool:
    """Whether an operation may write where elements overlap: if that is well defined, and no graph is recorded."""
    if not overlaps or (grad_mode.get() and input.node is not None):
        return False
    if overlaps == "deprecated":
        warnings.warn(
            f"Use of {name} on expanded tensors is deprecated. Please clone() the tensor before the operation.",
            UserWarning, stacklevel=user_level(),
        )  # fmt: skip
    return True


def begin_write(
    name: str, op: Op, input: Any, bound: Sequence[Any], overlaps: str = ""
) -> tuple[Node | None, ...] | None:
    """Raise for a write that is not allowed; return the edges to record, or None."""
    refuse_write(name, input, overlaps)
    mode = grad_mode.get()
    if mode is not True and mode is not False:
        mode.on_write(name, input)
    if not mode:
        return None
    refuse_leaf(name, input)
    base = input._base
    if base is not None and base._node is not None and input.node is None:
        refresh(input)  # made under no_grad or before its base required grad; from now on it is recorded
    edges = edges_of(op, bound)
    # No gradient goes through integers.
    return edges if edges is None or is_differentiable(array_dtype(input)) else None


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
    elif Leaf in (base._node.__class__, input._node.__class__):
        raise InplaceError(
            f"{name}: a view of a leaf Variable that requires grad is being used in an in-place operation (view "
            f"{tuple(input.shape)} of {tuple(base.shape)}); clone() the leaf first, or wrap it in torch.no_grad()"
        )


def check_fits(name: str, input: Any, array: Array) -> None:
    """Raise if the written tensor cannot hold a result of this shape or dtype."""
    layout = input._layout
    shape = input.array.shape if layout is None else layout.shape
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


def write_and_record(
    op: Op, edges: tuple[Node | None, ...], bound: Sequence[Any], input: Any, write: Callable[[], Any],
    kind: type[Node] = Node,
) -> None:
    """Write, and record the write in a node of a class; see Note [Writing through a view]."""
    keep = op.plan(tuple([edge is not None for edge in edges]))[0]
    # Formulas need the values before the write. Copies of them are recorded now, the result's version after it.
    kept = [
        snapshot(value) if i in keep and isinstance(value, TensorBase) and shares_storage(value, input) else value
        for i, value in enumerate(bound)
    ]
    node = record(op, edges, kept, input, kind)
    mode = grad_mode.get()
    was_clean = mode is not True and mode.is_clean(bound)
    if write() is EncodedNode:
        node.__class__ = EncodedNode
    input.storage.version += 1
    if node.result is not None:
        node.result = remember(input)
    attach(input, node)
    if mode is not True:
        mode.on_inplace_node(node, input, was_clean)


def attach(input: Any, node: Node) -> None:
    """Make ``node`` the node of a tensor that was just written to; give its base, if it is a view, a new node too."""
    base = input._base
    if base is None:
        move_retain_grad(input, node)
        input._node = node
        return
    if base._node is not None:
        bypass(input._node, node, view_node(base._node, base, input))
    joined = overwritten_node(base, input, node)
    move_retain_grad(base, joined)
    base._node = joined
    refresh(input)


def bypass(former: Node | None, node: Node, window: Node) -> None:
    """Reconnect a node that wrote to a view from the view's ``former`` node to a window on the base's node."""
    if former in node.edges:
        i = node.edges.index(former)
        node.edges = (*node.edges[:i], window, *node.edges[i + 1 :])
        node.number = next(numbering)  # must exceed the window's; see Note [The order of the walk]


def overwritten_node(base: Any, view: Any, node: Node) -> Node:
    """Return the node of a base after ``node``'s result was written into a view's window."""
    home, window = base.layout, view.layout
    whole, part = array_dtype(base), array_dtype(view)
    node, before = across(node, view), None if base._node is None else across(base._node, base)
    if whole == part:
        return across(joined_node(before, home, node, window, whole), base)
    if whole.kind != "c":
        pairs = as_pairs(window)
        return across(joined_node(before, home, recast_node(AS_PAIRS, node, pairs.shape, whole), pairs, whole), base)
    pairs = as_pairs(home)
    before = None if before is None else recast_node(AS_PAIRS, before, pairs.shape, part)
    return across(recast_node(AS_COMPLEX, joined_node(before, pairs, node, window, part), home.shape, whole), base)


def joined_node(before: Node | None, home: Layout, inside: Node, window: Layout, kind: Any) -> Node:
    """Return the node of ``before``'s result with a window replaced by ``inside``'s result."""
    return make_node(OVERWRITE, (before, inside), (home, window), home.shape, kind)


def move_retain_grad(input: Any, node: Node | None) -> None:
    """Let ``retain_grad`` follow a tensor to its new node; its other hooks stay with the former one."""
    former = input._node
    if former is not None and node is not None and is_retained(input, former):
        hooks = hooks_of_tensor(former)
        hooks_of_tensor(node).retained, hooks.retained = hooks.retained, None


def record_foreign_write(self: Tensor, node: Node) -> None:
    """Record that a user's function wrote to this tensor."""
    refuse_leaf("a function that marked its input dirty", self)
    self.storage.version += 1
    attach(self, node)


def overwrite_array(target: Array, values: Array) -> None:
    """Write values into an array, cast to its dtype."""
    quietly(target.__setitem__, ..., values)


def shares_storage(a: Any, b: Any) -> bool:
    """Return whether two tensors share a storage."""
    return a is b or (a._storage is not None and b._storage is not None and owner(a._storage) is owner(b._storage))


def snapshot(tensor: Any) -> Any:
    """Return a copy of the current values with the same node in the graph."""
    copy = wrap(tensor.result_class, memory_of(tensor).copy())
    copy._node = tensor.node
    if active:
        TensorBase.result_class._dual_level.carry(tensor, copy)
    return copy

"""Recorders: the functions that run when an operation is called, one for each kind of body.

A recorder binds the arguments, passes the call to an interpreter if one is active, runs the body, wraps the result and
makes the node. ``declare.py`` chooses the recorder at import from the body's signature; a call inspects nothing. The
recorders of views are in ``record_views.py``. This file knows no operations.

Measured on ten elements: a recorder adds 0.5-0.9 us to the NumPy call (0.3 us) without a graph and 1.1-1.6 us with one
(``python -m benchmarks overhead``). PyTorch's ``x + y`` takes 1.2 us, and 2.0 us with a graph.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

from minitensor.autograd.binding import (
    NUMBERS,
    REQUIRED,
    are_foreign,
    arguments,
    bind,
    bind_others,
    host_values,
    normalize,
    settle,
)
from minitensor.autograd.encoded import EncodedMultiNode, EncodedNode, EncodedSequenceNode, compute
from minitensor.autograd.interpreters import PROCEED, active, interpret, interpreters, pass_on
from minitensor.autograd.misuse import misuse
from minitensor.autograd.mode import grad_mode
from minitensor.autograd.node import (
    RESULT,
    MultiNode,
    Node,
    Op,
    SequenceNode,
    make_node,
    numbering,
    result_node,
)
from minitensor.autograd.protocol import meets_override, override
from minitensor.autograd.strides import are_row_major, lay_out, lay_out_several
from minitensor.autograd.versions import versions_of
from minitensor.backends import HostArray
from minitensor.backends.silence import in_silence, is_complaint
from minitensor.base import TensorBase, as_array, encoded_array, is_encoded, memory_of, new, wrap
from minitensor.dtypes import bool_, float16
from minitensor.errors import ArgumentTypeError, EncodedError
from minitensor.layouts import RowMajor
from minitensor.storage import Storage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from minitensor.backends import Array
    from minitensor.tensor import Tensor

BOOL, HALF = bool_.numpy, float16.numpy


# -- the recorders -----------------------------------------------------------------------------------------------------


def unary(op: Op) -> Callable[..., Any]:
    """Record a function of one tensor."""
    body = op.body
    kernel = getattr(body, "kernel", None)
    keep, keep_result = op.plan((True,))
    keep_input = keep == (0,)
    rule = op.strides

    def call(
        input: Any = REQUIRED, x: Any = REQUIRED, a: Any = None, x1: Any = None, *, out: Tensor | None = None,
    ) -> Any:
        if x is not REQUIRED or a is not None or x1 is not None:
            return call(*bind_others(op, (input,), x=x, a=a, x1=x1), out=out)
        if active and (found := pass_on(op, call, (input,), out)) is not PROCEED:
            return found
        try:
            if kernel is None:
                array = body(input)
            else:
                array = input._array
                if array.__class__ is HostArray and array.dtype.char in "fd":
                    array = kernel(array)
                else:
                    array = body(input)
            if array.__class__ is not HostArray:
                array = as_array(array)
        except Exception as error:
            if is_complaint(error) or meets_override((input,)):
                return again(op, call, (input,), out=out)
            if error.__class__ is EncodedError:
                return finish(op, (input,), decode_and_compute(op, (input,)), out, EncodedNode)
            raise misuse(op, (input,), error)  # noqa: B904  # its cause is set
        result = new(input.result_class)
        result._array = array
        result._storage = result._layout = result._base = None
        layout = input._layout
        if layout is not None and layout.__class__ is not RowMajor:
            lay_out(rule, (input,), result)
        node = input._node if input._base is None else input.node
        if node is not None and (mode := grad_mode.get()):
            made = result._node = new(Node)
            made.op = op
            made.edges = (node,)
            made.shape = array.shape
            made.dtype = array.dtype
            made.hooks = None
            made.number = next(numbering)
            if keep_input:
                storage = input._storage
                made.saved = (input,)
                made.versions = (0 if storage is None else storage.version,)
            else:
                made.saved = made.versions = ()
            made.result = remember(result) if keep_result else None
            if mode is not True:
                mode.on_node(made, (input,), result)
        else:
            result._node = None
        return result if out is None else result._deliver(out, op, (input,))

    return call


def pair(op: Op, gives_way: bool = False) -> Callable[..., Any]:
    """Record a function of two tensors, or of a tensor and a number; for ``gives_way`` see ``operator_of``."""
    body = op.body
    kernel = getattr(body, "kernel", None)
    masks = ((True, False), (False, True), (True, True))
    plans = [(), *[op.plan(needs)[0] for needs in masks]]
    keeps_result = [False, *[op.plan(needs)[1] for needs in masks]]
    keepers = [keeper(plan) for plan in plans]
    rule = op.strides
    unwritten = [tuple([-1 if i == -1 else 0 for i in plan]) for plan in plans]  # versions of tensors never written to

    def call(
        input: Any = REQUIRED, other: Any = REQUIRED, x1: Any = REQUIRED, x2: Any = None, x: Any = None, a: Any = None,
        *, out: Tensor | None = None,
    ) -> Any:
        if x1 is not REQUIRED or x2 is not None or x is not None or a is not None:
            return call(*bind_others(op, (input, other), x1=x1, x2=x2, x=x, a=a), out=out)
        if active and (found := pass_on(op, call, (input, other), out, gives_way)) is not PROCEED:
            return found
        try:
            if other.__class__ in NUMBERS:
                numbers = True
                like = input
                array = body(input, other)
                edge = input._node if input._base is None else input.node
                edges = (edge, None)
                needs = 0 if edge is None else 1
            elif input.__class__ in NUMBERS:
                numbers = True
                like = other
                array = body(input, other)
                edge = other._node if other._base is None else other.node
                edges = (None, edge)
                needs = 0 if edge is None else 2
            else:
                numbers = False
                like = input
                left = input._array
                if left is None:
                    left = input.array
                right = other._array
                if right is None:
                    right = other.array
                dtype = left.dtype
                if (
                    kernel is not None and dtype is right.dtype and dtype is not BOOL and dtype is not HALF
                    and left.__class__ is right.__class__
                ):
                    array = kernel(left, right)
                    # The quotient of integers is a double for NumPy; the body gives the default dtype.
                    if array.dtype is not dtype:
                        array = body(input, other)
                else:
                    array = body(input, other)
                edge = input._node if input._base is None else input.node
                edge2 = other._node if other._base is None else other.node
                edges = (edge, edge2)
                needs = (0 if edge is None else 1) if edge2 is None else 2 if edge is None else 3
            if array.__class__ is not HostArray:
                array = as_array(array)
        except Exception as error:
            if is_complaint(error) or meets_override((input, other)):
                return again(op, call, (input, other), out=out)
            converted = host_values((input, other))
            if converted is None:
                if gives_way and are_foreign((input, other)):
                    return NotImplemented
                if error.__class__ is EncodedError:
                    return finish(op, (input, other), decode_and_compute(op, (input, other)), out, EncodedNode)
                raise misuse(op, (input, other), error)  # noqa: B904  # its cause is set
            return call(*settle(op, converted, (input, other)), out=out)
        result = new(like.result_class)
        result._array = array
        result._storage = result._layout = result._base = None
        layout = like._layout
        if not numbers and (layout is None or layout.__class__ is RowMajor):
            layout = other._layout
        if layout is not None and layout.__class__ is not RowMajor:
            lay_out(rule, (input, other), result)
        if needs and (mode := grad_mode.get()):
            made = result._node = new(Node)
            made.op = op
            made.edges = edges
            made.shape = array.shape
            made.dtype = array.dtype
            made.hooks = None
            made.number = next(numbering)
            keep = keepers[needs]
            if keep is None:
                made.saved = made.versions = ()
            else:
                made.saved = keep((input, other, None))
                if numbers or input._storage is not None or other._storage is not None:
                    made.versions = versions_of(made.saved)
                else:
                    made.versions = unwritten[needs]
            made.result = remember(result) if keeps_result[needs] else None
            if mode is not True:
                mode.on_node(made, (input, other), result)
        else:
            result._node = None
        return result if out is None else result._deliver(out, op, (input, other))

    return call


def keeper(plan: tuple[int, ...]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]] | None:
    """Return a function that selects the saved values from (input, other, None), or None if nothing is saved."""
    if len(plan) == 1:
        (only,) = plan
        return lambda arguments: (arguments[only],)
    return itemgetter(*plan) if plan else None


def single(op: Op) -> Callable[..., Any]:
    """Record a function that is differentiable only in its first argument."""
    body, required, most = op.body, op.required, op.positional
    omitted = [op.defaults[given:] for given in range(len(op.names) + 1)]
    admit, known = None if op.is_private else op.gate.check, op.gate.known
    prepare, whole, takes_input_alone = op.prepare, op.whole, required == 1
    rule, ordinary = op.strides, op.is_ordinary

    def call(*args: Any, out: Tensor | None = None, **kwargs: Any) -> Any:
        bound: Sequence[Any]
        if active and (found := override(op, call, args, out, kwargs)) is not PROCEED:
            return found
        given = len(args)
        if given == 1 and takes_input_alone and not kwargs:
            if whole is not None and out is None:
                return whole(args[0])
            bound = args + omitted[1]
        else:
            if kwargs or given < required or given > most:
                bound = bind(op, args, kwargs)
            else:
                bound = args + omitted[given]
            if admit is not None and (*map(type, bound),) not in known:
                if meets_override(bound):
                    return call(*args, out=out, **kwargs)
                bound = admit(bound)[0]
        if prepare is not None:
            if out is not None:
                bound = normalize(op, bound, out)
            else:
                try:
                    bound = prepare(*bound)
                except Exception as error:
                    raise misuse(op, bound, error)  # noqa: B904  # its cause is set
        if active and interpreters.get():
            return interpret(op, call, bound, out)
        input = bound[0]
        try:
            array = body(*bound)
            if array.__class__ is not HostArray:
                array = as_array(array)
            cls = input.result_class
        except Exception as error:
            if is_complaint(error):
                return again(op, call, bound, out=out)
            if error.__class__ is EncodedError:
                return finish(op, bound, decode_and_compute(op, bound), out, EncodedNode)
            raise misuse(op, bound, error)  # noqa: B904  # its cause is set
        result: Tensor = new(cls)
        result._array = array
        result._storage = result._layout = result._base = result._node = None
        if not array.flags.c_contiguous or (rule is not None and not ordinary(bound)):
            lay_out(rule, bound, result)
        node = input._node if input._base is None else input.node
        if node is not None and (mode := grad_mode.get()):
            made = result._node = record(op, (node,), bound, result)
            if mode is not True:
                mode.on_node(made, bound, result)
        return result if out is None else result._deliver(out, op, bound)

    return call


def general(op: Op) -> Callable[..., Any]:
    """Record a function of any arguments that returns one array."""
    body = op.body
    admit = None if op.is_private else op.gate.check
    known = op.gate.known
    is_normal = op.prepare is None

    def call(*args: Any, out: Tensor | None = None, **kwargs: Any) -> Any:
        if active and (found := override(op, call, args, out, kwargs)) is not PROCEED:
            return found
        bound: Sequence[Any] = bind(op, args, kwargs)
        if admit is not None and (*map(type, bound),) not in known:
            if meets_override(bound):
                return call(*args, out=out, **kwargs)
            bound = admit(bound)[0]
        if not is_normal:
            bound = normalize(op, bound, out)
        if active and interpreters.get():
            return interpret(op, call, bound, out)
        try:
            array = as_array(body(*bound))
        except Exception as error:
            if is_complaint(error):
                return again(op, call, bound, out=out)
            if meets_override(args, kwargs):
                return call(*args, out=out, **kwargs)
            if error.__class__ is EncodedError:
                return finish(op, bound, decode_and_compute(op, bound), out, EncodedNode)
            raise misuse(op, bound, error)  # noqa: B904  # its cause is set
        return finish(op, bound, array, out)

    return call


def plain(op: Op) -> Callable[..., Any]:
    """Compute without recording."""
    body = op.body
    rule, ordinary = op.strides, op.is_ordinary

    def call(*args: Any, out: Tensor | None = None, **kwargs: Any) -> Any:
        if active and (found := override(op, call, args, out, kwargs)) is not PROCEED:
            return found
        bound = arguments(op, args, kwargs, out)
        if bound is None:
            return call(*args, out=out, **kwargs)
        if active and interpreters.get():
            return interpret(op, call, bound, out)
        try:
            array = as_array(body(*bound))
        except Exception as error:
            if is_complaint(error):
                return again(op, call, bound, out=out)
            if meets_override(args, kwargs):
                return call(*args, out=out, **kwargs)
            if error.__class__ is EncodedError:
                return finish(op, bound, decode_and_compute(op, bound), out, EncodedNode)
            raise misuse(op, bound, error)  # noqa: B904  # its cause is set
        result = wrap(result_class_of(op, bound), array)
        if rule is not None and not ordinary(bound):
            lay_out(rule, bound, result)
        return result if out is None else result._deliver(out, op, bound)

    return call


def plain_pair(op: Op, gives_way: bool = False) -> Callable[..., Any]:
    """Compute from two operands without recording, for comparisons, which are as frequent as sums."""
    body = op.body
    rule = op.strides

    def call(
        input: Any = REQUIRED, other: Any = REQUIRED, x1: Any = REQUIRED, x2: Any = None, x: Any = None, a: Any = None,
        *, out: Tensor | None = None,
    ) -> Any:
        if x1 is not REQUIRED or x2 is not None or x is not None or a is not None:
            return call(*bind_others(op, (input, other), x1=x1, x2=x2, x=x, a=a), out=out)
        if active and (found := pass_on(op, call, (input, other), out, gives_way)) is not PROCEED:
            return found
        try:
            array = body(input, other)
            if array.__class__ is not HostArray:
                array = as_array(array)
        except Exception as error:
            if is_complaint(error) or meets_override((input, other)):
                return again(op, call, (input, other), out=out)
            converted = host_values((input, other))
            if converted is None:
                if gives_way and are_foreign((input, other)):
                    return NotImplemented
                if error.__class__ is EncodedError:
                    return finish(op, (input, other), decode_and_compute(op, (input, other)), out, EncodedNode)
                raise misuse(op, (input, other), error)  # noqa: B904  # its cause is set
            return call(*settle(op, converted, (input, other)), out=out)
        like: Any
        last: Any
        like, last = (other, input) if input.__class__ in NUMBERS else (input, other)
        result = new(like.result_class)
        result._array = array
        result._storage = result._layout = result._node = result._base = None
        layout = like._layout
        if last.__class__ not in NUMBERS and (layout is None or layout.__class__ is RowMajor):
            layout = last._layout
        if layout is not None and layout.__class__ is not RowMajor:
            lay_out(rule, (input, other), result)
        return result if out is None else result._deliver(out, op, (input, other))

    return call


def several(op: Op) -> Callable[..., Any]:
    """Record a function that returns a tuple of arrays."""
    body = op.body
    returns = op.returns
    rule, ordinary = op.strides, op.is_ordinary

    def call(*args: Any, out: Sequence[Tensor] | None = None, **kwargs: Any) -> Any:
        if active and (found := override(op, call, args, out, kwargs)) is not PROCEED:
            return found
        bound = arguments(op, args, kwargs, out)
        if bound is None:
            return call(*args, out=out, **kwargs)
        if active and interpreters.get():
            return interpret(op, call, bound, out)
        kind: type[MultiNode] = MultiNode
        try:
            arrays = [as_array(array) for array in body(*bound)]
        except Exception as error:
            if is_complaint(error):
                return again(op, call, bound, out=out)
            if meets_override(args, kwargs):
                return call(*args, out=out, **kwargs)
            if error.__class__ is not EncodedError:
                raise misuse(op, bound, error)  # noqa: B904  # its cause is set
            arrays, kind = decode_and_compute(op, bound), EncodedMultiNode
        cls = result_class_of(op, bound)
        results: Any = tuple([wrap(cls, array) for array in arrays])
        if rule is not None and not ordinary(bound):
            lay_out_several(rule, bound, results)
        edges = edges_of(op, bound)
        if edges is not None:
            node = record_several(op, edges, bound, results, kind)
            for i, (result, array) in enumerate(zip(results, arrays, strict=True)):
                # Indices, as those of `max`, have no gradient.
                result._node = result_node(node, i, array.shape, array.dtype)
            if (mode := grad_mode.get()) is not True:
                mode.on_node(node, bound, *results)
        if out is not None:
            results = cls._deliver_several(results, out, op)
        return results if returns is tuple else returns(*results)

    return call


def sequence(op: Op) -> Callable[..., Any]:
    """Record a function whose first argument is a sequence of tensors."""
    body = op.body
    (formula,) = op.formulas
    rule = op.strides

    def call(*args: Any, out: Tensor | None = None, **kwargs: Any) -> Any:
        if active and (found := override(op, call, args, out, kwargs)) is not PROCEED:
            return found
        bound = arguments(op, args, kwargs, out)
        if bound is None:
            return call(*args, out=out, **kwargs)
        if active and interpreters.get():
            return interpret(op, call, bound, out)
        kind: type[SequenceNode] = SequenceNode
        try:
            tensors = bound[0] = tuple(bound[0])
            for cls in {*map(type, tensors)}:
                if not issubclass(cls, TensorBase):
                    raise ArgumentTypeError(f"{op.name}: expected a sequence of tensors, got {cls.__name__} in it")
            array = as_array(body(*bound))
        except Exception as error:
            if is_complaint(error):
                return again(op, call, bound, out=out)
            if meets_override(args, kwargs):
                return call(*args, out=out, **kwargs)
            if error.__class__ is not EncodedError:
                raise misuse(op, bound, error)  # noqa: B904  # its cause is set
            array, kind = decode_and_compute(op, bound), EncodedSequenceNode
        result = wrap(tensors[0].result_class if tensors else result_class_of(op, bound), array)
        if rule is not None and not are_row_major(tensors):
            lay_out(rule, bound, result)
        edges = tuple([tensor._node if tensor._base is None else tensor.node for tensor in tensors])
        if edges.count(None) < len(edges) and (mode := grad_mode.get()):
            saved = arguments_at(op.saved_positions, bound)
            node = make_node(op, edges, saved, array.shape, array.dtype, kind)
            if RESULT in formula.sources:
                node.result = remember(result)
            node.shapes = tuple([tuple(tensor.shape) for tensor in tensors])
            result._node = node
            if mode is not True:
                mode.on_node(node, bound, result)
        return result if out is None else result._deliver(out, op, bound)

    return call


# -- parts of recorders ------------------------------------------------------------------------------------------------


def again(op: Op, call: Callable[..., Any], args: Sequence[Any], **out: Any) -> Any:
    """Call an operation once more, with all its arguments in order; see Note [Silence] in ``backends/silence.py``."""
    count = op.positional
    return in_silence(call, *args[:count], **out, **dict(zip(op.names[count:], args[count:], strict=True)))


def finish(op: Op, bound: Sequence[Any], array: Array, out: Any, kind: type[Node] = Node) -> Any:
    """Return the result of an operation on any arguments, recorded in a node of a class, or written into ``out``."""
    result = wrap(result_class_of(op, bound), array)
    if op.strides is not None and not op.is_ordinary(bound):
        lay_out(op.strides, bound, result)
    edges = edges_of(op, bound)
    if edges is not None:
        made = result._node = record(op, edges, bound, result, kind)
        if (mode := grad_mode.get()) is not True:
            mode.on_node(made, bound, result)
    return result if out is None else result._deliver(out, op, bound)


def decode_and_compute(op: Op, bound: Sequence[Any]) -> Any:
    """Return the array or the arrays of an operation on encoded tensors; see ``autograd/encoded.py``."""
    try:
        return compute(op, bound)
    except Exception as error:
        raise misuse(op, bound, error)  # noqa: B904  # its cause is set


def result_class_of(op: Op, args: Sequence[Any]) -> type[Any]:
    """Return the class of results: that of the first tensor among the arguments."""
    for each in args:
        if isinstance(each, TensorBase):
            return each.result_class
    raise ArgumentTypeError(f"{op.name}(): expected a tensor, got {', '.join(type(each).__name__ for each in args)}")


def edges_of(op: Op, args: Sequence[Any]) -> tuple[Node | None, ...] | None:
    """Return the nodes of the differentiable arguments, or None if nothing needs to be recorded."""
    edges = tuple([args[i].node if isinstance(args[i], TensorBase) else None for i in op.inputs])
    for edge in edges:
        if edge is not None:
            return edges if grad_mode.get() else None
    return None


def record(
    op: Op, edges: tuple[Node | None, ...], args: Sequence[Any], result: TensorBase, kind: type[Node] = Node
) -> Node:
    """Return a node for one result."""
    keep, keep_result = op.plan(tuple([edge is not None for edge in edges]))
    try:
        array = result.array
    except EncodedError:
        array, kind = encoded_array(result), EncodedNode
    node: Node = make_node(op, edges, arguments_at(keep, args), array.shape, array.dtype, kind)
    if keep_result:
        node.result = remember(result)
    return node


def arguments_at(keep: tuple[int, ...], args: Sequence[Any]) -> tuple[Any, ...]:
    """Return the arguments at some positions. -1 is the position of a value that no formula will need."""
    return tuple([None if i == -1 else args[i] for i in keep])


def record_several(
    op: Op, edges: tuple[Node | None, ...], args: Sequence[Any], results: tuple[TensorBase, ...], kind: type[MultiNode]
) -> MultiNode:
    """Return a node for several results."""
    keep, keep_result = op.plan(tuple([edge is not None for edge in edges]))
    array = memory_of(results[0])
    node = make_node(op, edges, arguments_at(keep, args), array.shape, array.dtype, kind)
    node.count = len(results)
    if keep_result:
        numbers = op.saved_results or range(len(results))
        node.result = tuple([remember(result) if i in numbers else None for i, result in enumerate(results)])
    return node


def remember(result: TensorBase) -> tuple[Any, ...]:
    """Return the parts of a result that a node keeps; see Note [What a node keeps]."""
    storage = result._storage
    if storage is None:
        if not result.array.flags.c_contiguous:
            storage = result.storage
        else:
            storage = result._storage = Storage(result.array)
    elif is_encoded(result):
        return encoded_array(result), storage, result._layout, storage.version
    return result.array, storage, result._layout, storage.version

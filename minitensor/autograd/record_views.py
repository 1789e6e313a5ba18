"""Recorders of views: operations whose result shares the storage of the first argument.

The bodies return layouts and take little time. Therefore each number of arguments has its own recorder. Python binds
its arguments, and it checks the classes of ints itself before it calls the gate. This file knows no operations.

Measured on ten elements: ``x.transpose(0, 1)`` takes 0.6 us without a graph and 1.0 us with one. A recorder with
``*args`` and ``**kwargs`` takes 0.06 us longer, the type check of the gate 0.2 us (``python -m benchmarks overhead``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.autograd.argument_types import is_checked
from minitensor.autograd.binding import REQUIRED, annotations_of_op, arguments, bind_others, bind_slowly
from minitensor.autograd.interpreters import PROCEED, active, interpret, interpreters, pass_on
from minitensor.autograd.misuse import misuse
from minitensor.autograd.mode import grad_mode
from minitensor.autograd.node import MultiNode, Node, Op, make_node, numbering, output
from minitensor.autograd.protocol import is_overridden, meets_override, override
from minitensor.autograd.record import arguments_at, keeper
from minitensor.base import array_dtype, new

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from minitensor.layouts import Layout
    from minitensor.storage import Storage


def viewer(op: Op) -> Callable[..., Any]:
    """Record a function that returns a layout on the storage of its first argument."""
    recorder = (viewer_of_one, viewer_of_two, viewer_of_three, viewer_of_four)[len(op.names) - 1]
    after_layout = tuple([position + 1 for position in op.saved_positions])
    return with_parameters(recorder(op, looker(op, after_layout)), op)


def with_parameters(call: Any, op: Op) -> Callable[..., Any]:
    """Give the parameters of a recorder the names and defaults of the operation, so that Python binds the arguments.

    All parameters of views may be given by position and by name, and NumPy's names are accepted for them. Parameters
    with a default cost a call 1 ns each, where ``**names`` would cost 50.
    """
    count, code = len(op.names), call.__code__
    call.__code__ = code.replace(co_varnames=(*op.names, *code.co_varnames[count:]))
    call.__defaults__ = (*op.defaults, REQUIRED, None, None, None)
    return call  # type: ignore[no-any-return]  # a function


def is_gated(op: Op) -> bool:
    """Whether the gate checks arguments of a view other than the tensor."""
    return not op.is_private and any(is_checked(wanted) for _, wanted in annotations_of_op(op)[0][1:])


def check_arguments(op: Op, *bound: Any) -> Any:
    """Return the arguments as converted by the gate. Raise if one is missing or has the wrong type."""
    if (*map(type, bound),) in op.gate.known or meets_override(bound) or (active and is_overridden(bound)):
        return bound
    given = {name: value for name, value in zip(op.names, bound) if value is not REQUIRED}
    return op.gate.check(bound if len(given) == len(bound) else bind_slowly(op, (), given))[0]


def viewer_of_one(op: Op, look: Callable[..., Any]) -> Any:
    """Record a view of a tensor."""
    body = op.body

    def call(input: Any, x: Any = REQUIRED, a: Any = None, x1: Any = None, axis: Any = None) -> Any:
        if x is not REQUIRED or a is not None or x1 is not None or axis is not None:
            return call(*bind_others(op, (input,), x=x, a=a, x1=x1, axis=axis))
        if active and (found := pass_on(op, call, (input,))) is not PROCEED:
            return found
        try:
            layout = body(input)
        except Exception as error:
            if meets_override((input,)):
                return call(input)
            raise misuse(op, (input,), error)  # noqa: B904  # its cause is set
        return look(input, layout)

    return call


def viewer_of_two(op: Op, look: Callable[..., Any]) -> Any:
    """Record a view of a tensor, given an int or another value."""
    body, gated = op.body, is_gated(op)

    def call(input: Any, first: Any, x: Any = REQUIRED, a: Any = None, x1: Any = None, axis: Any = None) -> Any:
        if x is not REQUIRED or a is not None or x1 is not None or axis is not None:
            return call(*bind_others(op, (input, first), x=x, a=a, x1=x1, axis=axis))
        if gated and first.__class__ is not int:
            _, first = check_arguments(op, input, first)
        if active and (found := pass_on(op, call, (input, first))) is not PROCEED:
            return found
        try:
            layout = body(input, first)
        except Exception as error:
            if meets_override((input, first)):
                return call(input, first)
            raise misuse(op, (input, first), error)  # noqa: B904  # its cause is set
        return look(input, layout, first)

    return call


def viewer_of_three(op: Op, look: Callable[..., Any]) -> Any:
    """Record a view of a tensor, given two ints or other values."""
    body, gated = op.body, is_gated(op)

    def call(
        input: Any, first: Any, second: Any, x: Any = REQUIRED, a: Any = None, x1: Any = None, axis: Any = None,
    ) -> Any:
        if x is not REQUIRED or a is not None or x1 is not None or axis is not None:
            return call(*bind_others(op, (input, first, second), x=x, a=a, x1=x1, axis=axis))
        if gated and (first.__class__ is not int or second.__class__ is not int):
            _, first, second = check_arguments(op, input, first, second)
        if active and (found := pass_on(op, call, (input, first, second))) is not PROCEED:
            return found
        try:
            layout = body(input, first, second)
        except Exception as error:
            if meets_override((input, first, second)):
                return call(input, first, second)
            raise misuse(op, (input, first, second), error)  # noqa: B904  # its cause is set
        return look(input, layout, first, second)

    return call


def viewer_of_four(op: Op, look: Callable[..., Any]) -> Any:
    """Record a view of a tensor, given three ints or other values."""
    body, gated = op.body, is_gated(op)

    def call(
        input: Any, first: Any, second: Any, third: Any, x: Any = REQUIRED, a: Any = None, x1: Any = None,
        axis: Any = None,
    ) -> Any:
        if x is not REQUIRED or a is not None or x1 is not None or axis is not None:
            return call(*bind_others(op, (input, first, second, third), x=x, a=a, x1=x1, axis=axis))
        if gated and (first.__class__ is not int or second.__class__ is not int or third.__class__ is not int):
            _, first, second, third = check_arguments(op, input, first, second, third)
        if active and (found := pass_on(op, call, (input, first, second, third))) is not PROCEED:
            return found
        try:
            layout = body(input, first, second, third)
        except Exception as error:
            if meets_override((input, first, second, third)):
                return call(input, first, second, third)
            raise misuse(op, (input, first, second, third), error)  # noqa: B904  # its cause is set
        return look(input, layout, first, second, third)

    return call


def looker(op: Op, saved: tuple[int, ...] | None = None) -> Callable[..., Any]:
    """Record a view whose layout is an argument. All arguments are given by position.

    A viewer calls this with the layout from its body, after it has checked for interpreters. ``saved`` is then the
    positions of the saved arguments behind the layout.
    """
    count = len(op.names)
    is_recorded = bool(op.formulas)
    keep = keeper(op.saved_positions if saved is None else saved)

    def call(input: Any, layout: Layout, first: Any = None, second: Any = None, third: Any = None) -> Any:
        if active and (found := pass_on(op, call, (input, layout, first, second)[:count])) is not PROCEED:
            return found
        base = input._base
        storage = input._storage
        if storage is None:
            storage = input.storage
        result = new(input.result_class)
        result._storage = storage
        result._layout = layout
        result._array = None
        result._base = input if base is None else base
        result._seen = storage.version
        node = input._node if base is None else input.node
        if node is None or not is_recorded or not (mode := grad_mode.get()):
            result._node = None
            return result
        made = result._node = new(Node)
        made.op = op
        made.edges = (node,)
        made.shape = layout.shape
        made.dtype = storage.array.dtype
        made.hooks = made.result = None
        made.number = next(numbering)
        made.saved = () if keep is None else keep((input, layout, first, second, third))
        made.versions = ()
        if mode is not True:
            mode.on_node(made, (input,), result)
        return result

    return call


def viewers(op: Op) -> Callable[..., Any]:
    """Record a function that returns several layouts on the storage of its first argument."""
    body = op.body

    def call(*args: Any, **kwargs: Any) -> Any:
        if active and (found := override(op, call, args, None, kwargs)) is not PROCEED:
            return found
        bound = arguments(op, args, kwargs)
        if bound is None:
            return call(*args, **kwargs)
        if active and interpreters.get():
            return interpret(op, call, bound)
        try:
            layouts = body(*bound)
            storage = bound[0].storage
        except Exception as error:
            raise misuse(op, bound, error)  # noqa: B904  # its cause is set
        input = bound[0]
        results = views_of(input, storage, layouts)
        node, kind = input.node, array_dtype(input)
        if node is None or not results or not (mode := grad_mode.get()):
            return results
        made = make_node(op, (node,), arguments_at(op.saved_positions, bound), layouts[0].shape, kind, MultiNode)
        made.count = len(results)
        for i, result in enumerate(results):
            result._node = output(made, i, result._layout.shape, kind)
        if mode is not True:
            mode.on_node(made, bound, *results)
        return results

    return call


def views_of(input: Any, storage: Storage, layouts: Iterable[Layout]) -> tuple[Any, ...]:
    """Return views of a tensor through several layouts, without nodes."""
    cls, version = input.result_class, storage.version
    base = input if input._base is None else input._base
    views = []
    for layout in layouts:
        view = new(cls)
        view._storage = storage
        view._layout = layout
        view._base = base
        view._seen = version
        view._array = view._node = None
        views.append(view)
    return tuple(views)

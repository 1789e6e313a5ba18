"""Recording views: what runs when an operation is called whose result looks at its first argument's storage.

A view costs no more than its recorder, so each number of arguments has one, whose parameters Python itself binds and
which asks for the class of each int before it asks the gate. The bodies return layouts. No operation is known here.

Measured on ten elements: ``x.transpose(0, 1)`` takes 0.55 us without a graph and 0.95 with one; a recorder with
``*args`` and ``**kwargs`` takes 0.06 longer, the gate's own look at the types 0.2 (``python -m benchmarks overhead``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.autograd.argument_types import is_asked
from minitensor.autograd.binding import REQUIRED, arguments, asked_of, bind_slowly
from minitensor.autograd.interpreters import active, interpret, interpreters
from minitensor.autograd.misuse import misuse
from minitensor.autograd.mode import grad_mode
from minitensor.autograd.node import MultiNode, Node, Op, make_node, numbering, output
from minitensor.autograd.record import keeper, saved_of
from minitensor.base import array_dtype, new, window

if TYPE_CHECKING:
    from collections.abc import Callable

    from minitensor.layout import Layout


def viewer(op: Op) -> Callable[..., Any]:
    """Record a function that returns a layout over its first argument's storage."""
    recorder = (viewer_of_one, viewer_of_two, viewer_of_three, viewer_of_four)[len(op.names) - 1]
    after_layout = tuple([place + 1 for place in op.kept])
    return with_parameters(recorder(op, looker(op, after_layout)), op)


def with_parameters(call: Any, op: Op) -> Callable[..., Any]:
    """Give a recorder's parameters the names and defaults of its operation's, so that Python binds a call's arguments.

    They may be given by position and by name, as those of every view.
    """
    count, code = len(op.names), call.__code__
    call.__code__ = code.replace(co_varnames=(*op.names, *code.co_varnames[count:]))
    call.__defaults__ = op.fill[1:]
    return call  # type: ignore[no-any-return]  # a function


def is_gated(op: Op) -> bool:
    """Whether the gate has something to ask of a view's arguments; what is no tensor fails by itself."""
    return not op.is_private and any(is_asked(wanted) for _, wanted in asked_of(op)[0][1:])


def pass_gate(op: Op, *bound: Any) -> Any:
    """Return the arguments as the gate hands them on; raise if one is of a wrong type or missing."""
    if (*map(type, bound),) in op.gate.known:
        return bound
    given = {name: value for name, value in zip(op.names, bound) if value is not REQUIRED}
    return op.gate.admit(bound if len(given) == len(bound) else bind_slowly(op, (), given))[0]


def viewer_of_one(op: Op, look: Callable[..., Any]) -> Any:
    """Record a view of a tensor."""
    body = op.body

    def call(input: Any) -> Any:
        if active and interpreters.get():
            return interpret(op, call, (input,))
        try:
            layout = body(input)
        except Exception as error:
            raise misuse(op, (input,), error)  # noqa: B904  # its cause is set
        return look(input, layout)

    return call


def viewer_of_two(op: Op, look: Callable[..., Any]) -> Any:
    """Record a view of a tensor, given an int or another value."""
    body, gated = op.body, is_gated(op)

    def call(input: Any, first: Any) -> Any:
        if gated and first.__class__ is not int:
            _, first = pass_gate(op, input, first)
        if active and interpreters.get():
            return interpret(op, call, (input, first))
        try:
            layout = body(input, first)
        except Exception as error:
            raise misuse(op, (input, first), error)  # noqa: B904  # its cause is set
        return look(input, layout, first)

    return call


def viewer_of_three(op: Op, look: Callable[..., Any]) -> Any:
    """Record a view of a tensor, given two ints or other values."""
    body, gated = op.body, is_gated(op)

    def call(input: Any, first: Any, second: Any) -> Any:
        if gated and (first.__class__ is not int or second.__class__ is not int):
            _, first, second = pass_gate(op, input, first, second)
        if active and interpreters.get():
            return interpret(op, call, (input, first, second))
        try:
            layout = body(input, first, second)
        except Exception as error:
            raise misuse(op, (input, first, second), error)  # noqa: B904  # its cause is set
        return look(input, layout, first, second)

    return call


def viewer_of_four(op: Op, look: Callable[..., Any]) -> Any:
    """Record a view of a tensor, given three ints or other values."""
    body, gated = op.body, is_gated(op)

    def call(input: Any, first: Any, second: Any, third: Any) -> Any:
        if gated and (first.__class__ is not int or second.__class__ is not int or third.__class__ is not int):
            _, first, second, third = pass_gate(op, input, first, second, third)
        if active and interpreters.get():
            return interpret(op, call, (input, first, second, third))
        try:
            layout = body(input, first, second, third)
        except Exception as error:
            raise misuse(op, (input, first, second, third), error)  # noqa: B904  # its cause is set
        return look(input, layout, first, second, third)

    return call


def looker(op: Op, kept: tuple[int, ...] | None = None) -> Callable[..., Any]:
    """Record a look through a layout that the caller has made already; all arguments come by position.

    A viewer looks through the layout that its body made. Its call went past the interpreters then, so that none is
    found here, and ``kept`` says where behind the layout the arguments are that its formula asks for.
    """
    count = len(op.names)
    is_recorded = bool(op.formulas)
    keep = keeper(op.kept if kept is None else kept)

    def call(input: Any, layout: Layout, first: Any = None, second: Any = None, third: Any = None) -> Any:
        if active and interpreters.get():
            return interpret(op, call, (input, layout, first, second)[:count])
        base = input._base
        storage = input._storage
        if storage is None:
            storage = input.storage
        result = new(input.result_class)
        result._storage = storage
        result._layout = layout
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
            mode.made(made, (input,), result)
        return result

    return call


def viewers(op: Op) -> Callable[..., Any]:
    """Record a function that returns several layouts over its first argument's storage."""
    body = op.body

    def call(*args: Any, **kwargs: Any) -> Any:
        bound = arguments(op, args, kwargs)
        if active and interpreters.get():
            return interpret(op, call, bound)
        try:
            layouts = body(*bound)
            version = bound[0].storage.version
        except Exception as error:
            raise misuse(op, bound, error)  # noqa: B904  # its cause is set
        input = bound[0]
        node, kind = input.node, array_dtype(input)
        results = tuple([window(input, layout) for layout in layouts])
        base = input if input._base is None else input._base
        for result in results:
            result._base, result._seen = base, version
        if node is None or not results or not (mode := grad_mode.get()):
            return results
        made = make_node(op, (node,), saved_of(op.kept, bound), layouts[0].shape, kind, MultiNode)
        made.count = len(results)
        for i, result in enumerate(results):
            result._node = output(made, i, result._layout.shape, kind)
        if mode is not True:
            mode.made(made, bound, *results)
        return results

    return call

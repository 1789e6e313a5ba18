"""Recording: the decorators that turn a function of arrays into an operation on tensors with gradients.

``@differentiable`` takes a gradient formula for each differentiable argument, ``@view`` the same for an operation that
returns a layout, ``@nondifferentiable`` none. What a formula's parameters name is what is saved: any argument of the
operation, ``result`` (of several ``results``, or ``result0``, ``result1``: that one alone), ``in_shape`` or
``in_dtype``. No operation is known here.

There is one hand-written recorder for each kind of body, chosen at import from its signature; nothing is inspected per
call. Measured on ten elements where PyTorch's own call of ``x + y`` takes 1.6 us, and 2.6 with a graph: over the bare
NumPy call (0.5 us) a recorder costs 0.9-1.1 us without a graph and 1.3-1.8 us with one (``python -m benchmarks
overhead``).
"""

from __future__ import annotations

import functools
from operator import index as as_int
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar, cast, overload

from minitensor.autograd.argument_types import Asked, TypeGate
from minitensor.autograd.interpreters import active, interpret, interpreters
from minitensor.autograd.misuse import misuse, unbound
from minitensor.autograd.mode import grad_mode
from minitensor.autograd.node import (
    DTYPE,
    RESULT,
    RESULT_0,
    SHAPE,
    Effect,
    Formula,
    Gate,
    Leaf,
    MultiNode,
    Node,
    Op,
    SequenceNode,
    make_node,
    numbering,
    output,
    versions_of,
)
from minitensor.backends import BY_ARRAY, HostArray, named
from minitensor.base import TensorBase, array_dtype, has_values, new, settled, window, wrap
from minitensor.dtypes import FROM_NUMPY, bool_
from minitensor.errors import ArgumentTypeError
from minitensor.storage import Storage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from minitensor.backends import Array
    from minitensor.layout import Layout
    from minitensor.tensor import Tensor

P = ParamSpec("P")
R = TypeVar("R")

BOOL = bool_.numpy
NUMBERS = frozenset((int, float, bool, complex))
FIXED = frozenset((int, bool, tuple, type(None)))  # what a view keeps as it is, most of the time
FACTS = {
    "result": RESULT, "results": RESULT, "in_shape": SHAPE, "in_shapes": SHAPE, "in_dtype": DTYPE,
    "result0": RESULT_0, "result1": RESULT_0 - 1, "result2": RESULT_0 - 2,
}  # fmt: skip


class Recorder(Protocol):
    """What ``differentiable`` returns: arrays in the body become tensors in the operation."""

    @overload
    def __call__(self, body: Callable[P, Array]) -> Callable[P, Tensor]: ...

    @overload
    def __call__(self, body: Callable[P, tuple[Array, ...]]) -> Callable[P, tuple[Tensor, ...]]: ...


def differentiable(**formulas: Callable[..., Any]) -> Recorder:
    """Make an operation of a body that returns a fresh array, given a formula for each differentiable argument."""

    def decorate(body: Callable[..., Any]) -> Callable[..., Any]:
        op = describe(body, formulas)
        return finish(choose(op)(op), op)

    return cast("Recorder", decorate)


def nondifferentiable(body: Callable[P, Array]) -> Callable[P, Tensor]:
    """Make an operation without gradient, such as a comparison."""
    op = describe(body, {})
    recorder = plain_pair if op.takes_two else plain
    return finish(recorder(op), op)


def view(**formulas: Callable[..., Any]) -> Callable[[Callable[P, Layout]], Callable[P, Tensor]]:
    """Make an operation whose result looks at its first argument's storage through the layout that the body returns."""

    def decorate(body: Callable[P, Layout]) -> Callable[P, Tensor]:
        op = describe(body, formulas, Effect.VIEWS)
        return finish(viewer(op), op)

    return decorate


def look(**formulas: Callable[..., Any]) -> Callable[[Callable[P, Layout]], Callable[P, Tensor]]:
    """Do as ``view`` where the layout is the second argument, given by position: the recorder need not ask the body."""

    def decorate(body: Callable[P, Layout]) -> Callable[P, Tensor]:
        op = describe(body, formulas, Effect.VIEWS)
        return finish(looker(op), op)

    return decorate


def views(
    **formulas: Callable[..., Any]
) -> Callable[[Callable[P, tuple[Layout, ...]]], Callable[P, tuple[Tensor, ...]]]:
    """Make an operation that cuts its first argument into several views; its formula takes ``grads``."""

    def decorate(body: Callable[P, tuple[Layout, ...]]) -> Callable[P, tuple[Tensor, ...]]:
        op = describe(body, formulas, Effect.VIEWS)
        return finish(viewers(op), op)

    return decorate


def visible(function: Callable[P, R]) -> Callable[P, R]:
    """Let interpreters see a function that is written by hand as one operation."""
    op = describe(function, {})

    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if active and interpreters.get():
            return interpret(op, call, bind(op, args, kwargs))  # type: ignore[no-any-return]  # what `function` returns
        return function(*args, **kwargs)

    return cast("Callable[P, R]", finish(call, op))


def drawing(function: Callable[P, R]) -> Callable[P, R]:
    """Let interpreters see a function that draws random numbers as one operation."""
    op = describe(function, {}, Effect.DRAWS)

    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if active and interpreters.get():
            return interpret(op, call, args, None, kwargs)  # type: ignore[no-any-return]  # what `function` returns
        return function(*args, **kwargs)

    return cast("Callable[P, R]", finish(call, op))


# -- describing, at import ---------------------------------------------------------------------------------------------


def describe(
    body: Callable[..., Any], formulas: dict[str, Callable[..., Any]], effect: Effect = Effect.COMPUTES
) -> Op:
    """Read a body's and its formulas' signatures, once."""
    by_position, by_name = parameters(body)
    op = Op()
    op.name, op.body = body.__name__.strip("_"), positional(body, by_position, by_name)
    op.is_private = body.__name__.startswith("_")
    op.gate = TypeGate(op.name, functools.partial(asked_of, op))
    op.names, op.positional = by_position + by_name, len(by_position)
    op.takes_out = "out" in body.__code__.co_varnames[: body.__code__.co_argcount + body.__code__.co_kwonlyargcount]
    keywords = body.__kwdefaults__ or {}
    defaults = body.__defaults__ or ()
    op.fill = (
        *(REQUIRED,) * (len(by_position) - len(defaults)),
        *defaults,
        *[keywords.get(name, REQUIRED) for name in by_name],
    )
    op.places = {name: place for place, name in enumerate(op.names)}
    op.inputs = tuple([position(op, name, "has a formula, but is no argument") for name in formulas])
    asked = {name: parameters(formula)[0] for name, formula in formulas.items()}
    op.kept = tuple(sorted({
        position(op, want, f"is asked for by the formula of {name!r}, but is no argument")
        for name, wants in asked.items() for want in wants[1:] if want not in FACTS
    }))
    op.formulas = tuple([
        Formula(formula, tuple([FACTS[w] if w in FACTS else op.kept.index(op.names.index(w)) for w in asked[name][1:]]))
        for name, formula in formulas.items()
    ])
    op.multiple = any(wants[:1] == ("grads",) for wants in asked.values())
    op.kept_results = frozenset([
        RESULT_0 - want for formula in op.formulas for want in formula.wants if want <= RESULT_0
    ])
    op.plans, op.effect, op.beside = {}, effect, None
    op.takes_two = op.names == ("input", "other") and op.fill == (REQUIRED, REQUIRED)
    return op


def asked_of(op: Op) -> tuple[list[Asked], dict[str, str]]:
    """Return names and annotations of a body's arguments, as recorders pass them: all by position."""
    annotations = op.body.__annotations__
    return [(name, str(annotations.get(name, "Any"))) for name in op.names], {}


def parameters(function: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names that a function takes by position and by keyword alone, without ``out``.

    A body declares ``out`` for its callers, and the recorder serves it. Read from the code object: `inspect.signature`
    on every op and formula would double the time that importing the library takes.
    """
    code = function.__code__
    first = code.co_argcount
    names = code.co_varnames[: first + code.co_kwonlyargcount]
    return names[:first], tuple([name for name in names[first:] if name != "out"])


def positional(body: Callable[..., Any], by_position: tuple[str, ...], by_name: tuple[str, ...]) -> Callable[..., Any]:
    """Return the body with its keyword-only arguments taken by position, as recorders pass them."""
    if not by_name:
        return body
    first = len(by_position)

    def call(*args: Any) -> Any:
        return body(*args[:first], **dict(zip(by_name, args[first:], strict=True)))

    return functools.update_wrapper(call, body)


def position(op: Op, name: str, trouble: str) -> int:
    """Return where an argument stands; a name that is none is a mistake in the op's definition."""
    if name not in op.names:
        raise TypeError(f"{op.name}: {name!r} {trouble}, nor `result`, `in_shape` or `in_dtype`")
    return op.names.index(name)


def choose(op: Op) -> Callable[[Op], Callable[..., Any]]:
    """Choose the recorder for a body."""
    if op.multiple:
        return several
    if is_sequence(op):
        return sequence
    if len(op.names) == 1:
        return unary
    if op.takes_two and op.inputs == (0, 1):
        return pair
    return single if op.inputs == (0,) else general


def is_sequence(op: Op) -> bool:
    """Whether the one differentiable argument is a sequence of tensors: its formula or its name says so."""
    return op.inputs == (0,) and op.names[0] in ("tensors", "operands")


def finish(call: Any, op: Op) -> Callable[..., Any]:
    """Give the operation its body's name, documentation and signature, and hang its ``Op`` on it for ``inplace``."""
    operation: Callable[..., Any] = functools.update_wrapper(call, op.body)
    call.op = op
    return operation


# -- the recorders -----------------------------------------------------------------------------------------------------


def unary(op: Op) -> Callable[..., Any]:
    """Record a function of one tensor and nothing else."""
    body = op.body
    kernel = getattr(body, "kernel", None)
    keep, keep_result = op.plan((True,))
    keep_input = keep == (0,)

    def call(input: Tensor, *, out: Tensor | None = None) -> Any:
        if active and interpreters.get():
            return interpret(op, call, (input,), out)
        try:
            if kernel is None:
                array = body(input)
            else:
                array = input.array
                array = kernel(array) if array.__class__ is HostArray and array.dtype.kind == "f" else body(input)
            if array.__class__ is not HostArray:
                array = settled(array)
        except Exception as error:
            raise misuse(op, (input,), error)  # noqa: B904  # its cause is set
        result = new(input.result_class)
        result.array = array
        result._storage = result._layout = result._base = None
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
                mode.made(made, (input,), result)
        else:
            result._node = None
        return result if out is None else result._deliver(out, op, (input,))

    return call


def on_equal_dtypes(kernel: Callable[[Any, Any], Any]) -> Callable[[Callable[P, Array]], Callable[P, Array]]:
    """Name what a body of two operands comes to when both are tensors of one dtype and that is the result's dtype too.

    The recorder calls the kernel itself then, which saves two frames; whatever else it meets, it asks the body. Bools
    are always the body's.
    """

    def mark(body: Callable[P, Array]) -> Callable[P, Array]:
        body.kernel = kernel  # type: ignore[attr-defined]  # read by `pair`
        return body

    return mark


def on_host_floats(kernel: str) -> Callable[[Callable[P, Array]], Callable[P, Array]]:
    """Name the host library's function that a body of one tensor comes to for floating-point elements.

    The recorder calls it itself then, which saves three frames; whatever else it meets, it asks the body.
    """

    def mark(body: Callable[P, Array]) -> Callable[P, Array]:
        body.kernel = getattr(named("cpu").xp, kernel)  # type: ignore[attr-defined]  # read by `unary`
        return body

    return mark


def on_layouts(kernel: Callable[..., Layout]) -> Callable[[Callable[P, Layout]], Callable[P, Layout]]:
    """Name the function of a layout and one or two ints that the body of a view comes to.

    The recorder calls it itself, which saves a frame and pays for the look at the classes of the ints.
    """

    def mark(body: Callable[P, Layout]) -> Callable[P, Layout]:
        body.kernel = kernel  # type: ignore[attr-defined]  # read by `viewer`
        return body

    return mark


def pair(op: Op) -> Callable[..., Any]:
    """Record a function of two tensors, or of a tensor and a number."""
    body = op.body
    kernel = getattr(body, "kernel", None)
    masks = ((True, False), (False, True), (True, True))
    plans = [(), *[op.plan(needs)[0] for needs in masks]]
    keeps_result = [False, *[op.plan(needs)[1] for needs in masks]]
    keepers = [keeper(plan) for plan in plans]
    unwritten = [tuple([-1 if i == -1 else 0 for i in plan]) for plan in plans]  # versions of tensors never written to

    def call(input: Any, other: Any, *, out: Tensor | None = None) -> Any:
        if active and interpreters.get():
            return interpret(op, call, (input, other), out)
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
                a = input.array
                b = other.array
                dtype = a.dtype
                if kernel is not None and dtype is b.dtype and dtype is not BOOL and a.__class__ is b.__class__:
                    array = kernel(a, b)
                    if array.dtype is not dtype:
                        array = body(input, other)
                else:
                    array = body(input, other)
                edge = input._node if input._base is None else input.node
                edge2 = other._node if other._base is None else other.node
                edges = (edge, edge2)
                needs = (0 if edge is None else 1) if edge2 is None else 2 if edge is None else 3
            if array.__class__ is not HostArray:
                array = settled(array)
        except Exception as error:
            read = host_values((input, other))
            if read is None:
                raise misuse(op, (input, other), error)  # noqa: B904  # its cause is set
            return call(*read, out=out)
        result = new(like.result_class)
        result.array = array
        result._storage = result._layout = result._base = None
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
                mode.made(made, (input, other), result)
        else:
            result._node = None
        return result if out is None else result._deliver(out, op, (input, other))

    return call


def keeper(plan: tuple[int, ...]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]] | None:
    """Return what takes the planned arguments out of (input, other, None); -1 takes the None. None if empty."""
    if len(plan) == 1:
        (only,) = plan
        return lambda arguments: (arguments[only],)
    return itemgetter(*plan) if plan else None


def single(op: Op) -> Callable[..., Any]:
    """Record a function that is differentiable in its first argument alone, whatever the others are."""
    body = op.body
    count = len(op.names)
    rest = op.fill[1:]
    is_lone = REQUIRED not in rest
    admit = None if op.is_private else op.gate.admit
    known = op.gate.known

    def call(*args: Any, out: Tensor | None = None, **kwargs: Any) -> Any:
        bound: Sequence[Any] = args
        if len(args) == 1 and is_lone and not kwargs:
            bound = (*args, *rest)
        else:
            if kwargs or len(args) != count:
                bound = bind(op, args, kwargs)
            if admit is not None and (*map(type, bound),) not in known:
                bound = admit(bound)[0]
        if active and interpreters.get():
            return interpret(op, call, bound, out)
        input = bound[0]
        try:
            array = body(*bound)
            if array.__class__ is not HostArray:
                array = settled(array)
            cls = input.result_class
        except Exception as error:
            raise misuse(op, bound, error)  # noqa: B904  # its cause is set
        result: Tensor = new(cls)
        result.array = array
        result._storage = result._layout = result._base = result._node = None
        node = input._node if input._base is None else input.node
        if node is not None and (mode := grad_mode.get()):
            made = result._node = record(op, (node,), bound, result)
            if mode is not True:
                mode.made(made, bound, result)
        return result if out is None else result._deliver(out, op, bound)

    return call


def general(op: Op) -> Callable[..., Any]:
    """Record a function of any arguments that returns one array."""
    body = op.body

    def call(*args: Any, out: Tensor | None = None, **kwargs: Any) -> Any:
        bound = admitted(op, bind(op, args, kwargs))
        if active and interpreters.get():
            return interpret(op, call, bound, out)
        try:
            array = settled(body(*bound))
        except Exception as error:
            raise misuse(op, bound, error)  # noqa: B904  # its cause is set
        result = wrap(like(op, bound), array)
        edges = edges_of(op, bound)
        if edges is not None:
            made = result._node = record(op, edges, bound, result)
            if (mode := grad_mode.get()) is not True:
                mode.made(made, bound, result)
        return result if out is None else result._deliver(out, op, bound)

    return call


def plain(op: Op) -> Callable[..., Any]:
    """Compute without recording."""
    body = op.body

    def call(*args: Any, out: Tensor | None = None, **kwargs: Any) -> Any:
        bound = admitted(op, bind(op, args, kwargs))
        if active and interpreters.get():
            return interpret(op, call, bound, out)
        try:
            array = settled(body(*bound))
        except Exception as error:
            raise misuse(op, bound, error)  # noqa: B904  # its cause is set
        result = wrap(like(op, bound), array)
        return result if out is None else result._deliver(out, op, bound)

    return call


def plain_pair(op: Op) -> Callable[..., Any]:
    """Compute from two operands without recording: comparisons are as frequent as sums."""
    body = op.body

    def call(input: Any, other: Any, *, out: Tensor | None = None) -> Any:
        if active and interpreters.get():
            return interpret(op, call, (input, other), out)
        try:
            array = body(input, other)
            if array.__class__ is not HostArray:
                array = settled(array)
        except Exception as error:
            read = host_values((input, other))
            if read is None:
                raise misuse(op, (input, other), error)  # noqa: B904  # its cause is set
            return call(*read, out=out)
        result = new((other if input.__class__ in NUMBERS else input).result_class)
        result.array = array
        result._storage = result._layout = result._node = result._base = None
        return result if out is None else result._deliver(out, op, (input, other))

    return call


def viewer(op: Op) -> Callable[..., Any]:
    """Record a function that returns a layout over its first argument's storage."""
    body = op.body
    recorded = bool(op.formulas)
    count = len(op.names)
    gated = count > 1 and not op.is_private
    takes_ints = gated and takes_one_or_two_ints(op)
    kernel = getattr(body, "kernel", None)

    def call(*args: Any, **kwargs: Any) -> Any:
        bound: Sequence[Any] = args
        if kwargs or len(args) != count:
            bound = admitted(op, bind(op, args, kwargs))
        elif takes_ints:
            if args[-1].__class__ is not int or args[1].__class__ is not int:
                bound = admitted(op, args)
        elif gated:
            bound = admitted(op, args)
        if active and interpreters.get():
            return interpret(op, call, bound)
        input = bound[0]
        try:
            if kernel is None:
                layout = body(*bound)
            elif count == 2:
                layout = kernel(input._layout or input.layout, bound[1])
            else:
                layout = kernel(input._layout or input.layout, bound[1], bound[2])
        except Exception as error:
            raise misuse(op, bound, error)  # noqa: B904  # its cause is set
        base = input._base
        result = new(input.result_class)
        storage = input._storage
        if storage is None:
            storage = input.storage
        result._storage = storage
        result._layout = layout
        result._base = input if base is None else base
        result._seen = storage.version
        node = input._node if base is None else input.node
        if node is not None and recorded and (mode := grad_mode.get()):
            made = result._node = new(Node)
            made.op = op
            made.edges = (node,)
            made.shape = layout.shape
            made.dtype = storage.array.dtype
            made.hooks = made.result = None
            made.number = next(numbering)
            made.saved = tuple([v if (v := bound[i]).__class__ in FIXED else as_number(v) for i in op.kept])
            made.versions = ()
            if mode is not True:
                mode.made(made, bound, result)
        else:
            result._node = None
        return result

    return call


def as_number(value: Any) -> Any:
    """Return what a view keeps of an argument: of a tensor, which may be written to, the number that it is now."""
    return as_int(value) if isinstance(value, TensorBase) else value


def takes_one_or_two_ints(op: Op) -> bool:
    """Whether a view takes a tensor and one or two ints: two looks at classes cost less than one into a set."""
    return [each for _, each in asked_of(op)[0][1:]] in (["int"], ["int", "int"])


def looker(op: Op) -> Callable[..., Any]:
    """Record a look through a layout that the caller has made already; all arguments come by position."""
    kept = op.kept

    def call(input: Any, layout: Layout, *rest: Any) -> Any:
        if active and interpreters.get():
            return interpret(op, call, (input, layout, *rest))
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
        if node is None or not (mode := grad_mode.get()):
            result._node = None
            return result
        made = result._node = new(Node)
        made.op = op
        made.edges = (node,)
        made.shape = layout.shape
        made.dtype = storage.array.dtype
        made.hooks = made.result = None
        made.number = next(numbering)
        bound = (input, layout, *rest)
        made.saved = tuple([bound[i] for i in kept])
        made.versions = ()
        if mode is not True:
            mode.made(made, bound, result)
        return result

    return call


def viewers(op: Op) -> Callable[..., Any]:
    """Record a function that returns several layouts over its first argument's storage."""
    body = op.body

    def call(*args: Any, **kwargs: Any) -> Any:
        bound = admitted(op, bind(op, args, kwargs))
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


def several(op: Op) -> Callable[..., Any]:
    """Record a function that returns a tuple of arrays."""
    body = op.body

    def call(*args: Any, **kwargs: Any) -> Any:
        bound = admitted(op, bind(op, args, kwargs))
        if active and interpreters.get():
            return interpret(op, call, bound)
        try:
            arrays = [settled(array) for array in body(*bound)]
        except Exception as error:
            raise misuse(op, bound, error)  # noqa: B904  # its cause is set
        cls = like(op, bound)
        results = tuple([wrap(cls, array) for array in arrays])
        edges = edges_of(op, bound)
        if edges is not None:
            node = record_several(op, edges, bound, results)
            for i, result in enumerate(results):
                if result.array.dtype.kind in "fc":
                    result._node = output(node, i, result.array.shape, result.array.dtype)
            if (mode := grad_mode.get()) is not True:
                mode.made(node, bound, *results)
        return results

    return call


def sequence(op: Op) -> Callable[..., Any]:
    """Record a function whose first argument is a sequence of tensors."""
    body = op.body
    (formula,) = op.formulas

    def call(*args: Any, out: Tensor | None = None, **kwargs: Any) -> Any:
        bound = admitted(op, bind(op, args, kwargs))
        if active and interpreters.get():
            return interpret(op, call, bound, out)
        try:
            tensors = bound[0] = tuple(bound[0])
            for tensor in tensors:
                if not isinstance(tensor, TensorBase):
                    raise ArgumentTypeError(
                        f"{op.name}: expected a sequence of tensors, got {type(tensor).__name__} in it"
                    )
            array = settled(body(*bound))
        except Exception as error:
            raise misuse(op, bound, error)  # noqa: B904  # its cause is set
        result = wrap(tensors[0].result_class if tensors else like(op, bound), array)
        edges = tuple([tensor.node for tensor in tensors])
        if any(edge is not None for edge in edges) and (mode := grad_mode.get()):
            node = make_node(op, edges, saved_of(op.kept, bound), result.array.shape, result.array.dtype, SequenceNode)
            if RESULT in formula.wants:
                node.result = remember(result)
            node.shapes = tuple([tuple(tensor.shape) for tensor in tensors])
            result._node = node
            if mode is not True:
                mode.made(node, bound, result)
        return result if out is None else result._deliver(out, op, bound)

    return call


# -- their parts -------------------------------------------------------------------------------------------------------


def bind(op: Op, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    """Return all arguments in order, defaults filled in; what does not fit the signature is a TypeError."""
    given = len(args)
    bound = [*args, *op.fill[given:]]
    places = op.places
    for name, value in kwargs.items():
        place = places.get(name, -1)
        if place < given:
            return bind_slowly(op, args, kwargs)
        bound[place] = value
    if given > op.positional:
        return bind_slowly(op, args, kwargs)
    for value in bound:
        if value is REQUIRED:
            return bind_slowly(op, args, kwargs)
    return bound


def admitted(op: Op, bound: Sequence[Any]) -> Any:
    """Return arguments of the types that a public operation takes; refuse others."""
    if op.is_private or (*map(type, bound),) in op.gate.known:
        return bound
    return op.gate.admit(bound)[0]


def bind_slowly(op: Op, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    """Bind by the signature itself, which says what is wrong."""
    try:
        bound = op.signature.bind(*args, **kwargs)
    except TypeError as error:
        raise unbound(op.name, error, op.signature) from None
    bound.apply_defaults()
    return list(bound.arguments.values())


class Required:
    """The type of what stands in the place of an argument that has no default."""

    __slots__ = ()


REQUIRED = Required()


def like(op: Op, args: Sequence[Any]) -> type[Any]:
    """Return the class for results: that of the first tensor among the arguments."""
    for each in args:
        if isinstance(each, TensorBase):
            return each.result_class
    raise ArgumentTypeError(f"{op.name}(): expected a tensor, got {', '.join(type(each).__name__ for each in args)}")


def edges_of(op: Op, args: Sequence[Any]) -> tuple[Node | None, ...] | None:
    """Return the nodes of the differentiable arguments, or None when nothing is to be recorded."""
    edges = tuple([args[i].node if isinstance(args[i], TensorBase) else None for i in op.inputs])
    for edge in edges:
        if edge is not None:
            return edges if grad_mode.get() else None
    return None


def record(op: Op, edges: tuple[Node | None, ...], args: Sequence[Any], result: TensorBase) -> Node:
    """Return a node for one result."""
    keep, keep_result = op.plan(tuple([edge is not None for edge in edges]))
    array = result.array
    node: Node = make_node(op, edges, saved_of(keep, args), array.shape, array.dtype)
    if keep_result:
        node.result = remember(result)
    return node


def saved_of(keep: tuple[int, ...], args: Sequence[Any]) -> tuple[Any, ...]:
    """Return the arguments at some positions; -1 stands for what no formula that runs will ask for."""
    return tuple([None if i == -1 else args[i] for i in keep])


def record_several(
    op: Op, edges: tuple[Node | None, ...], args: Sequence[Any], results: tuple[TensorBase, ...]
) -> MultiNode:
    """Return a node for several results."""
    keep, keep_result = op.plan(tuple([edge is not None for edge in edges]))
    array = results[0].array
    node = make_node(op, edges, saved_of(keep, args), array.shape, array.dtype, MultiNode)
    node.count = len(results)
    if keep_result:
        numbers = op.kept_results or range(len(results))
        node.result = tuple([remember(result) if i in numbers else None for i, result in enumerate(results)])
    return node


def remember(result: TensorBase) -> tuple[Any, ...]:
    """Return what a node keeps of its result; see Note [What a node keeps]."""
    storage = result._storage
    if storage is None:
        if not result.array.flags.c_contiguous:
            storage = result.storage
        else:
            storage = result._storage = Storage(result.array)
    return result.array, storage, result._layout, storage.version


def host_values(args: Sequence[Any]) -> list[Any] | None:
    """Return operands with NumPy's scalars as Python numbers and its arrays as tensors; None if there are none of them.

    It is asked only when a body failed, so that the fast paths need not know NumPy's types.
    """
    tensor = next((each for each in args if isinstance(each, TensorBase)), None)
    read = [host_value(each, tensor) for each in args]
    return None if tensor is None or all(a is b for a, b in zip(args, read)) else read


def host_value(value: Any, tensor: TensorBase | None) -> Any:
    """Return one operand so."""
    if tensor is not None and value.__class__ is HostArray and value.dtype in FROM_NUMPY:
        return wrap(tensor.result_class, value.copy())
    if hasattr(value, "dtype") and hasattr(value, "item") and value.__class__ not in BY_ARRAY \
            and not isinstance(value, TensorBase):
        return value.item()
    return value


# -- the order in which gradients arrive -------------------------------------------------------------------------------


def in_turn(*values: Any) -> tuple[Any, ...]:
    """Return values such that the gradients of the leaves among them arrive together, and in this order.

    A leaf takes its gradient as soon as that is complete, and its hooks run then. Where PyTorch has one operation and
    this library has several, the leaves' order would be that of the inner ones.
    """
    if not grad_mode.get() or not all(has_values(each) for each in values if isinstance(each, TensorBase)):
        return values
    if sum([isinstance(each, TensorBase) and each.node.__class__ is Leaf for each in values]) < 2:
        return values  # all others wait in any case until every later operation has run
    nodes = [each.node if isinstance(each, TensorBase) else None for each in values]
    gate = make_node(TURN, tuple(nodes), (), (), None, Gate)
    gate.count = len(values)
    return tuple([each if node is None else behind(gate, i, each) for i, (each, node) in enumerate(zip(values, nodes))])


def behind(gate: Gate, index: int, tensor: Any) -> Any:
    """Return a look at a tensor whose gradient goes through a gate."""
    seen = window(tensor, tensor.layout)
    seen._node = output(gate, index, seen._layout.shape, array_dtype(tensor))
    return seen


def turn(tensors: Sequence[Tensor]) -> None:
    """Stand for the operation that gates belong to."""


TURN = describe(turn, {})

"""Declaring: the decorators that make an operation of a function of arrays, read once, at import.

``@differentiable`` takes a gradient formula for each differentiable argument, ``@view`` the same for an operation that
returns a layout, ``@nondifferentiable`` none. What a formula's parameters name is what is saved: any argument of the
operation, ``result`` (of several ``results``, or ``result0``, ``result1``: that one alone), ``in_shape`` or
``in_dtype``. No operation is known here.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeAlias, TypeVar, cast, overload

from minitensor.autograd.argument_types import TypeGate
from minitensor.autograd.binding import NUMBERS, REQUIRED, asked_of, bind, normalize
from minitensor.autograd.interpreters import active, interpret, interpreters
from minitensor.autograd.misuse import explained
from minitensor.autograd.node import DTYPE, RESULT, RESULT_0, SHAPE, Effect, Formula, Op
from minitensor.autograd.record import (
    general,
    pair,
    plain,
    plain_pair,
    sequence,
    several,
    single,
    unary,
)
from minitensor.autograd.record_views import looker, viewer, viewers
from minitensor.backends import open_backend

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from minitensor.backends import Array
    from minitensor.layout import Layout
    from minitensor.tensor import Tensor

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", bound="tuple[Any, ...]")
Prepare: TypeAlias = "Callable[..., Sequence[Any]]"

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


@overload
def differentiable(
    *, returns: type[S], name: str = "", prepare: Prepare | None = None, **formulas: Callable[..., Any]
) -> Callable[[Callable[P, tuple[Array, ...]]], Callable[P, S]]: ...


@overload
def differentiable(
    *, name: str = "", prepare: Prepare | None = None, whole: Callable[..., Any] | None = None,
    options: Callable[..., Any] | None = None, **formulas: Callable[..., Any],
) -> Recorder: ...


def differentiable(
    *,
    name: str = "",
    prepare: Prepare | None = None,
    whole: Callable[..., Any] | None = None,
    options: Callable[..., Any] | None = None,
    returns: Any = tuple,
    **formulas: Callable[..., Any],
) -> Any:
    """Make an operation of a body that returns fresh arrays, given a formula for each differentiable argument.

    Args:
        name: The public name, if it is not the body's: ``linalg.qr``.
        prepare: Brings the arguments to normal form; see Note [Normal form]. It may ask for ``out`` by name. Of an
            operation on two operands it is called only if the first is a number.
        whole: The operation that serves calls with the input alone; a sum of all elements is so frequent that it has a
            shorter way.
        options: Serves the calls of an operation on two operands with keyword arguments, as ``alpha`` of ``add``:
            ``options(operation, input, other, **given)``.
        returns: The class of several results.
    """

    def decorate(body: Callable[..., Any]) -> Callable[..., Any]:
        op = describe(body, formulas, name=name, by_operator=options is not None)
        op.prepare, op.whole, op.returns = prepare, whole, returns
        op.prepares_out = prepare is not None and "out" in parameter_names(prepare)
        operation = finish(choose(op)(op), op)
        if options is not None or (prepare is not None and op.takes_two):
            return with_options(operation, options, body)
        return operation if op.names[1:] == ("other",) or not op.takes_two else with_names(operation, body)

    return decorate


@overload
def nondifferentiable(body: Callable[P, Array], /) -> Callable[P, Tensor]: ...


@overload
def nondifferentiable(
    *, name: str = "", prepare: Prepare | None = None
) -> Callable[[Callable[P, Array]], Callable[P, Tensor]]: ...


def nondifferentiable(
    body: Any = None, /, *, name: str = "", prepare: Prepare | None = None
) -> Any:
    """Make an operation without gradient, such as a comparison; arguments as for ``differentiable``."""

    def decorate(body: Callable[..., Any]) -> Callable[..., Any]:
        op = describe(body, {}, name=name)
        op.prepare, op.prepares_out = prepare, prepare is not None and "out" in parameter_names(prepare)
        recorder = plain_pair if op.takes_two else plain
        return finish(recorder(op), op)

    return decorate if body is None else decorate(body)


def view(*, name: str = "", **formulas: Callable[..., Any]) -> Callable[[Callable[P, Layout]], Callable[P, Tensor]]:
    """Make an operation whose result looks at its first argument's storage through the layout that the body returns."""

    def decorate(body: Callable[P, Layout]) -> Callable[P, Tensor]:
        op = describe(body, formulas, Effect.VIEWS, name=name)
        return finish(viewer(op), op)

    return decorate


def look(*, name: str = "", **formulas: Callable[..., Any]) -> Callable[[Callable[P, Layout]], Callable[P, Tensor]]:
    """Do as ``view`` where the layout is the second argument, given by position: the recorder need not ask the body."""

    def decorate(body: Callable[P, Layout]) -> Callable[P, Tensor]:
        op = describe(body, formulas, Effect.VIEWS, name=name)
        return finish(looker(op), op)

    return decorate


def views(
    *, prepare: Prepare | None = None, **formulas: Callable[..., Any]
) -> Callable[[Callable[P, tuple[Layout, ...]]], Callable[P, tuple[Tensor, ...]]]:
    """Make an operation that cuts its first argument into several views; its formula takes ``grads``."""

    def decorate(body: Callable[P, tuple[Layout, ...]]) -> Callable[P, tuple[Tensor, ...]]:
        op = describe(body, formulas, Effect.VIEWS)
        op.prepare = prepare
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


def with_options(operator: Callable[..., Any], options: Callable[..., Any] | None, stub: Any) -> Callable[..., Any]:
    """Return the function for an operation on two operands whose ``operator`` takes those alone.

    The function brings a number in front to normal form and takes keyword arguments, so that ``x + y`` need not look
    for either. ``stub`` gives the name, the documentation and the signature.
    """
    op: Op = operator.op  # type: ignore[attr-defined]  # set by `finish`
    prepare = op.prepare

    def call(input: Any, other: Any, *, out: Tensor | None = None, **given: Any) -> Any:
        if prepare is not None and input.__class__ in NUMBERS:
            input, other = normalize(op, (input, other), out)
        if not given:
            return operator(input, other) if out is None else operator(input, other, out=out)
        if out is not None and not op.takes_out:
            given["out"] = out  # an error that `options` raises
        try:
            if options is None:
                return bind(op, (input, other), given)  # raises
            found = options(operator, input, other, **given)
        except Exception as error:
            raise explained(op.name, stub, (input, other), given, error)  # noqa: B904  # its cause is set
        return found if out is None else found._deliver(out, op, (input, other))

    call.operator = operator  # type: ignore[attr-defined]  # read by `operator_of`
    call.op = op  # type: ignore[attr-defined]  # as `finish` does
    return functools.update_wrapper(call, stub)


def with_names(operator: Callable[..., Any], stub: Any) -> Callable[..., Any]:
    """Return the function for an operation on two operands that are not called ``input`` and ``other``.

    ``x ** y`` calls the ``operator``, which need not look for names.
    """
    op: Op = operator.op  # type: ignore[attr-defined]  # set by `finish`

    def call(*args: Any, out: Tensor | None = None, **names: Any) -> Any:
        input, other = args if len(args) == 2 and not names else bind(op, args, names)
        return operator(input, other, out=out)

    call.operator, call.op = operator, op  # type: ignore[attr-defined]  # as in `with_options`
    return functools.update_wrapper(call, stub)


def operator_of(operation: Any) -> Callable[[Any, Any], Tensor]:
    """Return what an operator of Python calls: the operation on two operands without options."""
    operator: Callable[[Any, Any], Tensor] = operation.operator
    return operator


def describe(
    body: Callable[..., Any], formulas: dict[str, Callable[..., Any]], effect: Effect = Effect.COMPUTES, *,
    name: str = "", by_operator: bool = False,
) -> Op:
    """Read a body's and its formulas' signatures, once; without the options that an operator does not take."""
    by_position, by_name = parameters(body)
    if by_operator:
        by_name = ()
    op = Op()
    op.name, op.body = name or body.__name__.strip("_"), positional(body, by_position, by_name)
    op.is_private = body.__name__.startswith("_")
    op.gate = TypeGate(op.name, functools.partial(asked_of, op))
    op.names, op.positional = by_position + by_name, len(by_position)
    op.takes_out = "out" in parameter_names(body)
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
    op.prepare, op.prepares_out, op.whole, op.returns = None, False, None, tuple
    op.takes_two = op.fill == (REQUIRED, REQUIRED) and (op.names == ("input", "other") or are_operands(op))
    return op


def are_operands(op: Op) -> bool:
    """Whether all arguments are operands: tensors or numbers."""
    return all(op.body.__annotations__.get(name) == "Operand" for name in op.names)


def parameter_names(function: Any) -> tuple[str, ...]:
    """Return the names of all parameters of a function."""
    code = function.__code__
    names: tuple[str, ...] = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return names


def parameters(function: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names that a function takes by position and by keyword alone, without ``out``.

    A body declares ``out`` for its callers, and the recorder serves it. Read from the code object: `inspect.signature`
    on every op and formula would double the time that importing the library takes.
    """
    first, names = function.__code__.co_argcount, parameter_names(function)
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
    if len(op.names) == 1 and op.prepare is None:
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
        body.kernel = getattr(open_backend("cpu").xp, kernel)  # type: ignore[attr-defined]  # read by `unary`
        return body

    return mark

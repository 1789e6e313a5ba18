"""Decorators that turn a function of arrays into an operation. They read its signature once, at import.

``@differentiable`` takes a gradient formula for each differentiable argument. ``@view`` does the same for an operation
that returns a layout. ``@nondifferentiable`` takes no formula. The parameters of a formula decide what is saved: they
name arguments of the operation, ``result``, ``in_shape`` or ``in_dtype``; where there are several results, all
``results``, or only ``result0``, ``result1`` or ``result2``. This file knows no operations.
"""

from __future__ import annotations

import functools
from types import FunctionType
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeAlias, TypeVar, cast, overload

from minitensor.autograd.argument_types import TypeGate
from minitensor.autograd.binding import NUMBERS, REQUIRED, annotations_of_op, bind, normalize
from minitensor.autograd.interpreters import active, interpret, interpreters
from minitensor.autograd.misuse import explain
from minitensor.autograd.naming import NUMBER_FIRST
from minitensor.autograd.node import DTYPE, RESULT, RESULT_0, SHAPE, Effect, Formula, Op
from minitensor.autograd.protocol import PROCEED, meets_override, override, override_function
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
from minitensor.autograd.spellings import reorder, respell
from minitensor.autograd.strides import is_never_ordinary, is_ordinary, of_operands, of_tensors
from minitensor.autograd.tables import compute_in_singles, formula_in_singles, look_up_halves
from minitensor.backends import open_backend
from minitensor.backends.silence import in_silence, quietly
from minitensor.base import TensorBase

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from minitensor.autograd.strides import Rule
    from minitensor.backends import Array
    from minitensor.layouts import Layout
    from minitensor.tensor import Tensor

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", bound="tuple[Any, ...]")
Prepare: TypeAlias = "Callable[..., Sequence[Any]]"

# What a formula may name besides the arguments, and its code in ``Formula.sources``.
FACTS = {
    "result": RESULT, "results": RESULT, "in_shape": SHAPE, "in_shapes": SHAPE, "in_dtype": DTYPE,
    "result0": RESULT_0, "result1": RESULT_0 - 1, "result2": RESULT_0 - 2,
}  # fmt: skip


class Recorder(Protocol):
    """The type of ``differentiable(...)``: the body returns arrays, the operation returns tensors."""

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
    """Turn a body that returns new arrays into an operation, given a formula for each differentiable argument.

    Args:
        name: The public name, if it differs from the body's: ``linalg.qr``.
        prepare: Converts the arguments to normal form; see Note [Normal form]. It may have a parameter ``out``. For an
            operation on two operands, it is called only if the first operand is a number.
        whole: The operation to call instead if only the input is given: ``sum`` has a faster one for all elements.
        options: The function to call instead if an operation on two operands gets keyword arguments, such as ``alpha``
            of ``add``: ``options(operation, input, other, **given)``.
        returns: The class of the tuple of results, if there are several.
    """

    def decorate(body: Callable[..., Any]) -> Callable[..., Any]:
        op = describe(body, formulas, name=name, prepare=prepare, skip_keywords=options is not None)
        op.whole, op.returns = whole, returns
        operation = finish(choose(op)(op), op)
        if options is not None or (prepare is not None and op.takes_two):
            operation = with_options(operation, options, body)
        elif op.takes_two and op.names[1:] != ("other",):
            operation = with_names(operation, body)
        op.public = operation
        if whole is not None:
            vars(whole)["op"].public = operation
        return operation

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
    """Make an operation without a gradient, such as a comparison; see ``differentiable`` for the arguments."""

    def decorate(body: Callable[..., Any]) -> Callable[..., Any]:
        op = describe(body, {}, name=name, prepare=prepare)
        recorder = plain_pair if op.takes_two else plain
        return finish(recorder(op), op)

    return decorate if body is None else decorate(body)


def view(*, name: str = "", **formulas: Callable[..., Any]) -> Callable[[Callable[P, Layout]], Callable[P, Tensor]]:
    """Make an operation whose result is a view of the first argument, with the layout that the body returns."""

    def decorate(body: Callable[P, Layout]) -> Callable[P, Tensor]:
        op = describe(body, formulas, Effect.VIEWS, name=name)
        return finish(viewer(op), op)

    return decorate


def look(*, name: str = "", **formulas: Callable[..., Any]) -> Callable[[Callable[P, Layout]], Callable[P, Tensor]]:
    """Make a view operation whose second argument is the layout of the result. The recorder does not call the body."""

    def decorate(body: Callable[P, Layout]) -> Callable[P, Tensor]:
        op = describe(body, formulas, Effect.VIEWS, name=name)
        return finish(looker(op), op)

    return decorate


def views(
    *, prepare: Prepare | None = None, **formulas: Callable[..., Any]
) -> Callable[[Callable[P, tuple[Layout, ...]]], Callable[P, tuple[Tensor, ...]]]:
    """Make an operation that returns several views of its first argument. Its formula takes ``grads``."""

    def decorate(body: Callable[P, tuple[Layout, ...]]) -> Callable[P, tuple[Tensor, ...]]:
        op = describe(body, formulas, Effect.VIEWS, prepare=prepare)
        return finish(viewers(op), op)

    return decorate


def visible(function: Callable[P, R]) -> Callable[P, R]:
    """Make interpreters see a function as one operation."""
    op = describe(function, {}, Effect.CALLS)

    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if active and (found := override(op, call, args, None, kwargs)) is not PROCEED:
            return found  # type: ignore[no-any-return]  # what takes the place of the result
        if active and interpreters.get():
            return interpret(op, call, bind(op, args, kwargs))  # type: ignore[no-any-return]  # what `function` returns
        return quietly(function, *args, **kwargs)

    return cast("Callable[P, R]", finish(call, op))


def random_operation(function: Callable[P, R]) -> Callable[P, R]:
    """Make interpreters see a function that draws random numbers as one operation."""
    op = describe(function, {}, Effect.DRAWS)

    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if active or meets_override(args, kwargs):
            found = override(op, call, args, None, kwargs)
            if found is not PROCEED:
                return found  # type: ignore[no-any-return]  # what takes the place of the result
        if active and interpreters.get():
            return interpret(op, call, args, None, kwargs)  # type: ignore[no-any-return]  # what `function` returns
        return in_silence(function, *args, **kwargs)  # repeated, it would draw other numbers; see Note [Silence]

    return cast("Callable[P, R]", finish(call, op))


def with_options(operator: Callable[..., Any], options: Callable[..., Any] | None, stub: Any) -> Callable[..., Any]:
    """Return the public function of an operation on two operands, given the ``operator`` without options.

    The function converts a number in front to normal form and accepts keyword arguments; ``x + y`` calls ``operator``,
    which does neither. ``stub`` is the definition: it provides the name, the documentation and the signature.
    """
    op: Op = operator.op  # type: ignore[attr-defined]  # set by `finish`
    prepare = op.prepare

    def call(
        input: Any = REQUIRED, other: Any = REQUIRED, *rest: Any, out: Tensor | None = None, **given: Any
    ) -> Any:
        if rest:
            return call(out=out, **order_of_past(op, stub, (input, other, *rest), given))
        if input is REQUIRED or other is REQUIRED:
            return call(out=out, **names_of_pair(op, stub, input, other, given))
        if active and (found := override(op, call, (input, other), out, given)) is not PROCEED:
            return found
        if prepare is not None and input.__class__ in NUMBERS:
            input, other = normalize(op, (input, other), out)
        if not given:
            return operator(input, other) if out is None else operator(input, other, out=out)
        if out is not None and not op.takes_out:
            given["out"] = out  # `options` raises
        try:
            if options is None:
                return bind(op, (input, other), given)  # raises
            found = options(operator, input, other, **given)
        except Exception as error:
            if meets_override((input, other)):
                return call(input, other, out=out, **given)
            raise explain(op.name, stub, (input, other), given, error)  # noqa: B904  # its cause is set
        return found if out is None else found._deliver(out, op, (input, other))

    call.op = op  # type: ignore[attr-defined]  # as `finish` does
    return functools.update_wrapper(call, stub)


def order_of_past(op: Op, stub: Any, args: tuple[Any, ...], given: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call with too many by their names; raise if it is in no order of the past."""
    known = reorder(stub, args, given)
    if known is None:
        bind(op, args, given)  # raises
    return known  # type: ignore[return-value]  # not None, as `bind` raised


def names_of_pair(op: Op, stub: Any, input: Any, other: Any, given: dict[str, Any]) -> dict[str, Any]:
    """Return both operands, of which at least one was given under another name, and the options by their names."""
    operands = {name: value for name, value in (("input", input), ("other", other)) if value is not REQUIRED}
    known = respell(stub, (), operands | given)
    if known is None or not {"input", "other"} <= known[1].keys():
        bind(op, (), operands | given)  # raises
    return known[1]  # type: ignore[index]  # not None, as `bind` raised


def with_names(operator: Callable[..., Any], stub: Any) -> Callable[..., Any]:
    """Return the public function of an operation on two operands that are not called ``input`` and ``other``.

    ``x ** y`` calls the ``operator``, which accepts no keyword arguments.
    """
    op: Op = operator.op  # type: ignore[attr-defined]  # set by `finish`

    def call(*args: Any, out: Tensor | None = None, **names: Any) -> Any:
        if active and (found := override(op, call, args, out, names)) is not PROCEED:
            return found
        input, other = args if len(args) == 2 and not names else bind(op, args, names)
        return operator(input, other, out=out)

    call.op = op  # type: ignore[attr-defined]  # as `finish` does
    return functools.update_wrapper(call, stub)


@functools.cache
def operator_of(operation: Any) -> Callable[[Any, Any], Tensor]:
    """Return the function that a Python operator calls: the operation without keyword arguments.

    It gives way to other classes: for an operand that is neither a tensor nor a number it returns ``NotImplemented``.
    """
    if hasattr(operation, "operator"):
        return operation.operator  # type: ignore[no-any-return]  # set by `inplace`
    op: Op = operation.op
    return finish((pair if op.inputs == (0, 1) else plain_pair)(op, gives_way=True), op)


def reflection_of(operation: Any, refuses_numbers: bool = True) -> Callable[[Any, Any], Tensor]:
    """Return the method that Python calls if the tensor is the second operand of an operator.

    Called on the class, with a number as ``self``, it returns NotImplemented, or computes if PyTorch's does.
    """
    operator = operator_of(operation)
    is_named_otherwise = operation.op.name in ("sub", "div")

    def call(self: Any, other: Any) -> Any:
        if active and (found := override_function(call, (self, other), None, True)) is not PROCEED:
            return found
        if is_named_otherwise and other.__class__ in NUMBERS and isinstance(self, TensorBase):
            found = operator(other, self)
            if (node := found._node) is not None:
                node.shown = NUMBER_FIRST
            return found
        if isinstance(self, TensorBase) or (isinstance(other, TensorBase) and not refuses_numbers):
            return operator(other, self)
        return NotImplemented

    return call


def describe(
    body: Callable[..., Any], formulas: dict[str, Callable[..., Any]], effect: Effect = Effect.COMPUTES, *,
    name: str = "", prepare: Prepare | None = None, skip_keywords: bool = False,
) -> Op:
    """Read the signatures of a body and its formulas. With ``skip_keywords``, ignore keyword-only parameters."""
    by_position, by_name = parameters(body)
    if skip_keywords:
        by_name = ()
    op = Op()
    op.name, op.body = name or body.__name__.strip("_"), positional(body, by_position, by_name)
    if hasattr(body, "by_table"):
        op.body = look_up_halves(op.body)
    elif hasattr(body, "in_singles"):
        op.body = compute_in_singles(op.body)
    op.is_private = body.__name__.startswith("_")
    op.gate = TypeGate(op.name, functools.partial(annotations_of_op, op))
    op.names, op.positional = by_position + by_name, len(by_position)
    op.takes_out = "out" in parameter_names(body)
    keywords = body.__kwdefaults__ or {}
    defaults = body.__defaults__ or ()
    op.defaults = (
        *(REQUIRED,) * (len(by_position) - len(defaults)),
        *defaults,
        *[keywords.get(name, REQUIRED) for name in by_name],
    )
    op.required = max([i for i, default in enumerate(op.defaults, 1) if default is REQUIRED], default=0)
    op.positions = {name: i for i, name in enumerate(op.names)}
    op.inputs = tuple([position(op, name, "has a formula, but is not an argument") for name in formulas])
    formula_parameters = {name: parameters(formula)[0] for name, formula in formulas.items()}
    op.saved_positions = tuple(sorted({
        position(op, each, f"is a parameter of the formula of {name!r}, but is not an argument")
        for name, names in formula_parameters.items() for each in names[1:] if each not in FACTS
    }))
    op.formulas = tuple([
        Formula(
            formula_in_singles(formula) if hasattr(formula, "rounds_once") else formula,
            tuple([source_of(op, each) for each in formula_parameters[name][1:]]),
        )
        for name, formula in formulas.items()
    ])
    op.multiple = any(names[:1] == ("grads",) for names in formula_parameters.values())
    op.saved_results = frozenset([
        RESULT_0 - source for formula in op.formulas for source in formula.sources if source <= RESULT_0
    ])
    op.plans, op.effect, op.out_of_place = {}, effect, None
    op.prepare, op.prepares_out = prepare, prepare is not None and "out" in parameter_names(prepare)
    op.whole, op.returns, op.public = None, tuple, None
    op.takes_two = op.defaults == (REQUIRED, REQUIRED) and (op.names == ("input", "other") or are_operands(op))
    op.strides = getattr(body, "strides", usual_rule(op))
    op.is_ordinary = is_never_ordinary if getattr(body, "always", False) else is_ordinary
    return op


def usual_rule(op: Op) -> Rule | None:
    """Return the rule for the strides of results of an operation that names none."""
    if op.takes_two:
        return of_operands
    return of_tensors if len(op.names) == 1 and op.inputs else None


def are_operands(op: Op) -> bool:
    """Whether all arguments are operands: tensors or numbers."""
    return all(op.body.__annotations__.get(name) == "Operand" for name in op.names)


def parameter_names(function: Any) -> tuple[str, ...]:
    """Return the names of all parameters of a function."""
    code = function.__code__
    names: tuple[str, ...] = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return names


def parameters(function: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the positional and the keyword-only parameters, without ``out``, which the recorder handles.

    The names come from the code object: `inspect.signature` for every op and formula would double the import time. A
    formula may be an operation, whose recorder has more parameters than its body.
    """
    function = function.op.body if hasattr(function, "op") else function
    first, names = function.__code__.co_argcount, parameter_names(function)
    return names[:first], tuple([name for name in names[first:] if name != "out"])


def positional(body: Callable[..., Any], by_position: tuple[str, ...], by_name: tuple[str, ...]) -> Callable[..., Any]:
    """Return the body as a function of positional arguments only, as recorders call it.

    It shares the body's code, with keyword-only parameters made positional. That needs `out`, if any, to be the last.
    """
    code, names = body.__code__, by_position + by_name
    if not by_name or code.co_varnames[: len(names)] != names:
        return body
    count = code.co_argcount + code.co_kwonlyargcount
    flat = FunctionType(
        code.replace(co_argcount=count, co_kwonlyargcount=0), body.__globals__, body.__name__,
        (None,) * (count - len(names)), body.__closure__,
    )
    return functools.update_wrapper(flat, body)


def position(op: Op, name: str, problem: str) -> int:
    """Return the position of an argument. Another name is a mistake in the definition of the operation."""
    if name not in op.names:
        raise TypeError(f"{op.name}: {name!r} {problem}, nor `result`, `in_shape` or `in_dtype`")
    return op.names.index(name)


def source_of(op: Op, name: str) -> int:
    """Return where a formula's parameter gets its value; see ``Formula``."""
    return FACTS[name] if name in FACTS else op.saved_positions.index(op.positions[name])


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
    """Whether the differentiable argument is a sequence of tensors: its name says so."""
    return op.inputs == (0,) and op.names[0] in ("tensors", "operands")


def finish(call: Any, op: Op) -> Callable[..., Any]:
    """Give the operation its body's name, documentation and signature, and its ``Op`` as an attribute."""
    operation: Callable[..., Any] = functools.update_wrapper(call, op.body)
    call.op = op
    return operation


def on_equal_dtypes(kernel: Callable[[Any, Any], Any]) -> Callable[[Callable[P, Array]], Callable[P, Array]]:
    """Name the kernel that equals the body if both operands are tensors of the result's dtype.

    The recorder then calls the kernel directly, which saves two frames. In all other cases, and for bools, it calls
    the body.
    """

    def mark(body: Callable[P, Array]) -> Callable[P, Array]:
        body.kernel = kernel  # type: ignore[attr-defined]  # read by `pair`
        return body

    return mark


def on_host_floats(kernel: str) -> Callable[[Callable[P, Array]], Callable[P, Array]]:
    """Name the host library's function that equals a body of one tensor for floating-point elements.

    The recorder then calls it directly, which saves three frames. In all other cases it calls the body.
    """

    def mark(body: Callable[P, Array]) -> Callable[P, Array]:
        body.kernel = getattr(open_backend("cpu").xp, kernel)  # type: ignore[attr-defined]  # read by `unary`
        return body

    return mark

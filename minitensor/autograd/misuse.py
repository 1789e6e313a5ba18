"""What to say of a call that failed: which argument is of the wrong type, or which shapes do not fit together.

A function that gets text in place of a tensor fails by itself, in the words of whatever it tried first. Only then are
its arguments compared with its own annotations, and the first one that does not match is named, with what was wanted.
What would not fail by itself, as a number in place of a switch, a ``TypeGate`` (``argument_types.py``) refuses before
the call. No operation is known here.
"""

from __future__ import annotations

import functools
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

from minitensor.autograd.argument_types import (
    TypeGate,
    asked_by,
    count_of_unasked,
    fits,
    is_beyond,
    is_number,
    is_tensor,
    wrong_type,
)
from minitensor.base import TensorBase
from minitensor.callers import PACKAGE
from minitensor.errors import (
    ArgumentError,
    ArgumentTypeError,
    GradError,
    Int64RangeError,
    MinitensorError,
    MissingEntryError,
    OutOfMemoryError,
    ScalarError,
    ShapeError,
    UnsupportedError,
    WrongTypeError,
    quote,
)
from minitensor.shapes import broadcast_shapes

if TYPE_CHECKING:
    from minitensor.autograd.node import Op

NAMED = re.compile(r"^([\w.]+)(\(\))?: ")  # how a message begins that names an operation
LIBRARIES = (PACKAGE, "numpy", "scipy", "cupy")
TOO_BIG = ("array is too big", "Maximum allowed")  # how NumPy begins to say that no memory holds an array
CHECKED = (ArgumentError, MissingEntryError, UnsupportedError)  # they say which value is wanted, as one of some words


F = TypeVar("F", bound=Callable[..., Any])


def composite(function: F) -> F:
    """Let a public function made of operations name itself, and the argument at fault, in its errors."""
    return named(function.__name__)(function)


def named(name: str) -> Callable[[F], F]:
    """Make a composite whose public name is not the one of its definition."""

    def decorate(function: F) -> F:
        gate = TypeGate(name, functools.partial(asked_by, function))
        known = gate.known
        unasked = count_of_unasked(function)

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            if kwargs:
                if (*map(type, args), *kwargs, *map(type, kwargs.values())) not in known:
                    args, kwargs = gate.admit(args, kwargs)  # type: ignore[assignment]  # a list is unpacked as well
            elif len(args) > unasked and (*map(type, args),) not in known:
                args, kwargs = gate.admit(args, kwargs)  # type: ignore[assignment]  # a list is unpacked as well
            try:
                return function(*args, **kwargs)
            except Exception as error:
                raise explained(name, function, args, kwargs, error)  # noqa: B904  # its cause is set

        return cast("F", call)

    return decorate


def ungated(function: F) -> F:
    """Make a composite that looks at its arguments itself, where PyTorch's function does so, with errors of its own."""
    name = function.__name__

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            raise explained(name, function, args, kwargs, error)  # noqa: B904  # its cause is set

    return cast("F", call)


def constructor(init: F) -> F:
    """Let a constructor name the class that the user made, and the argument at fault, in its errors."""

    @functools.wraps(init)
    def call(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            init(self, *args, **kwargs)
        except Exception as error:
            name = public_name(type(self))
            keeps = isinstance(error, MinitensorError) and isinstance(error, RuntimeError)  # it tells of a value
            keeps = keeps and not isinstance(error, ScalarError)  # which does not tell of whose
            raise prefixed(  # noqa: B904  # its cause is set
                name, error if keeps else explained(name, init, (self, *args), kwargs, error)
            )

    return cast("F", call)


def prefixed(name: str, error: Exception) -> Exception:
    """Return one of this library's errors with a name in front, unless it names it; another one as it is."""
    if isinstance(error, MinitensorError) and name not in str(error):
        error.args = (f"{name}: {error}", *error.args[1:])
    return error


def explain_constructor(cls: type) -> None:
    """Make the constructor that a class of this library defines name the class in its errors.

    Subclasses that share a constructor would else all show their parent's name. Classes of the user stay as they are.
    """
    if "__init__" in vars(cls) and is_ours(cls.__module__):
        cls.__init__ = constructor(cls.__init__)  # type: ignore[misc]  # the same one, with better errors


def public_name(cls: type) -> str:
    """Return the name of the nearest class in a class's ancestry that is this library's."""
    return next(each.__name__ for each in cls.__mro__ if is_ours(each.__module__))


def is_ours(module: str) -> bool:
    """Whether a module belongs to this library."""
    return module.partition(".")[0] == PACKAGE


def explained(
    name: str, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], error: Exception
) -> Exception:
    """Return the error to raise for one that a function raised: a better one, or the same."""
    if not raised_here(error):
        return error
    signature = inspect.signature(function)
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as misfit:
        return caused(error, unbound(name, misfit, signature))
    given = each_argument(signature, bound.arguments)
    return caused(error, retitled(name, retold(name, error, given, function.__annotations__)))


def retitled(name: str, error: Exception) -> Exception:
    """Return an error whose message begins with the name of what was called, not of an operation that it is made of."""
    told = NAMED.match(str(error))
    if told is None or not isinstance(error, MinitensorError) or isinstance(error, GradError):
        return error  # a gradient's error tells of an operation that was called before
    if told[1].rpartition(".")[2] != name:
        error.args = (f"{name}{str(error)[told.end(1):]}", *error.args[1:])
    return error


def caused(cause: Exception, error: Exception) -> Exception:
    """Return an error with its cause set, if that is another one.

    ``raise ... from`` would need the error in a variable, and a frame in the error's own traceback that holds the error
    keeps the arguments of the failed call alive until the garbage collector runs.
    """
    if error is not cause:
        error.__cause__ = cause
    return error


def retold(
    name: str, error: Exception, arguments: Iterable[tuple[str, Any]], annotations: Mapping[str, Any]
) -> Exception:
    """Return the error that names the first argument of a wrong type; or the error given, as one of this library's."""
    if isinstance(error, CHECKED) or (isinstance(error, ArgumentTypeError) and str(error).startswith(name)):
        return error
    given = list(arguments)
    misfit = first_misfit(name, given, annotations)
    if misfit is not None:
        return misfit
    for argument, value in given:
        if is_beyond(value):
            return Int64RangeError(f"{name}(): argument {argument!r} must hold ints of 64 bits, got {quote(value)}")
    if error.__class__ in (ArgumentTypeError, WrongTypeError):
        return error.__class__(f"{name}(): {NAMED.sub('', str(error))}")
    return error if isinstance(error, MinitensorError) else adopted(name, error, given)


def first_misfit(
    name: str, arguments: Iterable[tuple[str, Any]], annotations: Mapping[str, Any]
) -> ArgumentTypeError | None:
    """Return the error that names the first argument of a wrong type, or None if there is none."""
    for argument, value in arguments:
        wanted = annotations.get(argument, "Any")
        if not fits(value, wanted):
            return wrong_type(name, argument, wanted, value)
    return None


def wrong_call(
    name: str, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], error: Exception
) -> ArgumentTypeError | None:
    """Return the error for arguments that a function of this library does not take, or None if it takes them."""
    if not (is_ours(function.__module__) and raised_here(error)):
        return None
    signature = inspect.signature(function)
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as misfit:
        return unbound(name, misfit, signature)
    return first_misfit(name, each_argument(signature, bound.arguments), function.__annotations__)


def adopted(name: str, error: Exception, arguments: Sequence[tuple[str, Any]]) -> Exception:
    """Return the library's own error for one of Python's or the array library's."""
    if isinstance(error, (TypeError, AttributeError)):
        told = [each for each in arguments if each[0] != "self"]
        kinds = ", ".join([f"{argument}: {type(value).__name__}" for argument, value in told])
        reason = str(error) if isinstance(error, TypeError) else misplaced(told, error.obj)
        return WrongTypeError(f"{name}(): {reason}; got {kinds}")
    if isinstance(error, MemoryError) or str(error).startswith(TOO_BIG):
        return OutOfMemoryError(f"{name}(): storage size calculation overflowed, or there is no memory: {error}")
    if isinstance(error, OverflowError):
        return Int64RangeError(f"{name}(): {error}")
    return ArgumentError(f"{name}(): {error}") if type(error) is ValueError else error


def misplaced(arguments: Sequence[tuple[str, Any]], value: object) -> str:
    """Say which argument is, or holds, the value that lacked an attribute."""
    for argument, given in arguments:
        if given is value:
            return f"argument {argument!r} must not be of the type {type(value).__name__}"
        if isinstance(given, (list, tuple)) and any(each is value for each in given):
            return f"argument {argument!r} must not hold a value of the type {type(value).__name__}"
    return f"an argument is of the wrong type, or holds a value of the type {type(value).__name__}"


def unbound(name: str, misfit: TypeError, signature: inspect.Signature) -> ArgumentTypeError:
    """Return the error for arguments that do not match a signature."""
    bare = [each.replace(annotation=each.empty) for each in signature.parameters.values() if each.name != "self"]
    shown = signature.replace(parameters=bare, return_annotation=signature.empty)
    return ArgumentTypeError(f"{name}(): {misfit}; it takes {shown}")


def each_argument(signature: inspect.Signature, bound: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the names and values of arguments, of ``*args`` one by one, without ``**kwargs``."""
    for argument, value in bound.items():
        kind = signature.parameters[argument].kind
        if kind is inspect.Parameter.VAR_POSITIONAL:
            yield from ((argument, each) for each in value)
        elif kind is not inspect.Parameter.VAR_KEYWORD:
            yield argument, value


def raised_here(error: Exception) -> bool:
    """Whether an error came from this library alone, not through a function that the user handed in."""
    trace = error.__traceback__
    while trace is not None:
        module = trace.tb_frame.f_globals.get("__name__", "").partition(".")[0]
        if module not in LIBRARIES and module not in sys.stdlib_module_names:
            return False
        trace = trace.tb_next
    return True


# -- operations --------------------------------------------------------------------------------------------------------


def misuse(op: Op, args: Sequence[Any], error: Exception) -> Exception:
    """Return the error to raise for one that an operation's body raised: a better one, or the same."""
    if type(error) is ValueError and "broadcast" in str(error):
        return caused(error, unfit(op.name, args))
    if not any(map(is_tensor, args)):
        for position in op.inputs or (0,):
            if is_number(args[position]):
                declared = op.body.__annotations__.get(op.names[position], "Tensor")
                wanted = "Tensor" if fits(args[position], declared) else declared
                return caused(error, wrong_type(op.name, op.names[position], wanted, args[position]))
    return caused(error, retold(op.name, error, zip(op.names, args), op.body.__annotations__))


def unfit(name: str, args: Sequence[Any]) -> Exception:
    """Return the error for tensors whose shapes do not broadcast."""
    shapes = [tuple(value.shape) for value in args if isinstance(value, TensorBase)]
    try:
        broadcast_shapes(*shapes)
    except ShapeError as error:
        return ShapeError(f"{name}: {error}")
    return ShapeError(f"{name}: shapes {', '.join(map(str, shapes))} do not fit together")

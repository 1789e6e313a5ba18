"""Error messages for failed calls: which argument has the wrong type, or which shapes do not broadcast.

A function that gets a string instead of a tensor fails with the error of the first statement that uses it. Only then
are the arguments compared with the annotations, and the error names the first one that does not match. Arguments that
would not fail, such as a number where a bool is wanted, are checked before the call by a ``TypeGate``
(``argument_types.py``). This file knows no operations.
"""

from __future__ import annotations

import functools
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

from minitensor.autograd.argument_types import (
    TypeGate,
    annotations_of,
    first_checked_parameter,
    fits,
    is_beyond,
    is_number,
    is_tensor,
    type_error,
)
from minitensor.autograd.last_steps import name_last_step
from minitensor.autograd.mode import is_grad_enabled
from minitensor.autograd.protocol import PLAIN, PROCEED, active, meets_override, override_function
from minitensor.autograd.spellings import accept_old_orders, respell
from minitensor.backends.silence import in_silence, is_complaint
from minitensor.base import TensorBase
from minitensor.callers import PACKAGE
from minitensor.errors import (
    ArgumentError,
    ArgumentTypeError,
    AttributeValueError,
    GradError,
    Int64RangeError,
    MinitensorError,
    MissingEntryError,
    MissingNameError,
    OutOfMemoryError,
    ScalarError,
    ShapeError,
    UnsupportedDtypeError,
    UnsupportedError,
    WrongTypeError,
    quote,
)
from minitensor.shapes import broadcast_shapes, require_room

if TYPE_CHECKING:
    from minitensor.autograd.node import Op

NAMED = re.compile(r"^([\w.]+)(\(\))?: ")  # the start of a message that names an operation
LIBRARIES = (PACKAGE, "numpy", "scipy", "cupy", "PIL")
TOO_BIG = ("array is too big", "iterator is too large", "Maximum allowed")  # how NumPy says: too large for memory
CHECKED = (ArgumentError, MissingEntryError, UnsupportedError)  # their messages already say which value is wanted


F = TypeVar("F", bound=Callable[..., Any])


class Required:
    """The type of ``REQUIRED``, the default of a parameter that has none."""

    __slots__ = ()


REQUIRED = Required()


def composite(function: F) -> F:
    """Make a public function of operations name itself and the wrong argument in its errors."""
    return composite_as(function.__name__)(function)


def composite_as(name: str, own_checks: bool = False) -> Callable[[F], F]:
    """Make a composite whose public name differs from the name of its definition.

    With ``own_checks``, the types of the arguments are the function's own business.
    """

    def decorate(function: F) -> F:
        gate = TypeGate(name, functools.partial(annotations_of, function))
        known = gate.known
        unchecked = sys.maxsize if own_checks else first_checked_parameter(function)
        run = name_last_step(name, function)

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            if active or (args and args[0].__class__ not in PLAIN and meets_override(args, kwargs)):
                found = override_function(public, args, kwargs)
                if found is not PROCEED:
                    return found
            if kwargs:
                if not own_checks and (*map(type, args), *kwargs, *map(type, kwargs.values())) not in known:
                    if meets_override(args, kwargs):
                        return call(*args, **kwargs)
                    args, kwargs = gate.check(args, kwargs)  # type: ignore[assignment]  # a list is unpacked as well
            elif len(args) > unchecked and (*map(type, args),) not in known:
                args, kwargs = gate.check(args, kwargs)  # type: ignore[assignment]  # a list is unpacked as well
            try:
                return run(*args, **kwargs)
            except Exception as error:
                if is_complaint(error) and is_raised_here(error):
                    return in_silence(run, *args, **kwargs)
                if meets_override(args, kwargs):
                    return call(*args, **kwargs)
                respelled = respell(function, args, kwargs) if kwargs else None
                if respelled is None:
                    raise explain(name, function, args, kwargs, error)  # noqa: B904  # its cause is set
            return call(*respelled[0], **respelled[1])

        public = accept_old_orders(call, function) if hasattr(function, "old_orders") else cast("F", call)
        return public

    return decorate


def composite_with_own_checks(function: F) -> F:
    """Make a composite that checks its own arguments, because PyTorch's function does."""
    return composite_as(function.__name__, own_checks=True)(function)


def constructor(init: F) -> F:
    """Make a constructor name the class that the user created and the wrong argument in its errors."""

    @functools.wraps(init)
    def call(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            init(self, *args, **kwargs)
        except Exception as error:
            name = public_name(type(self))
            is_clear = isinstance(error, MinitensorError) and isinstance(error, RuntimeError)  # it describes a value
            is_clear = is_clear and not isinstance(error, ScalarError)  # which does not say of which argument
            raise add_prefix(  # noqa: B904  # its cause is set
                name, error if is_clear else explain(name, init, (self, *args), kwargs, error)
            )

    return cast("F", call)


def add_prefix(name: str, error: Exception) -> Exception:
    """Put a name in front of the message of this library's error, unless the message contains it."""
    if isinstance(error, MinitensorError) and name not in str(error):
        error.args = (f"{name}: {error}", *error.args[1:])
    return error


def explain_constructor(cls: type) -> None:
    """Make the constructor of this library's class name the class in its errors.

    Without this, subclasses that share a constructor would all show their parent's name. User classes are not changed.
    """
    if "__init__" in vars(cls) and is_own_module(cls.__module__):
        cls.__init__ = constructor(cls.__init__)  # type: ignore[misc]  # the same one, with better errors


def public_name(cls: type) -> str:
    """Return the name of the first class of this library in the method resolution order."""
    return next(each.__name__ for each in cls.__mro__ if is_own_module(each.__module__))


def is_own_module(module: str) -> bool:
    """Whether a module belongs to this library."""
    return module.partition(".")[0] == PACKAGE


def explain(
    name: str, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], error: Exception
) -> Exception:
    """Return a clearer error for one that a function raised, or the same error."""
    if not is_raised_here(error):
        return error
    signature = inspect.signature(function)
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as mismatch:
        return set_cause(signature_error(name, mismatch, signature), error)
    given = each_argument(signature, bound.arguments)
    return set_cause(rename_in_message(name, clarify(name, error, given, function.__annotations__)), error)


def rename_in_message(name: str, error: Exception) -> Exception:
    """Make a message begin with the name of the called function instead of the name of an inner operation."""
    prefix = NAMED.match(str(error))
    if prefix is None or not isinstance(error, MinitensorError) or isinstance(error, GradError):
        return error  # a gradient's error is about an operation that was called earlier
    if prefix[1].rpartition(".")[2] != name:
        error.args = (f"{name}{str(error)[prefix.end(1):]}", *error.args[1:])
    return error


def set_cause(error: Exception, cause: Exception) -> Exception:
    """Return an error with its cause set, unless the cause is the error itself.

    ``raise ... from`` needs the error in a variable. A frame of the error's own traceback would then hold the error,
    and keep the arguments of the failed call alive until the garbage collector runs.
    """
    if error is not cause:
        error.__cause__ = cause
    return error


def clarify(
    name: str, error: Exception, arguments: Iterable[tuple[str, Any]], annotations: Mapping[str, Any]
) -> Exception:
    """Return an error that names the first argument of the wrong type, or convert the error to this library's own."""
    if isinstance(error, CHECKED) or (isinstance(error, ArgumentTypeError) and str(error).startswith(name)):
        return error
    given = list(arguments)
    wrong = first_type_error(name, given, annotations)
    if wrong is not None:
        # As where a flag is an array of several elements, which has no truth value.
        is_of_values = type(error) is ValueError and type(wrong) is WrongTypeError
        return AttributeValueError(*wrong.args) if is_of_values else wrong
    for argument, value in given:
        if is_beyond(value) and not isinstance(error, UnsupportedDtypeError):
            return Int64RangeError(f"{name}(): argument {argument!r} must hold ints of 64 bits, got {quote(value)}")
    if error.__class__ in (ArgumentTypeError, WrongTypeError):
        return error.__class__(f"{name}(): {NAMED.sub('', str(error))}")
    is_own = isinstance(error, MinitensorError) and not isinstance(error, MissingNameError)
    return error if is_own else to_own_error(name, error, given)


def first_type_error(
    name: str, arguments: Iterable[tuple[str, Any]], annotations: Mapping[str, Any]
) -> ArgumentTypeError | None:
    """Return an error that names the first argument of the wrong type, or None if all types are right."""
    for argument, value in arguments:
        wanted = annotations.get(argument, "Any")
        if not fits(value, wanted):
            return type_error(name, argument, wanted, value)
    return None


def call_error(
    name: str, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], error: Exception
) -> ArgumentTypeError | None:
    """Return an error for arguments that a function of this library does not accept, or None if it accepts them."""
    if not (is_own_module(function.__module__) and is_raised_here(error)):
        return None
    signature = inspect.signature(function)
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as mismatch:
        return signature_error(name, mismatch, signature)
    return first_type_error(name, each_argument(signature, bound.arguments), function.__annotations__)


def to_own_error(name: str, error: Exception, arguments: Sequence[tuple[str, Any]]) -> Exception:
    """Convert an error of Python or the array library to an error of this library."""
    if isinstance(error, (TypeError, AttributeError)):
        shown = [each for each in arguments if each[0] != "self"]
        kinds = ", ".join([f"{argument}: {type(value).__name__}" for argument, value in shown])
        reason = str(error) if isinstance(error, TypeError) else describe_wrong_value(shown, error.obj)
        return WrongTypeError(f"{name}(): {reason}; got {kinds}")
    if isinstance(error, MemoryError):
        return OutOfMemoryError(f"{name}(): storage size calculation overflowed, or there is no memory: {error}")
    if str(error).startswith(TOO_BIG):
        return OutOfMemoryError(f"{name}(): storage size calculation overflowed: no memory can hold the result")
    if isinstance(error, OverflowError):
        return Int64RangeError(f"{name}(): {error}")
    return ArgumentError(f"{name}(): {error}") if type(error) is ValueError else error


def describe_wrong_value(arguments: Sequence[tuple[str, Any]], value: object) -> str:
    """Say which argument is, or contains, the value that lacks an attribute."""
    for argument, given in arguments:
        if given is value:
            return f"argument {argument!r} must not be of the type {type(value).__name__}"
        if isinstance(given, (list, tuple)) and any(each is value for each in given):
            return f"argument {argument!r} must not hold a value of the type {type(value).__name__}"
    return f"an argument is of the wrong type, or holds a value of the type {type(value).__name__}"


def signature_error(name: str, mismatch: TypeError, signature: inspect.Signature) -> ArgumentTypeError:
    """Return the error for arguments that do not match a signature."""
    bare = [each.replace(annotation=each.empty) for each in signature.parameters.values() if each.name != "self"]
    shown = signature.replace(parameters=bare, return_annotation=signature.empty)
    return ArgumentTypeError(f"{name}(): {mismatch}; it takes {shown}")


def each_argument(signature: inspect.Signature, bound: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the names and values of arguments: those of ``*args`` one by one, without ``**kwargs``."""
    for argument, value in bound.items():
        kind = signature.parameters[argument].kind
        if kind is inspect.Parameter.VAR_POSITIONAL:
            yield from ((argument, each) for each in value)
        elif kind is not inspect.Parameter.VAR_KEYWORD:
            yield argument, value


def is_raised_here(error: Exception) -> bool:
    """Whether only frames of this library and its dependencies raised an error, none of a function of the user."""
    trace = error.__traceback__
    while trace is not None:
        module = trace.tb_frame.f_globals.get("__name__", "").partition(".")[0]
        if module not in LIBRARIES and module not in sys.stdlib_module_names:
            return False
        trace = trace.tb_next
    return True


# -- operations --------------------------------------------------------------------------------------------------------


def misuse(op: Op, args: Sequence[Any], error: Exception) -> Exception:
    """Return a clearer error for one that an operation's body raised, or the same error."""
    if any(each is REQUIRED for each in args):
        given = {name: each for name, each in zip(op.names, args) if each is not REQUIRED}
        return set_cause(explain(op.name, op.body, (), given, error), error)
    if type(error) is ValueError and "broadcast" in str(error):
        return set_cause(broadcast_error(op.name, args), error)
    if not any(map(is_tensor, args)):
        for position in op.inputs or (0,):
            if is_number(args[position]):
                declared = op.body.__annotations__.get(op.names[position], "Tensor")
                wanted = "Tensor" if fits(args[position], declared) else declared
                return set_cause(type_error(op.name, op.names[position], wanted, args[position]), error)
    return set_cause(clarify(op.name, error, zip(op.names, args), op.body.__annotations__), error)


def broadcast_error(name: str, args: Sequence[Any]) -> Exception:
    """Return the error for tensors whose shapes do not broadcast."""
    shapes = [tuple(value.shape) for value in args if isinstance(value, TensorBase)]
    try:
        require_room(broadcast_shapes(*shapes))
    except (ShapeError, OutOfMemoryError) as error:
        return type(error)(f"{name}: {error}")
    return ShapeError(f"{name}: shapes {', '.join(map(str, shapes))} cannot be broadcast together")


def no_derivative(name: str) -> Callable[[Any], NoReturn]:
    """Return the gradient formula of an argument in which an operation has no derivative here: it raises."""

    def refuse(grad: Any) -> NoReturn:
        raise UnsupportedError(f"the derivative for {name!r} is not implemented; detach() this argument")

    return refuse


def require_constant(name: str, **tensors: TensorBase | None) -> None:
    """Raise if an argument in which an operation is not differentiable requires grad."""
    for argument, each in tensors.items():
        if each is not None and each.requires_grad and is_grad_enabled():
            raise GradError(
                f"{name}: is not differentiable with respect to argument {argument!r}, which cannot have "
                "requires_grad=True; detach() it"
            )

"""What to say of a call that failed: which argument is of the wrong type, or which shapes do not fit together.

Nothing is checked before a call, so a call that is right pays nothing. A function that gets text in place of a tensor
fails by itself, in the words of whatever it tried first. Only then are its arguments compared with its own annotations,
and the first one that does not match is named, with what was wanted. No operation is known here.
"""

from __future__ import annotations

import functools
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

from minitensor.base import TensorBase
from minitensor.callers import OURS
from minitensor.device import device
from minitensor.dtypes import dtype
from minitensor.errors import (
    ArgumentError,
    ArgumentTypeError,
    BeyondInt64,
    GradError,
    MinitensorError,
    MissingEntryError,
    OutOfMemory,
    ScalarError,
    ShapeError,
    UnsupportedError,
    WrongTypeError,
    quote,
)
from minitensor.generator import Generator
from minitensor.shapes import broadcast_shapes

if TYPE_CHECKING:
    from minitensor.autograd.node import Op

NAMED = re.compile(r"^([\w.]+)(\(\))?: ")  # how a message begins that names an operation
SHOWN = (str, bytes, int, float, complex, type)
LIBRARIES = (OURS, "numpy", "scipy", "cupy")
TOO_BIG = ("array is too big", "Maximum allowed")  # how NumPy begins to say that no memory holds an array
CHECKED = (ArgumentError, MissingEntryError, UnsupportedError)  # they say which value is wanted, as one of some words


class NotOneNumber(ScalarError, WrongTypeError):
    """A tensor where a number, a bool or text is wanted; PyTorch raises TypeError or RuntimeError."""


F = TypeVar("F", bound=Callable[..., Any])


def composite(function: F) -> F:
    """Let a public function made of operations name itself, and the argument at fault, in its errors."""
    return named(function.__name__)(function)


def named(name: str) -> Callable[[F], F]:
    """Make a composite whose public name is not the one of its definition."""

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                return function(*args, **kwargs)
            except Exception as error:
                raise explained(name, function, args, kwargs, error)  # noqa: B904  # its cause is set

        return cast("F", call)

    return decorate


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
    return module.partition(".")[0] == OURS


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
            return BeyondInt64(f"{name}(): argument {argument!r} must hold ints of 64 bits, got {quote(value)}")
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
        return OutOfMemory(f"{name}(): storage size calculation overflowed, or there is no memory: {error}")
    if isinstance(error, OverflowError):
        return BeyondInt64(f"{name}(): {error}")
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


# -- types -------------------------------------------------------------------------------------------------------------


def fits(value: Any, annotation: Any) -> bool:
    """Whether a value may stand where an annotation stands; one that is not understood fits everything."""
    return any(matches(value, each) for each in alternatives(annotation))


def matches(value: Any, alternative: str) -> bool:
    """Whether a value is what one alternative of an annotation names."""
    known = KINDS.get(alternative)
    return known is None or known[0](value)


def alternatives(annotation: Any) -> list[str]:
    """Return the types that an annotation allows."""
    return str(annotation).split(" | ")


def wrong_type(name: str, argument: str, annotation: Any, value: Any) -> ArgumentTypeError:
    """Return the error for an argument of a wrong type."""
    words = " or ".join(dict.fromkeys([KINDS[each][1] for each in alternatives(annotation) if each != "None"]))
    shape = f" of shape {tuple(value.shape)}" if isinstance(value, TensorBase) else ""
    shown = quote(value) if isinstance(value, SHOWN) else ""
    plain = f": {shown}" if 0 < len(shown) < 60 else ""
    advice = "; use tensor(...) on it" if isinstance(value, (list, tuple)) and words == "a tensor" else ""
    given = f"{type(value).__name__}{shape}{plain or entry_at_fault(words, value)}{advice}"
    kind = NotOneNumber if isinstance(value, TensorBase) else WrongTypeError
    return kind(f"{name}(): argument {argument!r} must be {words}, not {given}")


def entry_at_fault(words: str, value: object) -> str:
    """Say which entry of a list or tuple is of the wrong type."""
    is_right = ENTRIES.get(words)
    if is_right is None or not isinstance(value, (list, tuple)):
        return ""
    wrong = [f" with {type(each).__name__} at position {i}" for i, each in enumerate(value) if not is_right(each)]
    return wrong[0] if wrong else ""


def is_none(value: object) -> bool:
    """Whether a value is None."""
    return value is None


def is_tensor(value: object) -> bool:
    """Whether a value is a tensor."""
    return isinstance(value, TensorBase)


def is_int(value: object) -> bool:
    """Whether a value can count; a bool does not."""
    return hasattr(value, "__index__") and not isinstance(value, bool) and is_single(value)


def is_beyond(value: object, depth: int = 3) -> bool:
    """Whether a value is an int that int64 does not hold, or a sequence with one: sizes are not nested more deeply."""
    if isinstance(value, (list, tuple)):
        return depth > 0 and any(is_beyond(each, depth - 1) for each in value)
    return isinstance(value, int) and not -(2**63) <= value < 2**63


def is_number(value: object) -> bool:
    """Whether a value can be read as a number."""
    read_as = ("__index__", "__float__", "__complex__")  # which Python's own complex has from 3.11 on
    return isinstance(value, complex) or (any(hasattr(value, each) for each in read_as) and is_single(value))


def is_single(value: object) -> bool:
    """Whether a value is not a tensor of no or of several elements."""
    return not isinstance(value, TensorBase) or value.numel() == 1


def is_switch(value: object) -> bool:
    """Whether a value is a bool, Python's or NumPy's."""
    return type(value).__name__ in ("bool", "bool_")


def is_text(value: object) -> bool:
    """Whether a value is a string."""
    return isinstance(value, str)


def is_device(value: object) -> bool:
    """Whether a value names a device."""
    return value is None or isinstance(value, (str, int, device))


def are(single: Callable[[object], bool], value: object) -> bool:
    """Whether a value is a sequence whose entries all pass."""
    listed = isinstance(value, Sequence) and not isinstance(value, (str, bytes))
    return (listed or is_tensor(value)) and all(map(single, cast("Iterable[object]", value)))


def are_ints(value: object) -> bool:
    """Whether a value is a sequence of ints."""
    return are(is_int, value)


def are_numbers(value: object) -> bool:
    """Whether a value is a sequence of numbers."""
    return are(is_number, value)


def are_tensors(value: object) -> bool:
    """Whether a value is a sequence of tensors."""
    return are(is_tensor, value)


def is_size(value: object) -> bool:
    """Whether a value is an int, or one for each dim."""
    return is_int(value) or are_ints(value)


def is_open_size(value: object) -> bool:
    """Whether a value is a size, or leaves some dims open."""
    return value is None or is_int(value) or are(lambda each: each is None or is_int(each), value)


def is_dtype(value: object) -> bool:
    """Whether a value is a dtype of this library, or leaves it open."""
    return value is None or isinstance(value, dtype)


def is_generator(value: object) -> bool:
    """Whether a value is a generator of random numbers."""
    return isinstance(value, Generator)


SIZE = (is_size, "an int or a sequence of ints")
INTS = (are_ints, "a sequence of ints")
NUMBERS = (are_numbers, "a sequence of numbers")
TENSORS = (are_tensors, "a sequence of tensors")
DTYPE = (is_dtype, "a dtype, such as minitensor.float32")

# What the entries of a sequence are, by the words for it.
ENTRIES = {INTS[1]: is_int, SIZE[1]: is_int, NUMBERS[1]: is_number, TENSORS[1]: is_tensor}

# What annotations say, in code and in words.
KINDS: dict[str, tuple[Callable[[object], bool], str]] = {
    "None": (is_none, "None"),
    "Tensor": (is_tensor, "a tensor"),
    "Operand": (lambda value: is_tensor(value) or is_number(value), "a tensor or a number"),
    "int": (is_int, "an int"),
    "float": (is_number, "a number"),
    "Number": (is_number, "a number"),
    "bool": (is_switch, "a bool"),
    "str": (is_text, "a string"),
    "dtype": DTYPE,
    "Dtype": DTYPE,
    "DeviceLike": (is_device, "a device, such as 'cpu'"),
    "Generator": (is_generator, "a Generator"),
    "Sizes": SIZE,
    "Dims": (lambda value: value is None or is_size(value), "an int or a sequence of ints"),
    "IntOrPair": SIZE,
    "OptionalSizes": (is_open_size, "an int or a sequence of ints"),
    "Sequence[int]": INTS,
    "tuple[int, ...]": INTS,
    "list[int]": INTS,
    "Sequence[float]": NUMBERS,
    "tuple[float, float]": NUMBERS,
    "Sequence[Tensor]": TENSORS,
}

"""Type checks of arguments: annotations, read at run time.

A ``TypeGate`` compares the arguments of a call with the annotations of the function. It remembers the combinations of
types that were correct, and most calls only look up their types in a set. Like PyTorch's parser, it accepts a 0-d
integer tensor or a NumPy integer for an int. Any value matches an annotation that is not in ``KINDS``. This file knows
no operations.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from numbers import Complex, Real
from operator import index
from types import MappingProxyType
from typing import Any, TypeAlias

from minitensor.backends import BY_ARRAY
from minitensor.base import TensorBase
from minitensor.device import device
from minitensor.dtypes import bool_, dtype, read_dtype
from minitensor.errors import (
    ArgumentTypeError,
    AttributeValueError,
    RealNumberError,
    ScalarTypeError,
    WrongTypeError,
    quote,
)
from minitensor.generator import Generator
from minitensor.memory_format import memory_format

# Annotations where PyTorch accepts more values than the type has.
Scalar: TypeAlias = float  # also a complex number without an imaginary part
Switch: TypeAlias = bool  # also None, for False
Truth: TypeAlias = bool  # also any value that bool() accepts
Count: TypeAlias = int  # also a tensor or an array of one integer, of any shape
ListedDims: TypeAlias = "int | Sequence[int]"  # of tensors only those without dims

SHOWN = (str, bytes, int, float, complex, type)
MOST_KNOWN = 256  # combinations of types that a gate remembers: a program may create any number of classes
NOTHING: Mapping[str, Any] = MappingProxyType({})
UNTYPED = ("", "Any")  # an argument of `*args`, or one too many
TAKE_TENSORS = frozenset(("Tensor", "Operand", "Sequence[Tensor]"))
TAKE_VECTORS = frozenset(("Count", "Dims", "Sizes", "IntOrPair"))  # also of one integer
TAKE_INTS = frozenset(("int", "Count", "Dims", "ListedDims", "Sizes", "IntOrPair"))


# -- the gate ----------------------------------------------------------------------------------------------------------

Parameter = tuple[str, str]  # a name and an annotation


class TypeGate:
    """Checks the arguments of one function. Callers first look up the types in ``known``, the correct combinations.

    ``annotations`` returns the positional parameters and the annotations of the named ones. It is called in the first
    check, because a program calls few of a library's functions.
    """

    __slots__ = ("annotations", "known", "name")

    def __init__(self, name: str, annotations: Callable[[], tuple[list[Parameter], dict[str, str]]]) -> None:
        self.name, self.annotations = name, annotations
        self.known: set[tuple[Any, ...]] = set()

    def check(self, args: Sequence[Any], kwargs: Mapping[str, Any] = NOTHING) -> tuple[list[Any], dict[str, Any]]:
        """Return the arguments with integers of other types as ints. Raise a TypeError that names a wrong argument."""
        by_position, by_name = self.annotations()
        parameters = [*by_position[: len(args)], *[UNTYPED] * (len(args) - len(by_position))]
        parameters += [(name, by_name.get(name, "Any")) for name in kwargs]
        pairs = list(zip(parameters, [*args, *kwargs.values()]))
        checked = [self.convert(name, wanted, value) for (name, wanted), value in pairs]
        if len(self.known) < MOST_KNOWN and all(is_decided_by_type(value, wanted) for (_, wanted), value in pairs):
            self.known.add((*map(type, args), *kwargs, *map(type, kwargs.values())))
        return checked[: len(args)], dict(zip(kwargs, checked[len(args) :]))

    def convert(self, argument: str, wanted: str, value: Any) -> Any:
        """Return one argument: an integer of another type as an int, Python's ``float`` as the dtype that it means.

        Raise if its type is wrong.
        """
        check_type(self.name, argument, wanted, value)
        if value.__class__ is type:
            return read_dtype(value)
        return index(value) if is_foreign_int(value, wanted) else value


@functools.cache
def annotations_of(function: Callable[..., Any]) -> tuple[list[Parameter], dict[str, str]]:
    """Return a function's positional parameters and the annotations of those that can be given by name."""
    by_position, by_name = [], {}
    for name, each in inspect.signature(function).parameters.items():
        wanted = "Any" if each.annotation is each.empty else str(each.annotation)
        if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD):
            by_position.append((name, wanted))
        if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY):
            by_name[name] = wanted
    return by_position, by_name


def first_checked_parameter(function: Callable[..., Any]) -> int:
    """Return the number of leading parameters without a type check.

    Tensors need no check, because another value fails where it is used. The number for ``*args`` alone is unlimited.
    """
    code = inspect.unwrap(function).__code__
    names = code.co_varnames[: code.co_argcount]
    wanted = [str(function.__annotations__.get(name, "Any")) for name in names]
    return next((i for i, each in enumerate(wanted) if each != "Tensor" and is_checked(each)), sys.maxsize)


def is_checked(wanted: str) -> bool:
    """Whether a gate checks values of an annotation or converts them to ints; see ``KINDS``."""
    kinds = set(alternatives(wanted))
    return kinds <= KINDS.keys() or not kinds.isdisjoint(TAKE_INTS)


def is_foreign_int(value: object, wanted: str) -> bool:
    """Whether an int is wanted and the value is an integer of another type, such as a 0-d tensor."""
    if value is None or isinstance(value, (int, str, list, tuple)):
        return False
    kinds = set(alternatives(wanted))
    if kinds.isdisjoint(TAKE_INTS) or not kinds.isdisjoint(TAKE_TENSORS):
        return False
    return is_int(value) if kinds.isdisjoint(TAKE_VECTORS) else is_count(value)


def is_decided_by_type(value: object, wanted: str) -> bool:
    """Whether the type alone decides if a value matches.

    Where a number is wanted, a tensor's shape decides too; where a dtype is, which type of Python's is given.
    """
    if not isinstance(value, TensorBase):
        return not is_foreign_int(value, wanted) and value.__class__ is not type
    kinds = set(alternatives(wanted))
    return not kinds.isdisjoint(TAKE_TENSORS) or not kinds <= KINDS.keys()


# -- types -------------------------------------------------------------------------------------------------------------


def fits(value: Any, annotation: Any) -> bool:
    """Whether a value matches an annotation. Any value matches an unknown annotation."""
    return any(matches(value, each) for each in alternatives(annotation))


def matches(value: Any, alternative: str) -> bool:
    """Whether a value matches one alternative of an annotation."""
    known = KINDS.get(alternative)
    return known is None or known[0](value)


def alternatives(annotation: Any) -> list[str]:
    """Return the alternatives of an annotation."""
    return str(annotation).split(" | ")


def check_type(name: str, argument: str, wanted: str, value: Any) -> None:
    """Raise if an argument does not match its annotation."""
    if not fits(value, wanted):
        raise type_error(name, argument, wanted, value)


def type_error(name: str, argument: str, annotation: Any, value: Any) -> ArgumentTypeError:
    """Return the error for an argument of the wrong type."""
    words = " or ".join(dict.fromkeys([KINDS[each][1] for each in alternatives(annotation) if each != "None"]))
    shape = f" of shape {tuple(value.shape)}" if isinstance(value, TensorBase) else ""
    shown = quote(value) if isinstance(value, SHOWN) else ""
    plain = f": {shown}" if 0 < len(shown) < 60 else ""
    advice = "; use tensor(...) on it" if isinstance(value, (list, tuple)) and words == "a tensor" else ""
    given = f"{type(value).__name__}{shape}{plain or describe_wrong_entry(words, value)}{advice}"
    return error_class_for(words, value)(f"{name}(): argument {argument.rstrip('_')!r} must be {words}, not {given}")


def error_class_for(words: str, value: object) -> type[ArgumentTypeError]:
    """Return the class of the error for a value, given the description of what was wanted."""
    if TEXT in words:
        return AttributeValueError
    if isinstance(value, TensorBase):
        return ScalarTypeError
    return RealNumberError if isinstance(value, Complex) and not isinstance(value, Real) else WrongTypeError


def describe_wrong_entry(words: str, value: object) -> str:
    """Describe the first entry of a list or tuple that has the wrong type, or return an empty string."""
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
    """Whether a value is an integer: an int or a 0-d integer tensor, but not a bool."""
    if isinstance(value, TensorBase):
        return value.ndim == 0 and has_integers(value)
    return hasattr(value, "__index__") and not isinstance(value, bool) and type(value) not in BY_ARRAY


def is_count(value: object) -> bool:
    """Whether a value is an integer, or a tensor or an array of one integer with any number of dims."""
    if isinstance(value, TensorBase):
        return value.numel() == 1 and has_integers(value)
    return hasattr(value, "__index__") and not isinstance(value, bool)


def has_integers(tensor: TensorBase) -> bool:
    """Whether the elements of a tensor are integers, not bools."""
    return not (tensor.dtype.is_floating_point or tensor.dtype.is_complex or tensor.dtype is bool_)


def is_beyond(value: object, depth: int = 3) -> bool:
    """Whether a value is an int too large for int64, or a sequence with one. Sizes are not nested more deeply."""
    if isinstance(value, (list, tuple)):
        return depth > 0 and any(is_beyond(each, depth - 1) for each in value)
    return isinstance(value, int) and not -(2**63) <= value < 2**63


def is_real(value: object) -> bool:
    """Whether a value is a real number, a bool or a real 0-d tensor, but not a ``Fraction``."""
    if isinstance(value, TensorBase):
        return value.ndim == 0 and not value.dtype.is_complex
    return isinstance(value, (int, float)) or is_scalar(value, Real)


def is_number(value: object) -> bool:
    """Whether a value is a number, a bool or a 0-d tensor."""
    if isinstance(value, TensorBase):
        return value.ndim == 0
    return isinstance(value, (int, float, complex)) or is_scalar(value, Complex)


def is_scalar(value: object, kind: type) -> bool:
    """Whether a value is an array library's scalar of a kind, or its bool."""
    return hasattr(value, "dtype") and (isinstance(value, kind) or type(value).__name__ in ("bool", "bool_"))


def is_operand(value: object) -> bool:
    """Whether a value is a tensor, an array or a number."""
    return is_tensor(value) or type(value) in BY_ARRAY or is_number(value)


def is_bool(value: object) -> bool:
    """Whether a value is a Python bool. PyTorch does not accept NumPy's."""
    return isinstance(value, bool)


def is_text(value: object) -> bool:
    """Whether a value is a string."""
    return isinstance(value, str)


def is_device(value: object) -> bool:
    """Whether a value names a device."""
    return value is None or isinstance(value, (str, int, device))


def are(single: Callable[[object], bool], value: object) -> bool:
    """Whether a value is a list or a tuple and ``single`` is true for all entries. PyTorch knows no other sequences."""
    return isinstance(value, (list, tuple)) and all(map(single, value))


def are_ints(value: object) -> bool:
    """Whether a value is a sequence of ints. As in PyTorch, bools count as ints after the first."""
    if isinstance(value, (list, tuple)) and bool in map(type, value[1:]):
        value = [int(each) if i and each.__class__ is bool else each for i, each in enumerate(value)]
    return are(is_int, value)


def are_reals(value: object) -> bool:
    """Whether a value is a sequence of real numbers."""
    return are(is_real, value)


def are_tensors(value: object) -> bool:
    """Whether a value is a sequence of tensors, or a tensor, which what joins tensors refuses with advice."""
    return is_tensor(value) or are(is_tensor, value)


def is_size(value: object) -> bool:
    """Whether a value is an int or a sequence of ints."""
    return is_int(value) or are_ints(value) or (is_tensor(value) and is_count(value))


def is_listed_size(value: object) -> bool:
    """Whether a value is an int or a sequence of ints, but not a tensor of one element in a dim."""
    return is_int(value) or are_ints(value)


def is_open_size(value: object) -> bool:
    """Whether a value is a Python int or a sequence of ints and None."""
    return value.__class__ is int or are(lambda each: each is None or is_int(each), value)


def is_dtype(value: object) -> bool:
    """Whether a value is a dtype of this library, Python's ``float``, ``int``, ``bool`` or ``complex``, or None."""
    return value is None or isinstance(read_dtype(value), dtype)


def is_memory_format(value: object) -> bool:
    """Whether a value is a memory format or None."""
    return value is None or isinstance(value, memory_format)


def is_generator(value: object) -> bool:
    """Whether a value is a random number generator."""
    return isinstance(value, Generator)


TEXT = "a string"
SIZE = (is_size, "an int or a sequence of ints")
INTS = (are_ints, "a sequence of ints")
REALS = (are_reals, "a sequence of numbers")
TENSORS = (are_tensors, "a sequence of tensors")
DTYPE = (is_dtype, "a dtype, such as minitensor.float32")

# The check for the entries of a sequence, by its description.
ENTRIES = {INTS[1]: is_int, SIZE[1]: is_int, REALS[1]: is_real, TENSORS[1]: is_tensor}

# For each annotation, a check and a description.
KINDS: dict[str, tuple[Callable[[object], bool], str]] = {
    "None": (is_none, "None"),
    "Tensor": (is_tensor, "a tensor"),
    "Operand": (is_operand, "a tensor or a number"),
    "int": (is_int, "an int"),
    "Count": (is_count, "an int"),
    "float": (is_real, "a number"),
    "Number": (is_number, "a number"),
    "Scalar": (is_number, "a number"),
    "bool": (is_bool, "a bool"),
    "Switch": (lambda value: value is None or is_bool(value), "a bool"),
    "str": (is_text, TEXT),
    "Order": (lambda value: is_text(value) or is_real(value), "a number or a string"),
    "dtype": DTYPE,
    "Dtype": DTYPE,
    "DeviceLike": (is_device, "a device, such as 'cpu'"),
    "memory_format": (is_memory_format, "a memory format, such as minitensor.contiguous_format"),
    "Generator": (is_generator, "a Generator"),
    "Sizes": SIZE,
    "Dims": (lambda value: value is None or is_size(value), SIZE[1]),
    "ListedDims": (is_listed_size, SIZE[1]),
    "IntOrPair": SIZE,
    "OptionalSizes": (is_open_size, SIZE[1]),
    "Sequence[int]": INTS,
    "tuple[int, ...]": INTS,
    "list[int]": INTS,
    "Sequence[float]": REALS,
    "tuple[float, float]": REALS,
    "Sequence[Tensor]": TENSORS,
}

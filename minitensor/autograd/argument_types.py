"""Which types an argument may have: annotations, read at run time.

A ``TypeGate`` compares a call's arguments with the annotations of what is called, once for each combination of types; a
combination that was right is remembered, so that most calls pay for one look into a set. As PyTorch's own parser does,
it takes a 0-d tensor of integers, and NumPy's integers, for an int. An annotation that ``KINDS`` does not know fits
everything. No operation is known here.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Complex, Real
from operator import index
from types import MappingProxyType
from typing import Any, TypeAlias, cast

from minitensor.backends import BY_ARRAY
from minitensor.base import TensorBase
from minitensor.device import device
from minitensor.dtypes import bool_, dtype
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

# Where PyTorch takes more than the type: a real number may be complex without an imaginary part; the others may be ...
Scalar: TypeAlias = float
Switch: TypeAlias = bool  # None, for False
Truth: TypeAlias = bool  # any value: its truth is asked
Count: TypeAlias = int  # a tensor or an array of one integer, whatever its shape

SHOWN = (str, bytes, int, float, complex, type)
MOST_KNOWN = 256  # combinations of types that a gate remembers: a program may make classes without end
NOTHING: Mapping[str, Any] = MappingProxyType({})
UNASKED = ("", "Any")  # for what a function takes as one of many, or not at all
TAKE_TENSORS = frozenset(("Tensor", "Operand", "Sequence[Tensor]"))
TAKE_INTS = frozenset(("int", "Count", "Dims", "Sizes", "IntOrPair", "OptionalSizes"))


# -- the gate ----------------------------------------------------------------------------------------------------------

Asked = tuple[str, str]  # an argument's name, and its annotation


class TypeGate:
    """Checks the arguments of one function. ``known`` has the types of the calls it let in, for callers to ask first.

    ``asked`` gives what is taken by position, and what by name. It is asked when a call first comes: most functions of
    a library are never called.
    """

    __slots__ = ("asked", "known", "name")

    def __init__(self, name: str, asked: Callable[[], tuple[list[Asked], dict[str, str]]]) -> None:
        self.name, self.asked = name, asked
        self.known: set[tuple[Any, ...]] = set()

    def admit(self, args: Sequence[Any], kwargs: Mapping[str, Any] = NOTHING) -> tuple[list[Any], dict[str, Any]]:
        """Return the arguments as they are to be handed on; one of a wrong type is a TypeError that names it."""
        by_position, by_name = self.asked()
        asked = [*by_position[: len(args)], *[UNASKED] * (len(args) - len(by_position))]
        asked += [(name, by_name.get(name, "Any")) for name in kwargs]
        given = [*args, *kwargs.values()]
        read = [self.read(name, wanted, value) for (name, wanted), value in zip(asked, given)]
        if len(self.known) < MOST_KNOWN and all(is_told_by_type(value, each[1]) for value, each in zip(given, asked)):
            self.known.add((*map(type, args), *kwargs, *map(type, kwargs.values())))
        return read[: len(args)], dict(zip(kwargs, read[len(args) :]))

    def read(self, argument: str, wanted: str, value: Any) -> Any:
        """Return one argument, an int in place of what may stand for one; refuse it if its type is wrong."""
        require(self.name, argument, wanted, value)
        return index(value) if stands_for_int(value, wanted) else value


@functools.cache
def asked_by(function: Callable[..., Any]) -> tuple[list[Asked], dict[str, str]]:
    """Return names and annotations of what a function takes by position, and by name."""
    by_position, by_name = [], {}
    for name, each in inspect.signature(function).parameters.items():
        wanted = "Any" if each.annotation is each.empty else str(each.annotation)
        if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD):
            by_position.append((name, wanted))
        if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY):
            by_name[name] = wanted
    return by_position, by_name


def count_of_unasked(function: Callable[..., Any]) -> int:
    """Return how many arguments a function takes before the first whose type is asked.

    That of a tensor is not: what is none fails by itself where it is used. Of ``*args`` alone there may be any number.
    """
    code = inspect.unwrap(function).__code__
    names = code.co_varnames[: code.co_argcount]
    wanted = [str(function.__annotations__.get(name, "Any")) for name in names]
    return next((place for place, each in enumerate(wanted) if each != "Tensor" and is_asked(each)), sys.maxsize)


def is_asked(wanted: str) -> bool:
    """Whether a gate has work with an annotation: values to refuse, or to read as ints; see ``KINDS``."""
    kinds = set(alternatives(wanted))
    return kinds <= KINDS.keys() or not kinds.isdisjoint(TAKE_INTS)


def stands_for_int(value: object, wanted: str) -> bool:
    """Whether a value is a tensor's or an array library's integer where an int is wanted."""
    if value is None or isinstance(value, (int, str, list, tuple)):
        return False
    kinds = set(alternatives(wanted))
    if kinds.isdisjoint(TAKE_INTS) or not kinds.isdisjoint(TAKE_TENSORS):
        return False
    return is_count(value) if "Count" in kinds else is_int(value)


def is_told_by_type(value: object, wanted: str) -> bool:
    """Whether every value of this one's type fits as well; it is not so for tensors where a number is wanted."""
    if not isinstance(value, TensorBase):
        return not stands_for_int(value, wanted)
    kinds = set(alternatives(wanted))
    return not kinds.isdisjoint(TAKE_TENSORS) or not kinds <= KINDS.keys()


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


def require(name: str, argument: str, wanted: str, value: Any) -> None:
    """Raise if an argument is not of the type that an annotation names."""
    if not fits(value, wanted):
        raise wrong_type(name, argument, wanted, value)


def wrong_type(name: str, argument: str, annotation: Any, value: Any) -> ArgumentTypeError:
    """Return the error for an argument of a wrong type."""
    words = " or ".join(dict.fromkeys([KINDS[each][1] for each in alternatives(annotation) if each != "None"]))
    shape = f" of shape {tuple(value.shape)}" if isinstance(value, TensorBase) else ""
    shown = quote(value) if isinstance(value, SHOWN) else ""
    plain = f": {shown}" if 0 < len(shown) < 60 else ""
    advice = "; use tensor(...) on it" if isinstance(value, (list, tuple)) and words == "a tensor" else ""
    given = f"{type(value).__name__}{shape}{plain or entry_at_fault(words, value)}{advice}"
    return class_of_misfit(words, value)(f"{name}(): argument {argument.rstrip('_')!r} must be {words}, not {given}")


def class_of_misfit(words: str, value: object) -> type[ArgumentTypeError]:
    """Return the class of the error for a value that is not what the words say."""
    if TEXT in words:
        return AttributeValueError
    if isinstance(value, TensorBase):
        return ScalarTypeError
    return RealNumberError if isinstance(value, Complex) and not isinstance(value, Real) else WrongTypeError


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
    """Whether a value can count: an int or a 0-d tensor of integers; a bool does not."""
    if isinstance(value, TensorBase):
        return value.ndim == 0 and has_integers(value)
    return hasattr(value, "__index__") and not isinstance(value, bool) and type(value) not in BY_ARRAY


def is_count(value: object) -> bool:
    """Whether a value can count, or is a tensor or an array of one integer, in any number of dims."""
    if isinstance(value, TensorBase):
        return value.numel() == 1 and has_integers(value)
    return hasattr(value, "__index__") and not isinstance(value, bool)


def has_integers(tensor: TensorBase) -> bool:
    """Whether the elements of a tensor are integers; bools are none."""
    return not (tensor.dtype.is_floating_point or tensor.dtype.is_complex or tensor.dtype is bool_)


def is_beyond(value: object, depth: int = 3) -> bool:
    """Whether a value is an int that int64 does not hold, or a sequence with one: sizes are not nested more deeply."""
    if isinstance(value, (list, tuple)):
        return depth > 0 and any(is_beyond(each, depth - 1) for each in value)
    return isinstance(value, int) and not -(2**63) <= value < 2**63


def is_real(value: object) -> bool:
    """Whether a value can be read as a real number, as a bool can and a 0-d tensor; Python's fractions cannot."""
    if isinstance(value, TensorBase):
        return value.ndim == 0 and not value.dtype.is_complex
    return isinstance(value, (int, float)) or is_scalar(value, Real)


def is_number(value: object) -> bool:
    """Whether a value can be read as a number."""
    if isinstance(value, TensorBase):
        return value.ndim == 0
    return isinstance(value, (int, float, complex)) or is_scalar(value, Complex)


def is_scalar(value: object, kind: type) -> bool:
    """Whether a value is an array library's number of a kind, or its bool."""
    return hasattr(value, "dtype") and (isinstance(value, kind) or type(value).__name__ in ("bool", "bool_"))


def is_operand(value: object) -> bool:
    """Whether a value is a tensor, or an array that stands for one, or a number."""
    return is_tensor(value) or type(value) in BY_ARRAY or is_number(value)


def is_bool(value: object) -> bool:
    """Whether a value is a bool: PyTorch does not take NumPy's."""
    return isinstance(value, bool)


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


def are_reals(value: object) -> bool:
    """Whether a value is a sequence of real numbers."""
    return are(is_real, value)


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


def is_memory_format(value: object) -> bool:
    """Whether a value is an order of dims in memory."""
    return value is None or isinstance(value, memory_format)


def is_generator(value: object) -> bool:
    """Whether a value is a generator of random numbers."""
    return isinstance(value, Generator)


TEXT = "a string"
SIZE = (is_size, "an int or a sequence of ints")
INTS = (are_ints, "a sequence of ints")
REALS = (are_reals, "a sequence of numbers")
TENSORS = (are_tensors, "a sequence of tensors")
DTYPE = (is_dtype, "a dtype, such as minitensor.float32")

# What the entries of a sequence are, by the words for it.
ENTRIES = {INTS[1]: is_int, SIZE[1]: is_int, REALS[1]: is_real, TENSORS[1]: is_tensor}

# What annotations say, in code and in words.
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
    "Dims": (lambda value: value is None or is_size(value), "an int or a sequence of ints"),
    "IntOrPair": SIZE,
    "OptionalSizes": (is_open_size, "an int or a sequence of ints"),
    "Sequence[int]": INTS,
    "tuple[int, ...]": INTS,
    "list[int]": INTS,
    "Sequence[float]": REALS,
    "tuple[float, float]": REALS,
    "Sequence[Tensor]": TENSORS,
}

"""The element types: what they are called, how two of them become one, and which one a Python number takes.

A `dtype` is one of eleven fixed objects; promotion is a table over pairs of them, and `result_type` applies it by
PyTorch's three ranks (tensors with dimensions, zero-dim tensors, Python numbers). The file also lifts Python numbers to
cached 0-d arrays for the hot path. It knows NumPy's dtypes, but neither tensors nor devices.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Any, Final, NoReturn

import numpy as np
import numpy.typing as npt

from minitensor.errors import ArgumentError, ArgumentTypeError, BeyondInt64, DtypeError

Number = bool | int | float | complex


class dtype:
    """The type of a tensor's elements. There are eleven, all made here; compare them with ``is`` or ``==``.

    >>> float32, float32.itemsize, float32.is_floating_point
    (torch.float32, 4, True)
    """

    __slots__ = (
        "_complex_name", "_real_name", "abbr", "category", "is_complex", "is_floating_point", "is_signed", "itemsize",
        "name", "numpy",
    )  # fmt: skip

    _real_name: str
    _complex_name: str
    name: str
    abbr: str
    numpy: np.dtype[Any]
    itemsize: int
    is_floating_point: bool
    is_complex: bool
    is_signed: bool
    category: int

    def __new__(cls, *_: object) -> dtype:
        raise TypeError("cannot create 'torch.dtype' instances; use one of the eleven there are, e.g. float32")

    def to_real(self) -> dtype:
        """Return the dtype of this dtype's real part; a real dtype is its own."""
        return named(self._real_name)

    def to_complex(self) -> dtype:
        """Return the complex dtype whose parts have this dtype.

        ``float16`` gives ``complex64``: there is no complex dtype of half precision here (PyTorch has ``complex32``).
        """
        if not self._complex_name:
            raise DtypeError(f"{self!r} has no complex dtype; cast to float32 or float64 first")
        return named(self._complex_name)

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return named, (self.name,)  # Pickling and copying give the same object back.


BOOLEAN, INTEGRAL, FLOATING, COMPLEX = range(4)  # categories, in order: a higher one absorbs a lower one
_CATEGORY_OF_KIND = {"b": BOOLEAN, "u": INTEGRAL, "i": INTEGRAL, "f": FLOATING, "c": COMPLEX}


def _new(name: str, abbr: str, real: str, complex_: str = "") -> dtype:
    made = object.__new__(dtype)
    made.name, made.abbr, made._real_name, made._complex_name = name, abbr, real, complex_
    made.numpy = np.dtype(name)
    made.itemsize = made.numpy.itemsize
    made.category = _CATEGORY_OF_KIND[made.numpy.kind]
    made.is_floating_point = made.category == FLOATING
    made.is_complex = made.category == COMPLEX
    made.is_signed = made.numpy.kind in "ifc"
    return made


bool_: Final = _new("bool", "b8", "bool")
uint8: Final = _new("uint8", "u8", "uint8")
int8: Final = _new("int8", "i8", "int8")
int16: Final = _new("int16", "i16", "int16")
int32: Final = _new("int32", "i32", "int32")
int64: Final = _new("int64", "i64", "int64")
float16: Final = _new("float16", "f16", "float16", "complex64")
float32: Final = _new("float32", "f32", "float32", "complex64")
float64: Final = _new("float64", "f64", "float64", "complex128")
complex64: Final = _new("complex64", "c64", "float32", "complex64")
complex128: Final = _new("complex128", "c128", "float64", "complex128")

half: Final = float16
float_: Final = float32
double: Final = float64
short: Final = int16
int_: Final = int32
long: Final = int64
cfloat: Final = complex64
cdouble: Final = complex128

DTYPES: Final = (
    bool_, uint8, int8, int16, int32, int64, float16, float32, float64, complex64, complex128,
)  # fmt: skip

_NAMED: Final[Mapping[str, dtype]] = {each.name: each for each in DTYPES} | {
    "half": half, "float": float_, "double": double, "short": short, "int": int_, "long": long,
    "cfloat": cfloat, "cdouble": cdouble,
}  # fmt: skip


def named(name: str) -> dtype:
    """Return the dtype called ``name``: "float32", "torch.float32" or an alias, as "float" (32 bits, as in PyTorch)."""
    found = _NAMED.get(name.removeprefix("torch."))
    if found is None:
        raise ArgumentTypeError(f"no dtype is called {name!r}; there are {', '.join(_NAMED)}")
    return found


# ---------------------------------------------------------------------------------------------- NumPy

FROM_NUMPY: Final[Mapping[np.dtype[Any], dtype]] = {each.numpy: each for each in DTYPES}
"""For the hot path: 75 ns as ``FROM_NUMPY[array.dtype]``, no call."""


def from_numpy(np_dtype: npt.DTypeLike | dtype) -> dtype:
    """Return our dtype for NumPy's (or for a Python type, or for a name in PyTorch's meaning).

    >>> from_numpy(np.zeros(3).dtype), from_numpy("float"), from_numpy(bool)
    (torch.float64, torch.float32, torch.bool)
    """
    if isinstance(np_dtype, dtype):
        return np_dtype
    if isinstance(np_dtype, str) and np_dtype.removeprefix("torch.") in _NAMED:
        return named(np_dtype)
    wanted = np.dtype(np_dtype)
    found = FROM_NUMPY.get(wanted.newbyteorder("="))  # The caller swaps foreign bytes; the dtype is the same.
    if found is None:
        supported = ", ".join(each.name for each in reversed(DTYPES[1:]))
        raise ArgumentTypeError(
            f"can't convert np.ndarray of type numpy.{wanted.type.__name__}. "
            f"The only supported types are: {supported}, and bool."
        )
    return found


# ------------------------------------------------------------------------------------ the default one

_default = float32


def get_default_dtype() -> dtype:
    """Return the dtype of a tensor made of Python floats: float32 unless `set_default_dtype` said otherwise."""
    return _default


def set_default_dtype(d: dtype) -> None:
    """Make ``d``, a floating-point dtype, the dtype of Python floats."""
    global _default
    if not isinstance(d, dtype):
        raise ArgumentTypeError(
            f"invalid dtype object: only floating-point types are supported as the default type, got {d!r}"
        )
    if not d.is_floating_point:
        raise ArgumentTypeError(f"only floating-point types are supported as the default type, got {d!r}")
    _default = d


# ------------------------------------------------------------------------------------------ promotion

_BYTES: Final = frozenset({uint8, int8})


def _wider(a: dtype, b: dtype) -> dtype:
    return a if a.itemsize >= b.itemsize else b


def _promoted(a: dtype, b: dtype) -> dtype:
    """The rule behind the table: the higher category wins; within one, the wider dtype."""
    if a.category != b.category:
        high, low = (a, b) if a.category > b.category else (b, a)
        return _wider(high, low.to_complex()) if high.is_complex and low.is_floating_point else high
    if a is not b and {a, b} == _BYTES:
        return int16  # Neither holds the other.
    return _wider(a, b)


PROMOTED: Final[Mapping[tuple[dtype, dtype], dtype]] = {(a, b): _promoted(a, b) for a in DTYPES for b in DTYPES}
"""The promotion table, over all pairs."""


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """Return the smallest dtype, of at least as high a category, that both can be cast to.

    >>> promote_types(int64, float16), promote_types(uint8, int8)
    (torch.float16, torch.int16)
    """
    try:
        return PROMOTED[type1, type2]
    except KeyError:
        raise ArgumentTypeError(f"promote_types() takes two dtypes, got {type1!r} and {type2!r}") from None


def can_cast(from_: dtype, to: dtype) -> bool:
    """Return whether a value may be cast without falling into a lower category, as a result into ``out=`` may be.

    >>> can_cast(float64, float16), can_cast(float32, int64)
    (True, False)
    """
    try:
        return from_.category <= to.category
    except AttributeError:
        raise ArgumentTypeError(f"can_cast() takes two dtypes, got {from_!r} and {to!r}") from None


class Kind(IntEnum):
    """The three ranks of an operand: a lower rank never widens a higher one within a category."""

    NUMBER = 0
    ZERO_DIM = 1
    DIMENSIONED = 2


def result_type(operands: Iterable[tuple[dtype, Kind]]) -> dtype:
    """Return the dtype in which ``operands`` meet; a number's own dtype is `dtype_of_number`'s.

    >>> result_type([(float32, Kind.DIMENSIONED), (float64, Kind.ZERO_DIM), (int64, Kind.NUMBER)])
    torch.float32
    """
    ranks: list[dtype | None] = [None, None, None]
    for each, kind in operands:
        before = ranks[kind]
        ranks[kind] = each if before is None else PROMOTED[before, each]
    number, zero_dim, dimensioned = ranks
    result = _outranked(dimensioned, _outranked(zero_dim, number))
    if result is None:
        raise ArgumentTypeError("result_type() takes at least one operand, got none")
    return result


def _outranked(high: dtype | None, low: dtype | None) -> dtype | None:
    """Let a dtype of higher rank meet one of lower rank: only a lower rank's higher category counts."""
    if high is None or low is None:
        return high or low
    if low.category <= high.category:
        return high
    return PROMOTED[high, low] if not (high.is_floating_point and low.is_complex) else high.to_complex()


# ------------------------------------------------------------------------------------- Python numbers

_CATEGORY_OF_TYPE: Final[dict[type, int]] = {bool: BOOLEAN, int: INTEGRAL, float: FLOATING, complex: COMPLEX}


def _category_of(value: object) -> int:
    """Return the category of a Python or NumPy number, or of a child of one of their classes."""
    found = _CATEGORY_OF_TYPE.get(type(value))
    if found is not None:
        return found
    if isinstance(value, np.generic):
        from_numpy(value.dtype)  # raises for what is no number
        return _CATEGORY_OF_KIND[value.dtype.kind]
    for base in (int, float, complex):
        if isinstance(value, base):
            return _CATEGORY_OF_TYPE[base]
    raise ArgumentTypeError(f"expected a number (bool, int, float or complex), got {type(value).__name__}")


def _default_of(category: int) -> dtype:
    if category == FLOATING:
        return _default
    return (bool_, int64, _default, _default.to_complex())[category]


def dtype_of_number(value: Number) -> dtype:
    """Return the dtype of a Python number alone: bool, int64, the default dtype or its complex one."""
    if isinstance(value, int) and not _INT64_MIN <= value <= _UINT64_MAX:
        raise too_large(value)
    return _default_of(_category_of(value))


def number_dtype(value: Number, tensor_dtype: dtype) -> dtype:
    """Return the dtype in which ``value`` and a tensor of ``tensor_dtype`` meet (190 ns).

    >>> number_dtype(2, float64), number_dtype(1.5, int64), number_dtype(2, bool_), number_dtype(1j, float64)
    (torch.float64, torch.float32, torch.int64, torch.complex128)
    """
    category = _CATEGORY_OF_TYPE.get(type(value))
    if category is None:
        category = _category_of(value)
    if category <= tensor_dtype.category:
        return tensor_dtype
    if category == COMPLEX and tensor_dtype.is_floating_point:
        return tensor_dtype.to_complex()
    if category == INTEGRAL and value > _INT64_MAX:  # type: ignore[operator]  # an int
        raise too_large(value)  # type: ignore[arg-type]  # an int
    return _default_of(category)


def require_fits(value: Number, into: dtype) -> None:
    """Raise if ``value`` overflows ``into``, as filling a tensor with it does; in arithmetic it wraps (see `lift`).

    Negative integers may wrap into an unsigned dtype, a fraction may be lost, infinities fit floating dtypes, a complex
    number without imaginary part counts as real.
    """
    if not _fits(value, into):
        limits: Any = iinfo(into) if into.category == INTEGRAL else finfo(into)
        raise DtypeError(
            f"value cannot be converted to type {into.name} without overflow: {shown(value)} is not in "
            f"[{limits.min}, {limits.max}]; use a wider dtype"
        )


def _fits(value: Number, into: dtype) -> bool:
    if isinstance(value, int) and not _INT64_MIN <= value <= _UINT64_MAX:
        raise too_large(value)
    if into is bool_:
        return True
    if isinstance(value, (complex, np.complexfloating)):
        part = into.to_real()
        return _fits(value.real, part) and (_fits(value.imag, part) if into.is_complex else value.imag == 0)
    if into.category >= FLOATING:
        return not math.isfinite(value) or abs(value) <= finfo(into).max
    if not math.isfinite(value):
        return False
    limits = iinfo(into)
    wraps = not into.is_signed and isinstance(value, (int, np.integer))
    return (-limits.max if wraps else limits.min) <= value <= limits.max


def require_int64(value: int) -> None:
    """Raise if an integer does not fit int64."""
    if not _INT64_MIN <= value <= _INT64_MAX:
        raise too_large(value)


def too_large(value: int) -> BeyondInt64:
    """Return the error for an integer beyond int64."""
    return BeyondInt64(f"an integer must fit int64, but {shown(value)} is not in [-2**63, 2**63 - 1]; use a float")


def shown(value: object) -> str:
    """Return a number for a message: of a huge integer only its size, as Python refuses to write out the digits."""
    huge = isinstance(value, int) and value.bit_length() > 128
    return f"one of {value.bit_length()} bits" if huge else repr(value)  # type: ignore[attr-defined]  # an int


# -------------------------------------------------------------------------------------------- lifting
#
# Note [Lifted numbers]
# An ufunc on an array and a Python float spends 300 ns more than on the array and a 0-d array, so numbers are lifted to
# 0-d arrays, and these are kept: one dict per dtype, from the number to its array. Keys are compared by value, hence
# True, 1 and 1.0 share an array. What is equal but not the same stays out of the dict: 0.0 and -0.0 are attributes of
# it, complex numbers with a zero part (1 == complex(1, -0.0)) are made anew. So is NaN, which is not equal to itself:
# the dict would grow by one at each call. And so are numbers beyond int64: floats may be that large, ints may not.

_KEPT_AT_MOST: Final = 1024


class _Lifted(dict[Number, npt.NDArray[Any]]):
    """The 0-d arrays of one dtype, by the number they hold."""

    __slots__ = ("negative_zero", "np_dtype", "zero")

    def __init__(self, np_dtype: np.dtype[Any]) -> None:
        self.np_dtype = np_dtype
        self.zero = _read_only(0, np_dtype)
        self.negative_zero = _read_only(-0.0, np_dtype)

    def of_zero(self, value: Number) -> npt.NDArray[Any]:
        if type(value) is int:
            return self.zero
        if type(value) is float:  # 80 ns sooner than the next question
            return self.negative_zero if math.copysign(1.0, value) < 0 else self.zero
        if isinstance(value, (complex, np.complexfloating)):
            return self[value]
        return self.negative_zero if math.copysign(1.0, value) < 0 else self.zero

    def make(self, value: Number) -> npt.NDArray[Any]:
        return _read_only(value, self.np_dtype)

    def keeps(self, value: Number) -> bool:
        return value == value and (abs(value.real) <= _INT64_MAX or abs(value.real) == math.inf)

    def __missing__(self, value: Number) -> npt.NDArray[Any]:
        if hasattr(value, "item"):  # a tensor, or one of NumPy's scalars
            return self[value.item()]
        array = self.make(value)
        if self.keeps(value):
            if len(self) >= _KEPT_AT_MOST:
                self.clear()
            self[value] = array
        return array


class _LiftedComplex(_Lifted):
    """The 0-d arrays of a complex dtype: kept only where equal numbers are the same number."""

    __slots__ = ()

    def __getitem__(self, value: Number) -> npt.NDArray[Any]:
        if isinstance(value, (complex, np.complexfloating)) and (value.imag == 0 or value.real == 0):
            return self.make(value)
        kept = self.get(value)
        return self.__missing__(value) if kept is None else kept


class _Fitted(_Lifted):
    """The 0-d arrays of one dtype, by the number they hold; a number that overflows the dtype raises."""

    __slots__ = ()

    def make(self, value: Number) -> npt.NDArray[Any]:
        into = FROM_NUMPY[self.np_dtype]
        require_fits(value, into)
        if into is bool_:
            value = bool(value)
        elif isinstance(value, (complex, np.complexfloating)) and not into.is_complex:
            value = value.real
        return _read_only(value, self.np_dtype)

    def keeps(self, value: Number) -> bool:
        return super().keeps(value) and (self.np_dtype.kind != "u" or value.real >= 0)  # -1 wraps, -1.0 does not


class _FittedComplex(_Fitted, _LiftedComplex):
    """The 0-d arrays of a complex dtype, by the number they hold."""

    __slots__ = ()


def _read_only(value: Number, np_dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    array = _cast(value, np_dtype)
    array.flags.writeable = False
    return array


def _cast(value: Number, np_dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Cast as PyTorch's arithmetic does: integers wrap around, floats overflow to infinity, fractions are cut off."""
    with np.errstate(all="ignore"):
        if isinstance(value, int):
            if not _INT64_MIN <= value <= _UINT64_MAX:
                raise too_large(value)
            return np.array(value, dtype=np.uint64 if value > _INT64_MAX else np.int64).astype(np_dtype)
        if np_dtype.kind != "c" and isinstance(value, complex):
            raise DtypeError(f"value cannot be converted to type {np_dtype.name} without overflow: {value!r}")
        return np.array(value).astype(np_dtype)


_INT64_MIN, _INT64_MAX, _UINT64_MAX = -(2**63), 2**63 - 1, 2**64 - 1
_LIFTED: Final[Mapping[np.dtype[Any], _Lifted]] = {
    each.numpy: (_LiftedComplex if each.is_complex else _Lifted)(each.numpy) for each in DTYPES
}
_FITTED: Final[Mapping[np.dtype[Any], _Fitted]] = {
    each.numpy: (_FittedComplex if each.is_complex else _Fitted)(each.numpy) for each in DTYPES
}


def lift(value: Number, np_dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Return a read-only 0-d array of ``np_dtype`` that holds ``value``; kept for the next time. Note [Lifted numbers].

    Integers wrap around (``uint8`` has 44 for 300, 255 for -1), as in PyTorch's arithmetic; beyond 64 bits they raise
    OverflowError. A hit takes 100 ns. Where PyTorch refuses a number that the dtype does not hold, call `fit`.
    """
    lifted = _LIFTED[np_dtype]
    return lifted[value] if value else lifted.of_zero(value)


def fit(value: Number, np_dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Return a read-only 0-d array of ``np_dtype`` that holds ``value``, as `lift` does; raise if it overflows.

    >>> fit(-1, uint8.numpy), fit(1.5, int8.numpy)
    (array(255, dtype=uint8), array(1, dtype=int8))
    """
    fitted = _FITTED[np_dtype]
    return fitted[value] if value else fitted.of_zero(value)


# ------------------------------------------------------------------------------------- dtypes of data


NUMBER_TYPES: Final = frozenset(_CATEGORY_OF_TYPE)
WHOLE_TYPES: Final = frozenset((bool, int))
MOST_DIMS: Final = 64  # as many as a NumPy array has


def common_dtype(kinds: Iterable[Any]) -> dtype:
    """Return the dtype of data with such leaves (see `leaf_kinds`); without any it is the default dtype."""
    found = [each if isinstance(each, dtype) else _default_of(_CATEGORY_OF_TYPE[each]) for each in kinds]
    return functools.reduce(promote_types, found) if found else _default


def leaf_kinds(data: object, depth: int = 0) -> frozenset[Any]:
    """Return what stands in nested sequences: Python's types of numbers, and dtypes of what has one.

    Sequences of plain numbers are looked at by type only, in C. An empty sequence counts as a float beside others.
    """
    if type(data) in NUMBER_TYPES:
        return frozenset((type(data),))
    own = getattr(data, "dtype", None)
    if isinstance(own, (dtype, np.dtype)):
        return frozenset((from_numpy(own),))
    if isinstance(data, (str, bytes)):
        raise ArgumentTypeError(f"new(): invalid data type '{type(data).__name__}'; expected numbers")
    if is_sequence(data):
        return _kinds_of_items(data, depth)
    if isinstance(data, (int, float, complex)):
        return frozenset((dtype_of_number(data),))
    return _no_dtype(data)


def is_sequence(data: object) -> bool:
    """Whether data has a length and items by number; a tensor or array without dims, a dict and a set have not."""
    kind = type(data)
    if kind is list or kind is tuple:
        return True
    has_items = hasattr(kind, "__getitem__") and hasattr(kind, "__len__") and not isinstance(data, (dict, str, bytes))
    return has_items and (not hasattr(data, "dtype") or (isinstance(data, np.ndarray) and data.ndim > 0))


def _kinds_of_items(items: Any, depth: int) -> frozenset[Any]:
    types = frozenset(map(type, items))
    if types <= NUMBER_TYPES:
        return types or frozenset((float,))
    if depth >= MOST_DIMS:
        raise too_deep(items)
    if any(item is items for item in items):
        raise ArgumentTypeError("new(): self-referential lists are incompatible; expected numbers in the end")
    return frozenset().union(*[leaf_kinds(item, depth + 1) for item in items])


def too_deep(data: object) -> ArgumentError:
    """Return the error for sequences in sequences without an end, or with more dims than an array has."""
    return ArgumentError(
        f"too many dimensions {type(data).__name__!r}: an array has at most {MOST_DIMS}, and the data are nested more "
        "deeply, or hold themselves"
    )


def _no_dtype(data: object) -> NoReturn:
    raise DtypeError(f"Could not infer dtype of {type(data).__name__}; expected numbers, sequences of them or an array")


# --------------------------------------------------------------------------------------------- limits


def _require_dtype(caller: str, given: object) -> dtype:
    if isinstance(given, dtype):
        return given
    given_type = type(given).__name__
    raise ArgumentTypeError(f"{caller}(): argument 'type' (position 1) must be torch.dtype, not {given_type}")


class finfo:
    """The limits of a floating-point dtype (of a complex dtype: of its parts); of the default dtype if none is given.

    >>> finfo(float32).eps
    1.1920928955078125e-07
    """

    __slots__ = ("bits", "dtype", "eps", "max", "min", "resolution", "smallest_normal", "tiny")

    def __init__(self, type: dtype | None = None) -> None:
        of = _default if type is None else _require_dtype("finfo", type)
        if of.category < FLOATING:
            raise ArgumentTypeError(f"torch.finfo() requires a floating point input type, got {of!r}. Use torch.iinfo")
        limits = np.finfo(of.to_real().numpy)
        self.bits: int = limits.bits
        self.eps, self.max, self.min = float(limits.eps), float(limits.max), float(limits.min)
        self.tiny = self.smallest_normal = float(limits.smallest_normal)
        self.resolution = float(f"1e-{limits.precision}")
        self.dtype = of.to_real().name

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
            f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})"
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, finfo) and self.dtype == other.dtype

    def __hash__(self) -> int:
        return hash((finfo, self.dtype))


class iinfo:
    """The limits of an integer dtype.

    >>> iinfo(uint8)
    iinfo(min=0, max=255, dtype=uint8)
    """

    __slots__ = ("bits", "dtype", "max", "min")

    def __init__(self, type: dtype) -> None:
        if _require_dtype("iinfo", type) is bool_:
            raise ArgumentTypeError("torch.bool is not supported by torch.iinfo")
        if type.category != INTEGRAL:
            raise ArgumentTypeError(f"torch.iinfo() requires an integer input type, got {type!r}. Use torch.finfo")
        limits = np.iinfo(type.numpy)
        self.bits, self.min, self.max = limits.bits, int(limits.min), int(limits.max)
        self.dtype = type.name

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, iinfo) and self.dtype == other.dtype

    def __hash__(self) -> int:
        return hash((iinfo, self.dtype))

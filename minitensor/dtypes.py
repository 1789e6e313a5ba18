"""The element types: their names, their limits, and the dtype to which two of them promote.

A `dtype` is one of fifteen fixed objects. Promotion is a table over pairs of them, and `result_type` applies it by
PyTorch's three ranks: tensors with dimensions, zero-dim tensors, Python numbers. The file knows NumPy's dtypes, but
neither tensors nor devices. NumPy has no bfloat16, and PyTorch's uint16, uint32 and uint64 compute less than NumPy's:
see Note [Encoded arrays] in ``backends/encoded.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import IntEnum
from typing import Any, Final, NamedTuple, ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt

from minitensor.errors import ArgumentTypeError, DtypeError, EncodedError, UnsupportedDtypeError

P = ParamSpec("P")
R = TypeVar("R")


class dtype:
    """The type of a tensor's elements. There are fifteen, all defined here; compare them with ``is`` or ``==``.

    PyTorch's other dtypes, such as float8_e5m2, exist only as names: programs compare with them.

    Attributes:
        name: such as "float32".
        abbr: the short form, such as "f32".
        itemsize: bytes per element.
        numpy: NumPy's dtype of arrays to compute with; dtypes whose memory is encoded have none.
        memory: the dtype of arrays that hold the elements: ``numpy``, or raw bits.
        arithmetic: the dtype of arrays on which operations compute: ``numpy``, or that of decoded elements.
        decoded: the dtype of decoded elements: float32 for bfloat16; itself if the memory is not encoded.
        kind: NumPy's letter for the kind of the elements, such as "f".
        is_floating_point, is_complex, is_signed: the kind of the elements. Complex dtypes count as signed.

    Raises:
        TypeError: If it is called: there are no other dtypes.

    >>> float32, float32.itemsize, float32.is_floating_point
    (torch.float32, 4, True)
    >>> import minitensor as torch
    >>> isinstance(torch.float32, torch.dtype), torch.float32.itemsize
    (True, 4)
    """

    __slots__ = (
        "_complex_name", "_real_name", "abbr", "arithmetic", "category", "decoded", "is_complex",
        "is_floating_point", "is_signed", "itemsize", "kind", "memory", "name", "numpy",
    )  # fmt: skip

    _real_name: str
    _complex_name: str
    name: str
    abbr: str
    numpy: np.dtype[Any]
    memory: np.dtype[Any]
    arithmetic: np.dtype[Any]
    decoded: dtype
    kind: str
    itemsize: int
    is_floating_point: bool
    is_complex: bool
    is_signed: bool
    category: int

    def __new__(cls, *_: object) -> dtype:
        raise TypeError("cannot create 'torch.dtype' instances; use one of the fifteen there are, e.g. float32")

    def to_real(self) -> dtype:
        """Return the dtype of the real part; a real dtype returns itself."""
        return find_dtype(self._real_name)

    def to_complex(self) -> dtype:
        """Return the complex dtype whose parts have this dtype; a complex dtype returns itself.

        ``float16`` gives ``complex64``: there is no half-precision complex dtype here (PyTorch has ``complex32``).
        So does ``bfloat16``, as in PyTorch.

        Raises:
            RuntimeError: For bool and integer dtypes.
        """
        if not self._complex_name:
            raise DtypeError(f"{self!r} has no complex dtype; cast to float32 or float64 first")
        return find_dtype(self._complex_name)

    def __getattr__(self, name: str) -> Any:
        # Reached only for what is not set. An operation that gets this error is repeated on decoded numbers.
        if name in _MEMORY:
            require_memory(self)
        if name == "numpy":
            way = "NumPy has no {}; cast with .float() or .half()" if self is bfloat16 else "not implemented for {}"
            raise EncodedError(way.format(self.name), self)
        raise AttributeError(f"'torch.dtype' object has no attribute {name!r}")

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return find_dtype, (self.name,)  # Pickling and copying return the same object.


BOOLEAN, INTEGRAL, FLOATING, COMPLEX = range(4)  # categories in promotion order: the higher one wins
_CATEGORY_OF_KIND = {"b": BOOLEAN, "u": INTEGRAL, "i": INTEGRAL, "f": FLOATING, "c": COMPLEX}


def _new(name: str, abbr: str, real: str, complex_: str = "") -> dtype:
    made = object.__new__(dtype)
    made.numpy = made.memory = np.dtype(name)
    made.decoded = made
    return _describe(made, name, abbr, real, complex_, made.numpy)


def _new_of_bits(name: str, abbr: str, complex_: str, bits: str, decoded: dtype) -> dtype:
    """Return a dtype whose memory is encoded; see Note [Encoded arrays]. NumPy does not compute with a record."""
    made = object.__new__(dtype)
    made.memory, made.decoded = np.dtype([(name, bits)]), decoded
    return _describe(made, name, abbr, name, complex_, decoded.arithmetic)


def _describe(made: dtype, name: str, abbr: str, real: str, complex_: str, arithmetic: np.dtype[Any]) -> dtype:
    made.name, made.abbr, made._real_name, made._complex_name = name, abbr, real, complex_
    made.arithmetic, made.kind = arithmetic, arithmetic.kind
    made.itemsize = made.memory.itemsize
    made.category = _CATEGORY_OF_KIND[made.kind]
    made.is_floating_point = made.category == FLOATING
    made.is_complex = made.category == COMPLEX
    made.is_signed = made.kind in "ifc"
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

bfloat16: Final = _new_of_bits("bfloat16", "bf16", "complex64", "uint16", float32)

# PyTorch has few operations for these, and no promotion to other integers. The first three are what their elements are
# decoded to; no tensor that a user sees has them.
_DECODED_UNSIGNED = _new("uint16", "u16", "uint16"), _new("uint32", "u32", "uint32"), _new("uint64", "u64", "uint64")
uint16: Final = _new_of_bits("uint16", "u16", "", "uint16", _DECODED_UNSIGNED[0])
uint32: Final = _new_of_bits("uint32", "u32", "", "uint32", _DECODED_UNSIGNED[1])
uint64: Final = _new_of_bits("uint64", "u64", "", "uint64", _DECODED_UNSIGNED[2])

# -- PyTorch's other dtypes -------------------------------------------------------------------------------------------

_MEMORY: Final = frozenset(("arithmetic", "decoded", "memory", "numpy"))


def _new_name(name: str, itemsize: int, category: int, is_signed: bool) -> dtype:
    """Return a dtype of which there are no tensors. It has a size and a kind, and no memory."""
    made = object.__new__(dtype)
    made.name = made.abbr = name
    made._real_name, made._complex_name = ("float16", name) if category == COMPLEX else (name, "")
    made.itemsize, made.category, made.is_signed = itemsize, category, is_signed
    made.is_floating_point, made.is_complex, made.kind = category == FLOATING, category == COMPLEX, "V"
    return made


NAME_ONLY: Final = (
    *(_new_name(f"float8_{each}", 1, FLOATING, True) for each in ("e4m3fn", "e4m3fnuz", "e5m2", "e5m2fnuz")),
    _new_name("float8_e8m0fnu", 1, FLOATING, False), _new_name("float4_e2m1fn_x2", 1, FLOATING, True),
    _new_name("complex32", 4, COMPLEX, True),
    *(_new_name(f"uint{bits}", 1, INTEGRAL, False) for bits in range(1, 8)),
    *(_new_name(f"int{bits}", 1, INTEGRAL, True) for bits in range(1, 8)),
    *(_new_name(each, 1, INTEGRAL, False) for each in ("quint8", "quint4x2", "quint2x4")),
    _new_name("qint8", 1, INTEGRAL, True), _new_name("qint32", 4, INTEGRAL, True),
)  # fmt: skip
"""PyTorch's dtypes of which there are no tensors here. Libraries compare dtypes with them, and write them in tables."""


def require_memory(given: dtype) -> None:
    """Raise for a dtype of which there are no tensors."""
    if given in NAME_ONLY:
        raise UnsupportedDtypeError(
            f"there are no tensors of {given!r}: NumPy has no number of this size; use float16, float32, complex64 or "
            "int8"
        )


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

UNSIGNED: Final = (uint16, uint32, uint64)
"""The unsigned integers beyond uint8, for which PyTorch has few operations."""

ALL_DTYPES: Final = (*DTYPES, bfloat16, *UNSIGNED)
"""All dtypes; the memory of those that are not in ``DTYPES`` is encoded."""

COMPUTED: Final = (*DTYPES, *_DECODED_UNSIGNED)
"""The dtypes of arrays on which operations compute."""

_NAMED: Final[Mapping[str, dtype]] = {each.name: each for each in ALL_DTYPES} | {
    "half": half, "float": float_, "double": double, "short": short, "int": int_, "long": long,
    "cfloat": cfloat, "cdouble": cdouble,
}  # fmt: skip


OF_PYTHON_TYPE: Final[Mapping[type, dtype]] = {float: float64, int: int64, bool: bool_, complex: complex128}
"""What Python's types mean where a dtype is wanted."""


def read_dtype(given: Any) -> Any:
    """Return the dtype that a type of Python's means; return anything else as it is."""
    return OF_PYTHON_TYPE[given] if given.__class__ is type and given in OF_PYTHON_TYPE else given


def find_dtype(name: str) -> dtype:
    """Return the dtype called ``name``: "float32", "torch.float32" or an alias such as "float" (32 bits)."""
    own = name.removeprefix("torch.")
    found = _NAMED.get(own) or next((each for each in NAME_ONLY if each.name == own), None)
    if found is None:
        raise ArgumentTypeError(f"no dtype is called {name!r}; expected one of {', '.join(_NAMED)}")
    return found


# -- NumPy -------------------------------------------------------------------------------------------------------------

FROM_NUMPY: Final[Mapping[np.dtype[Any], dtype]] = {each.memory: each for each in (*COMPUTED, *ALL_DTYPES)}
"""By the dtype of an array that holds the elements. On the hot path ``FROM_NUMPY[array.dtype]`` takes 75 ns."""


_ENCODED: Final = {each.decoded: each for each in UNSIGNED}


def from_numpy(np_dtype: npt.DTypeLike | dtype) -> dtype:
    """Return the dtype for a NumPy dtype, a Python type or a name. Names have their meaning in PyTorch.

    >>> from_numpy(np.zeros(3).dtype), from_numpy("float"), from_numpy(bool)
    (torch.float64, torch.float32, torch.bool)
    """
    if isinstance(np_dtype, dtype):
        return np_dtype
    if isinstance(np_dtype, str) and np_dtype.removeprefix("torch.") in _NAMED:
        return find_dtype(np_dtype)
    wanted = np.dtype(np_dtype)
    found = FROM_NUMPY.get(wanted.newbyteorder("="))  # The dtype ignores byte order; the caller swaps bytes.
    found = _ENCODED.get(found, found)  # type: ignore[arg-type]  # None is not among the keys
    if found is None:
        supported = ", ".join(each.name for each in (*reversed(DTYPES[1:]), *UNSIGNED))
        raise ArgumentTypeError(
            f"can't convert np.ndarray of type numpy.{wanted.type.__name__}. "
            f"The only supported types are: {supported}, and bool."
        )
    return found


# -- the default dtype -------------------------------------------------------------------------------------------------

_default = float32


def get_default_dtype() -> dtype:
    """Return the dtype of a tensor made from Python floats: float32 unless changed by `set_default_dtype`.

    >>> get_default_dtype()
    torch.float32
    """
    return _default


def default_dtype_of(category: int) -> dtype:
    """Return the dtype that numbers of a category take by default."""
    if category == FLOATING:
        return _default
    return (bool_, int64, _default, _default.to_complex())[category]


def set_default_dtype(d: dtype) -> None:
    """Set the dtype of tensors made from Python floats.

    Args:
        d: float16, bfloat16, float32 or float64. The dtype of Python complex numbers follows it.

    Raises:
        TypeError: If ``d`` is not a floating-point dtype.
        NotImplementedError: If there are no tensors of it.

    >>> set_default_dtype(float64)
    >>> get_default_dtype()
    torch.float64
    >>> set_default_dtype(float32)
    """
    global _default
    if not isinstance(d, dtype):
        raise ArgumentTypeError(
            f"invalid dtype object: only floating-point types are supported as the default type, got {d!r}"
        )
    if not d.is_floating_point:
        raise ArgumentTypeError(f"only floating-point types are supported as the default type, got {d!r}")
    require_memory(d)
    _default = d


def in_single_precision(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a function; while it runs, the default dtype is float32 if it is bfloat16."""
    global _default
    if _default is not bfloat16:
        return function(*args, **kwargs)
    _default = float32
    try:
        return function(*args, **kwargs)
    finally:
        _default = bfloat16


# -- promotion ---------------------------------------------------------------------------------------------------------

_BYTES: Final = frozenset({uint8, int8})
_WIDE_UNSIGNED: Final = frozenset((*UNSIGNED, *_DECODED_UNSIGNED))
HALVES: Final = frozenset({float16, bfloat16})
"""The floating-point dtypes of 16 bits. Operations compute with them in float32 and round the result."""


def _wider(a: dtype, b: dtype) -> dtype:
    return a if a.itemsize >= b.itemsize else b


class _Promotions(dict[tuple[dtype, dtype], dtype]):
    """The table of promotion; PyTorch has no entry for two integer dtypes of which one is unsigned and not uint8."""

    __slots__ = ()

    def __missing__(self, pair: tuple[Any, Any]) -> dtype:
        if not all(isinstance(each, dtype) for each in pair):
            raise KeyError(pair)
        names = " and ".join(each.name for each in pair)
        for each in pair:
            require_memory(each)
        raise DtypeError(
            f"Promotion for uint16, uint32, uint64 types is not supported, attempted to promote {names}; "
            "cast one of them with .to(...)"
        )


def _promote(a: dtype, b: dtype) -> dtype | None:
    """Compute an entry of the table: the higher category wins; within a category, the wider dtype."""
    if a is not b and not _WIDE_UNSIGNED.isdisjoint((a, b)) and FLOATING not in (a.category, b.category):
        return None
    if a.category != b.category:
        high, low = (a, b) if a.category > b.category else (b, a)
        return _wider(high, low.to_complex()) if high.is_complex and low.is_floating_point else high
    if a is not b and {a, b} == _BYTES:
        return int16  # Neither can hold the values of the other.
    if a is not b and {a, b} == HALVES:
        return float32
    return _wider(a, b)


_PAIRS = {(a, b): _promote(a, b) for a in (*COMPUTED, *ALL_DTYPES) for b in (*COMPUTED, *ALL_DTYPES)}
PROMOTED: Final[Mapping[tuple[dtype, dtype], dtype]] = _Promotions(
    (pair, promoted) for pair, promoted in _PAIRS.items() if promoted is not None
)
"""The promotion table over all pairs."""


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """Return the dtype to which operands of the dtypes ``type1`` and ``type2`` are promoted.

    Raises:
        TypeError: If an argument is not a dtype.
        RuntimeError: If uint16, uint32 or uint64 meets another integer dtype, a bool or a complex dtype.

    >>> promote_types(int64, float16), promote_types(uint8, int8)
    (torch.float16, torch.int16)
    """
    try:
        return PROMOTED[read_dtype(type1), read_dtype(type2)]
    except KeyError:
        raise ArgumentTypeError(f"promote_types() takes two dtypes, got {type1!r} and {type2!r}") from None


def can_cast(from_: dtype, to: dtype) -> bool:
    """Return whether a cast ``from_`` a dtype ``to`` another keeps or raises the category.

    This is the rule for results written to ``out=`` or in place. Within a category any cast is allowed.

    The categories, in order, are bool, integer, floating point and complex.

    Raises:
        TypeError: If an argument is not a dtype.

    >>> can_cast(float64, float16), can_cast(float32, int64)
    (True, False)
    """
    try:
        allowed: bool = read_dtype(from_).category <= read_dtype(to).category
        return allowed
    except AttributeError:
        raise ArgumentTypeError(f"can_cast() takes two dtypes, got {from_!r} and {to!r}") from None


class Kind(IntEnum):
    """The three ranks of an operand: a lower rank never widens a higher one within a category."""

    NUMBER = 0
    ZERO_DIM = 1
    DIMENSIONED = 2


def result_type(operands: Iterable[tuple[dtype, Kind]]) -> dtype:
    """Return the dtype to which ``operands`` promote. A number takes the dtype given by `scalars.dtype_of_number`.

    >>> result_type([(float32, Kind.DIMENSIONED), (float64, Kind.ZERO_DIM), (int64, Kind.NUMBER)])
    torch.float32
    """
    ranks: list[dtype | None] = [None, None, None]
    for each, kind in operands:
        before = ranks[kind]
        ranks[kind] = each if before is None else PROMOTED[before, each]
    number, zero_dim, dimensioned = ranks
    result = _promote_ranks(dimensioned, _promote_ranks(zero_dim, number))
    if result is None:
        raise ArgumentTypeError("result_type() takes at least one operand, got none")
    return result


def _promote_ranks(high: dtype | None, low: dtype | None) -> dtype | None:
    """Promote a dtype of higher rank and one of lower rank: the lower rank counts only if its category is higher."""
    if high is None or low is None:
        return high or low
    if low.category <= high.category:
        return high
    if high is bool_:
        return PROMOTED[high, low]
    return high.to_complex() if high.is_floating_point else low


# -- limits ------------------------------------------------------------------------------------------------------------


def _require_dtype(caller: str, given: object) -> dtype:
    found = read_dtype(given)
    if isinstance(found, dtype):
        return found
    given_type = type(given).__name__
    raise ArgumentTypeError(f"{caller}(): argument 'type' (position 1) must be torch.dtype, not {given_type}")


class _Limits(NamedTuple):
    """The limits of bfloat16 and of PyTorch's smaller dtypes, under NumPy's names."""

    bits: int = 16
    eps: float = 2.0**-7
    max: float = (2 - 2.0**-7) * 2.0**127
    min: float = (2.0**-7 - 2) * 2.0**127
    smallest_normal: float = 2.0**-126
    precision: int = 2


_LIMITS: Final = {
    "bfloat16": _Limits(),
    "float8_e4m3fn": _Limits(8, 2.0**-3, 448.0, -448.0, 2.0**-6, 0),
    "float8_e4m3fnuz": _Limits(8, 2.0**-3, 240.0, -240.0, 2.0**-7, 0),
    "float8_e5m2": _Limits(8, 2.0**-2, 57344.0, -57344.0, 2.0**-14, 0),
    "float8_e5m2fnuz": _Limits(8, 2.0**-2, 57344.0, -57344.0, 2.0**-15, 0),
    "float8_e8m0fnu": _Limits(8, 1.0, 2.0**127, 2.0**-127, 2.0**-127, 0),
}


class finfo:
    """The limits of a floating-point dtype.

    Args:
        type: a floating-point dtype, or a complex one for the limits of its parts. The default dtype if not given.

    Attributes:
        bits: bits per number.
        eps: the difference between 1 and the next larger number.
        min, max: the smallest (most negative) and the largest finite number.
        tiny, smallest_normal: the smallest positive number of full precision.
        resolution: the decimal precision, 10 to the minus number of exact decimal digits.
        dtype: the name of the dtype.

    Raises:
        TypeError: If ``type`` is not a dtype, or is an integer dtype or bool.

    >>> finfo(float32).eps
    1.1920928955078125e-07
    """

    __slots__ = ("bits", "dtype", "eps", "max", "min", "resolution", "smallest_normal", "tiny")

    def __init__(self, type: dtype | None = None) -> None:
        of = _default if type is None else _require_dtype("finfo", type)
        if of.category < FLOATING:
            raise ArgumentTypeError(f"torch.finfo() requires a floating point input type, got {of!r}. Use torch.iinfo")
        limits: Any = _LIMITS.get(of.name) or np.finfo(of.to_real().numpy)
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

    Args:
        type: an integer dtype.

    Attributes:
        bits: bits per number.
        min, max: the smallest and the largest number.
        dtype: the name of the dtype.

    Raises:
        TypeError: If ``type`` is not an integer dtype.

    >>> iinfo(uint8)
    iinfo(min=0, max=255, dtype=uint8)
    """

    __slots__ = ("bits", "dtype", "max", "min")

    def __init__(self, type: dtype) -> None:
        of = _require_dtype("iinfo", type)
        if of is bool_:
            raise ArgumentTypeError("torch.bool is not supported by torch.iinfo")
        if of.category != INTEGRAL:
            raise ArgumentTypeError(f"torch.iinfo() requires an integer input type, got {of!r}. Use torch.finfo")
        limits = np.iinfo(of.arithmetic)
        self.bits, self.min, self.max = limits.bits, int(limits.min), int(limits.max)
        self.dtype = of.name

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, iinfo) and self.dtype == other.dtype

    def __hash__(self) -> int:
        return hash((iinfo, self.dtype))

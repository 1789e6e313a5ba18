"""Python numbers: the dtype of a number, whether a dtype can hold it, and numbers as cached 0-d arrays.

`lift` and `fit` turn a number into a read-only 0-d array that is kept for the next call. `common_dtype` finds the dtype
of nested lists of numbers. The file knows NumPy's dtypes, but neither tensors nor devices.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from minitensor.dtypes import (
    BOOLEAN,
    COMPLEX,
    COMPUTED,
    FLOATING,
    FROM_NUMPY,
    INTEGRAL,
    bool_,
    default_dtype_of,
    dtype,
    finfo,
    from_numpy,
    get_default_dtype,
    iinfo,
    promote_types,
)
from minitensor.errors import ArgumentError, ArgumentTypeError, DtypeError, EndlessDataError, Int64RangeError

Number = bool | int | float | complex

_INT64_MIN, _INT64_MAX, _UINT64_MAX = -(2**63), 2**63 - 1, 2**64 - 1

# -- the dtype of a number ---------------------------------------------------------------------------------------------

_CATEGORY_OF_TYPE: Final[dict[type, int]] = {bool: BOOLEAN, int: INTEGRAL, float: FLOATING, complex: COMPLEX}


def _category_of(value: object) -> int:
    """Return the category of a Python or NumPy number, or of an instance of a subclass of their types."""
    found = _CATEGORY_OF_TYPE.get(type(value))
    if found is not None:
        return found
    if isinstance(value, np.generic):
        return from_numpy(value.dtype).category
    for base in (int, float, complex):
        if isinstance(value, base):
            return _CATEGORY_OF_TYPE[base]
    raise ArgumentTypeError(f"expected a number (bool, int, float or complex), got {type(value).__name__}")


def dtype_of_number(value: Number) -> dtype:
    """Return the dtype of a tensor made from a Python number: bool, int64, the default dtype or its complex dtype."""
    if isinstance(value, int) and not _INT64_MIN <= value <= _UINT64_MAX:
        raise too_large(value)
    return default_dtype_of(_category_of(value))


def number_dtype(value: Number, tensor_dtype: dtype) -> dtype:
    """Return the dtype to which ``value`` and a tensor of ``tensor_dtype`` promote (190 ns).

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
    return default_dtype_of(category)


def require_fits(value: Number, into: dtype) -> None:
    """Raise if ``value`` overflows ``into``: the rule for filling a tensor. In arithmetic it wraps (see `lift`).

    Negative integers may wrap into an unsigned dtype. Fractions may be lost. Infinities fit floating dtypes. A complex
    number with a zero imaginary part counts as real.
    """
    if not _fits(value, into):
        limits: Any = iinfo(into) if into.category == INTEGRAL else finfo(into)
        raise DtypeError(
            f"value cannot be converted to type {into.name} without overflow: {format_number(value)} is not in "
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


def too_large(value: int) -> Int64RangeError:
    """Return the error for an integer beyond int64."""
    given = format_number(value)
    return Int64RangeError(f"an integer must fit int64, but {given} is not in [-2**63, 2**63 - 1]; use a float")


def negative_error(value: int) -> Int64RangeError:
    """Return the error for a negative integer among those of uint64."""
    return Int64RangeError(f"can't convert negative int to unsigned: {format_number(value)}; use int64")


def format_number(value: object) -> str:
    """Return a number as text for a message. A huge integer gives its size: Python refuses to print all its digits."""
    huge = isinstance(value, int) and value.bit_length() > 128
    return f"one of {value.bit_length()} bits" if huge else repr(value)  # type: ignore[attr-defined]  # an int


# -- lifted numbers ----------------------------------------------------------------------------------------------------
#
# Note [Lifted numbers]
# A ufunc takes 300 ns longer for an array and a Python float than for two arrays. So numbers are lifted to 0-d arrays,
# and these are kept in one dict per dtype. The dict compares keys by value, hence True, 1 and 1.0 share an array.
# Numbers that compare equal but differ must stay out of it: 0.0 and -0.0 are attributes instead, and complex numbers
# with a zero part (1 == complex(1, -0.0)) are lifted again each time. NaN is not kept: it is not equal to itself, so
# each call would add an entry. Numbers beyond int64 are not kept: such floats are valid, the equal ints must raise.

_KEPT_AT_MOST: Final = 1024


class _Lifted(dict[Number, npt.NDArray[Any]]):
    """The lifted numbers of one dtype: a dict from a number to its 0-d array."""

    __slots__ = ("negative_zero", "np_dtype", "zero")

    def __init__(self, np_dtype: np.dtype[Any]) -> None:
        self.np_dtype = np_dtype
        self.zero = _read_only(0, np_dtype)
        self.negative_zero = _read_only(-0.0, np_dtype)

    def lift_zero(self, value: Number) -> npt.NDArray[Any]:
        if type(value) is int:
            return self.zero
        if type(value) is float:  # 80 ns faster than the isinstance below
            return self.negative_zero if math.copysign(1.0, value) < 0 else self.zero
        if isinstance(value, (complex, np.complexfloating)):
            return self[value]
        return self.negative_zero if math.copysign(1.0, value) < 0 else self.zero

    def lift(self, value: Number) -> npt.NDArray[Any]:
        return _read_only(value, self.np_dtype)

    def can_keep(self, value: Number) -> bool:
        return value == value and (abs(value.real) <= _INT64_MAX or abs(value.real) == math.inf)

    def __missing__(self, value: Number) -> npt.NDArray[Any]:
        if hasattr(value, "item"):  # a tensor, or one of NumPy's scalars
            return self[value.item()]
        array = self.lift(value)
        if self.can_keep(value):
            if len(self) >= _KEPT_AT_MOST:
                self.clear()
            self[value] = array
        return array


class _LiftedComplex(_Lifted):
    """The lifted numbers of a complex dtype. Numbers with a zero part are not kept: their signs would be lost."""

    __slots__ = ()

    def __getitem__(self, value: Number) -> npt.NDArray[Any]:
        if isinstance(value, (complex, np.complexfloating)) and (value.imag == 0 or value.real == 0):
            return self.lift(value)
        kept = self.get(value)
        return self.__missing__(value) if kept is None else kept


class _Fitted(_Lifted):
    """The lifted numbers of one dtype; a number that overflows the dtype raises."""

    __slots__ = ()

    def lift(self, value: Number) -> npt.NDArray[Any]:
        into = FROM_NUMPY[self.np_dtype]
        require_fits(value, into)
        if into is bool_:
            value = bool(value)
        elif isinstance(value, (complex, np.complexfloating)) and not into.is_complex:
            value = value.real
        return _read_only(value, self.np_dtype)

    def can_keep(self, value: Number) -> bool:
        return super().can_keep(value) and (self.np_dtype.kind != "u" or value.real >= 0)  # -1 wraps, -1.0 does not


class _FittedComplex(_Fitted, _LiftedComplex):
    """The lifted numbers of a complex dtype; a number that overflows the dtype raises."""

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


_LIFTED: Final[Mapping[np.dtype[Any], _Lifted]] = {
    each.numpy: (_LiftedComplex if each.is_complex else _Lifted)(each.numpy) for each in COMPUTED
}
_FITTED: Final[Mapping[np.dtype[Any], _Fitted]] = {
    each.numpy: (_FittedComplex if each.is_complex else _Fitted)(each.numpy) for each in COMPUTED
}


def lift(value: Number, np_dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Return a read-only 0-d array of ``np_dtype`` that holds ``value``, kept for the next call. Note [Lifted numbers].

    Integers wrap around as in PyTorch's arithmetic: in ``uint8``, 300 gives 44 and -1 gives 255. Beyond 64 bits they
    raise OverflowError. A hit takes 100 ns. Where PyTorch refuses numbers that the dtype cannot hold, call `fit`.
    """
    lifted = _LIFTED[np_dtype]
    return lifted[value] if value else lifted.lift_zero(value)


def fit(value: Number, np_dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Return a read-only 0-d array of ``np_dtype`` that holds ``value``, as `lift` does; raise if it overflows.

    >>> fit(-1, uint8.numpy), fit(1.5, int8.numpy)
    (array(255, dtype=uint8), array(1, dtype=int8))
    """
    fitted = _FITTED[np_dtype]
    return fitted[value] if value else fitted.lift_zero(value)


# -- the dtype of nested data ------------------------------------------------------------------------------------------

NUMBER_TYPES: Final = frozenset(_CATEGORY_OF_TYPE)
WHOLE_TYPES: Final = frozenset((bool, int))
MOST_DIMS: Final = 64  # NumPy's limit


def common_dtype(kinds: Iterable[Any]) -> dtype:
    """Return the dtype of data with these leaves, as returned by `leaf_kinds`; the default dtype if there are none."""
    found = [each if isinstance(each, dtype) else default_dtype_of(_CATEGORY_OF_TYPE[each]) for each in kinds]
    return functools.reduce(promote_types, found) if found else get_default_dtype()


def leaf_kinds(data: object, depth: int = 0) -> frozenset[Any]:
    """Return the types of the leaves of nested sequences: Python number types, and dtypes of arrays and tensors.

    For a sequence of plain numbers this reads only the types, in C. An empty sequence counts as a float.
    """
    if type(data) in NUMBER_TYPES:
        return frozenset((type(data),))
    own = getattr(data, "dtype", None)
    if isinstance(own, (dtype, np.dtype)):
        return frozenset((from_numpy(own),))
    if isinstance(data, (str, bytes)):
        raise ArgumentTypeError(f"new(): invalid data type '{type(data).__name__}'; expected numbers")
    if is_sequence(data):
        return _item_kinds(data, depth)
    if isinstance(data, (int, float, complex)):
        return frozenset((dtype_of_number(data),))
    raise DtypeError(f"Could not infer dtype of {type(data).__name__}; expected numbers, sequences of them or an array")


def is_sequence(data: object) -> bool:
    """Whether data has a length and integer indexing. False for dicts, sets, text, tensors and 0-d arrays."""
    kind = type(data)
    if kind is list or kind is tuple:
        return True
    has_items = hasattr(kind, "__getitem__") and hasattr(kind, "__len__") and not isinstance(data, (dict, str, bytes))
    return has_items and (not hasattr(data, "dtype") or (isinstance(data, np.ndarray) and data.ndim > 0))


def _item_kinds(items: Any, depth: int) -> frozenset[Any]:
    types = frozenset(map(type, items))
    if types <= NUMBER_TYPES:
        return types or frozenset((float,))
    if all([each in NUMBER_TYPES or issubclass(each, np.generic) for each in types]):  # one dtype for each type
        return frozenset([each if each in NUMBER_TYPES else from_numpy(np.dtype(each)) for each in types])
    if depth >= MOST_DIMS:
        raise too_deep(items)
    if any(item is items for item in items):
        raise EndlessDataError("new(): self-referential lists are incompatible; expected nested sequences of numbers")
    return frozenset().union(*[leaf_kinds(item, depth + 1) for item in items])


def too_deep(data: object) -> ArgumentError:
    """Return the error for sequences that contain themselves or are nested deeper than an array has dims."""
    return ArgumentError(
        f"too many dimensions {type(data).__name__!r}: an array has at most {MOST_DIMS}, and the data are nested "
        "more deeply or contain themselves"
    )

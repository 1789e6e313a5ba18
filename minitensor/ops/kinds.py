"""The kinds of dtypes that ops compute with: one check, and one error for the others.

A kind is one of NumPy's letters: "b" bools, "u" and "i" integers, "f" floats, "c" complex numbers. An op's body checks
an array by ``of_kind``; a composite, whose input may be batched by ``vmap``, checks a tensor by ``require_kind``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.dtypes import int64
from minitensor.errors import DtypeError, UnsupportedDtypeError

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.dtypes import dtype as Dtype
    from minitensor.tensor import Tensor

FLOATS, INEXACT, INTEGERS, BITS = "f", "fc", "ui", "bui"
REALS, NUMERIC, ORDERED, FOLDABLE = "uif", "uifc", "buif", "bfc"
WORDS = {
    FLOATS: "floats",
    INEXACT: "floats or complex numbers",
    INTEGERS: "integers",
    BITS: "bools or integers",
    REALS: "integers or floats",
    NUMERIC: "numbers",
    ORDERED: "real numbers",
    FOLDABLE: "bools, floats or complex numbers",
}
CASTS = {INTEGERS: ".long()", REALS: ".int() or .float()", NUMERIC: ".int() or .float()"}


def of_kind(name: str, kinds: str, array: Array) -> Array:
    """Return the array; raise, naming the op, if its dtype is not of one of the kinds."""
    if array.dtype.kind not in kinds:
        raise unsupported_dtype_error(name, kinds, array.dtype)
    return array


def require_kind(name: str, kinds: str, *tensors: Any) -> None:
    """Raise, naming the op, if a tensor's dtype is not of one of the kinds."""
    for tensor in tensors:
        if tensor.dtype.kind not in kinds:
            raise unsupported_dtype_error(name, kinds, tensor.dtype)


def require_wide(name: str, kinds: str, tensor: Any) -> None:
    """Raise unless a tensor is of one of the kinds or int64: sums of narrower integers wrap around."""
    if tensor.dtype is not int64:
        require_kind(name, kinds, tensor)


def unsupported_dtype_error(name: str, kinds: str, dtype: Any) -> UnsupportedDtypeError:
    """Return the error for a dtype that an op does not support."""
    way = "take .real or .abs()" if dtype.kind == "c" else f"cast with {CASTS.get(kinds, '.float()')}"
    return UnsupportedDtypeError(f"{name}: not implemented for {dtype.name}; expected {WORDS[kinds]}: {way}")


def require_index(name: str, index: Any, *wanted: Dtype) -> None:
    """Raise, naming the op, if an index has an unwanted dtype; as in PyTorch, an empty index may have any."""
    if index.dtype not in wanted and index.numel():
        words = " or ".join(each.name for each in wanted)
        raise DtypeError(f"{name}(): expected dtype {words} for index, got {index.dtype.name}; cast with .long()")


def require_same_dtype(name: str, **given: Any) -> None:
    """Raise, naming the op, if tensors differ in dtype; arguments that are None are ignored."""
    tensors = {argument: each for argument, each in given.items() if each is not None}
    if len({each.dtype for each in tensors.values()}) > 1:
        listing = " and ".join(f"{argument} of {each.dtype.name}" for argument, each in tensors.items())
        raise DtypeError(f"{name}: expected one dtype, got {listing}; cast with .to(...)")


def in_dtype_of(name: str, argument: Tensor, result: Tensor) -> Tensor:
    """Cast a result to the dtype of an argument, or raise: for composites that PyTorch computes in place."""
    if result.dtype is argument.dtype:
        return result
    if result.dtype.category > argument.dtype.category:
        given, wanted = result.dtype.name, argument.dtype.name
        raise DtypeError(f"{name}: result type {given} can't be cast to {wanted}; cast the arguments first")
    return result.to(argument.dtype)

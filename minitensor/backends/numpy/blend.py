"""A weighted sum in place in one pass over memory, where NumPy's calls need two or three: BLAS has it, as axpby.

NumPy's matrix products come from the same library but do not reach this routine; it is called by its address. Where the
library has another name for it than those known here, the reference serves. OpenBLAS runs it in the calling thread.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy

from minitensor.backends.numpy.threads import blas_libraries
from minitensor.backends.reference import blend as reference

if TYPE_CHECKING:
    from collections.abc import Callable

    from minitensor.backends import Array

# (prefix, suffix, integer) of C names as NumPy's own OpenBLAS, other builds of it, and MKL have them.
SPELLINGS = (
    ("scipy_cblas_", "64_", ctypes.c_int64),
    ("scipy_cblas_", "", ctypes.c_int),
    ("cblas_", "64_", ctypes.c_int64),
    ("cblas_", "", ctypes.c_int),
)
NUMBERS = {"f": ctypes.c_float, "d": ctypes.c_double}
LEAST = 1 << 14  # Elements. The call itself takes 4 us, as long as NumPy needs for half as many.


def blend(target: Array, keep: float, values: Array, share: float, spare: Array) -> None:
    """Replace ``target`` by ``keep * target + share * values``; what ``spare`` holds may be lost."""
    fits = target.size >= LEAST and share and keep and target.dtype == values.dtype and target.shape == values.shape
    safe = fits and in_a_row(target) and in_a_row(values) and target.flags.writeable  # BLAS would not ask
    call = routine(target.dtype.char) if safe else None
    if call is None:
        reference.blend(numpy, target, keep, values, share, spare)
    else:
        call(target.size, share, values.ctypes.data, 1, keep, target.ctypes.data, 1)


def in_a_row(array: Array) -> bool:
    """Whether an array lies row by row, each number where and as the processor has it."""
    return array.flags.c_contiguous and array.flags.aligned and array.dtype.isnative


@cache
def routine(kind: str) -> Callable[..., object] | None:
    """Return axpby for numbers of this kind, or None."""
    number: Any = NUMBERS.get(kind)
    if number is None:
        return None
    for library in blas_libraries():
        for prefix, suffix, integer in SPELLINGS:
            name = f"{prefix}{'s' if kind == 'f' else 'd'}axpby{suffix}"
            if hasattr(library, name):
                call: Callable[..., object] = getattr(library, name)
                call.argtypes = [integer, number, ctypes.c_void_p, integer, number, ctypes.c_void_p, integer]  # type: ignore[attr-defined]  # ctypes
                call.restype = None  # type: ignore[attr-defined]  # ctypes
                return call
    return None

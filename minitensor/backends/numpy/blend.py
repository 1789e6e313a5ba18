"""A weighted sum in place, in one pass over memory by axpby of BLAS; NumPy's own calls need two or three.

The routine is called through ctypes in the library that NumPy itself has loaded. If none of the names known here is
found, the reference kernel is used. OpenBLAS runs the routine in the calling thread.
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

# (prefix, suffix, integer) of the C names in NumPy's own OpenBLAS, in other builds of it, and in MKL.
SPELLINGS = (
    ("scipy_cblas_", "64_", ctypes.c_int64),
    ("scipy_cblas_", "", ctypes.c_int),
    ("cblas_", "64_", ctypes.c_int64),
    ("cblas_", "", ctypes.c_int),
)
NUMBERS = {"f": ctypes.c_float, "d": ctypes.c_double}
LEAST = 1 << 14  # Elements. The call alone takes 4 us, as long as NumPy takes for half as many.


def blend(target: Array, keep: float, values: Array, share: float, spare: Array) -> None:
    """Replace ``target`` by ``keep * target + share * values``; ``spare`` is memory of its size to compute in."""
    is_large = target.size >= LEAST and share and keep and target.dtype == values.dtype and target.shape == values.shape
    # BLAS would write to read-only memory too.
    can_call = is_large and is_plain(target) and is_plain(values) and target.flags.writeable
    call = routine(target.dtype.char) if can_call else None
    if call is None:
        reference.blend(numpy, target, keep, values, share, spare)
    else:
        call(target.size, share, values.ctypes.data, 1, keep, target.ctypes.data, 1)


def is_plain(array: Array) -> bool:
    """Whether an array is C-contiguous, aligned and in native byte order."""
    return array.flags.c_contiguous and array.flags.aligned and array.dtype.isnative


@cache
def routine(kind: str) -> Callable[..., object] | None:
    """Return axpby for numbers of this kind, or None if it is not found."""
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

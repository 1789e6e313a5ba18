"""Loops compiled to machine code by Numba, which run without the interpreter.

``machine_code`` compiles a function at its first call, for the dtypes of that call, and keeps the result
on disk beside the source, or in the user's cache folder where that is read-only. This file knows no kernels.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

import numba
import numpy
from numba.core import event

if TYPE_CHECKING:
    from minitensor.backends import Array

P = ParamSpec("P")
R = TypeVar("R")

# A sum may be computed in another order, and a product and a sum be rounded once: without both, no sum is vectorized.
# What assumes that there are no infinities or NaN is left out.
FREEDOMS: Final = {"reassoc", "contract", "nsz"}


def machine_code(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function of arrays and numbers, and of other such functions, at its first call."""
    return compile_loop(function, FREEDOMS)


def exact_code(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function as ``machine_code`` does, without the freedom to compute a formula in another way."""
    return compile_loop(function, False)


def formula(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function of numbers into each loop that calls it; otherwise the loop would not be vectorized."""
    return inline(function, FREEDOMS)


def ordered_formula(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a formula whose terms must be added in the order in which they are written."""
    return inline(function, {"contract"})


def exact_formula(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a formula each of whose operations must be rounded as it is written."""
    return inline(function, False)


def compile_loop(function: Callable[P, R], freedoms: set[str] | bool) -> Callable[P, R]:
    """Compile a function at its first call, and keep the result on disk if a folder can be written to."""
    options: dict[str, Any] = {"nogil": True, "fastmath": freedoms, "error_model": "numpy"}
    try:
        loop: Callable[P, R] = numba.njit(cache=True, **options)(function)
    except RuntimeError:  # no folder can be written to
        loop = numba.njit(**options)(function)
    return loop


def inline(function: Callable[P, R], freedoms: set[str] | bool) -> Callable[P, R]:
    """Compile a function of numbers into each loop that calls it."""
    inlined: Callable[P, R] = numba.njit(forceinline=True, fastmath=freedoms, error_model="numpy")(function)
    return inlined


def dense(array: Array) -> Array:
    """Return an array in row-major memory that may be written to: the only kind for which loops are compiled."""
    return array if array.flags.carray else numpy.array(array, order="C")


class Announcement(event.Listener):  # type: ignore[misc]  # Numba has no types
    """Say once that compiling takes a while. Kernels that are read from disk are not compiled."""

    said = False

    def on_start(self, event: Any) -> None:
        """Called before a function is compiled."""
        if not self.said:
            self.said = True
            print("minitensor: compiling fast kernels; the results are kept on disk", file=sys.stderr)

    def on_end(self, event: Any) -> None:
        """Called after it has been compiled."""


event.register("numba:compile", Announcement())

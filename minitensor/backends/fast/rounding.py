"""Loops in which each operation is rounded as it is written, for random numbers that must agree to the last bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numba
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

P = ParamSpec("P")
R = TypeVar("R")


def exact_code(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function as ``machine_code`` does, without the freedom to compute a formula in another way."""
    try:
        loop: Callable[P, R] = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError:  # no folder can be written to
        loop = numba.njit(nogil=True, error_model="numpy")(function)
    return loop


def exact_formula(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function of numbers into each loop that calls it, as ``formula`` does, also without that freedom."""
    inlined: Callable[P, R] = numba.njit(forceinline=True, error_model="numpy")(function)
    return inlined


@intrinsic  # type: ignore[untyped-decorator]  # Numba has no types
def multiply_add(context: Any, x: Any, y: Any, z: Any) -> Any:
    """Return ``x * y + z`` of singles, rounded once: one instruction where the processor has it."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        single = ir.FloatType()
        kind = ir.FunctionType(single, [single] * 3)
        return builder.call(builder.module.declare_intrinsic("llvm.fma", [single], kind), args)

    return types.float32(types.float32, types.float32, types.float32), build


@intrinsic  # type: ignore[untyped-decorator]
def bits_of(context: Any, x: Any) -> Any:
    """Return the bits of a single as an int32."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.IntType(32))

    return types.int32(types.float32), build


@intrinsic  # type: ignore[untyped-decorator]
def single_of(context: Any, bits: Any) -> Any:
    """Return the single with the bits of an int32."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.FloatType())

    return types.float32(types.int32), build

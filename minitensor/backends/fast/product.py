"""Products of matrices inside compiled loops, by the BLAS that NumPy has loaded.

Numba's own products need SciPy. A function of NumPy's BLAS is called through its address, which is an argument: an
address inside compiled code would keep the code from being stored on disk.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import TYPE_CHECKING, Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from minitensor.backends.numpy.threads import blas_libraries

if TYPE_CHECKING:
    from minitensor.backends import Array

# CBLAS functions whose integers have 64 bits, in NumPy's own OpenBLAS and in other builds.
NAMES = ("scipy_cblas_{}gemm64_", "cblas_{}gemm64_")
ROW_MAJOR, PLAIN, TRANSPOSED = 101, 111, 112


@cache
def gemm_address(char: str) -> int:
    """Return the address of the BLAS product of singles ("f") or doubles ("d"), or 0 if there is none."""
    letter = {"f": "s", "d": "d"}.get(char)
    for library in blas_libraries() if letter else ():
        for name in NAMES:
            if hasattr(library, name.format(letter)):
                return ctypes.cast(getattr(library, name.format(letter)), ctypes.c_void_p).value or 0
    return 0


@intrinsic  # type: ignore[untyped-decorator]
def gemm(
    typing_context: Any, address: Any, flip_a: Any, flip_b: Any, a: Any, b: Any, beta: Any, out: Any
) -> tuple[Any, Any]:
    """Write ``a @ b + beta * out`` into ``out``, with ``a`` or ``b`` transposed if the flag before them is set.

    Rows have consecutive elements; a matrix may be part of a wider one.
    """
    signature = types.void(types.int64, types.int64, types.int64, a, b, a.dtype, out)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address, flip_a, flip_b, a, b, beta, out = arguments
        number = context.get_value_type(signature.args[3].dtype)
        long, order = ir.IntType(64), ir.IntType(32)
        matrices = [
            context.make_array(kind)(context, builder, value)
            for kind, value in zip((signature.args[3], signature.args[4], signature.args[6]), (a, b, out))
        ]
        size = ir.Constant(long, context.get_abi_sizeof(number))

        def step(matrix: Any) -> Any:
            """The distance of two rows, in elements; BLAS wants at least 1, even of a matrix of one row."""
            return builder.sdiv(cgutils.unpack_tuple(builder, matrix.strides)[0], size)

        def length(matrix: Any, dim: int) -> Any:
            return cgutils.unpack_tuple(builder, matrix.shape)[dim]

        left, right, result = matrices
        inner = builder.select(builder.icmp_signed("!=", flip_a, long(0)), length(left, 0), length(left, 1))
        function = ir.FunctionType(
            ir.VoidType(),
            [order] * 3 + [long] * 3 + [number, number.as_pointer(), long, number.as_pointer(), long, number]
            + [number.as_pointer(), long],
        )

        def flag(value: Any) -> Any:
            return builder.select(builder.icmp_signed("!=", value, long(0)), order(TRANSPOSED), order(PLAIN))

        builder.call(
            builder.inttoptr(address, function.as_pointer()),
            [
                order(ROW_MAJOR), flag(flip_a), flag(flip_b), length(result, 0), length(result, 1), inner,
                number(1.0), left.data, step(left), right.data, step(right), beta, result.data, step(result),
            ],
        )
        return context.get_dummy_value()

    return signature, generate


def can_multiply(array: Array) -> bool:
    """Whether compiled loops can multiply matrices of this dtype."""
    return gemm_address(array.dtype.char) != 0

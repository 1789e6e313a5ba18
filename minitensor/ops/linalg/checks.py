"""Checks of arguments that linear algebra shares, and reports of singular matrices.

Each check returns the checked tensor and can be used in an expression. Nothing is computed here but the real and
imaginary parts that gradient formulas need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.base import TensorBase
from minitensor.errors import LinAlgError, ShapeError, UnsupportedDtypeError
from minitensor.ops.operand import not_a_tensor

if TYPE_CHECKING:
    from minitensor.backends import Array, Library
    from minitensor.tensor import Tensor


def require_inexact(name: str, A: Any, argument: str = "A") -> Tensor:
    """Return the tensor; raise unless it has single or double precision, real or complex."""
    if not isinstance(A, TensorBase):
        raise not_a_tensor(name, argument, A)
    if A.dtype.kind not in "fc" or A.dtype.itemsize == 2:
        what = "low precision dtypes are not supported" if A.dtype.kind == "f" else "expected floats or complex"
        raise UnsupportedDtypeError(f"{name}: {what}, got {A.dtype.name}; cast with .float() or .double()")
    return A  # type: ignore[return-value]  # every TensorBase that users hold is a Tensor


def require_matrices(name: str, A: Any, argument: str = "A") -> Tensor:
    """Return the tensor; raise unless it has at least two dims."""
    found = require_inexact(name, A, argument)
    if found.ndim < 2:
        raise ShapeError(
            f"{name}: the input tensor {argument} must have at least 2 dimensions, got shape {tuple(found.shape)}"
        )
    return found


def require_square(name: str, A: Any, argument: str = "A") -> Tensor:
    """Return the tensor; raise unless its last two dims have equal sizes."""
    found = require_matrices(name, A, argument)
    n, m = found.shape[-2:]
    if n != m:
        raise ShapeError(
            f"{name}: {argument} must be batches of square matrices, but they are {n} by {m} matrices (shape "
            f"{tuple(found.shape)})"
        )
    return found


def raise_if_failed(name: str, input: Tensor, result: Array, failed: Array | None, why: str) -> Array:
    """Return the result; raise, naming the first matrix of the batch that failed, if any failed."""
    if failed is None:
        return result
    where = ""
    if failed.ndim:
        first = int(input.xp.argmax(failed.reshape(-1) != 0))
        where = f"(batch element {first}) "
    raise LinAlgError(f"{name}: {where}{why}")


def failure_marks(input: Tensor, failed: Array | None) -> Array:
    """Return 0 for each matrix that succeeded; 1, or what the kernel says, for each that failed."""
    if failed is None:
        return input.xp.zeros(input.array.shape[:-2], "int32")
    return failed.astype("int32")


SINGULAR = "the input matrix is singular, so it has no inverse; use pinv for the pseudo-inverse"


def adjoint_array(xp: Library, array: Array) -> Array:
    """Return the conjugate transpose of the last two dims of an array."""
    found: Array = xp.swapaxes(array, -2, -1).conj()
    return found


def real_of(input: Tensor) -> Tensor:
    """Return the real part; a real tensor is returned as it is."""
    return input.to(input.dtype.to_real())


def imag_of(input: Tensor) -> Tensor:
    """Return the imaginary part of complex numbers."""
    return real_of(input * -1j)

"""What all of linear algebra asks of its arguments: floats, matrices, square ones; and how it reports a failure.

Each check returns the tensor that it looked at, so that it can stand in an expression. Nothing is computed here but the
real and imaginary part that formulas need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.base import TensorBase
from minitensor.errors import LinAlgError, ShapeError, UnsupportedDtype
from minitensor.ops.operand import not_a_tensor

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor


def inexact(name: str, A: Any, argument: str = "A") -> Tensor:
    """Return a tensor of single or double precision, real or complex; refuse any other."""
    if not isinstance(A, TensorBase):
        raise not_a_tensor(name, argument, A)
    if A.array.dtype.char not in "fdFD":
        what = "low precision dtypes are not supported" if A.array.dtype.kind == "f" else "expected floats or complex"
        raise UnsupportedDtype(f"{name}: {what}, got {A.dtype.name}; cast with .float() or .double()")
    return A  # type: ignore[return-value]  # every TensorBase that users hold is a Tensor


def matrices(name: str, A: Any, argument: str = "A") -> Tensor:
    """Return a tensor of at least two dims."""
    found = inexact(name, A, argument)
    if found.ndim < 2:
        raise ShapeError(
            f"{name}: the input tensor {argument} must have at least 2 dimensions, got shape {tuple(found.shape)}"
        )
    return found


def square(name: str, A: Any, argument: str = "A") -> Tensor:
    """Return a tensor whose last two dims have one size."""
    found = matrices(name, A, argument)
    n, m = found.shape[-2:]
    if n != m:
        raise ShapeError(
            f"{name}: {argument} must be batches of square matrices, but they are {n} by {m} matrices (shape "
            f"{tuple(found.shape)})"
        )
    return found


def unless_failed(name: str, input: Tensor, result: Array, failed: Array | None, why: str) -> Array:
    """Return the result, or raise and name the first matrix of the batch that has none."""
    if failed is None:
        return result
    where = ""
    if failed.ndim:
        first = int(input.xp.argmax(failed.reshape(-1) != 0))
        where = f"(batch element {first}) "
    raise LinAlgError(f"{name}: {where}{why}")


def marks(input: Tensor, failed: Array | None) -> Array:
    """Return 0 for each matrix that went well; 1, or what the kernel says, for each that did not."""
    if failed is None:
        return input.xp.zeros(input.array.shape[:-2], "int32")
    return failed.astype("int32")


SINGULAR = "the input matrix is singular, so it has no inverse; pinv gives the nearest to one"


def real_of(input: Tensor) -> Tensor:
    """Return the real part; of real numbers themselves."""
    dtype = input.array.dtype
    return input if dtype.kind != "c" else input._like_dtype(input.array.real.dtype)


def imag_of(input: Tensor) -> Tensor:
    """Return the imaginary part of complex numbers."""
    return real_of(input * -1j)

"""The p-norm of vectors: the one norm with a gradient formula of its own, from which the others are built."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from minitensor.autograd.binding import host_value
from minitensor.autograd.declare import differentiable
from minitensor.autograd.spellings import other_names
from minitensor.autograd.strides import in_layout, row_major
from minitensor.base import TensorBase
from minitensor.errors import DtypeError, UsageTypeError
from minitensor.ops.arithmetic import mul
from minitensor.ops.choice import where
from minitensor.ops.creation import as_number
from minitensor.ops.extremes import is_extreme, require_sizes
from minitensor.ops.operand import not_a_tensor
from minitensor.ops.reduce import Axes, Dims, axes, restore_dims, sum
from minitensor.ops.rounding import abs, sgn

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.dtypes import dtype as Dtype
    from minitensor.tensor import Tensor


def vector_norm_grad(grad: Tensor, x: Tensor, ord: float, dim: tuple[int, ...], result: Tensor) -> Tensor:
    """Return the gradient of a p-norm; zero where the norm is zero and, for p < 2, where an element is zero."""
    shape = x.shape
    grad, norm = restore_dims(grad, shape, dim), restore_dims(result, shape, dim)
    if ord == 0:
        return sgn(x) * 0
    if ord == 1:
        return grad * sgn(x)
    if math.isinf(ord):
        extreme = is_extreme(abs(x), norm)
        return grad / sum(extreme, dim, True) * (sgn(x) * extreme)
    if ord == 2:
        direction: Tensor = where(norm == 0, 0, grad / where(norm == 0, 1, norm))
        return x * direction
    # The power of a zero is infinite for p < 2; see Note [Safe arguments] in choice.py.
    scale = where(norm == 0, 0, grad * where(norm == 0, 1, norm) ** (1 - ord))
    nonzero = where(x == 0, 1, abs(x))
    power: Tensor = where(x == 0, 0, x * nonzero ** (ord - 2) if ord > 1 else sgn(x) * nonzero ** (ord - 1))
    return mul(power, scale)


def require_floats(name: str, x: Any, dtype: Dtype | None) -> Tensor:
    """Return a floating-point or complex tensor, cast to ``dtype``, which must be able to hold its numbers."""
    if not isinstance(x, TensorBase):
        raise not_a_tensor(name, "x", x)
    input: Any = x
    if input.dtype.kind not in "fc":
        raise DtypeError(f"{name}: expected a floating point or complex tensor, got {x.dtype.name}; cast it first")
    if dtype is None:
        return input  # type: ignore[no-any-return]  # as in `require_inexact`
    wanted = dtype.kind
    if wanted not in "fc" or (input.dtype.kind == "c") != (wanted == "c") or (
        wanted == input.dtype.kind and dtype.itemsize < input.dtype.itemsize
    ):
        raise DtypeError(f"{name}: dtype {dtype.name} cannot hold numbers of {x.dtype.name}; cast it first")
    return input.to(dtype)  # type: ignore[no-any-return]  # as in `require_inexact`


def prepare_norm(
    x: Tensor, ord: Any, dim: Dims, keepdim: bool, dtype: Dtype | None
) -> tuple[Tensor, float, tuple[int, ...], bool, Dtype | None]:
    """Cast the input, and return the order as a float and all dims as non-negative numbers."""
    name, ord = "linalg.vector_norm", as_number(host_value(ord, None))
    if not isinstance(ord, (int, float)):
        raise UsageTypeError(f"{name}: expected ord to be a number, got {ord!r}; matrix_norm has 'fro' and 'nuc'")
    return require_floats(name, x, dtype), float(ord), axes(dim, x.ndim), keepdim, dtype


@differentiable(name="linalg.vector_norm", prepare=prepare_norm, x=vector_norm_grad)
@other_names(input="x")
@in_layout(row_major)
def vector_norm(
    x: Tensor, ord: float = 2, dim: Dims = None, keepdim: bool = False, *, dtype: Dtype | None = None,
    out: Tensor | None = None,
) -> Array:
    """Return ``sum(|x| ** ord) ** (1 / ord)`` over ``dim``, all by default; inf gives the largest, 0 counts nonzeros.

    Args:
        x: Floating-point or complex numbers, (*).
        ord: Order of the norm, a number. Default: ``2``.

    Raises:
        RuntimeError, TypeError: If ``ord`` is not a number.
        RuntimeError: If ``x`` holds integers or bools.

    >>> import minitensor as torch
    >>> torch.linalg.vector_norm(torch.tensor([3., 4.]))
    tensor(5.)
    """
    xp, array, kind = x.xp, x.array, x.array.dtype
    dims: Axes = dim
    if kind.itemsize == 2:
        array = array.astype("float32")
    size = array if ord == 2 and kind.kind == "f" else xp.abs(array)
    if ord < 0 or math.isinf(ord):
        require_sizes("norm", array.shape, dims)
    if math.isinf(ord):
        found = size.max(dims, keepdims=keepdim) if ord > 0 else size.min(dims, keepdims=keepdim)
    elif ord == 0:
        found = xp.add.reduce(size != 0, dims, size.dtype, None, keepdim)
    elif ord == 1:
        found = x.backend.sum(size, dims, keepdim)
    elif ord == 2:
        # Not scaled, as in PyTorch: in float32, squares of elements above 1.8e19 overflow.
        found = xp.sqrt(x.backend.sum(size * size, dims, keepdim))
    else:
        found = x.backend.sum(size**ord, dims, keepdim) ** (1 / ord)
    result: Array = found.astype(kind) if kind.itemsize == 2 else found
    return result

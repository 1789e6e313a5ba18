"""The p-norm of vectors: the one norm with a gradient formula of its own, from which the others are built."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from minitensor.autograd.declare import differentiable
from minitensor.errors import DtypeError
from minitensor.ops.arithmetic import mul
from minitensor.ops.choice import where
from minitensor.ops.extremes import is_extreme, require_sizes
from minitensor.ops.reduce import restore_dims, sum
from minitensor.ops.rounding import abs, sgn

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor


def vector_norm_grad(grad: Tensor, input: Tensor, p: float, dims: tuple[int, ...], result: Tensor) -> Tensor:
    """Return the gradient of a p-norm; zero where the norm is zero and, for p < 2, where an element is zero."""
    shape = input.shape
    grad, norm = restore_dims(grad, shape, dims), restore_dims(result, shape, dims)
    if p == 0:
        return sgn(input) * 0
    if p == 1:
        return grad * sgn(input)
    if math.isinf(p):
        extreme = is_extreme(abs(input), norm)
        return grad / sum(extreme, dims, True) * (sgn(input) * extreme)
    if p == 2:
        direction: Tensor = where(norm == 0, 0, grad / norm)
        return input * direction
    scale = where(norm == 0, 0, grad * norm ** (1 - p))
    # The inner `where` keeps the power of a zero, infinite for p < 2, out of the second derivative.
    nonzero = where(input == 0, 1, abs(input))
    power: Tensor = where(input == 0, 0, input * nonzero ** (p - 2) if p > 1 else sgn(input) * nonzero ** (p - 1))
    return mul(power, scale)


@differentiable(input=vector_norm_grad)
def vector_norm(input: Tensor, p: float, dims: tuple[int, ...], keepdim: bool) -> Array:
    """Return ``sum(|x| ** p) ** (1 / p)`` along ``dims``: for inf and -inf an extreme of |x|, for 0 a count."""
    xp, array = input.xp, input.array
    dtype = array.dtype
    if dtype.kind not in "fc":
        raise DtypeError(f"norm: expected a floating point or complex tensor, got {input.dtype.name}; cast it first")
    if dtype.itemsize == 2:
        array = array.astype("float32")
    size = xp.abs(array)
    if p < 0 or math.isinf(p):
        require_sizes("norm", array.shape, dims)
    if math.isinf(p):
        found = size.max(dims, keepdims=keepdim) if p > 0 else size.min(dims, keepdims=keepdim)
    elif p == 0:
        found = xp.add.reduce(size != 0, dims, size.dtype, None, keepdim)
    elif p == 1:
        found = input.backend.sum(size, dims, keepdim)
    elif p == 2:
        found = xp.sqrt(input.backend.sum(size * size, dims, keepdim))
    else:
        found = input.backend.sum(size**p, dims, keepdim) ** (1 / p)
    result: Array = found.astype(dtype) if dtype.itemsize == 2 else found
    return result

"""Running reductions: after each element along a dim, what the elements so far come to, and the differences back again.

The gradient of a running sum is a running sum from the other end. That of a running product is the same divided by the
input; where the input holds a zero, and nothing may be divided by it, it is a linear recurrence, see Note [Zeros].

Note [Zeros]. Let y_j = x_0 x_1 ... x_j. The gradient of x_i sums, over all j >= i, g_j times the product without x_i:
that is E_i S_i, where E_i = x_0 ... x_(i-1), and S_i = g_i + x_(i+1) S_(i+1). The recurrence's own gradient is again
a recurrence, from the other end. So nothing is divided, and every order is right.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from minitensor.autograd.record import differentiable
from minitensor.dtypes import bool_
from minitensor.errors import ShapeError
from minitensor.ops import return_types
from minitensor.ops.aliasing import delivered
from minitensor.ops.compare import NoOrder
from minitensor.ops.join import cat
from minitensor.ops.pointwise import as_float, conj, div, exp, where
from minitensor.shapes import wrap_dim

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.dtypes import dtype as Dtype
    from minitensor.tensor import Tensor

# PyTorch accumulates in double precision here, and in 64 bits for integers.
ACCUMULATOR = {"b": "int64", "u": "int64", "i": "int64", "f": "float64", "c": "complex128"}


# -- sums --------------------------------------------------------------------------------------------------------------


def sum_gradient(grad: Tensor, dim: int, reverse: bool) -> Tensor:
    """Run from the other end."""
    return _cumsum(grad, dim, not reverse)


@differentiable(input=sum_gradient)
def _cumsum(input: Tensor, dim: int, reverse: bool) -> Array:
    array = input.array
    if array.dtype.kind not in "fc" or not array.ndim:
        return running(input.xp.cumsum, array, dim, reverse)
    if not reverse:
        return input.backend.cumsum(array, dim)
    return input.backend.cumsum(array[backwards(dim)], dim)[backwards(dim)]


def cumsum(input: Tensor, dim: int, *, dtype: Dtype | None = None, out: Tensor | None = None) -> Tensor:
    """Return the sums up to each element along ``dim``; of integers and bools as int64.

    >>> import minitensor as torch
    >>> torch.cumsum(torch.tensor([1, 2, 3]), 0)
    tensor([1, 3, 6])
    """
    if dtype is not None:
        return delivered(cumsum(input.to(dtype), dim).to(dtype), out)
    return delivered(_cumsum(input, wrap_dim(dim, input.ndim), False), out)


def running(function: Any, array: Array, dim: int, reverse: bool) -> Array:
    """Run along a dim, from either end."""
    kind = array.dtype.kind
    if not array.ndim:
        return array.astype("int64") if kind in "biu" else array.copy()
    if reverse:
        array = array[backwards(dim)]
    found = function(array, axis=dim, dtype=ACCUMULATOR[kind])
    if reverse:
        found = found[backwards(dim)]
    result: Array = found if kind in "biu" else found.astype(array.dtype)
    return result


def backwards(dim: int) -> tuple[slice, ...]:
    """Return the index that turns a dim around."""
    return (slice(None),) * dim + (slice(None, None, -1),)


# -- products ----------------------------------------------------------------------------------------------------------


def product_gradient(grad: Tensor, input: Tensor, result: Tensor, dim: int, reverse: bool) -> Tensor:
    """Return the gradient of a running product; see Note [Zeros]."""
    if not (input.array == 0).any():
        return div(_cumsum(grad * conj(result), dim, not reverse), conj(input))
    factors = conj(input)
    later = recurrence(grad, shift(factors, dim, not reverse, 0), dim, not reverse)
    return shift(_cumprod(factors, dim, reverse), dim, reverse, 1) * later


@differentiable(input=product_gradient)
def _cumprod(input: Tensor, dim: int, reverse: bool) -> Array:
    return running(input.xp.cumprod, input.array, dim, reverse)


def cumprod(input: Tensor, dim: int, *, dtype: Dtype | None = None, out: Tensor | None = None) -> Tensor:
    """Return the products up to each element along ``dim``; of integers and bools as int64."""
    if dtype is not None:
        return delivered(cumprod(input.to(dtype), dim).to(dtype), out)
    return delivered(_cumprod(input, wrap_dim(dim, input.ndim), False), out)


def products_of_others(input: Tensor, dim: int) -> Tensor:
    """Return for each element the product of all others along ``dim``."""
    return shift(_cumprod(input, dim, False), dim, False, 1) * shift(_cumprod(input, dim, True), dim, True, 1)


def shift_back(grad: Tensor, dim: int, reverse: bool) -> Tensor:
    """Move the other way; what fell off comes back as zero."""
    return shift(grad, dim, not reverse, 0)


@differentiable(input=shift_back)
def shift(input: Tensor, dim: int, reverse: bool, first: float) -> Array:
    """Move all elements one place up along ``dim`` (down, if ``reverse``); ``first`` fills the place left empty."""
    array = input.array
    result = input.xp.full_like(array, first)
    if array.ndim:
        lead = (slice(None),) * dim
        low, high = (*lead, slice(None, -1)), (*lead, slice(1, None))
        if reverse:
            low, high = high, low
        result[high] = array[low]
    return result


def recurrence_gradient(grad: Tensor, factor: Tensor, dim: int, reverse: bool) -> Tensor:
    """Run the recurrence from the other end."""
    return recurrence(grad, shift(conj(factor), dim, not reverse, 0), dim, not reverse)


@differentiable(
    input=recurrence_gradient,
    factor=lambda grad, factor, dim, reverse, result: (
        recurrence_gradient(grad, factor, dim, reverse) * conj(shift(result, dim, reverse, 0))
    ),
)
def recurrence(input: Tensor, factor: Tensor, dim: int, reverse: bool) -> Array:
    """Return s with ``s[i] = input[i] + factor[i] * s[i - 1]`` along ``dim`` (``s[i + 1]``, if ``reverse``)."""
    result: Array = input.array.copy()
    if not result.ndim:
        return result
    rows, factors = input.xp.moveaxis(result, dim, 0), input.xp.moveaxis(factor.array, dim, 0)
    order = range(len(rows))[::-1] if reverse else range(len(rows))
    for before, i in pairwise(order):
        rows[i] += factors[i] * rows[before]
    return result


# -- extremes ----------------------------------------------------------------------------------------------------------


def doubled(function: Any, array: Array, dim: int) -> Array:
    """Run an associative function along a dim in log2(n) passes, each of which reaches twice as far."""
    result: Array = array.copy()
    if result.ndim:
        lead, reach, size = (slice(None),) * dim, 1, array.shape[dim]
        while reach < size:
            far, near = (*lead, slice(None, -reach)), (*lead, slice(reach, None))
            result[near] = function(result[far], result[near])
            reach *= 2
    return result


def running_extreme(input: Tensor, dim: int, name: str) -> tuple[Array, Array]:
    """Return the best element so far and the last place of it; NaN beats all."""
    xp, array = input.xp, input.array
    if array.dtype.kind == "c":
        raise NoOrder(f"cummax and cummin: not implemented for {input.dtype.name}: complex numbers have no order")
    values = doubled(getattr(xp, name), array, dim)
    places = xp.arange(array.shape[dim] if array.ndim else 1).reshape((-1,) + (1,) * max(array.ndim - dim - 1, 0))
    wins = (array == values) | (array != array)
    return values, doubled(xp.maximum, xp.where(wins, places, 0).reshape(array.shape), dim)


def gathered_back(grad: Tensor, indices: Tensor, shape: tuple[int, ...], dim: int) -> Tensor:
    """Send every gradient to the element that it was taken from; one element may have been taken often."""
    return grad.new_zeros(shape).scatter_add(dim, indices, grad)


@differentiable(input=lambda grads, results, in_shape, dim: gathered_back(grads[0], results[1], in_shape, dim))
def _cummax(input: Tensor, dim: int) -> tuple[Array, Array]:
    return running_extreme(input, dim, "maximum")


@differentiable(input=lambda grads, results, in_shape, dim: gathered_back(grads[0], results[1], in_shape, dim))
def _cummin(input: Tensor, dim: int) -> tuple[Array, Array]:
    return running_extreme(input, dim, "minimum")


def cummax(input: Tensor, dim: int) -> return_types.cummax:
    """Return the largest element up to each place along ``dim``, and where it stands; of equal ones the last."""
    return return_types.cummax(*_cummax(input, wrap_dim(dim, input.ndim)))


def cummin(input: Tensor, dim: int) -> return_types.cummin:
    """Return the smallest element up to each place along ``dim``, and where it stands; of equal ones the last."""
    return return_types.cummin(*_cummin(input, wrap_dim(dim, input.ndim)))


# -- logarithms of sums ------------------------------------------------------------------------------------------------


def logcumsumexp_gradient(grad: Tensor, input: Tensor, result: Tensor, dim: int) -> Tensor:
    """Return the sums over j >= i of ``grad[j] * exp(input[i] - result[j])``, no factor of which exceeds 1."""
    following = shift(result, dim, True, math.inf)
    later = recurrence(grad, exp(where(following == result, 0, result - following)), dim, True)
    share: Tensor = where(result == -math.inf, 0, exp(input - result))
    return share * later


@differentiable(input=logcumsumexp_gradient)
def _logcumsumexp(input: Tensor, dim: int) -> Array:
    array = as_float(input)
    return doubled(input.xp.logaddexp, array.astype("float64"), dim).astype(array.dtype)


def logcumsumexp(input: Tensor, dim: int, *, out: Tensor | None = None) -> Tensor:
    """Return the logarithm of the sums of the exponentials up to each element along ``dim``, without overflow."""
    return delivered(_logcumsumexp(input, wrap_dim(dim, input.ndim)), out)


# -- differences -------------------------------------------------------------------------------------------------------


def diff(
    input: Tensor, n: int = 1, dim: int = -1, prepend: Tensor | None = None, append: Tensor | None = None
) -> Tensor:
    """Return the differences of neighbours along ``dim``, taken ``n`` times.

    ``prepend`` and ``append`` are joined to ``input`` first.

    >>> import minitensor as torch
    >>> torch.diff(torch.tensor([1, 4, 9]))
    tensor([3, 5])
    """
    dim = wrap_dim(dim, input.ndim)
    if not input.ndim:
        raise ShapeError("diff: expected a tensor of at least one dimension, got a 0-d tensor")
    if n < 0:
        raise ShapeError(f"diff: order must be non-negative, but got {n}")
    ends = [part for part in (prepend, input, append) if part is not None]
    if len(ends) > 1:
        input = cat(ends, dim)
    for _ in range(min(n, input.shape[dim])):
        size = input.shape[dim] - 1
        high, low = input.narrow(dim, 1, size), input.narrow(dim, 0, size)
        input = high ^ low if input.dtype is bool_ else high - low
    return input

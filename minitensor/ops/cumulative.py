"""Running reductions along a dim: sums, products, extremes, logarithms of sums.

The gradient of a running sum is a running sum from the other end. That of a running product is such a sum divided by
the input, or, where the input holds a zero, a linear recurrence; see Note [Zeros].

Note [Zeros]. Let y_j = x_0 x_1 ... x_j. The gradient of x_i sums, over all j >= i, g_j times the product without x_i:
that is E_i S_i, where E_i = x_0 ... x_(i-1), and S_i = g_i + x_(i+1) S_(i+1). The recurrence's own gradient is again
a recurrence, from the other end. Nothing is divided, and every order of differentiation is right.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from minitensor import dtypes
from minitensor.autograd.declare import differentiable
from minitensor.autograd.strides import in_layout, row_major
from minitensor.backends import any_true
from minitensor.dtypes import complex128, float64
from minitensor.errors import DtypeError, UnsupportedDtypeError
from minitensor.layouts import numel
from minitensor.ops import return_types
from minitensor.ops.aliasing import inplace
from minitensor.ops.arithmetic import conj, div
from minitensor.ops.choice import where
from minitensor.ops.exponentials import exp
from minitensor.ops.kinds import INEXACT, of_kind
from minitensor.ops.out import dtype_of_sum
from minitensor.shapes import wrap_dim

if TYPE_CHECKING:
    from minitensor.backends import Array, Library
    from minitensor.dtypes import dtype as Dtype
    from minitensor.tensor import Tensor


# -- sums --------------------------------------------------------------------------------------------------------------


def along_dim(input: Tensor, dim: int) -> tuple[Tensor, int]:
    """Return ``dim`` as a non-negative number."""
    return input, wrap_dim(dim, input.ndim)


def terms(input: Tensor, dim: int, dtype: Dtype | None, *, out: Any = None) -> tuple[Tensor, int, Dtype | None]:
    """Cast the input to the given dtype, or that of ``out``, and return ``dim`` as a non-negative number."""
    if out is not None:
        dtype = running_dtype(dtype, out)
    return input if dtype is None else input.to(dtype), wrap_dim(dim, input.ndim), dtype


def cumsum_grad(grad: Tensor, dim: int) -> Tensor:
    """Return the running sum from the last element on."""
    return reverse_cumsum(grad, dim)


@differentiable(prepare=terms, input=cumsum_grad)
@in_layout(row_major)
def cumsum(input: Tensor, dim: int, *, dtype: Dtype | None = None, out: Tensor | None = None) -> Array:
    """Return the running sum along ``dim``, each element included; int64 for integers and bools.

    Raises:
        RuntimeError: If ``out`` holds bools.

    >>> import minitensor as torch
    >>> torch.cumsum(torch.tensor([1, 2, 3]), 0)
    tensor([1, 3, 6])
    """
    return cast_result(accumulate(input, "add", dim, False), dtype)


@differentiable(input=lambda grad, dim: cumsum(grad, dim))
def reverse_cumsum(input: Tensor, dim: int) -> Array:
    """Return the running sum from the last element on, the gradient of ``cumsum``."""
    return accumulate(input, "add", dim, True)


def running_dtype(wanted: Dtype | None, out: Any) -> Dtype | None:
    """Return the dtype of running sums or products: the given one, or that of ``out``; raise for bools."""
    found = dtype_of_sum(wanted, out)
    if found is dtypes.bool_:
        raise UnsupportedDtypeError("cumsum and cumprod: not implemented for an out= of bools; give one of integers")
    return found


def cast_result(array: Array, dtype: Dtype | None) -> Array:
    """Cast a result to the dtype that the caller gave; small integers wrap, as in PyTorch."""
    result: Array = array if dtype is None else array.astype(dtype.numpy, copy=False)
    return result


def accumulate(input: Tensor, name: str, dim: int, reverse: bool) -> Array:
    """Accumulate along a dim, from either end; integers and bools as int64."""
    array = input.array
    if array.dtype.kind in "biu":
        array = array.astype("int64")
    if not array.ndim or not array.size:
        alone: Array = array.copy()
        return alone
    if not reverse:
        return input.backend.accumulate(name, array, dim)
    result: Array = input.backend.accumulate(name, array[reversal(dim)], dim)[reversal(dim)]
    return result


def reversal(dim: int) -> tuple[slice, ...]:
    """Return the index that reverses a dim."""
    return (slice(None),) * dim + (slice(None, None, -1),)


# -- products ----------------------------------------------------------------------------------------------------------


def cumprod_grad(grad: Tensor, input: Tensor, result: Tensor, dim: int) -> Tensor:
    """Return the gradient of a running product; see Note [Zeros]."""
    if not input.ndim:
        return grad
    if can_divide(result):
        return div(reverse_cumsum(grad * conj(result), dim), conj(input))
    factors = conj(input)
    later = recurrence(grad, shift(factors, dim, True, 0), dim, True)
    return shift(cumprod(factors, dim), dim, False, 1) * later


def reverse_cumprod_grad(grad: Tensor, input: Tensor, result: Tensor, dim: int) -> Tensor:
    """Return the gradient of a running product from the last element on; see Note [Zeros]."""
    if not input.ndim:
        return grad
    if can_divide(result):
        return div(cumsum(grad * conj(result), dim), conj(input))
    factors = conj(input)
    earlier = recurrence(grad, shift(factors, dim, False, 0), dim, False)
    return shift(reverse_cumprod(factors, dim), dim, True, 1) * earlier


def can_divide(products: Tensor) -> bool:
    """Return whether dividing each product by a factor gives the product of the others: all are finite and nonzero."""
    # An underflow to zero counts as a zero factor: the slow way is right there too.
    return not any_true(~(products.isfinite().array & (products.array != 0)))


@differentiable(prepare=terms, input=cumprod_grad)
@in_layout(row_major)
def cumprod(input: Tensor, dim: int, *, dtype: Dtype | None = None, out: Tensor | None = None) -> Array:
    """Return the running product along ``dim``, each element included; int64 for integers and bools.

    Raises:
        RuntimeError: If ``out`` holds bools.

    >>> import minitensor as torch
    >>> torch.cumprod(torch.tensor([1, 2, 3]), 0)
    tensor([1, 2, 6])
    """
    return cast_result(accumulate(input, "multiply", dim, False), dtype)


@differentiable(input=reverse_cumprod_grad)
def reverse_cumprod(input: Tensor, dim: int) -> Array:
    """Return the running product from the last element on."""
    return accumulate(input, "multiply", dim, True)


def products_of_others(input: Tensor, dim: int) -> Tensor:
    """Return for each element the product of all others along ``dim``."""
    return shift(cumprod(input, dim), dim, False, 1) * shift(reverse_cumprod(input, dim), dim, True, 1)


def shift_grad(grad: Tensor, dim: int, reverse: bool) -> Tensor:
    """Shift the gradient the other way and fill with zero."""
    return shift(grad, dim, not reverse, 0)


@differentiable(input=shift_grad)
def shift(input: Tensor, dim: int, reverse: bool, first: float) -> Array:
    """Shift all elements up by one along ``dim`` (down if ``reverse``); ``first`` fills the vacant place."""
    array = input.array
    result = input.xp.full_like(array, first)
    if array.ndim:
        lead = (slice(None),) * dim
        low, high = (*lead, slice(None, -1)), (*lead, slice(1, None))
        if reverse:
            low, high = high, low
        result[high] = array[low]
    return result


def recurrence_grad(grad: Tensor, factor: Tensor, dim: int, reverse: bool) -> Tensor:
    """Run the recurrence from the other end."""
    return recurrence(grad, shift(conj(factor), dim, not reverse, 0), dim, not reverse)


@differentiable(
    input=recurrence_grad,
    factor=lambda grad, factor, dim, reverse, result: (
        recurrence_grad(grad, factor, dim, reverse) * conj(shift(result, dim, reverse, 0))
    ),
)
def recurrence(input: Tensor, factor: Tensor, dim: int, reverse: bool) -> Array:
    """Return s with ``s[i] = input[i] + factor[i] * s[i - 1]`` along ``dim`` (``s[i + 1]``, if ``reverse``)."""
    result: Array = input.array.copy()
    if not result.ndim:
        return result
    rows, factors = input.xp.moveaxis(result, dim, 0), input.xp.moveaxis(factor.array, dim, 0)
    if reverse:
        rows, factors = rows[::-1], factors[::-1]
    if len(rows) > numel(rows.shape[1:]):
        recur_by_doubling(rows, factors.copy())
    else:
        for before, i in pairwise(range(len(rows))):
            rows[i] += factors[i] * rows[before]
    return result


def recur_by_doubling(rows: Array, factors: Array) -> None:
    """Run the recurrence in log2(n) passes, each reaching twice as far back: faster where there are few lanes."""
    reach = 1
    while reach < len(rows):
        # Products are new arrays, so both lines read what the pass before left.
        rows[reach:] += factors[reach:] * rows[:-reach]
        factors[reach:] = factors[reach:] * factors[:-reach]
        reach *= 2


# -- extremes ----------------------------------------------------------------------------------------------------------


def running_extreme(input: Tensor, dim: int, name: str) -> tuple[Array, Array]:
    """Return the running extreme and the last index of it; NaN beats all."""
    array = input.array
    if array.dtype.kind == "c":
        raise UnsupportedDtypeError(
            f"cummax and cummin: not implemented for {input.dtype.name}: complex numbers have no order"
        )
    if not array.ndim or not array.size:
        return array.copy(), input.xp.zeros(array.shape, "int64")
    return input.backend.running_extreme(name, array, dim)


def running_extreme_grad(grads: Any, result1: Tensor, in_shape: tuple[int, ...], dim: int) -> Tensor:
    """Add each gradient at the element that it was taken from."""
    return grads[0].new_zeros(in_shape).scatter_add(dim, result1, grads[0])  # type: ignore[no-any-return]  # a tensor


@differentiable(prepare=along_dim, returns=return_types.cummax, input=running_extreme_grad)
def cummax(input: Tensor, dim: int, *, out: Any = None) -> tuple[Array, Array]:
    """Return the running maximum along ``dim`` and its indices, the last of equal elements.

    Raises:
        NotImplementedError: If ``input`` is complex.

    >>> import minitensor as torch
    >>> torch.cummax(torch.tensor([1, 3, 2]), 0).values
    tensor([1, 3, 3])
    """
    return running_extreme(input, dim, "maximum")


@differentiable(prepare=along_dim, returns=return_types.cummin, input=running_extreme_grad)
def cummin(input: Tensor, dim: int, *, out: Any = None) -> tuple[Array, Array]:
    """Return the running minimum along ``dim`` and its indices, the last of equal elements.

    Raises:
        NotImplementedError: If ``input`` is complex.

    >>> import minitensor as torch
    >>> torch.cummin(torch.tensor([2, 1, 3]), 0).values
    tensor([2, 1, 1])
    """
    return running_extreme(input, dim, "minimum")


# -- logarithms of sums ------------------------------------------------------------------------------------------------


def logcumsumexp_grad(grad: Tensor, input: Tensor, result: Tensor, dim: int) -> Tensor:
    """Return the sums over j >= i of ``grad[j] * exp(input[i] - result[j])``, no factor of which exceeds 1.

    Computed in double precision: each term is a product of many factors, whose errors would accumulate.
    """
    if not input.ndim:
        return grad
    kind, exact = grad.dtype, complex128 if grad.dtype.is_complex else float64
    grad, input, result = [each.to(exact) for each in (grad, input, result)]
    following = shift(result, dim, True, math.inf)
    # Equal ones include two infinities, whose difference would be NaN.
    later = recurrence(grad, conj(exp(where(following == result, 0, result - following))), dim, True)
    share: Tensor = where(result == -math.inf, 0, conj(exp(input - result)))
    return (share * later).to(kind)


@differentiable(prepare=along_dim, input=logcumsumexp_grad)
@in_layout(row_major)
def logcumsumexp(input: Tensor, dim: int, *, out: Tensor | None = None) -> Array:
    """Return the logarithms of the running sums of exponentials along ``dim``, without overflow.

    >>> import minitensor as torch
    >>> torch.logcumsumexp(torch.tensor([1000., 1000.]), 0)
    tensor([1000.0000, 1000.6932])
    """
    array = of_kind("logcumsumexp", INEXACT, input.array)
    if array.dtype.kind == "c":
        return running_logarithm(input.xp, array, dim)
    return input.backend.accumulate("logaddexp", array, dim) if array.ndim and array.size else array.copy()


def running_logarithm(xp: Library, array: Array, dim: int) -> Array:
    """Return the logarithms of the running sums of the exponentials of complex numbers.

    Of the logarithms of a sum, which differ by multiples of 2 pi i, the one near the larger term is taken. It depends
    on all sums before it, so the sums are computed one after the other, whole rows at a time.
    """
    result = array.astype("complex128")
    if result.ndim:
        rows = xp.moveaxis(result, dim, 0)
        for before, i in pairwise(range(len(rows))):
            rows[i] = logarithm_of_sum(xp, rows[i], rows[before])
    return result.astype(array.dtype)


def logarithm_of_sum(xp: Library, a: Array, b: Array) -> Array:
    """Return ``log(exp(a) + exp(b))``, the branch near the term with the larger real part; NaN beats all."""
    less = a.real < b.real
    low, high = xp.where(less, a, b), xp.where(less, b, a)
    summed = xp.log1p(xp.exp(low - high)) + high
    summed = xp.where(low.real == -math.inf, high, summed)  # nothing is added
    # inf - inf is NaN; as in PyTorch, the exponentials themselves are added, which keeps the angle of the sum.
    unbounded = (low.real == math.inf) & (high.real == math.inf)
    summed = xp.where(unbounded, xp.log(xp.exp(low) + xp.exp(high)), summed)
    return xp.where((a != a) | (b != b), complex(math.nan, math.nan), summed)


# -- in place ----------------------------------------------------------------------------------------------------------


def terms_in_place(input: Tensor, dim: int, dtype: Dtype | None) -> tuple[Tensor, int, Dtype | None]:
    """Return ``dim`` as a non-negative number; raise if a dtype other than that of the written tensor is given."""
    if dtype is not None and dtype is not input.dtype:
        raise DtypeError(
            f"cumsum_ and cumprod_: bad in-place call: input tensor dtype {input.dtype.name} and output tensor dtype "
            f"{dtype.name} should match; use the out-of-place operation"
        )
    return input, wrap_dim(dim, input.ndim), dtype


@inplace(cumsum, prepare=terms_in_place)
def cumsum_(input: Tensor, dim: int, *, dtype: Dtype | None = None) -> None:
    """Replace each element by the running sum along ``dim``, in place.

    Raises:
        RuntimeError: If ``dtype`` is not the tensor's.
    """


@inplace(cumprod, prepare=terms_in_place)
def cumprod_(input: Tensor, dim: int, *, dtype: Dtype | None = None) -> None:
    """Replace each element by the running product along ``dim``, in place.

    Raises:
        RuntimeError: If ``dtype`` is not the tensor's.
    """

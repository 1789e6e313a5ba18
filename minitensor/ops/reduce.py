"""Reductions: what many elements come to along some dims, or all: sums and means, products, extremes, spread, norms.

A reduction takes ``dim`` (None: all; an int; often several), and ``keepdim`` to leave a 1 in their places. Its
gradient is shown along the dims that went: ``spread`` and ``sum`` are each other's adjoints. Nothing here keeps the
order of elements (that is ``cumulative.py``) or sorts them (``sort.py``).
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from minitensor import layout as layouts
from minitensor.autograd.declare import differentiable, nondifferentiable, view
from minitensor.autograd.misuse import composite, explained, named
from minitensor.base import TensorBase
from minitensor.errors import ArgumentTypeError, DimError, DtypeError, ShapeError, UnsupportedDtype
from minitensor.layout import numel
from minitensor.ops import return_types
from minitensor.ops.compare import NoOrder, isnan
from minitensor.ops.cumulative import divides_all, products_of_others
from minitensor.ops.kinds import ORDERED, require_kind
from minitensor.ops.operand import require_tensors
from minitensor.ops.out import delivered, dtype_of_sum, received, require_dtype
from minitensor.ops.pointwise import as_float, conj, maximum, minimum, mul, where
from minitensor.ops.unary import abs, exp, sgn
from minitensor.shapes import integer, memoised, reduced_dims, reduced_shape, wrap_dim

if TYPE_CHECKING:
    from minitensor.backends import Array, Library
    from minitensor.backends.base import Backend
    from minitensor.dtypes import dtype as Dtype
    from minitensor.layout import Layout
    from minitensor.tensor import Tensor

MANY = 4096  # from here on the time is in the elements, not in the call

Dims: TypeAlias = "int | Sequence[int] | None"


# -- dims that go, and come back ---------------------------------------------------------------------------------------


def axes(dim: Dims, ndim: int) -> tuple[int, ...]:
    """Return the dims that a reduction takes away, counted from the front; None and none at all mean all."""
    return _axes(tuple(dim) if isinstance(dim, Sequence) else dim, ndim)


@memoised
def _axes(dim: int | tuple[int, ...] | None, ndim: int) -> tuple[int, ...]:
    return reduced_dims(dim, ndim)


@memoised
def count(shape: tuple[int, ...], dims: tuple[int, ...]) -> int:
    """Return how many elements become one."""
    return math.prod([shape[dim] for dim in dims])


def spread_back(grad: Tensor, dims: tuple[int, ...], in_shape: tuple[int, ...]) -> Tensor:
    """Add up what was shown, into the shape it was shown from."""
    return _sum_dims(grad, dims, grad.ndim == len(in_shape))


@view(input=spread_back)
def spread(input: Tensor, shape: tuple[int, ...], dims: tuple[int, ...]) -> Layout:
    """Show a reduced tensor in the shape before the reduction: each element all along the dims that went."""
    kept = layouts.view(input.layout, reduced_shape(shape, dims, True))
    assert kept is not None  # dims of size 1 come and go in any layout
    return layouts.expand(kept, shape)


@view(input=lambda grad, in_shape: grad.reshape(in_shape))
def beside(input: Tensor, shape: tuple[int, ...], dims: tuple[int, ...]) -> Layout:
    """Show a reduced tensor with a 1 in place of each dim that went, so that it broadcasts against ``shape``."""
    kept = layouts.view(input.layout, reduced_shape(shape, dims, True))
    assert kept is not None  # as above
    return kept


# -- sums --------------------------------------------------------------------------------------------------------------


@differentiable(input=lambda grad, in_shape: grad.expand(in_shape))
def _sum(input: Tensor) -> Array:
    array = input.array
    if array.dtype.kind == "f" and array.itemsize > 2:
        if array.size > MANY:
            return input.backend.sum(array, axes(None, array.ndim), False)  # type: ignore[no-any-return]  # or a bare scalar
        xp = input.xp
        return xp.add.reduce(array, None, None, xp.empty((), array.dtype))  # half of array.sum()'s overhead
    result: Array = total(input, array, axes(None, array.ndim), False)
    return result


@differentiable(input=lambda grad, in_shape, dims: spread(grad, in_shape, dims))
def _sum_dims(input: Tensor, dims: tuple[int, ...], keepdim: bool) -> Array:
    result: Array = total(input, input.array, dims, keepdim)
    return result


def sum(
    input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: Dtype | None = None, out: Tensor | None = None
) -> Tensor:
    """Add up all elements, or those along ``dim``; integers and bools are added as int64.

    >>> import minitensor as torch
    >>> torch.sum(torch.tensor([[1., 2.], [3., 4.]]), dim=0)
    tensor([4., 6.])
    """
    if dim is None and keepdim is False and dtype is None and out is None:
        return _sum(input)
    if dim.__class__ is not int or keepdim.__class__ is not bool or dtype is not None or out is not None:
        return sum_along(input, dim, keepdim, dtype=dtype, out=out)
    try:
        return _sum_dims(input, axes(dim, input.ndim), keepdim)
    except Exception as error:
        raise explained("sum", sum, (input, dim, keepdim), {}, error)  # noqa: B904  # its cause is set


@named("sum")
def sum_along(
    input: Tensor, dim: Dims, keepdim: bool, *, dtype: Dtype | None = None, out: Tensor | None = None
) -> Tensor:
    """Add up what a dim, a dtype or ``out`` says more of."""
    if out is not None:
        dtype = dtype_of_sum("sum", dtype, out)
    if dtype is not None:
        return delivered("sum", sum(input.to(dtype), dim, keepdim).to(dtype), out)  # small integers wrap, as asked
    return _sum_dims(input, axes(dim, input.ndim), keepdim)


def total(input: Tensor, array: Array, dims: tuple[int, ...], keepdim: bool) -> Any:
    """Add up an array made of ``input``'s: integers in 64 bits, halves in single precision."""
    dtype = array.dtype
    if dtype.kind in "fc" and dtype.itemsize > 2:
        return input.backend.sum(array, dims, keepdim)
    if dtype.kind == "f":
        return input.backend.sum(array.astype("float32"), dims, keepdim).astype(dtype)
    return input.xp.add.reduce(array, dims, "int64", None, keepdim)


@composite
def nansum(
    input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: Dtype | None = None, out: Tensor | None = None
) -> Tensor:
    """Add up the elements that are not NaN."""
    require_kind("nansum", ORDERED, input)
    if input.array.dtype.kind == "f":
        input = where(isnan(input), 0, input)
        found = sum(input, dim, keepdim, dtype=measurable("nansum", dtype_of_sum("nansum", dtype, out)))
        return delivered("nansum", found, out)
    return sum(input, dim, keepdim, dtype=dtype, out=out)


def measurable(name: str, wanted: Dtype | None) -> Dtype | None:
    """Return the dtype wanted for a sum that leaves out NaN, which only floats have."""
    if wanted is not None and not wanted.is_floating_point:
        raise UnsupportedDtype(f"{name}: not implemented for {wanted.name}: NaN is left out of sums of floats")
    return wanted


@nondifferentiable
def _count_nonzero(input: Tensor, dims: tuple[int, ...]) -> Array:
    return input.xp.add.reduce(input.array != 0, dims, "int64")


@composite
def count_nonzero(input: Tensor, dim: Dims = None) -> Tensor:
    """Count the elements that are not zero."""
    return _count_nonzero(input, axes(dim, input.ndim))


# -- means -------------------------------------------------------------------------------------------------------------


@differentiable(input=lambda grad, in_shape: (grad / numel(in_shape)).expand(in_shape))
def _mean(input: Tensor) -> Array:
    array = input.array
    if array.dtype.kind == "f" and array.itemsize > 2 and array.size <= MANY:
        xp = input.xp
        found = xp.add.reduce(array, None, None, xp.empty((), array.dtype))
        found /= array.size
        return found
    result: Array = average(input, axes(None, array.ndim), False)
    return result


@differentiable(input=lambda grad, in_shape, dims: spread(grad / count(in_shape, dims), in_shape, dims))
def _mean_dims(input: Tensor, dims: tuple[int, ...], keepdim: bool) -> Array:
    result: Array = average(input, dims, keepdim)
    return result


def mean(
    input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: Dtype | None = None, out: Tensor | None = None
) -> Tensor:
    """Return the mean of all elements, or of those along ``dim``; integers must be given a floating ``dtype``.

    >>> import minitensor as torch
    >>> torch.mean(torch.tensor([1., 2., 6.]))
    tensor(3.)
    """
    if dim is None and keepdim is False and dtype is None and out is None:
        return _mean(input)
    if dim.__class__ is not int or keepdim.__class__ is not bool or dtype is not None or out is not None:
        return mean_along(input, dim, keepdim, dtype=dtype, out=out)
    try:
        return _mean_dims(input, axes(dim, input.ndim), keepdim)
    except Exception as error:
        raise explained("mean", mean, (input, dim, keepdim), {}, error)  # noqa: B904  # its cause is set


@named("mean")
def mean_along(
    input: Tensor, dim: Dims, keepdim: bool, *, dtype: Dtype | None = None, out: Tensor | None = None
) -> Tensor:
    """Return the mean where a dim, a dtype or ``out`` says more of it."""
    given = input if dtype is None else cast_for("mean", input, dtype, out)
    return delivered("mean", _mean_dims(given, axes(dim, given.ndim), keepdim), out)


def cast_for(name: str, input: Tensor, dtype: Dtype, out: Any) -> Tensor:
    """Return the input in the dtype that the caller named, which an ``out`` must have."""
    if out is not None:
        require_dtype(name, dtype, out)
    return input.to(dtype)


def average(input: Tensor, dims: tuple[int, ...], keepdim: bool) -> Any:
    """Add up an array and divide by the count, halves in single precision."""
    array = input.array
    dtype = array.dtype
    if dtype.kind not in "fc":
        raise DtypeError(
            "mean: could not infer output dtype: the input dtype must be floating point or complex, got "
            f"{input.dtype.name}; pass dtype=, or cast with .float()"
        )
    if dtype.itemsize == 2:
        return (input.backend.sum(array.astype("float32"), dims, keepdim) / count(array.shape, dims)).astype(dtype)
    return input.backend.sum(array, dims, keepdim) / count(array.shape, dims)


@composite
def nanmean(
    input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: Dtype | None = None, out: Tensor | None = None
) -> Tensor:
    """Return the mean of the elements that are not NaN."""
    if input.array.dtype.kind != "f":
        raise DtypeError(f"nanmean: expected input to have floating point dtype, got {input.dtype.name}")
    there = sum(~isnan(input), dim, keepdim)
    result = nansum(input, dim, keepdim, dtype=dtype_of_sum("nanmean", dtype, out)) / there
    return delivered("nanmean", result, out)


# -- variance ----------------------------------------------------------------------------------------------------------


def variance_gradient(grad: Tensor, input: Tensor, dims: tuple[int, ...], correction: float) -> Tensor:
    """Return the gradient of the variance: 2 (x - mean) / (n - correction)."""
    shape = input.shape
    scale = 2 / (freedom(count(shape, dims), correction) or math.nan)
    return beside(grad, shape, dims) * scale * (input - mean(input, dims, True))


@differentiable(input=variance_gradient)
def _var(input: Tensor, dims: tuple[int, ...], correction: float, keepdim: bool) -> Array:
    result: Array = variance(input, dims, correction, keepdim)
    return result


@differentiable(
    input=lambda grad, input, dims, correction, result: variance_gradient(
        where(result == 0, 0, grad / (result * 2)), input, dims, correction
    )
)
def _std(input: Tensor, dims: tuple[int, ...], correction: float, keepdim: bool) -> Array:
    return input.xp.sqrt(variance(input, dims, correction, keepdim))


def variance(input: Tensor, dims: tuple[int, ...], correction: float, keepdim: bool) -> Any:
    """Return the sum of squared distances from the mean over the degrees of freedom; of complex numbers it is real."""
    array = input.array
    dtype = array.dtype
    if dtype.kind not in "fc":
        raise DtypeError(f"std and var only support floating point and complex dtypes, got {input.dtype.name}")
    if dtype.itemsize == 2:
        array = array.astype("float32")
    n = count(array.shape, dims)
    # From the first element on: so equal elements have a variance of exactly zero, whatever their mean is rounded to.
    first = tuple([slice(1) if dim in dims else slice(None) for dim in range(array.ndim)])
    distance = array - array[first] if n else array
    distance = distance - input.backend.sum(distance, dims, True) / n
    squares = (distance * distance.conj()).real if dtype.kind == "c" else distance * distance
    # A quotient of arrays: 0 degrees of freedom give NaN or infinity, not ZeroDivisionError.
    found = input.backend.sum(squares, dims, keepdim) / squares.dtype.type(freedom(n, correction))
    return found.astype(dtype) if dtype.itemsize == 2 else found


def freedom(n: int, correction: float) -> float:
    """Return the degrees of freedom."""
    return builtins.max(0, n - correction)  # 0 for NaN, as in PyTorch


def spread_arguments(
    dim: Dims | bool, unbiased: bool | None, correction: float | None
) -> tuple[Dims, float]:
    """Sort out PyTorch's two ways to ask: ``unbiased``, even in the place of ``dim``, or a ``correction``."""
    if dim.__class__ is bool:
        dim, unbiased = None, bool(dim)
    if unbiased is None:
        return dim, 1 if correction is None else correction
    if correction is not None:
        raise ArgumentTypeError("var and std take either `unbiased` or `correction`, not both")
    return dim, int(unbiased)


@composite
def var(
    input: Tensor, dim: Dims | bool = None, unbiased: bool | None = None, keepdim: bool = False, *,
    correction: float | None = None, out: Tensor | None = None,
) -> Tensor:
    """Return the variance: squared distances from the mean, over the count minus ``correction`` (1).

    ``unbiased=False`` is ``correction=0``.
    """
    dim, correction = spread_arguments(dim, unbiased, correction)
    return delivered("var", _var(input, axes(dim, input.ndim), correction, keepdim), out)


@composite
def std(
    input: Tensor, dim: Dims | bool = None, unbiased: bool | None = None, keepdim: bool = False, *,
    correction: float | None = None, out: Tensor | None = None,
) -> Tensor:
    """Return the standard deviation, the root of ``var``."""
    dim, correction = spread_arguments(dim, unbiased, correction)
    return delivered("std", _std(input, axes(dim, input.ndim), correction, keepdim), out)


@composite
def var_mean(
    input: Tensor, dim: Dims | bool = None, unbiased: bool | None = None, keepdim: bool = False, *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the variance and the mean."""
    dim, correction = spread_arguments(dim, unbiased, correction)
    return var(input, dim, keepdim=keepdim, correction=correction), mean(input, dim, keepdim)


@composite
def std_mean(
    input: Tensor, dim: Dims | bool = None, unbiased: bool | None = None, keepdim: bool = False, *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the standard deviation and the mean."""
    dim, correction = spread_arguments(dim, unbiased, correction)
    return std(input, dim, keepdim=keepdim, correction=correction), mean(input, dim, keepdim)


# -- products ----------------------------------------------------------------------------------------------------------


def product_gradient(grad: Tensor, input: Tensor, result: Tensor, dim: int) -> Tensor:
    """Return the products of all others; a division gives them where it divides no zero, infinity or NaN."""
    grad = beside(grad, input.shape, axes(dim, input.ndim))
    if not divides_all(result):
        return mul(grad, conj(products_of_others(input, dim)))
    return mul(grad, conj(beside(result, input.shape, axes(dim, input.ndim)) / input))


@differentiable(input=product_gradient)
def _prod(input: Tensor, dim: int, keepdim: bool) -> Array:
    array, xp = input.array, input.xp
    dims = axes(dim, array.ndim)
    if array.dtype.kind in "biu":
        return xp.multiply.reduce(array, dims, "int64", None, keepdim)
    if array.dtype.itemsize == 2:
        return xp.multiply.reduce(array, dims, "float32", None, keepdim).astype(array.dtype)
    return xp.multiply.reduce(array, dims, None, None, keepdim)


@composite
def prod(
    input: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: Dtype | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Multiply all elements, or those along one ``dim``; integers and bools are multiplied as int64."""
    if out is not None:
        dtype = dtype_of_sum("prod", dtype, out)
    if dtype is not None:
        return delivered("prod", prod(input.to(dtype), dim, keepdim).to(dtype), out)
    if dim is None:
        return _prod(input.reshape(-1), 0, False)
    if isinstance(dim, Sequence):
        raise ArgumentTypeError(f"prod: expected one dim as an int, got {dim!r}; call it once for each dim")
    return _prod(input, wrap_dim(dim, input.ndim), keepdim)


# -- extremes ----------------------------------------------------------------------------------------------------------


class NothingToReduce(ShapeError, DimError):
    """An extreme of no elements: PyTorch raises RuntimeError here and IndexError there; this is both."""


def require_elements(name: str, input: Tensor, dims: tuple[int, ...]) -> Array:
    """Return the array, and refuse to reduce over nothing, which has no extreme, and numbers without order."""
    array = input.array
    if array.dtype.kind == "c":
        raise NoOrder(f"{name}: not implemented for {input.dtype.name}: complex numbers have no order; reduce abs()")
    if not array.size:
        require_sizes(name, array.shape, dims)
    return array


def require_sizes(name: str, shape: tuple[int, ...], dims: tuple[int, ...]) -> None:
    """Refuse to reduce over a dim of size 0."""
    for dim in dims:
        if not shape[dim]:
            raise NothingToReduce(
                f"{name}(): expected reduction dim {dim} to have non-zero size, got shape {list(shape)}; "
                "specify another one with the 'dim' argument"
            )


@nondifferentiable
def hits(input: Tensor, value: Tensor) -> Array:
    """Whether an element is the one that was chosen; of NaN, any NaN."""
    a, b = input.array, value.array
    same: Array = a == b
    if a.dtype.kind == "f":
        same |= (a != a) & (b != b)
    return same


def shared_gradient(grad: Tensor, input: Tensor, result: Tensor, dims: tuple[int, ...]) -> Tensor:
    """Share the gradient evenly among all elements that equal the extreme."""
    shape = input.shape
    extreme = hits(input, beside(result, shape, dims))
    return beside(grad, shape, dims) / _sum_dims(extreme, dims, True) * extreme


@differentiable(input=shared_gradient)
def _amax(input: Tensor, dims: tuple[int, ...], keepdim: bool) -> Array:
    result: Array = require_elements("amax", input, dims).max(dims, keepdims=keepdim)
    return result


@differentiable(input=shared_gradient)
def _amin(input: Tensor, dims: tuple[int, ...], keepdim: bool) -> Array:
    result: Array = require_elements("amin", input, dims).min(dims, keepdims=keepdim)
    return result


@composite
def amax(input: Tensor, dim: Dims = None, keepdim: bool = False, *, out: Tensor | None = None) -> Tensor:
    """Return the largest element; equal ones share the gradient."""
    return delivered("amax", _amax(input, axes(dim, input.ndim), keepdim), out)


@composite
def amin(input: Tensor, dim: Dims = None, keepdim: bool = False, *, out: Tensor | None = None) -> Tensor:
    """Return the smallest element; equal ones share the gradient."""
    return delivered("amin", _amin(input, axes(dim, input.ndim), keepdim), out)


@composite
def aminmax(
    input: Tensor, *, dim: int | None = None, keepdim: bool = False, out: Sequence[Tensor] | None = None
) -> return_types.aminmax:
    """Return the smallest and the largest element."""
    return return_types.aminmax(*received("aminmax", (amin(input, dim, keepdim), amax(input, dim, keepdim)), out))


@nondifferentiable
def _argmax(input: Tensor, dim: int | None, keepdim: bool) -> Array:
    return place_of(input, "argmax", dim, keepdim)


@nondifferentiable
def _argmin(input: Tensor, dim: int | None, keepdim: bool) -> Array:
    return place_of(input, "argmin", dim, keepdim)


@composite
def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Tensor | None = None) -> Tensor:
    """Return the index of the largest element along ``dim``, or in the flattened tensor; of equal ones the first.

    >>> import minitensor as torch
    >>> torch.argmax(torch.tensor([[1., 3.], [4., 2.]]), dim=1)
    tensor([1, 0])
    """
    return delivered("argmax", _argmax(input, dim, keepdim), out)


@composite
def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Tensor | None = None) -> Tensor:
    """Return the index of the smallest element along ``dim``, or in the flattened tensor; of equal ones the first."""
    return delivered("argmin", _argmin(input, dim, keepdim), out)


def place_of(input: Tensor, name: str, dim: int | None, keepdim: bool) -> Array:
    """Return the first index of an extreme; a NaN counts as one."""
    if input.array.dtype.kind == "b":
        raise DtypeError(f"{name}: does not support bool input; cast it, as with .int()")
    if dim is None:
        flat = require_elements(name, input, axes(None, input.ndim)).reshape(-1)
        found = getattr(input.xp, name)(flat)
        result: Array = found.reshape((1,) * input.ndim) if keepdim else found
        return result
    dim = wrap_dim(dim, input.ndim)
    found = places(input.xp, name, require_elements(name, input, axes(dim, input.ndim)), dim)
    return found if keepdim else found.reshape(reduced_shape(input.array.shape, dim))


def places(xp: Library, name: str, array: Array, dim: int) -> Array:
    """Return the first index of an extreme along a dim, which is kept."""
    if not array.ndim:
        result: Array = xp.zeros((), "int64")
        return result
    result = getattr(xp, name)(array, axis=dim, keepdims=True)
    return result


# -- values with their places ------------------------------------------------------------------------------------------


def flat_places(xp: Library, index: Array, dim: int, shape: tuple[int, ...]) -> Array:
    """Return positions in a flattened array of a shape: along ``dim`` the indices, along the others each its own."""
    if not shape:
        return index
    inner = numel(shape[dim + 1 :])
    places = index * inner if inner != 1 else index
    if dim:
        outer = xp.arange(numel(shape[:dim])) * (shape[dim] * inner)
        places = places + outer.reshape(shape[:dim] + (1,) * (len(shape) - dim))
    if inner != 1:
        places = places + xp.arange(inner).reshape(shape[dim + 1 :])
    return places


def picked_back(grad: Tensor, in_shape: tuple[int, ...], index: Tensor, dim: int) -> Tensor:
    """Put the gradient of picked elements back where they stood."""
    return placed_along(grad, index, dim, in_shape)


@differentiable(input=picked_back)
def picked_along(input: Tensor, index: Tensor, dim: int) -> Array:
    """Pick elements along ``dim``, in every lane by its own indices; dims other than ``dim`` agree in size."""
    return picked(input.backend, input.array, index.array, dim)


@differentiable(input=lambda grad, index, dim: picked_along(grad, index, dim))
def placed_along(input: Tensor, index: Tensor, dim: int, shape: tuple[int, ...]) -> Array:
    """Put elements into zeros of a shape, in every lane at its own indices, none of which comes twice."""
    flat = input.xp.zeros(numel(shape), input.array.dtype)
    flat[flat_places(input.xp, index.array, dim, shape)] = input.array
    return flat.reshape(shape)


def picked(backend: Backend, array: Array, index: Array, dim: int) -> Array:
    """Pick elements of an array along a dim."""
    if not array.ndim:
        alone: Array = array.copy()
        return alone
    if not index.size:
        return backend.xp.take_along_axis(array, index, dim)
    return backend.gather(array, dim % array.ndim, index, True)


def returned_to_place(grad: Tensor, indices: Tensor, shape: tuple[int, ...], dim: int) -> Tensor:
    """Return the gradient of chosen values: it goes to the elements that they were."""
    dims = axes(dim, len(shape))
    return placed_along(beside(grad, shape, dims), beside(indices, shape, dims), dim, shape)


def chosen(input: Tensor, index: Array, dim: int, keepdim: bool) -> tuple[Array, Array]:
    """Return the values at kept indices along a dim, and the indices."""
    values = picked(input.backend, input.array, index, dim)
    if keepdim or not input.array.ndim:
        return values, index
    shape = reduced_shape(input.array.shape, dim)
    return values.reshape(shape), index.reshape(shape)


@differentiable(input=lambda grads, result1, in_shape, dim: returned_to_place(grads[0], result1, in_shape, dim))
def _max(input: Tensor, dim: int, keepdim: bool) -> tuple[Array, Array]:
    array = require_elements("max", input, axes(dim, input.ndim))
    return chosen(input, places(input.xp, "argmax", array, dim), dim, keepdim)


@differentiable(input=lambda grads, result1, in_shape, dim: returned_to_place(grads[0], result1, in_shape, dim))
def _min(input: Tensor, dim: int, keepdim: bool) -> tuple[Array, Array]:
    array = require_elements("min", input, axes(dim, input.ndim))
    return chosen(input, places(input.xp, "argmin", array, dim), dim, keepdim)


@composite
def max(
    input: Tensor, dim: int | Tensor | None = None, keepdim: bool = False, *, other: Tensor | None = None,
    out: Any = None,
) -> Any:
    """Return the largest element; along ``dim``, with its index; or, given another tensor, the larger of each two.

    >>> import minitensor as torch
    >>> torch.max(torch.tensor([[1., 3.], [4., 2.]]), dim=1)
    torch.return_types.max(
    values=tensor([3., 4.]),
    indices=tensor([1, 0]))
    """
    require_tensors("max", input=input)
    second = dim if isinstance(dim, TensorBase) else other
    if second is not None:
        return maximum(input, second, out=out)
    if dim is None:
        return delivered("maximum", amax(input), out)
    return return_types.max(*received("max", _max(input, wrap_dim(integer(dim), input.ndim), keepdim), out))


@composite
def min(
    input: Tensor, dim: int | Tensor | None = None, keepdim: bool = False, *, other: Tensor | None = None,
    out: Any = None,
) -> Any:
    """Return the smallest element; along ``dim``, with its index; or, given another tensor, the smaller of each two."""
    require_tensors("min", input=input)
    second = dim if isinstance(dim, TensorBase) else other
    if second is not None:
        return minimum(input, second, out=out)
    if dim is None:
        return delivered("minimum", amin(input), out)
    return return_types.min(*received("min", _min(input, wrap_dim(integer(dim), input.ndim), keepdim), out))


# -- all and any -------------------------------------------------------------------------------------------------------


@nondifferentiable
def _all(input: Tensor, dims: tuple[int, ...], keepdim: bool) -> Array:
    return truth(input, input.array.all(dims, keepdims=keepdim))


@nondifferentiable
def _any(input: Tensor, dims: tuple[int, ...], keepdim: bool) -> Array:
    return truth(input, input.array.any(dims, keepdims=keepdim))


def truth(input: Tensor, found: Any) -> Array:
    """Return a truth as bool, but of uint8, PyTorch's bool of old, as uint8."""
    result: Array = found.astype("uint8") if input.array.dtype.kind == "u" else found
    return result


@composite
def all(input: Tensor, dim: Dims = None, keepdim: bool = False, *, out: Tensor | None = None) -> Tensor:
    """Whether all elements are nonzero."""
    return delivered("all", _all(input, axes(dim, input.ndim), keepdim), out)


@composite
def any(input: Tensor, dim: Dims = None, keepdim: bool = False, *, out: Tensor | None = None) -> Tensor:
    """Whether one element is nonzero, or more."""
    return delivered("any", _any(input, axes(dim, input.ndim), keepdim), out)


# -- logarithm of a sum ------------------------------------------------------------------------------------------------


@differentiable(
    input=lambda grad, input, dims, result: (
        beside(grad, input.shape, dims) * conj(exp(input - beside(result, input.shape, dims)))
    )
)
def _logsumexp(input: Tensor, dims: tuple[int, ...], keepdim: bool) -> Array:
    xp, array = input.xp, as_float(input)
    if not count(array.shape, dims):
        return xp.full(reduced_shape(array.shape, dims, keepdim), -math.inf, array.dtype)
    largest = array.real.max(dims, keepdims=True)
    largest = xp.where(xp.isfinite(largest), largest, 0)
    shifted = xp.asarray(array - largest)
    xp.exp(shifted, out=shifted)
    found = xp.log(total(input, shifted, dims, True)) + largest
    return found.reshape(reduced_shape(array.shape, dims, keepdim))


@composite
def logsumexp(input: Tensor, dim: Dims, keepdim: bool = False, *, out: Tensor | None = None) -> Tensor:
    """Return ``log(sum(exp(input)))`` along ``dim`` without overflow."""
    return delivered("logsumexp", _logsumexp(input, axes(dim, input.ndim), keepdim), out)


# -- norms -------------------------------------------------------------------------------------------------------------


def norm_gradient(grad: Tensor, input: Tensor, p: float, dims: tuple[int, ...], result: Tensor) -> Tensor:
    """Return the gradient of a p-norm, zero where the norm or, for p < 2, an element is zero."""
    shape = input.shape
    grad, norm = beside(grad, shape, dims), beside(result, shape, dims)
    if p == 0:
        return sgn(input) * 0
    if p == 1:
        return grad * sgn(input)
    if math.isinf(p):
        extreme = hits(abs(input), norm)
        return grad / _sum_dims(extreme, dims, True) * (sgn(input) * extreme)
    if p == 2:
        direction: Tensor = where(norm == 0, 0, grad / norm)
        return input * direction
    scale = where(norm == 0, 0, grad * norm ** (1 - p))
    # The inner `where` keeps the power of a zero, infinite for p < 2, out of the second derivative.
    nonzero = where(input == 0, 1, abs(input))
    power: Tensor = where(input == 0, 0, input * nonzero ** (p - 2) if p > 1 else sgn(input) * nonzero ** (p - 1))
    return mul(power, scale)


@differentiable(input=norm_gradient)
def vector_norm(input: Tensor, p: float, dims: tuple[int, ...], keepdim: bool) -> Array:
    """Return ``sum(|x| ** p) ** (1 / p)`` along ``dims``; for p = inf the largest, -inf the smallest, 0 the count."""
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

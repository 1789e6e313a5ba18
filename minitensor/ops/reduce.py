"""Reductions over some dims or all: sums, means, variances, products, ``all`` and ``any``, ``logsumexp``.

A reduction takes ``dim`` (None for all, an int, or several) and ``keepdim``, which keeps the reduced dims with size 1.
The gradient of a sum is expanded along the reduced dims: ``spread`` and ``sum`` are each other's adjoints. Extremes are
in ``extremes.py``, running sums in ``cumulative.py``, norms in ``linalg/``.
"""

from __future__ import annotations

import builtins
import math
import operator
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from minitensor import layouts
from minitensor.autograd.declare import differentiable, nondifferentiable, view
from minitensor.autograd.misuse import composite
from minitensor.autograd.strides import in_layout, row_major
from minitensor.backends import BY_ARRAY
from minitensor.backends.numpy.halves import convert
from minitensor.base import TensorBase, has_values, values_of
from minitensor.callers import user_level
from minitensor.dtypes import uint8
from minitensor.errors import ArgumentTypeError, DtypeError, UnsupportedDtypeError
from minitensor.layouts import numel
from minitensor.ops.arithmetic import conj, div, mul
from minitensor.ops.choice import where
from minitensor.ops.compare import isnan
from minitensor.ops.cumulative import can_divide, cast_result, products_of_others
from minitensor.ops.exponentials import exp
from minitensor.ops.kinds import ORDERED, require_kind
from minitensor.ops.operand import SINGLE, as_float
from minitensor.ops.out import dtype_of_sum, require_dtype, write_out
from minitensor.shapes import are_plain, as_int, memoize, reduced_dims, reduced_shape, wrap_dim

if TYPE_CHECKING:
    from minitensor.autograd.argument_types import ListedDims
    from minitensor.backends import Array
    from minitensor.dtypes import dtype as Dtype
    from minitensor.layouts import Layout
    from minitensor.shapes import Shape
    from minitensor.tensor import Tensor

MANY = 4096  # above this size the elements cost more time than the call

Dims: TypeAlias = "int | Sequence[int] | None"
Sizes: TypeAlias = "int | Sequence[int]"
Axes: TypeAlias = Any  # dims in normal form, a tuple of ints; Any, as the signature of an operation tells of its calls


# -- reduced dims ------------------------------------------------------------------------------------------------------


def axes(dim: Dims, ndim: int) -> tuple[int, ...]:
    """Return the dims to reduce as non-negative numbers; None and an empty sequence mean all."""
    if dim.__class__ is not int and dim is not None and not (dim.__class__ is tuple and are_plain(dim)):
        dim = read_dims(dim)
    return reduced_dims(dim, ndim)


def read_dims(dim: Any) -> Any:
    """Return dims among which are tensors or NumPy's integers as ints; bools are dims only after the first."""
    if isinstance(dim, Sequence) and not isinstance(dim, str):
        return tuple([int(each) if i and each.__class__ is bool else read_dims(each) for i, each in enumerate(dim)])
    return operator.index(dim) if isinstance(dim, TensorBase) else as_int(dim)


def over_dims(input: Tensor, dim: Dims, keepdim: bool) -> tuple[Tensor, tuple[int, ...], bool]:
    """Return all dims to reduce as non-negative numbers."""
    return input, axes(dim, input.ndim), keepdim


def over_dims_or_none(input: Tensor, dim: Dims, keepdim: bool) -> tuple[Tensor, tuple[int, ...], bool]:
    """Return the dims to reduce: none at all for an empty sequence, where ``sum`` and others reduce all."""
    is_empty = isinstance(dim, (tuple, list)) and len(dim) == 0
    return (input, (), keepdim) if is_empty else over_dims(input, dim, keepdim)


@memoize
def count(shape: tuple[int, ...], dims: Axes) -> int:
    """Return how many elements are reduced to one."""
    return math.prod([shape[dim] for dim in dims])


def spread_grad(grad: Tensor, dims: tuple[int, ...], in_shape: tuple[int, ...]) -> Tensor:
    """Sum an expanded gradient back to the reduced shape."""
    return sum(grad, dims, grad.ndim == len(in_shape))


@view(input=spread_grad)
def spread(input: Tensor, shape: Shape, dims: Shape) -> Layout:
    """Expand a reduced tensor to ``shape``, the shape before the reduction over ``dims``."""
    kept = layouts.view(input.layout, reduced_shape(shape, dims, True))
    assert kept is not None  # dims of size 1 can be added in any layout
    return layouts.expand(kept, shape)


@view(input=lambda grad, in_shape: grad.reshape(in_shape))
def restore_dims(input: Tensor, shape: Shape, dims: Shape) -> Layout:
    """Return a reduced tensor with each reduced dim as size 1: it broadcasts against ``shape``."""
    kept = layouts.view(input.layout, reduced_shape(shape, dims, True))
    assert kept is not None  # as above
    return kept


# -- sums --------------------------------------------------------------------------------------------------------------


def summands(
    input: Tensor, dim: Dims, keepdim: bool, dtype: Dtype | None, *, out: Any = None
) -> tuple[Tensor, tuple[int, ...], bool, Dtype | None]:
    """Cast the input, and return all dims to reduce as non-negative numbers."""
    if out is not None:
        dtype = dtype_of_sum(dtype, out)
    return input if dtype is None else input.to(dtype), axes(dim, input.ndim), keepdim, dtype


@differentiable(name="sum", input=lambda grad, in_shape: grad.expand(in_shape))
def sum_whole(input: Tensor) -> Array:
    """Return the sum of all elements: `sum` with fewer steps, since most sums are of this kind."""
    array = input.array
    if array.dtype.kind == "f" and array.itemsize > 2:
        if array.size > MANY:
            return input.backend.sum(array, axes(None, array.ndim), False)  # type: ignore[no-any-return]  # or a bare scalar
        xp = BY_ARRAY[array.__class__].xp  # without the frame of `input.xp`
        return xp.add.reduce(array, None, None, xp.empty((), array.dtype))  # half of array.sum()'s overhead
    result: Array = sum_array(input, array, axes(None, array.ndim), False)
    return result


@differentiable(prepare=summands, whole=sum_whole, input=lambda grad, in_shape, dim: spread(grad, in_shape, dim))
@in_layout(row_major)
def sum(
    input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: Dtype | None = None, out: Tensor | None = None
) -> Array:
    """Return the sum of all elements, or of those along ``dim``; integers and bools are summed as int64.

    Args:
        dim: an int or several; None means all.
        dtype: the dtype in which to sum and of the result.

    Raises:
        IndexError: If ``dim`` is out of range.

    >>> import minitensor as torch
    >>> torch.sum(torch.tensor([[1., 2.], [3., 4.]]), dim=0)
    tensor([4., 6.])
    """
    found: Array = sum_array(input, input.array, dim, keepdim)
    return found if dtype is None else cast_result(found, dtype)


def sum_array(input: Tensor, array: Array, dims: Axes, keepdim: bool) -> Any:
    """Sum an array derived from ``input``: integers in 64 bits, halves in single precision."""
    dtype = array.dtype
    if dtype.kind in "fc" and dtype.itemsize > 2:
        return input.backend.sum(array, dims, keepdim)
    if dtype.kind == "f":
        return input.backend.sum(convert(array, SINGLE), dims, keepdim).astype(dtype)
    return input.xp.add.reduce(array, dims, "int64", None, keepdim)


@composite
def nansum(
    input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: Dtype | None = None, out: Tensor | None = None
) -> Tensor:
    """Return the sum of the elements that are not NaN.

    Raises:
        RuntimeError: If the input is complex, or ``dtype``; or ``out`` is not floating-point, without a ``dtype``.

    >>> import minitensor as torch
    >>> torch.nansum(torch.tensor([1., float("nan"), 2.]))
    tensor(3.)
    """
    require_kind("nansum", ORDERED, input)
    if input.dtype.kind == "f":
        if not has_values(input) or input.device.type != "cpu" or input.xp.isnan(values_of(input)).any():
            input = where(isnan(input), 0, input)
        return write_out("nansum", sum(input, dim, keepdim, dtype=dtype_without_nan("nansum", dtype, out)), out)
    return sum(input, dim, keepdim, dtype=dtype, out=out)


def dtype_without_nan(name: str, wanted: Dtype | None, out: Tensor | None) -> Dtype | None:
    """Return the dtype of a sum that skips NaN; raise if it is complex, or that of ``out`` and not floating-point."""
    kind = dtype_of_sum(wanted, out)
    if kind is not None and (kind.is_complex or (wanted is None and not kind.is_floating_point)):
        raise UnsupportedDtypeError(f"{name}: not implemented for {kind.name}: give a floating-point dtype or out=")
    return kind


@nondifferentiable(prepare=lambda input, dim: (input, axes(dim, input.ndim)))
def count_nonzero(input: Tensor, dim: Dims = None) -> Array:
    """Return the number of nonzero elements, in all or along ``dim``, as int64.

    >>> import minitensor as torch
    >>> torch.count_nonzero(torch.tensor([[0, 1], [2, 3]]), dim=0)
    tensor([1, 2])
    """
    return input.xp.add.reduce(input.array != 0, dim, "int64")


# -- means -------------------------------------------------------------------------------------------------------------


def mean_summands(
    input: Tensor, dim: Dims, keepdim: bool, dtype: Dtype | None, *, out: Any = None
) -> tuple[Tensor, tuple[int, ...], bool, Dtype | None]:
    """Cast the input to the given dtype, which ``out`` must have too, and return all dims to reduce."""
    if dtype is not None:
        if out is not None:
            require_dtype("mean", dtype, out)
        input = input.to(dtype)
    return input, axes(dim, input.ndim), keepdim, dtype


@differentiable(name="mean", input=lambda grad, in_shape: grad.expand(in_shape) / numel(in_shape))
def mean_whole(input: Tensor) -> Array:
    """Return the mean of all elements: `mean` with fewer steps, since most means are of this kind."""
    array = input.array
    if array.dtype.kind == "f" and array.itemsize > 2 and array.size <= MANY:
        xp = BY_ARRAY[array.__class__].xp
        found = xp.add.reduce(array, None, None, xp.empty((), array.dtype))
        found /= array.size
        return found
    result: Array = mean_array(input, axes(None, array.ndim), False)
    return result


@differentiable(
    prepare=mean_summands,
    whole=mean_whole,
    input=lambda grad, in_shape, dim: div(spread(grad, in_shape, dim), count(in_shape, dim)),
)
@in_layout(row_major)
def mean(
    input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: Dtype | None = None, out: Tensor | None = None
) -> Array:
    """Return the mean of all elements, or of those along ``dim``.

    Args:
        dim: an int or several; None means all.
        dtype: the dtype to compute in; integers and bools need a floating-point one.

    Raises:
        RuntimeError: If the input holds integers or bools and no ``dtype`` is given.
        IndexError: If ``dim`` is out of range.

    >>> import minitensor as torch
    >>> torch.mean(torch.tensor([1., 2., 6.]))
    tensor(3.)
    """
    result: Array = mean_array(input, dim, keepdim)
    return result


def mean_array(input: Tensor, dims: Axes, keepdim: bool) -> Any:
    """Return the mean of an array; halves are summed in single precision."""
    array = input.array
    dtype = array.dtype
    if dtype.kind not in "fc":
        raise DtypeError(
            "mean: could not infer output dtype: the input dtype must be floating point or complex, got "
            f"{input.dtype.name}; pass dtype=, or cast with .float()"
        )
    if dtype.itemsize == 2:
        return (input.backend.sum(convert(array, SINGLE), dims, keepdim) / count(array.shape, dims)).astype(dtype)
    return input.backend.sum(array, dims, keepdim) / count(array.shape, dims)


@composite
def nanmean(
    input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: Dtype | None = None, out: Tensor | None = None
) -> Tensor:
    """Return the mean of the elements that are not NaN.

    Raises:
        RuntimeError: If the input or ``dtype`` is not floating-point.

    >>> import minitensor as torch
    >>> torch.nanmean(torch.tensor([1., float("nan"), 3.]))
    tensor(2.)
    """
    if input.dtype.kind != "f":
        raise DtypeError(f"nanmean: expected input to have floating point dtype, got {input.dtype.name}")
    wanted = dtype_without_nan("nanmean", dtype, out)
    if wanted is not None and not wanted.is_floating_point:
        raise DtypeError(f"nanmean: expected a floating-point dtype, got {wanted.name}")
    there = sum(~isnan(input), dim, keepdim)
    result = nansum(input, dim, keepdim, dtype=wanted) / there
    return write_out("nanmean", result, out)


# -- variance ----------------------------------------------------------------------------------------------------------


def var_grad(grad: Tensor, input: Tensor, dim: tuple[int, ...], correction: float) -> Tensor:
    """Return the gradient of the variance: 2 (x - mean) / (n - correction)."""
    shape = input.shape
    scale = 2 / (degrees_of_freedom(count(shape, dim), correction) or math.nan)  # NaN as in PyTorch
    return restore_dims(grad, shape, dim) * scale * (input - mean(input, dim, True))


def variance(input: Tensor, dims: Axes, correction: Any, keepdim: bool) -> Any:
    """Return the summed squared distances from the mean over the degrees of freedom; real for complex input."""
    array = input.array
    dtype = array.dtype
    if dtype.kind not in "fc":
        raise DtypeError(f"std and var only support floating point and complex dtypes, got {input.dtype.name}")
    if dtype.itemsize == 2:
        array = convert(array, SINGLE)
    n = count(array.shape, dims)
    # Relative to the first element: equal elements then have a variance of exactly zero, however the mean is rounded.
    first = tuple([slice(1) if dim in dims else slice(None) for dim in range(array.ndim)])
    distance = array - array[first] if n else array
    distance = distance - input.backend.sum(distance, dims, True) / n
    squares = (distance * distance.conj()).real if dtype.kind == "c" else distance * distance
    # NumPy scalars, not Python floats: 0 degrees of freedom give NaN or infinity, not ZeroDivisionError.
    found = input.backend.sum(squares, dims, keepdim) / squares.dtype.type(degrees_of_freedom(n, correction))
    return found.astype(dtype) if dtype.itemsize == 2 else found


def degrees_of_freedom(n: int, correction: float) -> float:
    """Return ``n - correction``, or 0 if it is negative."""
    return builtins.max(0, n - correction)  # 0 for NaN, as in PyTorch


def resolve_correction(
    dim: Dims | bool, unbiased: bool | None, correction: float | None
) -> tuple[Dims, float]:
    """Return ``dim`` and the correction, given as ``unbiased`` (even in place of ``dim``) or as ``correction``."""
    if dim.__class__ is bool:
        dim, unbiased = None, bool(dim)
    if unbiased is None:
        return dim, 1 if correction is None else correction
    if correction is not None:
        raise ArgumentTypeError("var and std take either `unbiased` or `correction`, not both")
    return dim, int(unbiased)


def distances(
    input: Tensor, dim: Dims | bool, unbiased: bool | None, keepdim: bool, correction: float | None
) -> tuple[Tensor, tuple[int, ...], None, bool, float]:
    """Return all dims to reduce, and the correction, which may be given as ``unbiased``."""
    dim, correction = resolve_correction(dim, unbiased, correction)
    dims = axes(dim, input.ndim)
    if input.dtype.kind in "fc" and count(input.layout.shape, dims) <= correction:
        warn_of_freedom("var and std", "the number of elements that are reduced to one")
    return input, dims, None, keepdim, correction


def warn_of_freedom(name: str, count: str) -> None:
    """Warn that a variance of so few numbers is not defined."""
    warnings.warn(
        f"{name}: degrees of freedom is <= 0. Correction should be strictly less than {count}.",
        UserWarning, stacklevel=user_level(),
    )  # fmt: skip


@differentiable(prepare=distances, input=var_grad)
def var(
    input: Tensor, dim: Dims | bool = None, unbiased: bool | None = None, keepdim: bool = False, *,
    correction: float | None = None, out: Tensor | None = None,
) -> Array:
    """Return the variance of all elements or along ``dim``: ``sum((x - mean)**2) / (n - correction)``.

    Args:
        dim: an int or several; None means all. A bool here is taken for ``unbiased``.
        unbiased: True is ``correction=1``, the default; False is ``correction=0``.

    Raises:
        TypeError: If both ``unbiased`` and ``correction`` are given.
        RuntimeError: If the input holds integers or bools.

    >>> import minitensor as torch
    >>> torch.var(torch.tensor([1., 2., 3.])), torch.var(torch.tensor([1., 2., 3.]), correction=0)
    (tensor(1.), tensor(0.6667))
    """
    result: Array = variance(input, dim, correction, keepdim)
    return result


@differentiable(
    prepare=distances,
    # Zero where all elements are equal, as in PyTorch: 0 / 0 would make the whole gradient NaN.
    input=lambda grad, input, dim, correction, result: var_grad(
        where(result == 0, 0, grad / where(result == 0, 1, result * 2)), input, dim, correction
    ),
)
def std(
    input: Tensor, dim: Dims | bool = None, unbiased: bool | None = None, keepdim: bool = False, *,
    correction: float | None = None, out: Tensor | None = None,
) -> Array:
    """Return the standard deviation, the square root of ``var``; arguments as for ``var``.

    >>> import minitensor as torch
    >>> torch.std(torch.tensor([1., 2., 3.]))
    tensor(1.)
    """
    return input.xp.sqrt(variance(input, dim, correction, keepdim))


@composite
def var_mean(
    input: Tensor, dim: Dims | bool = None, unbiased: bool | None = None, keepdim: bool = False, *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the variance and the mean; arguments as for ``var``.

    >>> import minitensor as torch
    >>> torch.var_mean(torch.tensor([1.0, 2.0, 3.0]))
    (tensor(1.), tensor(2.))
    """
    dim, correction = resolve_correction(dim, unbiased, correction)
    return var(input, dim, keepdim=keepdim, correction=correction), mean(input, dim, keepdim)


@composite
def std_mean(
    input: Tensor, dim: Dims | bool = None, unbiased: bool | None = None, keepdim: bool = False, *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the standard deviation and the mean; arguments as for ``var``.

    >>> import minitensor as torch
    >>> torch.std_mean(torch.tensor([1.0, 2.0, 3.0]))
    (tensor(1.), tensor(2.))
    """
    dim, correction = resolve_correction(dim, unbiased, correction)
    return std(input, dim, keepdim=keepdim, correction=correction), mean(input, dim, keepdim)


# -- products ----------------------------------------------------------------------------------------------------------


def prod_grad(grad: Tensor, input: Tensor, result: Tensor, dim: int) -> Tensor:
    """Return ``grad`` times the product of all other elements, by division if no zero, infinity or NaN occurs."""
    grad = restore_dims(grad, input.shape, axes(dim, input.ndim))
    if not can_divide(result):
        return mul(grad, conj(products_of_others(input, dim)))
    return mul(grad, conj(restore_dims(result, input.shape, axes(dim, input.ndim)) / input))


def factors(
    input: Tensor, dim: int | None, keepdim: bool, dtype: Dtype | None, *, out: Any = None
) -> tuple[Tensor, int, bool, Dtype | None]:
    """Cast the input, flatten it if there is no dim, and return the dim as a non-negative number."""
    if out is not None:
        dtype = dtype_of_sum(dtype, out)
    if dtype is not None:
        input = input.to(dtype)
    if dim is None:
        return input.reshape(-1), 0, False, dtype
    if isinstance(dim, Sequence):
        raise ArgumentTypeError(f"prod: expected one dim as an int, got {dim!r}; call it once for each dim")
    return input, wrap_dim(dim, input.ndim), keepdim, dtype


@differentiable(prepare=factors, input=prod_grad)
@in_layout(row_major)
def prod(
    input: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: Dtype | None = None,
    out: Tensor | None = None,
) -> Array:
    """Return the product of all elements, or of those along one ``dim``; integers and bools are multiplied as int64.

    Raises:
        TypeError: If ``dim`` is neither an int nor None.

    >>> import minitensor as torch
    >>> torch.prod(torch.tensor([[1., 2.], [3., 4.]]), dim=1)
    tensor([ 2., 12.])
    """
    array, xp = input.array, input.xp
    dims = axes(dim, array.ndim)
    if array.dtype.kind in "biu":
        found = xp.multiply.reduce(array, dims, "int64", None, keepdim)
    elif array.dtype.itemsize == 2:
        found = xp.multiply.reduce(convert(array, SINGLE), dims, "float32", None, keepdim).astype(array.dtype)
    else:
        found = input.backend.product(array, dims, keepdim)
    result: Array = cast_result(found, dtype)
    return result


# -- all and any -------------------------------------------------------------------------------------------------------


def cast_truth(input: Tensor, found: Any) -> Array:
    """Cast a bool result to uint8 if the input is uint8, PyTorch's former bool."""
    result: Array = found.astype("uint8") if input.dtype is uint8 else found
    return result


@nondifferentiable(prepare=over_dims_or_none)
def all(input: Tensor, dim: ListedDims | None = None, keepdim: bool = False, *, out: Tensor | None = None) -> Array:
    """Return whether all elements are nonzero, in all or along ``dim``; uint8 for uint8 input, else bool.

    >>> import minitensor as torch
    >>> torch.all(torch.tensor([[True, False], [True, True]]), dim=1)
    tensor([False,  True])
    """
    return cast_truth(input, input.xp.all(input.array, dim, keepdims=keepdim))


@nondifferentiable(prepare=over_dims_or_none)
def any(input: Tensor, dim: ListedDims | None = None, keepdim: bool = False, *, out: Tensor | None = None) -> Array:
    """Return whether any element is nonzero, in all or along ``dim``; uint8 for uint8 input, else bool.

    >>> import minitensor as torch
    >>> torch.any(torch.tensor([[False, False], [True, True]]), dim=1)
    tensor([False,  True])
    """
    return cast_truth(input, input.xp.any(input.array, dim, keepdims=keepdim))


# -- logarithm of a sum ------------------------------------------------------------------------------------------------


@differentiable(
    prepare=over_dims,
    input=lambda grad, input, dim, result: (
        restore_dims(grad, input.shape, dim) * conj(exp(input - restore_dims(result, input.shape, dim)))
    ),
)
@in_layout(row_major)
def logsumexp(input: Tensor, dim: Sizes, keepdim: bool = False, *, out: Tensor | None = None) -> Array:
    """Return ``log(sum(exp(input)))`` along ``dim``, an int or several, without overflow.

    >>> import minitensor as torch
    >>> torch.logsumexp(torch.tensor([1000., 1000.]), dim=0)
    tensor(1000.6932)
    """
    xp, array = input.xp, as_float(input)
    dims: Axes = dim
    shape = reduced_shape(array.shape, dims, keepdim)
    if not count(array.shape, dim):
        return xp.full(shape, -math.inf, array.dtype)
    largest = array.real.max(dim, keepdims=True)
    # An infinite maximum is not subtracted: inf - inf is NaN.
    largest = xp.where(xp.isfinite(largest), largest, 0)
    shifted = xp.asarray(array - largest)
    xp.exp(shifted, out=shifted)
    return (xp.log(sum_array(input, shifted, dim, True)) + largest).reshape(shape)

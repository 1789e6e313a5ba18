"""Order statistics: median, mode and quantiles.

Median and mode select an element and return its index. A quantile lies between two neighbors in sorted order; it is a
composite of ``sort`` and ``gather``. NaN counts as the largest number and makes a median NaN, except in ``nanmedian``
and ``nanquantile``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from minitensor.autograd.binding import host_value
from minitensor.autograd.declare import differentiable
from minitensor.autograd.misuse import composite
from minitensor.autograd.strides import in_layout, row_major
from minitensor.autograd.turns import in_turn
from minitensor.backends import any_true
from minitensor.base import TensorBase, values_of, wrap
from minitensor.dtypes import float32, float64
from minitensor.errors import ArgumentTypeError, DtypeError, ShapeError, UsageError
from minitensor.ops import return_types
from minitensor.ops.choice import where
from minitensor.ops.compare import isnan
from minitensor.ops.extremes import along_dim, choose_along, extreme_grad, pick_array, require_elements, selected_grad
from minitensor.ops.kinds import REALS, of_kind
from minitensor.ops.operand import is_number
from minitensor.ops.out import write_out
from minitensor.ops.reduce import any, axes, sum
from minitensor.ops.rounding import ceil, floor, round
from minitensor.ops.sort import sort
from minitensor.shapes import wrap_dim

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor


# -- medians -----------------------------------------------------------------------------------------------------------


@differentiable(name="median", prepare=along_dim, returns=return_types.median, input=selected_grad)
def median_along(input: Tensor, dim: int, keepdim: bool, *, out: Any = None) -> tuple[Array, Array]:
    """Return the medians along ``dim``, and their indices."""
    of_kind("median", REALS, input.array)
    xp, array = input.xp, require_elements("median", input, axes(dim, input.ndim))
    if not array.ndim:
        return array.copy(), xp.zeros((), "int64")
    index = input.backend.argkth(array, (array.shape[dim] - 1) // 2, dim)
    if array.dtype.kind == "f":
        # NaN makes the median NaN, and PyTorch gives the index of the first one.
        unknown = array != array
        index = xp.where(unknown.any(dim, keepdims=True), unknown.argmax(dim, keepdims=True), index)
    return choose_along(input, index, dim, keepdim)


@differentiable(name="median", input=lambda grad, input, result: extreme_grad(grad, input, result, (0,)))
def median_of_vector(input: Tensor) -> Array:
    """Return the median of all elements."""
    of_kind("median", REALS, input.array)
    xp, array = input.xp, input.array
    if not array.size:
        return median_of_nothing(input)
    found = input.backend.kth(array, (array.size - 1) // 2)
    if array.dtype.kind != "f":
        result: Array = found
        return result
    largest = array.max()
    return xp.where(largest != largest, largest, found)  # NaN, if there is one, is the median


@differentiable(name="nanmedian", prepare=along_dim, returns=return_types.nanmedian, input=selected_grad)
@in_layout(row_major)
def nanmedian_along(input: Tensor, dim: int, keepdim: bool, *, out: Any = None) -> tuple[Array, Array]:
    """Return the medians along ``dim`` of the elements that are not NaN, and their indices."""
    of_kind("nanmedian", REALS, input.array)
    xp, array = input.xp, require_elements("nanmedian", input, axes(dim, input.ndim))
    if not array.ndim:
        return array.copy(), xp.zeros((), "int64")
    there = xp.add.reduce(array == array, dim, "int64", None, True)
    middle = xp.maximum(there - 1, 0) // 2
    index = xp.take_along_axis(input.backend.argsort(array, dim, False), middle, dim)
    return choose_along(input, index, dim, keepdim)


@differentiable(name="nanmedian", input=lambda grad, input, result: extreme_grad(grad, input, result, (0,)))
def nanmedian_of_vector(input: Tensor) -> Array:
    """Return the median of all elements that are not NaN."""
    of_kind("nanmedian", REALS, input.array)
    xp, array = input.xp, input.array
    if not array.size:
        return median_of_nothing(input)
    there = xp.add.reduce(array == array, None, "int64")
    result: Array = xp.take(xp.sort(array), xp.maximum(there - 1, 0) // 2)
    return result


def median_of_nothing(input: Tensor) -> Array:
    """Return the median of an empty tensor: NaN if the dtype has one."""
    return input.xp.full((), math.nan).astype(input.array.dtype)


@composite
def median(input: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Any = None) -> Any:
    """Return the median, the lower of two; along ``dim`` a named tuple of values and indices.

    Raises:
        RuntimeError: If ``input`` is complex.

    >>> import minitensor as torch
    >>> torch.median(torch.tensor([3., 1., 2., 4.]))
    tensor(2.)
    """
    if dim is None:
        return write_out("median", median_of_vector(input.reshape(-1)), out)
    return median_along(input, dim, keepdim, out=out)


@composite
def nanmedian(input: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Any = None) -> Any:
    """Return the median of the elements that are not NaN, the lower of two; along ``dim`` with indices.

    Raises:
        RuntimeError: If ``input`` is complex.

    >>> import minitensor as torch
    >>> torch.nanmedian(torch.tensor([3., float("nan"), 1.]))
    tensor(1.)
    """
    if dim is None:
        return write_out("nanmedian", nanmedian_of_vector(input.reshape(-1)), out)
    return nanmedian_along(input, dim, keepdim, out=out)


# -- the most frequent -------------------------------------------------------------------------------------------------


@differentiable(prepare=along_dim, returns=return_types.mode, input=selected_grad)
def mode(input: Tensor, dim: int = -1, keepdim: bool = False, *, out: Any = None) -> tuple[Array, Array]:
    """Return the most frequent element along ``dim`` (the smallest of equally frequent ones) and its last index.

    >>> import minitensor as torch
    >>> torch.mode(torch.tensor([1, 2, 2, 1, 3])).values
    tensor(1)
    """
    xp, array = input.xp, require_elements("mode", input, axes(dim, input.ndim))
    if not array.ndim:
        return array.copy(), xp.zeros((), "int64")
    order = input.backend.argsort(array, dim, False)
    values = pick_array(input.backend, array, order, dim)
    size, lead = array.shape[dim], (slice(None),) * dim
    places = xp.arange(size).reshape((-1,) + (1,) * (array.ndim - dim - 1))
    after, before = lead + (slice(1, None),), lead + (slice(None, -1),)
    starts = xp.zeros(array.shape, "int64")  # of the run of equal elements that each belongs to
    starts[after] = xp.where(values[after] != values[before], places[1:], 0)
    # Largest at the end of the longest run; of equally long ones the first, which holds the smallest element. The sort
    # is stable, so an end is the element's last index.
    lengths = places - input.backend.accumulate("maximum", starts, dim)
    return choose_along(input, xp.take_along_axis(order, lengths.argmax(dim, keepdims=True), dim), dim, keepdim)


# -- quantiles ---------------------------------------------------------------------------------------------------------

INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


@composite
def quantile(
    input: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear",
    out: Tensor | None = None,
) -> Tensor:
    """Return the ``q``-quantiles of all elements or along ``dim``; NaN where there is a NaN.

    Args:
        q: a number or a 0-d or 1-d tensor of numbers in [0, 1]; for a 1-d one the result has a new first dim.
        interpolation: the value between two elements: "linear", "lower", "higher", "midpoint" or "nearest".

    Raises:
        RuntimeError: If the input is empty or not float32 or float64, or a ``q`` lies outside [0, 1].

    >>> import minitensor as torch
    >>> torch.quantile(torch.tensor([0., 1., 4.]), torch.tensor([0.25, 0.5]))
    tensor([0.5000, 1.0000])
    """
    return write_out("quantile", quantiles("quantile", input, q, dim, keepdim, interpolation, False), out)


@composite
def nanquantile(
    input: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear",
    out: Tensor | None = None,
) -> Tensor:
    """Return the quantiles of the elements that are not NaN; arguments as for ``quantile``.

    >>> import minitensor as torch
    >>> torch.nanquantile(torch.tensor([1.0, float("nan"), 3.0]), 0.5)
    tensor(2.)
    """
    return write_out("nanquantile", quantiles("nanquantile", input, q, dim, keepdim, interpolation, True), out)


def quantiles(
    name: str, input: Tensor, q: Any, dim: int | None, keepdim: bool, interpolation: str, ignore_nan: bool
) -> Tensor:
    """Sort, and interpolate at the ranks ``q * (count - 1)``."""
    if interpolation == "linear":  # with other interpolations q has no gradient
        q, input = in_turn(q, input)
    shares = check_q(name, input, q)
    if interpolation not in INTERPOLATIONS:
        raise UsageError(
            f"{name}: interpolation must be one of linear, lower, higher, midpoint or nearest, got {interpolation!r}"
        )
    place = None if dim is None else wrap_dim(dim, input.ndim)
    lanes = input.reshape(-1) if place is None or not input.ndim else input.movedim(place, -1)
    ordered = sort(lanes, -1).values
    unknown = isnan(ordered)
    last = ordered.shape[-1] - 1
    if ignore_nan:
        behind = sum(unknown, -1, True)
        rank = where(behind > last, 0, shares * (last - behind))  # if all are NaN, any rank will do
    else:
        rank = where(any(unknown, -1, True), last, shares * last)  # NaN is sorted last
    return arrange_dims(interpolate(ordered, rank, interpolation), q, input.ndim, place, keepdim)


def check_q(name: str, input: Tensor, q: Any) -> Tensor:
    """Return ``q`` as a vector of the input's dtype; raise if it or the input is invalid."""
    if input.dtype not in (float32, float64):
        raise DtypeError(f"{name}: input tensor must be either float or double dtype, got {input.dtype.name}; cast it")
    if not input.numel():
        raise ShapeError(f"{name}: input tensor must be non-empty, got shape {list(input.shape)}")
    q = host_value(q, None)
    if is_number(q):
        if isinstance(q, complex):
            raise ArgumentTypeError(f"{name}(): argument 'q' must be a real number or a tensor, not {q}")
        if not 0 <= q <= 1:
            raise UsageError(f"{name}: q must be in the range [0, 1] but got {q}")
        alone: Tensor = wrap(input.result_class, input.xp.asarray([q], dtype=input.dtype.arithmetic))
        return alone
    if not isinstance(q, TensorBase):
        raise ArgumentTypeError(f"{name}: q must be a number or a tensor, got {type(q).__name__}")
    if q.ndim > 1:
        raise ShapeError(f"{name}: q must be a scalar or 1D tensor, got shape {list(q.shape)}")
    if q.dtype is not input.dtype:
        raise DtypeError(f"{name}: q tensor must be same dtype as the input tensor, {input.dtype.name}: cast it")
    if any_true(~((values_of(q) >= 0) & (values_of(q) <= 1))):
        raise UsageError(f"{name}: q values must be in the range [0, 1], got {q.tolist()}")
    shares: Tensor = q.reshape(-1)
    return shares


def interpolate(ordered: Tensor, rank: Tensor, interpolation: str) -> Tensor:
    """Return the values at ranks, interpolated between elements."""
    if interpolation == "nearest":
        rank = round(rank)
    low, high = floor(rank), ceil(rank)
    below = ordered.gather(-1, (high if interpolation == "higher" else low).long())
    if interpolation in ("lower", "higher", "nearest"):
        return below
    weight = rank - low if interpolation == "linear" else 0.5
    return below.lerp(ordered.gather(-1, high.long()), weight)


def arrange_dims(values: Tensor, q: Any, ndim: int, place: int | None, keepdim: bool) -> Tensor:
    """Move the dim of quantiles from the end to the front; put the reduced dims back with size 1 if ``keepdim``."""
    if keepdim:
        for dim in range(ndim) if place is None else range(place, place + bool(ndim)):
            values = values.unsqueeze(dim)
    found = values.movedim(-1, 0)
    return found.squeeze(0) if is_number(q) or not q.ndim else found

"""What stands at a place of the order: the median, the element met most often, and quantiles between elements.

Median and mode choose an element, so they know its index. A quantile lies between two neighbours of the sorted
elements; it is a composite of ``sort`` and ``gather``. NaN is the largest number: a median of anything with NaN is NaN,
unless the name begins with ``nan``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from minitensor.autograd.declare import differentiable
from minitensor.autograd.misuse import composite
from minitensor.autograd.turns import in_turn
from minitensor.base import TensorBase, values_of, wrap
from minitensor.errors import ArgumentTypeError, DtypeError, ShapeError, UsageError
from minitensor.ops import return_types
from minitensor.ops.compare import NoOrder, isnan
from minitensor.ops.operand import is_number
from minitensor.ops.out import delivered, received
from minitensor.ops.pointwise import where
from minitensor.ops.reduce import (
    any,
    axes,
    chosen,
    picked,
    require_elements,
    returned_to_place,
    shared_gradient,
    sum,
)
from minitensor.ops.sort import sort
from minitensor.ops.unary import ceil, floor, round
from minitensor.shapes import wrap_dim

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor


# -- medians -----------------------------------------------------------------------------------------------------------


def back(grads: Any, result1: Tensor, in_shape: tuple[int, ...], dim: int) -> Tensor:
    """Send the gradient to the elements that were chosen."""
    return returned_to_place(grads[0], result1, in_shape, dim)


@differentiable(input=back)
def _median_(input: Tensor, dim: int, keepdim: bool) -> tuple[Array, Array]:
    xp, array = input.xp, require_elements("median", input, axes(dim, input.ndim))
    if not array.ndim:
        return array.copy(), xp.zeros((), "int64")
    index = input.backend.argkth(array, (array.shape[dim] - 1) // 2, dim)
    if array.dtype.kind == "f":
        unknown = array != array
        index = xp.where(unknown.any(dim, keepdims=True), unknown.argmax(dim, keepdims=True), index)
    return chosen(input, index, dim, keepdim)


@differentiable(input=lambda grad, input, result: shared_gradient(grad, input, result, (0,)))
def _median(input: Tensor) -> Array:
    xp, array = input.xp, input.array
    if not array.size:
        return nothing(input)
    found = input.backend.kth(array, (array.size - 1) // 2)
    if array.dtype.kind != "f":
        result: Array = found
        return result
    largest = array.max()
    return xp.where(largest != largest, largest, found)  # NaN wins


@differentiable(input=back)
def _nanmedian_(input: Tensor, dim: int, keepdim: bool) -> tuple[Array, Array]:
    xp, array = input.xp, require_elements("nanmedian", input, axes(dim, input.ndim))
    if not array.ndim:
        return array.copy(), xp.zeros((), "int64")
    there = xp.add.reduce(array == array, dim, "int64", None, True)
    middle = xp.maximum(there - 1, 0) // 2
    index = xp.take_along_axis(input.backend.argsort(array, dim, False), middle, dim)
    return chosen(input, index, dim, keepdim)


@differentiable(input=lambda grad, input, result: shared_gradient(grad, input, result, (0,)))
def _nanmedian(input: Tensor) -> Array:
    xp, array = input.xp, input.array
    if not array.size:
        return nothing(input)
    there = xp.add.reduce(array == array, None, "int64")
    result: Array = xp.take(xp.sort(array), xp.maximum(there - 1, 0) // 2)
    return result


def nothing(input: Tensor) -> Array:
    """Return the median of no elements: NaN, as far as the dtype has one."""
    return input.xp.full((), math.nan).astype(input.array.dtype)


def require_order(name: str, input: Tensor) -> None:
    """Refuse bools and complex numbers."""
    if input.array.dtype.kind in "bc":
        raise NoOrder(f"{name}: not implemented for {input.dtype.name}")


@composite
def median(input: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Any = None) -> Any:
    """Return the median, the lower one of two; along ``dim``, with an index where it stands.

    >>> import minitensor as torch
    >>> torch.median(torch.tensor([3., 1., 2., 4.]))
    tensor(2.)
    """
    require_order("median", input)
    if dim is None:
        return delivered("median", _median(input.reshape(-1)), out)
    return return_types.median(*received("median", _median_(input, wrap_dim(dim, input.ndim), keepdim), out))


@composite
def nanmedian(input: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Any = None) -> Any:
    """Return the median of what is not NaN; along ``dim``, with an index where it stands."""
    require_order("nanmedian", input)
    if dim is None:
        return delivered("nanmedian", _nanmedian(input.reshape(-1)), out)
    return return_types.nanmedian(*received("nanmedian", _nanmedian_(input, wrap_dim(dim, input.ndim), keepdim), out))


# -- the most frequent -------------------------------------------------------------------------------------------------


@differentiable(input=back)
def _mode(input: Tensor, dim: int, keepdim: bool) -> tuple[Array, Array]:
    xp, array = input.xp, require_elements("mode", input, axes(dim, input.ndim))
    if not array.ndim:
        return array.copy(), xp.zeros((), "int64")
    order = input.backend.argsort(array, dim, False)
    values = picked(input.backend, array, order, dim)
    size, lead = array.shape[dim], (slice(None),) * dim
    places = xp.arange(size).reshape((-1,) + (1,) * (array.ndim - dim - 1))
    after, before = lead + (slice(1, None),), lead + (slice(None, -1),)
    starts = xp.zeros(array.shape, "int64")  # of the run of equal elements in which each stands
    starts[after] = xp.where(values[after] != values[before], places[1:], 0)
    lengths = places - input.backend.accumulate("maximum", starts, dim)
    return chosen(input, xp.take_along_axis(order, lengths.argmax(dim, keepdims=True), dim), dim, keepdim)


@composite
def mode(input: Tensor, dim: int = -1, keepdim: bool = False, *, out: Any = None) -> return_types.mode:
    """Return the most frequent element along ``dim``, of equally frequent ones the smallest, and its last index.

    >>> import minitensor as torch
    >>> torch.mode(torch.tensor([1, 2, 2, 1, 3])).values
    tensor(1)
    """
    return return_types.mode(*received("mode", _mode(input, wrap_dim(dim, input.ndim), keepdim), out))


# -- quantiles ---------------------------------------------------------------------------------------------------------

INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


@composite
def quantile(
    input: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear",
    out: Tensor | None = None,
) -> Tensor:
    """Return the values below which a share ``q`` of the elements lies, in all or along ``dim``.

    For a 1-d tensor ``q`` the result has its size as first dim. ``interpolation`` says what lies between two elements:
    "linear", "lower", "higher", "midpoint" or "nearest". Where there is NaN, the quantiles are NaN.

    >>> import minitensor as torch
    >>> torch.quantile(torch.tensor([0., 1., 4.]), torch.tensor([0.25, 0.5]))
    tensor([0.5000, 1.0000])
    """
    return delivered("quantile", quantiles("quantile", input, q, dim, keepdim, interpolation, False), out)


@composite
def nanquantile(
    input: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear",
    out: Tensor | None = None,
) -> Tensor:
    """Return the quantiles of what is not NaN; arguments as for ``quantile``."""
    return delivered("nanquantile", quantiles("nanquantile", input, q, dim, keepdim, interpolation, True), out)


def quantiles(
    name: str, input: Tensor, q: Any, dim: int | None, keepdim: bool, interpolation: str, ignore_nan: bool
) -> Tensor:
    """Sort, and look between the ranks ``q * (count - 1)``."""
    if interpolation == "linear":  # of no other has q a gradient
        q, input = in_turn(q, input)
    shares = shares_of(name, input, q)
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
        rank = where(behind > last, 0, shares * (last - behind))  # of nothing but NaN, any rank will do
    else:
        rank = where(any(unknown, -1, True), last, shares * last)  # NaN stands last
    return laid_out(between(ordered, rank, interpolation), q, input.ndim, place, keepdim)


def shares_of(name: str, input: Tensor, q: Any) -> Tensor:
    """Return ``q`` as a 1-d tensor of the input's dtype, and refuse what is no quantile of it."""
    if input.array.dtype.char not in "fd":
        raise DtypeError(f"{name}: input tensor must be either float or double dtype, got {input.dtype.name}; cast it")
    if not input.array.size:
        raise ShapeError(f"{name}: input tensor must be non-empty, got shape {list(input.shape)}")
    if is_number(q):
        if isinstance(q, complex) or not 0 <= q <= 1:
            raise UsageError(f"{name}: q must be in the range [0, 1] but got {q}")
        alone: Tensor = wrap(input.result_class, input.xp.asarray([q], dtype=input.array.dtype))
        return alone
    if not isinstance(q, TensorBase):
        raise ArgumentTypeError(f"{name}: q must be a number or a tensor, got {type(q).__name__}")
    if q.ndim > 1:
        raise ShapeError(f"{name}: q must be a scalar or 1D tensor, got shape {list(q.shape)}")
    if q.dtype is not input.dtype:
        raise DtypeError(f"{name}: q tensor must be same dtype as the input tensor, {input.dtype.name}: cast it")
    if not ((values_of(q) >= 0) & (values_of(q) <= 1)).all():
        raise UsageError(f"{name}: q values must be in the range [0, 1], got {q.tolist()}")
    shares: Tensor = q.reshape(-1)
    return shares


def between(ordered: Tensor, rank: Tensor, interpolation: str) -> Tensor:
    """Return what stands at ranks that may lie between two elements."""
    if interpolation == "nearest":
        rank = round(rank)
    low, high = floor(rank), ceil(rank)
    below = ordered.gather(-1, (high if interpolation == "higher" else low).long())
    if interpolation in ("lower", "higher", "nearest"):
        return below
    weight = rank - low if interpolation == "linear" else 0.5
    return below.lerp(ordered.gather(-1, high.long()), weight)


def laid_out(values: Tensor, q: Any, ndim: int, place: int | None, keepdim: bool) -> Tensor:
    """Bring the dim of quantiles, which is the last, to the front, and the dims that went back as 1 if wanted."""
    if keepdim:
        for dim in range(ndim) if place is None else range(place, place + bool(ndim)):
            values = values.unsqueeze(dim)
    found = values.movedim(-1, 0)
    return found.squeeze(0) if is_number(q) or not q.ndim else found

"""What is there, and how often: each element once, counts of whole numbers, histograms.

The size of most results depends on the elements, so it must be known on the host. Nothing here has a gradient.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minitensor.autograd.declare import nondifferentiable
from minitensor.autograd.misuse import composite
from minitensor.base import TensorBase, wrap
from minitensor.errors import DimError, DtypeError, ShapeError, UnsupportedDtype, UsageError
from minitensor.ops import return_types
from minitensor.ops.compare import NoOrder
from minitensor.ops.creation import spaced
from minitensor.ops.operand import same_device
from minitensor.ops.out import delivered, received
from minitensor.shapes import integer, wrap_dim

if TYPE_CHECKING:
    from minitensor.backends import Array, Library
    from minitensor.tensor import Tensor


# -- each element once -------------------------------------------------------------------------------------------------


@composite
def unique(
    input: Tensor, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """Return each element once, or each slice along ``dim``, in order.

    With ``return_inverse`` also where each element of ``input`` went, with ``return_counts`` how often each was there.

    >>> import minitensor as torch
    >>> torch.unique(torch.tensor([3, 1, 3]), return_counts=True)
    (tensor([1, 3]), tensor([1, 2]))
    """
    array = equatable("unique", input)
    if dim is None:
        found = input.backend.unique(array.reshape(-1), return_inverse, return_counts)
        return answers(input, found, array.shape)
    axis = slices_along("unique", input, dim)
    xp, slices = input.xp, input.xp.moveaxis(array, axis, 0)
    order = xp.lexsort(slices.reshape(len(slices), -1).T[::-1]) if len(slices) else xp.zeros(0, "int64")
    values, places, counts = runs(xp, slices[order], return_inverse, return_counts)
    inverse = None
    if places is not None:
        inverse = xp.empty_like(places)
        inverse[order] = places
    return answers(input, (xp.moveaxis(values, 0, axis), inverse, counts), (len(slices),))


@composite
def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """Return the elements, or the slices along ``dim``, that differ from the one before them.

    >>> import minitensor as torch
    >>> torch.unique_consecutive(torch.tensor([1, 1, 2, 2, 1]))
    tensor([1, 2, 1])
    """
    xp, array = input.xp, equatable("unique_consecutive", input)
    axis = None if dim is None else slices_along("unique_consecutive", input, dim)
    slices = array.reshape(-1) if axis is None else xp.moveaxis(array, axis, 0)
    values, inverse, counts = runs(xp, slices, return_inverse, return_counts)
    if axis is not None:
        values = xp.moveaxis(values, 0, axis)
    return answers(input, (values, inverse, counts), array.shape if axis is None else (len(slices),))


def runs(xp: Library, slices: Array, inverse: bool, counts: bool) -> tuple[Array, Array | None, Array | None]:
    """Return the first of each run of equal slices along the first dim; the run of each slice; the runs' lengths."""
    new = xp.ones(len(slices), "bool")
    differs = slices[1:] != slices[:-1]
    new[1:] = differs if slices.ndim == 1 else differs.reshape(len(differs), math.prod(differs.shape[1:])).any(1)
    starts = xp.nonzero(new)[0]
    places = xp.cumsum(new, dtype="int64") - 1 if inverse else None
    if not counts:
        return slices[starts], places, None
    lengths = xp.empty_like(starts)
    lengths[:-1] = starts[1:] - starts[:-1]
    lengths[-1:] = len(slices) - starts[-1:]
    return slices[starts], places, lengths


def equatable(name: str, input: Tensor) -> Array:
    """Return the array; complex numbers have no order."""
    if input.array.dtype.kind == "c":
        raise NoOrder(f"{name}: complex numbers have no order; take abs() or a part")
    return input.array


def slices_along(name: str, input: Tensor, dim: int) -> int:
    """Return the dim, counted from the front, if there are slices along it."""
    if not input.ndim:
        raise DimError(f"{name}: dimension specified as {dim} but tensor has no dimensions: leave dim away")
    dim = wrap_dim(dim, input.ndim)
    shape = tuple(input.shape)
    if 0 in shape[:dim] + shape[dim + 1 :]:
        raise ShapeError(f"{name}: there are 0 sized dimensions, and they aren't selected: {list(shape)}, dim={dim}")
    return dim


def answers(input: Tensor, found: tuple[Any, Any, Any], shape: tuple[int, ...]) -> Any:
    """Return values, places (of a shape) and counts as tensors, as far as they are there; the values alone bare."""
    values, inverse, counts = found
    places = None if inverse is None else inverse.reshape(shape)
    results = tuple([wrap(input.result_class, each) for each in (values, places, counts) if each is not None])
    return results if len(results) > 1 else results[0]


# -- counts of whole numbers -------------------------------------------------------------------------------------------


@composite
def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """Count how often 0, 1, 2 ... stand in a 1-d tensor; with ``weights``, add those of each number.

    >>> import minitensor as torch
    >>> torch.bincount(torch.tensor([1, 3, 1]))
    tensor([0, 2, 0, 1])
    """
    array, minlength = input.array, integer(minlength)
    if array.dtype.kind not in "iu":
        raise UnsupportedDtype(f"bincount: not implemented for {input.dtype.name}: cast it to int64")
    if array.ndim != 1 or (array.size and bool((array < 0).any())):
        raise ShapeError(f"bincount: only supports 1-d non-negative integral inputs, got {input!r}")
    if minlength < 0:
        raise ShapeError(f"bincount: minlength should be >= 0, got {minlength}")
    if weights is None or not array.size:
        return _bincount(input, None, minlength)
    same_device(input, weights)
    if tuple(weights.shape) != array.shape:
        raise ShapeError(
            f"bincount: weights should be 1-d and have the same length as input, got {list(weights.shape)} for "
            f"{list(array.shape)}"
        )
    return _bincount(input, weights, minlength)


@nondifferentiable
def _bincount(input: Tensor, weights: Tensor | None, minlength: int) -> Array:
    numbers = input.array.astype("int64", copy=False)
    if weights is None:
        return input.backend.bincount(numbers, None, minlength)
    kind = "float32" if weights.array.dtype.char == "f" else "float64"
    return input.backend.bincount(numbers, weights.array.real, minlength).astype(kind)


# -- histograms --------------------------------------------------------------------------------------------------------


@composite
def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0, *, out: Tensor | None = None) -> Tensor:
    """Count the elements in each of ``bins`` equal parts of the range from ``min`` to ``max``; others are left out.

    Where ``min`` equals ``max``, the range is that of the elements, and where these are all equal, one more each way.

    >>> import minitensor as torch
    >>> torch.histc(torch.tensor([1., 2., 1.]), bins=4, min=0, max=3)
    tensor([0., 2., 1., 0.])
    """
    return delivered("histc", _histc(input, one_or_more("histc", bins), min, max), out)


@nondifferentiable
def _histc(input: Tensor, bins: int, min: float, max: float) -> Array:
    low, high = range_of("histc", input, min, max, 1)
    return input.backend.histogram(input.array.reshape(-1), bins, low, high).astype(input.array.dtype)


def one_or_more(name: str, bins: int) -> int:
    """Return the number of bins."""
    bins = integer(bins)
    if bins < 1:
        raise ShapeError(f"{name}: bins must be > 0, but got {bins}")
    return bins


def range_of(name: str, input: Tensor, low: float, high: float, margin: float) -> tuple[float, float]:
    """Return the range of a histogram; by default that of the elements, and a margin if these are all equal."""
    array = input.array
    if array.dtype.kind != "f":
        raise UnsupportedDtype(f"{name}: not implemented for {input.dtype.name}: cast it to float")
    if low == high:
        low, high = (float(array.min()), float(array.max())) if array.size else (0.0, 1.0)
    if low == high:
        low, high = low - margin, high + margin
    if not (math.isfinite(low) and math.isfinite(high)):
        raise UsageError(f"{name}: range of [{low}, {high}] is not finite; give min and max")
    if low > high:
        raise UsageError(f"{name}: max must be larger than min, got min={low} and max={high}")
    return low, high


@composite
def histogram(
    input: Tensor, bins: Any, *, range: Sequence[float] | None = None, weight: Tensor | None = None,
    density: bool = False, out: Any = None,
) -> return_types.histogram:
    """Count the elements, or add their ``weight``, in each bin; return the histogram and the edges of the bins.

    Args:
        bins: their number, or their edges in ascending order.
        range: lowest and highest edge, for a number of bins; by default those of the elements.
        density: whether to divide by the sum and the width, so that the integral is 1.

    >>> import minitensor as torch
    >>> torch.histogram(torch.tensor([1., 2., 1.]), bins=2, range=(0., 3.)).hist
    tensor([2., 1.])
    """
    edges = edges_of("histogram", input, bins, range)
    hist = histogram_of(input, input.array.reshape(-1, 1), [edges], weight, density)
    found = return_types.histogram(wrap(input.result_class, hist), wrap(input.result_class, edges))
    return return_types.histogram(*received("histogram", found, out))


@composite
def histogramdd(
    input: Tensor, bins: Any, *, range: Sequence[float] | None = None, weight: Tensor | None = None,
    density: bool = False,
) -> return_types.histogramdd:
    """Count points, the rows of ``input`` (..., D), in bins along each of their D coordinates.

    ``bins`` is a number, a number for each coordinate, or the edges along each; ``range`` holds a lowest and a highest
    edge for each.
    """
    if input.ndim < 2:
        raise ShapeError(f"histogramdd: input must have at least 2 dimensions, got shape {list(input.shape)}")
    count = input.shape[-1]
    each = [bins] * count if bins.__class__ is int else list(bins)
    if len(each) != count:
        raise ShapeError(f"histogramdd: expected {count} sequences of bin edges or numbers of bins, got {len(each)}")
    if range is not None and len(range) != 2 * count:
        raise ShapeError(f"histogramdd: expected 2 * {count} numbers as range, got {len(range)}")
    edges = [
        edges_of("histogramdd", input.select(-1, k), bin, None if range is None else range[2 * k : 2 * k + 2])
        for k, bin in enumerate(each)
    ]
    hist = histogram_of(input, input.array.reshape(math.prod(input.shape[:-1]), count), edges, weight, density)
    shown = tuple([wrap(input.result_class, one) for one in edges])
    return return_types.histogramdd(wrap(input.result_class, hist), shown)


def edges_of(name: str, input: Tensor, bins: Any, range: Sequence[float] | None) -> Array:
    """Return the edges of bins: as given, or evenly spaced."""
    if isinstance(bins, TensorBase):
        if bins.ndim != 1 or not bins.array.size:
            raise ShapeError(f"{name}: bins tensor should have one dimension and an element, got {list(bins.shape)}")
        if bins.dtype is not input.dtype:
            raise DtypeError(f"{name}: input and bins should have the same dtype, got {input.dtype} and {bins.dtype}")
        same_device(input, bins)
        given: Array = bins.array.copy()
        return given
    low, high = (0.0, 0.0) if range is None else range
    bins = one_or_more(name, bins)
    return spaced(*range_of(name, input, low, high, 0.5), bins + 1, input.array.dtype, input.xp)


def histogram_of(input: Tensor, points: Array, edges: list[Array], weight: Tensor | None, density: bool) -> Array:
    """Add up the weights of the points (N, D) in each cell of a grid; the last cells hold their upper edges too."""
    xp, kind = input.xp, points.dtype
    shape = tuple([each.size - 1 for each in edges])
    cell, there = xp.zeros(len(points), "int64"), xp.full(len(points), bool(edges))
    for k, limits in enumerate(edges):
        place, column = xp.searchsorted(limits, points[:, k], "right") - 1, points[:, k]
        last = column == limits[-1]
        there &= last | ((place >= 0) & (place < shape[k]))
        cell = cell * shape[k] + xp.where(last, shape[k] - 1, place)
    outside = math.prod(shape)
    share = None if weight is None else weights_of(input, weight, len(points))
    counts = input.backend.bincount(xp.where(there, cell, outside), share, outside + 1)[:outside]
    hist: Array = counts.reshape(shape).astype(kind)
    if density:
        hist = hist / hist.sum()
        for k, limits in enumerate(edges):
            hist = hist / (limits[1:] - limits[:-1]).reshape((-1,) + (1,) * (len(shape) - k - 1))
    return hist


def weights_of(input: Tensor, weight: Tensor, count: int) -> Array:
    """Return a weight for each point."""
    same_device(input, weight)
    if weight.numel() != count or weight.dtype is not input.dtype:
        raise ShapeError(
            f"histogram: expected a weight of dtype {input.dtype.name} for each of the {count} points, got "
            f"{weight.dtype.name} of shape {list(weight.shape)}"
        )
    return weight.array.reshape(-1)

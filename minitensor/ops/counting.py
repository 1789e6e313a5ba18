"""Unique elements, counts of integers, histograms.

The shape of most results depends on the elements, and they are computed on the host. Nothing here has a gradient: the
results of tensors that require one require it too, and their backward raises.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import index
from typing import TYPE_CHECKING, Any

from minitensor.autograd.argument_types import is_int
from minitensor.autograd.declare import differentiable, nondifferentiable
from minitensor.autograd.interpreters import active
from minitensor.autograd.misuse import composite, no_derivative
from minitensor.backends import holds_data
from minitensor.base import TensorBase, elements_of, wrap
from minitensor.errors import DimError, DtypeError, ShapeError, UnsupportedDtypeError, UsageError
from minitensor.ops import return_types
from minitensor.ops.duals import tangents_of
from minitensor.ops.operand import same_device
from minitensor.ops.out import write_outs
from minitensor.ops.ranges import space_evenly
from minitensor.ops.sort import refuse_complex
from minitensor.shapes import as_int, wrap_dim

if TYPE_CHECKING:
    from minitensor.autograd.argument_types import Count
    from minitensor.backends import Array, Library
    from minitensor.tensor import Tensor


@differentiable(source=no_derivative("unique, histogram and histogramdd"))
def found_by_counting(found: Tensor, source: Tensor) -> Array:
    """Return what was found in ``source``, which has no derivative."""
    array: Array = found.array
    return array


def is_differentiated(tensor: Any) -> bool:
    """Return whether a tensor requires grad or has a tangent."""
    return tensor.requires_grad or (bool(active) and any(True for _ in tangents_of(tensor)))


def connect(found: Tensor, *sources: Any) -> Tensor:
    """Return what was found; it requires grad if one of its sources does, so that its backward raises.

    If a source has a tangent, this raises at once.
    """
    needy: list[Any] = [each for each in sources if isinstance(each, TensorBase) and is_differentiated(each)]
    return found_by_counting(found, needy[0]) if needy else found


# -- unique elements ---------------------------------------------------------------------------------------------------


@composite
def unique(
    input: Tensor, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """Return the distinct elements, or the distinct slices along ``dim``, in ascending order.

    Args:
        sorted: Unused; the result is always sorted.
        return_inverse: Whether to return also, for each element of ``input``, its index in the result.
        return_counts: Whether to return also how often each element occurs.

    Raises:
        RuntimeError: If the input is complex, or ``dim`` is given and another dim has size 0.
        IndexError: If the input has no dims and ``dim`` is given.

    >>> import minitensor as torch
    >>> torch.unique(torch.tensor([3, 1, 3]), return_counts=True)
    (tensor([1, 3]), tensor([1, 2]))
    """
    refuse_complex("unique", input)
    array = elements_of(input)
    if dim is None:
        found = input.backend.unique(array.reshape(-1), return_inverse, return_counts)
        return wrap_results(input, found, array.shape)
    axis = check_dim("unique", input, dim)
    xp, slices = input.xp, input.xp.moveaxis(array, axis, 0)
    # The last key of `lexsort` is the one that decides first.
    order = xp.lexsort(slices.reshape(len(slices), -1).T[::-1]) if len(slices) else xp.zeros(0, "int64")
    values, places, counts = find_runs(xp, xp.ascontiguousarray(slices[order]), return_inverse, return_counts)
    inverse = None
    if places is not None:
        inverse = xp.empty_like(places)
        inverse[order] = places
    return wrap_results(input, (xp.moveaxis(values, 0, axis), inverse, counts), (len(slices),))


@composite
def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """Return the elements, or the slices along ``dim``, without those equal to their predecessor.

    ``return_inverse`` and ``return_counts`` as for ``unique``.

    Raises:
        RuntimeError: If the input is complex, or ``dim`` is given and another dim has size 0.
        IndexError: If the input has no dims and ``dim`` is given.

    >>> import minitensor as torch
    >>> torch.unique_consecutive(torch.tensor([1, 1, 2, 2, 1]))
    tensor([1, 2, 1])
    """
    refuse_complex("unique_consecutive", input)
    xp, array = input.xp, elements_of(input)
    axis = None if dim is None else check_dim("unique_consecutive", input, dim)
    slices = array.reshape(-1) if axis is None else xp.moveaxis(array, axis, 0)
    values, inverse, counts = find_runs(xp, slices, return_inverse, return_counts)
    if axis is not None:
        values = xp.moveaxis(values, 0, axis)
    return wrap_results(input, (values, inverse, counts), array.shape if axis is None else (len(slices),))


def find_runs(xp: Library, slices: Array, inverse: bool, counts: bool) -> tuple[Array, Array | None, Array | None]:
    """Return the first slice of each run of equal ones along dim 0, each slice's run number, and the run lengths."""
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


def check_dim(name: str, input: Tensor, dim: int) -> int:
    """Return the dim, counted from the front; raise if there are no slices along it."""
    if not input.ndim:
        raise DimError(f"{name}: dimension specified as {dim} but tensor has no dimensions: omit dim")
    dim = wrap_dim(dim, input.ndim)
    shape = tuple(input.shape)
    if 0 in shape[:dim] + shape[dim + 1 :]:
        raise ShapeError(f"{name}: there are 0 sized dimensions, and they aren't selected: {list(shape)}, dim={dim}")
    return dim


def wrap_results(input: Tensor, found: tuple[Any, Any, Any], shape: tuple[int, ...]) -> Any:
    """Return the tuple of values, inverse (with ``shape``) and counts as tensors, without those that are None."""
    values, inverse, counts = found
    places = None if inverse is None else inverse.reshape(shape)
    numbers = [wrap(input.result_class, each) for each in (places, counts) if each is not None]
    results = (connect(in_dtype(input, values), input), *numbers)
    return results if len(results) > 1 else results[0]


# -- counts of integers ------------------------------------------------------------------------------------------------


def count_arguments(input: Tensor, weights: Tensor | None, minlength: int) -> tuple[Tensor, Tensor | None, int]:
    """Return the arguments of ``bincount``; raise unless the input is a vector of non-negative integers."""
    array = input.array
    if array.dtype.kind not in "iu":
        raise UnsupportedDtypeError(f"bincount: not implemented for {input.dtype.name}: cast it to int64")
    if array.ndim != 1 or (array.size and bool((array < 0).any())):
        raise ShapeError(f"bincount: only supports 1-d non-negative integral inputs, got {input!r}")
    if minlength < 0:
        raise ShapeError(f"bincount: minlength should be >= 0, got {minlength}")
    return input, weights if array.size else None, minlength


@differentiable(prepare=count_arguments, weights=no_derivative("bincount: weights"))
def bincount(input: Tensor, weights: Tensor | None = None, minlength: Count = 0) -> Array:
    """Count how often each of 0, 1, 2, ... occurs in a vector, or sum the ``weights`` of its occurrences.

    Args:
        minlength: the least number of bins; there are more if the largest number needs them.

    Raises:
        RuntimeError: If the input is not a vector of nonnegative integers, or ``weights`` has another shape.

    >>> import minitensor as torch
    >>> torch.bincount(torch.tensor([1, 3, 1]))
    tensor([0, 2, 0, 1])
    """
    numbers = input.array.astype("int64", copy=False)
    if weights is None:
        return input.backend.bincount(numbers, None, minlength)
    same_device(input, weights)
    if weights.shape != input.shape:
        raise ShapeError(
            f"bincount: weights should be 1-d and have the same length as input, got {list(weights.shape)} for "
            f"{list(input.shape)}"
        )
    kind = "float32" if weights.array.dtype.char == "f" else "float64"
    return input.backend.bincount(numbers, weights.array.real, minlength).astype(kind)


# -- histograms --------------------------------------------------------------------------------------------------------


@nondifferentiable
def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0, *, out: Tensor | None = None) -> Array:
    """Count the elements in each of ``bins`` equal bins from ``min`` to ``max``; ignore those outside.

    If ``min`` equals ``max``, the range is that of the elements, or one more on either side if they are all equal.

    Raises:
        RuntimeError: If ``bins`` is not positive, or the range is not finite or empty.

    >>> import minitensor as torch
    >>> torch.histc(torch.tensor([1., 2., 1.]), bins=4, min=0, max=3)
    tensor([0., 2., 1., 0.])
    """
    bins = check_bins("histc", bins)
    low, high = bin_range("histc", input, min, max, 1)
    return input.backend.histogram(input.array.reshape(-1), bins, low, high).astype(input.array.dtype)


def check_bins(name: str, bins: int) -> int:
    """Return the number of bins; raise if it is below 1."""
    bins = as_int(bins)
    if bins < 1:
        raise ShapeError(f"{name}: bins must be > 0, but got {bins}")
    return bins


def bin_range(name: str, input: Tensor, low: float, high: float, margin: float) -> tuple[float, float]:
    """Return the range of a histogram: by default that of the elements, widened by ``margin`` if they are all equal."""
    array = elements_of(input)
    if array.dtype.kind != "f":
        raise UnsupportedDtypeError(f"{name}: not implemented for {input.dtype.name}: cast it to float")
    if low == high:
        is_known = array.size and holds_data(array)
        low, high = (float(array.min()), float(array.max())) if is_known else (0.0, 1.0)
    if low == high:
        low, high = low - margin, high + margin
    if not (math.isfinite(low) and math.isfinite(high)):
        raise UsageError(f"{name}: range of [{low}, {high}] is not finite; give min and max")
    if low > high:
        raise UsageError(f"{name}: max must be larger than min, got min={low} and max={high}")
    return low, high


@composite
def histogram(
    input: Tensor, bins: Any = 100, *, range: Sequence[float] | None = None, weight: Tensor | None = None,
    density: bool = False, out: Any = None,
) -> return_types.histogram:
    """Count the elements, or sum their ``weight``, in each bin; return the histogram and the edges of the bins.

    Args:
        bins: The number of bins, or their edges in ascending order. Default: ``100``.
        range: Lowest and highest edge, where ``bins`` is a number; by default the range of the elements.
        weight: What each element counts, of the input's shape. Default: ``None``, 1.
        density: Whether to divide by the total and the bin widths, so that the histogram integrates to 1.

    Raises:
        RuntimeError: If ``bins`` is neither a positive number nor a vector of the input's dtype, or ``weight`` has
            another shape.

    >>> import minitensor as torch
    >>> torch.histogram(torch.tensor([1., 2., 1.]), bins=2, range=(0., 3.)).hist
    tensor([2., 1.])
    """
    edges = bin_edges("histogram", input, bins, range)
    hist = count_in_bins(input, elements_of(input).reshape(-1, 1), [edges], weight, density)
    found = [connect(in_dtype(input, each), input, bins, weight) for each in (hist, edges)]
    return return_types.histogram(*write_outs("histogram", return_types.histogram(*found), out))


@composite
def histogramdd(
    input: Tensor, bins: Any, *, range: Sequence[float] | None = None, weight: Tensor | None = None,
    density: bool = False,
) -> return_types.histogramdd:
    """Count points, the rows of ``input`` (..., D), in the cells of a grid of bins along each of the D coordinates.

    ``bins`` is a number, a number for each coordinate, or the edges along each coordinate; ``range`` holds the lowest
    and the highest edge for each.

    Args:
        bins: Number of bins, one for all or for each coordinate, or the edges.
        range: The lowest and the highest edge for each coordinate. Default: ``None``, those of the points.
        weight: What each point counts. Default: ``None``, 1.
        density: Divide by the sum and by the sizes of the bins. Default: ``False``.

    Raises:
        RuntimeError: If the input has fewer than two dims, or ``bins`` or ``range`` does not fit D.

    >>> import minitensor as torch
    >>> torch.histogramdd(torch.tensor([[0.0, 1.0], [1.0, 0.0]]), bins=2).hist
    tensor([[0., 1.],
            [1., 0.]])
    """
    if input.ndim < 2:
        raise ShapeError(f"histogramdd: input must have at least 2 dimensions, got shape {list(input.shape)}")
    count = input.shape[-1]
    each = [bins] * count if is_int(bins) else list(bins)
    if len(each) != count:
        raise ShapeError(f"histogramdd: expected {count} sequences of bin edges or numbers of bins, got {len(each)}")
    if range is not None and len(range) != 2 * count:
        raise ShapeError(f"histogramdd: expected 2 * {count} numbers as range, got {len(range)}")
    edges = [
        bin_edges("histogramdd", input.select(-1, k), bin, None if range is None else range[2 * k : 2 * k + 2])
        for k, bin in enumerate(each)
    ]
    points = elements_of(input).reshape(math.prod(input.shape[:-1]), count)
    hist = count_in_bins(input, points, edges, weight, density)
    pairs = zip(each, edges, strict=True)
    shown = tuple([connect(in_dtype(input, one), input, weight) if is_int(bin) else bin for bin, one in pairs])
    return return_types.histogramdd(connect(in_dtype(input, hist), input, weight, *each), shown)


def in_dtype(input: Tensor, array: Array) -> Tensor:
    """Return an array as a tensor of the input's dtype."""
    found: Tensor = wrap(input.result_class, array)
    return found.to(input.dtype)


def bin_edges(name: str, input: Tensor, bins: Any, range: Sequence[float] | None) -> Array:
    """Return the edges of the bins: as given, or evenly spaced."""
    if is_int(bins) and not (isinstance(bins, TensorBase) and name == "histogram" and range is None):
        bins = index(bins)
    elif isinstance(bins, TensorBase):
        if bins.ndim != 1 or not bins.numel():
            raise ShapeError(f"{name}: bins tensor should have one dimension and an element, got {list(bins.shape)}")
        if bins.dtype is not input.dtype:
            raise DtypeError(f"{name}: input and bins should have the same dtype, got {input.dtype} and {bins.dtype}")
        same_device(input, bins)
        given: Array = elements_of(bins).copy()
        return given
    low, high = (0.0, 0.0) if range is None else range
    bins = check_bins(name, bins)
    return space_evenly(*bin_range(name, input, low, high, 0.5), bins + 1, input.dtype.arithmetic, input.xp)


def count_in_bins(input: Tensor, points: Array, edges: list[Array], weight: Tensor | None, density: bool) -> Array:
    """Sum the weights of the points (N, D) in each cell of a grid; the last cells include their upper edges."""
    xp, kind = input.xp, points.dtype
    shape = tuple([each.size - 1 for each in edges])
    cell, there = xp.zeros(len(points), "int64"), xp.full(len(points), bool(edges))
    for k, limits in enumerate(edges):
        place, column = xp.searchsorted(limits, points[:, k], "right") - 1, points[:, k]
        # The last bin holds its right edge too. Points outside are counted in one more bin, which is cut off.
        last = column == limits[-1]
        there &= last | ((place >= 0) & (place < shape[k]))
        cell = cell * shape[k] + xp.where(last, shape[k] - 1, place)
    outside = math.prod(shape)
    share = None if weight is None else check_weights(input, weight, len(points))
    counts = input.backend.bincount(xp.where(there, cell, outside), share, outside + 1)[:outside]
    hist: Array = counts.reshape(shape).astype(kind)
    if density:
        hist = hist / hist.sum()
        for k, limits in enumerate(edges):
            hist = hist / (limits[1:] - limits[:-1]).reshape((-1,) + (1,) * (len(shape) - k - 1))
    return hist


def check_weights(input: Tensor, weight: Tensor, count: int) -> Array:
    """Return the weights as a flat array; raise unless there is one for each point."""
    same_device(input, weight)
    if weight.numel() != count or weight.dtype is not input.dtype:
        raise ShapeError(
            f"histogram: expected a weight of dtype {input.dtype.name} for each of the {count} points, got "
            f"{weight.dtype.name} of shape {list(weight.shape)}"
        )
    return elements_of(weight).reshape(-1)

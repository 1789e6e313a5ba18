"""Sorting by a stable argsort or a partition, unique elements, histograms and binary search, for any array library."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from minitensor.backends import Array, Library

FEW = 64  # up to this many, a full sort is as fast as a partition, and takes the first of equal elements


def slice_along(dim: int, which: slice) -> tuple[slice, ...]:
    """Return an index that takes a slice of one dim and everything of the others."""
    return (slice(None),) * dim + (which,)


def argsort(xp: Library, array: Array, dim: int, descending: bool) -> Array:
    """Return the indices that sort along a dim; the sort is stable in both directions."""
    if not array.ndim:
        return xp.zeros((), "int64")
    if not descending:
        return xp.argsort(array, axis=dim, kind="stable")
    backwards = slice_along(dim, slice(None, None, -1))
    return xp.subtract(array.shape[dim] - 1, xp.argsort(array[backwards], axis=dim, kind="stable")[backwards])


def argtop(xp: Library, array: Array, k: int, dim: int, descending: bool) -> Array:
    """Return the first k of the indices that sort along a dim; ties may be broken in any way."""
    size = array.shape[dim]
    if size <= FEW or not 0 < k < size:
        result: Array = argsort(xp, array, dim, descending)[slice_along(dim, slice(k))].copy()
        return result
    split = size - k if descending else k
    parted = xp.argpartition(array, split, axis=dim)
    ours = slice(split, None) if descending else slice(split)
    parted = parted[slice_along(dim, ours)]
    inner = argsort(xp, xp.take_along_axis(array, parted, dim), dim, descending)
    return xp.take_along_axis(parted, inner, dim)


def argkth(xp: Library, array: Array, k: int, dim: int) -> Array:
    """Return the index of the k-th smallest element along a dim, which is kept; ties may be broken in any way."""
    return xp.argpartition(array, k, axis=dim)[slice_along(dim, slice(k, k + 1))]


def unique(xp: Library, array: Array, inverse: bool, counts: bool) -> tuple[Array, Array | None, Array | None]:
    """Return the sorted unique elements of a 1-d array; where each element went; how often each occurs."""
    values, places, numbers = xp.unique(array, return_inverse=True, return_counts=True, equal_nan=False)
    return values, places if inverse else None, numbers if counts else None


def histogram(xp: Library, array: Array, bins: int, low: float, high: float) -> Array:
    """Count the elements of a 1-d array of floats in equal bins of a closed range."""
    if array.dtype.itemsize == 2:
        array = array.astype("float32")
    first, last = xp.asarray(low, dtype=array.dtype), xp.asarray(high, dtype=array.dtype)
    inside = (array >= first) & (array <= last)
    place = (xp.where(inside, array - first, 0) * bins / (last - first)).astype("int64")
    return xp.bincount(xp.where(inside, xp.minimum(place, bins - 1), bins), minlength=bins + 1)[:bins]


def searchsorted(xp: Library, sequence: Array, values: Array, side: str) -> Array:
    """Return where values would go into a sorted sequence, row by row: (..., n) and (..., m) give (..., m)."""
    result = xp.zeros(values.shape, "int64")
    if values.size:
        lines = prod(values.shape[:-1])
        rows, wanted, places = [each.reshape(lines, each.shape[-1]) for each in (sequence, values, result)]
        for k in range(lines):
            places[k] = xp.searchsorted(rows[k], wanted[k], side)
    return result

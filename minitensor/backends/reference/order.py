"""Indices that sort, by a stable argsort and by a partition."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from minitensor.backends import Array, Library

FEW = 64  # up to this many, all are sorted: as fast as a partition, and of equal ones the first are taken


def along(dim: int, which: slice) -> tuple[slice, ...]:
    """Return an index that takes a slice of one dim and all of those before and after it."""
    return (slice(None),) * dim + (which,)


def order(xp: Library, array: Array, dim: int, descending: bool) -> Array:
    """Return the indices that sort along a dim; equal ones stay in order, in both directions."""
    if not array.ndim:
        return xp.zeros((), "int64")
    if not descending:
        return xp.argsort(array, axis=dim, kind="stable")
    backwards = along(dim, slice(None, None, -1))
    return xp.subtract(array.shape[dim] - 1, xp.argsort(array[backwards], axis=dim, kind="stable")[backwards])


def first(xp: Library, array: Array, k: int, dim: int, descending: bool) -> Array:
    """Return the first k of the indices that sort along a dim; of equal ones any may be among them."""
    size = array.shape[dim]
    if size <= FEW or not 0 < k < size:
        found: Array = order(xp, array, dim, descending)[along(dim, slice(k))].copy()
        return found
    split = size - k if descending else k
    parted = xp.argpartition(array, split, axis=dim)
    ours = slice(split, None) if descending else slice(split)
    parted = parted[along(dim, ours)]
    inner = order(xp, xp.take_along_axis(array, parted, dim), dim, descending)
    return xp.take_along_axis(parted, inner, dim)

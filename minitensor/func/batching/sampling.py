"""Batching rules of image sampling: the tables of pixels of all samples lie one below the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.func.batching.families import BatchedCall, Rows, unfolded
from minitensor.func.batching.positions import below

if TYPE_CHECKING:
    from minitensor.tensor import Tensor


def beside(do: BatchedCall, value: Any, count: int = 0) -> Tensor:
    """Return (T, M) of all samples as (T, B M); positions count on by ``count`` rows from sample to sample."""
    rows = do.all_rows(value)
    return (below(do, rows, count) if count else rows).movedim(0, 1).flatten(1, 2)


def corners(do: BatchedCall, places: Any, *options: Any) -> Any:
    """Find the corners of all samples' places; the dim of corners comes first in each sample."""
    return tuple([each.movedim(1, 0) for each in do(places.tensor, *options)])


def pick(do: BatchedCall, table: Any, weight: Any, index: Any) -> Any:
    """Read from tables."""
    if not isinstance(table, Rows):
        return unfolded(do(table, beside(do, weight), beside(do, index)), do.size, 0)
    places = beside(do, index, table.shape[0])
    return unfolded(do(table.tensor.flatten(0, 1), beside(do, weight), places), do.size, 0)


def spread(do: BatchedCall, rows: Any, weight: Any, index: Any, count: int) -> Any:
    """Add to tables of zeros."""
    places = beside(do, index, count)
    return unfolded(do(do.all_rows(rows).flatten(0, 1), beside(do, weight), places, do.size * count), do.size, 0)


def compare(do: BatchedCall, rows: Any, table: Any, index: Any) -> Any:
    """Compare with what is in tables."""
    whole = do.all_rows(table)
    places = beside(do, index, whole.shape[1])
    return unfolded(do(do.all_rows(rows).flatten(0, 1), whole.flatten(0, 1), places), do.size, 1)

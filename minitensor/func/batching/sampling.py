"""Batching rules of image sampling: the pixel tables of all samples form one tall table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.func.batching.families import BatchedCall, Rows, unfold_samples
from minitensor.func.batching.positions import offset_rows

if TYPE_CHECKING:
    from minitensor.tensor import Tensor


def join_columns(do: BatchedCall, value: Any, count: int = 0) -> Tensor:
    """Return (T, M) of all samples as (T, B M); row numbers are offset by ``count`` rows for each sample."""
    rows = do.all_rows(value)
    return (offset_rows(do, rows, count) if count else rows).movedim(0, 1).flatten(1, 2)


def corners(do: BatchedCall, places: Any, *options: Any) -> Any:
    """Find the corners of all samples' places; the dim of corners comes first in each sample."""
    return tuple([each.movedim(1, 0) for each in do(places.tensor, *options)])


def sample_tables(do: BatchedCall, table: Any, weight: Any, index: Any) -> Any:
    """Read from tables."""
    if not isinstance(table, Rows):
        return unfold_samples(do(table, join_columns(do, weight), join_columns(do, index)), do.size, 0)
    places = join_columns(do, index, table.shape[0])
    return unfold_samples(do(table.tensor.flatten(0, 1), join_columns(do, weight), places), do.size, 0)


def sample_tables_backward(do: BatchedCall, rows: Any, weight: Any, index: Any, count: int) -> Any:
    """Add to tables of zeros."""
    places = join_columns(do, index, count)
    tables = do(do.all_rows(rows).flatten(0, 1), join_columns(do, weight), places, do.size * count)
    return unfold_samples(tables, do.size, 0)


def sample_weights_backward(do: BatchedCall, rows: Any, table: Any, index: Any) -> Any:
    """Compare with the rows of tables."""
    whole = do.all_rows(table)
    places = join_columns(do, index, whole.shape[1])
    return unfold_samples(do(do.all_rows(rows).flatten(0, 1), whole.flatten(0, 1), places), do.size, 1)

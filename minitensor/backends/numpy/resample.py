"""Resampling by matrix products: adjacent new entries read adjacent old ones, and form a block of the table.

A block's weights are a small dense matrix, mostly full, and BLAS multiplies by it faster than NumPy gathers. Zeros in a
block would turn an infinity that no entry reads into NaN; arrays that are not finite go to the reference.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy

from minitensor.backends.numpy.scatter import add_slices
from minitensor.backends.numpy.threads import in_pieces
from minitensor.backends.reference import resample as reference
from minitensor.backends.reference.resample import FixedPointTaps, LongTaps, Taps

if TYPE_CHECKING:
    from minitensor.backends import Array

BLOCK = 32  # new entries; fewer if each of them adds up many
TILE_ELEMENTS = 1 << 17  # of the result
MOST_READ = 512  # old entries that a block may read before gathering is faster


def resample(array: Array, dim: int, taps: Taps | LongTaps) -> Array:
    """Replace a dim by weighted sums of its entries."""
    if isinstance(taps, LongTaps):
        return reference.resample_long(numpy, array, dim, taps, add_slices)
    if taps.sources is not None:
        return array.take(positions(taps), dim, mode="clip")
    if array.dtype.char not in "fd" or not array.size:
        return reference.resample(numpy, array, dim, taps)
    parts = blocks(taps, array.dtype)
    if reads_widely(taps, parts) or not is_finite(array):
        return reference.resample(numpy, array, dim, taps)
    result: Array = numpy.empty((*array.shape[:dim], len(taps), *array.shape[dim + 1 :]), array.dtype)
    before, after = around(array, dim), around(result, dim)
    product = along_last if after.shape[2] == 1 else along_rows
    in_pieces(lambda tile: product(before, after, tile, parts), len(after), after[0].size, TILE_ELEMENTS)
    return result


def resample_fixed_point(array: Array, dim: int, taps: FixedPointTaps) -> Array:
    """Replace a dim of a uint8 array by weighted sums, in double precision, which is exact for these integers."""
    parts = blocks(taps, numpy.dtype("float64"))
    if not array.size or reads_widely(taps, parts):
        return reference.resample_fixed_point(numpy, array, dim, taps)
    result: Array = numpy.empty((*array.shape[:dim], len(taps), *array.shape[dim + 1 :]), array.dtype)
    before, after = around(array, dim), around(result, dim)
    product, unit = along_last if after.shape[2] == 1 else along_rows, 0.5**taps.bits

    def fill(tile: slice) -> None:
        total = numpy.empty(after[tile].shape)
        product(before[tile].astype("float64"), total, slice(None), parts)
        total *= unit
        total += 0.5
        numpy.floor(total, out=total)
        after[tile] = numpy.clip(total, 0, 255, out=total)

    in_pieces(fill, len(after), max(after[0].size, before[0].size), TILE_ELEMENTS)
    return result


def around(array: Array, dim: int) -> Array:
    """Return an array as (before the dim, the dim, after it)."""
    return numpy.ascontiguousarray(array).reshape(-1, array.shape[dim], int(numpy.prod(array.shape[dim + 1 :])))


def reads_widely(taps: Taps, parts: list[Any]) -> bool:
    """Whether a block reads entries that lie far apart: its matrix would be mostly zeros."""
    return any(len(matrix) > max(MOST_READ, 4 * widest(taps)) for _, _, matrix in parts)


def is_finite(array: Array) -> bool:
    """Whether all entries are finite; now and then, False also if their sum overflows."""
    with numpy.errstate(over="ignore", invalid="ignore"):
        return bool(numpy.isfinite(numpy.add.reduce(array, None)))


def along_last(before: Array, after: Array, tile: slice, parts: list[Any]) -> None:
    """Multiply rows by the blocks."""
    for old, new, matrix in parts:
        numpy.matmul(before[tile, old, 0], matrix, out=after[tile, new, 0])


def along_rows(before: Array, after: Array, tile: slice, parts: list[Any]) -> None:
    """Multiply the blocks by columns."""
    for old, new, matrix in parts:
        numpy.matmul(matrix.T, before[tile, old], out=after[tile, new])


@lru_cache(64)
def positions(taps: Taps) -> Array:
    """Return which entries are copied, as an array."""
    return numpy.asarray(taps.sources, numpy.intp)


@lru_cache(64)
def widest(taps: Taps) -> int:
    """Return how many old entries a new one adds up at most."""
    return max(map(len, taps.entries), default=0)


@lru_cache(64)
def blocks(taps: Taps, dtype: Any) -> list[tuple[slice, slice, Array]]:
    """Cut a table into (old entries, new entries, weights between them)."""
    found = []
    block = max(1, min(BLOCK, MOST_READ // max(1, widest(taps))))
    for start in range(0, len(taps), block):
        entries = taps.entries[start : start + block]
        seen = [position for each in entries for position, _ in each]
        low, high = min(seen, default=0), max(seen, default=0) + 1
        matrix = numpy.zeros((high - low, len(entries)), dtype)
        for column, each in enumerate(entries):
            for position, weight in each:
                matrix[position - low, column] += weight
        found.append((slice(low, high), slice(start, start + len(entries)), matrix))
    return found

"""Images read at places, in tiles that stay in the cache; very many tiles are shared by threads.

Rows of few channels are picked channel by channel: NumPy's loops over them would be too short. Other dtypes than
singles and doubles go to the reference. This file knows no tensors or gradients.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import TYPE_CHECKING

import numpy

from minitensor.backends.numpy.scatter import add_slices
from minitensor.backends.numpy.threads import in_pieces, scratch
from minitensor.backends.reference import sample as reference

if TYPE_CHECKING:
    from minitensor.backends import Array

TILE_ELEMENTS = 1 << 15  # of the picked rows of one tap: 128 KiB of floats
PLACES = 1 << 14  # whose corners are found at a time
# Channels up to which they are picked one by one: 2 take half of the time, 5 take 0.8, 8 take 1.5. Adding gains more: 2
# to 3 times as fast for all of 4 to 8.
NARROW = 8


def corners(
    places: Array, sizes: Sequence[int], mode: str, edges: str, align_corners: bool
) -> tuple[Array, Array]:
    """Return, for places (..., dims), the weight of every corner (T, ...) and its row in the image."""
    if places.dtype.char not in "fd" or not places.size:
        return reference.corners(numpy, places, sizes, mode, edges, align_corners)
    given = places.reshape(-1, places.shape[-1])
    count = {"nearest": 1, "bilinear": 2, "bicubic": 4}[mode] ** len(sizes)
    weight: Array = numpy.empty((count, len(given)), places.dtype)
    index: Array = numpy.empty(weight.shape, "int32" if prod(sizes) < reference.FARTHEST else "int64")

    def work(part: slice) -> None:
        along = reference.all_neighbours(numpy, given[part], sizes, mode, edges, align_corners)
        for corner, weights, rows in zip(product(*along), weight[:, part], index[:, part]):
            multiply_and_add(corner, weights, rows)

    with numpy.errstate(invalid="ignore"):
        in_pieces(work, len(given), 1, PLACES)
    shape = (count, *places.shape[:-1])
    return weight.reshape(shape), index.reshape(shape)


def multiply_and_add(corner: Sequence[tuple[Array, Array]], weights: Array, rows: Array) -> None:
    """Write the product of a corner's shares and the sum of its numbers."""
    (first, share), (second, other), *more = corner
    numpy.multiply(share, other, out=weights)
    numpy.add(first, second, out=rows)
    for number, another in more:
        numpy.multiply(weights, another, out=weights)
        numpy.add(rows, number, out=rows)


def pick(table: Array, weight: Array, index: Array) -> Array:
    """Return sum over t of ``weight[t, m] * table[index[t, m]]``: (M, C)."""
    if table.dtype.char not in "fd":
        return reference.pick(numpy, table, weight, index)
    if table.shape[1] <= NARROW:
        return pick_channels(table, weight, index)
    table = numpy.ascontiguousarray(table)
    total: Array = numpy.empty((index.shape[1], table.shape[1]), table.dtype)

    def work(part: slice) -> None:
        place = total[part]
        picked = scratch("picked", place.size, table.dtype).reshape(place.shape)
        for tap in range(len(index)):
            into = picked if tap else place
            table.take(index[tap, part], 0, into, "clip")
            numpy.multiply(into, weight[tap, part, None], out=into)
            if tap:
                numpy.add(place, picked, out=place)

    in_pieces(work, len(total), table.shape[1], TILE_ELEMENTS)
    return total


def pick_channels(table: Array, weight: Array, index: Array) -> Array:
    """Pick channel by channel. Each channel of the result is contiguous."""
    channels = numpy.ascontiguousarray(table.T)
    total: Array = numpy.empty((len(channels), index.shape[1]), table.dtype)

    def work(part: slice) -> None:
        places, shares = index[:, part].astype(numpy.intp, copy=False), weight[:, part]
        picked = scratch("picked", places.shape[1], table.dtype)
        for channel, sums in zip(channels, total[:, part]):
            for tap, share in enumerate(shares):
                into = picked if tap else sums
                channel.take(places[tap], 0, into, "clip")
                numpy.multiply(into, share, out=into)
                if tap:
                    numpy.add(sums, picked, out=sums)

    in_pieces(work, index.shape[1], 1, PLACES)
    rows: Array = total.T
    return rows


def spread(rows: Array, weight: Array, index: Array, count: int) -> Array:
    """Add ``weight[t, m] * rows[m]`` to row ``index[t, m]`` of zeros (count, C)."""
    if rows.dtype.char not in "fd" or not rows.size:
        return reference.spread(numpy, rows, weight, index, count)
    if rows.shape[1] <= NARROW:
        return spread_channels(rows, weight, index, count)
    total: Array = numpy.zeros((count, rows.shape[1]), rows.dtype)
    add_slices(total, 0, index.reshape(-1), (rows * weight[:, :, None]).reshape(index.size, rows.shape[1]))
    return total


def spread_channels(rows: Array, weight: Array, index: Array, count: int) -> Array:
    """Add channel by channel. Each channel of the result is contiguous."""
    total: Array = numpy.zeros((rows.shape[1], count), rows.dtype)
    for start in range(0, len(rows), PLACES):
        part = slice(start, start + PLACES)
        places, shares = index[:, part].astype(numpy.intp, copy=False), weight[:, part]
        for sums, channel in zip(total, rows[part].T):
            numpy.add.at(sums, places.reshape(-1), (shares * channel).reshape(-1))
    table: Array = total.T
    return table


def compare(rows: Array, table: Array, index: Array) -> Array:
    """Return the products of ``rows[m]`` and ``table[index[t, m]]``: (T, M)."""
    if rows.dtype.char not in "fd":
        return reference.compare(numpy, rows, table, index)
    if 0 < table.shape[1] <= NARROW:
        return compare_channels(rows, table, index)
    table = numpy.ascontiguousarray(table)
    products: Array = numpy.empty(index.shape, rows.dtype)

    def work(part: slice) -> None:
        here = rows[part]
        picked = scratch("picked", here.size, table.dtype).reshape(here.shape)
        for tap in range(len(index)):
            table.take(index[tap, part], 0, picked, "clip")
            numpy.einsum("mc,mc->m", here, picked, out=products[tap, part])

    in_pieces(work, len(rows), table.shape[1], TILE_ELEMENTS)
    return products


def compare_channels(rows: Array, table: Array, index: Array) -> Array:
    """Compare channel by channel."""
    channels = numpy.ascontiguousarray(table.T)
    products: Array = numpy.empty(index.shape, rows.dtype)

    def work(part: slice) -> None:
        picked = scratch("picked", products[0, part].size, table.dtype)
        for places, sums in zip(index[:, part].astype(numpy.intp, copy=False), products[:, part]):
            for number, (channel, here) in enumerate(zip(channels, rows[part].T)):
                into = picked if number else sums
                channel.take(places, 0, into, "clip")
                numpy.multiply(into, here, out=into)
                if number:
                    numpy.add(sums, picked, out=sums)

    in_pieces(work, index.shape[1], 1, PLACES)
    return products

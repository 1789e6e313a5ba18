"""Weighted sums of picked rows in tiles that stay in the cache, very many spread over threads.

What is not single or double precision goes to the reference. Nothing is known here of tensors or gradients.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy

from minitensor.backends.numpy.scatter import add_slices
from minitensor.backends.numpy.threads import in_pieces, scratch
from minitensor.backends.reference import sample as reference

if TYPE_CHECKING:
    from minitensor.backends import Array

TILE_ELEMENTS = 1 << 15  # of the picked rows of one tap: 128 KiB of floats


def pick(table: Array, weight: Array, index: Array) -> Array:
    """Return sum over t of ``weight[t, m] * table[index[t, m]]``: (M, C)."""
    if table.dtype.char not in "fd":
        return reference.pick(numpy, table, weight, index)
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


def spread(rows: Array, weight: Array, index: Array, count: int) -> Array:
    """Add ``weight[t, m] * rows[m]`` to row ``index[t, m]`` of zeros (count, C)."""
    if rows.dtype.char not in "fd" or not rows.size:
        return reference.spread(numpy, rows, weight, index, count)
    total: Array = numpy.zeros((count, rows.shape[1]), rows.dtype)
    add_slices(total, 0, index.reshape(-1), (rows * weight[:, :, None]).reshape(index.size, rows.shape[1]))
    return total


def compare(rows: Array, table: Array, index: Array) -> Array:
    """Return the products of ``rows[m]`` and ``table[index[t, m]]``: (T, M)."""
    if rows.dtype.char not in "fd":
        return reference.compare(numpy, rows, table, index)
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

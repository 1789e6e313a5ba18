"""Joins of arrays, and triangles of matrices, on the host: large ones in blocks by several threads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy

from minitensor.backends.numpy.threads import SHARED, get_num_threads, parallel_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from minitensor.backends import Array

# Elements of matrices up to which one call of NumPy is fastest: 128 x 128 in blocks take 1.4 times as long, 512 x 512
# 0.6 of the time.
SMALL = 1 << 15
ROWS = 64  # rows of a matrix in a block; only the part of a block that the diagonal crosses needs a mask


def concatenate(arrays: Sequence[Array], dim: int) -> Array:
    """Join arrays of one dtype along a dim. NumPy raises if shapes do not match."""
    first = arrays[0]
    if first.size * len(arrays) < SHARED or get_num_threads() == 1:
        return numpy.concatenate(arrays, dim)
    before, after = first.shape[:dim], first.shape[dim:][1:]
    plain = all(
        each.flags.c_contiguous and each.dtype is first.dtype and each.ndim == first.ndim
        and each.shape[:dim] == before and each.shape[dim:][1:] == after for each in arrays
    )  # fmt: skip
    if not plain or not 0 <= dim < first.ndim:
        return numpy.concatenate(arrays, dim)
    ends = numpy.cumsum([each.shape[dim] for each in arrays]).tolist()
    joined = numpy.empty((*before, ends[-1], *after), first.dtype)
    lead = (slice(None),) * dim

    def copy(piece: int) -> None:
        end, part = ends[piece], arrays[piece]
        place = (*lead, slice(end - part.shape[dim], end))
        joined[place] = part

    parallel_for(copy, len(arrays))
    return joined


def triangle(array: Array, diagonal: int, lower: bool) -> Array:
    """Return matrices with zeros above (``lower``) or below a diagonal."""
    height, width = array.shape[-2:]
    if height <= ROWS or array.size < SMALL:
        return numpy.tril(array, diagonal) if lower else numpy.triu(array, diagonal)
    result = numpy.zeros(array.shape, array.dtype)

    def copy(block: int) -> None:
        top, bottom = block * ROWS, min((block + 1) * ROWS, height)
        first, last = (min(max(n + diagonal, 0), width) for n in (top, bottom))  # the columns that the diagonal crosses
        rows, columns = slice(top, bottom), slice(first, last)
        whole = slice(first) if lower else slice(last, width)
        result[..., rows, whole] = array[..., rows, whole]
        if first < last:
            below = numpy.arange(top, bottom)[:, None] + diagonal - numpy.arange(first, last)
            mask = below >= 0 if lower else below <= 0
            numpy.copyto(result[..., rows, columns], array[..., rows, columns], where=mask)

    blocks = -(-height // ROWS)
    if array.size < SHARED:
        for block in range(blocks):
            copy(block)
    else:
        parallel_for(copy, blocks)
    return result

"""Channels of (N, C, L) with mean 0 and variance 1, and the gradient of that: the primitives of all norms.

Where N is 1, the C rows are independent and each tile is finished at once, in 0.2 to 0.4 of the time that the general
kernel takes; otherwise sums over N come first. Other dtypes than singles and doubles go to the reference. This file
knows no tensors.

Note [Statistics as long rows]. To subtract C means from (N, C, L), NumPy walks N * C short loops with one number each.
Repeated L times each, the means are one row of C * L, and the same work takes half the time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy

from minitensor.backends.numpy.means import channel_means, channel_means_of_products, row_sums
from minitensor.backends.numpy.reduce import dots
from minitensor.backends.numpy.tiles import for_each_tile, is_supported
from minitensor.backends.reference import norm as reference

if TYPE_CHECKING:
    from minitensor.backends import Array


def standardize(input: Array, eps: float) -> tuple[Array, Array, Array, Array]:
    """Return z = (x - mean) * r with r = 1 / sqrt(var + eps), and r, mean and var of shape (1, C, 1), for (N, C, L)."""
    if not is_supported(input):
        return reference.standardize(numpy, input, eps)
    x = numpy.ascontiguousarray(input)
    z = numpy.empty_like(x)
    r, mean, var = numpy.empty((3, x.shape[1]), x.dtype)
    (standardize_rows if x.shape[0] == 1 else standardize_batch)(x, z, r, mean, var, x.dtype.type(eps))
    return z, as_column(r), as_column(mean), as_column(var)


def standardize_backward(input: Array, z: Array, r: Array) -> Array:
    """Return r * (x - mean(x) - z * mean(z * x)) for (N, C, L)."""
    if not is_supported(input):
        return reference.standardize_backward(numpy, input, z, r)
    x, z = numpy.ascontiguousarray(input), numpy.ascontiguousarray(z)
    total = numpy.empty_like(x)
    (standardize_rows_backward if x.shape[0] == 1 else standardize_batch_backward)(x, z, r.reshape(-1), total)
    return total


def as_column(statistics: Array) -> Array:
    """Copy statistics (C,) to the shape that broadcasts to (N, C, L)."""
    column: Array = statistics.reshape(1, -1, 1).copy()
    return column


# -- independent rows: (1, C, L) ---------------------------------------------------------------------------------------


def standardize_rows(x: Array, z: Array, r: Array, mean: Array, var: Array, eps: Array) -> None:
    """Standardize each row of L."""
    length, one = x.shape[2], x.dtype.type(1)

    def work(rows: slice) -> None:
        part, out = x[0, rows], z[0, rows]
        mean[rows] = row_sums(part, numpy.ones(length, x.dtype)) / x.dtype.type(length)
        numpy.subtract(part, mean[rows, None], out=out)
        var[rows] = dots(out, out) / x.dtype.type(length)
        r[rows] = one / numpy.sqrt(var[rows] + eps)
        out *= r[rows, None]

    for_each_tile(x.shape[1], length, work)


def standardize_rows_backward(x: Array, z: Array, r: Array, total: Array) -> None:
    """Write the gradient for each row of L."""
    length = x.shape[2]

    def work(rows: slice) -> None:
        part, along, out = x[0, rows], z[0, rows], total[0, rows]
        slope, level = dots(along, part) / -length, row_sums(part, numpy.ones(length, x.dtype)) / length
        numpy.multiply(along, slope.astype(x.dtype)[:, None], out=out)
        out += part
        out -= level.astype(x.dtype)[:, None]
        out *= r[rows, None]

    for_each_tile(x.shape[1], length, work)


# -- channels of a batch: (N, C, L) ------------------------------------------------------------------------------------


def standardize_batch(x: Array, z: Array, r: Array, mean: Array, var: Array, eps: Array) -> None:
    """Standardize over N and L; see Note [Statistics as long rows]."""
    flat, out, length = x.reshape(len(x), -1), z.reshape(len(x), -1), x.shape[2]
    mean[:] = channel_means(x)
    row = numpy.repeat(mean, length)
    for_each_tile(*flat.shape, lambda part: numpy.subtract(flat[part], row, out=out[part]))
    var[:] = channel_means_of_products(z, z)
    r[:] = 1 / numpy.sqrt(var + eps)
    factor = numpy.repeat(r, length)
    for_each_tile(*flat.shape, lambda part: numpy.multiply(out[part], factor, out=out[part]))


def standardize_batch_backward(x: Array, z: Array, r: Array, total: Array) -> None:
    """Write the gradient over N and L."""
    flat, along, out, length = x.reshape(len(x), -1), z.reshape(len(x), -1), total.reshape(len(x), -1), x.shape[2]
    slope = numpy.repeat(channel_means_of_products(x, z), length)
    mean, factor = numpy.repeat(channel_means(x), length), numpy.repeat(r, length)

    def work(rows: slice) -> None:
        here = out[rows]
        numpy.multiply(along[rows], slope, out=here)
        numpy.subtract(flat[rows], here, out=here)
        here -= mean
        here *= factor

    for_each_tile(len(flat), flat.shape[1], work)

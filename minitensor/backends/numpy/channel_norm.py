"""Channels of (N, C, L) standardized, scaled and shifted: over the batch, or in groups of channels of each sample.

A table of strategies chooses the kernel by the numbers of elements and the length of rows. Here are the entries, and
the kernels for few elements and for short rows; ``channel_sets.py`` has those for long rows and groups. Other dtypes
than singles and doubles go to the reference. This file knows no tensors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy

from minitensor.backends.numpy.channel_sets import CENTERED_BEYOND, center, normalize_sets, normalize_sets_backward
from minitensor.backends.numpy.means import channel_means, column_sums, finish_means
from minitensor.backends.numpy.threads import scratch
from minitensor.backends.numpy.tiles import add_tiles, for_each_tile, is_supported
from minitensor.backends.reference import norm as reference

if TYPE_CHECKING:
    from minitensor.backends import Array

# The strategies. The factor says how many times as fast a kernel is as the one in the last column, the best other
# choice (singles, one thread). The lower end of a range belongs to rows about as long as the limit.
#
# | direction, over  | where                               | kernel        | factor     | compared with |
# | ---------------- | ----------------------------------- | ------------- | ---------- | ------------- |
# | forward, batch   | few elements                        | few           | 1.3 to 3.5 | columns       |
# |                  | rows shorter than LONG_ROW          | columns       | 1.0 to 2.1 | sets          |
# |                  | other                               | sets          | 1.1 to 6   | columns       |
# | forward, groups  | few, or shorter than LONG_GROUP_ROW | the reference | 1.1 to 1.4 | sets          |
# |                  | other                               | sets          | 1.3 to 1.8 | the reference |
# | backward, batch  | rows shorter than LONG_ROW          | columns       | 1.4 to 2.6 | sets          |
# |                  | other                               | sets          | 0.8 to 6   | columns       |
# | backward, groups | few, or rows of one element         | the reference | 1.1 to 1.8 | sets          |
# |                  | other                               | sets          | 1.5 to 2.9 | the reference |
FEW_ELEMENTS = 2048
LONG_ROW = 64
LONG_GROUP_ROW = 32


def channel_norm(
    input: Array, weight: Array | None, bias: Array | None, groups: int, eps: float
) -> tuple[Array, Array, Array, Array]:
    """Return the normalized channels, and the mean, 1 / sqrt(var + eps) and var of each group."""
    if not is_supported(input, weight, bias):
        return reference.channel_norm(numpy, input, weight, bias, groups, eps)
    is_few, length = input.size <= FEW_ELEMENTS, input.shape[2]
    if not is_few and length >= (LONG_GROUP_ROW if groups else LONG_ROW):
        return normalize_sets(numpy.ascontiguousarray(input), weight, bias, groups, eps)
    if groups:
        return reference.channel_norm(numpy, input, weight, bias, groups, eps)
    return (normalize_few if is_few else normalize_columns)(input, weight, bias, eps)


def channel_norm_backward(
    grad: Array, input: Array, mean: Array, r: Array, weight: Array | None, groups: int
) -> tuple[Array, Array, Array]:
    """Return the gradients in the input, the weight and the bias, given the input's mean and 1 / sqrt(var + eps)."""
    length = input.shape[2]
    is_for_reference = groups and (input.size <= FEW_ELEMENTS or length == 1)
    if is_for_reference or not is_supported(input, grad, mean, r, weight):
        return reference.channel_norm_backward(numpy, grad, input, mean, r, weight, groups)
    grad, x = numpy.ascontiguousarray(grad), numpy.ascontiguousarray(input)
    if groups or length >= LONG_ROW:
        return normalize_sets_backward(grad, x, mean, r, weight, groups)
    return normalize_columns_backward(grad, x, mean, r, weight)


# -- few elements ------------------------------------------------------------------------------------------------------


def normalize_few(
    x: Array, weight: Array | None, bias: Array | None, eps: float
) -> tuple[Array, Array, Array, Array]:
    """Normalize a batch of few elements, with few calls."""
    share = x.dtype.type(1 / (x.shape[0] * x.shape[2]))
    mean = numpy.add.reduce(x, (0, 2)) * share
    y = x - mean[:, None]
    var = numpy.add.reduce(y * y, (0, 2)) * share
    r = 1 / numpy.sqrt(var + x.dtype.type(eps))
    y *= (r if weight is None else r * weight)[:, None]
    if bias is not None:
        y += bias[:, None]
    return y, mean[None], r[None], var[None]


# -- short rows: each sample is one row of C * L, see Note [Statistics as long rows] in standardize.py -----------------


def normalize_columns(
    input: Array, weight: Array | None, bias: Array | None, eps: float
) -> tuple[Array, Array, Array, Array]:
    """Normalize a batch over N and L."""
    x = numpy.ascontiguousarray(input)
    y, length = numpy.empty_like(x), x.shape[2]
    flat, out = x.reshape(len(x), -1), y.reshape(len(x), -1)
    mean = channel_means(x)
    var = column_variances(x, mean)
    r = 1 / numpy.sqrt(var + x.dtype.type(eps))
    factor = r if weight is None else r * weight
    shift = -mean * factor if bias is None else bias - mean * factor
    slope, level = numpy.repeat(factor, length), numpy.repeat(shift, length)

    def work(rows: slice) -> None:
        numpy.multiply(flat[rows], slope, out=out[rows])
        numpy.add(out[rows], level, out=out[rows])

    for_each_tile(*flat.shape, work)
    return y, mean[None], r[None], var[None]


def column_variances(x: Array, mean: Array) -> Array:
    """Return the variance of each channel."""
    flat, row = x.reshape(len(x), -1), numpy.repeat(mean, x.shape[2])
    sums: dict[int, tuple[Array, ...]] = {}

    def work(rows: slice) -> None:
        part = flat[rows]
        d = numpy.subtract(part, row, out=scratch("norm distance", part.size, part.dtype).reshape(part.shape))
        d *= d
        sums[rows.start] = (column_sums(d),)

    for_each_tile(*flat.shape, work)
    return finish_means(add_tiles(sums)[0], x)


def normalize_columns_backward(
    grad: Array, x: Array, mean: Array, r: Array, weight: Array | None
) -> tuple[Array, Array, Array]:
    """Return the gradients: one pass for those of weight and bias, one for the input's."""
    total, (n, channels, length) = numpy.empty_like(x), x.shape
    g, flat, out = [each.reshape(n, -1) for each in (grad, x, total)]
    middle, by = mean.reshape(-1).astype(numpy.float64), r.reshape(-1).astype(numpy.float64)
    away = None if (abs(middle) * by < CENTERED_BEYOND).all() else numpy.repeat(mean.reshape(-1), length)
    first, second = [each.reshape(channels, -1).sum(1) for each in column_products(g, flat, away)]
    if away is None:
        second = second - first * middle
    factor = by if weight is None else by * weight
    slope = -factor * by * by * second / (n * length)
    shift = -factor * first / (n * length)
    if away is None:
        shift = shift - middle * slope
    by_g, by_x, level = [numpy.repeat(each.astype(x.dtype), length) for each in (factor, slope, shift)]

    def write(rows: slice) -> None:
        here = out[rows]
        d = scratch("norm products", here.size, here.dtype).reshape(here.shape)
        numpy.multiply(center(flat[rows], away), by_x, out=d)
        numpy.multiply(g[rows], by_g, out=here)
        here += d
        here += level

    for_each_tile(len(flat), flat.shape[1], write)
    return total, (by * second).astype(x.dtype), first.astype(x.dtype)


def column_products(g: Array, flat: Array, away: Array | None) -> list[Array]:
    """Return the sums of each column of g, and of g times the centered input, in double."""
    sums: dict[int, tuple[Array, ...]] = {}

    def work(rows: slice) -> None:
        here = g[rows]
        products = scratch("norm products", here.size, here.dtype).reshape(here.shape)
        numpy.multiply(center(flat[rows], away), here, out=products)
        sums[rows.start] = column_sums(here), column_sums(products)

    for_each_tile(len(flat), flat.shape[1], work)
    return add_tiles(sums)

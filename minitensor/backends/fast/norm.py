"""Normalization: the sums of each set of numbers, then its results, while it is in the cache.

| loop | what is a set |
| --- | --- |
| rows | a channel of a batch, or a group of channels of a sample: some rows of (N C, L) |
| columns | a channel of a batch whose rows are short: some columns of (N, C L) |
| lines | a line of (M, L), each of whose entries has its own weight |

The mean is subtracted before anything is squared or multiplied: no sum loses bits to a large mean. Sums over a part
of a row are in the dtype of the input, all others in double. Threads share sets, and sums over lines are cut into
blocks of fixed length, so that no result depends on the number of threads. Dtypes other than singles and doubles go to
NumPy's kernels. This file knows no tensors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy

from minitensor.backends.fast.machine import dense, formula, machine_code
from minitensor.backends.fast.share import share
from minitensor.backends.numpy import channel_norm as plain_channels
from minitensor.backends.numpy import layer_norm as plain_lines
from minitensor.backends.numpy import standardize as plain_standards
from minitensor.backends.numpy.tiles import is_supported

if TYPE_CHECKING:
    from minitensor.backends import Array

SHORT = 64  # rows of a batch up to this length are columns
COLUMNS = 512  # taken at a time, about: with the sums, they stay in the fastest cache
PART = 4096  # entries of a row that are added in the dtype of the input
BLOCK = 128  # lines whose gradients in the weight are added in the dtype of the input


# -- the kernels -------------------------------------------------------------------------------------------------------


def channel_norm(
    input: Array, weight: Array | None, bias: Array | None, groups: int, eps: float
) -> tuple[Array, Array, Array, Array]:
    """Return standardized (N, C, L) times ``weight`` plus ``bias``; mean, 1 / sqrt(var + eps) and var of each set."""
    if not is_supported(input, weight, bias):
        return plain_channels.channel_norm(input, weight, bias, groups, eps)
    x = dense(input)
    (n, channels, length), y = x.shape, numpy.empty_like(x)
    shape = (n, groups) if groups else (1, channels)
    mean, r, var = numpy.empty((3, shape[0] * shape[1]), x.dtype)
    scale, level = parameter(weight, 1, channels, x), parameter(bias, 0, channels, x)
    if groups or length > SHORT:
        rows, out = x.reshape(-1, length), y.reshape(-1, length)
        walk = walk_of(x, groups)
        share(
            lambda first, last: normalize_rows(rows, scale, level, eps, walk, out, mean, r, var, first, last),
            len(mean), x.size,
        )
    else:
        share(
            lambda first, last: normalize_columns(x, scale, level, eps, y, mean, r, var, first, last),
            channels, x.size,
        )
    return y, mean.reshape(shape), r.reshape(shape), var.reshape(shape)


def channel_norm_backward(
    grad: Array, input: Array, mean: Array, r: Array, weight: Array | None, groups: int
) -> tuple[Array, Array, Array]:
    """Return the gradients of ``channel_norm`` in input, weight and bias, given the input's mean and r."""
    if not is_supported(input, grad, mean, r, weight):
        return plain_channels.channel_norm_backward(grad, input, mean, r, weight, groups)
    g, x, middle, by = dense(grad), dense(input), dense(mean).reshape(-1), dense(r).reshape(-1)
    (n, channels, length), total = x.shape, numpy.empty_like(x)
    scale = parameter(weight, 1, channels, x)
    if not groups and length <= SHORT:
        of_weight, of_bias = numpy.empty((2, channels), x.dtype)
        share(
            lambda first, last: slope_columns(g, x, middle, by, scale, total, of_weight, of_bias, first, last),
            channels, x.size,
        )
        return total, of_weight, of_bias
    sums, walk = numpy.empty((2, n * channels)), walk_of(x, groups)
    grads, rows, out = [each.reshape(-1, length) for each in (g, x, total)]
    share(
        lambda first, last: slope_rows(grads, rows, middle, by, scale, walk, out, sums, first, last),
        len(middle), x.size,
    )
    of_bias, of_weight = sums.reshape(2, n, channels).sum(1).astype(x.dtype)
    return total, of_weight, of_bias


def standardize(input: Array, eps: float) -> tuple[Array, Array, Array, Array]:
    """Return z = (x - mean) * r with r = 1 / sqrt(var + eps), and r, mean and var of shape (1, C, 1), for (N, C, L)."""
    if not is_supported(input):
        return plain_standards.standardize(input, eps)
    z, *statistics = channel_norm(input, None, None, 0, eps)
    mean, r, var = [each[..., None].copy() for each in statistics]
    return z, r, mean, var


def standardize_backward(input: Array, z: Array, r: Array) -> Array:
    """Return r * (x - mean(x) - z * mean(z * x)) for (N, C, L): z has mean 0 and variance 1, and r is a weight."""
    if not is_supported(input, z, r):
        return plain_standards.standardize_backward(input, z, r)
    mean, ones = numpy.zeros((1, r.size), r.dtype), numpy.ones((1, r.size), r.dtype)
    return channel_norm_backward(input, z, mean, ones, r.reshape(-1), 0)[0]


def layer_norm(
    input: Array, weight: Array | None, bias: Array | None, eps: float
) -> tuple[Array, Array, Array]:
    """Return standardized lines (M, L) times ``weight`` plus ``bias`` (L); mean and 1 / sqrt(var + eps) of each."""
    if not is_supported(input, weight, bias):
        return plain_lines.layer_norm(input, weight, bias, eps)
    x = dense(input)
    (count, length), y = x.shape, numpy.empty_like(x)
    mean, r = numpy.empty((2, count), x.dtype)
    scale, level = parameter(weight, 1, length, x), parameter(bias, 0, length, x)
    share(lambda first, last: normalize_lines(x, scale, level, eps, y, mean, r, first, last), count, x.size)
    return y, mean, r


def layer_norm_backward(
    grad: Array, input: Array, mean: Array, r: Array, weight: Array | None
) -> tuple[Array, Array, Array]:
    """Return the gradients of ``layer_norm`` in input, weight and bias, given the input's mean and r."""
    if not is_supported(input, grad, mean, r, weight):
        return plain_lines.layer_norm_backward(grad, input, mean, r, weight)
    g, x, middle, by = dense(grad), dense(input), dense(mean), dense(r)
    (count, length), total = x.shape, numpy.empty_like(x)
    scale = parameter(weight, 1, length, x)
    sums = numpy.empty((-(-count // BLOCK), 2, length), x.dtype)
    share(
        lambda first, last: slope_lines(g, x, middle, by, scale, total, sums, first, last), len(sums), x.size
    )
    of_weight, of_bias = numpy.add.reduce(sums, 0, numpy.float64).astype(x.dtype) if len(sums) > 1 else sums[0]
    return total, of_weight, of_bias


def parameter(given: Array | None, number: int, count: int, x: Array) -> Array:
    """Return a parameter as a dense array; a ``number`` stands for one that is None."""
    return numpy.full(count, number, x.dtype) if given is None else dense(given)


def walk_of(x: Array, groups: int) -> tuple[int, int, int]:
    """Return how many rows of (N C, L) a set has, how far apart they are, and how far apart sets begin."""
    n, channels = x.shape[:2]
    return (channels // groups, 1, channels // groups) if groups else (n, channels, 1)


# -- sums --------------------------------------------------------------------------------------------------------------


@machine_code
def sum_line(line: Array) -> float:
    """Return the sum of a line."""
    total = 0.0
    for start in range(0, len(line), PART):
        part, some = line[start : start + PART], line.dtype.type(0)
        for i in range(len(part)):
            some += part[i]
        total += some
    return total


@machine_code
def sum_squares(line: Array, middle: float) -> float:
    """Return the sum of the squared distances of a line's entries from a number."""
    total = 0.0
    for start in range(0, len(line), PART):
        part, some = line[start : start + PART], line.dtype.type(0)
        for i in range(len(part)):
            some += (part[i] - middle) ** 2
        total += some
    return total


# -- rows --------------------------------------------------------------------------------------------------------------


@machine_code
def normalize_rows(
    x: Array, weight: Array, bias: Array, eps: float, walk: tuple[int, int, int], y: Array, mean: Array, r: Array,
    var: Array, first: int, last: int,
) -> None:
    """Write the results and statistics of the sets from ``first`` to ``last``."""
    length, channels, (count, step, apart) = x.shape[1], len(weight), walk
    for s in range(first, last):
        start, stop = s * apart, s * apart + count * step
        total = 0.0
        for row in range(start, stop, step):
            total += sum_line(x[row])
        middle = x.dtype.type(total / (count * length))
        squares = 0.0
        for row in range(start, stop, step):
            squares += sum_squares(x[row], middle)
        by = write_statistics(s, middle, squares / (count * length), eps, mean, r, var)
        for row in range(start, stop, step):
            factor, shift = x.dtype.type(by * weight[row % channels]), bias[row % channels]
            for i in range(length):
                y[row, i] = (x[row, i] - middle) * factor + shift


@formula
def write_statistics(s: int, middle: float, variance: float, eps: float, mean: Array, r: Array, var: Array) -> float:
    """Write the statistics of a set, and return 1 / sqrt(var + eps)."""
    by: float = 1 / numpy.sqrt(variance + eps)
    mean[s], r[s], var[s] = middle, by, variance
    return by


@machine_code
def slope_rows(
    grad: Array, x: Array, mean: Array, r: Array, weight: Array, walk: tuple[int, int, int], total: Array, sums: Array,
    first: int, last: int,
) -> None:
    """Write the gradient in the sets from ``first`` to ``last``, and what each row adds to the others, (2, N C)."""
    length, channels, (count, step, apart) = x.shape[1], len(weight), walk
    for s in range(first, last):
        start, stop = s * apart, s * apart + count * step
        middle, by = mean[s], numpy.float64(r[s])
        level, along = 0.0, 0.0
        for row in range(start, stop, step):
            flat, tilted = 0.0, 0.0
            for start_of_part in range(0, length, PART):
                g, part = grad[row, start_of_part : start_of_part + PART], x[row, start_of_part : start_of_part + PART]
                some, others = x.dtype.type(0), x.dtype.type(0)
                for i in range(len(part)):
                    some += g[i]
                    others += g[i] * (part[i] - middle)
                flat += some
                tilted += others
            sums[0, row], sums[1, row] = flat, tilted * by
            scale = numpy.float64(weight[row % channels])
            level += flat * scale
            # The products of an infinite weight and distances of both signs have no sum.
            along += tilted * scale if numpy.isfinite(scale) else numpy.nan
        slope = x.dtype.type(-along * by**3 / (count * length))
        shift = x.dtype.type(-level * by / (count * length))
        for row in range(start, stop, step):
            factor = x.dtype.type(by * weight[row % channels])
            for i in range(length):
                total[row, i] = grad[row, i] * factor + (x[row, i] - middle) * slope + shift


# -- columns -----------------------------------------------------------------------------------------------------------


@machine_code
def normalize_columns(
    x: Array, weight: Array, bias: Array, eps: float, y: Array, mean: Array, r: Array, var: Array, first: int, last: int
) -> None:
    """Write the results and statistics of the channels from ``first`` to ``last``."""
    n, channels, length = x.shape
    rows, results = x.reshape(n, channels * length), y.reshape(n, channels * length)
    some = max(1, COLUMNS // length)
    sums, middles = numpy.empty(some * length), numpy.empty(some * length, x.dtype)
    factors, shifts = numpy.empty_like(middles), numpy.empty_like(middles)
    for start in range(first, last, some):
        stop = min(start + some, last)
        width, count = (stop - start) * length, n * length
        sums[:] = 0
        for k in range(n):
            row = rows[k, start * length : stop * length]
            for j in range(width):
                sums[j] += row[j]
        for c in range(stop - start):
            middles[c * length : (c + 1) * length] = sums[c * length : (c + 1) * length].sum() / count
        sums[:] = 0
        for k in range(n):
            row = rows[k, start * length : stop * length]
            for j in range(width):
                sums[j] += numpy.float64(row[j] - middles[j]) ** 2
        for c in range(stop - start):
            s, here = start + c, slice(c * length, (c + 1) * length)
            by = write_statistics(s, middles[c * length], sums[here].sum() / count, eps, mean, r, var)
            factors[here], shifts[here] = by * weight[s], bias[s]
        for k in range(n):
            row, result = rows[k, start * length : stop * length], results[k, start * length : stop * length]
            for j in range(width):
                result[j] = (row[j] - middles[j]) * factors[j] + shifts[j]


@machine_code
def slope_columns(
    grad: Array, x: Array, mean: Array, r: Array, weight: Array, total: Array, of_weight: Array, of_bias: Array,
    first: int, last: int,
) -> None:
    """Write the gradients in the channels from ``first`` to ``last``, and in their weights and biases."""
    n, channels, length = x.shape
    shape = (n, channels * length)
    grads, rows, results = grad.reshape(shape), x.reshape(shape), total.reshape(shape)
    some = max(1, COLUMNS // length)
    flat, tilted = numpy.empty(some * length), numpy.empty(some * length)
    middles = numpy.empty(some * length, x.dtype)
    factors, slopes, shifts = numpy.empty_like(middles), numpy.empty_like(middles), numpy.empty_like(middles)
    for start in range(first, last, some):
        stop = min(start + some, last)
        width, count = (stop - start) * length, n * length
        flat[:] = 0
        tilted[:] = 0
        for c in range(stop - start):
            middles[c * length : (c + 1) * length] = mean[start + c]
        for k in range(n):
            g, row = grads[k, start * length : stop * length], rows[k, start * length : stop * length]
            for j in range(width):
                flat[j] += g[j]
                tilted[j] += g[j] * (row[j] - middles[j])
        for c in range(stop - start):
            s, here = start + c, slice(c * length, (c + 1) * length)
            by, level, along = numpy.float64(r[s]), flat[here].sum(), tilted[here].sum()
            of_bias[s], of_weight[s] = level, along * by
            factor = by * weight[s]
            factors[here], slopes[here], shifts[here] = factor, -factor * by**2 * along / count, -factor * level / count
        for k in range(n):
            g, row = grads[k, start * length : stop * length], rows[k, start * length : stop * length]
            result = results[k, start * length : stop * length]
            for j in range(width):
                result[j] = g[j] * factors[j] + (row[j] - middles[j]) * slopes[j] + shifts[j]


# -- lines -------------------------------------------------------------------------------------------------------------


@machine_code
def normalize_lines(
    x: Array, weight: Array, bias: Array, eps: float, y: Array, mean: Array, r: Array, first: int, last: int
) -> None:
    """Write the results and statistics of the lines from ``first`` to ``last``."""
    length = x.shape[1]
    for line in range(first, last):
        middle = x.dtype.type(sum_line(x[line]) / length)
        squares = sum_squares(x[line], middle)
        by = x.dtype.type(1 / numpy.sqrt(squares / length + eps))
        mean[line], r[line] = middle, by
        for i in range(length):
            y[line, i] = (x[line, i] - middle) * by * weight[i] + bias[i]


@machine_code
def slope_lines(
    grad: Array, x: Array, mean: Array, r: Array, weight: Array, total: Array, sums: Array, first: int, last: int
) -> None:
    """Write the gradients in the lines of the blocks from ``first`` to ``last``, and each block's other gradients."""
    length = x.shape[1]
    for block in range(first, last):
        sums[block] = 0
        for line in range(block * BLOCK, min((block + 1) * BLOCK, len(x))):
            middle, by = mean[line], r[line]
            level, along = 0.0, 0.0
            for start in range(0, length, PART):
                stop = start + PART
                row, g, w = x[line, start:stop], grad[line, start:stop], weight[start:stop]
                some, others = x.dtype.type(0), x.dtype.type(0)
                for i in range(len(row)):
                    some += g[i] * w[i]
                    others += g[i] * w[i] * (row[i] - middle)
                level += some
                along += others
            shift = x.dtype.type(level / length)
            slope = x.dtype.type(numpy.float64(by) ** 2 * along / length)
            for i in range(length):
                g, d = grad[line, i], x[line, i] - middle
                sums[block, 0, i] += g * d * by
                sums[block, 1, i] += g
                total[line, i] = (g * weight[i] - shift - d * slope) * by

"""Standardising in tiles that stay in the cache, very many of them spread over threads, with sums by BLAS.

Where N is 1 the C rows are independent and each tile is done in one go; else sums over N come first. What is not single
or double precision goes to the reference. Nothing is known here of tensors or gradients.

Note [Statistics as long rows]. To subtract C means from (N, C, L), NumPy walks N * C short loops whose second operand
stands still; written out L times each, they are one row of C * L, and the same work takes half the time.

Note [Rows and buffers]. Where a column or a row meets a matrix whose rows are shorter than its buffer (8192 elements),
NumPy copies the column or row into the buffer, again and again: 10^6 floats in rows of 1000 to 4000 take 410 us times a
column, 330 us times a row. With the smallest buffer it calls its loop for each row instead: 240 us in rows of 1000, 180
in rows of 4000 (170 times one number), but 700 in rows of 128. A row that is repeated until it is as long as the buffer
takes 180 us.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy

from minitensor.backends.numpy.reduce import BLOCK, DOT_BLOCK, add_columns, dots
from minitensor.backends.numpy.threads import SHARED, in_pieces, one_blas_thread, parallel_for, scratch
from minitensor.backends.reference import norm as reference

if TYPE_CHECKING:
    from minitensor.backends import Array

    At: TypeAlias = tuple[slice, slice]  # a piece of sets: which of them, and which rows of each

TILE_ELEMENTS = 1 << 17  # half a MiB of floats
ROWS_TILE = 1 << 19  # larger: kernels that call NumPy often lose more by the calls than by the cache
NEAR = 4  # so many standard deviations from zero, a mean costs two bits
FEW = 2048  # up to this many elements, fewer calls count for more than what each of them costs
LONG = 64  # from this L on, a dot product for each of N * C beats one long loop
CLOSE = 1  # so many, half a bit
# Of sets, a thread takes so many elements at a time, or all; see Note [Waiting for the interpreter] in threads.py.
# Pieces are larger than a core's own cache for the same reason.
TURN_ELEMENTS, PIECE_ELEMENTS = 1 << 19, 1 << 18
EVERYTHING = slice(None)
Part = TypeVar("Part")
SUMMED = 2048  # so many rows are added up in single precision, then their sums in double
MANY = 4  # so many long rows are worth writing one
BUFFER, SMALLEST_BUFFER = 8192, 16  # of NumPy, in elements
LONG_ROW = 400  # from here on, rows are better off without buffers, see Note [Rows and buffers]


def standardize(input: Array, eps: float) -> tuple[Array, Array, Array, Array]:
    """Return z = (x - mean) * r with r = 1 / sqrt(var + eps), and r, mean and var of shape (1, C, 1), for (N, C, L)."""
    if not applies(input):
        return reference.standardize(numpy, input, eps)
    x = numpy.ascontiguousarray(input)
    z = numpy.empty_like(x)
    r, mean, var = numpy.empty((3, x.shape[1]), x.dtype)
    (standardize_rows if x.shape[0] == 1 else standardize_batch)(x, z, r, mean, var, x.dtype.type(eps))
    return z, as_column(r), as_column(mean), as_column(var)


def standardize_backward(input: Array, z: Array, r: Array) -> Array:
    """Return r * (x - mean(x) - z * mean(z * x)) for (N, C, L)."""
    if not applies(input):
        return reference.standardize_backward(numpy, input, z, r)
    x, z = numpy.ascontiguousarray(input), numpy.ascontiguousarray(z)
    total = numpy.empty_like(x)
    (project_rows if x.shape[0] == 1 else project_batch)(x, z, r.reshape(-1), total)
    return total


# -- rows on their own: (1, C, L) --------------------------------------------------------------------------------------


def standardize_rows(x: Array, z: Array, r: Array, mean: Array, var: Array, eps: Array) -> None:
    """Standardise each row of L."""
    length, one = x.shape[2], x.dtype.type(1)

    def work(rows: slice) -> None:
        part, out = x[0, rows], z[0, rows]
        mean[rows] = row_sums(part, numpy.ones(length, x.dtype)) / x.dtype.type(length)
        numpy.subtract(part, mean[rows, None], out=out)
        var[rows] = dots(out, out) / x.dtype.type(length)
        r[rows] = one / numpy.sqrt(var[rows] + eps)
        out *= r[rows, None]

    over_tiles(x.shape[1], length, work)


def project_rows(x: Array, z: Array, r: Array, total: Array) -> None:
    """Project each row of L."""
    length = x.shape[2]

    def work(rows: slice) -> None:
        part, along, out = x[0, rows], z[0, rows], total[0, rows]
        slope, level = dots(along, part) / -length, row_sums(part, numpy.ones(length, x.dtype)) / length
        numpy.multiply(along, slope.astype(x.dtype)[:, None], out=out)
        out += part
        out -= level.astype(x.dtype)[:, None]
        out *= r[rows, None]

    over_tiles(x.shape[1], length, work)


# -- rows of a batch together: (N, C, L) -------------------------------------------------------------------------------


def standardize_batch(x: Array, z: Array, r: Array, mean: Array, var: Array, eps: Array) -> None:
    """Standardise over N and L; see Note [Statistics as long rows]."""
    flat, out, length = x.reshape(len(x), -1), z.reshape(len(x), -1), x.shape[2]
    mean[:] = means(x)
    row = numpy.repeat(mean, length)
    over_tiles(*flat.shape, lambda part: numpy.subtract(flat[part], row, out=out[part]))
    var[:] = means_of_products(z, z)
    r[:] = 1 / numpy.sqrt(var + eps)
    factor = numpy.repeat(r, length)
    over_tiles(*flat.shape, lambda part: numpy.multiply(out[part], factor, out=out[part]))


def project_batch(x: Array, z: Array, r: Array, total: Array) -> None:
    """Project over N and L."""
    flat, along, out, length = x.reshape(len(x), -1), z.reshape(len(x), -1), total.reshape(len(x), -1), x.shape[2]
    slope, mean = numpy.repeat(means_of_products(x, z), length), numpy.repeat(means(x), length)
    factor = numpy.repeat(r, length)

    def work(part: slice) -> None:
        here = out[part]
        numpy.multiply(along[part], slope, out=here)
        numpy.subtract(flat[part], here, out=here)
        here -= mean
        here *= factor

    over_tiles(len(flat), flat.shape[1], work)


def means(x: Array) -> Array:
    """Return the mean for each of C."""
    return over_all(column_sums(x.reshape(len(x), -1)), x)


def column_sums(rows: Array) -> Array:
    """Add up each column. On a few rows, a product with ones takes half the time of ``sum``."""
    return numpy.ones(len(rows), rows.dtype) @ rows if len(rows) <= BLOCK else add_columns(rows)


def row_sums(rows: Array, ones: Array) -> Array:
    """Add up each row, long ones in blocks."""
    return rows @ ones if rows.shape[1] <= DOT_BLOCK else dots(rows, ones)


def means_of_products(a: Array, b: Array) -> Array:
    """Return the mean of products for each of C, without writing the products."""
    if a.shape[2] >= LONG:
        return over_all(dots(a, b).sum(0, numpy.float64), a)
    first, second, whole = a.reshape(len(a), -1), b.reshape(len(a), -1), len(a) - len(a) % BLOCK
    blocks = [each[:whole].reshape(-1, BLOCK, each.shape[1]) for each in (first, second)]
    sums = numpy.einsum("nbk,nbk->nk", *blocks).sum(0, numpy.float64)
    return over_all(sums + numpy.einsum("bk,bk->k", first[whole:], second[whole:]), a)


def over_all(sums: Array, x: Array) -> Array:
    """Finish means from sums over N; in double, as there may be many and large ones."""
    total: Array = numpy.add.reduce(sums.reshape(x.shape[1], -1), 1, numpy.float64) / (x.shape[0] * x.shape[2])
    return total.astype(x.dtype)


# -- standardised and affine, in one pass: rows (M, L) -----------------------------------------------------------------


def layer_norm(
    input: Array, weight: Array | None, bias: Array | None, eps: float
) -> tuple[Array, Array, Array]:
    """Standardise each row, then times ``weight`` plus ``bias``; and return each row's mean and 1 / sqrt(var + eps)."""
    if not applies(input) or not alike(input, weight, bias):
        return reference.layer_norm(numpy, input, weight, bias, eps)
    x = numpy.ascontiguousarray(input)
    y, (count, length) = numpy.empty_like(x), x.shape
    mean, r = numpy.empty((2, count), x.dtype)
    ones, share = numpy.ones(length, x.dtype), x.dtype.type(1 / length)
    factor, shift = Row(weight, count), Row(bias, count)

    def work(rows: slice) -> None:
        part, out = x[rows], y[rows]
        numpy.divide(row_sums(part, ones), x.dtype.type(length), out=mean[rows])
        numpy.subtract(part, mean[rows, None], out=out)
        r[rows] = 1 / numpy.sqrt(dots(out, out) * share + x.dtype.type(eps))
        out *= r[rows, None]
        factor.meet(numpy.multiply, out, out)
        shift.meet(numpy.add, out, out)

    over_tiles(count, length, work, ROWS_TILE, length)
    return y, mean, r


def layer_norm_backward(
    grad: Array, input: Array, mean: Array, r: Array, weight: Array | None
) -> tuple[Array, Array, Array]:
    """Return the gradients in the input, the weight and the bias, all from one look at each tile."""
    if not applies(input) or not alike(input, grad, weight):
        return reference.layer_norm_backward(numpy, grad, input, mean, r, weight)
    grad, x = numpy.ascontiguousarray(grad), numpy.ascontiguousarray(input)
    total, (count, length) = numpy.empty_like(x), x.shape
    scale = numpy.ones(length, x.dtype) if weight is None else weight
    factor, share = Row(weight, count), x.dtype.type(1 / length)
    sums: dict[int, tuple[Array, Array]] = {}

    def work(rows: slice) -> None:
        g, out, m, by = grad[rows], total[rows], mean[rows], r[rows]
        d = x[rows]
        products = scratch("norm products", g.size, g.dtype).reshape(g.shape)
        if not (abs(m) * by < CLOSE).all():
            d = numpy.subtract(d, m[:, None], out=scratch("norm distance", g.size, g.dtype).reshape(g.shape))
            m = numpy.zeros_like(m)
        numpy.multiply(g, d, out=products)
        of_bias = numpy.ones(len(g), g.dtype) @ g
        sums[rows.start] = by @ products - (by * m) @ g, of_bias
        first = row_sums(g, scale)
        slope = (m * first - row_sums(products, scale)) * (by * by * share)
        shift = first * share + m * slope
        numpy.multiply(d, slope.astype(x.dtype, copy=False)[:, None], out=products)
        products -= shift.astype(x.dtype, copy=False)[:, None]
        factor.meet(numpy.multiply, g, out)
        numpy.add(g if weight is None else out, products, out=out)
        out *= by[:, None]

    over_tiles(count, length, work, min(ROWS_TILE, SUMMED * length), length)
    if len(sums) == 1:
        return total, *sums[0]  # of the rows from 0 on
    of_weight, of_bias = [
        numpy.add.reduce(numpy.stack(each), 0, numpy.float64).astype(x.dtype)
        for each in zip(*in_order(sums), strict=True)
    ]
    return total, of_weight, of_bias


class Row:
    """A row that meets all rows of a matrix; short ones are written out as a long one, see Note [Rows and buffers]."""

    __slots__ = ("long", "row")

    def __init__(self, row: Array | None, count: int) -> None:
        self.row = row
        times = 1 if row is None else -(-BUFFER // len(row))
        self.long = row if row is None or count < MANY * times else (row + numpy.zeros((times, 1), row.dtype)).ravel()

    def meet(self, function: Any, rows: Array, out: Array) -> None:
        """Write ``function(rows, row)``, both matrices contiguous; nothing if there is no row."""
        if self.row is None or self.long is None:
            return
        whole = len(rows) - len(rows) * len(self.row) % len(self.long) // len(self.row)
        if whole:
            shape = (-1, len(self.long))
            function(rows[:whole].reshape(shape), self.long, out=out[:whole].reshape(shape))
        if whole < len(rows):
            function(rows[whole:], self.row, out=out[whole:])


# -- standardised and affine: channels (N, C, L) -----------------------------------------------------------------------


def channel_norm(
    input: Array, weight: Array | None, bias: Array | None, groups: int, eps: float
) -> tuple[Array, Array, Array, Array]:
    """Return the channels normed, and mean, 1 / sqrt(var + eps) and var of what was standardised together."""
    if not applies(input) or not alike(input, weight, bias):
        return reference.channel_norm(numpy, input, weight, bias, groups, eps)
    if input.size > FEW and input.shape[2] >= LONG:
        return norm_sets(numpy.ascontiguousarray(input), weight, bias, groups, eps)
    if groups:
        return reference.channel_norm(numpy, input, weight, bias, groups, eps)
    return (norm_few if input.size <= FEW else norm_columns)(input, weight, bias, eps)


def channel_norm_backward(
    grad: Array, input: Array, mean: Array, r: Array, weight: Array | None, groups: int
) -> tuple[Array, Array, Array]:
    """Return the gradients in the input, the weight and the bias; mean and r are the input's own."""
    if not applies(input) or not alike(input, grad, mean, r, weight) or (input.shape[2] < LONG and groups):
        return reference.channel_norm_backward(numpy, grad, input, mean, r, weight, groups)
    grad, x = numpy.ascontiguousarray(grad), numpy.ascontiguousarray(input)
    if x.shape[2] < LONG:
        return norm_columns_backward(grad, x, mean, r, weight)
    return norm_sets_backward(grad, x, mean, r, weight, groups)


# Note [Sets of rows]. From a certain length on, each channel of each sample is a row of L. Rows that are standardised
# together are a set: (N, C, L) is seen as (S, K, L), S sets of K rows, for groups as it lies in memory, for a batch
# with N and C exchanged. Sets are independent, so a thread takes some of them all the way: a look at the input for
# the sums, some 40 us of arithmetic with one number for each row, a look to write the result. Both go piece by piece.


def as_sets(x: Array, groups: int) -> Array:
    """Return (N, C, L) as (S, K, L), without a copy; see Note [Sets of rows]."""
    n, channels, length = x.shape
    sets: Array = x.reshape(n * groups, channels // groups, length) if groups else x.swapaxes(0, 1)
    return sets


def parameter_of_sets(parameter: Array | None, x: Array, groups: int) -> Array | None:
    """Return (C) as it meets (S, K)."""
    if parameter is None or not groups:
        return parameter if parameter is None else parameter[:, None]
    n, channels = x.shape[:2]
    each: Array = parameter * numpy.ones((n, 1), x.dtype)  # a tenth of the time of `tile`
    return each.reshape(n * groups, channels // groups)


def over_sets(sets: Array, work: Callable[[slice], object]) -> None:
    """Deal sets to threads if there are very many, else work on all of them at once."""
    step = len(sets) if sets.size < SHARED else max(1, TURN_ELEMENTS // sets[0].size)
    work = without_buffers(work) if sets.shape[2] >= LONG_ROW else work
    with one_blas_thread():
        parallel_for(lambda turn: work(slice(turn * step, (turn + 1) * step)), -(-len(sets) // step))


def over_pieces(sets: Array, look: Callable[[At], object]) -> None:
    """Call ``look`` with pieces of (S, K, L): some sets, or some rows of one that is large."""
    count, rows, length = sets.shape
    some, step = max(1, PIECE_ELEMENTS // (rows * length)), max(1, PIECE_ELEMENTS // length)
    pieces = [
        (slice(s, s + some), slice(k, k + step)) for s in range(0, count, some) for k in range(0, rows, step)
    ]
    if count > 1 or sets.size < SHARED:
        for piece in pieces:
            look(piece)
        return
    work = without_buffers(look) if length >= LONG_ROW else look
    parallel_for(lambda turn: work(pieces[turn]), len(pieces))


def norm_sets(
    x: Array, weight: Array | None, bias: Array | None, groups: int, eps: float
) -> tuple[Array, Array, Array, Array]:
    """Norm the channels; see Note [Sets of rows]."""
    y = numpy.empty_like(x)
    sets, results = as_sets(x, groups), as_sets(y, groups)
    scale, level = parameter_of_sets(weight, x, groups), parameter_of_sets(bias, x, groups)
    mean, r, var = numpy.empty((3, len(sets)), x.dtype)
    ones = numpy.ones(x.shape[2], x.dtype)  # here, as a thread that runs while another holds Python waits long for it

    def work(which: slice) -> None:
        part, out = sets[which], results[which]
        middle, spread, away = moments(part, out, ones)
        by = 1 / numpy.sqrt(spread + eps)
        mean[which], var[which], r[which] = middle, spread, by
        exact = by[:, None] if scale is None else by[:, None] * scale[which]
        shift: Any = 0 if level is None else level[which]
        if not away:
            shift = shift - middle[:, None] * exact
        factor = exact.astype(x.dtype)[..., None]
        shift = None if away and level is None else shift.astype(x.dtype)[..., None]
        source = out if away else part

        def write(at: At) -> None:
            here = numpy.multiply(source[at], statistics_at(factor, at), out=out[at])
            if shift is not None:
                here += statistics_at(shift, at)

        over_pieces(part, write)

    over_sets(sets, work)
    shape = (len(x), groups) if groups else (1, x.shape[1])
    return y, mean.reshape(shape), r.reshape(shape), var.reshape(shape)


def moments(part: Array, out: Array, ones: Array) -> tuple[Array, Array, bool]:
    """Return mean and variance (S) of sets, in double, and whether distances from the mean were written to ``out``.

    The mean of squares less the square of the mean costs a bit at most where the former is twice the latter or more.
    """
    sums, squares = numpy.empty((2, *part.shape[:2]))

    def look(at: At) -> None:
        here = part[at]
        sums[at] = dots(here, ones)
        squares[at] = dots(here, here)

    over_pieces(part, look)
    count = part[0].size
    mean = sums.sum(1) / count
    var = squares.sum(1) / count - mean * mean
    if (mean * mean <= var).all():
        return mean, var, False
    middle = mean.astype(part.dtype)[:, None, None]

    def look_again(at: At) -> None:
        here = numpy.subtract(part[at], middle[at[0]], out=out[at])
        squares[at] = dots(here, here)

    over_pieces(part, look_again)
    return mean, squares.sum(1) / count, True


def norm_sets_backward(
    grad: Array, x: Array, mean: Array, r: Array, weight: Array | None, groups: int
) -> tuple[Array, Array, Array]:
    """Return the gradients; see Note [Sets of rows]."""
    total = numpy.empty_like(x)
    sets, grads, results = [as_sets(each, groups) for each in (x, grad, total)]
    scale = parameter_of_sets(weight, x, groups)
    middles, scales = mean.reshape(-1, 1), r.reshape(-1, 1)
    rows, length = sets.shape[1:]
    of_bias, of_weight = numpy.empty((2, len(sets), rows))
    ones = numpy.ones(length, x.dtype)

    def work(which: slice) -> None:
        part, g, out = sets[which], grads[which], results[which]
        middle, by = middles[which].astype(numpy.float64), scales[which].astype(numpy.float64)
        # Means are taken off before the products, unless they are so small that products lose nothing by them.
        away = None if (abs(middle) * by < NEAR).all() else middles[which, :, None]
        first, second = of_bias[which], of_weight[which]

        def look(at: At) -> None:
            first[at] = dots(g[at], ones)
            second[at] = dots(g[at], less(part[at], away, at[0]))

        over_pieces(part, look)
        if away is None:
            second -= first * middle
        along, level = [each if scale is None else each * scale[which] for each in (second, first)]
        slope = along.sum(1, keepdims=True) * (by**3 / -(rows * length))
        shift = level.sum(1, keepdims=True) * (by / -(rows * length))
        if away is None:
            shift -= middle * slope
        second *= by
        factor = by if scale is None else by * scale[which]
        factor, slope, shift = [each.astype(x.dtype)[..., None] for each in (factor, slope, shift)]

        def write(at: At) -> None:
            here = out[at]
            d = scratch("norm products", here.size, here.dtype).reshape(here.shape)
            numpy.multiply(less(part[at], away, at[0]), slope[at[0]], out=d)
            d += shift[at[0]]
            numpy.multiply(g[at], statistics_at(factor, at), out=here)
            here += d

        over_pieces(part, write)

    over_sets(sets, work)
    found = [each.reshape(x.shape[:2]).sum(0) if groups else each.sum(1) for each in (of_weight, of_bias)]
    return total, found[0].astype(x.dtype), found[1].astype(x.dtype)


def less(part: Array, away: Array | None, at: slice = EVERYTHING) -> Array:
    """Return rows less what is to be taken away."""
    if away is None:
        return part
    distance: Array = scratch("norm distance", part.size, part.dtype).reshape(part.shape)
    return numpy.subtract(part, away[at], out=distance)


def statistics_at(statistics: Array, at: At) -> Array:
    """Return the statistics of a piece: of some rows of each set, or those that all of them share."""
    return statistics[at[0]] if statistics.shape[1] == 1 else statistics[at]


# -- channels of a batch, where L is small: each sample is a row of C * L, see Note [Statistics as long rows] ----------


def norm_few(
    x: Array, weight: Array | None, bias: Array | None, eps: float
) -> tuple[Array, Array, Array, Array]:
    """Norm few elements, with few calls."""
    share = x.dtype.type(1 / (x.shape[0] * x.shape[2]))
    mean = numpy.add.reduce(x, (0, 2)) * share
    y = x - mean[:, None]
    var = numpy.add.reduce(y * y, (0, 2)) * share
    r = 1 / numpy.sqrt(var + x.dtype.type(eps))
    y *= (r if weight is None else r * weight)[:, None]
    if bias is not None:
        y += bias[:, None]
    return y, mean[None], r[None], var[None]


def norm_columns(
    input: Array, weight: Array | None, bias: Array | None, eps: float
) -> tuple[Array, Array, Array, Array]:
    """Norm channels of short rows over the batch."""
    x = numpy.ascontiguousarray(input)
    y, length = numpy.empty_like(x), x.shape[2]
    flat, out = x.reshape(len(x), -1), y.reshape(len(x), -1)
    mean = means(x)
    var = variances_of_columns(x, mean)
    r = 1 / numpy.sqrt(var + x.dtype.type(eps))
    factor = r if weight is None else r * weight
    shift = -mean * factor if bias is None else bias - mean * factor
    slope, level = numpy.repeat(factor, length), numpy.repeat(shift, length)

    def work(part: slice) -> None:
        numpy.multiply(flat[part], slope, out=out[part])
        numpy.add(out[part], level, out=out[part])

    over_tiles(*flat.shape, work)
    return y, mean[None], r[None], var[None]


def variances_of_columns(x: Array, mean: Array) -> Array:
    """Return the variance of each channel over the batch, where rows are short."""
    flat, row = x.reshape(len(x), -1), numpy.repeat(mean, x.shape[2])
    sums: dict[int, Array] = {}

    def work(part: slice) -> None:
        d = numpy.subtract(flat[part], row)
        d *= d
        sums[part.start] = column_sums(d)

    over_tiles(len(flat), flat.shape[1], work)
    return over_all(numpy.add.reduce(numpy.stack(in_order(sums)), 0, numpy.float64), x)


def norm_columns_backward(
    grad: Array, x: Array, mean: Array, r: Array, weight: Array | None
) -> tuple[Array, Array, Array]:
    """Return the gradients of channels of short rows: one look for the sums, one for the input's."""
    total, (n, channels, length) = numpy.empty_like(x), x.shape
    g, flat, out = [each.reshape(n, -1) for each in (grad, x, total)]
    middle, by = mean.reshape(-1).astype(numpy.float64), r.reshape(-1).astype(numpy.float64)
    away = None if (abs(middle) * by < NEAR).all() else numpy.repeat(mean.reshape(-1), length)
    sums: dict[int, tuple[Array, Array]] = {}

    def look(part: slice) -> None:
        sums[part.start] = column_sums(g[part]), column_sums(less(flat[part], away) * g[part])

    over_tiles(*flat.shape, look)
    first, second = [
        numpy.add.reduce(numpy.stack(each), 0, numpy.float64).reshape(channels, -1).sum(1)
        for each in zip(*in_order(sums), strict=True)
    ]
    if away is None:
        second = second - first * middle
    factor = by if weight is None else by * weight
    slope = -factor * by * by * second / (n * length)
    shift = -factor * first / (n * length)
    if away is None:
        shift = shift - middle * slope
    by_g, by_x, level = [numpy.repeat(each.astype(x.dtype), length) for each in (factor, slope, shift)]

    def write(part: slice) -> None:
        here = out[part]
        d = scratch("norm products", here.size, here.dtype).reshape(here.shape)
        numpy.multiply(less(flat[part], away), by_x, out=d)
        numpy.multiply(g[part], by_g, out=here)
        here += d
        here += level

    over_tiles(*flat.shape, write)
    return total, (by * second).astype(x.dtype), first.astype(x.dtype)


# -- small parts -------------------------------------------------------------------------------------------------------


def over_tiles(
    count: int, width: int, work: Callable[[slice], object], tile: int = TILE_ELEMENTS, row: int = 0
) -> None:
    """Cut ``count`` rows of ``width`` entries into tiles.

    ``row`` is the length of rows that one number each meets, if there are any; see Note [Rows and buffers].
    """
    in_pieces(without_buffers(work) if row >= LONG_ROW else work, count, width, tile)


def in_order(found: Mapping[int, Part]) -> list[Part]:
    """Return what was found tile by tile, the first one first: sums must not depend on which thread was quicker."""
    return [found[start] for start in sorted(found)]


def without_buffers(work: Callable[[Part], object]) -> Callable[[Part], object]:
    """Let NumPy walk row by row; see Note [Rows and buffers]."""

    def call(part: Part) -> None:
        with numpy.errstate():  # which gives the size back, too
            numpy.setbufsize(SMALLEST_BUFFER)
            work(part)

    return call


def alike(x: Array, *others: Array | None) -> bool:
    """Whether all that is there has one dtype."""
    return all(each is None or each.dtype == x.dtype for each in others)


def applies(x: Array) -> bool:
    """Whether these kernels can work on an array."""
    return x.dtype.char in "fd" and x.size > 0


def as_column(statistics: Array) -> Array:
    """Return statistics (C,) as they meet (N, C, L)."""
    column: Array = statistics.reshape(1, -1, 1).copy()
    return column

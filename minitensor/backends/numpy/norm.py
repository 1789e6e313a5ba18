"""Standardising in tiles that stay in the cache, spread over threads, with sums by BLAS.

Where N is 1 the C rows are independent and each tile is done in one go; else sums over N come first. What is not single
or double precision goes to the reference. Nothing is known here of tensors or gradients.

Note [Statistics as long rows]. To subtract C means from (N, C, L), NumPy walks N * C short loops whose second operand
stands still; written out L times each, they are one row of C * L, and the same work takes half the time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy

from minitensor.backends.numpy.threads import parallel_for, scratch
from minitensor.backends.reference import norm as reference

if TYPE_CHECKING:
    from minitensor.backends import Array

TILE_ELEMENTS = 1 << 17  # half a MiB of floats
ROWS_TILE = 1 << 17  # larger: kernels that call NumPy often lose more by the calls than by the cache
WORTH_A_THREAD = 1 << 18  # waking a helper takes 20 to 50 us, about as long as a pass over a tile
NEAR = 4  # so many standard deviations from zero, a mean costs two bits
FEW = 2048  # up to this many elements, fewer calls count for more than what each of them costs
LONG = 64  # from this L on, a dot product for each of N * C beats one long loop


def standardize(input: Array, eps: float) -> tuple[Array, Array, Array, Array]:
    """Return z = (x - mean) * r with r = 1 / sqrt(var + eps), and r, mean and var of shape (1, C, 1), for (N, C, L)."""
    if not applies(input):
        return reference.standardize(numpy, input, eps)
    x = numpy.ascontiguousarray(input)
    z = numpy.empty_like(x)
    r, mean, var = numpy.empty((3, x.shape[1]), x.dtype)
    (standardize_rows if x.shape[0] == 1 else standardize_batch)(x, z, r, mean, var, x.dtype.type(eps))
    return z, as_column(r), as_column(mean), as_column(var)


def project(input: Array, z: Array, r: Array) -> Array:
    """Return r * (x - mean(x) - z * mean(z * x)) for (N, C, L)."""
    if not applies(input):
        return reference.project(numpy, input, z, r)
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
        mean[rows] = part @ numpy.ones(length, x.dtype) / x.dtype.type(length)
        numpy.subtract(part, mean[rows, None], out=out)
        var[rows] = numpy.vecdot(out, out) / x.dtype.type(length)
        r[rows] = one / numpy.sqrt(var[rows] + eps)
        out *= r[rows, None]

    over_tiles(x.shape[1], length, work)


def project_rows(x: Array, z: Array, r: Array, total: Array) -> None:
    """Project each row of L."""
    length = x.shape[2]

    def work(rows: slice) -> None:
        part, along, out = x[0, rows], z[0, rows], total[0, rows]
        numpy.multiply(along, (numpy.vecdot(along, part) / -x.dtype.type(length))[:, None], out=out)
        out += part
        out -= (part @ numpy.ones(length, x.dtype) / x.dtype.type(length))[:, None]
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
    """Return the mean for each of C. A product with ones takes half the time of ``sum``."""
    return over_all(numpy.ones(len(x), x.dtype) @ x.reshape(len(x), -1), x)


def means_of_products(a: Array, b: Array) -> Array:
    """Return the mean of products for each of C, without writing the products."""
    if a.shape[2] >= LONG:
        return over_all(numpy.vecdot(a, b).sum(0, numpy.float64), a)
    return over_all(numpy.einsum("nk,nk->k", a.reshape(len(a), -1), b.reshape(len(a), -1)), a)


def over_all(sums: Array, x: Array) -> Array:
    """Finish means from sums over N; in double, as there may be many and large ones."""
    total: Array = numpy.add.reduce(sums.reshape(x.shape[1], -1), 1, numpy.float64) / (x.shape[0] * x.shape[2])
    return total.astype(x.dtype)


# -- standardised and affine, in one pass: rows (M, L) -----------------------------------------------------------------


def layer_norm(input: Array, weight: Array | None, bias: Array | None, eps: float) -> Array:
    """Standardise each row, then times ``weight`` plus ``bias``."""
    if not applies(input) or not alike(input, weight, bias):
        return reference.layer_norm(numpy, input, weight, bias, eps)
    x = numpy.ascontiguousarray(input)
    y, length = numpy.empty_like(x), x.shape[1]
    ones = numpy.ones(length, x.dtype)

    def work(rows: slice) -> None:
        out = y[rows]
        r = centered(x[rows], out, ones, eps)
        out *= r[:, None]
        if weight is not None:
            out *= weight
        if bias is not None:
            out += bias

    over_tiles(len(x), x.shape[1], work, ROWS_TILE)
    return y


def layer_norm_back(grad: Array, input: Array, weight: Array | None, eps: float) -> tuple[Array, Array, Array]:
    """Return the gradients in the input, the weight and the bias, all from one look at each tile."""
    if not applies(input) or not alike(input, grad, weight):
        return reference.layer_norm_back(numpy, grad, input, weight, eps)
    grad, x = numpy.ascontiguousarray(grad), numpy.ascontiguousarray(input)
    total, (count, length) = numpy.empty_like(x), x.shape
    ones = numpy.ones(length, x.dtype)
    factor = ones if weight is None else weight
    share = x.dtype.type(1 / length)
    sums: list[tuple[Array, Array]] = []

    def work(rows: slice) -> None:
        g, out = grad[rows], total[rows]
        d = scratch("norm distance", g.size, g.dtype).reshape(g.shape)
        products = scratch("norm products", g.size, g.dtype).reshape(g.shape)
        r = centered(x[rows], d, ones, eps)
        numpy.multiply(g, d, out=products)
        sums.append((r @ products, numpy.ones(len(g), g.dtype) @ g))
        d *= ((products @ factor) * (r * r * share))[:, None]
        if weight is None:
            numpy.subtract(g, d, out=out)
        else:
            numpy.multiply(g, weight, out=out)
            out -= d
        out -= ((g @ factor) * share)[:, None]
        out *= r[:, None]

    over_tiles(count, length, work, ROWS_TILE)
    of_weight, of_bias = [
        numpy.add.reduce(numpy.stack(each), 0, numpy.float64).astype(x.dtype) for each in zip(*sums, strict=True)
    ]
    return total, of_weight, of_bias


def centered(part: Array, out: Array, ones: Array, eps: float) -> Array:
    """Write rows less their means, and return 1 / sqrt(variance + eps)."""
    share = part.dtype.type(1 / part.shape[1])
    numpy.subtract(part, ((part @ ones) * share)[:, None], out=out)
    return 1 / numpy.sqrt(numpy.vecdot(out, out) * share + part.dtype.type(eps))  # type: ignore[no-any-return]  # ufuncs are untyped


# -- standardised and affine: channels (N, C, L) -----------------------------------------------------------------------
# Each channel of each sample is a row of L, whose statistics are numbers beside it; or, where L is small and channels
# are standardised over the batch, each sample is a row of C * L, see Note [Statistics as long rows].


def channel_statistics(input: Array, groups: int) -> tuple[Array, Array]:
    """Return mean and variance; of each row first, from which those of many rows follow (Chan et al. 1979)."""
    if not applies(input) or (groups and (input.shape[2] < LONG or input.size <= FEW)):
        return reference.channel_statistics(numpy, input, groups)
    if input.size <= FEW and not groups:
        share = input.dtype.type(1 / (input.shape[0] * input.shape[2]))
        middle = numpy.add.reduce(input, (0, 2)) * share
        distance = input - middle[:, None]
        distance *= distance
        return middle[None], (numpy.add.reduce(distance, (0, 2)) * share)[None]
    x = numpy.ascontiguousarray(input)
    if x.shape[2] < LONG:
        mean = means(x)[None]
        return mean, variances_of_columns(x, mean)[None]
    flat, length = x.reshape(-1, x.shape[2]), x.shape[2]
    row_means, squares = numpy.empty((2, len(flat)), x.dtype)
    ones = numpy.ones(length, x.dtype)

    def work(rows: slice) -> None:
        d = scratch("norm distance", flat[rows].size, x.dtype).reshape(flat[rows].shape)
        row_means[rows] = (flat[rows] @ ones) / x.dtype.type(length)
        numpy.subtract(flat[rows], row_means[rows, None], out=d)
        squares[rows] = numpy.vecdot(d, d)

    over_tiles(len(flat), flat.shape[1], work)
    each = row_means.reshape(x.shape[:2]).astype(numpy.float64)
    spread_means = reference.pooled(each, groups)
    joined = each.size // spread_means.size
    spread_means /= joined
    away = each - reference.spread(numpy, spread_means, x.shape)
    total = reference.pooled(squares.reshape(x.shape[:2]) + length * (away * away), groups)
    return spread_means.astype(x.dtype), (total / (joined * length)).astype(x.dtype)


def variances_of_columns(x: Array, mean: Array) -> Array:
    """Return the variance of each channel over the batch, where rows are short."""
    flat, row = x.reshape(len(x), -1), numpy.repeat(mean.reshape(-1), x.shape[2])
    sums: list[Array] = []

    def work(part: slice) -> None:
        d = numpy.subtract(flat[part], row)
        d *= d
        sums.append(numpy.ones(len(d), d.dtype) @ d)

    over_tiles(len(flat), flat.shape[1], work)
    return over_all(numpy.add.reduce(numpy.stack(sums), 0, numpy.float64), x)


def channel_norm(input: Array, mean: Array, r: Array, weight: Array | None, bias: Array | None) -> Array:
    """Return input * factor + shift, one of each for every channel of every sample."""
    if not applies(input) or not alike(input, mean, r, weight, bias) or (input.shape[2] < LONG and len(mean) > 1):
        return reference.channel_norm(numpy, input, mean, r, weight, bias)
    x = numpy.ascontiguousarray(input)
    if x.size <= FEW and mean.shape[1] == x.shape[1]:
        slope = r if weight is None else r * weight
        level = -mean * slope if bias is None else bias - mean * slope
        few: Array = x * slope[:, :, None]
        few += level[:, :, None]
        return few
    y = numpy.empty_like(x)
    flat, out, as_flat = flattened(x, y, mean)
    factor = r_of(r, weight, x)
    shift = -reference.spread(numpy, mean, x.shape) * factor
    if bias is not None:
        shift += bias
    factor, shift = as_flat(factor), as_flat(shift)

    def work(part: slice) -> None:
        numpy.multiply(flat[part], factor_of(factor, part), out=out[part])
        numpy.add(out[part], factor_of(shift, part), out=out[part])

    over_tiles(len(flat), flat.shape[1], work)
    return y


def channel_norm_back(
    grad: Array, input: Array, mean: Array, r: Array, weight: Array | None, groups: int
) -> tuple[Array, Array, Array]:
    """Return the gradients in the input, the weight and the bias: one look for the sums, one for the input's."""
    if not applies(input) or not alike(input, grad, mean, r, weight) or (input.shape[2] < LONG and groups):
        return reference.channel_norm_back(numpy, grad, input, mean, r, weight, groups)
    grad, x = numpy.ascontiguousarray(grad), numpy.ascontiguousarray(input)
    total = numpy.empty_like(x)
    flat, out, as_flat = flattened(x, total, mean)
    g = grad.reshape(flat.shape)
    middle = reference.spread(numpy, mean, x.shape)
    # Means are taken off before the products, unless they are so small that products lose nothing by them.
    away = None if bool((numpy.abs(mean) * r < NEAR).all()) else as_flat(middle)
    first, second = sums_beside(g, flat, away, x.shape)
    if away is None:
        second = second - first * middle[: len(first)]
    scale = reference.spread(numpy, r, x.shape).astype(numpy.float64)
    of_weight, of_bias = (scale[: len(second)] * second).sum(0), first.sum(0)
    if weight is not None:
        first, second = first * weight, second * weight
    count = x.size // mean.size
    along = -(r.astype(numpy.float64) ** 3) * reference.pooled(second, groups) / count
    level = -r.astype(numpy.float64) * reference.pooled(first, groups) / count
    if away is None:
        level = level - mean * along
    factor = as_flat(r_of(r, weight, x))
    slope, shift = [as_flat(reference.spread(numpy, each, x.shape).astype(x.dtype)) for each in (along, level)]

    def work(part: slice) -> None:
        here = out[part]
        d = scratch("norm distance", here.size, here.dtype).reshape(here.shape)
        numpy.multiply(less(flat[part], away, part, d), factor_of(slope, part), out=d)
        numpy.multiply(g[part], factor_of(factor, part), out=here)
        here += d
        here += factor_of(shift, part)

    over_tiles(len(flat), flat.shape[1], work)
    return total, of_weight.astype(x.dtype), of_bias.astype(x.dtype)


def less(part: Array, away: Array | None, rows: slice, out: Array) -> Array:
    """Return rows less what is to be taken away."""
    return part if away is None else numpy.subtract(part, factor_of(away, rows), out=out)


def sums_beside(g: Array, flat: Array, away: Array | None, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Return the sums of g, and of g times x less ``away``: (N, C), or (1, C) where rows are long ones."""
    columns = len(flat) != shape[0] * shape[1] or shape[2] < LONG
    found: list[tuple[int, Array, Array]] = []

    def work(part: slice) -> None:
        here = g[part]
        d = scratch("norm distance", here.size, here.dtype).reshape(here.shape)
        distance = less(flat[part], away, part, d)
        ones = numpy.ones(len(here) if columns else here.shape[1], here.dtype)
        if columns:
            numpy.multiply(distance, here, out=d)
            found.append((part.start, ones @ here, ones @ d))
        else:
            found.append((part.start, here @ ones, numpy.vecdot(here, distance)))

    over_tiles(len(flat), flat.shape[1], work)
    found.sort(key=lambda each: each[0])
    if columns:
        both = [numpy.add.reduce(numpy.stack([each[k] for each in found]), 0, numpy.float64) for k in (1, 2)]
        return both[0].reshape(1, shape[1], -1).sum(2), both[1].reshape(1, shape[1], -1).sum(2)
    first, second = [numpy.concatenate([each[k] for each in found]).reshape(shape[:2]) for k in (1, 2)]
    return first.astype(numpy.float64), second.astype(numpy.float64)


def flattened(x: Array, out: Array, mean: Array) -> tuple[Array, Array, Callable[[Array], Array]]:
    """Return (N, C, L) as rows, twice, and how statistics (N, C) meet them."""
    length = x.shape[2]
    if length < LONG and len(mean) == 1:
        shape = (len(x), x.shape[1] * length)
        return x.reshape(shape), out.reshape(shape), lambda each: numpy.repeat(each[0], length)
    shape = (len(x) * x.shape[1], length)
    return x.reshape(shape), out.reshape(shape), lambda each: numpy.ascontiguousarray(each).reshape(-1, 1)


def factor_of(statistics: Array, part: slice) -> Array:
    """Return the statistics that meet a part of the rows: all of a long row, or one for each of the rows."""
    return statistics if statistics.ndim == 1 else statistics[part]


def r_of(r: Array, weight: Array | None, x: Array) -> Array:
    """Return by what each channel of each sample is multiplied: (N, C)."""
    found = reference.spread(numpy, r, x.shape)
    return found.copy() if weight is None else found * weight


# -- small parts -------------------------------------------------------------------------------------------------------


def over_tiles(count: int, width: int, work: Callable[[slice], object], tile: int = TILE_ELEMENTS) -> None:
    """Cut ``count`` rows of ``width`` entries into tiles, and work on several at a time if there are many."""
    step = max(1, tile // width)
    if count * width < WORTH_A_THREAD:
        for start in range(0, count, step):
            work(slice(start, start + step))
        return
    parallel_for(lambda turn: work(slice(turn * step, (turn + 1) * step)), -(-count // step))


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

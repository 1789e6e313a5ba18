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

from minitensor.backends.numpy.threads import parallel_for
from minitensor.backends.reference import norm as reference

if TYPE_CHECKING:
    from minitensor.backends import Array

TILE_ELEMENTS = 1 << 16  # 256 KiB of floats: two of them fit into the second cache
WORTH_A_THREAD = 1 << 18  # waking a helper takes 20 to 50 us, about as long as a pass over a tile
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

    over_tiles(*flat.shape, work)


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


# -- small parts -------------------------------------------------------------------------------------------------------


def over_tiles(count: int, width: int, work: Callable[[slice], object]) -> None:
    """Cut ``count`` rows of ``width`` entries into tiles, and work on several at a time if there are many."""
    step = max(1, TILE_ELEMENTS // width)
    if count * width < WORTH_A_THREAD:
        for start in range(0, count, step):
            work(slice(start, start + step))
        return
    parallel_for(lambda turn: work(slice(turn * step, (turn + 1) * step)), -(-count // step))


def applies(x: Array) -> bool:
    """Whether these kernels can work on an array."""
    return x.dtype.char in "fd" and x.size > 0


def as_column(statistics: Array) -> Array:
    """Return statistics (C,) as they meet (N, C, L)."""
    column: Array = statistics.reshape(1, -1, 1).copy()
    return column

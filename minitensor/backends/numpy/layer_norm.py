"""Rows (M, L) standardized, scaled and shifted in one pass over memory; all three gradients in another.

Each tile is some rows, finished before the next one. Other dtypes than singles and doubles go to the reference. This
file knows no tensors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy

from minitensor.backends.numpy.means import row_sums
from minitensor.backends.numpy.reduce import dots
from minitensor.backends.numpy.threads import scratch
from minitensor.backends.numpy.tiles import add_tiles, for_each_tile, is_supported
from minitensor.backends.reference import norm as reference

if TYPE_CHECKING:
    from minitensor.backends import Array

TILE_ELEMENTS = 1 << 19  # a quarter of these take 1.0 to 1.2 times as long: calls cost more than the cache saves
# |mean| / deviation up to which a gradient is computed from x itself. Products of x in place of x - mean lose half a
# bit at most up to here, and leaving out the subtraction makes the gradient 1.1 to 1.2 times as fast.
CENTERED_BEYOND = 1
ROWS_ADDED_IN_SINGLE = 2048  # gradients of the weight: the sums of more rows than that are added in double


def layer_norm(
    input: Array, weight: Array | None, bias: Array | None, eps: float
) -> tuple[Array, Array, Array]:
    """Return the standardized rows times ``weight`` plus ``bias``, and each row's mean and 1 / sqrt(var + eps)."""
    if not is_supported(input, weight, bias):
        return reference.layer_norm(numpy, input, weight, bias, eps)
    x = numpy.ascontiguousarray(input)
    y, (count, length) = numpy.empty_like(x), x.shape
    mean, r = numpy.empty((2, count), x.dtype)
    ones, share = numpy.ones(length, x.dtype), x.dtype.type(1 / length)

    def work(rows: slice) -> None:
        part, out = x[rows], y[rows]
        numpy.divide(row_sums(part, ones), x.dtype.type(length), out=mean[rows])
        numpy.subtract(part, mean[rows, None], out=out)
        r[rows] = 1 / numpy.sqrt(dots(out, out) * share + x.dtype.type(eps))
        out *= r[rows, None]
        if weight is not None:
            out *= weight
        if bias is not None:
            out += bias

    for_each_tile(count, length, work, TILE_ELEMENTS, broadcast=True)
    return y, mean, r


def layer_norm_backward(
    grad: Array, input: Array, mean: Array, r: Array, weight: Array | None
) -> tuple[Array, Array, Array]:
    """Return the gradients in the input, the weight and the bias, reading each tile once."""
    if not is_supported(input, grad, weight):
        return reference.layer_norm_backward(numpy, grad, input, mean, r, weight)
    grad, x = numpy.ascontiguousarray(grad), numpy.ascontiguousarray(input)
    total, (count, length) = numpy.empty_like(x), x.shape
    scale, share = numpy.ones(length, x.dtype) if weight is None else weight, x.dtype.type(1 / length)
    is_finite = weight is None or numpy.isfinite(weight).all()  # infinite products of x and of its mean have no sum
    sums: dict[int, tuple[Array, ...]] = {}

    def work(rows: slice) -> None:
        g, out, m, by = grad[rows], total[rows], mean[rows], r[rows]
        d, products = x[rows], scratch("norm products", g.size, g.dtype).reshape(g.shape)
        is_centered = not (is_finite and (abs(m) * by < CENTERED_BEYOND).all())
        if is_centered:
            d = numpy.subtract(d, m[:, None], out=scratch("norm distance", g.size, g.dtype).reshape(g.shape))
        numpy.multiply(g, d, out=products)
        of_bias = numpy.ones(len(g), g.dtype) @ g
        sums[rows.start] = by @ products if is_centered else by @ products - (by * m) @ g, of_bias
        first, second = row_sums(g, scale), row_sums(products, scale)
        slope = (-second if is_centered else m * first - second) * (by * by * share)
        shift = first * share if is_centered else first * share + m * slope
        numpy.multiply(d, slope.astype(x.dtype, copy=False)[:, None], out=products)
        products -= shift.astype(x.dtype, copy=False)[:, None]
        numpy.add(g if weight is None else numpy.multiply(g, weight, out=out), products, out=out)
        out *= by[:, None]

    for_each_tile(count, length, work, min(TILE_ELEMENTS, ROWS_ADDED_IN_SINGLE * length), broadcast=True)
    if len(sums) == 1:
        of_weight, of_bias = sums[0]  # of the tile whose first row is 0
    else:
        of_weight, of_bias = [each.astype(x.dtype) for each in add_tiles(sums)]
    return total, of_weight, of_bias

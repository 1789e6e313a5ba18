"""Channels of (N, C, L) normalized as sets of rows: for long rows, and for groups of channels.

Note [Sets of rows]. Each channel of each sample is a row of L. Rows that are standardized together are a set:
(N, C, L) is viewed as (S, K, L), S sets of K rows, without a copy; for a batch, N and C are exchanged. Sets are
independent, and a thread finishes some of them: it reads the input for the sums, computes for some 40 us with one
number for each row, and reads the input again to write the result, both piece by piece.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy

from minitensor.backends.numpy.reduce import dots
from minitensor.backends.numpy.threads import SHARED, one_blas_thread, parallel_for, scratch
from minitensor.backends.numpy.tiles import choose_buffer

if TYPE_CHECKING:
    from minitensor.backends import Array

    Piece: TypeAlias = tuple[slice, slice]  # which sets, and which rows of each

# Elements that a thread takes at a time; see Note [Waiting for the interpreter] in threads.py. Half of these take 1.05
# to 1.7 times as long in either direction; twice as many make no difference.
PIECE_ELEMENTS = 1 << 19
# |mean| / deviation up to which a gradient is computed from x itself. Products of x in place of x - mean lose two bits
# at most up to here, and leaving out the subtraction makes the gradient 1.2 to 1.6 times as fast.
CENTERED_BEYOND = 4
EVERYTHING = slice(None)


# -- views and walks ---------------------------------------------------------------------------------------------------


def as_sets(x: Array, groups: int) -> Array:
    """View (N, C, L) as (S, K, L); see Note [Sets of rows]."""
    n, channels, length = x.shape
    sets: Array = x.reshape(n * groups, channels // groups, length) if groups else x.swapaxes(0, 1)
    return sets


def as_set_parameter(parameter: Array | None, x: Array, groups: int) -> Array | None:
    """Return a parameter (C) in a shape that broadcasts to (S, K)."""
    if parameter is None or not groups:
        return parameter if parameter is None else parameter[:, None]
    n, channels = x.shape[:2]
    repeated: Array = parameter * numpy.ones((n, 1), x.dtype)  # a tenth of the time of `tile`
    return repeated.reshape(n * groups, channels // groups)


def for_some_sets(sets: Array, work: Callable[[slice], object]) -> None:
    """Call ``work`` with slices of sets: very many elements are shared by threads, others are one slice."""
    step = len(sets) if sets.size < SHARED else max(1, PIECE_ELEMENTS // sets[0].size)
    work = choose_buffer(work, sets.shape[2])
    with one_blas_thread():
        parallel_for(lambda turn: work(slice(turn * step, (turn + 1) * step)), -(-len(sets) // step))


def for_each_piece(sets: Array, look: Callable[[Piece], object]) -> None:
    """Call ``look`` with pieces of (S, K, L): some sets, or some rows of a large set."""
    count, rows, length = sets.shape
    some, step = max(1, PIECE_ELEMENTS // (rows * length)), max(1, PIECE_ELEMENTS // length)
    pieces = [
        (slice(s, s + some), slice(k, k + step)) for s in range(0, count, some) for k in range(0, rows, step)
    ]
    if count > 1 or sets.size < SHARED:
        for piece in pieces:
            look(piece)
        return
    work = choose_buffer(look, length)  # again, as the size of the buffer belongs to a thread
    parallel_for(lambda turn: work(pieces[turn]), len(pieces))


def center(part: Array, mean: Array | None, which: slice = EVERYTHING) -> Array:
    """Return rows minus their mean, in scratch memory of this thread; or the rows themselves, if ``mean`` is None."""
    if mean is None:
        return part
    distance: Array = scratch("norm distance", part.size, part.dtype).reshape(part.shape)
    return numpy.subtract(part, mean[which], out=distance)


def cut_statistics(statistics: Array, piece: Piece) -> Array:
    """Return the statistics of a piece, whether each row has its own or all rows of a set share one."""
    return statistics[piece[0]] if statistics.shape[1] == 1 else statistics[piece]


# -- forward -----------------------------------------------------------------------------------------------------------


def normalize_sets(
    x: Array, weight: Array | None, bias: Array | None, groups: int, eps: float
) -> tuple[Array, Array, Array, Array]:
    """Return the normalized channels, and mean, 1 / sqrt(var + eps) and var of each set."""
    y = numpy.empty_like(x)
    sets, results = as_sets(x, groups), as_sets(y, groups)
    scale, level = as_set_parameter(weight, x, groups), as_set_parameter(bias, x, groups)
    mean, r, var = numpy.empty((3, len(sets)), x.dtype)
    ones = numpy.ones(x.shape[2], x.dtype)  # here, as a thread would wait for the interpreter to make them

    def work(which: slice) -> None:
        part, out = sets[which], results[which]
        middle, variance, is_centered = moments(part, out, ones)
        by = 1 / numpy.sqrt(variance + eps)
        mean[which], var[which], r[which] = middle, variance, by
        exact = by[:, None] if scale is None else by[:, None] * scale[which]
        shift: Any = None if level is None else level[which]
        if not is_centered:
            shift = (0 if shift is None else shift) - middle[:, None] * exact
        factor = exact.astype(x.dtype)[..., None]
        shift = None if shift is None else shift.astype(x.dtype)[..., None]
        source = out if is_centered else part

        def write(piece: Piece) -> None:
            here = numpy.multiply(source[piece], cut_statistics(factor, piece), out=out[piece])
            if shift is not None:
                here += cut_statistics(shift, piece)

        for_each_piece(part, write)

    for_some_sets(sets, work)
    shape = (len(x), groups) if groups else (1, x.shape[1])
    return y, mean.reshape(shape), r.reshape(shape), var.reshape(shape)


def moments(part: Array, out: Array, ones: Array) -> tuple[Array, Array, bool]:
    """Return mean and variance (S) of sets, in double, and whether distances from the mean were written to ``out``.

    The mean of squares minus the square of the mean loses a bit at most where the former is at least twice the latter.
    """
    sums, squares = numpy.empty((2, *part.shape[:2]))

    def look(piece: Piece) -> None:
        here = part[piece]
        sums[piece] = dots(here, ones)
        squares[piece] = dots(here, here)

    for_each_piece(part, look)
    count = part[0].size
    mean = sums.sum(1) / count
    var = squares.sum(1) / count - mean * mean
    if (mean * mean <= var).all():
        return mean, var, False
    middle = mean.astype(part.dtype)[:, None, None]

    def look_at_distances(piece: Piece) -> None:
        here = numpy.subtract(part[piece], middle[piece[0]], out=out[piece])
        squares[piece] = dots(here, here)

    for_each_piece(part, look_at_distances)
    return mean, squares.sum(1) / count, True


# -- backward ----------------------------------------------------------------------------------------------------------


class Line(NamedTuple):
    """The input's gradient as grad * factor + x * slope + shift, with numbers for each row or set."""

    factor: Array
    slope: Array
    shift: Array


def normalize_sets_backward(
    grad: Array, x: Array, mean: Array, r: Array, weight: Array | None, groups: int
) -> tuple[Array, Array, Array]:
    """Return the gradients in the input, the weight and the bias; see Note [Sets of rows]."""
    total = numpy.empty_like(x)
    sets, grads, results = [as_sets(each, groups) for each in (x, grad, total)]
    scale = as_set_parameter(weight, x, groups)
    middles, scales = mean.reshape(-1, 1), r.reshape(-1, 1)
    of_bias, of_weight = numpy.empty((2, *sets.shape[:2]))
    ones = numpy.ones(sets.shape[2], x.dtype)

    def work(which: slice) -> None:
        part, g, out = sets[which], grads[which], results[which]
        middle, by = middles[which].astype(numpy.float64), scales[which].astype(numpy.float64)
        away = None if (abs(middle) * by < CENTERED_BEYOND).all() else middles[which, :, None]
        first, second = of_bias[which], of_weight[which]

        def look(piece: Piece) -> None:
            first[piece] = dots(g[piece], ones)
            second[piece] = dots(g[piece], center(part[piece], away, piece[0]))

        for_each_piece(part, look)
        if away is None:
            second -= first * middle
        count, here_scale = part[0].size, None if scale is None else scale[which]
        line = compute_line(first, second, middle if away is None else None, by, here_scale, count)
        second *= by
        write_line(Line(*[each.astype(x.dtype)[..., None] for each in line]), g, part, away, out)

    for_some_sets(sets, work)
    gradients = [each.reshape(x.shape[:2]).sum(0) if groups else each.sum(1) for each in (of_weight, of_bias)]
    return total, gradients[0].astype(x.dtype), gradients[1].astype(x.dtype)


def compute_line(
    first: Array, second: Array, middle: Array | None, by: Array, scale: Array | None, count: int
) -> Line:
    """Return the line from the sums of grad and of grad * (x - mean); ``middle`` is the mean, if x is not centered."""
    along, level = [each if scale is None else each * scale for each in (second, first)]
    slope = along.sum(1, keepdims=True) * (by**3 / -count)
    shift = level.sum(1, keepdims=True) * (by / -count)
    if middle is not None:
        shift -= middle * slope
    return Line(by if scale is None else by * scale, slope, shift)


def write_line(line: Line, g: Array, part: Array, away: Array | None, out: Array) -> None:
    """Write the input's gradient, piece by piece."""

    def write(piece: Piece) -> None:
        here, which = out[piece], piece[0]
        d = scratch("norm products", here.size, here.dtype).reshape(here.shape)
        numpy.multiply(center(part[piece], away, which), line.slope[which], out=d)
        d += line.shift[which]
        numpy.multiply(g[piece], cut_statistics(line.factor, piece), out=here)
        here += d

    for_each_piece(part, write)

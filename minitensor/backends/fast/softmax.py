"""Softmax and log-softmax of singles: the largest entry, the sum of exponentials and the results of one line at a time.

An array is (outer, D, inner), with D the dim along which exponentials are summed up. Where it is the last dim, lines
are consecutive in memory; elsewhere, ``WIDTH`` lines are computed side by side. NumPy's kernels compute doubles, and
few lines side by side. This file knows no tensors.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy

from minitensor.backends.fast.exponential import exp
from minitensor.backends.fast.machine import dense, formula, machine_code, ordered_formula
from minitensor.backends.fast.share import share
from minitensor.backends.numpy import softmax as plain

if TYPE_CHECKING:
    from minitensor.backends import Array

F = numpy.float32
I = numpy.int32
WIDTH = 256  # lines side by side, at most
NARROW = 16  # lines side by side, at least
SIGN, DIGITS, LEAST = I(31), I(0x7FFFFFFF), I(-0x80000000)  # of the bits of a single


# -- the kernels -------------------------------------------------------------------------------------------------------


def softmax(array: Array, dim: int) -> Array:
    """Return exp(x) / sum(exp(x))."""
    if not is_supported(dim, array):
        return plain.softmax(array, dim)
    return walk(softmax_lines, softmax_lanes, dim, array)


def log_softmax(array: Array, dim: int) -> Array:
    """Return x - log(sum(exp(x)))."""
    if not is_supported(dim, array):
        return plain.log_softmax(array, dim)
    return walk(log_softmax_lines, log_softmax_lanes, dim, array)


def softmax_backward(grad: Array, weights: Array, dim: int) -> Array:
    """Return weights * (grad - sum(weights * grad))."""
    if not is_supported(dim, grad, weights):
        return plain.softmax_backward(grad, weights, dim)
    return walk(slope_lines, slope_lanes, dim, grad, weights)


def log_softmax_backward(grad: Array, logs: Array, dim: int) -> Array:
    """Return grad - exp(logs) * sum(grad)."""
    if not is_supported(dim, grad, logs):
        return plain.log_softmax_backward(grad, logs, dim)
    return walk(log_slope_lines, log_slope_lanes, dim, grad, logs)


def is_supported(dim: int, *arrays: Array) -> bool:
    """Whether the loops can work on the arrays, and are the faster ones."""
    first = arrays[0]
    if not first.ndim or not first.size or any(each.dtype.char != "f" or each.shape != first.shape for each in arrays):
        return False
    inner: int = math.prod(first.shape[dim % first.ndim + 1 :])
    return inner == 1 or inner >= NARROW


def walk(lines: Callable[..., None], lanes: Callable[..., None], dim: int, *arrays: Array) -> Array:
    """Return the result of the loop for lines, or of that for lines side by side, whose last arguments are a range."""
    dim %= arrays[0].ndim
    shape, result = arrays[0].shape, numpy.empty(arrays[0].shape, F)
    inner, given = math.prod(shape[dim + 1 :]), [dense(each) for each in arrays]
    if inner == 1:
        rows = [each.reshape(-1, shape[dim]) for each in (*given, result)]
        share(lambda first, last: lines(*rows, first, last), len(rows[0]), result.size)
    else:
        blocks = [each.reshape(-1, shape[dim], inner) for each in (*given, result)]
        turns = len(blocks[0]) * -(-inner // WIDTH)
        share(lambda first, last: lanes(*blocks, first, last), turns, result.size)
    return result


# -- consecutive lines -------------------------------------------------------------------------------------------------


@formula
def rank(bits: I) -> I:
    """Return a number for the bits of a single, in the order of the singles.

    The largest of floating-point numbers cannot be found with vectors, because NaN is neither larger nor smaller.
    """
    number: I = I(bits ^ ((bits >> SIGN) & DIGITS))
    return number


@formula
def single(number: I) -> F:
    """Return the single with this rank."""
    value: F = I(number ^ ((number >> SIGN) & DIGITS)).view(F)
    return value


@ordered_formula
def subtract_both(x: F, most: F, logarithm: F) -> F:
    """Subtract the larger number first: their sum would lose digits of the logarithm."""
    result: F = (x - most) - logarithm
    return result


@machine_code
def softmax_lines(x: Array, out: Array, first: int, last: int) -> None:
    """Write the softmax of the lines from ``first`` to ``last``."""
    bits = x.view(I)
    for line in range(first, last):
        top = LEAST
        for i in range(x.shape[1]):
            top = max(top, rank(bits[line, i]))
        most, total = single(top), F(0)
        for i in range(x.shape[1]):
            power = exp(x[line, i] - most)
            out[line, i] = power
            total += power
        factor = F(1) / total
        for i in range(x.shape[1]):
            out[line, i] *= factor


@machine_code
def log_softmax_lines(x: Array, out: Array, first: int, last: int) -> None:
    """Write the log-softmax of the lines from ``first`` to ``last``."""
    bits = x.view(I)
    for line in range(first, last):
        top = LEAST
        for i in range(x.shape[1]):
            top = max(top, rank(bits[line, i]))
        most, total = single(top), F(0)
        for i in range(x.shape[1]):
            total += exp(x[line, i] - most)
        logarithm = F(numpy.log(total))
        for i in range(x.shape[1]):
            out[line, i] = subtract_both(x[line, i], most, logarithm)


@machine_code
def slope_lines(grad: Array, weights: Array, out: Array, first: int, last: int) -> None:
    """Write the gradient of softmax in the lines from ``first`` to ``last``."""
    for line in range(first, last):
        total = F(0)
        for i in range(grad.shape[1]):
            total += grad[line, i] * weights[line, i]
        for i in range(grad.shape[1]):
            out[line, i] = weights[line, i] * (grad[line, i] - total)


@machine_code
def log_slope_lines(grad: Array, logs: Array, out: Array, first: int, last: int) -> None:
    """Write the gradient of log-softmax in the lines from ``first`` to ``last``."""
    for line in range(first, last):
        total = F(0)
        for i in range(grad.shape[1]):
            total += grad[line, i]
        for i in range(grad.shape[1]):
            out[line, i] = grad[line, i] - exp(logs[line, i]) * total


# -- lines side by side ------------------------------------------------------------------------------------------------


@machine_code
def place_of(turn: int, inner: int) -> tuple[int, int, int]:
    """Return the block of a turn, and between which of its lines it is."""
    parts = -(-inner // WIDTH)
    start = turn % parts * WIDTH
    return turn // parts, start, min(start + WIDTH, inner)


@machine_code
def sum_lanes(x: Array, start: int, stop: int, most: Array, total: Array) -> None:
    """Write the largest entries and the sums of exponentials of some columns of a matrix (D, inner)."""
    most[:] = -numpy.inf
    total[:] = 0
    for d in range(len(x)):
        row = x[d, start:stop]
        for j in range(len(most)):
            most[j] = row[j] if row[j] > most[j] else most[j]
    for d in range(len(x)):
        row = x[d, start:stop]
        for j in range(len(total)):
            total[j] += exp(row[j] - most[j])


@machine_code
def softmax_lanes(x: Array, out: Array, first: int, last: int) -> None:
    """Write the softmax in the turns from ``first`` to ``last``."""
    both = numpy.empty((2, WIDTH), F)
    for turn in range(first, last):
        block, start, stop = place_of(turn, x.shape[2])
        most, total = both[0, : stop - start], both[1, : stop - start]
        sum_lanes(x[block], start, stop, most, total)
        for d in range(x.shape[1]):
            row, result = x[block, d, start:stop], out[block, d, start:stop]
            for j in range(len(most)):
                result[j] = exp(row[j] - most[j]) / total[j]


@machine_code
def log_softmax_lanes(x: Array, out: Array, first: int, last: int) -> None:
    """Write the log-softmax in the turns from ``first`` to ``last``."""
    both = numpy.empty((2, WIDTH), F)
    for turn in range(first, last):
        block, start, stop = place_of(turn, x.shape[2])
        most, total = both[0, : stop - start], both[1, : stop - start]
        sum_lanes(x[block], start, stop, most, total)
        for j in range(len(total)):
            total[j] = numpy.log(total[j])
        for d in range(x.shape[1]):
            row, result = x[block, d, start:stop], out[block, d, start:stop]
            for j in range(len(most)):
                result[j] = subtract_both(row[j], most[j], total[j])


@machine_code
def slope_lanes(grad: Array, weights: Array, out: Array, first: int, last: int) -> None:
    """Write the gradient of softmax in the turns from ``first`` to ``last``."""
    sums = numpy.empty(WIDTH, F)
    for turn in range(first, last):
        block, start, stop = place_of(turn, grad.shape[2])
        total = sums[: stop - start]
        total[:] = 0
        for d in range(grad.shape[1]):
            g, weight = grad[block, d, start:stop], weights[block, d, start:stop]
            for j in range(len(total)):
                total[j] += g[j] * weight[j]
        for d in range(grad.shape[1]):
            g, weight, result = grad[block, d, start:stop], weights[block, d, start:stop], out[block, d, start:stop]
            for j in range(len(total)):
                result[j] = weight[j] * (g[j] - total[j])


@machine_code
def log_slope_lanes(grad: Array, logs: Array, out: Array, first: int, last: int) -> None:
    """Write the gradient of log-softmax in the turns from ``first`` to ``last``."""
    sums = numpy.empty(WIDTH, F)
    for turn in range(first, last):
        block, start, stop = place_of(turn, grad.shape[2])
        total = sums[: stop - start]
        total[:] = 0
        for d in range(grad.shape[1]):
            g = grad[block, d, start:stop]
            for j in range(len(total)):
                total[j] += g[j]
        for d in range(grad.shape[1]):
            g, each, result = grad[block, d, start:stop], logs[block, d, start:stop], out[block, d, start:stop]
            for j in range(len(total)):
                result[j] = g[j] - exp(each[j]) * total[j]

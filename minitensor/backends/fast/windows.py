"""Convolution with any windows as a product of matrices.

Each window is copied to a row of a matrix (*unrolled*), tap by tap and channel by channel; the matrix times the
weights is the output. A few rows of an image are unrolled at a time, for the cache. Channels are the innermost dim of
everything here but images, which makes the copies runs of consecutive elements. Inner loops run over slices: an index
that is a sum may be negative for all that the compiler knows, and such loops are not vectorized. This file knows no
tensors.

| array | shape | contents |
| --- | --- | --- |
| rows | (H, W, C) | rows of a padded image |
| matrix | (G, P, KH KW C / G) | P windows, for each of G groups of channels |
| taps | (G, O / G, KH KW C / G) | the weight |
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy

from minitensor.backends.fast.machine import machine_code
from minitensor.backends.fast.planes import copy_from_plane, copy_to_plane
from minitensor.backends.fast.product import gemm

if TYPE_CHECKING:
    from minitensor.backends import Array

Pair = tuple[int, int]


@machine_code
def copy_taps(weight: Array, taps: Array) -> None:
    """Write a weight (O, C / G, KH, KW) as taps (O, KH KW C / G)."""
    channels, tall, broad = weight.shape[1:]
    for o in range(len(weight)):
        lines = taps[o].reshape(tall, broad, channels)
        for u in range(tall):
            for v in range(broad):
                for c in range(channels):
                    lines[u, v, c] = weight[o, c, u, v]


@machine_code
def copy_to_weight(taps: Array, weight: Array) -> None:
    """Write taps as a weight: the inverse of ``copy_taps``."""
    channels, tall, broad = weight.shape[1:]
    for o in range(len(weight)):
        lines = taps[o].reshape(tall, broad, channels)
        for u in range(tall):
            for v in range(broad):
                for c in range(channels):
                    weight[o, c, u, v] = lines[u, v, c]


@machine_code
def unroll(
    rows: Array, kernel: Pair, stride: Pair, dilation: Pair, high: int, wide: int, matrix: Array, p: int
) -> None:
    """Copy high x wide windows of ``rows`` to the matrix, from its row ``p`` on."""
    groups, channels = len(matrix), rows.shape[2] // len(matrix)
    runs, length = runs_of(kernel, dilation, groups, channels)
    flat = rows.reshape(rows.shape[0], rows.shape[1] * rows.shape[2])
    for y in range(high):
        for x in range(wide):
            for group in range(groups):
                place = 0
                for u in range(kernel[0]):
                    for v in range(runs):
                        j = (x * stride[1] + v * dilation[1]) * groups * channels + group * channels
                        run = flat[y * stride[0] + u * dilation[0], j : j + length]
                        row = matrix[group, p, place : place + length]
                        for k in range(length):
                            row[k] = run[k]
                        place += length
            p += 1


@machine_code
def fold(matrix: Array, p: int, kernel: Pair, stride: Pair, dilation: Pair, high: int, wide: int, rows: Array) -> None:
    """Add rows of the matrix, from ``p`` on, to the entries of ``rows`` from which ``unroll`` copies them."""
    groups, channels = len(matrix), rows.shape[2] // len(matrix)
    runs, length = runs_of(kernel, dilation, groups, channels)
    flat = rows.reshape(rows.shape[0], rows.shape[1] * rows.shape[2])
    for y in range(high):
        for x in range(wide):
            for group in range(groups):
                place = 0
                for u in range(kernel[0]):
                    for v in range(runs):
                        j = (x * stride[1] + v * dilation[1]) * groups * channels + group * channels
                        run = flat[y * stride[0] + u * dilation[0], j : j + length]
                        row = matrix[group, p, place : place + length]
                        for k in range(length):
                            run[k] += row[k]
                        place += length
            p += 1


@machine_code
def runs_of(kernel: Pair, dilation: Pair, groups: int, channels: int) -> Pair:
    """Return how many runs of how many consecutive elements a row of a window has."""
    if groups == 1 and dilation[1] == 1:
        return 1, kernel[1] * channels
    return kernel[1], channels


@machine_code
def correlate(
    address: int, input: Array, taps: Array, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, output: Array,
    first: int, last: int, count: int,
) -> None:
    """Write the rows of outputs from ``first`` to ``last``, counted through all images, ``count`` at a time."""
    dtype = input.dtype
    out_channels, high, wide = output.shape[1:]
    groups, width, depth = taps.shape
    rows = rows_for(input, kernel, stride, dilation, min(count, high), wide)
    matrix = numpy.empty((groups, count * wide, depth), dtype)
    product = numpy.empty((count * wide, out_channels), dtype)
    for start in range(first, last, count):
        stop = min(start + count, last)
        unroll_rows(input, kernel, stride, padding, dilation, high, wide, start, stop, rows, matrix)
        windows = (stop - start) * wide
        for group in range(groups):
            left, right = group * width, group * width + width
            gemm(address, 0, 1, matrix[group, :windows], taps[group], dtype.type(0), product[:windows, left:right])
        for row in range(start, stop):
            place = (row - start) * wide
            line = product[place : place + wide].reshape(1, wide, out_channels)
            copy_to_plane(line, output[row // high], row % high)


@machine_code
def rows_for(
    input: Array, kernel: Pair, stride: Pair, dilation: Pair, high: int, wide: int
) -> Array:
    """Return memory for the padded rows of an image that high x wide windows cover."""
    height = (high - 1) * stride[0] + (kernel[0] - 1) * dilation[0] + 1
    width = (wide - 1) * stride[1] + (kernel[1] - 1) * dilation[1] + 1
    return numpy.empty((height, width, input.shape[1]), input.dtype)


@machine_code
def unroll_rows(
    input: Array, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, high: int, wide: int,
    first: int, last: int, rows: Array, matrix: Array,
) -> None:
    """Unroll the windows of rows of outputs. ``rows`` is scratch memory."""
    row = first
    while row < last:
        y = row % high
        stop = min(last, row - y + high)  # of this image
        height = (stop - row - 1) * stride[0] + (kernel[0] - 1) * dilation[0] + 1
        copy_from_plane(input[row // high], y * stride[0] - padding[0], -padding[1], rows[:height])
        unroll(rows, kernel, stride, dilation, stop - row, wide, matrix, (row - first) * wide)
        row = stop


@machine_code
def add_weight_grad(
    address: int, grad: Array, input: Array, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, taps: Array,
    first: int, last: int, count: int,
) -> None:
    """Add to the gradient in the taps what rows of outputs contribute."""
    dtype = input.dtype
    out_channels, high, wide = grad.shape[1:]
    groups, width, depth = taps.shape
    rows = rows_for(input, kernel, stride, dilation, min(count, high), wide)
    matrix = numpy.empty((groups, count * wide, depth), dtype)
    lines = numpy.empty((count, wide, out_channels), dtype)
    for start in range(first, last, count):
        stop = min(start + count, last)
        unroll_rows(input, kernel, stride, padding, dilation, high, wide, start, stop, rows, matrix)
        for row in range(start, stop):
            copy_from_plane(grad[row // high], row % high, 0, lines[row - start : row - start + 1])
        windows = (stop - start) * wide
        flat = lines.reshape(count * wide, out_channels)[:windows]
        for group in range(groups):
            left, right = group * width, group * width + width
            gemm(address, 1, 0, flat[:, left:right], matrix[group, :windows], dtype.type(1), taps[group])


@machine_code
def spread_images(
    address: int, grad: Array, taps: Array, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, total: Array,
    first: int, last: int, count: int,
) -> None:
    """Write the gradient in the input for images from ``first`` to ``last``, ``count`` rows of outputs at a time."""
    channels, height, width = total.shape[1:]
    out_channels, high, wide = grad.shape[1:]
    dtype = grad.dtype
    groups, group_width, depth = taps.shape
    reach = (kernel[0] - 1) * dilation[0] + 1
    tall = max(height + padding[0], (high - 1) * stride[0] + reach)
    broad = max(width + padding[1], (wide - 1) * stride[1] + (kernel[1] - 1) * dilation[1] + 1)
    plane = numpy.empty((tall, broad, channels), dtype)
    matrix = numpy.empty((groups, count * wide, depth), dtype)
    lines = numpy.empty((count, wide, out_channels), dtype)
    for n in range(first, last):
        plane[:] = 0
        for start in range(0, high, count):
            stop = min(start + count, high)
            copy_from_plane(grad[n], start, 0, lines[: stop - start])
            windows = (stop - start) * wide
            flat = lines.reshape(count * wide, out_channels)[:windows]
            for group in range(groups):
                left, right = group * group_width, group * group_width + group_width
                gemm(address, 0, 0, flat[:, left:right], taps[group], dtype.type(0), matrix[group, :windows])
            fold(matrix, 0, kernel, stride, dilation, stop - start, wide, plane[start * stride[0] :])
        copy_to_plane(plane[padding[0] :, padding[1] :], total[n], 0)

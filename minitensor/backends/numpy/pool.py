"""Pooling in tiles of a few planes, spread over threads.

Each tap of the window becomes one contiguous array of the output's size, so that comparing taps runs at the speed of
the cache; which tap won is kept as one byte. What is rare (NaN, infinities, integers) is left to the reference, tile by
tile. Nothing is known here of tensors or gradients.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy

from minitensor.backends.numpy.threads import parallel_for, scratch
from minitensor.backends.reference import pool as reference
from minitensor.backends.reference.conv import in_format_of, is_channels_last, seen

if TYPE_CHECKING:
    from minitensor.backends import Array

Pair = tuple[int, int]
Shape = tuple[int, ...]

TILE_ELEMENTS = 1 << 16  # of the taps of a tile: 256 KiB of floats


def max_pool2d(
    input: Array, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool
) -> tuple[Array, Array]:
    """Return the largest entry of each window of (N, C, H, W) and its flat position in (H, W), int64."""
    if input.dtype.char not in "fd" or kernel[0] * kernel[1] > 256 or not input.size:
        return reference.max_pool2d(numpy, input, kernel, stride, padding, dilation, ceil_mode)
    n, channels = input.shape[:2]
    size = reference.pooled_size(input.shape, kernel, stride, padding, dilation, ceil_mode)
    planes = as_planes(input)
    values = numpy.empty((len(planes), *size, planes.shape[3]), input.dtype)
    indices = numpy.empty(values.shape, numpy.int64)
    steps = (kernel, stride, padding, dilation)
    count = max(1, TILE_ELEMENTS // max(1, values[0].size * kernel[0] * kernel[1]))

    def pool_tile(turn: int) -> None:
        tile = slice(turn * count, (turn + 1) * count)
        choose(planes[tile], *steps, values[tile], indices[tile])
        # The sum of finite numbers may overflow: then the slow path does the same work again, and nothing is wrong.
        if not numpy.isfinite(numpy.add.reduce(values[tile], None)):
            slow = reference.max_pool2d(numpy, planes[tile].transpose(0, 3, 1, 2), *steps, ceil_mode)
            values[tile], indices[tile] = (part.transpose(0, 2, 3, 1) for part in slow)

    with numpy.errstate(over="ignore", invalid="ignore"):
        parallel_for(pool_tile, -(-len(planes) // count))
    return as_images(values, n, channels), as_images(indices, n, channels)


def choose(
    planes: Array, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, values: Array, indices: Array
) -> None:
    """Write the largest of each window of finite (B, H, W, I) into ``values``, and its position into ``indices``."""
    width, size = planes.shape[2], values.shape[1:3]
    taps = spread_taps(planes, kernel, stride, padding, dilation, size)
    wins = scratch("wins", values.size, numpy.dtype(bool)).reshape(values.shape)
    choice = scratch("choice", values.size, numpy.dtype(numpy.uint8)).reshape(values.shape)
    numpy.copyto(values, taps[0])
    choice[...] = 0
    for number in range(1, len(taps)):
        numpy.greater(taps[number], values, out=wins)
        numpy.maximum(taps[number], values, out=values)
        candidate = wins.view(numpy.uint8)
        numpy.multiply(candidate, number, out=candidate)
        numpy.maximum(choice, candidate, out=choice)  # later taps have larger numbers
    shifts = numpy.arange(kernel[0])[:, None] * (dilation[0] * width) + numpy.arange(kernel[1]) * dilation[1]
    corners = (numpy.arange(size[0]) * stride[0] - padding[0])[:, None] * width
    corners = corners + (numpy.arange(size[1]) * stride[1] - padding[1])
    numpy.take(shifts.reshape(-1).astype(numpy.int64), choice, out=indices, mode="clip")
    numpy.add(indices, corners[:, :, None], out=indices)


def spread_taps(
    planes: Array, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, size: Shape
) -> Array:
    """Copy what each tap sees into (KH * KW, B, OH, OW, I): first whole rows, then columns of these, in longer runs."""
    b, height, width, inner = planes.shape
    bottom, right = reference.overhang((b, inner, height, width), size, kernel, stride, padding, dilation)
    if (bottom, right) != (height, width):
        planes = surrounded(planes, padding, (bottom, right))
    taps = scratch("taps", kernel[0] * kernel[1] * b * size[0] * size[1] * inner, planes.dtype)
    taps = taps.reshape(kernel[0], kernel[1], b, *size, inner)
    row = scratch("row", b * size[0] * right * inner, planes.dtype).reshape(b, size[0], right, inner)
    for u in range(kernel[0]):
        numpy.copyto(row, planes[:, seen(u * dilation[0], stride[0], size[0])])
        for v in range(kernel[1]):
            numpy.copyto(taps[u, v], row[:, :, seen(v * dilation[1], stride[1], size[1])])
    return taps.reshape(-1, b, *size, inner)


def surrounded(planes: Array, padding: Pair, size: Pair) -> Array:
    """Copy planes (B, H, W, I) into larger ones of ``size``; what lies around them is smaller than any number."""
    b, height, width, inner = planes.shape
    padded = scratch("padded", b * size[0] * size[1] * inner, planes.dtype).reshape(b, *size, inner)
    padded[...] = -numpy.inf
    padded[:, padding[0] : padding[0] + height, padding[1] : padding[1] + width] = planes
    return padded


def gather_planes(input: Array, indices: Array) -> Array:
    """Read from each (H, W) plane of ``input`` at flat ``indices`` (N, C, ...)."""
    flat = numpy.ascontiguousarray(input).reshape(-1)
    places = indices + plane_starts(indices, input.shape[2] * input.shape[3])
    return in_format_of(numpy, input, flat[numpy.ascontiguousarray(places)])


def scatter_planes(grad: Array, indices: Array, input_shape: Shape) -> Array:
    """Add ``grad`` into planes of zeros of ``input_shape`` at flat ``indices``: the adjoint of ``gather_planes``.

    One thread: NumPy keeps the interpreter while it scatters. 3 ns an entry all told, where ``bincount`` takes 5.
    """
    n, channels, height, width = input_shape
    if grad.dtype.char not in "fd" or not grad.size:
        return reference.scatter_planes(numpy, grad, indices, input_shape)
    total = numpy.zeros(n * channels * height * width, grad.dtype)
    places = numpy.ascontiguousarray(indices + plane_starts(indices, height * width))
    numpy.add.at(total, places.reshape(-1), numpy.ascontiguousarray(grad).reshape(-1))
    return in_format_of(numpy, grad, total.reshape(input_shape))


def plane_starts(indices: Array, plane: int) -> Array:
    """Return where each plane begins, (N, C, 1, ...)."""
    n, channels = indices.shape[:2]
    return (numpy.arange(n * channels) * plane).reshape(n, channels, *[1] * (indices.ndim - 2))


def as_planes(images: Array) -> Array:
    """View (N, C, H, W) as (N, H, W, C) if it lies so, else as (N * C, H, W, 1), copying if it must."""
    if is_channels_last(images):
        planes: Array = images.transpose(0, 2, 3, 1)
        return planes
    return images.reshape(-1, *images.shape[2:], 1)


def as_images(planes: Array, n: int, channels: int) -> Array:
    """Undo ``as_planes``."""
    if planes.shape[3] == 1:
        return planes.reshape(n, channels, *planes.shape[1:3])
    images: Array = planes.transpose(0, 3, 1, 2)
    return images

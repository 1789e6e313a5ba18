"""Pooling in tiles of a few planes, shared by threads if there are very many.

Each tap of the window is copied to a contiguous array of the output's size, so that comparing taps runs at the speed of
the cache; one byte records which tap won. Tiles with NaN or infinities, and integers, go to the reference. Means are
added up one dim after the other. This file knows no tensors.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy

from minitensor.backends.numpy.conv import overlap
from minitensor.backends.numpy.threads import in_pieces, scratch
from minitensor.backends.reference import pool as reference
from minitensor.backends.reference.conv import in_format_of, is_channels_last, strided_slice
from minitensor.shapes import pool_output_size

if TYPE_CHECKING:
    from minitensor.backends import Array

Pair = tuple[int, int]
Numbers = tuple[int, ...]  # one for each spatial dim
Shape = tuple[int, ...]

# Up to this many elements in all windows, reading them at cached positions is faster than tap by tap: an image of 8 x 8
# takes a sixth of the time, of 32 x 32 0.4, of 64 x 64 the same.
FEW = 2048
TILE_ELEMENTS = 1 << 16  # in the taps of a tile: 256 KiB of floats


def max_pool(
    input: Array, kernel: Numbers, stride: Numbers, padding: Numbers, dilation: Numbers, ceil_mode: bool
) -> tuple[Array, Array]:
    """Return the largest entry of each window of (N, C, *size) and its flat position in the plane, int64."""
    if len(kernel) == 2:
        return max_pool2d(input, *last_pairs(kernel, stride, padding, dilation), ceil_mode)
    if len(kernel) == 1:
        pairs = last_pairs((1, *kernel), (1, *stride), (0, *padding), (1, *dilation))
        values, indices = max_pool2d(input[:, :, None], *pairs, ceil_mode)
        return values[:, :, 0], indices[:, :, 0]
    in_depth = kernel[0], stride[0], padding[0], dilation[0]
    if len(kernel) == 3 and not has_window_of_padding(input.shape[2], *in_depth, ceil_mode):
        return max_pool3d(input, kernel, stride, padding, dilation, ceil_mode)
    return reference.max_pool(numpy, input, kernel, stride, padding, dilation, ceil_mode)


def adaptive_max_pool(input: Array, size: Numbers) -> tuple[Array, Array]:
    """Return the largest entries of windows that divide the plane; equal ones are the windows of ``max_pool``."""
    sides = input.shape[2:]
    if not math.prod(size) or any(side % count for side, count in zip(sides, size)):
        return reference.adaptive_max_pool(numpy, input, size)
    kernel = tuple([side // count for side, count in zip(sides, size)])
    return max_pool(input, kernel, kernel, (0,) * len(size), (1,) * len(size), False)


def last_pairs(
    kernel: Numbers, stride: Numbers, padding: Numbers, dilation: Numbers
) -> tuple[Pair, Pair, Pair, Pair]:
    """Return the last two numbers of each argument."""
    return (
        (kernel[-2], kernel[-1]), (stride[-2], stride[-1]), (padding[-2], padding[-1]), (dilation[-2], dilation[-1])
    )  # fmt: skip


def has_window_of_padding(length: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool) -> bool:
    """Whether a dilated window covers nothing but padding."""
    count = pool_output_size(length, kernel, stride, padding, dilation, ceil_mode)
    return bool((reference.first_inside(numpy, count, stride, padding, dilation) >= length).any())


def max_pool3d(
    input: Array, kernel: Numbers, stride: Numbers, padding: Numbers, dilation: Numbers, ceil_mode: bool
) -> tuple[Array, Array]:
    """Pool each image of (N, C, D, H, W), then the images of each window; the first of equal entries still wins."""
    n, channels, depth, height, width = input.shape
    images = input.reshape(n, channels * depth, height, width)
    best, places = max_pool2d(images, *last_pairs(kernel, stride, padding, dilation), ceil_mode)
    size = best.shape[2:]
    columns = best.reshape(n, channels, depth, math.prod(size))
    values, choices = max_pool2d(
        columns, (kernel[0], 1), (stride[0], 1), (padding[0], 0), (dilation[0], 1), ceil_mode
    )
    flat = choices.reshape(n, channels, math.prod(choices.shape[2:]))
    places = numpy.take_along_axis(places.reshape(n, channels, depth * math.prod(size)), flat, 2)
    indices = choices // max(1, math.prod(size)) * (height * width) + places.reshape(choices.shape)
    shape = (n, channels, values.shape[2], *size)
    return (
        in_format_of(numpy, input, values.reshape(shape)), in_format_of(numpy, input, indices.reshape(shape))
    )


def max_pool2d(
    input: Array, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool
) -> tuple[Array, Array]:
    """Return the largest entry of each window of (N, C, H, W) and its flat position in (H, W), int64."""
    if input.dtype.char not in "fd" or kernel[0] * kernel[1] > 256 or not input.size:
        return reference.max_pool(numpy, input, kernel, stride, padding, dilation, ceil_mode)
    n, channels = input.shape[:2]
    size = pool_output_size(input.shape[2], kernel[0], stride[0], padding[0], dilation[0], ceil_mode), pool_output_size(
        input.shape[3], kernel[1], stride[1], padding[1], dilation[1], ceil_mode
    )
    planes = as_planes(input)
    steps = (kernel, stride, padding, dilation)
    if input.size <= FEW and planes.shape[3] == 1:
        result = max_pool_few(planes, *steps, size)
        if result is not None:
            return result[0].reshape(n, channels, *size), result[1].reshape(n, channels, *size)
    values = numpy.empty((len(planes), *size, planes.shape[3]), input.dtype)
    indices = numpy.empty(values.shape, numpy.int64)

    def pool_tile(tile: slice) -> None:
        choose_taps(planes[tile], *steps, values[tile], indices[tile])
        # The sum of finite numbers may overflow: then the reference repeats the work, with the same result.
        if not numpy.isfinite(numpy.add.reduce(values[tile], None)):
            slow = reference.max_pool(numpy, planes[tile].transpose(0, 3, 1, 2), *steps, ceil_mode)
            values[tile], indices[tile] = (part.transpose(0, 2, 3, 1) for part in slow)

    with numpy.errstate(over="ignore", invalid="ignore"):
        in_pieces(pool_tile, len(planes), values[0].size * kernel[0] * kernel[1], TILE_ELEMENTS)
    return as_images(values, n, channels), as_images(indices, n, channels)


def max_pool_few(
    planes: Array, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, size: Pair
) -> tuple[Array, Array] | None:
    """Pool a few small images (B, H, W, 1) at cached positions; None for NaN, infinities and windows of padding."""
    places = window_positions(planes.shape[1:3], kernel, stride, padding, dilation, size)
    if places is None or places.size * len(planes) > FEW:
        return None
    windows = planes.reshape(len(planes), -1).take(places, 1)
    values = windows.max(2)
    if not numpy.isfinite(values).all():
        return None
    taps = places.shape[1]
    return values, places.reshape(-1).take(windows.argmax(2) + numpy.arange(0, len(places) * taps, taps))


@lru_cache(64)
def window_positions(side: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, size: Pair) -> Array | None:
    """Return the flat positions that each window of an image covers, (OH * OW, KH * KW); None if one is all padding.

    Padding is replaced by the window's first entry, which changes neither the maximum nor the first position of it.
    """
    lines = []
    for length, taps, step, edge, gap, count in zip(side, kernel, stride, padding, dilation, size):
        covered = (numpy.arange(count) * step - edge)[:, None] + numpy.arange(taps) * gap
        inside = (covered >= 0) & (covered < length)
        if not inside.any(1).all():
            return None
        first = numpy.take_along_axis(covered, inside.argmax(1)[:, None], 1)
        lines.append(numpy.where(inside, covered, first))
    rows, columns = lines
    places = rows[:, None, :, None] * side[1] + columns[None, :, None, :]
    return places.reshape(len(rows) * len(columns), -1)


def choose_taps(
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
    """Copy the entries of each tap to (KH * KW, B, OH, OW, I): first whole rows, then columns of these."""
    b, height, width, inner = planes.shape
    bottom, right = reference.overhang((b, inner, height, width), size[:2], kernel, stride, padding, dilation)
    if (bottom, right) != (height, width):
        planes = pad_planes(planes, padding, (bottom, right))
    taps = scratch("taps", kernel[0] * kernel[1] * b * size[0] * size[1] * inner, planes.dtype)
    taps = taps.reshape(kernel[0], kernel[1], b, *size, inner)
    row = scratch("row", b * size[0] * right * inner, planes.dtype).reshape(b, size[0], right, inner)
    for u in range(kernel[0]):
        numpy.copyto(row, planes[:, strided_slice(u * dilation[0], stride[0], size[0])])
        for v in range(kernel[1]):
            numpy.copyto(taps[u, v], row[:, :, strided_slice(v * dilation[1], stride[1], size[1])])
    return taps.reshape(-1, b, *size, inner)


def pad_planes(planes: Array, padding: Pair, size: Pair) -> Array:
    """Copy planes (B, H, W, I) to larger ones of ``size``, padded with -inf."""
    b, height, width, inner = planes.shape
    padded = scratch("padded", b * size[0] * size[1] * inner, planes.dtype).reshape(b, *size, inner)
    padded[...] = -numpy.inf
    padded[:, padding[0] : padding[0] + height, padding[1] : padding[1] + width] = planes
    return padded


def gather_planes(input: Array, indices: Array) -> Array:
    """Read from each plane of ``input`` at flat ``indices`` (N, C, ...)."""
    flat = numpy.ascontiguousarray(input).reshape(-1)
    places = indices + plane_starts(indices, math.prod(input.shape[2:]))
    return in_format_of(numpy, input, flat[numpy.ascontiguousarray(places)])


def gather_planes_backward(grad: Array, indices: Array, input_shape: Shape) -> Array:
    """Add ``grad`` to planes of zeros of ``input_shape`` at flat ``indices``.

    On one thread, because NumPy holds the interpreter lock. This takes 3 ns per entry; ``bincount`` takes 5.
    """
    if grad.dtype.char not in "fd" or not grad.size:
        return reference.gather_planes_backward(numpy, grad, indices, input_shape)
    total = numpy.zeros(math.prod(input_shape), grad.dtype)
    places = numpy.ascontiguousarray(indices + plane_starts(indices, math.prod(input_shape[2:])))
    numpy.add.at(total, places.reshape(-1), numpy.ascontiguousarray(grad).reshape(-1))
    return in_format_of(numpy, grad, total.reshape(input_shape))


def plane_starts(indices: Array, plane: int) -> Array:
    """Return where each plane begins, (N, C, 1, ...)."""
    n, channels = indices.shape[:2]
    return (numpy.arange(n * channels) * plane).reshape(n, channels, *[1] * (indices.ndim - 2))


def as_planes(images: Array) -> Array:
    """Return (N, C, H, W) as (N, H, W, C) if it is channels last, else as (N * C, H, W, 1); a view if possible."""
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


# -- means -------------------------------------------------------------------------------------------------------------


def avg_pool(
    input: Array,
    kernel: Numbers,
    stride: Numbers,
    padding: Numbers,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Array:
    """Return the mean of each window of (N, C, *size): sums along one dim after the other, then one division."""
    if input.dtype.char not in "fd" or not input.size:
        given = (kernel, stride, padding, ceil_mode, count_include_pad, divisor_override)
        return reference.avg_pool(numpy, input, *given)
    size = reference.output_size(input.shape, kernel, stride, padding, (1,) * len(kernel), ceil_mode)
    if input.size <= FEW and len(kernel) == 2 and not any(padding) and not ceil_mode and input.flags.c_contiguous:
        places = window_positions(input.shape[2:], kernel, stride, padding, (1, 1), size)
        if places is not None and places.size * input.shape[0] * input.shape[1] <= FEW:
            windows = input.reshape(*input.shape[:2], -1).take(places, 2)
            divisor = input.dtype.type(divisor_override or places.shape[1])
            few: Array = (numpy.add.reduce(windows, 3) / divisor).reshape(*input.shape[:2], *size)
            return few
    counts = window_divisors(input, input.shape, size, kernel, stride, padding, count_include_pad, divisor_override)
    planes = as_dense_planes(input)
    means = numpy.empty((len(planes), *size, planes.shape[-1]), input.dtype)

    def pool_tile(tile: slice) -> None:
        total = planes[tile]
        for dim, numbers in enumerate(zip(kernel, stride, padding, size), 1):
            total = sums_along(total, dim, *numbers)
        numpy.divide(total, counts, out=means[tile])

    in_pieces(pool_tile, len(planes), planes[0].size, TILE_ELEMENTS)
    return undo_dense_planes(means, input, size)


def avg_pool_backward(
    grad: Array,
    input_shape: Shape,
    kernel: Numbers,
    stride: Numbers,
    padding: Numbers,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Array:
    """Return the gradient of ``avg_pool``: shares of each entry, spread along one dim after the other."""
    if grad.dtype.char not in "fd" or not grad.size:
        given = (input_shape, kernel, stride, padding, count_include_pad, divisor_override)
        return reference.avg_pool_backward(numpy, grad, *given)
    size = grad.shape[2:]
    counts = window_divisors(grad, input_shape, size, kernel, stride, padding, count_include_pad, divisor_override)
    planes = as_dense_planes(grad)
    spread = numpy.empty((len(planes), *input_shape[2:], planes.shape[-1]), grad.dtype)
    last = len(kernel)

    def spread_tile(tile: slice) -> None:
        total = planes[tile] / counts
        for dim in range(last, 0, -1):
            numbers = kernel[dim - 1], stride[dim - 1], padding[dim - 1], input_shape[dim + 1]
            total = spread_along(total, dim, *numbers, spread[tile] if dim == 1 else None)

    in_pieces(spread_tile, len(planes), spread[0].size, TILE_ELEMENTS)
    return undo_dense_planes(spread, grad, input_shape[2:])


def window_divisors(
    model: Array,
    input_shape: Shape,
    size: Numbers,
    kernel: Numbers,
    stride: Numbers,
    padding: Numbers,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Any:
    """Return the windows' divisors (OH, OW, 1) in the model's dtype, or one number if all are equal."""
    windows = zip(input_shape[2:], size, kernel, stride, padding)
    whole = all((n - 1) * step + taps <= length + 2 * edge for length, n, taps, step, edge in windows)
    if divisor_override is not None or (whole and (count_include_pad or not any(padding))):
        return model.dtype.type(math.prod(kernel) if divisor_override is None else divisor_override)
    given = (input_shape, size, kernel, stride, padding, count_include_pad, divisor_override)
    return numpy.asarray(reference.divisors(numpy, *given), model.dtype)[..., None]


def as_dense_planes(images: Array) -> Array:
    """Return (N, C, *size) as (N, *size, C) if it is channels last, else as (N * C, *size, 1); a view if possible."""
    if is_channels_last(images):
        planes: Array = numpy.moveaxis(images, 1, -1)
        return planes
    return images.reshape(-1, *images.shape[2:], 1)


def undo_dense_planes(planes: Array, model: Array, size: Shape) -> Array:
    """Undo ``as_dense_planes``."""
    last = is_channels_last(model)
    images: Array = numpy.moveaxis(planes, -1, 1) if last else planes.reshape(*model.shape[:2], *size)
    return images


def sums_along(planes: Array, dim: int, kernel: int, stride: int, padding: int, count: int) -> Array:
    """Add up each window along one dim."""
    if kernel == 1 and stride == 1 and not padding:
        return planes
    length = planes.shape[dim]
    total = numpy.zeros((*planes.shape[:dim], count, *planes.shape[dim + 1 :]), planes.dtype)
    if count < kernel:
        for i, window in enumerate(windows_along(kernel, stride, padding, count)):
            total[index_along(dim, i)] = numpy.add.reduce(planes[index_along(dim, window)], dim)
        return total
    for tap in range(kernel):
        windows, entries = overlap(tap - padding, stride, count, length)
        place = total[index_along(dim, windows)]
        numpy.add(place, planes[index_along(dim, entries)], out=place)
    return total


def spread_along(
    planes: Array, dim: int, kernel: int, stride: int, padding: int, length: int, out: Array | None
) -> Array:
    """Add each entry to all positions of its window along one dim: the adjoint of ``sums_along``."""
    total = numpy.empty((*planes.shape[:dim], length, *planes.shape[dim + 1 :]), planes.dtype) if out is None else out
    total[...] = 0
    if planes.shape[dim] < kernel:
        for i, window in enumerate(windows_along(kernel, stride, padding, planes.shape[dim])):
            total[index_along(dim, window)] += planes[index_along(dim, slice(i, i + 1))]
        return total
    for tap in range(kernel):
        windows, entries = overlap(tap - padding, stride, planes.shape[dim], length)
        place = total[index_along(dim, entries)]
        numpy.add(place, planes[index_along(dim, windows)], out=place)
    return total


def windows_along(kernel: int, stride: int, padding: int, count: int) -> list[slice]:
    """Return the slice of each of ``count`` windows along one dim, used if there are fewer windows than taps."""
    starts = [i * stride - padding for i in range(count)]
    return [slice(max(start, 0), max(start + kernel, 0)) for start in starts]


def index_along(dim: int, part: int | slice) -> tuple[int | slice, ...]:
    """Return an index that selects a part of one dim."""
    return (*[slice(None)] * dim, part)

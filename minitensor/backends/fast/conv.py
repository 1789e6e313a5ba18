"""Convolution: which of three compiled algorithms computes it, and how threads share the work.

| windows | algorithm |
| --- | --- |
| 3 x 3, stride 1, many channels, singles | Winograd's (`winograd`), unless it is switched off |
| one channel per group | a loop over the taps (`depthwise`) |
| others | a product of matrices (`windows`) |

NumPy's kernel computes what is left: 1 x 1 windows at stride 1, which are plain products, and dtypes that BLAS does
not have. This file knows no tensors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy

from minitensor.backends.fast import depthwise, winograd
from minitensor.backends.fast import windows as unrolled
from minitensor.backends.fast.flags import FLAGS
from minitensor.backends.fast.machine import dense
from minitensor.backends.fast.product import can_multiply, gemm_address
from minitensor.backends.numpy import conv as plain
from minitensor.backends.numpy import volume
from minitensor.backends.numpy.conv import Pair, Shape, Windows
from minitensor.backends.numpy.threads import parallel_for, parallel_ranges
from minitensor.backends.reference import conv as reference

if TYPE_CHECKING:
    from minitensor.backends import Array

Numbers = tuple[int, ...]

MATRIX = 1 << 18  # elements of an unrolled matrix
WINDOWS = 256  # rows of it, at least: BLAS copies the taps for each matrix
TILES = 64  # of a product in Winograd's algorithm, at least; fewer do not keep BLAS busy
# Winograd's algorithm reads 36 numbers per pair of channels, the other 9. With few tiles this takes longer than it
# saves: 512 channels and 16 tiles took 6.9 ms against 9.0, and 4 ms more to transform the weight.
FEW_TILES, FEW_CHANNELS = 32, 16
PARTS = 4  # in which the gradient in the weight is added up
CHUNK = 1 << 23  # elements of V and M for the gradient in the weight: 64 MB


def conv(input: Array, weight: Array, stride: Numbers, padding: Numbers, dilation: Numbers, groups: int) -> Array:
    """Return the cross-correlation of (N, C, *size) with (O, C / groups, *kernel)."""
    return volume.conv(input, weight, stride, padding, dilation, groups, PLANES)


def conv_backward_input(
    grad: Array, weight: Array, input_shape: Shape, stride: Numbers, padding: Numbers, dilation: Numbers, groups: int
) -> Array:
    """Return the gradient of ``conv`` in its input."""
    return volume.conv_backward_input(grad, weight, input_shape, stride, padding, dilation, groups, PLANES)


def conv_backward_weight(
    grad: Array, input: Array, weight_shape: Shape, stride: Numbers, padding: Numbers, dilation: Numbers, groups: int
) -> Array:
    """Return the gradient of ``conv`` in its weight."""
    return volume.conv_backward_weight(grad, input, weight_shape, stride, padding, dilation, groups, PLANES)


# -- images ------------------------------------------------------------------------------------------------------------


def conv2d(input: Array, weight: Array, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Array:
    """Return the cross-correlation of (N, C, H, W) with (O, C / groups, KH, KW)."""
    size = plain.output_pair(input.shape, weight.shape, stride, padding, dilation)
    numbers = plain.measure(input.shape, weight.shape, size, stride, padding, dilation, groups)
    if not is_supported(input, weight, numbers):
        return plain.conv2d(input, weight, stride, padding, dilation, groups)
    output: Array = numpy.empty((numbers.n, numbers.out_channels, *size), input.dtype)
    correlate = correlate_windows
    if suits_winograd(input, numbers):
        correlate = correlate_tiles
    elif is_depthwise(numbers):
        correlate = correlate_planes
    correlate(dense(input), dense(weight), output, numbers)
    return reference.in_format_of(numpy, input, output)


def conv2d_backward_input(
    grad: Array, weight: Array, input_shape: Shape, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Array:
    """Return the gradient of ``conv2d`` in its input."""
    numbers = plain.measure(input_shape, weight.shape, grad.shape[2:], stride, padding, dilation, groups)
    if not is_supported(grad, weight, numbers):
        return plain.conv2d_backward_input(grad, weight, input_shape, stride, padding, dilation, groups)
    reach = (dilation[0] * (weight.shape[2] - 1), dilation[1] * (weight.shape[3] - 1))
    around = (reach[0] - padding[0], reach[1] - padding[1])
    is_whole = plain.is_whole(grad.shape, input_shape, weight.shape, padding, dilation)
    if stride == (1, 1) and min(around) >= 0 and is_whole:
        return conv2d(grad, plain.rotate_weight(weight, groups), stride, around, dilation, groups)
    total: Array = numpy.empty(input_shape, grad.dtype)
    spread = spread_planes if is_depthwise(numbers) else spread_windows
    spread(dense(grad), dense(weight), total, numbers)
    return reference.in_format_of(numpy, grad, total)


def conv2d_backward_weight(
    grad: Array, input: Array, weight_shape: Shape, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Array:
    """Return the gradient of ``conv2d`` in its weight."""
    numbers = plain.measure(input.shape, weight_shape, grad.shape[2:], stride, padding, dilation, groups)
    if not is_supported(grad, input, numbers):
        return plain.conv2d_backward_weight(grad, input, weight_shape, stride, padding, dilation, groups)
    total: Array = numpy.empty(weight_shape, grad.dtype)
    gather = gather_windows
    if suits_winograd(input, numbers):
        gather = gather_tiles
    elif is_depthwise(numbers):
        gather = gather_planes
    gather(dense(grad), dense(input), total, numbers)
    return total


PLANES = volume.Planes(conv2d, conv2d_backward_input, conv2d_backward_weight)


def is_supported(a: Array, b: Array, numbers: Windows) -> bool:
    """Whether the compiled algorithms apply, and are the faster ones."""
    if not plain.is_supported(a, b) or numbers.plane <= 0 or numbers.kernel == (1, 1):
        return False
    return is_depthwise(numbers) or (can_multiply(a) and numbers.channels // numbers.groups >= FEW_CHANNELS)


def is_depthwise(numbers: Windows) -> bool:
    """Whether each group has one input channel."""
    return numbers.groups == numbers.channels > 1




# -- one channel per group ---------------------------------------------------------------------------------------------


def correlate_planes(input: Array, weight: Array, output: Array, numbers: Windows) -> None:
    """Write the output of a convolution: each thread some planes."""
    share_planes(depthwise.correlate, input, weight, output, numbers, numbers.n * numbers.out_channels)


def spread_planes(grad: Array, weight: Array, total: Array, numbers: Windows) -> None:
    """Write the gradient in the input: each thread some planes."""
    share_planes(depthwise.spread, grad, weight, total, numbers, numbers.n * numbers.channels)


def gather_planes(grad: Array, input: Array, total: Array, numbers: Windows) -> None:
    """Write the gradient in the weight: each thread some channels."""
    share_planes(depthwise.gather_weight, grad, input, total, numbers, numbers.out_channels)


def share_planes(
    kernel: Callable[..., None], one: Array, other: Array, result: Array, numbers: Windows, count: int
) -> None:
    """Call a kernel of ``depthwise`` on parts of ``count`` planes or channels."""

    def work(first: int, last: int) -> None:
        kernel(one, other, numbers.stride, numbers.padding, numbers.dilation, result, first, last)

    parallel_ranges(work, count, plain.thread_count(numbers))


# -- products of unrolled windows --------------------------------------------------------------------------------------


def correlate_windows(input: Array, weight: Array, output: Array, numbers: Windows) -> None:
    """Write the output of a convolution."""
    taps, address = taps_of(weight, numbers.groups), gemm_address(input.dtype.char)
    count = rows_together(numbers, numbers.n * numbers.out_height)

    def correlate(first: int, last: int) -> None:
        unrolled.correlate(
            address, input, taps, numbers.kernel, numbers.stride, numbers.padding, numbers.dilation, output,
            first, last, count,
        )

    parallel_ranges(correlate, numbers.n * numbers.out_height, plain.thread_count(numbers))


def spread_windows(grad: Array, weight: Array, total: Array, numbers: Windows) -> None:
    """Write the gradient in the input: each thread some images."""
    taps, address = taps_of(weight, numbers.groups), gemm_address(grad.dtype.char)
    count = rows_together(numbers, numbers.out_height)

    def spread(first: int, last: int) -> None:
        unrolled.spread_images(
            address, grad, taps, numbers.kernel, numbers.stride, numbers.padding, numbers.dilation, total, first, last,
            count,
        )

    parallel_ranges(spread, numbers.n, plain.thread_count(numbers))


def gather_windows(grad: Array, input: Array, total: Array, numbers: Windows) -> None:
    """Write the gradient in the weight: a sum of a few parts, as many whatever the number of threads is."""
    address = gemm_address(grad.dtype.char)
    shape = (numbers.groups, numbers.out_channels // numbers.groups, numbers.depth // numbers.groups)
    rows = numbers.n * numbers.out_height
    parts = min(PARTS, rows) if plain.is_worth_threads(numbers) else 1
    sums = numpy.zeros((parts, *shape), grad.dtype)
    count = rows_together(numbers, rows)

    def add(turn: int) -> None:
        unrolled.add_weight_grad(
            address, grad, input, numbers.kernel, numbers.stride, numbers.padding, numbers.dilation, sums[turn],
            rows * turn // parts, rows * (turn + 1) // parts, count,
        )

    parallel_for(add, parts)
    for one in sums[1:]:
        sums[0] += one
    unrolled.copy_to_weight(sums[0].reshape(numbers.out_channels, -1), total)


def taps_of(weight: Array, groups: int) -> Array:
    """Return a weight in the order of ``windows``."""
    taps: Array = numpy.empty((len(weight), weight[0].size), weight.dtype)
    unrolled.copy_taps(weight, taps)
    return taps.reshape(groups, len(weight) // groups, -1)


def rows_together(numbers: Windows, rows: int) -> int:
    """Return how many rows of outputs to unroll at a time."""
    return max(1, min(rows, max(MATRIX // max(1, numbers.depth), WINDOWS) // numbers.out_width))


# -- Winograd's algorithm ----------------------------------------------------------------------------------------------


def suits_winograd(input: Array, numbers: Windows) -> bool:
    """Whether Winograd's algorithm applies, and is the faster one."""
    is_plain = (numbers.kernel, numbers.stride, numbers.dilation) == ((3, 3), (1, 1), (1, 1)) and numbers.groups == 1
    has_many = min(numbers.channels, numbers.out_channels) >= FEW_CHANNELS and tile_rows(numbers)[1] >= FEW_TILES
    return FLAGS.winograd and input.dtype.char == "f" and is_plain and has_many


def tile_rows(numbers: Windows) -> tuple[int, int]:
    """Return the number of rows of tiles of all images, and that of tiles."""
    rows = numbers.n * -(-numbers.out_height // 4)
    return rows, rows * -(-numbers.out_width // 4)


def correlate_tiles(input: Array, weight: Array, output: Array, numbers: Windows) -> None:
    """Write the output of a convolution."""
    u = numpy.empty((36, numbers.channels, numbers.out_channels), numpy.float32)
    winograd.transform_weight(weight, u)
    rows, tiles = tile_rows(numbers)
    count, address = max(1, TILES * rows // tiles), gemm_address("f")

    def correlate(first: int, last: int) -> None:
        winograd.correlate(address, input, u, output, *numbers.padding, first, last, count)

    parallel_ranges(correlate, rows, plain.thread_count(numbers))


def gather_tiles(grad: Array, input: Array, total: Array, numbers: Windows) -> None:
    """Write the gradient in the weight, some rows of tiles at a time."""
    rows, tiles = tile_rows(numbers)
    wide, threads = tiles // rows, plain.thread_count(numbers)
    channels, out_channels = numbers.channels, numbers.out_channels
    chunk = max(1, min(rows, CHUNK // (36 * wide * (channels + out_channels))))
    v: Array = numpy.empty((36, chunk * wide, channels), numpy.float32)
    m: Array = numpy.empty((36, chunk * wide, out_channels), numpy.float32)
    u: Array = numpy.zeros((36, channels, out_channels), numpy.float32)
    for start in range(0, rows, chunk):
        stop = min(start + chunk, rows)
        spread_rows(grad, input, numbers.padding, start, stop, v, m, threads)
        multiply(v[:, : (stop - start) * wide], m[:, : (stop - start) * wide], u, threads)
    parallel_ranges(lambda first, last: winograd.gather_weight(u, first, last, total), channels, threads)


def spread_rows(
    grad: Array, input: Array, padding: Pair, start: int, stop: int, v: Array, m: Array, threads: int
) -> None:
    """Write V, and the gradient in M, of rows of tiles: each thread some of them."""

    def spread(first: int, last: int) -> None:
        winograd.spread_both(grad, input, *padding, start + first, start + last, start, v, m)

    parallel_ranges(spread, stop - start, threads)


def multiply(v: Array, m: Array, u: Array, threads: int) -> None:
    """Add 36 products to the gradient in U: each thread some of them."""
    address = gemm_address("f")
    parallel_ranges(lambda first, last: winograd.multiply_some(address, v, m, first, last, u), 36, threads)

"""Convolution in tiles that stay in the cache, each a matrix product, shared by threads.

A tile is a few images, or a few rows of one image. Its windows are copied to the columns of a matrix (*unrolled*) and
multiplied by the weights; see Note [Unrolling in two steps]. Dtypes other than singles and doubles go to the reference.
This file knows no tensors.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy

from minitensor.backends.numpy.threads import get_num_threads, parallel_for, scratch
from minitensor.backends.reference import conv as reference

if TYPE_CHECKING:
    from minitensor.backends import Array

Pair = tuple[int, int]
Shape = tuple[int, ...]

# Note [Unrolling in two steps]
# The matrix of a tile holds each input entry KH * KW times, in runs of one output row: copying runs of 24 floats costs
# 0.35 ns per float, runs of 4 floats 1.6 ns. Therefore only the KW horizontal shifts are copied row by row, to *bands*:
# each holds all rows of the input, shifted and cut to the output's width. A vertical shift of a band is then one long
# run for the whole image, 0.12 ns per float. The first step handles padding and horizontal stride, the second vertical
# stride.

TILE_ELEMENTS = 1 << 19  # of the unrolled matrix: 2 MiB of floats; half or twice as many make no difference
THREADED_PRODUCTS = 1 << 21  # below this many multiplications, about 50 us of work, threads cost more than they gain
TILE_COLUMNS = 512  # small images share a product up to this width: a narrow one reads all weights for little work


@dataclass(frozen=True)
class Windows:
    """The numbers of one convolution: its windows, and the sizes of input and output."""

    n: int
    channels: int
    height: int
    width: int
    kernel: Pair
    stride: Pair
    padding: Pair
    dilation: Pair
    groups: int
    out_channels: int
    out_height: int
    out_width: int

    @property
    def depth(self) -> int:
        """The number of entries of one window."""
        return self.channels * self.kernel[0] * self.kernel[1]

    @property
    def plane(self) -> int:
        """The number of windows of one image."""
        return self.out_height * self.out_width

    @property
    def is_pointwise(self) -> bool:
        """Whether each window is one entry of the input."""
        plain = (self.kernel, self.stride, self.padding) == ((1, 1), (1, 1), (0, 0))
        return plain and (self.out_height, self.out_width) == (self.height, self.width)


@dataclass(frozen=True)
class Tile:
    """Images n0 to n1 and output rows r0 to r1, ends excluded."""

    n0: int
    n1: int
    r0: int
    r1: int


def conv2d(input: Array, weight: Array, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Array:
    """Return the cross-correlation of (N, C, H, W) with (O, C / groups, KH, KW)."""
    if not is_supported(input, weight):
        return reference.conv(numpy, input, weight, stride, padding, dilation, groups)
    size = output_pair(input.shape, weight.shape, stride, padding, dilation)
    windows = measure(input.shape, weight.shape, size, stride, padding, dilation, groups)
    output = allocate(input, (windows.n, windows.out_channels, *size))
    rows = numpy.ascontiguousarray(weight).reshape(groups, windows.out_channels // groups, -1)
    tiles = list(cut_tiles(windows))
    parallel_for(lambda turn: correlate_tile(input, rows, output, windows, tiles[turn]), len(tiles))
    return output


def conv2d_backward_input(
    grad: Array, weight: Array, input_shape: Shape, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Array:
    """Return the gradient of ``conv2d`` in its input."""
    if not is_supported(grad, weight):
        return reference.conv_backward_input(numpy, grad, weight, input_shape, stride, padding, dilation, groups)
    reach = (dilation[0] * (weight.shape[2] - 1), dilation[1] * (weight.shape[3] - 1))
    around = (reach[0] - padding[0], reach[1] - padding[1])
    if stride == (1, 1) and min(around) >= 0 and is_whole(grad.shape, input_shape, weight.shape, padding, dilation):
        return conv2d(grad, rotate_weight(weight, groups), stride, around, dilation, groups)
    windows = measure(input_shape, weight.shape, grad.shape[2:], stride, padding, dilation, groups)
    total = allocate(grad, input_shape)
    columns = numpy.ascontiguousarray(weight).reshape(groups, windows.out_channels // groups, -1).transpose(0, 2, 1)
    images = list(cut_images(windows))
    parallel_for(lambda turn: fold_images(grad, columns, total, windows, images[turn]), len(images))
    return total


def conv2d_backward_weight(
    grad: Array, input: Array, weight_shape: Shape, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Array:
    """Return the gradient of ``conv2d`` in its weight."""
    if not is_supported(grad, input):
        return reference.conv_backward_weight(numpy, grad, input, weight_shape, stride, padding, dilation, groups)
    windows = measure(input.shape, weight_shape, grad.shape[2:], stride, padding, dilation, groups)
    tiles = list(cut_tiles(windows))
    count = min(thread_count(windows), len(tiles))
    parts = [tiles[start::count] for start in range(count)]
    totals = [numpy.zeros((groups, weight_shape[0] // groups, windows.depth // groups), grad.dtype) for _ in parts]
    parallel_for(lambda turn: add_products(grad, input, totals[turn], windows, parts[turn]), len(parts))
    for total in totals[1:]:
        totals[0] += total
    return totals[0].reshape(weight_shape)


# -- one tile ----------------------------------------------------------------------------------------------------------


def correlate_tile(input: Array, rows: Array, output: Array, windows: Windows, tile: Tile) -> None:
    """Write one tile of the output: the weights times the unrolled windows."""
    place = output[tile.n0 : tile.n1, :, tile.r0 : tile.r1]
    if has_own_product(windows, tile):
        matrix = unroll(input, windows, tile, apart=True)
        numpy.matmul(rows, matrix, out=split(place, windows.groups))
        return
    matrix = unroll(input, windows, tile, apart=False)
    product = scratch("product", place.size, output.dtype).reshape(*rows.shape[:2], matrix.shape[2])
    numpy.matmul(rows, matrix, out=product)
    merged = product.reshape(windows.out_channels, len(place), *place.shape[2:])
    numpy.copyto(place, merged.transpose(1, 0, 2, 3))


def add_products(grad: Array, input: Array, total: Array, windows: Windows, tiles: list[Tile]) -> None:
    """Add the gradient times the unrolled windows to ``total``, tile by tile."""
    for tile in tiles:
        place = grad[tile.n0 : tile.n1, :, tile.r0 : tile.r1]
        if has_own_product(windows, tile):
            matrix = unroll(input, windows, tile, apart=True)
            left = split(place, windows.groups)
            products = scratch("product", len(place) * total.size, total.dtype).reshape(len(place), *total.shape)
            numpy.matmul(left, matrix.swapaxes(-1, -2), out=products)
            for product in products:
                numpy.add(total, product, out=total)
            continue
        matrix = unroll(input, windows, tile, apart=False)
        gathered = scratch("gathered", place.size, total.dtype)
        gathered = gathered.reshape(windows.out_channels, len(place), *place.shape[2:])
        numpy.copyto(gathered, place.transpose(1, 0, 2, 3))
        left = gathered.reshape(*total.shape[:2], -1)
        product = scratch("product", total.size, total.dtype).reshape(total.shape)
        numpy.matmul(left, matrix.swapaxes(-1, -2), out=product)
        numpy.add(total, product, out=total)


def fold_images(grad: Array, columns: Array, total: Array, windows: Windows, images: range) -> None:
    """Write whole images of the input's gradient: weights times gradient, added to each window's entries."""
    for n in images:
        total[n] = 0
        for rows in cut_rows(windows):
            tile = Tile(n, n + 1, rows.start, rows.stop)
            left = split(grad[n : n + 1, :, tile.r0 : tile.r1], windows.groups)
            matrix = scratch("matrix", windows.depth * left.shape[-1], grad.dtype).reshape(*columns.shape[:2], -1)
            numpy.matmul(columns, left[0], out=matrix)
            fold(matrix, total[n], windows, tile)


# -- unrolling and folding ---------------------------------------------------------------------------------------------


def unroll(input: Array, windows: Windows, tile: Tile, apart: bool) -> Array:
    """Return a tile's windows as columns: (n, groups, depth, columns) if ``apart``, or (groups, depth, n * columns)."""
    if apart and windows.is_pointwise:
        return split(input[tile.n0 : tile.n1, :, tile.r0 : tile.r1], windows.groups)
    n, rows = tile.n1 - tile.n0, tile.r1 - tile.r0
    channels, groups, (tall, broad) = windows.channels, windows.groups, windows.kernel
    matrix = scratch("matrix", n * windows.depth * rows * windows.out_width, input.dtype)
    if apart:
        spread = matrix.reshape(n, channels, tall, broad, rows, windows.out_width)
        matrix = matrix.reshape(n, groups, windows.depth // groups, -1)
    else:
        spread = matrix.reshape(channels, tall, broad, n, rows, windows.out_width).transpose(3, 0, 1, 2, 4, 5)
        matrix = matrix.reshape(groups, windows.depth // groups, -1)
    if tall == 1:
        copy_bands(input, spread[:, :, 0], windows, tile, windows.stride[0])
        return matrix
    reach = (rows - 1) * windows.stride[0] + windows.dilation[0] * (tall - 1) + 1
    bands = scratch("bands", n * channels * broad * reach * windows.out_width, input.dtype)
    bands = bands.reshape(n, channels, broad, reach, windows.out_width)
    copy_bands(input, bands, windows, tile, 1)
    numpy.copyto(spread, shift_bands(bands, windows, rows))
    return matrix


def shift_bands(bands: Array, windows: Windows, rows: int) -> Array:
    """View bands (n, C, KW, reach, OW) at every vertical shift: (n, C, KH, KW, rows, OW)."""
    a, b, c, row, item = bands.strides
    shape = (*bands.shape[:2], windows.kernel[0], bands.shape[2], rows, windows.out_width)
    strides = (a, b, windows.dilation[0] * row, c, windows.stride[0] * row, item)
    view: Array = numpy.ndarray(shape, bands.dtype, bands.data, 0, strides)  # as_strided takes 14 us, this 1
    return view


def copy_bands(input: Array, bands: Array, windows: Windows, tile: Tile, row_step: int) -> None:
    """Copy each horizontal shift of a tile's input rows, ``row_step`` apart, into bands (n, C, KW, rows, OW)."""
    first = tile.r0 * windows.stride[0] - windows.padding[0]
    inside, rows = overlap(first, row_step, bands.shape[3], windows.height)
    padded = windows.padding != (0, 0)
    if padded:
        bands[...] = 0
    images = input[tile.n0 : tile.n1, :, rows]
    for v in range(windows.kernel[1]):
        start = v * windows.dilation[1] - windows.padding[1]
        kept, columns = overlap(start, windows.stride[1], windows.out_width, windows.width)
        numpy.copyto(bands[:, :, v, inside, kept], images[..., columns])


def fold(matrix: Array, image: Array, windows: Windows, tile: Tile) -> None:
    """Add the columns of a tile to the entries of ``image`` (C, H, W) from which ``unroll`` would copy them."""
    rows, step = tile.r1 - tile.r0, windows.stride[0]
    tall, broad = windows.kernel
    spread = matrix.reshape(windows.channels, tall, broad, rows, windows.out_width)
    first = tile.r0 * step - windows.padding[0]
    if tall == 1:
        add_bands(spread[:, 0], image, windows, first, step)
        return
    reach = (rows - 1) * step + windows.dilation[0] * (tall - 1) + 1
    bands = scratch("bands", windows.channels * broad * reach * windows.out_width, matrix.dtype)
    bands = bands.reshape(windows.channels, broad, reach, windows.out_width)
    bands[...] = 0
    for u in range(tall):
        place = bands[:, :, reference.strided_slice(u * windows.dilation[0], step, rows)]
        numpy.add(place, spread[:, u], out=place)
    add_bands(bands, image, windows, first, 1)


def add_bands(bands: Array, image: Array, windows: Windows, first: int, row_step: int) -> None:
    """Add bands (C, KW, rows, OW) to the image rows from ``first`` on, ``row_step`` apart."""
    inside, rows = overlap(first, row_step, bands.shape[2], windows.height)
    for v in range(windows.kernel[1]):
        start = v * windows.dilation[1] - windows.padding[1]
        kept, columns = overlap(start, windows.stride[1], windows.out_width, windows.width)
        place = image[:, rows, columns]
        numpy.add(place, bands[:, v, inside, kept], out=place)


def overlap(start: int, step: int, count: int, size: int) -> tuple[slice, slice]:
    """Return which of ``count`` positions start, start + step, ... are in [0, size), and the slice of those."""
    low = max(0, -(start // step))
    high = max(low, min(count, (size - 1 - start) // step + 1))
    return slice(low, high), reference.strided_slice(start + low * step, step, high - low)


# -- cutting into tiles ------------------------------------------------------------------------------------------------


def cut_tiles(windows: Windows) -> Iterator[Tile]:
    """Cut the work into tiles: rows of one image, or several whole images."""
    if windows.n == 0 or windows.plane == 0:
        return
    rows = list(cut_rows(windows))
    together = 1
    if len(rows) == 1:
        fits = max(1, min(TILE_ELEMENTS // max(1, windows.depth * windows.plane), windows.n))
        wide = -(-TILE_COLUMNS // windows.plane)
        together = min(max(fits, wide), -(-windows.n // thread_count(windows)))
    for n0 in range(0, windows.n, together):
        for band in rows:
            yield Tile(n0, min(n0 + together, windows.n), band.start, band.stop)


def cut_rows(windows: Windows) -> Iterator[range]:
    """Cut the rows of an image so that a tile's matrix stays in the cache and a single image occupies all threads."""
    row = max(1, windows.depth * windows.out_width)
    count = max(1, TILE_ELEMENTS // row, -(-TILE_COLUMNS // (2 * windows.out_width)))
    parts = -(-windows.out_height // count)
    if windows.n < thread_count(windows) and windows.plane >= 2 * TILE_COLUMNS:
        parts = max(parts, thread_count(windows))
    count = -(-windows.out_height // max(1, parts))
    for start in range(0, windows.out_height, max(1, count)):
        yield range(start, min(start + count, windows.out_height))


def cut_images(windows: Windows) -> Iterator[range]:
    """Cut the batch into a few runs for each thread."""
    runs = 4 * thread_count(windows) if thread_count(windows) > 1 else 1
    count = max(1, -(-windows.n // runs))
    for start in range(0, windows.n, count):
        yield range(start, min(start + count, windows.n))


def thread_count(windows: Windows) -> int:
    """Return how many threads to use for this much work."""
    return get_num_threads() if is_worth_threads(windows) else 1


def is_worth_threads(windows: Windows) -> bool:
    """Whether there is enough work for several threads."""
    products = windows.n * windows.plane * windows.depth * windows.out_channels // windows.groups
    return products >= THREADED_PRODUCTS


def has_own_product(windows: Windows, tile: Tile) -> bool:
    """Whether each image has its own product, written in place; narrow images share one, which is then copied."""
    return tile.n1 - tile.n0 == 1 or windows.plane * 2 >= max(TILE_COLUMNS, windows.depth)


# -- small parts -------------------------------------------------------------------------------------------------------


def is_supported(a: Array, b: Array) -> bool:
    """Whether these kernels can work on the arrays."""
    return a.dtype == b.dtype and a.dtype.char in "fd" and a.size > 0 and b.size > 0


def output_pair(input_shape: Shape, weight_shape: Shape, stride: Pair, padding: Pair, dilation: Pair) -> Pair:
    """Return the output's height and width."""
    rows, columns = reference.output_size(input_shape, weight_shape, stride, padding, dilation)
    return rows, columns


def is_whole(grad_shape: Shape, input_shape: Shape, weight_shape: Shape, padding: Pair, dilation: Pair) -> bool:
    """Whether, at stride 1, every window has a gradient; with output padding, the last ones have none."""
    return output_pair(input_shape, weight_shape, (1, 1), padding, dilation) == grad_shape[2:]


def measure(
    input_shape: Shape, weight_shape: Shape, size: Shape, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Windows:
    """Collect the numbers of a convolution."""
    n, channels, height, width = input_shape
    out_channels, _, tall, broad = weight_shape
    return Windows(
        n, channels, height, width, (tall, broad), stride, padding, dilation, groups, out_channels, size[0], size[1]
    )


def allocate(model: Array, shape: Shape) -> Array:
    """Return uninitialized (N, C, H, W) memory, channels last if the model is."""
    if not reference.is_channels_last(model):
        return numpy.empty(shape, model.dtype)
    n, channels, height, width = shape
    last: Array = numpy.empty((n, height, width, channels), model.dtype).transpose(0, 3, 1, 2)
    return last


def split(place: Array, groups: int) -> Array:
    """Reshape (n, O, rows, OW) to (n, groups, O / groups, rows * OW); of memory from ``allocate`` that is a view."""
    return place.reshape(place.shape[0], groups, place.shape[1] // groups, -1)


def rotate_weight(weight: Array, groups: int) -> Array:
    """Return the weights of the adjoint at stride 1: taps rotated by 180 degrees, channels in and out exchanged."""
    out_channels, channels, tall, broad = weight.shape
    grouped = weight.reshape(groups, out_channels // groups, channels, tall, broad)
    exchanged = grouped.transpose(0, 2, 1, 3, 4)[..., ::-1, ::-1]
    return numpy.ascontiguousarray(exchanged).reshape(groups * channels, out_channels // groups, tall, broad)

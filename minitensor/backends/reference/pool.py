"""The definition of pooling: the largest entry, or the mean, of windows over the last dims.

Max pooling selects positions; given them it is a gather, and its gradient a scatter to the same positions. Both are
linear, so that each is the gradient of the other at every order. Written in ``xp`` for any dtype, array library and
number of dims. This file knows no tensors or threads.
"""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING, Any

from minitensor.backends.reference.conv import entry, flat_planes, in_format_of, inner_index, taps, wide
from minitensor.shapes import pool_output_size

if TYPE_CHECKING:
    from minitensor.backends import Array

Numbers = tuple[int, ...]  # one for each spatial dim
Shape = tuple[int, ...]


def max_pool(
    xp: Any, input: Array, kernel: Numbers, stride: Numbers, padding: Numbers, dilation: Numbers, ceil_mode: bool
) -> tuple[Array, Array]:
    """Return the largest entry of each window of (N, C, *size) and its flat position in the plane, int64.

    The first of equal entries wins; NaN wins over numbers, and the last of several NaN gives the position.
    """
    size = output_size(input.shape, kernel, stride, padding, dilation, ceil_mode)
    if math.prod(size) < math.prod(kernel):
        return max_of_windows(xp, input, size, kernel, stride, padding, dilation)
    around = overhang(input.shape, size, kernel, stride, padding, dilation)
    padded = xp.full((*input.shape[:2], *around), lowest_value(xp, input.dtype), input.dtype)
    padded[inner_index(input.shape[2:], padding)] = input
    corners = zip(size, stride, padding, dilation)
    first = flat_positions(xp, [first_inside(xp, *each) for each in corners], input.shape[2:])
    positions = flat_positions(xp, [xp.arange(n) - edge for n, edge in zip(around, padding)], input.shape[2:])
    values = xp.full((*input.shape[:2], *size), lowest_value(xp, input.dtype), input.dtype)
    indices = xp.broadcast_to(first, values.shape)
    for _, window in taps(kernel, size, stride, dilation):
        candidates = padded[window]
        wins = (candidates > values) | (candidates != candidates)  # only NaN differs from itself
        values = xp.where(wins, candidates, values)
        indices = xp.where(wins, positions[window], indices)
    return in_format_of(xp, input, values), in_format_of(xp, input, indices.astype(xp.int64))


def max_of_windows(
    xp: Any, input: Array, size: Numbers, kernel: Numbers, stride: Numbers, padding: Numbers, dilation: Numbers
) -> tuple[Array, Array]:
    """Compute ``max_pool`` window by window, which is faster if there are fewer windows than taps."""
    values = xp.full((*input.shape[:2], *size), lowest_value(xp, input.dtype), input.dtype)
    indices = xp.empty(values.shape, xp.int64)
    for window in product(*map(range, size)):
        starts = [at * step - edge for at, step, edge in zip(window, stride, padding)]
        first = [start + max(0, -(start // gap)) * gap for start, gap in zip(starts, dilation)]
        stops = [start + gap * (taps_ - 1) + 1 for start, gap, taps_ in zip(starts, dilation, kernel)]
        slices = [slice(low, max(low, high), gap) for low, high, gap in zip(first, stops, dilation)]
        part, here = input[entry(tuple(slices))], entry(window)
        counts = [max(count, 1) for count in part.shape[2:]]
        along = [low + gap * xp.arange(count) for low, gap, count in zip(first, dilation, counts)]
        positions = flat_positions(xp, along, input.shape[2:]).reshape(-1)
        if part.size:
            values[here], places = largest_of(xp, flat_planes(part, 2))
            indices[here] = positions[places]
        else:
            indices[here] = positions[0]
    return in_format_of(xp, input, values), in_format_of(xp, input, indices)


def largest_of(xp: Any, row: Array) -> tuple[Array, Array]:
    """Return the largest entry along the last dim and its index: the first of equal entries, the last NaN."""
    places = row.argmax(-1)
    values = xp.take_along_axis(row, places[..., None], -1)[..., 0]
    last = row.shape[-1] - 1 - (row != row)[..., ::-1].argmax(-1)
    return values, xp.where(values != values, last, places)


def adaptive_max_pool(xp: Any, input: Array, size: Numbers) -> tuple[Array, Array]:
    """Return the largest entries of windows that divide the plane, and their flat positions, as ``max_pool`` does.

    One dim is pooled after the other, the last one first, so that the first of equal entries in row order wins.
    """
    values, places = largest_along(xp, input, input.ndim - 1, size[-1])
    for dim in range(input.ndim - 2, 1, -1):
        values, choices = largest_along(xp, values, dim, size[dim - 2])
        places = choices * math.prod(input.shape[dim + 1 :]) + xp.take_along_axis(places, choices, dim)
    return in_format_of(xp, input, values), in_format_of(xp, input, places)


def largest_along(xp: Any, values: Array, dim: int, count: int) -> tuple[Array, Array]:
    """Return the largest entry, and its index in the dim, of each of ``count`` windows that divide the dim."""
    windows = [(i * values.shape[dim] // count, -(-(i + 1) * values.shape[dim] // count)) for i in range(count)]
    longest = max([end - begin for begin, end in windows], default=0)
    if 0 < count < longest:
        rows = xp.moveaxis(values, dim, -1)
        pairs = [largest_of(xp, rows[..., begin:end]) for begin, end in windows]
        starts = [begin for begin, _ in windows]
        return (
            xp.stack([best for best, _ in pairs], dim),
            xp.stack([start + places for start, (_, places) in zip(starts, pairs)], dim),
        )
    start, last = (xp.asarray([window[side] for window in windows], xp.int64) for side in (0, 1))
    across = (-1, *[1] * (values.ndim - dim - 1))
    best = xp.take(values, start, dim)
    choices = xp.broadcast_to(start.reshape(across), best.shape)
    for step in range(1, longest):
        here = xp.minimum(start + step, last - 1)
        candidates = xp.take(values, here, dim)
        wins = (candidates > best) | (candidates != candidates)
        best = xp.where(wins, candidates, best)
        choices = xp.where(wins, here.reshape(across), choices)
    return best, choices


def flat_positions(xp: Any, coordinates: list[Any], size: Numbers) -> Any:
    """Return the flat position in a plane of ``size`` of every combination of coordinates."""
    total = xp.zeros((), xp.int64)
    for along, length in zip(coordinates, size):
        total = total[..., None] * length + along
    return total


def gather_planes(xp: Any, input: Array, indices: Array) -> Array:
    """Read from each plane of ``input`` at flat ``indices`` (N, C, ...)."""
    entries = xp.take_along_axis(flat_planes(input, 2), flat_planes(indices, 2), 2)
    return in_format_of(xp, input, entries.reshape(indices.shape))


def gather_planes_backward(xp: Any, grad: Array, indices: Array, input_shape: Shape) -> Array:
    """Add ``grad`` to planes of zeros of ``input_shape`` at flat ``indices``."""
    planes, plane = math.prod(input_shape[:2]), math.prod(input_shape[2:])
    total = xp.zeros(planes * plane, grad.dtype)
    start = xp.arange(planes).reshape(*input_shape[:2], *[1] * (indices.ndim - 2)) * plane
    xp.add.at(total, (indices + start).reshape(-1), grad.reshape(-1))
    return in_format_of(xp, grad, total.reshape(input_shape))


def avg_pool(
    xp: Any,
    input: Array,
    kernel: Numbers,
    stride: Numbers,
    padding: Numbers,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Array:
    """Return the mean of each window of (N, C, *size)."""
    ones = (1,) * len(kernel)
    size = output_size(input.shape, kernel, stride, padding, ones, ceil_mode)
    padded = xp.zeros((*input.shape[:2], *overhang(input.shape, size, kernel, stride, padding, ones)), input.dtype)
    padded[inner_index(input.shape[2:], padding)] = input
    total = xp.zeros((*input.shape[:2], *size), wide(xp, input.dtype))
    for _, window in taps(kernel, size, stride, ones):
        total += padded[window]
    counts = divisors(xp, input.shape, size, kernel, stride, padding, count_include_pad, divisor_override)
    return in_format_of(xp, input, divide(xp, total, counts).astype(input.dtype))


def avg_pool_backward(
    xp: Any,
    grad: Array,
    input_shape: Shape,
    kernel: Numbers,
    stride: Numbers,
    padding: Numbers,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Array:
    """Return the gradient of ``avg_pool``: each entry is divided equally among its window."""
    ones, size = (1,) * len(kernel), grad.shape[2:]
    counts = divisors(xp, input_shape, size, kernel, stride, padding, count_include_pad, divisor_override)
    shares, around = divide(xp, grad, counts), overhang(input_shape, size, kernel, stride, padding, ones)
    total = xp.zeros((*input_shape[:2], *around), wide(xp, grad.dtype))
    for _, window in taps(kernel, size, stride, ones):
        total[window] += shares
    inner = total[inner_index(input_shape[2:], padding)].astype(grad.dtype)
    return in_format_of(xp, grad, xp.ascontiguousarray(inner))


def divisors(
    xp: Any,
    input_shape: Shape,
    size: Numbers,
    kernel: Numbers,
    stride: Numbers,
    padding: Numbers,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Array | int:
    """Return the divisor of each window's sum: an array of the output's size, or one number.

    Padding counts if ``count_include_pad``; entries past the padding (``ceil_mode``) never count.
    """
    if divisor_override is not None:
        return divisor_override
    counts = xp.ones((), xp.int64)
    for length, count, taps_, step, edge in zip(input_shape[2:], size, kernel, stride, padding):
        counted_edge = edge if count_include_pad else 0
        counts = counts[..., None] * count_entries(xp, length, count, taps_, step, edge, counted_edge)
    return counts  # type: ignore[no-any-return]  # `xp` is untyped


def count_entries(xp: Any, length: int, count: int, kernel: int, stride: int, padding: int, edge: int) -> Any:
    """Count, for each of ``count`` windows along one dim, its entries in [-edge, length + edge)."""
    start = xp.arange(count) * stride - padding
    return xp.minimum(start + kernel, length + edge) - xp.maximum(start, -edge)


def divide(xp: Any, total: Array, counts: Array | int) -> Array:
    """Divide and keep the dtype; integers are rounded toward zero, as in PyTorch."""
    if total.dtype.kind in "iu":
        floor = total // counts
        whole: Array = (floor + ((floor < 0) & (floor * counts != total))).astype(total.dtype)
        return whole
    result: Array = (total / counts).astype(total.dtype)
    return result


def output_size(
    input_shape: Shape, kernel: Numbers, stride: Numbers, padding: Numbers, dilation: Numbers, ceil_mode: bool
) -> Numbers:
    """Return the output's sizes."""
    numbers = zip(input_shape[2:], kernel, stride, padding, dilation)
    return tuple([
        pool_output_size(length, taps_, step, edge, gap, ceil_mode) for length, taps_, step, edge, gap in numbers
    ])


def overhang(
    input_shape: Shape, size: Numbers, kernel: Numbers, stride: Numbers, padding: Numbers, dilation: Numbers
) -> Numbers:
    """Return the padded sizes, large enough for a last window that extends past the end."""
    numbers = zip(input_shape[2:], size, kernel, stride, padding, dilation)
    return tuple([
        max(length + 2 * edge, (count - 1) * step + gap * (taps_ - 1) + 1)
        for length, count, taps_, step, edge, gap in numbers
    ])


def first_inside(xp: Any, count: int, stride: int, padding: int, dilation: int) -> Any:
    """Return the position of the first entry of each window that is not padding."""
    start = xp.arange(count) * stride - padding
    steps = xp.maximum(0, -(start // dilation))  # the number of taps before the input
    return start + steps * dilation


def lowest_value(xp: Any, dtype: Any) -> Any:
    """Return the smallest value of a dtype."""
    return -xp.inf if dtype.kind == "f" else xp.iinfo(dtype).min

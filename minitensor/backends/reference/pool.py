"""Pooling as it is defined: windows over the last two dims, their largest entry or their mean.

Max pooling is a choice of positions; once they are known it is a gather, and its adjoint a scatter to the same
positions. Both are linear, so they differentiate each other at every order. Written in ``xp`` for any dtype and
library, slow and plain; nothing is known here of tensors or threads.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from minitensor.backends.reference.conv import in_format_of, taps
from minitensor.shapes import pool_output_size

if TYPE_CHECKING:
    from minitensor.backends import Array

Pair = tuple[int, int]
Shape = tuple[int, ...]


def max_pool2d(
    xp: Any, input: Array, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool
) -> tuple[Array, Array]:
    """Return the largest entry of each window of (N, C, H, W) and its flat position in (H, W), int64.

    The first of equal entries wins, a NaN beats every number, and of several NaNs the last one is pointed at.
    """
    height, width = input.shape[2:]
    size = pooled_size(input.shape, kernel, stride, padding, dilation, ceil_mode)
    bottom, right = overhang(input.shape, size, kernel, stride, padding, dilation)
    padded = xp.full((*input.shape[:2], bottom, right), lowest(xp, input.dtype), input.dtype)
    padded[:, :, padding[0] : padding[0] + height, padding[1] : padding[1] + width] = input
    first = first_inside(xp, size[0], stride[0], padding[0], dilation[0])[:, None] * width
    first = first + first_inside(xp, size[1], stride[1], padding[1], dilation[1])
    values = xp.full((*input.shape[:2], *size), lowest(xp, input.dtype), input.dtype)
    indices = xp.broadcast_to(first, values.shape)
    rows, columns = xp.arange(bottom)[:, None] - padding[0], xp.arange(right) - padding[1]
    positions = rows * width + columns
    for _, _, window in taps(kernel, size, stride, dilation):
        candidates = padded[window]
        wins = (candidates > values) | (candidates != candidates)  # only NaN differs from itself
        values = xp.where(wins, candidates, values)
        indices = xp.where(wins, positions[window[1:]], indices)
    return in_format_of(xp, input, values), in_format_of(xp, input, indices.astype(xp.int64))


def gather_planes(xp: Any, input: Array, indices: Array) -> Array:
    """Read from each (H, W) plane of ``input`` at flat ``indices`` (N, C, ...): max pooling after its choice."""
    planes = input.reshape(*input.shape[:2], input.shape[2] * input.shape[3])
    flat = indices.reshape(*indices.shape[:2], math.prod(indices.shape[2:]))
    return in_format_of(xp, input, xp.take_along_axis(planes, flat, 2).reshape(indices.shape))


def scatter_planes(xp: Any, grad: Array, indices: Array, input_shape: Shape) -> Array:
    """Add ``grad`` into planes of zeros of ``input_shape`` at flat ``indices``: the adjoint of ``gather_planes``."""
    n, channels, height, width = input_shape
    total = xp.zeros(n * channels * height * width, grad.dtype)
    start = xp.arange(n * channels).reshape(n, channels, *[1] * (indices.ndim - 2)) * (height * width)
    xp.add.at(total, (indices + start).reshape(-1), grad.reshape(-1))
    return in_format_of(xp, grad, total.reshape(input_shape))


def avg_pool2d(
    xp: Any,
    input: Array,
    kernel: Pair,
    stride: Pair,
    padding: Pair,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Array:
    """Return the mean of each window of (N, C, H, W)."""
    size = pooled_size(input.shape, kernel, stride, padding, (1, 1), ceil_mode)
    bottom, right = overhang(input.shape, size, kernel, stride, padding, (1, 1))
    padded = xp.zeros((*input.shape[:2], bottom, right), input.dtype)
    padded[:, :, padding[0] : padding[0] + input.shape[2], padding[1] : padding[1] + input.shape[3]] = input
    total = xp.zeros((*input.shape[:2], *size), padded.dtype)
    for _, _, window in taps(kernel, size, stride, (1, 1)):
        total += padded[window]
    counts = divisors(xp, input.shape, size, kernel, stride, padding, count_include_pad, divisor_override)
    return in_format_of(xp, input, divide(xp, total, counts))


def avg_pool2d_input(
    xp: Any,
    grad: Array,
    input_shape: Shape,
    kernel: Pair,
    stride: Pair,
    padding: Pair,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Array:
    """Return the adjoint of ``avg_pool2d``: each gradient is shared out evenly over its window."""
    size = grad.shape[2:]
    counts = divisors(xp, input_shape, size, kernel, stride, padding, count_include_pad, divisor_override)
    shares = divide(xp, grad, counts)
    bottom, right = overhang(input_shape, size, kernel, stride, padding, (1, 1))
    total = xp.zeros((*input_shape[:2], bottom, right), grad.dtype)
    for _, _, window in taps(kernel, size, stride, (1, 1)):
        total[window] += shares
    inner = total[:, :, padding[0] : padding[0] + input_shape[2], padding[1] : padding[1] + input_shape[3]]
    return in_format_of(xp, grad, xp.ascontiguousarray(inner))


def divisors(
    xp: Any,
    input_shape: Shape,
    size: Shape,
    kernel: Pair,
    stride: Pair,
    padding: Pair,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Array | int:
    """Return by what each window's sum is divided: (OH, OW), or one number.

    Padding counts if it is asked to; what hangs over the end beyond the padding (``ceil_mode``) never does.
    """
    if divisor_override is not None:
        return divisor_override
    edges = padding if count_include_pad else (0, 0)
    rows, columns = (
        covered(xp, input_shape[2 + axis], size[axis], kernel[axis], stride[axis], padding[axis], edges[axis])
        for axis in (0, 1)
    )
    counts: Array = rows[:, None] * columns
    return counts


def covered(xp: Any, length: int, count: int, kernel: int, stride: int, padding: int, edge: int) -> Any:
    """Count, for each of ``count`` windows along one dim, its entries in [-edge, length + edge)."""
    start = xp.arange(count) * stride - padding
    return xp.minimum(start + kernel, length + edge) - xp.maximum(start, -edge)


def divide(xp: Any, total: Array, counts: Array | int) -> Array:
    """Divide and keep the dtype; integers are rounded towards zero as PyTorch does."""
    if total.dtype.kind in "iu":
        quotient = xp.abs(total) // counts
        whole: Array = (xp.sign(total) * quotient).astype(total.dtype)
        return whole
    result: Array = (total / counts).astype(total.dtype)
    return result


def pooled_size(
    input_shape: Shape, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool
) -> Pair:
    """Return (OH, OW)."""
    return (
        pool_output_size(input_shape[2], kernel[0], stride[0], padding[0], dilation[0], ceil_mode),
        pool_output_size(input_shape[3], kernel[1], stride[1], padding[1], dilation[1], ceil_mode),
    )


def overhang(input_shape: Shape, size: Shape, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Pair:
    """Return the padded (H, W), large enough for a last window that runs over the end."""
    height, width = (
        max(
            input_shape[2 + axis] + 2 * padding[axis],
            (size[axis] - 1) * stride[axis] + dilation[axis] * (kernel[axis] - 1) + 1,
        )
        for axis in (0, 1)
    )
    return height, width


def first_inside(xp: Any, count: int, stride: int, padding: int, dilation: int) -> Any:
    """Return the position of the first entry of each window that is not padding."""
    start = xp.arange(count) * stride - padding
    steps = xp.maximum(0, -(start // dilation))  # how many taps lie before the input
    return start + steps * dilation


def lowest(xp: Any, dtype: Any) -> Any:
    """Return a value that no entry is smaller than."""
    return -xp.inf if dtype.kind == "f" else xp.iinfo(dtype).min

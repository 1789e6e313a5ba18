"""The definition of convolution and of its two gradients, for any dtype, array library and number of dims.

A convolution is a sum over taps: each tap covers a strided window of the padded input, of the output's size. The
forward pass reads these windows, the gradient in the input adds to them, and the gradient in the weight multiplies by
them. This file knows no tensors or threads.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from minitensor.shapes import conv_output_size

if TYPE_CHECKING:
    from minitensor.backends import Array

Numbers = tuple[int, ...]  # one for each spatial dim
Shape = tuple[int, ...]


def conv(
    xp: Any, input: Array, weight: Array, stride: Numbers, padding: Numbers, dilation: Numbers, groups: int
) -> Array:
    """Return the cross-correlation of (N, C, *size), padded with zeros, with ``weight`` (O, C / groups, *kernel).

    In two dims: output[n, o, i, j] = sum over c, u, v of weight[o, c, u, v] * padded[n, c, i sh + u dh, j sw + v dw].
    """
    size = output_size(input.shape, weight.shape, stride, padding, dilation)
    padded = split_channels(pad(xp, input, padding), groups)
    kernel = weight.reshape(groups, weight.shape[0] // groups, *weight.shape[1:])
    total = xp.zeros((input.shape[0], *kernel.shape[:2], *size), wide(xp, input.dtype))
    for tap, window in taps(weight.shape[2:], size, stride, dilation):
        total += xp.einsum("ngc...,goc->ngo...", padded[window], kernel[entry(tap)], dtype=total.dtype)
    output = total.reshape(input.shape[0], weight.shape[0], *size).astype(input.dtype)
    return in_format_of(xp, input, output)


def conv_backward_input(
    xp: Any,
    grad: Array,
    weight: Array,
    input_shape: Shape,
    stride: Numbers,
    padding: Numbers,
    dilation: Numbers,
    groups: int,
) -> Array:
    """Return the gradient of ``conv`` in its input, its adjoint: <conv(x, w), g> = <x, conv_backward_input(g, w)>."""
    grads = split_channels(grad, groups)
    kernel = weight.reshape(groups, weight.shape[0] // groups, *weight.shape[1:])
    dtype = wide(xp, grad.dtype)
    around = [length + 2 * edge for length, edge in zip(input_shape[2:], padding)]
    total = xp.zeros((input_shape[0], groups, input_shape[1] // groups, *around), dtype)
    for tap, window in taps(weight.shape[2:], grad.shape[2:], stride, dilation):
        total[window] += xp.einsum("ngo...,goc->ngc...", grads, kernel[entry(tap)], dtype=dtype)
    inner = total[inner_index(input_shape[2:], padding)]
    return in_format_of(xp, grad, xp.ascontiguousarray(inner.reshape(input_shape).astype(grad.dtype)))


def conv_backward_weight(
    xp: Any,
    grad: Array,
    input: Array,
    weight_shape: Shape,
    stride: Numbers,
    padding: Numbers,
    dilation: Numbers,
    groups: int,
) -> Array:
    """Return the gradient of ``conv`` in its weight, its adjoint: <conv(x, w), g> = <w, conv_backward_weight(g, x)>."""
    grads = flat_planes(split_channels(grad, groups), 3)
    padded = split_channels(pad(xp, input, padding), groups)
    out_channels, in_channels, *kernel = weight_shape
    total = xp.zeros((groups, out_channels // groups, in_channels, *kernel), wide(xp, grad.dtype))
    for tap, window in taps(kernel, grad.shape[2:], stride, dilation):
        seen = flat_planes(padded[window], 3)
        total[entry(tap)] = xp.einsum("ngol,ngcl->goc", grads, seen, dtype=total.dtype)
    gradient: Array = total.reshape(weight_shape).astype(grad.dtype)
    return gradient


def output_size(
    input_shape: Shape, weight_shape: Shape, stride: Numbers, padding: Numbers, dilation: Numbers
) -> Numbers:
    """Return the output's sizes."""
    numbers = zip(input_shape[2:], weight_shape[2:], stride, padding, dilation)
    return tuple([conv_output_size(*each) for each in numbers])


def taps(kernel: Sequence[int], size: Numbers, stride: Numbers, dilation: Numbers) -> Iterator[tuple[Numbers, Any]]:
    """Yield each tap of a kernel, (u, v) in two dims, with the index of its window in a padded (..., H, W)."""
    for tap in product(*map(range, kernel)):
        slices = [strided_slice(u * gap, step, count) for u, gap, step, count in zip(tap, dilation, stride, size)]
        yield tap, (..., *slices)


def entry(tap: tuple[Any, ...]) -> Any:
    """Return the index of one position in the last dims, for example a tap of a kernel."""
    return (..., *tap)


def strided_slice(start: int, step: int, count: int) -> slice:
    """Return the slice of ``count`` entries from ``start`` on, ``step`` apart."""
    return slice(start, start + step * (count - 1) + 1 if count else start, step)


def pad(xp: Any, input: Array, padding: Numbers, value: Any = 0) -> Array:
    """Pad the last dims with ``value``."""
    lead, size = input.shape[: -len(padding)], input.shape[-len(padding) :]
    around = [length + 2 * edge for length, edge in zip(size, padding)]
    padded: Array = xp.full((*lead, *around), value, input.dtype)
    padded[inner_index(size, padding)] = input
    return padded


def inner_index(size: Numbers, padding: Numbers) -> Any:
    """Return the index of the unpadded entries."""
    return (..., *[slice(edge, edge + length) for length, edge in zip(size, padding)])


def split_channels(images: Array, groups: int) -> Array:
    """View (N, C, *size) as (N, groups, C / groups, *size)."""
    return images.reshape(images.shape[0], groups, images.shape[1] // groups, *images.shape[2:])


def flat_planes(images: Array, lead: int) -> Array:
    """Join the dims after the first ``lead`` to one; a view if possible."""
    return images.reshape(*images.shape[:lead], math.prod(images.shape[lead:]))


def wide(xp: Any, dtype: Any) -> Any:
    """Return the dtype to sum in: half precision is summed in single, as in PyTorch."""
    return xp.dtype(xp.float32) if dtype == xp.float16 else dtype


def is_channels_last(images: Array) -> bool:
    """Whether (N, C, H, W) is dense in memory as (N, H, W, C), and not as (N, C, H, W); also in three dims."""
    if images.ndim < 4:
        return False
    last = images.transpose(0, *range(2, images.ndim), 1)
    return bool(last.flags.c_contiguous and not images.flags.c_contiguous)


def in_format_of(xp: Any, model: Array, images: Array) -> Array:
    """Return new C-contiguous ``images``, converted to channels-last memory if ``model`` is channels-last."""
    if not is_channels_last(model):
        return images
    dims = range(images.ndim)
    last: Array = xp.ascontiguousarray(images.transpose(0, *dims[2:], 1)).transpose(0, dims[-1], *dims[1:-1])
    return last

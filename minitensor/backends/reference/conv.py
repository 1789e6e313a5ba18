"""Convolution as it is defined, and its two adjoints, for every dtype, any array library, and any number of dims.

A kernel is a sum over its taps: each tap looks at the padded input through a strided window of the output's size. The
forward pass reads through these windows, the input adjoint adds into them, the weight adjoint multiplies by them. Slow
and plain: this is what a fast kernel must equal. Nothing is known here of tensors or threads.
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
    """Correlate ``input`` (N, C, *size) with ``weight`` (O, C / groups, *kernel); zeros stand around the input.

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
    """Return the adjoint of ``conv`` in its input: <conv(x, w), grad> = <x, conv_backward_input(grad, w)>."""
    grads = split_channels(grad, groups)
    kernel = weight.reshape(groups, weight.shape[0] // groups, *weight.shape[1:])
    dtype = wide(xp, grad.dtype)
    around = [length + 2 * edge for length, edge in zip(input_shape[2:], padding)]
    total = xp.zeros((input_shape[0], groups, input_shape[1] // groups, *around), dtype)
    for tap, window in taps(weight.shape[2:], grad.shape[2:], stride, dilation):
        total[window] += xp.einsum("ngo...,goc->ngc...", grads, kernel[entry(tap)], dtype=dtype)
    inner = total[inside(input_shape[2:], padding)]
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
    """Return the adjoint of ``conv`` in its weight: <conv(x, w), grad> = <w, conv_backward_weight(grad, x)>."""
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
    """Yield each tap of a kernel, (u, v) say, with the index of what it sees of a padded (..., H, W)."""
    for tap in product(*map(range, kernel)):
        sights = [seen(u * gap, step, count) for u, gap, step, count in zip(tap, dilation, stride, size)]
        yield tap, (..., *sights)


def entry(tap: tuple[Any, ...]) -> Any:
    """Return the index of one place, a tap of a kernel say, in the last dims."""
    return (..., *tap)


def seen(start: int, step: int, count: int) -> slice:
    """Return the slice of ``count`` entries from ``start`` on, ``step`` apart."""
    return slice(start, start + step * (count - 1) + 1 if count else start, step)


def pad(xp: Any, input: Array, padding: Numbers, value: Any = 0) -> Array:
    """Put ``value`` around the last dims."""
    lead, size = input.shape[: -len(padding)], input.shape[-len(padding) :]
    around = [length + 2 * edge for length, edge in zip(size, padding)]
    padded: Array = xp.full((*lead, *around), value, input.dtype)
    padded[inside(size, padding)] = input
    return padded


def inside(size: Numbers, padding: Numbers) -> Any:
    """Return the index of what lies within the padding."""
    return (..., *[slice(edge, edge + length) for length, edge in zip(size, padding)])


def split_channels(images: Array, groups: int) -> Array:
    """View (N, C, *size) as (N, groups, C / groups, *size)."""
    return images.reshape(images.shape[0], groups, images.shape[1] // groups, *images.shape[2:])


def flat_planes(images: Array, lead: int) -> Array:
    """View, or copy, what follows the first ``lead`` dims as one dim."""
    return images.reshape(*images.shape[:lead], math.prod(images.shape[lead:]))


def wide(xp: Any, dtype: Any) -> Any:
    """Return the dtype to sum in: half precision is summed in single, as PyTorch does."""
    return xp.dtype(xp.float32) if dtype == xp.float16 else dtype


def is_channels_last(images: Array) -> bool:
    """Whether (N, C, H, W) lies in memory as dense (N, H, W, C), and not as dense (N, C, H, W); so in three dims."""
    if images.ndim < 4:
        return False
    last = images.transpose(0, *range(2, images.ndim), 1)
    return bool(last.flags.c_contiguous and not images.flags.c_contiguous)


def in_format_of(xp: Any, model: Array, images: Array) -> Array:
    """Return fresh ``images`` in channels-last memory if ``model`` lies so, else C-contiguous as they are."""
    if not is_channels_last(model):
        return images
    dims = range(images.ndim)
    last: Array = xp.ascontiguousarray(images.transpose(0, *dims[2:], 1)).transpose(0, dims[-1], *dims[1:-1])
    return last

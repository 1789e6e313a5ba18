"""Convolution as it is defined, and its two adjoints, for every dtype and any array library.

A kernel of KH x KW taps is a sum over its taps: each tap looks at the padded input through a strided window of the
output's size. The forward pass reads through these windows, the input adjoint adds into them, the weight adjoint
multiplies by them. Slow and plain: this is what a fast kernel must equal. Nothing is known here of tensors or threads.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from minitensor.shapes import conv_output_size

if TYPE_CHECKING:
    from minitensor.backends import Array

Pair = tuple[int, int]
Shape = tuple[int, ...]


def conv2d(xp: Any, input: Array, weight: Array, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Array:
    """Correlate ``input`` (N, C, H, W) with ``weight`` (O, C / groups, KH, KW); zeros stand around the input.

    output[n, o, i, j] = sum over c, u, v of weight[o, c, u, v] * padded[n, c, i * sh + u * dh, j * sw + v * dw]
    """
    size = output_size(input.shape, weight.shape, stride, padding, dilation)
    padded = split_channels(pad(xp, input, padding), groups)
    kernel = weight.reshape(groups, weight.shape[0] // groups, *weight.shape[1:])
    total = xp.zeros((input.shape[0], *kernel.shape[:2], *size), wide(xp, input.dtype))
    for u, v, window in taps(weight.shape[2:], size, stride, dilation):
        total += xp.einsum("ngchw,goc->ngohw", padded[window], kernel[..., u, v], dtype=total.dtype)
    output = total.reshape(input.shape[0], weight.shape[0], *size).astype(input.dtype)
    return in_format_of(xp, input, output)


def conv2d_input(
    xp: Any,
    grad: Array,
    weight: Array,
    input_shape: Shape,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> Array:
    """Return the adjoint of ``conv2d`` in its input: <conv2d(x, w), grad> = <x, conv2d_input(grad, w)>."""
    grads = split_channels(grad, groups)
    kernel = weight.reshape(groups, weight.shape[0] // groups, *weight.shape[1:])
    n, channels, height, width = input_shape
    (top, left), dtype = padding, wide(xp, grad.dtype)
    total = xp.zeros((n, groups, channels // groups, height + 2 * top, width + 2 * left), dtype)
    for u, v, window in taps(weight.shape[2:], grad.shape[2:], stride, dilation):
        total[window] += xp.einsum("ngohw,goc->ngchw", grads, kernel[..., u, v], dtype=dtype)
    inner = total[..., top : top + height, left : left + width]
    return in_format_of(xp, grad, xp.ascontiguousarray(inner.reshape(input_shape).astype(grad.dtype)))


def conv2d_weight(
    xp: Any,
    grad: Array,
    input: Array,
    weight_shape: Shape,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> Array:
    """Return the adjoint of ``conv2d`` in its weight: <conv2d(x, w), grad> = <w, conv2d_weight(grad, x)>."""
    grads = split_channels(grad, groups)
    padded = split_channels(pad(xp, input, padding), groups)
    out_channels, in_channels, *kernel = weight_shape
    total = xp.zeros((groups, out_channels // groups, in_channels, *kernel), wide(xp, grad.dtype))
    for u, v, window in taps(kernel, grad.shape[2:], stride, dilation):
        total[..., u, v] = xp.einsum("ngohw,ngchw->goc", grads, padded[window], dtype=total.dtype)
    gradient: Array = total.reshape(weight_shape).astype(grad.dtype)
    return gradient


def output_size(input_shape: Shape, weight_shape: Shape, stride: Pair, padding: Pair, dilation: Pair) -> Pair:
    """Return (OH, OW)."""
    return (
        conv_output_size(input_shape[2], weight_shape[2], stride[0], padding[0], dilation[0]),
        conv_output_size(input_shape[3], weight_shape[3], stride[1], padding[1], dilation[1]),
    )


def taps(kernel: Shape | list[int], size: Shape, stride: Pair, dilation: Pair) -> Iterator[tuple[int, int, Any]]:
    """Yield each tap (u, v) of a kernel with the index of what it sees of a padded (..., H, W)."""
    for u in range(kernel[0]):
        for v in range(kernel[1]):
            rows = seen(u * dilation[0], stride[0], size[0])
            columns = seen(v * dilation[1], stride[1], size[1])
            yield u, v, (..., rows, columns)


def seen(start: int, step: int, count: int) -> slice:
    """Return the slice of ``count`` entries from ``start`` on, ``step`` apart."""
    return slice(start, start + step * (count - 1) + 1 if count else start, step)


def pad(xp: Any, input: Array, padding: Pair, value: Any = 0) -> Array:
    """Put ``value`` around the last two dims."""
    (top, left), (height, width) = padding, input.shape[-2:]
    padded: Array = xp.full((*input.shape[:-2], height + 2 * top, width + 2 * left), value, input.dtype)
    padded[..., top : top + height, left : left + width] = input
    return padded


def split_channels(images: Array, groups: int) -> Array:
    """View (N, C, H, W) as (N, groups, C / groups, H, W)."""
    return images.reshape(images.shape[0], groups, images.shape[1] // groups, *images.shape[2:])


def wide(xp: Any, dtype: Any) -> Any:
    """Return the dtype to sum in: half precision is summed in single, as PyTorch does."""
    return xp.dtype(xp.float32) if dtype == xp.float16 else dtype


def is_channels_last(images: Array) -> bool:
    """Whether (N, C, H, W) lies in memory as dense (N, H, W, C), and not as dense (N, C, H, W)."""
    return bool(images.transpose(0, 2, 3, 1).flags.c_contiguous and not images.flags.c_contiguous)


def in_format_of(xp: Any, model: Array, images: Array) -> Array:
    """Return fresh ``images`` in channels-last memory if ``model`` lies so, else C-contiguous as they are."""
    if not is_channels_last(model):
        return images
    last: Array = xp.ascontiguousarray(images.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    return last

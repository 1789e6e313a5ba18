"""Convolution of signals and volumes by that of images: a signal is an image of one row, a volume several images.

A window over a volume is KD windows over images that are ``dilation`` apart. These images become channels of one image
(*the stack*), and the taps in depth count as channels too; the gradient in the input adds the stack back up. This file
knows no tensors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy

from minitensor.backends.numpy.conv import conv2d, conv2d_backward_input, conv2d_backward_weight, is_supported, overlap
from minitensor.backends.reference import conv as reference

if TYPE_CHECKING:
    from minitensor.backends import Array

Numbers = tuple[int, ...]  # one for each spatial dim
Shape = tuple[int, ...]
Pair = tuple[int, int]


class Planes(NamedTuple):
    """Kernels on images, of which those on signals and volumes are made."""

    conv: Callable[..., Array]
    conv_backward_input: Callable[..., Array]
    conv_backward_weight: Callable[..., Array]


PLANES = Planes(conv2d, conv2d_backward_input, conv2d_backward_weight)


def conv(
    input: Array, weight: Array, stride: Numbers, padding: Numbers, dilation: Numbers, groups: int,
    planes: Planes = PLANES,
) -> Array:
    """Return the cross-correlation of (N, C, *size) with (O, C / groups, *kernel)."""
    if not (input.ndim in (3, 4, 5) and is_supported(input, weight)):
        return reference.conv(numpy, input, weight, stride, padding, dilation, groups)
    if input.ndim == 4:
        return planes.conv(input, weight, *plane_numbers(stride, padding, dilation), groups)
    if input.ndim == 3:
        return planes.conv(as_rows(input), as_rows(weight), *row_numbers(stride, padding, dilation), groups)[:, :, 0]
    size = reference.output_size(input.shape, weight.shape, stride, padding, dilation)
    images = stack(input, weight.shape[2], stride[0], padding[0], dilation[0], size[0])
    output = planes.conv(images, flat_taps(weight), *plane_numbers(stride, padding, dilation), groups)
    return volumes(output, input)


def conv_backward_input(
    grad: Array,
    weight: Array,
    input_shape: Shape,
    stride: Numbers,
    padding: Numbers,
    dilation: Numbers,
    groups: int,
    planes: Planes = PLANES,
) -> Array:
    """Return the gradient of ``conv`` in its input."""
    if not (grad.ndim in (3, 4, 5) and is_supported(grad, weight)):
        return reference.conv_backward_input(numpy, grad, weight, input_shape, stride, padding, dilation, groups)
    if grad.ndim == 4:
        return planes.conv_backward_input(grad, weight, input_shape, *plane_numbers(stride, padding, dilation), groups)
    if grad.ndim == 3:
        shape, numbers = (*input_shape[:2], 1, *input_shape[2:]), (*row_numbers(stride, padding, dilation), groups)
        return planes.conv_backward_input(as_rows(grad), as_rows(weight), shape, *numbers)[:, :, 0]
    n, channels, depth, height, width = input_shape
    taps, count = weight.shape[2], grad.shape[2]
    stacked = (n * count, channels * taps, height, width)
    numbers = (*plane_numbers(stride, padding, dilation), groups)
    total_images = planes.conv_backward_input(pictures(grad), flat_taps(weight), stacked, *numbers)
    images = total_images.reshape(n, count, channels, taps, height, width)
    total = numpy.zeros((n, channels, depth + 2 * padding[0], height, width), grad.dtype)
    for tap in range(taps):
        place = total[:, :, reference.strided_slice(tap * dilation[0], stride[0], count)]
        numpy.add(place, images[:, :, :, tap].swapaxes(1, 2), out=place)
    return reference.in_format_of(
        numpy, grad, numpy.ascontiguousarray(total[:, :, padding[0] : padding[0] + depth])
    )


def conv_backward_weight(
    grad: Array,
    input: Array,
    weight_shape: Shape,
    stride: Numbers,
    padding: Numbers,
    dilation: Numbers,
    groups: int,
    planes: Planes = PLANES,
) -> Array:
    """Return the gradient of ``conv`` in its weight."""
    if not (grad.ndim in (3, 4, 5) and is_supported(grad, input)):
        return reference.conv_backward_weight(numpy, grad, input, weight_shape, stride, padding, dilation, groups)
    if grad.ndim == 4:
        return planes.conv_backward_weight(grad, input, weight_shape, *plane_numbers(stride, padding, dilation), groups)
    if grad.ndim == 3:
        shape, numbers = (*weight_shape[:2], 1, *weight_shape[2:]), (*row_numbers(stride, padding, dilation), groups)
        return planes.conv_backward_weight(as_rows(grad), as_rows(input), shape, *numbers)[:, :, 0]
    out_channels, channels, taps, *kernel = weight_shape
    images = stack(input, taps, stride[0], padding[0], dilation[0], grad.shape[2])
    flat = (out_channels, channels * taps, *kernel)
    numbers = (*plane_numbers(stride, padding, dilation), groups)
    return planes.conv_backward_weight(pictures(grad), images, flat, *numbers).reshape(weight_shape)


# -- signals -----------------------------------------------------------------------------------------------------------


def as_rows(signals: Array) -> Array:
    """View (N, C, L) as (N, C, 1, L)."""
    return signals[:, :, None]


def row_numbers(stride: Numbers, padding: Numbers, dilation: Numbers) -> tuple[Pair, Pair, Pair]:
    """Return the numbers for images of one row."""
    return (1, stride[0]), (0, padding[0]), (1, dilation[0])


# -- volumes -----------------------------------------------------------------------------------------------------------


def plane_numbers(stride: Numbers, padding: Numbers, dilation: Numbers) -> tuple[Pair, Pair, Pair]:
    """Return the numbers of the last two dims."""
    return (stride[-2], stride[-1]), (padding[-2], padding[-1]), (dilation[-2], dilation[-1])


def stack(input: Array, taps: int, stride: int, padding: int, dilation: int, count: int) -> Array:
    """Copy the images that each window covers in depth side by side: (N, C, D, H, W) to (N * OD, C * KD, H, W)."""
    n, channels, depth, height, width = input.shape
    images = numpy.zeros if padding else numpy.empty
    stacked = images((n, count, channels, taps, height, width), input.dtype)
    for tap in range(taps):
        inside, depths = overlap(tap * dilation - padding, stride, count, depth)
        numpy.copyto(stacked[:, inside, :, tap], input[:, :, depths].swapaxes(1, 2))
    return stacked.reshape(n * count, channels * taps, height, width)


def flat_taps(weight: Array) -> Array:
    """Count the taps in depth as channels: (O, C, KD, KH, KW) to (O, C * KD, KH, KW)."""
    return weight.reshape(weight.shape[0], weight.shape[1] * weight.shape[2], *weight.shape[3:])


def pictures(volumes: Array) -> Array:
    """Copy (N, C, D, H, W) to (N * D, C, H, W)."""
    n, channels, depth, height, width = volumes.shape
    return numpy.ascontiguousarray(volumes.swapaxes(1, 2)).reshape(n * depth, channels, height, width)


def volumes(images: Array, model: Array) -> Array:
    """Undo ``pictures``, in the model's memory format."""
    split = images.reshape(model.shape[0], -1, *images.shape[1:])
    return reference.in_format_of(numpy, model, numpy.ascontiguousarray(split.swapaxes(1, 2)))

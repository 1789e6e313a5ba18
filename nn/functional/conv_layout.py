"""The strides of convolutions: row-major, or channels-last if PyTorch's kernel takes and returns such images.

This is PyTorch's ``determine_backend_memory_format``. Input and weight decide: one of them in channels-last order is
enough. PyTorch then copies both to that order and asks the copies again, so that images of one channel and one pixel,
which fit both orders, become row-major. Only oneDNN convolves channels-last volumes. The other kernels convolve groups
one by one and join the results. Signals are copied to row-major images of one line; their weights keep their order.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from minitensor import layouts
from minitensor.autograd.strides import elementwise
from minitensor.dtypes import bfloat16, complex64, float32
from minitensor.layouts import Layout

if TYPE_CHECKING:
    from minitensor.dtypes import dtype as Dtype
    from minitensor.shapes import Shape

MANY_ENTRIES = 20480  # oneDNN convolves one image with a small kernel only if it has more entries, without its last dim


class Kernel(NamedTuple):
    """What PyTorch chooses a kernel by, besides shapes."""

    dtype: Dtype
    groups: int
    fits_stride: bool  # whether the output padding of a transposed convolution is smaller than its stride


def layout_of_convolution(arguments: Sequence[Any], shape: Shape) -> Layout:
    """Return the layout of the result of ``conv``."""
    input, weight, *_, groups = arguments
    return layout_of_images(input.layout, weight.layout, shape, Kernel(input.dtype, groups, True))


def layout_of_transpose(arguments: Sequence[Any], shape: Shape) -> Layout:
    """Return the layout of the result of ``conv_backward_input``."""
    images, weight, _, _, stride, padding, dilation, groups = arguments
    sides = zip(shape[2:], images.layout.shape[2:], weight.layout.shape[2:], stride, padding, dilation)
    output_padding = [n - (m - 1) * s + 2 * p - d * (k - 1) - 1 for n, m, k, s, p, d in sides]
    kernel = Kernel(images.dtype, groups, all([each < step for each, step in zip(output_padding, stride)]))
    return layout_of_images(images.layout, weight.layout, shape, kernel)


def layout_of_weight_grad(arguments: Sequence[Any], shape: Shape) -> Layout:
    """Return the layout of the result of ``conv_backward_weight``; of signals, only the order of the output counts."""
    output, input, *_, groups = arguments
    if len(shape) == 3:
        lines = layouts.unsqueeze(output.layout, 2)
        is_channels_last = layouts.suggests_channels_last(lines)
        line = layouts.channels_last((*shape[:2], 1, shape[2]))
        return layouts.squeeze_dims(line, 2) if is_channels_last else layouts.contiguous(shape)
    is_channels_last = suggest_channels_last(input.layout, output.layout)
    if len(shape) == 5:
        is_channels_last &= uses_onednn(input.layout.shape, shape, Kernel(input.dtype, groups, True))
    return layouts.channels_last(shape) if is_channels_last else layouts.contiguous(shape)


@layouts.memoize_layout
def layout_of_images(input: Layout, weight: Layout, shape: Shape, kernel: Kernel) -> Layout:
    """Return the layout of convolved images; complex ones are combined from three convolutions of their parts."""
    if not kernel.dtype.is_complex:
        return layout_of_reals(input, weight, shape, kernel)
    input, weight = part_of_complex(input), part_of_complex(weight)
    part = layout_of_reals(input, weight, shape, kernel)
    of_sums = layout_of_reals(elementwise((input, input)), elementwise((weight, weight)), shape, kernel)
    return elementwise((elementwise((part, part)), elementwise((elementwise((of_sums, part)), part))))


def part_of_complex(layout: Layout) -> Layout:
    """Return the layout of the real parts of complex numbers."""
    return Layout(layout.shape, tuple([2 * step for step in layout.strides]), 0)


def layout_of_reals(input: Layout, weight: Layout, shape: Shape, kernel: Kernel) -> Layout:
    """Return the layout of convolved signals, images or volumes."""
    if len(shape) == 3:
        input = input if layouts.is_contiguous(input) else layouts.contiguous(input.shape)
        line = (*shape[:2], 1, shape[2])
        images = layout_of_reals(layouts.unsqueeze(input, 2), layouts.unsqueeze(weight, 2), line, kernel)
        return layouts.squeeze_dims(images, 2)
    if 0 in input.shape[:2]:
        return layouts.contiguous(shape)
    is_by_onednn = uses_onednn(input.shape, weight.shape, kernel)
    if not suggest_channels_last(input, weight) or (len(shape) == 5 and not is_by_onednn):
        return layouts.contiguous(shape)
    input, weight = in_channels_last(input), in_channels_last(weight)
    if is_by_onednn or kernel.groups == 1:
        return layouts.channels_last(shape) if suggest_channels_last(input, weight) else layouts.contiguous(shape)
    return layout_of_groups(input, weight, shape, kernel.groups)


def layout_of_groups(input: Layout, weight: Layout, shape: Shape, groups: int) -> Layout:
    """Return the layout of groups that are convolved one by one and joined."""
    input = in_channels_last(layouts.narrow(input, 1, 0, input.shape[1] // groups))
    weight = in_channels_last(layouts.narrow(weight, 0, 0, weight.shape[0] // groups))
    part = layouts.channels_last((shape[0], shape[1] // groups, *shape[2:]))
    is_channels_last = suggest_channels_last(input, weight) and layouts.suggests_channels_last(part)
    return layouts.channels_last(shape) if is_channels_last else layouts.contiguous(shape)


def suggest_channels_last(input: Layout, weight: Layout) -> bool:
    """Whether one of them is in channels-last order."""
    return layouts.suggests_channels_last(input) or layouts.suggests_channels_last(weight)


def in_channels_last(layout: Layout) -> Layout:
    """Return the layout of a channels-last copy, which is made only if it is needed."""
    return layout if layouts.is_channels_last(layout) else layouts.channels_last(layout.shape)


def uses_onednn(input: Shape, weight: Shape, kernel: Kernel) -> bool:
    """Whether PyTorch convolves by oneDNN, on a processor with AVX-512 and more than one thread."""
    if kernel.dtype is bfloat16:
        return kernel.fits_stride
    if kernel.dtype not in (float32, complex64) or not kernel.fits_stride:
        return False
    return kernel.groups > 1 or min(weight[-2:]) > 3 or input[0] > 1 or prod(input[:4]) > MANY_ENTRIES

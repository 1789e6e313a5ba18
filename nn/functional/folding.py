"""Windows as columns and back, and channels as pixels and back: rearrangements of the same numbers.

``unfold`` copies every window into a column (im2col), ``fold`` adds windows back to where they came from; they are
adjoint to each other. A convolution is a matrix product with the result of ``unfold``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from minitensor.autograd.declare import differentiable
from minitensor.autograd.misuse import composite
from minitensor.backends.reference import conv as reference
from minitensor.errors import ShapeError
from minitensor.memory_format import contiguous_format
from minitensor.ops.copy import clone
from minitensor.ops.kinds import FOLDABLE, require_kind
from minitensor.ops.operand import require_tensors
from minitensor.ops.resize import format_of
from minitensor.shapes import conv_output_size, list_numbers

if TYPE_CHECKING:
    from minitensor.autograd.argument_types import Count
    from minitensor.backends import Array, Library
    from minitensor.tensor import Tensor

Pair = tuple[int, int]
Sides = int | Sequence[int]  # whatever Python lists: arrays and tensors too


class Windows(NamedTuple):
    """The numbers of the windows over one image."""

    image: Pair
    kernel: Pair
    dilation: Pair
    padding: Pair
    stride: Pair

    @property
    def places(self) -> Pair:
        """Count the windows in each dim."""
        rows, columns = [
            conv_output_size(size, kernel, stride, padding, dilation)
            for size, kernel, stride, padding, dilation in zip(
                self.image, self.kernel, self.stride, self.padding, self.dilation
            )
        ]
        return rows, columns


def add_windows(xp: Library, columns: Array, windows: Windows) -> Array:
    """Add windows (N, C * KH * KW, L) to where they came from: (N, C, H, W)."""
    size, (top, left) = windows.places, windows.padding
    n, channels = columns.shape[0], columns.shape[1] // (windows.kernel[0] * windows.kernel[1])
    columns = columns.reshape(n, channels, *windows.kernel, *size)
    height, width = windows.image
    total: Array = xp.zeros((n, channels, height + 2 * top, width + 2 * left), columns.dtype)
    for (u, v), window in reference.taps(windows.kernel, size, windows.stride, windows.dilation):
        total[window] += columns[:, :, u, v]
    return xp.ascontiguousarray(total[:, :, top : top + height, left : left + width])


def copy_windows(xp: Library, images: Array, windows: Windows) -> Array:
    """Return (N, C * KH * KW, L): the entries of each of the L windows."""
    (n, channels), size = images.shape[:2], windows.places
    padded = reference.pad(xp, images, windows.padding)
    columns: Array = xp.empty((n, channels, *windows.kernel, *size), images.dtype)
    for (u, v), window in reference.taps(windows.kernel, size, windows.stride, windows.dilation):
        columns[:, :, u, v] = padded[window]
    return columns.reshape(n, channels * windows.kernel[0] * windows.kernel[1], size[0] * size[1])


def unfold_grad(
    grad: Tensor, kernel_size: Pair, dilation: Pair, padding: Pair, stride: Pair, in_shape: tuple[int, ...]
) -> Tensor:
    """Add the gradients of the columns back to where the columns came from."""
    return fold(grad, in_shape[-2:], kernel_size, dilation, padding, stride)


def fold_grad(grad: Tensor, kernel_size: Pair, dilation: Pair, padding: Pair, stride: Pair) -> Tensor:
    """Copy the windows of the gradient."""
    return unfold(grad, kernel_size, dilation, padding, stride)


def read_windows(name: str, size: Sides, kernel: Sides, dilation: Sides, padding: Sides, stride: Sides) -> Windows:
    """Return the windows over an image, of which each number may be given for height and width at once."""
    given = {"output_size": size, "kernel_size": kernel, "dilation": dilation, "padding": padding, "stride": stride}
    return Windows(*[pair(name, argument, each) for argument, each in given.items()])


def pair(name: str, argument: str, value: Sides) -> Pair:
    """Return a number for the height and one for the width."""
    rows, columns = list_numbers(name, argument, value, 2)
    return rows, columns


def check_images(
    input: Tensor, kernel_size: Sides, dilation: Sides, padding: Sides, stride: Sides
) -> tuple[Tensor, Pair, Pair, Pair, Pair]:
    """Return the numbers of the windows as pairs; raise unless the windows fit into the images."""
    if input.ndim not in (3, 4):
        raise ShapeError(f"unfold: expected 3D or 4D input, (C, H, W) or (N, C, H, W), got shape {tuple(input.shape)}")
    check_no_empty("unfold", input, 3)
    windows = read_windows("unfold", input.shape[-2:], kernel_size, dilation, padding, stride)
    check_places("unfold", windows)
    require_kind("unfold", FOLDABLE, input)
    return input, windows.kernel, windows.dilation, windows.padding, windows.stride


def check_columns(
    input: Tensor, output_size: Sides, kernel_size: Sides, dilation: Sides, padding: Sides, stride: Sides
) -> tuple[Tensor, Pair, Pair, Pair, Pair, Pair]:
    """Return the numbers of the windows as pairs; raise unless the columns are those of the windows."""
    windows = read_windows("fold", output_size, kernel_size, dilation, padding, stride)
    if min(windows.image) < 1:
        raise ShapeError(f"fold: expected an output size of at least one, got {windows.image}")
    check_places("fold", windows)
    require_kind("fold", FOLDABLE, input)
    taps, places = windows.kernel[0] * windows.kernel[1], windows.places[0] * windows.places[1]
    if input.ndim not in (2, 3) or input.shape[-2] % taps or input.shape[-1] != places:
        raise ShapeError(
            f"fold: given output_size={windows.image}, kernel_size={windows.kernel}, dilation={windows.dilation}, "
            f"padding={windows.padding}, stride={windows.stride}, expected input (N, C * {taps}, {places}), got shape "
            f"{tuple(input.shape)}"
        )
    check_no_empty("fold", input, 2)
    return input, *windows


@differentiable(prepare=check_images, input=unfold_grad)
def unfold(
    input: Tensor, kernel_size: Sides, dilation: Sides = 1, padding: Sides = 0, stride: Sides = 1
) -> Array:
    """Copy every window of images into a column. Known as im2col.

    Args:
        input: (N, C, H, W) or (C, H, W). The result is (N, C * KH * KW, L) for L windows, without N if the input is.
        kernel_size: The size of a window: a number, or a pair.
        dilation: How far the entries of a window lie apart.
        padding: How many zeros to add on both sides of height and width.
        stride: How far windows lie apart.

    Raises:
        RuntimeError: If the input has other dims or no entries, or a window does not fit.

    >>> import minitensor as torch
    >>> unfold(torch.arange(6.).view(1, 1, 2, 3), 2)
    tensor([[[0., 1.],
             [1., 2.],
             [3., 4.],
             [4., 5.]]])
    """
    windows = read_windows("unfold", input.shape[-2:], kernel_size, dilation, padding, stride)
    if input.ndim == 4:
        return copy_windows(input.xp, input.array, windows)
    columns = copy_windows(input.xp, input.array[None], windows)
    return columns.reshape(columns.shape[1:])  # type: ignore[no-any-return]  # `array` is untyped


@differentiable(prepare=check_columns, input=fold_grad)
def fold(
    input: Tensor, output_size: Sides, kernel_size: Sides, dilation: Sides = 1, padding: Sides = 0, stride: Sides = 1
) -> Array:
    """Add windows, as columns, back to where ``unfold`` would take them from. Known as col2im.

    Overlapping windows add up: ``fold(unfold(x))`` is x times the number of windows over each entry.

    Args:
        input: (N, C * KH * KW, L) or (C * KH * KW, L). The result is (N, C, H, W), without N if the input is.
        output_size: (H, W), or one number for both.
        kernel_size: The size of a window: a number, or a pair.
        dilation: How far the entries of a window lie apart.
        padding: How many zeros to add on both sides of height and width.
        stride: How far windows lie apart.

    Raises:
        RuntimeError: If the input does not fit the windows.

    >>> F.fold(ones(1, 2, 2), (1, 3), (1, 2))
    tensor([[[[1., 2., 1.]]]])
    """
    windows = read_windows("fold", output_size, kernel_size, dilation, padding, stride)
    if input.ndim == 3:
        return add_windows(input.xp, input.array, windows)
    images = add_windows(input.xp, input.array[None], windows)
    return images.reshape(images.shape[1:])  # type: ignore[no-any-return]  # `array` is untyped


def check_no_empty(name: str, input: Tensor, ndim: int) -> None:
    """Raise for images or windows, of ``ndim`` dims, without entries; a batch may be empty."""
    if 0 in input.shape[-ndim:]:
        raise ShapeError(f"{name}: only the batch may be empty, but the input has shape {tuple(input.shape)}")


def check_places(name: str, windows: Windows) -> None:
    """Raise unless the windows fit into the image."""
    try:
        _ = windows.places
    except ShapeError as error:
        raise ShapeError(f"{name}: image of size {windows.image}: {error}") from None


# -- channels and pixels -----------------------------------------------------------------------------------------------


@composite
def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Rearrange groups of r² channels as r x r pixels.

    Shi et al. 2016.

    Args:
        input: (..., C r², H, W). The result is (..., C, H r, W r).
        upscale_factor: r.

    Raises:
        RuntimeError: If the channels are not divisible by r².

    >>> F.pixel_shuffle(arange(4.).view(4, 1, 1), 2)
    tensor([[[0., 1.],
             [2., 3.]]])
    """
    *lead, channels, height, width = image_shape("pixel_shuffle", input)
    r = upscale_factor
    if r < 1 or channels % (r * r):
        raise ShapeError(
            f"pixel_shuffle: expected channels divisible by upscale_factor² = {r * r}, got shape {tuple(input.shape)}"
        )
    n = len(lead)
    split = input.reshape(*lead, channels // (r * r), r, r, height, width)
    mixed = split.permute([*range(n + 1), n + 3, n + 1, n + 4, n + 2])
    whole = clone(mixed, memory_format=contiguous_format).reshape(*lead, channels // (r * r), height * r, width * r)
    return like_input(whole, input)


@composite
def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """Undo ``pixel_shuffle``: rearrange r x r pixels as r² channels.

    Args:
        input: (..., C, H r, W r). The result is (..., C r², H, W).
        downscale_factor: r.

    Raises:
        RuntimeError: If height or width is not divisible by r.

    >>> F.pixel_unshuffle(arange(4.).view(1, 2, 2), 2).flatten()
    tensor([0., 1., 2., 3.])
    """
    *lead, channels, height, width = image_shape("pixel_unshuffle", input)
    r = downscale_factor
    if r < 1 or height % r or width % r:
        raise ShapeError(
            f"pixel_unshuffle: expected height and width divisible by downscale_factor = {r}, got shape "
            f"{tuple(input.shape)}"
        )
    n = len(lead)
    split = input.reshape(*lead, channels, height // r, r, width // r, r)
    mixed = split.permute([*range(n + 1), n + 2, n + 4, n + 1, n + 3])
    whole = clone(mixed, memory_format=contiguous_format).reshape(*lead, channels * r * r, height // r, width // r)
    return like_input(whole, input)


@composite
def channel_shuffle(input: Tensor, groups: Count) -> Tensor:
    """Interleave groups of channels: one channel of each group in turn.

    Zhang et al. 2018.

    Args:
        input: (N, C, ...); the result has the same shape.
        groups: The number of groups; must divide C.

    Raises:
        RuntimeError: If the input has fewer than three dims, or ``groups`` does not divide C.

    >>> import minitensor as torch
    >>> channel_shuffle(torch.arange(4.).view(1, 4, 1), 2).flatten()
    tensor([0., 2., 1., 3.])
    """
    require_tensors("channel_shuffle", input=input)
    if input.ndim < 3:
        raise ShapeError(f"channel_shuffle: expected input with more than 2 dims, got shape {tuple(input.shape)}")
    n, channels, *size = input.shape
    if groups < 1 or channels % groups:
        raise ShapeError(
            f"channel_shuffle: number of channels must be divisible by groups, a positive number: got {channels} "
            f"channels and {groups} groups"
        )
    interleaved = input.reshape(n, groups, channels // groups, *size).transpose(1, 2)
    whole = clone(interleaved, memory_format=contiguous_format).reshape(n, channels, *size)
    return like_input(whole, input)


def like_input(images: Tensor, input: Tensor) -> Tensor:
    """Return row-major images in the memory format of the input."""
    format = format_of(input)
    return images if format is contiguous_format else clone(images, memory_format=format)


def image_shape(name: str, input: Any) -> tuple[int, ...]:
    """Return the shape of images (..., C, H, W); raise for fewer than three dims."""
    require_tensors(name, input=input)
    if input.ndim < 3:
        raise ShapeError(f"{name}: expected images (..., C, H, W), got shape {tuple(input.shape)}")
    return tuple(input.shape)

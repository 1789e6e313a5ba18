"""Layers that rearrange entries: windows as columns and back, channels as pixels and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.nn import functional as F
from minitensor.nn.module import Module

if TYPE_CHECKING:
    from minitensor.tensor import Tensor

IntOrPair = int | tuple[int, int]


class Windows(Module):
    """The base class of layers between images and columns of windows."""

    def __init__(
        self, kernel_size: IntOrPair, dilation: IntOrPair = 1, padding: IntOrPair = 0, stride: IntOrPair = 1
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def extra_repr(self) -> str:
        """Return the sizes."""
        return (
            f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, stride={self.stride}"
        )


class Unfold(Windows):
    """Write each window of an image into a column (im2col).

    A convolution is a matrix product with these columns.

    Args:
        kernel_size: Size of the windows, an int or (height, width).
        dilation: Distance between the entries of a window, an int or (height, width). Default: ``1``, without gaps.
        padding: Number of zeros around the image, an int or (height, width). Default: ``0``.
        stride: Step of the windows, an int or (height, width). Default: ``1``.

    Shape:
        - Input: (N, C, H, W) or (C, H, W)
        - Output: (N, C x prod(kernel_size), L) or (C x prod(kernel_size), L), where L is the number of windows: the
          product over both dims of
          floor((size + 2 padding - dilation (kernel_size - 1) - 1) / stride + 1)

    Raises:
        ShapeError: If an option is not an int or 2 of them, or if the input does not have 3 or 4 dims, is smaller than
            a window, or has an empty dim other than the batch.
        NotImplementedError: If the input is of an integer dtype.

    >>> import minitensor as torch
    >>> torch.nn.Unfold(2)(torch.arange(6.0).view(1, 1, 2, 3))
    tensor([[[0., 1.],
             [1., 2.],
             [3., 4.],
             [4., 5.]]])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the columns."""
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)


class Fold(Windows):
    """Add columns to the windows of an image (col2im), the reverse of ``Unfold``.

    Where windows overlap, their entries are summed: ``Fold`` after ``Unfold`` multiplies each entry by the number of
    windows that hold it.

    Args:
        output_size: Size of the image, an int or (height, width).
        kernel_size: Size of the windows, an int or (height, width).
        dilation: Distance between the entries of a window, an int or (height, width). Default: ``1``, without gaps.
        padding: Number of zeros around the image, an int or (height, width). Default: ``0``.
        stride: Step of the windows, an int or (height, width). Default: ``1``.

    Shape:
        - Input: (N, C x prod(kernel_size), L) or (C x prod(kernel_size), L), where L is the number of windows that
          ``Unfold`` finds in an image of ``output_size``
        - Output: (N, C, H, W) or (C, H, W), where (H, W) is ``output_size``

    Raises:
        ShapeError: If an option is not an int or 2 of them, if ``output_size`` is smaller than a window, or if the
            input does not have 2 or 3 dims, or not the number of columns or of entries per column that the windows
            need.
        NotImplementedError: If the input is of an integer dtype.

    >>> import minitensor as torch
    >>> torch.nn.Fold((2, 3), 2)(torch.ones(1, 4, 2))
    tensor([[[[1., 2., 1.],
              [1., 2., 1.]]]])
    """

    def __init__(
        self,
        output_size: IntOrPair,
        kernel_size: IntOrPair,
        dilation: IntOrPair = 1,
        padding: IntOrPair = 0,
        stride: IntOrPair = 1,
    ) -> None:
        super().__init__(kernel_size, dilation, padding, stride)
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        """Return the images of summed columns."""
        return F.fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        """Return the sizes."""
        return f"output_size={self.output_size}, {super().extra_repr()}"


class PixelShuffle(Module):
    """Turn groups of channels into pixels of a larger image.

    Output pixel (h r + i, w r + j) of channel c is input pixel (h, w) of channel c r^2 + i r + j, with r =
    ``upscale_factor``. After a convolution it is an upsampling that learns its filters: Shi et al., Real-Time Single
    Image and Video Super-Resolution, 2016.

    Args:
        upscale_factor: The r by which height and width grow.

    Shape:
        - Input: (*, C r^2, H, W)
        - Output: (*, C, H r, W r)

    Raises:
        ShapeError: If the input has fewer than 3 dims, if its channels are not a multiple of r^2, or if r is less than
            1.

    >>> import minitensor as torch
    >>> torch.nn.PixelShuffle(2)(torch.arange(4.0).view(4, 1, 1))
    tensor([[[0., 1.],
             [2., 3.]]])
    """

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        """Return the larger images."""
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        """Return the factor."""
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Turn blocks of pixels into channels of a smaller image: the reverse of ``PixelShuffle``.

    Args:
        downscale_factor: The r by which height and width shrink.

    Shape:
        - Input: (*, C, H r, W r)
        - Output: (*, C r^2, H, W)

    Raises:
        ShapeError: If the input has fewer than 3 dims, if its height or width is not a multiple of r, or if r is less
            than 1.

    >>> import minitensor as torch
    >>> torch.nn.PixelUnshuffle(2)(torch.arange(4.0).view(1, 2, 2)).flatten()
    tensor([0., 1., 2., 3.])
    """

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        """Return the smaller images."""
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        """Return the factor."""
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """Reorder the channels: take one from each group in turn.

    Between two convolutions with ``groups`` it lets each group of the second see all groups of the first: Zhang et al.,
    ShuffleNet, 2018.

    Args:
        groups: Number of groups into which the channels are split.

    Shape:
        - Input: (N, C, *), with at least 3 dims
        - Output: the same shape

    Raises:
        ShapeError: If the input has fewer than 3 dims, or if ``groups`` is less than 1 or does not divide the channels.

    >>> import minitensor as torch
    >>> torch.nn.ChannelShuffle(2)(torch.arange(4.0).view(1, 4, 1)).flatten()
    tensor([0., 2., 1., 3.])
    """

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        """Return the input with its channels reordered."""
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        """Return the number of groups."""
        return f"groups={self.groups}"

"""Pooling layers: each reduces windows of its input to their maximum, mean or norm.

The layers hold the options and have no parameters; the arithmetic is in ``functional``. An option is one number for all
spatial dims, or one for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minitensor.nn import functional as F
from minitensor.nn.module import Module
from minitensor.shapes import ntuple

if TYPE_CHECKING:
    from minitensor.tensor import Tensor

Sizes = int | Sequence[int]
OptionalSizes = int | None | Sequence[int | None]


# -- means and norms ---------------------------------------------------------------------------------------------------


class AvgPoolNd(Module):
    """The common base of the average pooling layers."""

    kernel_size: Sizes
    stride: Sizes
    padding: Sizes

    def extra_repr(self) -> str:
        """Return the sizes."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(AvgPoolNd):
    """Take the mean of each window of a sequence.

    Args:
        kernel_size: Size of the window, an int.
        stride: Step of the window, an int. Default: ``kernel_size``.
        padding: Number of zeros added on both sides of each spatial dim, an int, at most half of ``kernel_size``.
            Default: ``0``.
        ceil_mode: Whether to add a window for the entries that are left at the end, rounding the size of the output up.
            Default: ``False``.
        count_include_pad: Whether the zeros of the padding count as entries when the sum is divided. Default: ``True``.

    Shape:
        - Input: (N, C, L) or (C, L)
        - Output: (N, C, L_out) or (C, L_out), where L_out = floor((L + 2 padding - kernel_size) / stride + 1);
          with ``ceil_mode`` the size is rounded up instead, but no window starts in the padding at the end

    Raises:
        ShapeError: If an option is not an int, if ``padding`` is more than half of ``kernel_size``, or if the input
            does not have 2 or 3 dims or is smaller than a window.
        NotImplementedError: If the input is boolean or complex.

    >>> import minitensor as torch
    >>> torch.nn.AvgPool1d(2)(torch.tensor([[1.0, 3.0, 2.0, 4.0]]))
    tensor([[2., 3.]])
    """

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = ntuple(kernel_size, 1)
        self.stride = self.kernel_size if stride is None else ntuple(stride, 1)
        self.padding = ntuple(padding, 1)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        """Return the means."""
        return F.avg_pool1d(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad
        )


class AvgPoolImages(AvgPoolNd):
    """The common base of the average pooling layers for images and volumes."""

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def options(self) -> tuple[Any, ...]:
        """Return the arguments of the function that follow the input."""
        sizes = self.kernel_size, self.stride, self.padding
        return *sizes, self.ceil_mode, self.count_include_pad, self.divisor_override


class AvgPool2d(AvgPoolImages):
    """Take the mean of each window of an image.

    Args:
        kernel_size: Size of the window, an int or (height, width).
        stride: Step of the window, an int or (height, width). Default: ``kernel_size``.
        padding: Number of zeros added on both sides of each spatial dim, an int or (height, width), at most half of
            ``kernel_size``. Default: ``0``.
        ceil_mode: Whether to add a window for the entries that are left at the end, rounding the size of the output up.
            Default: ``False``.
        count_include_pad: Whether the zeros of the padding count as entries when the sum is divided. Default: ``True``.
        divisor_override: What to divide the sums by, in place of the number of entries. Default: ``None``.

    Shape:
        - Input: (N, C, H, W) or (C, H, W)
        - Output: (N, C, H_out, W_out) or (C, H_out, W_out), where
          H_out = floor((H + 2 padding - kernel_size) / stride + 1), and in the same way for W_out;
          with ``ceil_mode`` the size is rounded up instead, but no window starts in the padding at the end

    Raises:
        ShapeError: If an option is not an int or 2 of them, if ``padding`` is more than half of ``kernel_size``, or if
            the input does not have 3 or 4 dims or is smaller than a window.
        ValueError: If ``divisor_override`` is 0.
        NotImplementedError: If the input is boolean or complex.

    >>> import minitensor as torch
    >>> torch.nn.AvgPool2d(2)(torch.arange(16.0).view(1, 4, 4))
    tensor([[[ 2.5000,  4.5000],
             [10.5000, 12.5000]]])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the means."""
        return F.avg_pool2d(input, *self.options())


class AvgPool3d(AvgPoolImages):
    """Take the mean of each window of a volume.

    Args:
        kernel_size: Size of the window, an int or (depth, height, width).
        stride: Step of the window, an int or (depth, height, width). Default: ``kernel_size``.
        padding: Number of zeros added on both sides of each spatial dim, an int or (depth, height, width), at most half
            of ``kernel_size``. Default: ``0``.
        ceil_mode: Whether to add a window for the entries that are left at the end, rounding the size of the output up.
            Default: ``False``.
        count_include_pad: Whether the zeros of the padding count as entries when the sum is divided. Default: ``True``.
        divisor_override: What to divide the sums by, in place of the number of entries. Default: ``None``.

    Shape:
        - Input: (N, C, D, H, W) or (C, D, H, W)
        - Output: (N, C, D_out, H_out, W_out) or (C, D_out, H_out, W_out), where
          D_out = floor((D + 2 padding - kernel_size) / stride + 1), and in the same way for the other dims;
          with ``ceil_mode`` the size is rounded up instead, but no window starts in the padding at the end

    Raises:
        ShapeError: If an option is not an int or 3 of them, if ``padding`` is more than half of ``kernel_size``, or if
            the input does not have 4 or 5 dims or is smaller than a window.
        ValueError: If ``divisor_override`` is 0.
        NotImplementedError: If the input is boolean or complex.

    >>> import minitensor as torch
    >>> torch.nn.AvgPool3d((3, 2, 2), stride=(2, 1, 2))(torch.zeros(20, 16, 9, 11, 7)).shape
    torch.Size([20, 16, 4, 10, 3])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the means."""
        return F.avg_pool3d(input, *self.options())


class LPPool(Module):
    """The common base of the pooling layers that take a norm."""

    def __init__(
        self, norm_type: float, kernel_size: Sizes, stride: Sizes | None = None, ceil_mode: bool = False
    ) -> None:
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def options(self) -> tuple[Any, ...]:
        """Return the arguments of the function that follow the input."""
        return float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode

    def extra_repr(self) -> str:
        """Return the options."""
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(LPPool):
    """Take the p-norm of each window of a sequence: ``(sum of x^p)^(1/p)``.

    The powers are those of the entries, not of their absolute values: for an odd p the entries should not be negative.

    Args:
        norm_type: The p of the norm, a number other than 0; 1 gives the sum, 2 the Euclidean norm.
        kernel_size: Size of the window, an int.
        stride: Step of the window, an int. Default: ``kernel_size``.
        ceil_mode: Whether to add a window for the entries that are left at the end, rounding the size of the output up.
            Default: ``False``.

    Shape:
        - Input: (N, C, L) or (C, L)
        - Output: (N, C, L_out) or (C, L_out), where L_out = floor((L - kernel_size) / stride + 1);
          rounded up instead with ``ceil_mode``

    Raises:
        ShapeError: If an option is not an int, or if the input does not have 2 or 3 dims or is smaller than a window.
        NotImplementedError: If the input is complex.

    >>> import minitensor as torch
    >>> torch.nn.LPPool1d(2, 2)(torch.tensor([[3.0, 4.0, 5.0, 12.0]]))
    tensor([[ 5., 13.]])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the norms."""
        return F.lp_pool1d(input, *self.options())


class LPPool2d(LPPool):
    """Take the p-norm of each window of an image: ``(sum of x^p)^(1/p)``.

    The powers are those of the entries, not of their absolute values: for an odd p the entries should not be negative.

    Args:
        norm_type: The p of the norm, a number other than 0; 1 gives the sum, 2 the Euclidean norm.
        kernel_size: Size of the window, an int or (height, width).
        stride: Step of the window, an int or (height, width). Default: ``kernel_size``.
        ceil_mode: Whether to add a window for the entries that are left at the end, rounding the size of the output up.
            Default: ``False``.

    Shape:
        - Input: (N, C, H, W) or (C, H, W)
        - Output: (N, C, H_out, W_out) or (C, H_out, W_out), where
          H_out = floor((H - kernel_size) / stride + 1), and in the same way for W_out;
          rounded up instead with ``ceil_mode``

    Raises:
        ShapeError: If an option is not an int or 2 of them, or if the input does not have 3 or 4 dims or is smaller
            than a window.
        NotImplementedError: If the input is complex.

    >>> import minitensor as torch
    >>> torch.nn.LPPool2d(2, 2)(torch.tensor([[[3.0, 0.0], [4.0, 0.0]]]))
    tensor([[[5.]]])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the norms."""
        return F.lp_pool2d(input, *self.options())


class LPPool3d(LPPool):
    """Take the p-norm of each window of a volume: ``(sum of x^p)^(1/p)``.

    The powers are those of the entries, not of their absolute values: for an odd p the entries should not be negative.

    Args:
        norm_type: The p of the norm, a number other than 0; 1 gives the sum, 2 the Euclidean norm.
        kernel_size: Size of the window, an int or (depth, height, width).
        stride: Step of the window, an int or (depth, height, width). Default: ``kernel_size``.
        ceil_mode: Whether to add a window for the entries that are left at the end, rounding the size of the output up.
            Default: ``False``.

    Shape:
        - Input: (N, C, D, H, W) or (C, D, H, W)
        - Output: (N, C, D_out, H_out, W_out) or (C, D_out, H_out, W_out), where
          D_out = floor((D - kernel_size) / stride + 1), and in the same way for the other dims;
          rounded up instead with ``ceil_mode``

    Raises:
        ShapeError: If an option is not an int or 3 of them, or if the input does not have 4 or 5 dims or is smaller
            than a window.
        NotImplementedError: If the input is complex.

    >>> import minitensor as torch
    >>> torch.nn.LPPool3d(2, (3, 2, 2), stride=2)(torch.zeros(20, 16, 9, 11, 7)).shape
    torch.Size([20, 16, 4, 5, 3])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the norms."""
        return F.lp_pool3d(input, *self.options())

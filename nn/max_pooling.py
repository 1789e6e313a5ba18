"""Layers that take the largest element of each window, at fixed or random places, and their inverse.

Averages are in ``pooling.py``, pools to a given size in ``adaptive_pooling.py``. The work is in ``functional.pooling``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from minitensor.errors import ArgumentError
from minitensor.nn import functional as F
from minitensor.nn.functional.pooling import Sizes
from minitensor.nn.module import Module
from minitensor.shapes import ntuple
from minitensor.tensor import Tensor


class MaxPool(Module):
    """The common base of the max pooling layers."""

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def options(self) -> tuple[Any, ...]:
        """Return the arguments of the function that follow the input."""
        return self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices

    def extra_repr(self) -> str:
        """Return the sizes."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(MaxPool):
    """Keep the largest entry of each window of a sequence.

    The padding counts as minus infinity. Of equal entries the first one is taken, and gets the gradient.

    Args:
        kernel_size: Size of the window, an int.
        stride: Step of the window, an int. Default: ``kernel_size``.
        padding: Number of entries added on both sides of each spatial dim, an int, at most half of ``kernel_size``.
            Default: ``0``.
        dilation: Distance between the entries of a window, an int. Default: ``1``, without gaps.
        return_indices: Whether to also return the position of each maximum, for ``MaxUnpool1d``: its index in the
            flattened spatial dims of the input. Default: ``False``.
        ceil_mode: Whether to add a window for the entries that are left at the end, rounding the size of the output up.
            Default: ``False``.

    Shape:
        - Input: (N, C, L) or (C, L)
        - Output: (N, C, L_out) or (C, L_out), where
          L_out = floor((L + 2 padding - dilation (kernel_size - 1) - 1) / stride + 1);
          with ``ceil_mode`` the size is rounded up instead, but no window starts in the padding at the end

    Raises:
        ShapeError: If an option is not an int, if ``padding`` is more than half of ``kernel_size``, or if the input
            does not have 2 or 3 dims or is smaller than a window.
        NotImplementedError: If the input is boolean or complex.

    >>> import minitensor as torch
    >>> torch.nn.MaxPool1d(2)(torch.tensor([[1.0, 3.0, 2.0, 4.0]]))
    tensor([[3., 4.]])
    """

    def forward(self, input: Tensor) -> Any:
        """Return the maxima, and with ``return_indices`` a pair of them and their indices."""
        return F.max_pool1d(input, *self.options())


class MaxPool2d(MaxPool):
    """Keep the largest entry of each window of an image.

    The padding counts as minus infinity. Of equal entries the first one is taken, and gets the gradient.

    Args:
        kernel_size: Size of the window, an int or (height, width).
        stride: Step of the window, an int or (height, width). Default: ``kernel_size``.
        padding: Number of entries added on both sides of each spatial dim, an int or (height, width), at most half of
            ``kernel_size``. Default: ``0``.
        dilation: Distance between the entries of a window, an int or (height, width). Default: ``1``, without gaps.
        return_indices: Whether to also return the position of each maximum, for ``MaxUnpool2d``: its index in the
            flattened spatial dims of the input. Default: ``False``.
        ceil_mode: Whether to add a window for the entries that are left at the end, rounding the size of the output up.
            Default: ``False``.

    Shape:
        - Input: (N, C, H, W) or (C, H, W)
        - Output: (N, C, H_out, W_out) or (C, H_out, W_out), where
          H_out = floor((H + 2 padding - dilation (kernel_size - 1) - 1) / stride + 1), and in the same way for W_out;
          with ``ceil_mode`` the size is rounded up instead, but no window starts in the padding at the end

    Raises:
        ShapeError: If an option is not an int or 2 of them, if ``padding`` is more than half of ``kernel_size``, or if
            the input does not have 3 or 4 dims or is smaller than a window.
        NotImplementedError: If the input is boolean or complex.

    >>> import minitensor as torch
    >>> torch.nn.MaxPool2d(2)(torch.arange(16.0).view(1, 4, 4))
    tensor([[[ 5.,  7.],
             [13., 15.]]])
    """

    def forward(self, input: Tensor) -> Any:
        """Return the maxima, and with ``return_indices`` a pair of them and their indices."""
        return F.max_pool2d(input, *self.options())


class MaxPool3d(MaxPool):
    """Keep the largest entry of each window of a volume.

    The padding counts as minus infinity. Of equal entries the first one is taken, and gets the gradient.

    Args:
        kernel_size: Size of the window, an int or (depth, height, width).
        stride: Step of the window, an int or (depth, height, width). Default: ``kernel_size``.
        padding: Number of entries added on both sides of each spatial dim, an int or (depth, height, width), at most
            half of ``kernel_size``. Default: ``0``.
        dilation: Distance between the entries of a window, an int or (depth, height, width). Default: ``1``, without
            gaps.
        return_indices: Whether to also return the position of each maximum, for ``MaxUnpool3d``: its index in the
            flattened spatial dims of the input. Default: ``False``.
        ceil_mode: Whether to add a window for the entries that are left at the end, rounding the size of the output up.
            Default: ``False``.

    Shape:
        - Input: (N, C, D, H, W) or (C, D, H, W)
        - Output: (N, C, D_out, H_out, W_out) or (C, D_out, H_out, W_out), where
          D_out = floor((D + 2 padding - dilation (kernel_size - 1) - 1) / stride + 1), and in the same way for the
          other dims;
          with ``ceil_mode`` the size is rounded up instead, but no window starts in the padding at the end

    Raises:
        ShapeError: If an option is not an int or 3 of them, if ``padding`` is more than half of ``kernel_size``, or if
            the input does not have 4 or 5 dims or is smaller than a window.
        NotImplementedError: If the input is boolean or complex.

    >>> import minitensor as torch
    >>> torch.nn.MaxPool3d(3, stride=2)(torch.zeros(20, 16, 9, 11, 7)).shape
    torch.Size([20, 16, 4, 5, 3])
    """

    def forward(self, input: Tensor) -> Any:
        """Return the maxima, and with ``return_indices`` a pair of them and their indices."""
        return F.max_pool3d(input, *self.options())


class FractionalMaxPool(Module):
    """The common base of the fractional max pooling layers."""

    dims: ClassVar[int]
    _random_samples: Tensor | None

    def __init__(
        self,
        kernel_size: Sizes,
        output_size: Sizes | None = None,
        output_ratio: float | Sequence[float] | None = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if (output_size is None) == (output_ratio is None):
            raise ArgumentError(f"{name}: give either output_size or output_ratio, got {output_size}, {output_ratio}")
        if isinstance(output_ratio, (int, float)):
            output_ratio = (output_ratio,) * self.dims
        if output_ratio is not None and not all(0 < ratio < 1 for ratio in output_ratio):
            raise ArgumentError(f"{name}: output_ratio must be between 0 and 1 (got {output_ratio})")
        self.kernel_size = ntuple(kernel_size, self.dims)
        if self.dims == 3 and min(self.kernel_size) <= 0:
            raise ArgumentError(f"kernel_size must be greater than 0, but got {kernel_size}")
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = None if output_size is None else ntuple(output_size, self.dims)
        self.output_ratio = output_ratio

    def options(self) -> tuple[Any, ...]:
        """Return the arguments of the function that follow the input."""
        return self.kernel_size, self.output_size, self.output_ratio, self.return_indices, self._random_samples


class FractionalMaxPool2d(FractionalMaxPool):
    """Keep the largest entry of each window of an image, with windows a random step apart.

    The steps are uneven, and drawn in each call, in evaluation as in training. Their mean is the ratio of the sizes,
    which need not be an integer. See Graham, Fractional Max-Pooling, 2014, https://arxiv.org/abs/1412.6071.

    Args:
        kernel_size: Size of the window, an int or (height, width).
        output_size: Size of the output, an int or (height, width). Default: ``None``, to give ``output_ratio`` instead.
        output_ratio: Size of the output as a share of the input's size, a float or 2 of them, between 0 and 1. Default:
            ``None``, to give ``output_size`` instead.
        return_indices: Whether to also return the position of each maximum, for ``MaxUnpool2d``: its index in the
            flattened spatial dims of the input. Default: ``False``.

    Shape:
        - Input: (N, C, H, W) or (C, H, W)
        - Output: (N, C, H_out, W_out) or (C, H_out, W_out), where (H_out, W_out) is ``output_size``, or is the input's
          size times ``output_ratio``, rounded down

    Raises:
        ValueError: Unless exactly one of ``output_size`` and ``output_ratio`` is given, or if a ratio is not between 0
            and 1.
        ShapeError: If an option is not an int or 2 of them, if the input does not have 3 or 4 dims or has an empty dim
            other than the batch, or if the windows do not fit: kernel_size + output_size must not exceed the input's
            size + 1.
        NotImplementedError: If the input is not of a floating-point dtype.

    >>> import minitensor as torch
    >>> torch.nn.FractionalMaxPool2d(2, output_size=(13, 12))(torch.zeros(20, 16, 50, 32)).shape
    torch.Size([20, 16, 13, 12])
    >>> torch.nn.FractionalMaxPool2d(2, output_ratio=0.5)(torch.zeros(20, 16, 50, 32)).shape
    torch.Size([20, 16, 25, 16])
    """

    dims = 2

    def forward(self, input: Tensor) -> Any:
        """Return the maxima, and with ``return_indices`` a pair of them and their indices."""
        return F.fractional_max_pool2d(input, *self.options())


class FractionalMaxPool3d(FractionalMaxPool):
    """Keep the largest entry of each window of a volume, with windows a random step apart.

    The steps are uneven, and drawn in each call, in evaluation as in training. Their mean is the ratio of the sizes,
    which need not be an integer. See Graham, Fractional Max-Pooling, 2014, https://arxiv.org/abs/1412.6071.

    Args:
        kernel_size: Size of the window, an int or (depth, height, width).
        output_size: Size of the output, an int or (depth, height, width). Default: ``None``, to give ``output_ratio``
            instead.
        output_ratio: Size of the output as a share of the input's size, a float or 3 of them, between 0 and 1. Default:
            ``None``, to give ``output_size`` instead.
        return_indices: Whether to also return the position of each maximum, for ``MaxUnpool3d``: its index in the
            flattened spatial dims of the input. Default: ``False``.

    Shape:
        - Input: (N, C, D, H, W) or (C, D, H, W)
        - Output: (N, C, D_out, H_out, W_out) or (C, D_out, H_out, W_out), where (D_out, H_out, W_out) is
          ``output_size``, or is the input's size times ``output_ratio``, rounded down

    Raises:
        ValueError: Unless exactly one of ``output_size`` and ``output_ratio`` is given, if a ratio is not between 0 and
            1, or if ``kernel_size`` is not positive.
        ShapeError: If an option is not an int or 3 of them, if the input does not have 4 or 5 dims or has an empty dim
            other than the batch, or if the windows do not fit: kernel_size + output_size must not exceed the input's
            size + 1.
        NotImplementedError: If the input is not of a floating-point dtype.

    >>> import minitensor as torch
    >>> torch.nn.FractionalMaxPool3d(3, output_size=(13, 12, 11))(torch.zeros(20, 16, 50, 32, 16)).shape
    torch.Size([20, 16, 13, 12, 11])
    """

    dims = 3

    def forward(self, input: Tensor) -> Any:
        """Return the maxima, and with ``return_indices`` a pair of them and their indices."""
        return F.fractional_max_pool3d(input, *self.options())


class MaxUnpool(Module):
    """The common base of the unpooling layers."""

    dims: ClassVar[int]

    def __init__(self, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0) -> None:
        super().__init__()
        self.kernel_size = ntuple(kernel_size, self.dims)
        self.stride = self.kernel_size if stride is None else ntuple(stride, self.dims)
        self.padding = ntuple(padding, self.dims)

    def options(self, output_size: Sequence[int] | None) -> tuple[Any, ...]:
        """Return the arguments of the function that follow input and indices."""
        return self.kernel_size, self.stride, self.padding, output_size

    def extra_repr(self) -> str:
        """Return the sizes."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(MaxUnpool):
    """Put the maxima of ``MaxPool1d`` back where they came from, and zeros elsewhere.

    Give it the options of the pooling layer. Several sizes are pooled to one: if the windows did not fill the pooled
    input exactly, give its size to ``forward`` as ``output_size``, because the indices count its entries.

    Args:
        kernel_size: Size of the pooling window, an int.
        stride: Step of the pooling window, an int. Default: ``kernel_size``.
        padding: Padding of the pooled input, an int. Default: ``0``.

    Shape:
        - Input: (N, C, L) or (C, L), and indices of the same shape, as ``MaxPool1d`` returns them
        - Output: (N, C, L_out) or (C, L_out), where L_out = (L - 1) stride - 2 padding + kernel_size,
          or as ``output_size`` says

    Raises:
        ShapeError: If an option is not an int, if the input does not have 2 or 3 dims, if the indices have another
            shape, or if an index lies outside the output.
        ValueError: If no input of size ``output_size`` could have been pooled to this input.
        DtypeError: If the indices are not int64, or the input is not of a floating-point dtype.

    >>> import minitensor as torch
    >>> pooled, indices = torch.nn.MaxPool1d(2, return_indices=True)(torch.tensor([[1.0, 3.0, 4.0, 2.0]]))
    >>> torch.nn.MaxUnpool1d(2)(pooled, indices)
    tensor([[0., 3., 4., 0.]])
    """

    dims = 1

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Return a tensor of the smallest size that is pooled to the input's, or of size ``output_size``."""
        return F.max_unpool1d(input, indices, *self.options(output_size))


class MaxUnpool2d(MaxUnpool):
    """Put the maxima of ``MaxPool2d`` back where they came from, and zeros elsewhere.

    Give it the options of the pooling layer. Several sizes are pooled to one: if the windows did not fill the pooled
    input exactly, give its size to ``forward`` as ``output_size``, because the indices count its entries.

    Args:
        kernel_size: Size of the pooling window, an int or (height, width).
        stride: Step of the pooling window, an int or (height, width). Default: ``kernel_size``.
        padding: Padding of the pooled input, an int or (height, width). Default: ``0``.

    Shape:
        - Input: (N, C, H, W) or (C, H, W), and indices of the same shape, as ``MaxPool2d`` returns them
        - Output: (N, C, H_out, W_out) or (C, H_out, W_out), where
          H_out = (H - 1) stride - 2 padding + kernel_size, and in the same way for W_out,
          or as ``output_size`` says

    Raises:
        ShapeError: If an option is not an int or 2 of them, if the input does not have 3 or 4 dims, if the indices have
            another shape, or if an index lies outside the output.
        ValueError: If no input of size ``output_size`` could have been pooled to this input.
        DtypeError: If the indices are not int64, or the input is not of a floating-point dtype.

    >>> import minitensor as torch
    >>> pooled, indices = torch.nn.MaxPool2d(2, return_indices=True)(torch.tensor([[[1.0, 2.0], [3.0, 4.0]]]))
    >>> torch.nn.MaxUnpool2d(2)(pooled, indices)
    tensor([[[0., 0.],
             [0., 4.]]])
    """

    dims = 2

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Return a tensor of the smallest size that is pooled to the input's, or of size ``output_size``."""
        return F.max_unpool2d(input, indices, *self.options(output_size))


class MaxUnpool3d(MaxUnpool):
    """Put the maxima of ``MaxPool3d`` back where they came from, and zeros elsewhere.

    Give it the options of the pooling layer. Several sizes are pooled to one: if the windows did not fill the pooled
    input exactly, give its size to ``forward`` as ``output_size``, because the indices count its entries.

    Args:
        kernel_size: Size of the pooling window, an int or (depth, height, width).
        stride: Step of the pooling window, an int or (depth, height, width). Default: ``kernel_size``.
        padding: Padding of the pooled input, an int or (depth, height, width). Default: ``0``.

    Shape:
        - Input: (N, C, D, H, W) or (C, D, H, W), and indices of the same shape, as ``MaxPool3d`` returns them
        - Output: (N, C, D_out, H_out, W_out) or (C, D_out, H_out, W_out), where
          D_out = (D - 1) stride - 2 padding + kernel_size, and in the same way for the other dims,
          or as ``output_size`` says

    Raises:
        ShapeError: If an option is not an int or 3 of them, if the input does not have 4 or 5 dims, if the indices have
            another shape, or if an index lies outside the output.
        ValueError: If no input of size ``output_size`` could have been pooled to this input.
        DtypeError: If the indices are not int64, or the input is not of a floating-point dtype.

    >>> import minitensor as torch
    >>> pooled, indices = torch.nn.MaxPool3d(2, return_indices=True)(torch.zeros(20, 16, 8, 8, 5))
    >>> torch.nn.MaxUnpool3d(2)(pooled, indices, output_size=(8, 8, 5)).shape
    torch.Size([20, 16, 8, 8, 5])
    """

    dims = 3

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Return a tensor of the smallest size that is pooled to the input's, or of size ``output_size``."""
        return F.max_unpool3d(input, indices, *self.options(output_size))

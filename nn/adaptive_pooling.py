"""Layers that pool to a given output size, whatever the input's.

The windows are computed by ``functional.pooling``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.nn import functional as F
from minitensor.nn.functional.pooling import OptionalSizes
from minitensor.nn.module import Module

if TYPE_CHECKING:
    from minitensor.tensor import Tensor


class AdaptivePool(Module):
    """The common base of the adaptive pooling layers."""

    def __init__(self, output_size: OptionalSizes) -> None:
        super().__init__()
        self.output_size = output_size

    def extra_repr(self) -> str:
        """Return the output size."""
        return f"output_size={self.output_size}"


class AdaptiveAvgPool(AdaptivePool):
    """The common base of the adaptive average pooling layers."""


class AdaptiveAvgPool1d(AdaptiveAvgPool):
    """Take the mean of each window of a sequence, with as many windows as ``output_size`` says.

    Window i of n over a side of length s reaches from floor(i s / n) to ceil((i + 1) s / n), the end excluded: the
    windows cover the input, and may overlap.

    Args:
        output_size: Size of the output, an int. ``None`` keeps the size of the input.

    Shape:
        - Input: (N, C, L) or (C, L)
        - Output: (N, C, L_out) or (C, L_out), where L_out is ``output_size``

    Raises:
        ShapeError: If ``output_size`` is negative or not an int, or if the input does not have 2 or 3 dims, or has an
            empty spatial dim although the output has more than one window.
        NotImplementedError: If the input is not of a floating-point dtype.

    >>> import minitensor as torch
    >>> torch.nn.AdaptiveAvgPool1d(2)(torch.tensor([[1.0, 2.0, 3.0]]))
    tensor([[1.5000, 2.5000]])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the means."""
        return F.adaptive_avg_pool1d(input, self.output_size)  # type: ignore[arg-type]  # a sequence's one dim is kept


class AdaptiveAvgPool2d(AdaptiveAvgPool):
    """Take the mean of each window of an image, with as many windows as ``output_size`` says.

    Window i of n over a side of length s reaches from floor(i s / n) to ceil((i + 1) s / n), the end excluded: the
    windows cover the input, and may overlap.

    Args:
        output_size: Size of the output, an int or (height, width); ``None`` in place of a size keeps that of the input.

    Shape:
        - Input: (N, C, H, W) or (C, H, W)
        - Output: (N, C, H_out, W_out) or (C, H_out, W_out), where (H_out, W_out) is ``output_size``

    Raises:
        ShapeError: If ``output_size`` is negative or not an int or 2 of them, or if the input does not have 3 or 4
            dims, or has an empty spatial dim although the output has more than one window.
        NotImplementedError: If the input is not of a floating-point dtype.

    >>> import minitensor as torch
    >>> torch.nn.AdaptiveAvgPool2d((1, 2))(torch.arange(6.0).view(1, 2, 3))
    tensor([[[2., 3.]]])
    >>> torch.nn.AdaptiveAvgPool2d((None, 7))(torch.zeros(1, 64, 10, 9)).shape
    torch.Size([1, 64, 10, 7])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the means."""
        return F.adaptive_avg_pool2d(input, self.output_size)


class AdaptiveAvgPool3d(AdaptiveAvgPool):
    """Take the mean of each window of a volume, with as many windows as ``output_size`` says.

    Window i of n over a side of length s reaches from floor(i s / n) to ceil((i + 1) s / n), the end excluded: the
    windows cover the input, and may overlap.

    Args:
        output_size: Size of the output, an int or (depth, height, width); ``None`` in place of a size keeps that of the
            input.

    Shape:
        - Input: (N, C, D, H, W) or (C, D, H, W)
        - Output: (N, C, D_out, H_out, W_out) or (C, D_out, H_out, W_out), where (D_out, H_out, W_out) is
          ``output_size``

    Raises:
        ShapeError: If ``output_size`` is negative or not an int or 3 of them, or if the input does not have 4 or 5
            dims, or has an empty spatial dim although the output has more than one window.
        NotImplementedError: If the input is not of a floating-point dtype.

    >>> import minitensor as torch
    >>> torch.nn.AdaptiveAvgPool3d((5, 7, 9))(torch.zeros(1, 64, 8, 9, 10)).shape
    torch.Size([1, 64, 5, 7, 9])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the means."""
        return F.adaptive_avg_pool3d(input, self.output_size)


class AdaptiveMaxPool(AdaptivePool):
    """The common base of the adaptive max pooling layers."""

    def __init__(self, output_size: OptionalSizes, return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = return_indices


class AdaptiveMaxPool1d(AdaptiveMaxPool):
    """Keep the largest entry of each window of a sequence, with as many windows as ``output_size`` says.

    Window i of n over a side of length s reaches from floor(i s / n) to ceil((i + 1) s / n), the end excluded: the
    windows cover the input, and may overlap.

    Args:
        output_size: Size of the output, an int. ``None`` keeps the size of the input.
        return_indices: Whether to also return the position of each maximum, for ``MaxUnpool1d``: its index in the
            flattened spatial dims of the input. Default: ``False``.

    Shape:
        - Input: (N, C, L) or (C, L)
        - Output: (N, C, L_out) or (C, L_out), where L_out is ``output_size``

    Raises:
        ShapeError: If ``output_size`` is negative or not an int, or if the input does not have 2 or 3 dims or has an
            empty dim other than the batch.
        NotImplementedError: If the input is not of a floating-point dtype.

    >>> import minitensor as torch
    >>> torch.nn.AdaptiveMaxPool1d(2)(torch.tensor([[1.0, 2.0, 3.0]]))
    tensor([[2., 3.]])
    """

    def forward(self, input: Tensor) -> Any:
        """Return the maxima, and with ``return_indices`` a pair of them and their indices."""
        return F.adaptive_max_pool1d(input, self.output_size, self.return_indices)  # type: ignore[arg-type]  # as above


class AdaptiveMaxPool2d(AdaptiveMaxPool):
    """Keep the largest entry of each window of an image, with as many windows as ``output_size`` says.

    Window i of n over a side of length s reaches from floor(i s / n) to ceil((i + 1) s / n), the end excluded: the
    windows cover the input, and may overlap.

    Args:
        output_size: Size of the output, an int or (height, width); ``None`` in place of a size keeps that of the input.
        return_indices: Whether to also return the position of each maximum, for ``MaxUnpool2d``: its index in the
            flattened spatial dims of the input. Default: ``False``.

    Shape:
        - Input: (N, C, H, W) or (C, H, W)
        - Output: (N, C, H_out, W_out) or (C, H_out, W_out), where (H_out, W_out) is ``output_size``

    Raises:
        ShapeError: If ``output_size`` is negative or not an int or 2 of them, or if the input does not have 3 or 4 dims
            or has an empty dim other than the batch.
        NotImplementedError: If the input is not of a floating-point dtype.

    >>> import minitensor as torch
    >>> torch.nn.AdaptiveMaxPool2d((1, 2))(torch.arange(6.0).view(1, 2, 3))
    tensor([[[4., 5.]]])
    """

    def forward(self, input: Tensor) -> Any:
        """Return the maxima, and with ``return_indices`` a pair of them and their indices."""
        return F.adaptive_max_pool2d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool3d(AdaptiveMaxPool):
    """Keep the largest entry of each window of a volume, with as many windows as ``output_size`` says.

    Window i of n over a side of length s reaches from floor(i s / n) to ceil((i + 1) s / n), the end excluded: the
    windows cover the input, and may overlap.

    Args:
        output_size: Size of the output, an int or (depth, height, width); ``None`` in place of a size keeps that of the
            input.
        return_indices: Whether to also return the position of each maximum, for ``MaxUnpool3d``: its index in the
            flattened spatial dims of the input. Default: ``False``.

    Shape:
        - Input: (N, C, D, H, W) or (C, D, H, W)
        - Output: (N, C, D_out, H_out, W_out) or (C, D_out, H_out, W_out), where (D_out, H_out, W_out) is
          ``output_size``

    Raises:
        ShapeError: If ``output_size`` is negative or not an int or 3 of them, or if the input does not have 4 or 5 dims
            or has an empty dim other than the batch.
        NotImplementedError: If the input is not of a floating-point dtype.

    >>> import minitensor as torch
    >>> torch.nn.AdaptiveMaxPool3d((5, 7, None))(torch.zeros(1, 64, 8, 9, 10)).shape
    torch.Size([1, 64, 5, 7, 10])
    """

    def forward(self, input: Tensor) -> Any:
        """Return the maxima, and with ``return_indices`` a pair of them and their indices."""
        return F.adaptive_max_pool3d(input, self.output_size, self.return_indices)

"""Transposed convolution layers: the adjoints of convolutions, which enlarge their input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from minitensor.errors import ArgumentError
from minitensor.nn import functional as F
from minitensor.nn.conv import ConvNd

if TYPE_CHECKING:
    from minitensor.device import DeviceLike
    from minitensor.dtypes import dtype as Dtype
    from minitensor.tensor import Tensor


class ConvTransposeNd(ConvNd):
    """The common base of the transposed convolution layers."""

    transposed: ClassVar[bool] = True
    padding: tuple[int, ...]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: DeviceLike = None,
        dtype: Dtype | None = None,
    ) -> None:
        if padding_mode != "zeros":
            raise ArgumentError(f'{type(self).__name__}: Only "zeros" padding mode is supported, got {padding_mode!r}')
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, device, dtype
        )
        self.output_padding = self.sizes("output_padding", output_padding)

    def output_padding_for(self, input: Tensor, output_size: Sequence[int] | None) -> tuple[int, ...]:
        """Return the output padding that gives ``output_size``, or the layer's own if no size is given."""
        if output_size is None:
            return self.output_padding
        sizes = list(output_size)[-self.dims :]
        if len(output_size) not in (self.dims, input.ndim):
            raise ArgumentError(
                f"{type(self).__name__}: output_size must have {self.dims} or {input.ndim} elements, got {output_size}"
            )
        extra = []
        for i, size in enumerate(input.shape[-self.dims :]):
            step, pad, spread = self.stride[i], self.padding[i], self.dilation[i] * (self.kernel_size[i] - 1)
            smallest = (size - 1) * step - 2 * int(pad) + spread + 1
            if not smallest <= sizes[i] < smallest + step:
                raise ArgumentError(
                    f"requested an output size of {sizes}, but valid sizes of dim {i} range from {smallest} to "
                    f"{smallest + step - 1} (for an input of {tuple(input.shape)})"
                )
            extra.append(sizes[i] - smallest)
        return tuple(extra)


class ConvTranspose1d(ConvTransposeNd):
    """Enlarge sequences by a transposed convolution.

    Each entry of the input adds its channel's filter, times its value, to a window of the output. It is the gradient of
    ``Conv1d`` with respect to its input, and leads from that layer's output size back to its input size. Where several
    input sizes give one output size, ``forward`` takes an ``output_size`` that selects one.

    Args:
        in_channels: Number of channels of the input.
        out_channels: Number of channels of the output.
        kernel_size: Size of the filters, an int.
        stride: Step between the filters in the output, an int. Default: ``1``.
        padding: Number of entries cut off on both sides of each spatial dim of the output, an int. Default: ``0``.
        output_padding: Number of entries added at the end of each spatial dim of the output, an int, less than the
            stride or the dilation. It selects one of the sizes that a convolution with this stride maps to the input's
            size. Default: ``0``.
        groups: Number of groups into which the channels are split; each output channel sees one group of input
            channels. Default: ``1``.
        bias: Whether to add a learned bias. Default: ``True``.
        dilation: Distance between the entries that a filter writes, an int. Default: ``1``, without gaps.
        padding_mode: Only ``"zeros"``. Default: ``"zeros"``.
        device, dtype: Where the parameters lie, and their type.

    Shape:
        - Input: (N, in_channels, L) or (in_channels, L)
        - Output: (N, out_channels, L_out) or (out_channels, L_out), where
          L_out = (L - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1

    Attributes:
        weight: (in_channels, out_channels / groups, kernel_size), drawn from U(-k, k) with k = 1 / sqrt(fan_in), where
            fan_in = out_channels / groups * prod(kernel_size).
        bias: (out_channels), drawn from the same distribution, or None.

    Raises:
        ValueError: If ``groups`` is not positive or does not divide both numbers of channels, if ``padding_mode`` is
            not ``"zeros"``, or if the input cannot give the ``output_size`` with which ``forward`` is called.
        ShapeError: If an option is not an int, if the input has another number of dims or channels, or if
            ``output_padding`` is too large.
        DtypeError: If the input does not have the dtype of the weight.

    >>> import minitensor as torch
    >>> layer = torch.nn.ConvTranspose1d(16, 3, 4, stride=2, padding=1)
    >>> layer(torch.zeros(1, 16, 12)).shape
    torch.Size([1, 3, 24])
    """

    dims = 1

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Return the transposed convolution, of size ``output_size`` if that is given."""
        extra = self.output_padding_for(input, output_size)
        return F.conv_transpose1d(
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation
        )


class ConvTranspose2d(ConvTransposeNd):
    """Enlarge images by a transposed convolution.

    Each entry of the input adds its channel's filter, times its value, to a window of the output. It is the gradient of
    ``Conv2d`` with respect to its input, and leads from that layer's output size back to its input size. Where several
    input sizes give one output size, ``forward`` takes an ``output_size`` that selects one.

    Args:
        in_channels: Number of channels of the input.
        out_channels: Number of channels of the output.
        kernel_size: Size of the filters, an int or (height, width).
        stride: Step between the filters in the output, an int or (height, width). Default: ``1``.
        padding: Number of entries cut off on both sides of each spatial dim of the output, an int or (height, width).
            Default: ``0``.
        output_padding: Number of entries added at the end of each spatial dim of the output, an int or (height, width),
            less than the stride or the dilation. It selects one of the sizes that a convolution with this stride maps
            to the input's size. Default: ``0``.
        groups: Number of groups into which the channels are split; each output channel sees one group of input
            channels. Default: ``1``.
        bias: Whether to add a learned bias. Default: ``True``.
        dilation: Distance between the entries that a filter writes, an int or (height, width). Default: ``1``, without
            gaps.
        padding_mode: Only ``"zeros"``. Default: ``"zeros"``.
        device, dtype: Where the parameters lie, and their type.

    Shape:
        - Input: (N, in_channels, H, W) or (in_channels, H, W)
        - Output: (N, out_channels, H_out, W_out) or (out_channels, H_out, W_out), where
          H_out = (H - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1, and in the same way for
          W_out

    Attributes:
        weight: (in_channels, out_channels / groups, kernel_size[0], kernel_size[1]), drawn from U(-k, k) with k = 1 /
            sqrt(fan_in), where fan_in = out_channels / groups * prod(kernel_size).
        bias: (out_channels), drawn from the same distribution, or None.

    Raises:
        ValueError: If ``groups`` is not positive or does not divide both numbers of channels, if ``padding_mode`` is
            not ``"zeros"``, or if the input cannot give the ``output_size`` with which ``forward`` is called.
        ShapeError: If an option is not an int or 2 of them, if the input has another number of dims or channels, or if
            ``output_padding`` is too large.
        DtypeError: If the input does not have the dtype of the weight.

    >>> import minitensor as torch
    >>> layer = torch.nn.ConvTranspose2d(16, 3, 3, stride=2, padding=1)
    >>> layer(torch.zeros(1, 16, 6, 6)).shape
    torch.Size([1, 3, 11, 11])
    >>> layer(torch.zeros(1, 16, 6, 6), output_size=(12, 12)).shape
    torch.Size([1, 3, 12, 12])
    """

    dims = 2

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Return the transposed convolution, of size ``output_size`` if that is given."""
        extra = self.output_padding_for(input, output_size)
        return F.conv_transpose2d(
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation
        )


class ConvTranspose3d(ConvTransposeNd):
    """Enlarge volumes by a transposed convolution.

    Each entry of the input adds its channel's filter, times its value, to a window of the output. It is the gradient of
    ``Conv3d`` with respect to its input, and leads from that layer's output size back to its input size. Where several
    input sizes give one output size, ``forward`` takes an ``output_size`` that selects one.

    Args:
        in_channels: Number of channels of the input.
        out_channels: Number of channels of the output.
        kernel_size: Size of the filters, an int or (depth, height, width).
        stride: Step between the filters in the output, an int or (depth, height, width). Default: ``1``.
        padding: Number of entries cut off on both sides of each spatial dim of the output, an int or (depth, height,
            width). Default: ``0``.
        output_padding: Number of entries added at the end of each spatial dim of the output, an int or (depth, height,
            width), less than the stride or the dilation. It selects one of the sizes that a convolution with this
            stride maps to the input's size. Default: ``0``.
        groups: Number of groups into which the channels are split; each output channel sees one group of input
            channels. Default: ``1``.
        bias: Whether to add a learned bias. Default: ``True``.
        dilation: Distance between the entries that a filter writes, an int or (depth, height, width). Default: ``1``,
            without gaps.
        padding_mode: Only ``"zeros"``. Default: ``"zeros"``.
        device, dtype: Where the parameters lie, and their type.

    Shape:
        - Input: (N, in_channels, D, H, W) or (in_channels, D, H, W)
        - Output: (N, out_channels, D_out, H_out, W_out) or (out_channels, D_out, H_out, W_out), where
          D_out = (D - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1, and in the same way for
          the other dims

    Attributes:
        weight: (in_channels, out_channels / groups, kernel_size[0], kernel_size[1], kernel_size[2]), drawn from
            U(-k, k) with k = 1 / sqrt(fan_in), where fan_in = out_channels / groups * prod(kernel_size).
        bias: (out_channels), drawn from the same distribution, or None.

    Raises:
        ValueError: If ``groups`` is not positive or does not divide both numbers of channels, if ``padding_mode`` is
            not ``"zeros"``, or if the input cannot give the ``output_size`` with which ``forward`` is called.
        ShapeError: If an option is not an int or 3 of them, if the input has another number of dims or channels, or if
            ``output_padding`` is too large.
        DtypeError: If the input does not have the dtype of the weight.

    >>> import minitensor as torch
    >>> layer = torch.nn.ConvTranspose3d(4, 2, 2, stride=2)
    >>> layer(torch.zeros(1, 4, 3, 4, 5)).shape
    torch.Size([1, 2, 6, 8, 10])
    """

    dims = 3

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Return the transposed convolution, of size ``output_size`` if that is given."""
        extra = self.output_padding_for(input, output_size)
        return F.conv_transpose3d(
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation
        )

"""Convolution layers: sizes, parameters and padding modes; the arithmetic is in ``functional``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from minitensor.errors import ArgumentError, ArgumentTypeError, ShapeError
from minitensor.nn import functional as F
from minitensor.nn.linear import reset_weight_and_bias
from minitensor.nn.module import Module
from minitensor.nn.parameter import Parameter
from minitensor.ops.creation import empty
from minitensor.shapes import ntuple

if TYPE_CHECKING:
    from minitensor.device import DeviceLike
    from minitensor.dtypes import dtype as Dtype
    from minitensor.tensor import Tensor

IntOrPair = int | tuple[int, int]

PADDINGS = ("same", "valid")
PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class ConvNd(Module):
    """The common base of the convolution layers."""

    dims: ClassVar[int]
    transposed: ClassVar[bool] = False
    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: DeviceLike = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = self.sizes("kernel_size", kernel_size)
        self.stride = self.sizes("stride", stride)
        self.padding = padding if isinstance(padding, str) else self.sizes("padding", padding)
        self.dilation = self.sizes("dilation", dilation)
        self.output_padding = (0,) * self.dims
        self.groups = groups
        self.padding_mode = padding_mode
        check_groups(in_channels, out_channels, groups)
        check_padding(self.padding, self.stride, padding_mode)
        self._reversed_padding_repeated_twice = pad_amounts(self.padding, self.kernel_size, self.dilation)
        weights, biases = self.parameter_sizes()
        self.weight = Parameter(empty(weights, device=device, dtype=dtype))
        self.register_parameter("bias", Parameter(empty(biases, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def parameter_sizes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the shapes of weight and bias."""
        sizes = (self.in_channels, self.out_channels) if self.transposed else (self.out_channels, self.in_channels)
        return (sizes[0], sizes[1] // self.groups, *self.kernel_size), (self.out_channels,)

    def sizes(self, name: str, given: Any) -> tuple[int, ...]:
        """Return one number for each dimension."""
        try:
            return ntuple(given, self.dims)
        except (ShapeError, ArgumentTypeError) as error:
            raise type(error)(
                f"{type(self).__name__}: {name} must be an int or {self.dims} of them, got {given!r}"
            ) from None

    def reset_parameters(self) -> None:
        """Draw new values of the weight and the bias from U(-1/sqrt(fan_in), 1/sqrt(fan_in))."""
        reset_weight_and_bias(self.weight, self.bias)

    def pad_input(self, input: Tensor) -> tuple[Tensor, Any]:
        """Return the input, padded unless with zeros, and the zeros that are left for the convolution to add."""
        if self.padding_mode == "zeros":
            return input, self.padding
        return F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode), 0

    def extra_repr(self) -> str:
        """Return the sizes, and the options that differ from their defaults."""
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        if self.padding != (0,) * self.dims:
            text += f", padding={self.padding}"
        if self.dilation != (1,) * self.dims:
            text += f", dilation={self.dilation}"
        if self.output_padding != (0,) * self.dims:
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text


class Conv1d(ConvNd):
    """Slide filters along sequences.

    Each entry of the output is the sum over a window of the input, weighted by the filter of its channel, plus the
    channel's bias. The filters are not flipped: this is a cross-correlation.

    Args:
        in_channels: Number of channels of the input.
        out_channels: Number of channels of the output.
        kernel_size: Size of the filters, an int.
        stride: Step of the filters, an int. Default: ``1``.
        padding: Number of entries added on both sides of each spatial dim, an int. ``"valid"`` adds none, ``"same"``
            adds as many as keep the size, for a stride of 1. Default: ``0``.
        dilation: Distance between the entries that a filter reads, an int. Default: ``1``, without gaps.
        groups: Number of groups into which the channels are split; each output channel sees one group of input
            channels. Default: ``1``.
        bias: Whether to add a learned bias. Default: ``True``.
        padding_mode: What the padding holds: ``"zeros"``, or ``"reflect"``, ``"replicate"`` or ``"circular"`` as in
            ``nn.functional.pad``. Default: ``"zeros"``.
        device, dtype: Where the parameters lie, and their type.

    Shape:
        - Input: (N, in_channels, L) or (in_channels, L)
        - Output: (N, out_channels, L_out) or (out_channels, L_out), where
          L_out = floor((L + 2 padding - dilation (kernel_size - 1) - 1) / stride + 1)

    Attributes:
        weight: (out_channels, in_channels / groups, kernel_size), drawn from U(-k, k) with k = 1 / sqrt(fan_in), where
            fan_in = in_channels / groups * prod(kernel_size).
        bias: (out_channels), drawn from the same distribution, or None.

    Raises:
        ValueError: If ``groups`` is not positive or does not divide both numbers of channels, if ``padding`` is an
            unknown string or ``"same"`` with a stride above 1, or if ``padding_mode`` is unknown. With another
            ``padding_mode`` than ``"zeros"``, also if the input has another number of dims.
        ShapeError: If an option is not an int, if the input has another number of dims or channels, or if the padded
            input is smaller than a filter.
        DtypeError: If the input does not have the dtype of the weight.

    >>> import minitensor as torch
    >>> layer = torch.nn.Conv1d(16, 33, 3, stride=2)
    >>> layer(torch.zeros(20, 16, 50)).shape
    torch.Size([20, 33, 24])
    """

    dims = 1

    def forward(self, input: Tensor) -> Tensor:
        """Return the convolution of ``input`` with the filters."""
        input, padding = self.pad_input(input)
        return F.conv1d(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Conv2d(ConvNd):
    """Slide filters over images.

    Each entry of the output is the sum over a window of the input, weighted by the filter of its channel, plus the
    channel's bias. The filters are not flipped: this is a cross-correlation.

    Args:
        in_channels: Number of channels of the input.
        out_channels: Number of channels of the output.
        kernel_size: Size of the filters, an int or (height, width).
        stride: Step of the filters, an int or (height, width). Default: ``1``.
        padding: Number of entries added on both sides of each spatial dim, an int or (height, width). ``"valid"`` adds
            none, ``"same"`` adds as many as keep the size, for a stride of 1. Default: ``0``.
        dilation: Distance between the entries that a filter reads, an int or (height, width). Default: ``1``, without
            gaps.
        groups: Number of groups into which the channels are split; each output channel sees one group of input
            channels. Default: ``1``.
        bias: Whether to add a learned bias. Default: ``True``.
        padding_mode: What the padding holds: ``"zeros"``, or ``"reflect"``, ``"replicate"`` or ``"circular"`` as in
            ``nn.functional.pad``. Default: ``"zeros"``.
        device, dtype: Where the parameters lie, and their type.

    Shape:
        - Input: (N, in_channels, H, W) or (in_channels, H, W)
        - Output: (N, out_channels, H_out, W_out) or (out_channels, H_out, W_out), where
          H_out = floor((H + 2 padding - dilation (kernel_size - 1) - 1) / stride + 1), and in the same way for W_out

    Attributes:
        weight: (out_channels, in_channels / groups, kernel_size[0], kernel_size[1]), drawn from U(-k, k) with k = 1 /
            sqrt(fan_in), where fan_in = in_channels / groups * prod(kernel_size).
        bias: (out_channels), drawn from the same distribution, or None.

    Raises:
        ValueError: If ``groups`` is not positive or does not divide both numbers of channels, if ``padding`` is an
            unknown string or ``"same"`` with a stride above 1, or if ``padding_mode`` is unknown. With another
            ``padding_mode`` than ``"zeros"``, also if the input has another number of dims.
        ShapeError: If an option is not an int or 2 of them, if the input has another number of dims or channels, or if
            the padded input is smaller than a filter.
        DtypeError: If the input does not have the dtype of the weight.

    >>> import minitensor as torch
    >>> layer = torch.nn.Conv2d(3, 96, 11, stride=4)
    >>> layer(torch.zeros(3, 227, 227)).shape
    torch.Size([96, 55, 55])
    >>> torch.nn.Conv2d(16, 33, (3, 5), padding="same")(torch.zeros(1, 16, 20, 30)).shape
    torch.Size([1, 33, 20, 30])
    """

    dims = 2

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrPair,
        stride: IntOrPair = 1,
        padding: str | IntOrPair = 0,
        dilation: IntOrPair = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: DeviceLike = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, device, dtype
        )

    def forward(self, input: Tensor) -> Tensor:
        """Return the convolution of ``input`` with the filters."""
        input, padding = self.pad_input(input)
        return F.conv2d(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Conv3d(ConvNd):
    """Slide filters through volumes.

    Each entry of the output is the sum over a window of the input, weighted by the filter of its channel, plus the
    channel's bias. The filters are not flipped: this is a cross-correlation.

    Args:
        in_channels: Number of channels of the input.
        out_channels: Number of channels of the output.
        kernel_size: Size of the filters, an int or (depth, height, width).
        stride: Step of the filters, an int or (depth, height, width). Default: ``1``.
        padding: Number of entries added on both sides of each spatial dim, an int or (depth, height, width).
            ``"valid"`` adds none, ``"same"`` adds as many as keep the size, for a stride of 1. Default: ``0``.
        dilation: Distance between the entries that a filter reads, an int or (depth, height, width). Default: ``1``,
            without gaps.
        groups: Number of groups into which the channels are split; each output channel sees one group of input
            channels. Default: ``1``.
        bias: Whether to add a learned bias. Default: ``True``.
        padding_mode: What the padding holds: ``"zeros"``, or ``"reflect"``, ``"replicate"`` or ``"circular"`` as in
            ``nn.functional.pad``. Default: ``"zeros"``.
        device, dtype: Where the parameters lie, and their type.

    Shape:
        - Input: (N, in_channels, D, H, W) or (in_channels, D, H, W)
        - Output: (N, out_channels, D_out, H_out, W_out) or (out_channels, D_out, H_out, W_out), where
          D_out = floor((D + 2 padding - dilation (kernel_size - 1) - 1) / stride + 1), and in the same way for the
          other dims

    Attributes:
        weight: (out_channels, in_channels / groups, kernel_size[0], kernel_size[1], kernel_size[2]), drawn from
            U(-k, k) with k = 1 / sqrt(fan_in), where fan_in = in_channels / groups * prod(kernel_size).
        bias: (out_channels), drawn from the same distribution, or None.

    Raises:
        ValueError: If ``groups`` is not positive or does not divide both numbers of channels, if ``padding`` is an
            unknown string or ``"same"`` with a stride above 1, or if ``padding_mode`` is unknown. With another
            ``padding_mode`` than ``"zeros"``, also if the input has another number of dims.
        ShapeError: If an option is not an int or 3 of them, if the input has another number of dims or channels, or if
            the padded input is smaller than a filter.
        DtypeError: If the input does not have the dtype of the weight.

    >>> import minitensor as torch
    >>> layer = torch.nn.Conv3d(4, 8, (3, 5, 2), padding=(0, 2, 0))
    >>> layer(torch.zeros(1, 4, 8, 10, 12)).shape
    torch.Size([1, 8, 6, 10, 11])
    """

    dims = 3

    def forward(self, input: Tensor) -> Tensor:
        """Return the convolution of ``input`` with the filters."""
        input, padding = self.pad_input(input)
        return F.conv3d(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


def check_groups(in_channels: int, out_channels: int, groups: int) -> None:
    """Raise unless ``groups`` is positive and divides both numbers of channels."""
    if groups <= 0:
        raise ArgumentError(f"groups must be a positive integer, got {groups}")
    if in_channels % groups:
        raise ArgumentError(f"in_channels must be divisible by groups, got {in_channels} and groups={groups}")
    if out_channels % groups:
        raise ArgumentError(f"out_channels must be divisible by groups, got {out_channels} and groups={groups}")


def check_padding(padding: str | tuple[int, ...], stride: tuple[int, ...], mode: str) -> None:
    """Raise if the padding or its mode is unknown, or if the padding is "same" and the stride is not 1."""
    if isinstance(padding, str) and padding not in PADDINGS:
        raise ArgumentError(f"Invalid padding string {padding!r}, should be one of {PADDINGS}")
    if padding == "same" and any(step != 1 for step in stride):
        raise ArgumentError(f"padding='same' is not supported for strided convolutions, got stride={stride}")
    if mode not in PADDING_MODES:
        raise ArgumentError(f"padding_mode must be one of {PADDING_MODES}, but got padding_mode={mode!r}")


def pad_amounts(padding: str | tuple[int, ...], kernel: tuple[int, ...], dilation: tuple[int, ...]) -> list[int]:
    """Return the padding in the order of ``F.pad``: before and after the last dim, then the dim before it."""
    sides: list[int] = []
    for i in reversed(range(len(kernel))):
        if padding == "same":
            total = dilation[i] * (kernel[i] - 1)
            sides += [total // 2, total - total // 2]
        else:
            sides += [0, 0] if isinstance(padding, str) else [padding[i]] * 2
    return sides

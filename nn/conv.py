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
    """What convolution layers of all dimensions share."""

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
        self._reversed_padding_repeated_twice = both_sides(self.padding, self.kernel_size, self.dilation)
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
        """Draw weight and bias anew from U(-1/sqrt(fan_in), 1/sqrt(fan_in))."""
        reset_weight_and_bias(self.weight, self.bias)

    def padded(self, input: Tensor) -> tuple[Tensor, Any]:
        """Return the input, and the zeros the convolution is to add: none where other padding was put on already."""
        if self.padding_mode == "zeros":
            return input, self.padding
        return F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode), 0

    def extra_repr(self) -> str:
        """Return the sizes, and what is not at its default."""
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
    """Slide filters along a sequence.

    Input (N, C_in, L) or (C_in, L); output (N, C_out, L_out), L_out = (L + 2P - D(F - 1) - 1) // S + 1.
    Weight (C_out, C_in / groups, F). Both it and the bias start from U(-1/sqrt(fan_in), 1/sqrt(fan_in)).
    """

    dims = 1

    def forward(self, input: Tensor) -> Tensor:
        """Return the convolution of ``input`` with the filters."""
        input, padding = self.padded(input)
        return F.conv1d(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Conv2d(ConvNd):
    """Slide filters over an image.

    Input (N, C_in, H, W) or (C_in, H, W); output (N, C_out, H_out, W_out), H_out = (H + 2P - D(F - 1) - 1) // S + 1.
    Weight (C_out, C_in / groups, F, F). Both it and the bias start from U(-1/sqrt(fan_in), 1/sqrt(fan_in)).

    Args:
        padding: cells added on every side; "valid" is 0, "same" keeps the size at stride 1.
        dilation: distance between the cells a filter looks at; 1 is a plain filter.
        groups: into how many parts the channels are split, each with filters of its own.

    >>> Conv2d(3, 96, 11, stride=4)(minitensor.zeros(3, 227, 227)).shape
    torch.Size([96, 55, 55])
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
        input, padding = self.padded(input)
        return F.conv2d(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Conv3d(ConvNd):
    """Slide filters through a volume.

    Input (N, C_in, D, H, W) or (C_in, D, H, W); output (N, C_out, D_out, H_out, W_out), sizes as for ``Conv2d``. Weight
    (C_out, C_in / groups, F, F, F). Both it and the bias start from U(-1/sqrt(fan_in), 1/sqrt(fan_in)).
    """

    dims = 3

    def forward(self, input: Tensor) -> Tensor:
        """Return the convolution of ``input`` with the filters."""
        input, padding = self.padded(input)
        return F.conv3d(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


def check_groups(in_channels: int, out_channels: int, groups: int) -> None:
    """Refuse groups that do not divide the channels."""
    if groups <= 0:
        raise ArgumentError(f"groups must be a positive integer, got {groups}")
    if in_channels % groups:
        raise ArgumentError(f"in_channels must be divisible by groups, got {in_channels} and groups={groups}")
    if out_channels % groups:
        raise ArgumentError(f"out_channels must be divisible by groups, got {out_channels} and groups={groups}")


def check_padding(padding: str | tuple[int, ...], stride: tuple[int, ...], mode: str) -> None:
    """Refuse unknown paddings, and "same" where a stride makes it impossible."""
    if isinstance(padding, str) and padding not in PADDINGS:
        raise ArgumentError(f"Invalid padding string {padding!r}, should be one of {PADDINGS}")
    if padding == "same" and any(step != 1 for step in stride):
        raise ArgumentError(f"padding='same' is not supported for strided convolutions, got stride={stride}")
    if mode not in PADDING_MODES:
        raise ArgumentError(f"padding_mode must be one of {PADDING_MODES}, but got padding_mode={mode!r}")


def both_sides(padding: str | tuple[int, ...], kernel: tuple[int, ...], dilation: tuple[int, ...]) -> list[int]:
    """Return the padding in the order in which ``F.pad`` wants it: the last dim first, before and after."""
    sides: list[int] = []
    for i in reversed(range(len(kernel))):
        if padding == "same":
            total = dilation[i] * (kernel[i] - 1)
            sides += [total // 2, total - total // 2]
        else:
            sides += [0, 0] if isinstance(padding, str) else [padding[i]] * 2
    return sides

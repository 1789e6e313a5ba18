"""A convolution layer whose filters are not shared: every place of the output has its own weights and bias.

The arithmetic is in ``functional``; this file knows the shapes of the parameters.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from minitensor.errors import ShapeError
from minitensor.nn import functional as F
from minitensor.nn import init
from minitensor.nn.conv import ConvNd, IntOrPair
from minitensor.shapes import conv_output_size, same_padding

if TYPE_CHECKING:
    from minitensor.device import DeviceLike
    from minitensor.dtypes import dtype as Dtype
    from minitensor.tensor import Tensor


class LocallyConnected2d(ConvNd):
    """Slide filters over images as ``Conv2d`` does, but with other filters at every place.

    Without shared weights a filter need not suit every place: useful where the parts of the images lie at fixed places,
    as in aligned faces. PyTorch has no layer of this kind.

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
        input_size: Size of the images, an int or (height, width). The layer takes images of this size alone.

    Shape:
        - Input: (N, in_channels, H, W) or (in_channels, H, W), where (H, W) is ``input_size``
        - Output: (N, out_channels, H_out, W_out) or (out_channels, H_out, W_out), of the sizes that ``Conv2d`` gives

    Attributes:
        weight: (H_out, W_out, out_channels, in_channels / groups, kernel_size[0], kernel_size[1]): ``weight[i, j]`` is
            the weight of a ``Conv2d`` for row i and column j of the output. Drawn from U(-k, k) with k = 1 /
            sqrt(fan_in), where fan_in = in_channels / groups * prod(kernel_size).
        bias: (out_channels, H_out, W_out), drawn from the same distribution, or None.

    Raises:
        ValueError: If ``groups`` is not positive or does not divide both numbers of channels, if ``padding`` is an
            unknown string or ``"same"`` with a stride above 1, or if ``padding_mode`` is unknown. With another
            ``padding_mode`` than ``"zeros"``, also if the input has another number of dims.
        ShapeError: If an option is not an int or 2 of them, if ``input_size`` is too small for the filters, or if the
            input has another number of dims, another number of channels or another size.
        DtypeError: If the input does not have the dtype of the weight.

    >>> import minitensor as torch
    >>> layer = torch.nn.LocallyConnected2d(1, 2, 3, input_size=(5, 6))
    >>> layer(torch.zeros(8, 1, 5, 6)).shape
    torch.Size([8, 2, 3, 4])
    >>> sum(parameter.numel() for parameter in layer.parameters())
    240
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
        *,
        input_size: IntOrPair,
    ) -> None:
        self.input_size = self.sizes("input_size", input_size)  # before the base class, which makes the weight
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, device, dtype
        )

    def parameter_sizes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the shapes of weight and bias."""
        (filters, _), places = super().parameter_sizes(), self.output_places()
        return (*places, *filters), (self.out_channels, *places)

    def output_places(self) -> tuple[int, ...]:
        """Return the height and width of the output."""
        return tuple([conv_output_size(*numbers) for numbers in self.window_options()])

    def window_options(self) -> list[tuple[int, int, int, int, int]]:
        """Return the padded size, kernel, stride, padding (0, as the size has it) and dilation of each dim."""
        options = []
        for i, size in enumerate(self.input_size):
            kernel, gap = self.kernel_size[i], self.dilation[i]
            if self.padding == "same":
                size += sum(same_padding(kernel, gap))
            elif not isinstance(self.padding, str):
                size += 2 * self.padding[i]
            options.append((size, kernel, self.stride[i], 0, gap))
        return options

    def reset_parameters(self) -> None:
        """Draw new values of the weight and the bias from U(-1/sqrt(fan_in), 1/sqrt(fan_in))."""
        fan_in = math.prod(self.weight.shape[3:])
        bound = 1 / math.sqrt(fan_in) if fan_in else 0
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        """Return the sum over each window, weighted by the filters of its place."""
        if tuple(input.shape[-2:]) != self.input_size:
            raise ShapeError(
                f"expected images of size {self.input_size}, the input_size of this layer, got input of shape "
                f"{tuple(input.shape)}"
            )
        input, padding = self.pad_input(input)
        return F.locally_connected2d(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)

    def extra_repr(self) -> str:
        """Return the sizes, and the options that differ from their defaults."""
        return f"{super().extra_repr()}, input_size={self.input_size}"

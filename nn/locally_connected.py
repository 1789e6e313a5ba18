"""A convolution layer whose filters are not shared: every neuron has weights and a bias of its own.

It is what a convolution is before its weights are tied. Where a picture's parts lie at fixed places (faces that were
aligned), a filter need not be good for every place.
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
    """Look at an image through windows, as ``Conv2d`` does, but with other filters at every place.

    Input (N, C_in, H, W) or (C_in, H, W), where (H, W) is ``input_size``; output (N, C_out, H_out, W_out), of
    ``Conv2d``'s sizes. The weight is (H_out, W_out, C_out, C_in / groups, F, F): ``weight[i, j]`` is the weight of a
    ``Conv2d`` for output row i, column j. The bias is (C_out, H_out, W_out). Both start from
    U(-1/sqrt(fan_in), 1/sqrt(fan_in)). PyTorch has no such layer.

    Args:
        input_size: height and width of the images: one number for squares. A layer fits images of this size alone.

    >>> layer = LocallyConnected2d(1, 2, 3, input_size=(5, 6))
    >>> layer(minitensor.zeros(8, 1, 5, 6)).shape
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
        (shared, _), places = super().parameter_sizes(), self.places()
        return (*places, *shared), (self.out_channels, *places)

    def places(self) -> tuple[int, ...]:
        """Return the height and width of the output."""
        return tuple([conv_output_size(*numbers) for numbers in self.numbers()])

    def numbers(self) -> list[tuple[int, int, int, int, int]]:
        """Return padded size, kernel, stride, padding (none left) and dilation for each dim."""
        found = []
        for i, size in enumerate(self.input_size):
            kernel, gap = self.kernel_size[i], self.dilation[i]
            if self.padding == "same":
                size += sum(same_padding(kernel, gap))
            elif not isinstance(self.padding, str):
                size += 2 * self.padding[i]
            found.append((size, kernel, self.stride[i], 0, gap))
        return found

    def reset_parameters(self) -> None:
        """Draw weight and bias anew from U(-1/sqrt(fan_in), 1/sqrt(fan_in))."""
        seen = math.prod(self.weight.shape[3:])
        bound = 1 / math.sqrt(seen) if seen else 0
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        """Return what each neuron makes of its own window."""
        if tuple(input.shape[-2:]) != self.input_size:
            raise ShapeError(
                f"expected images of size {self.input_size}, for which this layer was made, got input of shape "
                f"{tuple(input.shape)}"
            )
        input, padding = self.padded(input)
        return F.locally_connected2d(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)

    def extra_repr(self) -> str:
        """Return the sizes, and what is not at its default."""
        return f"{super().extra_repr()}, input_size={self.input_size}"

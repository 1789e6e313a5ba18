"""Transposed convolution layers: the adjoints of convolutions, which make their input larger."""

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
    """What transposed convolutions of all dimensions share.

    Each size of the output is (in - 1) S - 2P + D (F - 1) + output_padding + 1; a convolution with the same options
    gives the input's size back. Weight (C_in, C_out / groups, *F). Zeros alone can be padded.
    """

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

    def extra(self, input: Tensor, output_size: Sequence[int] | None) -> tuple[int, ...]:
        """Return the output padding that gives the wanted size: where the stride is above 1, several are possible."""
        if output_size is None:
            return self.output_padding
        wanted = list(output_size)[-self.dims :]
        if len(output_size) not in (self.dims, input.ndim):
            raise ArgumentError(
                f"{type(self).__name__}: output_size must have {self.dims} or {input.ndim} elements, got {output_size}"
            )
        found = []
        for i, size in enumerate(input.shape[-self.dims :]):
            step, pad, spread = self.stride[i], self.padding[i], self.dilation[i] * (self.kernel_size[i] - 1)
            least = (size - 1) * step - 2 * int(pad) + spread + 1
            if not least <= wanted[i] < least + step:
                raise ArgumentError(
                    f"requested an output size of {wanted}, but valid sizes of dim {i} range from {least} to "
                    f"{least + step - 1} (for an input of {tuple(input.shape)})"
                )
            found.append(wanted[i] - least)
        return tuple(found)


class ConvTranspose1d(ConvTransposeNd):
    """Lay a filter on a sequence for each of its entries: input (N, C_in, L) or (C_in, L)."""

    dims = 1

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Return the transposed convolution, of a size that may be chosen."""
        extra = self.extra(input, output_size)
        return F.conv_transpose1d(
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation
        )


class ConvTranspose2d(ConvTransposeNd):
    """Lay a filter on an image for each of its pixels: input (N, C_in, H, W) or (C_in, H, W).

    >>> ConvTranspose2d(16, 3, 2, stride=2)(minitensor.zeros(1, 16, 12, 12)).shape
    torch.Size([1, 3, 24, 24])
    """

    dims = 2

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Return the transposed convolution, of a size that may be chosen."""
        extra = self.extra(input, output_size)
        return F.conv_transpose2d(
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation
        )


class ConvTranspose3d(ConvTransposeNd):
    """Lay a filter in a volume for each of its cells: input (N, C_in, D, H, W) or (C_in, D, H, W)."""

    dims = 3

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Return the transposed convolution, of a size that may be chosen."""
        extra = self.extra(input, output_size)
        return F.conv_transpose3d(
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation
        )

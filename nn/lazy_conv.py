"""Lazy convolutions, plain and transposed: the number of input channels comes with the first input.

How a layer waits for its first input is told in ``lazy.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.errors import ShapeError
from minitensor.nn.conv import Conv1d, Conv2d, Conv3d, ConvNd, check_groups
from minitensor.nn.conv_transpose import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d, ConvTransposeNd
from minitensor.nn.lazy import LazyModuleMixin
from minitensor.nn.parameter import UninitializedParameter

if TYPE_CHECKING:
    from minitensor.device import DeviceLike
    from minitensor.dtypes import dtype as Dtype
    from minitensor.tensor import Tensor


class LazyConvNd(LazyModuleMixin, ConvNd):
    """The common base of lazy convolutions, transposed or not."""

    def _wait_for_input(self, out_channels: int, bias: bool, device: DeviceLike, dtype: Dtype | None) -> None:
        self.out_channels = out_channels
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        """Draw new values of the weight and the bias, if they have a shape."""
        if not self.has_uninitialized_params() and self.in_channels:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor, *args: Any, **kwargs: Any) -> None:
        """Take ``in_channels`` from the input."""
        sample_rank = self.dims + 1
        if input.ndim not in (sample_rank, sample_rank + 1):
            raise ShapeError(
                f"Expected {sample_rank}D (unbatched) or {sample_rank + 1}D (batched) input to {type(self).__name__}, "
                f"but got input of size: {tuple(input.shape)}"
            )
        if self.has_uninitialized_params():
            self.in_channels = input.shape[-sample_rank]
            check_groups(self.in_channels, self.out_channels, self.groups)
            weights, biases = self.parameter_sizes()
            self._materialize(weight=weights, bias=biases)
            self.reset_parameters()
        # A weight that was loaded from a state dict may have another size than the input.
        dim, groups = (0, 1) if self.transposed else (1, self.groups)
        self.in_channels = self.weight.shape[dim] * groups


class LazyConv(LazyConvNd):
    """The common base of the lazy convolutions."""

    def __init__(
        self,
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
        super().__init__(0, 0, kernel_size, stride, padding, dilation, groups, False, padding_mode, device, dtype)
        self._wait_for_input(out_channels, bias, device, dtype)


class LazyConv1d(LazyConv, Conv1d):
    """A ``Conv1d`` that takes ``in_channels`` from its first input.

    Its parameters have no shape until the first call, which turns it into a plain ``Conv1d``. See ``LazyModuleMixin``.

    Args:
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
    >>> layer = torch.nn.LazyConv1d(6, 3)
    >>> layer(torch.zeros(1, 2, 5)).shape
    torch.Size([1, 6, 3])
    >>> layer
    Conv1d(2, 6, kernel_size=(3,), stride=(1,))
    """

    cls_to_become = Conv1d


class LazyConv2d(LazyConv, Conv2d):
    """A ``Conv2d`` that takes ``in_channels`` from its first input.

    Its parameters have no shape until the first call, which turns it into a plain ``Conv2d``. See ``LazyModuleMixin``.

    Args:
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
    >>> layer = torch.nn.LazyConv2d(6, 3)
    >>> layer(torch.zeros(1, 2, 5, 5)).shape
    torch.Size([1, 6, 3, 3])
    >>> layer
    Conv2d(2, 6, kernel_size=(3, 3), stride=(1, 1))
    """

    cls_to_become = Conv2d


class LazyConv3d(LazyConv, Conv3d):
    """A ``Conv3d`` that takes ``in_channels`` from its first input.

    Its parameters have no shape until the first call, which turns it into a plain ``Conv3d``. See ``LazyModuleMixin``.

    Args:
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
    >>> layer = torch.nn.LazyConv3d(6, 3)
    >>> layer(torch.zeros(1, 2, 5, 5, 5)).shape
    torch.Size([1, 6, 3, 3, 3])
    >>> layer
    Conv3d(2, 6, kernel_size=(3, 3, 3), stride=(1, 1, 1))
    """

    cls_to_become = Conv3d


class LazyConvTranspose(LazyConvNd, ConvTransposeNd):
    """The common base of the lazy transposed convolutions."""

    def __init__(
        self,
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
        super().__init__(
            0, 0, kernel_size, stride, padding, output_padding, groups, False, dilation, padding_mode, device, dtype
        )
        self._wait_for_input(out_channels, bias, device, dtype)


class LazyConvTranspose1d(LazyConvTranspose, ConvTranspose1d):
    """A ``ConvTranspose1d`` that takes ``in_channels`` from its first input.

    Its parameters have no shape until the first call, which turns it into a plain ``ConvTranspose1d``. See
    ``LazyModuleMixin``.

    Args:
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
    >>> layer = torch.nn.LazyConvTranspose1d(6, 3)
    >>> layer(torch.zeros(1, 2, 5)).shape
    torch.Size([1, 6, 7])
    >>> layer.in_channels
    2
    """

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(LazyConvTranspose, ConvTranspose2d):
    """A ``ConvTranspose2d`` that takes ``in_channels`` from its first input.

    Its parameters have no shape until the first call, which turns it into a plain ``ConvTranspose2d``. See
    ``LazyModuleMixin``.

    Args:
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
    >>> layer = torch.nn.LazyConvTranspose2d(6, 3)
    >>> layer(torch.zeros(1, 2, 5, 5)).shape
    torch.Size([1, 6, 7, 7])
    >>> layer.in_channels
    2
    """

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(LazyConvTranspose, ConvTranspose3d):
    """A ``ConvTranspose3d`` that takes ``in_channels`` from its first input.

    Its parameters have no shape until the first call, which turns it into a plain ``ConvTranspose3d``. See
    ``LazyModuleMixin``.

    Args:
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
    >>> layer = torch.nn.LazyConvTranspose3d(6, 3)
    >>> layer(torch.zeros(1, 2, 5, 5, 5)).shape
    torch.Size([1, 6, 7, 7, 7])
    >>> layer.in_channels
    2
    """

    cls_to_become = ConvTranspose3d

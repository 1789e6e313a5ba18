"""Building blocks of the networks in ``vision.models``, and boxes, under the names of ``torchvision.ops``.

A block is a layer like any other: it knows its channels, not the network it stands in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from minitensor import nn
from minitensor.compat.reasons import attributes_of
from minitensor.errors import ArgumentError
from minitensor.ops.creation import empty, ones, zeros
from minitensor.tensor import Tensor
from minitensor.vision.boxes import (
    batched_nms,
    box_area,
    box_convert,
    box_iou,
    clip_boxes_to_image,
    complete_box_iou,
    distance_box_iou,
    generalized_box_iou,
    masks_to_boxes,
    nms,
    remove_small_boxes,
    sigmoid_focal_loss,
)

__path__: list[str] = []  # as that of a package, so that torchvision's parts of it can be imported

__all__ = [
    "MLP", "Conv2dNormActivation", "Conv3dNormActivation", "FrozenBatchNorm2d", "Permute", "SqueezeExcitation",
    "StochasticDepth", "batched_nms", "box_area", "box_convert", "box_iou", "clip_boxes_to_image", "complete_box_iou",
    "distance_box_iou", "generalized_box_iou", "masks_to_boxes", "nms", "remove_small_boxes", "sigmoid_focal_loss",
    "stochastic_depth",
]  # fmt: skip

Layer = Callable[..., nn.Module]
Sizes = int | tuple[int, ...]


class ConvNormActivation(nn.Sequential):
    """A convolution, a norm and an activation, one after the other. Of it come the layers for two and three dims."""

    conv_layer: Layer

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes = 3,
        stride: Sizes = 1,
        padding: Sizes | str | None = None,
        groups: int = 1,
        norm_layer: Layer | None = nn.BatchNorm2d,
        activation_layer: Layer | None = nn.ReLU,
        dilation: Sizes = 1,
        inplace: bool | None = True,
        bias: bool | None = None,
    ) -> None:
        convolution = self.conv_layer(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            same_padding(kernel_size, dilation) if padding is None else padding,
            dilation=dilation,
            groups=groups,
            bias=norm_layer is None if bias is None else bias,
        )
        norm = [] if norm_layer is None else [norm_layer(out_channels)]
        activation = [] if activation_layer is None else [activation_layer(**in_place(inplace))]
        super().__init__(convolution, *norm, *activation)
        self.out_channels = out_channels


class Conv2dNormActivation(ConvNormActivation):
    """A 2-d convolution, followed by a norm and an activation.

    Args:
        in_channels: The number of channels C of the input.
        out_channels: The number of channels K of the output; also the attribute ``out_channels``.
        kernel_size: The size of the filters. Default: ``3``
        stride: The step of the windows. Default: ``1``
        padding: Zeros added to all four sides. Default: ``None``, which keeps the size at stride 1 and odd filters.
        groups: The number of separate groups of channels. Default: ``1``
        norm_layer: Makes the norm from the number of channels; None for none. Default: ``nn.BatchNorm2d``
        activation_layer: Makes the activation; None for none. Default: ``nn.ReLU``
        dilation: The distance of a filter's elements. Default: ``1``
        inplace: Passed to the activation; None does not pass it. Default: ``True``
        bias: Whether the convolution has a bias. Default: ``None``, which means only where there is no norm.

    Shape:
        - Input: (N, C, H, W) or (C, H, W)
        - Output: (N, K, H', W') or (K, H', W')

    >>> import minitensor as torch
    >>> from minitensor.vision import ops
    >>> ops.Conv2dNormActivation(3, 8, stride=2)(torch.ones(1, 3, 8, 8)).shape
    torch.Size([1, 8, 4, 4])
    """

    conv_layer = nn.Conv2d


class Conv3dNormActivation(ConvNormActivation):
    """A 3-d convolution, followed by a norm and an activation.

    Args:
        in_channels: The number of channels C of the input.
        out_channels: The number of channels K of the output; also the attribute ``out_channels``.
        kernel_size: The size of the filters. Default: ``3``
        stride: The step of the windows. Default: ``1``
        padding: Zeros added to all six sides. Default: ``None``, which keeps the size at stride 1 and odd filters.
        groups: The number of separate groups of channels. Default: ``1``
        norm_layer: Makes the norm from the number of channels; None for none. Default: ``nn.BatchNorm3d``
        activation_layer: Makes the activation; None for none. Default: ``nn.ReLU``
        dilation: The distance of a filter's elements. Default: ``1``
        inplace: Passed to the activation; None does not pass it. Default: ``True``
        bias: Whether the convolution has a bias. Default: ``None``, which means only where there is no norm.

    Shape:
        - Input: (N, C, D, H, W) or (C, D, H, W)
        - Output: (N, K, D', H', W') or (K, D', H', W')

    >>> import minitensor as torch
    >>> from minitensor.vision import ops
    >>> ops.Conv3dNormActivation(1, 4)(torch.ones(1, 1, 4, 4, 4)).shape
    torch.Size([1, 4, 4, 4, 4])
    """

    conv_layer = nn.Conv3d

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes = 3,
        stride: Sizes = 1,
        padding: Sizes | str | None = None,
        groups: int = 1,
        norm_layer: Layer | None = nn.BatchNorm3d,
        activation_layer: Layer | None = nn.ReLU,
        dilation: Sizes = 1,
        inplace: bool | None = True,
        bias: bool | None = None,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, groups, norm_layer, activation_layer, dilation,
            inplace, bias,
        )  # fmt: skip


class SqueezeExcitation(nn.Module):
    """Scale each channel by a factor that two small layers compute from the means of all channels.

    Source: Hu et al., Squeeze-and-Excitation Networks, https://arxiv.org/abs/1709.01507

    Args:
        input_channels: The number of channels C.
        squeeze_channels: The number of channels between the two layers.
        activation: Makes the activation between them. Default: ``nn.ReLU``
        scale_activation: Makes the activation that gives the factors. Default: ``nn.Sigmoid``

    Shape:
        - Input: (N, C, H, W)
        - Output: (N, C, H, W)

    >>> import minitensor as torch
    >>> from minitensor.vision import ops
    >>> ops.SqueezeExcitation(8, 2)(torch.ones(1, 8, 4, 4)).shape
    torch.Size([1, 8, 4, 4])
    """

    def __init__(
        self,
        input_channels: int,
        squeeze_channels: int,
        activation: Layer = nn.ReLU,
        scale_activation: Layer = nn.Sigmoid,
    ) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(input_channels, squeeze_channels, 1)
        self.fc2 = nn.Conv2d(squeeze_channels, input_channels, 1)
        self.activation = activation()
        self.scale_activation = scale_activation()

    def forward(self, input: Tensor) -> Tensor:
        scale: Tensor = self.scale_activation(self.fc2(self.activation(self.fc1(self.avgpool(input)))))
        return scale * input


class MLP(nn.Sequential):
    """Linear layers, with a norm, an activation and dropout after each but the last, which has dropout alone.

    Args:
        in_channels: The size C of the input's last dim.
        hidden_channels: The sizes of the layers; the last is the output's.
        norm_layer: Makes a norm from a size; None for none. Default: ``None``
        activation_layer: Makes an activation. Default: ``nn.ReLU``
        inplace: Passed to activations and dropouts; None does not pass it. Default: ``None``
        bias: Whether the linear layers have biases. Default: ``True``
        dropout: The probability of dropout. Default: ``0.0``

    Shape:
        - Input: (..., C)
        - Output: (..., K), where K is the last of ``hidden_channels``

    >>> import minitensor as torch
    >>> from minitensor.vision import ops
    >>> ops.MLP(4, [8, 2])(torch.ones(3, 4)).shape
    torch.Size([3, 2])
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: Sequence[int],
        norm_layer: Layer | None = None,
        activation_layer: Layer | None = nn.ReLU,
        inplace: bool | None = None,
        bias: bool = True,
        dropout: float = 0.0,
    ) -> None:
        *hidden, out_channels = hidden_channels
        layers: list[nn.Module] = []
        for size in hidden:
            layers.append(nn.Linear(in_channels, size, bias=bias))
            layers += [] if norm_layer is None else [norm_layer(size)]
            layers += [] if activation_layer is None else [activation_layer(**in_place(inplace))]
            layers.append(nn.Dropout(dropout, **in_place(inplace)))
            in_channels = size
        last = nn.Linear(in_channels, out_channels, bias=bias)
        super().__init__(*layers, last, nn.Dropout(dropout, **in_place(inplace)))


class Permute(nn.Module):
    """Permute the dims of the input, as a view.

    Args:
        dims: The order of the dims.

    Shape:
        - Input: (*)
        - Output: (*), permuted

    >>> import minitensor as torch
    >>> from minitensor.vision import ops
    >>> ops.Permute([0, 2, 1])(torch.ones(1, 2, 3)).shape
    torch.Size([1, 3, 2])
    """

    def __init__(self, dims: Sequence[int]) -> None:
        super().__init__()
        self.dims = dims

    def forward(self, input: Tensor) -> Tensor:
        return input.permute(tuple(self.dims))


class FrozenBatchNorm2d(nn.Module):
    """Batch normalization whose statistics, scales and biases are fixed: it holds buffers and learns nothing.

    Args:
        num_features: The number of channels C.
        eps: Added to the variances. Default: ``1e-05``

    Shape:
        - Input: (N, C, H, W)
        - Output: (N, C, H, W)

    >>> import minitensor as torch
    >>> from minitensor.vision import ops
    >>> ops.FrozenBatchNorm2d(2, eps=0.0)(torch.ones(1, 2, 1, 1)).flatten()
    tensor([1., 1.])
    """

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, num_features: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.register_buffer("weight", ones(num_features))
        self.register_buffer("bias", zeros(num_features))
        self.register_buffer("running_mean", zeros(num_features))
        self.register_buffer("running_var", ones(num_features))

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        state_dict.pop(f"{prefix}num_batches_tracked", None)  # in checkpoints of BatchNorm2d
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def forward(self, input: Tensor) -> Tensor:
        scale = self.weight * (self.running_var + self.eps).rsqrt()
        bias = self.bias - self.running_mean * scale
        return input * scale.reshape(1, -1, 1, 1) + bias.reshape(1, -1, 1, 1)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.weight.shape[0]}, eps={self.eps})"


class StochasticDepth(nn.Module):
    """Drop whole residual branches at random while training. See ``stochastic_depth``.

    Args:
        p: The probability that a branch is dropped.
        mode: ``"batch"`` drops it for the whole batch, ``"row"`` for single rows.

    Shape:
        - Input: (N, *)
        - Output: (N, *)

    Raises:
        ValueError: When called, if ``p`` is not in [0, 1], or ``mode`` is another word.

    >>> import minitensor as torch
    >>> from minitensor.vision import ops
    >>> ops.StochasticDepth(0.5, "row").eval()(torch.ones(2, 1)).flatten()
    tensor([1., 1.])
    """

    def __init__(self, p: float, mode: str) -> None:
        super().__init__()
        self.p = p
        self.mode = mode

    def forward(self, input: Tensor) -> Tensor:
        return stochastic_depth(input, self.p, self.mode, self.training)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p}, mode={self.mode})"


def stochastic_depth(input: Tensor, p: float, mode: str, training: bool = True) -> Tensor:
    """Zero the whole input, or whole rows of it, at random, and scale what stays by 1 / (1 - p).

    Source: Huang et al., Deep Networks with Stochastic Depth, https://arxiv.org/abs/1603.09382

    Args:
        input: The output of a residual branch, (N, ...).
        p: The probability of zeros.
        mode: ``"batch"`` zeroes all rows together, ``"row"`` single ones.
        training: Without it, the input is returned. Default: ``True``

    Raises:
        ValueError: If ``p`` is not in [0, 1], or ``mode`` is another word.

    >>> import minitensor as torch
    >>> from minitensor.vision import ops
    >>> ops.stochastic_depth(torch.ones(2, 3), p=1.0, mode="batch")
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    if not 0.0 <= p <= 1.0:
        raise ArgumentError(f"stochastic_depth: p must be between 0 and 1, got {p}")
    if mode not in ("batch", "row"):
        raise ArgumentError(f"stochastic_depth: mode must be 'batch' or 'row', got {mode!r}")
    if not training or p == 0.0:
        return input
    rows = input.shape[0] if mode == "row" else 1
    noise = empty([rows] + [1] * (input.ndim - 1), dtype=input.dtype, device=input.device).bernoulli_(1.0 - p)
    return input * (noise if p == 1.0 else noise.div_(1.0 - p))


def same_padding(kernel_size: Sizes, dilation: Sizes) -> Sizes:
    """Return the padding that keeps the size at stride 1, for odd filters."""
    if isinstance(kernel_size, int) and isinstance(dilation, int):
        return (kernel_size - 1) // 2 * dilation
    dims = len(kernel_size) if isinstance(kernel_size, tuple) else len(dilation)  # type: ignore[arg-type]  # one is
    kernels = kernel_size if isinstance(kernel_size, tuple) else (kernel_size,) * dims
    dilations = dilation if isinstance(dilation, tuple) else (dilation,) * dims
    return tuple((kernel - 1) // 2 * step for kernel, step in zip(kernels, dilations, strict=True))


def in_place(inplace: bool | None) -> dict[str, bool]:
    """Return ``inplace`` as a keyword argument, if it is to be passed."""
    return {} if inplace is None else {"inplace": inplace}


def divisible(channels: float, divisor: int = 8) -> int:
    """Round a number of channels to a multiple of ``divisor``, by which it does not lose more than a tenth."""
    nearest = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return nearest + divisor if nearest < 0.9 * channels else nearest


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)

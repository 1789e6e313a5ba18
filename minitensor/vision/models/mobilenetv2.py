"""MobileNet v2: depthwise convolutions between 1x1 ones, with shortcuts between the narrow ends of blocks.

Source: Sandler et al., Inverted Residuals and Linear Bottlenecks, https://arxiv.org/abs/1801.04381
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minitensor import nn
from minitensor.errors import ArgumentError
from minitensor.tensor import Tensor
from minitensor.vision.models.initialization import initialize_for_relu
from minitensor.vision.models.weights import Weights, build
from minitensor.vision.ops import Conv2dNormActivation, Layer, divisible

__all__ = ["MobileNetV2", "mobilenet_v2"]

# Of each stage: expansion t, channels c, blocks n, stride s of the first one (table 2 of the paper).
SETTING = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


class InvertedResidual(nn.Module):
    """Widen by 1x1, filter each channel by 3x3, narrow by 1x1; add the input where the shapes agree.

    Args:
        inp: The number of channels of the input.
        oup: The number of channels of the output.
        stride: The stride of the 3x3 filters, 1 or 2.
        expand_ratio: How many times wider the block is inside.
        norm_layer: Makes a norm from a number of channels. Default: ``None``, ``nn.BatchNorm2d``

    Shape:
        - Input: (N, inp, H, W)
        - Output: (N, oup, H / stride, W / stride)

    Raises:
        ValueError: If ``stride`` is not 1 or 2.
    """

    def __init__(self, inp: int, oup: int, stride: int, expand_ratio: int, norm_layer: Layer | None = None) -> None:
        super().__init__()
        if stride not in (1, 2):
            raise ArgumentError(f"InvertedResidual: stride must be 1 or 2, got {stride}")
        norm = norm_layer or nn.BatchNorm2d
        hidden = round(inp * expand_ratio)
        layers: list[nn.Module] = []
        if expand_ratio != 1:
            layers.append(Conv2dNormActivation(inp, hidden, 1, norm_layer=norm, activation_layer=nn.ReLU6))
        layers += [
            Conv2dNormActivation(
                hidden, hidden, stride=stride, groups=hidden, norm_layer=norm, activation_layer=nn.ReLU6
            ),
            nn.Conv2d(hidden, oup, kernel_size=1, bias=False),
            norm(oup),
        ]
        self.stride = stride
        self.conv = nn.Sequential(*layers)
        self.out_channels = oup
        self.use_res_connect = stride == 1 and inp == oup

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(x)
        return x + out if self.use_res_connect else out


class MobileNetV2(nn.Module):
    """A convolution, seven stages of inverted residuals, a 1x1 convolution and a linear classifier.

    Args:
        num_classes: The number of classes. Default: ``1000``
        width_mult: Multiplies the numbers of channels. Default: ``1.0``
        inverted_residual_setting: Of each stage, (expansion, channels, blocks, stride). Default: ``None``, the paper's
        round_nearest: Numbers of channels are multiples of it. Default: ``8``
        block: Makes a block. Default: ``None``, ``InvertedResidual``
        norm_layer: Makes a norm from a number of channels. Default: ``None``, ``nn.BatchNorm2d``
        dropout: The probability of dropout before the classifier. Default: ``0.2``

    Shape:
        - Input: (N, 3, H, W)
        - Output: (N, num_classes)

    Raises:
        ValueError: If a stage of ``inverted_residual_setting`` has not four elements.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> models.MobileNetV2(10, width_mult=0.25)(torch.ones(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(
        self,
        num_classes: int = 1000,
        width_mult: float = 1.0,
        inverted_residual_setting: Sequence[Sequence[int]] | None = None,
        round_nearest: int = 8,
        block: Layer | None = None,
        norm_layer: Layer | None = None,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        setting = SETTING if inverted_residual_setting is None else inverted_residual_setting
        if not setting or any(len(stage) != 4 for stage in setting):
            raise ArgumentError(f"MobileNetV2: inverted_residual_setting must have stages of 4 elements, got {setting}")
        block, norm = block or InvertedResidual, norm_layer or nn.BatchNorm2d
        channels = divisible(32 * width_mult, round_nearest)
        self.last_channel = divisible(1280 * max(1.0, width_mult), round_nearest)
        features: list[nn.Module] = [
            Conv2dNormActivation(3, channels, stride=2, norm_layer=norm, activation_layer=nn.ReLU6)
        ]
        for expansion, width, blocks, stride in setting:
            out_channels = divisible(width * width_mult, round_nearest)
            for index in range(blocks):
                step = stride if index == 0 else 1
                features.append(block(channels, out_channels, step, expand_ratio=expansion, norm_layer=norm))
                channels = out_channels
        features.append(
            Conv2dNormActivation(channels, self.last_channel, 1, norm_layer=norm, activation_layer=nn.ReLU6)
        )
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(self.last_channel, num_classes))
        self.apply(initialize_for_relu)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(nn.functional.adaptive_avg_pool2d(self.features(x), (1, 1)).flatten(1))
        return logits


def mobilenet_v2(*, weights: Weights = None, progress: bool = True, **options: Any) -> MobileNetV2:
    """Build MobileNet v2 (3.5 million parameters).

    Args:
        weights: The path of a checkpoint to load, in PyTorch's format or of safetensors. Default: ``None``
        progress: Accepted for torchvision compatibility; nothing is downloaded. Default: ``True``
        options: Arguments of ``MobileNetV2``.

    Raises:
        FileNotFoundError: If ``weights`` is not the path of a file.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.mobilenet_v2()
    >>> sum(parameter.numel() for parameter in model.parameters())
    3504872
    """
    return build(MobileNetV2, weights, options)

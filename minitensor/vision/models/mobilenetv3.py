"""MobileNet v3: inverted residuals with squeeze-and-excitation and hard swish, found by a search.

Source: Howard et al., Searching for MobileNetV3, https://arxiv.org/abs/1905.02244
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from minitensor import nn
from minitensor.errors import ArgumentError
from minitensor.tensor import Tensor
from minitensor.vision.models.initialization import initialize_for_relu
from minitensor.vision.models.weights import Weights, build
from minitensor.vision.ops import Conv2dNormActivation, Layer, SqueezeExcitation, divisible

__all__ = ["MobileNetV3", "mobilenet_v3_large", "mobilenet_v3_small"]


class Block(NamedTuple):
    """A line of the paper's tables 1 and 2: the sizes of a block, and what it has."""

    input_channels: int
    kernel: int
    expanded_channels: int
    out_channels: int
    use_se: bool
    activation: str  # RE or HS: ReLU or hard swish
    stride: int
    dilation: int = 1


LARGE = (
    Block(16, 3, 16, 16, False, "RE", 1),
    Block(16, 3, 64, 24, False, "RE", 2),
    Block(24, 3, 72, 24, False, "RE", 1),
    Block(24, 5, 72, 40, True, "RE", 2),
    Block(40, 5, 120, 40, True, "RE", 1),
    Block(40, 5, 120, 40, True, "RE", 1),
    Block(40, 3, 240, 80, False, "HS", 2),
    Block(80, 3, 200, 80, False, "HS", 1),
    Block(80, 3, 184, 80, False, "HS", 1),
    Block(80, 3, 184, 80, False, "HS", 1),
    Block(80, 3, 480, 112, True, "HS", 1),
    Block(112, 3, 672, 112, True, "HS", 1),
    Block(112, 5, 672, 160, True, "HS", 2),
    Block(160, 5, 960, 160, True, "HS", 1),
    Block(160, 5, 960, 160, True, "HS", 1),
)
SMALL = (
    Block(16, 3, 16, 16, True, "RE", 2),
    Block(16, 3, 72, 24, False, "RE", 2),
    Block(24, 3, 88, 24, False, "RE", 1),
    Block(24, 5, 96, 40, True, "HS", 2),
    Block(40, 5, 240, 40, True, "HS", 1),
    Block(40, 5, 240, 40, True, "HS", 1),
    Block(40, 5, 120, 48, True, "HS", 1),
    Block(48, 5, 144, 48, True, "HS", 1),
    Block(48, 5, 288, 96, True, "HS", 2),
    Block(96, 5, 576, 96, True, "HS", 1),
    Block(96, 5, 576, 96, True, "HS", 1),
)
TAIL = 3  # the blocks at the end that ``reduced_tail`` narrows and ``dilated`` dilates


class InvertedResidual(nn.Module):
    """Widen by 1x1, filter each channel, weigh the channels, narrow by 1x1; add the input where the shapes agree."""

    def __init__(self, cnf: Block, norm_layer: Layer) -> None:
        super().__init__()
        activation = nn.Hardswish if cnf.activation == "HS" else nn.ReLU
        conv = partial(Conv2dNormActivation, norm_layer=norm_layer)
        width = cnf.expanded_channels
        layers: list[nn.Module] = []
        if width != cnf.input_channels:
            layers.append(conv(cnf.input_channels, width, 1, activation_layer=activation))
        stride = 1 if cnf.dilation > 1 else cnf.stride
        filters: dict[str, Any] = {"groups": width, "dilation": cnf.dilation, "activation_layer": activation}
        layers.append(conv(width, width, cnf.kernel, stride, **filters))
        if cnf.use_se:
            layers.append(SqueezeExcitation(width, divisible(width // 4), scale_activation=nn.Hardsigmoid))
        layers.append(conv(width, cnf.out_channels, 1, activation_layer=None))
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        self.block = nn.Sequential(*layers)
        self.out_channels = cnf.out_channels

    def forward(self, input: Tensor) -> Tensor:
        out: Tensor = self.block(input)
        return out + input if self.use_res_connect else out


class MobileNetV3(nn.Module):
    """A convolution, blocks, a 1x1 convolution, and a classifier of two linear layers.

    Args:
        inverted_residual_setting: The blocks, lines of the paper's tables.
        last_channel: The number of features between the two linear layers.
        num_classes: The number of classes. Default: ``1000``
        block: Makes a block. Default: ``None``, ``InvertedResidual``
        norm_layer: Makes a norm from a number of channels. Default: ``None``, ``nn.BatchNorm2d`` with an ``eps`` of
            0.001 and a ``momentum`` of 0.01
        dropout: The probability of dropout before the last layer. Default: ``0.2``

    Shape:
        - Input: (N, 3, H, W)
        - Output: (N, num_classes)

    Raises:
        ValueError: If there is no block.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> model = models.MobileNetV3(models.mobilenetv3.SMALL, last_channel=64, num_classes=10)
    >>> model(torch.ones(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(
        self,
        inverted_residual_setting: Sequence[Block],
        last_channel: int,
        num_classes: int = 1000,
        block: Layer | None = None,
        norm_layer: Layer | None = None,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        if not inverted_residual_setting:
            raise ArgumentError("MobileNetV3: inverted_residual_setting must have at least one block, got none")
        block = block or InvertedResidual
        norm = norm_layer or partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)
        first, last = inverted_residual_setting[0].input_channels, inverted_residual_setting[-1].out_channels
        conv = partial(Conv2dNormActivation, norm_layer=norm, activation_layer=nn.Hardswish)
        stem = conv(3, first, stride=2)
        blocks = [block(cnf, norm) for cnf in inverted_residual_setting]
        self.features = nn.Sequential(stem, *blocks, conv(last, 6 * last, 1))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Linear(6 * last, last_channel),
            nn.Hardswish(inplace=True),
            nn.Dropout(p=dropout, inplace=True),
            nn.Linear(last_channel, num_classes),
        )
        self.apply(initialize_for_relu)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.avgpool(self.features(x)).flatten(1))
        return logits


def scale(
    table: Sequence[Block], last: int, width_mult: float = 1.0, reduced_tail: bool = False, dilated: bool = False
) -> tuple[list[Block], int]:
    """Scale the channels of a table and of the last layer; narrow the tail, or dilate its filters, if asked to."""
    factor, dilation = 2 if reduced_tail else 1, 2 if dilated else 1
    start = len(table) - TAIL

    def at(index: int, line: Block) -> Block:
        inside, narrow = (factor if index > start else 1), (factor if index >= start else 1)
        return line._replace(
            input_channels=divisible(line.input_channels // inside * width_mult),
            expanded_channels=divisible(line.expanded_channels // inside * width_mult),
            out_channels=divisible(line.out_channels // narrow * width_mult),
            dilation=dilation if index >= start else 1,
        )

    return [at(index, line) for index, line in enumerate(table)], divisible(last // factor * width_mult)


def build_mobilenet(table: Sequence[Block], last: int, weights: Weights, options: dict[str, Any]) -> MobileNetV3:
    """Build a network from a table, scaled by those of the options that concern the table."""
    scaling = {name: options.pop(name) for name in ("width_mult", "reduced_tail", "dilated") if name in options}
    return build(MobileNetV3, weights, options, *scale(table, last, **scaling))


def mobilenet_v3_large(*, weights: Weights = None, progress: bool = True, **options: Any) -> MobileNetV3:
    """Build the large MobileNet v3 (5.5 million parameters).

    Args:
        weights: The path of a checkpoint to load, in PyTorch's format or of safetensors. Default: ``None``
        progress: Accepted for torchvision compatibility; nothing is downloaded. Default: ``True``
        options: Arguments of ``MobileNetV3``, and ``width_mult``, which multiplies the numbers of channels,
            ``reduced_tail``, which halves those of the last blocks, and ``dilated``, which dilates their filters.

    Raises:
        FileNotFoundError: If ``weights`` is not the path of a file.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.mobilenet_v3_large()
    >>> sum(parameter.numel() for parameter in model.parameters())
    5483032
    """
    return build_mobilenet(LARGE, 1280, weights, options)


def mobilenet_v3_small(*, weights: Weights = None, progress: bool = True, **options: Any) -> MobileNetV3:
    """Build the small MobileNet v3 (2.5 million parameters). Arguments as for ``mobilenet_v3_large``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.mobilenet_v3_small()
    >>> sum(parameter.numel() for parameter in model.parameters())
    2542856
    """
    return build_mobilenet(SMALL, 1024, weights, options)

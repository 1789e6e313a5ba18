"""EfficientNet: depth, width and resolution grow together from one small network; v2 fuses its first convolutions.

Sources: Tan and Le, https://arxiv.org/abs/1905.11946 and https://arxiv.org/abs/2104.00298 (v2)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from minitensor import nn
from minitensor.errors import ArgumentError
from minitensor.tensor import Tensor
from minitensor.vision.models.initialization import zero_bias
from minitensor.vision.models.weights import Weights, build
from minitensor.vision.ops import Conv2dNormActivation, Layer, SqueezeExcitation, StochasticDepth, divisible

__all__ = [
    "EfficientNet", "efficientnet_b0", "efficientnet_b1", "efficientnet_b2", "efficientnet_b3", "efficientnet_b4",
    "efficientnet_b5", "efficientnet_b6", "efficientnet_b7", "efficientnet_v2_l", "efficientnet_v2_m",
    "efficientnet_v2_s",
]  # fmt: skip


class Stage(NamedTuple):
    """A line of the papers' tables: blocks of one kind, the first of which takes the stride."""

    expand_ratio: int
    kernel: int
    stride: int
    input_channels: int
    out_channels: int
    num_layers: int
    is_fused: bool = False


# Table 1 of the first paper, which width and depth scale.
B0 = (
    Stage(1, 3, 1, 32, 16, 1),
    Stage(6, 3, 2, 16, 24, 2),
    Stage(6, 5, 2, 24, 40, 2),
    Stage(6, 3, 2, 40, 80, 3),
    Stage(6, 5, 1, 80, 112, 3),
    Stage(6, 5, 2, 112, 192, 4),
    Stage(6, 3, 1, 192, 320, 1),
)
V2_S = (
    Stage(1, 3, 1, 24, 24, 2, True),
    Stage(4, 3, 2, 24, 48, 4, True),
    Stage(4, 3, 2, 48, 64, 4, True),
    Stage(4, 3, 2, 64, 128, 6),
    Stage(6, 3, 1, 128, 160, 9),
    Stage(6, 3, 2, 160, 256, 15),
)
V2_M = (
    Stage(1, 3, 1, 24, 24, 3, True),
    Stage(4, 3, 2, 24, 48, 5, True),
    Stage(4, 3, 2, 48, 80, 5, True),
    Stage(4, 3, 2, 80, 160, 7),
    Stage(6, 3, 1, 160, 176, 14),
    Stage(6, 3, 2, 176, 304, 18),
    Stage(6, 3, 1, 304, 512, 5),
)
V2_L = (
    Stage(1, 3, 1, 32, 32, 4, True),
    Stage(4, 3, 2, 32, 64, 7, True),
    Stage(4, 3, 2, 64, 96, 7, True),
    Stage(4, 3, 2, 96, 192, 10),
    Stage(6, 3, 1, 192, 224, 19),
    Stage(6, 3, 2, 224, 384, 25),
    Stage(6, 3, 1, 384, 640, 7),
)


class MBConv(nn.Module):
    """An inverted residual with squeeze-and-excitation, dropped at random while training.

    Source: figure 2 of the second paper. ``is_fused`` has one full convolution in place of the first two.
    """

    def __init__(self, cnf: Stage, stochastic_depth_prob: float, norm_layer: Layer) -> None:
        super().__init__()
        conv = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.SiLU)
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        layers = full_convolutions if cnf.is_fused else depthwise_convolutions
        self.block = nn.Sequential(*layers(cnf, conv))
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.out_channels = cnf.out_channels

    def forward(self, input: Tensor) -> Tensor:
        out: Tensor = self.block(input)
        return self.stochastic_depth(out) + input if self.use_res_connect else out


def depthwise_convolutions(cnf: Stage, conv: Layer) -> list[nn.Module]:
    """Return the layers of a block that filters each channel by itself."""
    width = divisible(cnf.input_channels * cnf.expand_ratio)
    squeeze = max(1, cnf.input_channels // 4)
    expansion = [conv(cnf.input_channels, width, kernel_size=1)] if width != cnf.input_channels else []
    return [
        *expansion,
        conv(width, width, kernel_size=cnf.kernel, stride=cnf.stride, groups=width),
        SqueezeExcitation(width, squeeze, activation=partial(nn.SiLU, inplace=True)),
        conv(width, cnf.out_channels, kernel_size=1, activation_layer=None),
    ]


def full_convolutions(cnf: Stage, conv: Layer) -> list[nn.Module]:
    """Return the layers of a block with full convolutions."""
    width = divisible(cnf.input_channels * cnf.expand_ratio)
    if width == cnf.input_channels:
        return [conv(cnf.input_channels, cnf.out_channels, kernel_size=cnf.kernel, stride=cnf.stride)]
    return [
        conv(cnf.input_channels, width, kernel_size=cnf.kernel, stride=cnf.stride),
        conv(width, cnf.out_channels, kernel_size=1, activation_layer=None),
    ]


class EfficientNet(nn.Module):
    """A convolution, stages of blocks, a 1x1 convolution and a linear classifier.

    Args:
        inverted_residual_setting: The stages.
        dropout: The probability of dropout before the classifier.
        stochastic_depth_prob: The probability that the last block is dropped; it grows from 0. Default: ``0.2``
        num_classes: The number of classes. Default: ``1000``
        norm_layer: Makes a norm from a number of channels. Default: ``None``, ``nn.BatchNorm2d``
        last_channel: The channels of the last convolution. Default: ``None``, four times those of the last stage

    Shape:
        - Input: (N, 3, H, W)
        - Output: (N, num_classes)

    Raises:
        ValueError: If there is no stage.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.EfficientNet(models.efficientnet.scale(0.5, 0.5), dropout=0.2, num_classes=10)
    >>> model(torch.ones(2, 3, 64, 64, device="meta")).shape
    torch.Size([2, 10])
    """

    def __init__(
        self,
        inverted_residual_setting: Sequence[Stage],
        dropout: float,
        stochastic_depth_prob: float = 0.2,
        num_classes: int = 1000,
        norm_layer: Layer | None = None,
        last_channel: int | None = None,
    ) -> None:
        super().__init__()
        setting = inverted_residual_setting
        if not setting:
            raise ArgumentError("EfficientNet: inverted_residual_setting must have at least one stage, got none")
        norm = norm_layer or nn.BatchNorm2d
        conv = partial(Conv2dNormActivation, norm_layer=norm, activation_layer=nn.SiLU)
        layers: list[nn.Module] = [conv(3, setting[0].input_channels, kernel_size=3, stride=2)]
        total, done = sum(stage.num_layers for stage in setting), 0
        for stage in setting:
            rates = [stochastic_depth_prob * index / total for index in range(done, done + stage.num_layers)]
            layers.append(make_stage(stage, rates, norm))
            done += stage.num_layers
        last = setting[-1].out_channels
        features = 4 * last if last_channel is None else last_channel
        layers.append(conv(last, features, kernel_size=1))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(p=dropout, inplace=True), nn.Linear(features, num_classes))
        self.apply(initialize)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.avgpool(self.features(x)).flatten(1))
        return logits


def make_stage(stage: Stage, rates: Sequence[float], norm: Layer) -> nn.Sequential:
    """Return the blocks of a stage. After the first one, they keep size and channels."""
    rest = stage._replace(stride=1, input_channels=stage.out_channels)
    return nn.Sequential(*(MBConv(stage if i == 0 else rest, rate, norm) for i, rate in enumerate(rates)))


def initialize(module: nn.Module) -> None:
    """Initialize convolutions for ReLU, and linear layers uniformly by the number of their outputs."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out")
    elif isinstance(module, nn.Linear):
        bound = 1.0 / math.sqrt(module.out_features)
        nn.init.uniform_(module.weight, -bound, bound)
    zero_bias(module)


def scale(width: float, depth: float) -> list[Stage]:
    """Return the stages of B0, wider and deeper."""
    return [
        stage._replace(
            input_channels=divisible(stage.input_channels * width),
            out_channels=divisible(stage.out_channels * width),
            num_layers=math.ceil(stage.num_layers * depth),
        )
        for stage in B0
    ]


def build_v1(width: float, depth: float, drop: float, weights: Weights, options: dict[str, Any]) -> EfficientNet:
    """Build B0 to B7. The three largest have norms with other constants."""
    norm = {"norm_layer": partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)} if width >= 1.6 else {}
    dropout = options.pop("dropout", drop)
    return build(EfficientNet, weights, norm | options, scale(width, depth), dropout)


def build_v2(stages: Sequence[Stage], drop: float, weights: Weights, options: dict[str, Any]) -> EfficientNet:
    """Build a network of the second paper."""
    defaults = {"norm_layer": partial(nn.BatchNorm2d, eps=0.001), "last_channel": 1280}
    dropout = options.pop("dropout", drop)
    return build(EfficientNet, weights, defaults | options, stages, dropout)


def efficientnet_b0(*, weights: Weights = None, progress: bool = True, **options: Any) -> EfficientNet:
    """Build EfficientNet B0 (5.3 million parameters).

    Args:
        weights: The path of a checkpoint to load, in PyTorch's format or of safetensors. Default: ``None``
        progress: Accepted for torchvision compatibility; nothing is downloaded. Default: ``True``
        options: Arguments of ``EfficientNet``.

    Raises:
        FileNotFoundError: If ``weights`` is not the path of a file.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.efficientnet_b0()
    >>> sum(parameter.numel() for parameter in model.parameters())
    5288548
    """
    return build_v1(1.0, 1.0, 0.2, weights, options)


def efficientnet_b1(*, weights: Weights = None, progress: bool = True, **options: Any) -> EfficientNet:
    """Build EfficientNet B1 (7.8 million parameters). Arguments as for ``efficientnet_b0``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.efficientnet_b1()
    >>> sum(parameter.numel() for parameter in model.parameters())
    7794184
    """
    return build_v1(1.0, 1.1, 0.2, weights, options)


def efficientnet_b2(*, weights: Weights = None, progress: bool = True, **options: Any) -> EfficientNet:
    """Build EfficientNet B2 (9.1 million parameters). Arguments as for ``efficientnet_b0``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.efficientnet_b2()
    >>> sum(parameter.numel() for parameter in model.parameters())
    9109994
    """
    return build_v1(1.1, 1.2, 0.3, weights, options)


def efficientnet_b3(*, weights: Weights = None, progress: bool = True, **options: Any) -> EfficientNet:
    """Build EfficientNet B3 (12.2 million parameters). Arguments as for ``efficientnet_b0``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.efficientnet_b3()
    >>> sum(parameter.numel() for parameter in model.parameters())
    12233232
    """
    return build_v1(1.2, 1.4, 0.3, weights, options)


def efficientnet_b4(*, weights: Weights = None, progress: bool = True, **options: Any) -> EfficientNet:
    """Build EfficientNet B4 (19.3 million parameters). Arguments as for ``efficientnet_b0``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.efficientnet_b4()
    >>> sum(parameter.numel() for parameter in model.parameters())
    19341616
    """
    return build_v1(1.4, 1.8, 0.4, weights, options)


def efficientnet_b5(*, weights: Weights = None, progress: bool = True, **options: Any) -> EfficientNet:
    """Build EfficientNet B5 (30.4 million parameters). Arguments as for ``efficientnet_b0``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.efficientnet_b5()
    >>> sum(parameter.numel() for parameter in model.parameters())
    30389784
    """
    return build_v1(1.6, 2.2, 0.4, weights, options)


def efficientnet_b6(*, weights: Weights = None, progress: bool = True, **options: Any) -> EfficientNet:
    """Build EfficientNet B6 (43.0 million parameters). Arguments as for ``efficientnet_b0``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.efficientnet_b6()
    >>> sum(parameter.numel() for parameter in model.parameters())
    43040704
    """
    return build_v1(1.8, 2.6, 0.5, weights, options)


def efficientnet_b7(*, weights: Weights = None, progress: bool = True, **options: Any) -> EfficientNet:
    """Build EfficientNet B7 (66.3 million parameters). Arguments as for ``efficientnet_b0``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.efficientnet_b7()
    >>> sum(parameter.numel() for parameter in model.parameters())
    66347960
    """
    return build_v1(2.0, 3.1, 0.5, weights, options)


def efficientnet_v2_s(*, weights: Weights = None, progress: bool = True, **options: Any) -> EfficientNet:
    """Build the small EfficientNet v2 (21.5 million parameters). Arguments as for ``efficientnet_b0``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.efficientnet_v2_s()
    >>> sum(parameter.numel() for parameter in model.parameters())
    21458488
    """
    return build_v2(V2_S, 0.2, weights, options)


def efficientnet_v2_m(*, weights: Weights = None, progress: bool = True, **options: Any) -> EfficientNet:
    """Build the medium EfficientNet v2 (54.1 million parameters). Arguments as for ``efficientnet_b0``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.efficientnet_v2_m()
    >>> sum(parameter.numel() for parameter in model.parameters())
    54139356
    """
    return build_v2(V2_M, 0.3, weights, options)


def efficientnet_v2_l(*, weights: Weights = None, progress: bool = True, **options: Any) -> EfficientNet:
    """Build the large EfficientNet v2 (118.5 million parameters). Arguments as for ``efficientnet_b0``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.efficientnet_v2_l()
    >>> sum(parameter.numel() for parameter in model.parameters())
    118515272
    """
    return build_v2(V2_L, 0.4, weights, options)

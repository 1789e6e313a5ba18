"""RegNet: networks whose widths grow along a line, which four numbers describe.

Source: Radosavovic et al., Designing Network Design Spaces, https://arxiv.org/abs/2003.13678
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterator
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from minitensor import nn
from minitensor.errors import ArgumentError
from minitensor.tensor import Tensor
from minitensor.vision.models.initialization import zero_bias
from minitensor.vision.models.weights import Weights, build
from minitensor.vision.ops import Conv2dNormActivation, Layer, SqueezeExcitation, divisible

__all__ = [
    "RegNet", "regnet_x_1_6gf", "regnet_x_3_2gf", "regnet_x_8gf", "regnet_x_16gf", "regnet_x_32gf", "regnet_x_400mf",
    "regnet_x_800mf", "regnet_y_1_6gf", "regnet_y_3_2gf", "regnet_y_8gf", "regnet_y_16gf", "regnet_y_32gf",
    "regnet_y_128gf", "regnet_y_400mf", "regnet_y_800mf",
]  # fmt: skip


class BlockParams(NamedTuple):
    """The stages of a network: depths, widths, widths of groups; and what all blocks share."""

    depths: list[int]
    widths: list[int]
    group_widths: list[int]
    bottleneck_multiplier: float = 1.0
    se_ratio: float | None = None

    @classmethod
    def from_init_params(
        cls,
        depth: int,
        w_0: int,
        w_a: float,
        w_m: float,
        group_width: int,
        bottleneck_multiplier: float = 1.0,
        se_ratio: float | None = None,
    ) -> BlockParams:
        """Compute the stages from the paper's numbers.

        Block ``i`` has the width ``w_0 + w_a * i``, rounded to ``w_0 * w_m ** k`` for a whole ``k`` and then to a
        multiple of 8. Blocks of equal width are a stage.
        """
        if w_a < 0 or w_0 <= 0 or w_m <= 1 or w_0 % 8:
            raise ArgumentError(
                f"RegNet: w_0 must be a positive multiple of 8, w_a >= 0, w_m > 1, got {w_0}, {w_a}, {w_m}"
            )
        line = np.arange(depth) * w_a + w_0
        powers = np.round(np.log(line / w_0) / math.log(w_m))
        widths = [int(width) for width in np.round(w_0 * w_m**powers / 8) * 8]
        runs = [(width, len(list(run))) for width, run in groupby(widths)]
        fitting = [fit(width, group_width, bottleneck_multiplier) for width, _ in runs]
        return cls(
            [count for _, count in runs],
            [width for width, _ in fitting],
            [group for _, group in fitting],
            bottleneck_multiplier,
            se_ratio,
        )

    def stages(self) -> Iterator[tuple[int, int, int]]:
        """Iterate over the widths, depths and group widths of stages."""
        return zip(self.widths, self.depths, self.group_widths, strict=True)


def fit(width: int, group_width: int, multiplier: float) -> tuple[int, int]:
    """Adjust a stage's width to its groups, which must divide it."""
    inside = int(width * multiplier)
    group = min(group_width, inside)
    return int(divisible(inside, group) / multiplier), group


class SimpleStemIN(Conv2dNormActivation):
    """The first convolution: 3x3 with stride 2."""

    def __init__(self, width_in: int, width_out: int, norm_layer: Layer, activation_layer: Layer) -> None:
        super().__init__(width_in, width_out, 3, 2, norm_layer=norm_layer, activation_layer=activation_layer)


def bottleneck(
    width_in: int,
    width_out: int,
    stride: int,
    norm_layer: Layer,
    activation_layer: Layer,
    group_width: int,
    multiplier: float,
    se_ratio: float | None,
) -> nn.Sequential:
    """Return a 1x1, a 3x3 and a 1x1 convolution, with squeeze-and-excitation before the last where asked for."""
    conv = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=activation_layer)
    width = round(width_out * multiplier)
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        a=conv(width_in, width, kernel_size=1),
        b=conv(width, width, kernel_size=3, stride=stride, groups=width // group_width),
    )
    if se_ratio:
        layers["se"] = SqueezeExcitation(width, round(se_ratio * width_in), activation=activation_layer)
    layers["c"] = conv(width, width_out, kernel_size=1, activation_layer=None)
    return nn.Sequential(layers)


class ResBottleneckBlock(nn.Module):
    """A bottleneck and a shortcut around it."""

    def __init__(
        self,
        width_in: int,
        width_out: int,
        stride: int,
        norm_layer: Layer,
        activation_layer: Layer,
        group_width: int = 1,
        bottleneck_multiplier: float = 1.0,
        se_ratio: float | None = None,
    ) -> None:
        super().__init__()
        self.proj = None
        if width_in != width_out or stride != 1:
            self.proj = Conv2dNormActivation(
                width_in, width_out, 1, stride, norm_layer=norm_layer, activation_layer=None
            )
        self.f = bottleneck(
            width_in, width_out, stride, norm_layer, activation_layer, group_width, bottleneck_multiplier, se_ratio
        )
        self.activation = activation_layer(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.proj is None else self.proj(x)
        out: Tensor = self.activation(shortcut + self.f(x))
        return out


class RegNet(nn.Module):
    """A convolution, four stages of blocks, each of which halves the size, and a linear classifier.

    Args:
        block_params: The stages.
        num_classes: The number of classes. Default: ``1000``
        stem_width: The channels of the first convolution. Default: ``32``
        stem_type: Makes the first convolution. Default: ``None``, 3x3 with stride 2
        block_type: Makes a block. Default: ``None``, ``ResBottleneckBlock``
        norm_layer: Makes a norm from a number of channels. Default: ``None``, ``nn.BatchNorm2d``
        activation: Makes an activation. Default: ``None``, ``nn.ReLU``

    Shape:
        - Input: (N, 3, H, W)
        - Output: (N, num_classes)

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> stages = models.regnet.BlockParams.from_init_params(depth=6, w_0=24, w_a=24.0, w_m=2.5, group_width=8)
    >>> models.RegNet(stages, num_classes=10)(torch.ones(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(
        self,
        block_params: BlockParams,
        num_classes: int = 1000,
        stem_width: int = 32,
        stem_type: Layer | None = None,
        block_type: Layer | None = None,
        norm_layer: Layer | None = None,
        activation: Layer | None = None,
    ) -> None:
        super().__init__()
        norm, act = norm_layer or nn.BatchNorm2d, activation or nn.ReLU
        block = partial(
            block_type or ResBottleneckBlock,
            norm_layer=norm,
            activation_layer=act,
            bottleneck_multiplier=block_params.bottleneck_multiplier,
            se_ratio=block_params.se_ratio,
        )
        self.stem = (stem_type or SimpleStemIN)(3, stem_width, norm, act)
        trunk: OrderedDict[str, nn.Module] = OrderedDict()
        channels = stem_width
        for number, (width, depth, group_width) in enumerate(block_params.stages(), 1):
            blocks: OrderedDict[str, nn.Module] = OrderedDict()
            for index in range(depth):
                sizes = (channels, width, 2) if index == 0 else (width, width, 1)
                blocks[f"block{number}-{index}"] = block(*sizes, group_width=group_width)
            trunk[f"block{number}"] = nn.Sequential(blocks)
            channels = width
        self.trunk_output = nn.Sequential(trunk)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(channels, num_classes)
        self.apply(initialize)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.avgpool(self.trunk_output(self.stem(x))).flatten(1))
        return logits


def initialize(module: nn.Module) -> None:
    """Initialize convolutions by the number of their outputs, linear layers with small numbers."""
    if isinstance(module, nn.Conv2d):
        fan_out = math.prod(module.kernel_size) * module.out_channels
        nn.init.normal_(module.weight, mean=0.0, std=math.sqrt(2.0 / fan_out))
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, mean=0.0, std=0.01)
        zero_bias(module)


def build_regnet(
    depth: int,
    w_0: int,
    w_a: float,
    w_m: float,
    group_width: int,
    weights: Weights,
    options: dict[str, Any],
    se_ratio: float | None = None,
) -> RegNet:
    """Build a network from the paper's numbers."""
    params = BlockParams.from_init_params(depth, w_0, w_a, w_m, group_width, se_ratio=se_ratio)
    norm = {"norm_layer": partial(nn.BatchNorm2d, eps=1e-05, momentum=0.1)}
    return build(RegNet, weights, norm | options, params)


def regnet_x_400mf(*, weights: Weights = None, progress: bool = True, **options: Any) -> RegNet:
    """Build RegNet X of 400 million multiply-adds (5.5 million parameters).

    Args:
        weights: The path of a checkpoint to load, in PyTorch's format or of safetensors. Default: ``None``
        progress: Accepted for torchvision compatibility; nothing is downloaded. Default: ``True``
        options: Arguments of ``RegNet``.

    Raises:
        FileNotFoundError: If ``weights`` is not the path of a file.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.regnet_x_400mf()
    >>> sum(parameter.numel() for parameter in model.parameters())
    5495976
    """
    return build_regnet(22, 24, 24.48, 2.54, 16, weights, options)


def regnet_x_800mf(*, weights: Weights = None, progress: bool = True, **options: Any) -> RegNet:
    """Build RegNet X of 800 million multiply-adds (7.3 million parameters). Arguments as for ``regnet_x_400mf``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.regnet_x_800mf()
    >>> sum(parameter.numel() for parameter in model.parameters())
    7259656
    """
    return build_regnet(16, 56, 35.73, 2.28, 16, weights, options)


def regnet_x_1_6gf(*, weights: Weights = None, progress: bool = True, **options: Any) -> RegNet:
    """Build RegNet X of 1.6 billion multiply-adds (9.2 million parameters). Arguments as for ``regnet_x_400mf``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.regnet_x_1_6gf()
    >>> sum(parameter.numel() for parameter in model.parameters())
    9190136
    """
    return build_regnet(18, 80, 34.01, 2.25, 24, weights, options)


def regnet_x_3_2gf(*, weights: Weights = None, progress: bool = True, **options: Any) -> RegNet:
    """Build RegNet X of 3.2 billion multiply-adds (15.3 million parameters). Arguments as for ``regnet_x_400mf``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.regnet_x_3_2gf()
    >>> sum(parameter.numel() for parameter in model.parameters())
    15296552
    """
    return build_regnet(25, 88, 26.31, 2.25, 48, weights, options)


def regnet_x_8gf(*, weights: Weights = None, progress: bool = True, **options: Any) -> RegNet:
    """Build RegNet X of 8 billion multiply-adds (39.6 million parameters). Arguments as for ``regnet_x_400mf``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.regnet_x_8gf()
    >>> sum(parameter.numel() for parameter in model.parameters())
    39572648
    """
    return build_regnet(23, 80, 49.56, 2.88, 120, weights, options)


def regnet_x_16gf(*, weights: Weights = None, progress: bool = True, **options: Any) -> RegNet:
    """Build RegNet X of 16 billion multiply-adds (54.3 million parameters). Arguments as for ``regnet_x_400mf``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.regnet_x_16gf()
    >>> sum(parameter.numel() for parameter in model.parameters())
    54278536
    """
    return build_regnet(22, 216, 55.59, 2.1, 128, weights, options)


def regnet_x_32gf(*, weights: Weights = None, progress: bool = True, **options: Any) -> RegNet:
    """Build RegNet X of 32 billion multiply-adds (107.8 million parameters). Arguments as for ``regnet_x_400mf``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.regnet_x_32gf()
    >>> sum(parameter.numel() for parameter in model.parameters())
    107811560
    """
    return build_regnet(23, 320, 69.86, 2.0, 168, weights, options)


def regnet_y_400mf(*, weights: Weights = None, progress: bool = True, **options: Any) -> RegNet:
    """Build RegNet Y of 400 million multiply-adds (4.3 million parameters). Arguments as for ``regnet_x_400mf``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.regnet_y_400mf()
    >>> sum(parameter.numel() for parameter in model.parameters())
    4344144
    """
    return build_regnet(16, 48, 27.89, 2.09, 8, weights, options, se_ratio=0.25)


def regnet_y_800mf(*, weights: Weights = None, progress: bool = True, **options: Any) -> RegNet:
    """Build RegNet Y of 800 million multiply-adds (6.4 million parameters). Arguments as for ``regnet_x_400mf``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.regnet_y_800mf()
    >>> sum(parameter.numel() for parameter in model.parameters())
    6432512
    """
    return build_regnet(14, 56, 38.84, 2.4, 16, weights, options, se_ratio=0.25)


def regnet_y_1_6gf(*, weights: Weights = None, progress: bool = True, **options: Any) -> RegNet:
    """Build RegNet Y of 1.6 billion multiply-adds (11.2 million parameters). Arguments as for ``regnet_x_400mf``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.regnet_y_1_6gf()
    >>> sum(parameter.numel() for parameter in model.parameters())
    11202430
    """
    return build_regnet(27, 48, 20.71, 2.65, 24, weights, options, se_ratio=0.25)


def regnet_y_3_2gf(*, weights: Weights = None, progress: bool = True, **options: Any) -> RegNet:
    """Build RegNet Y of 3.2 billion multiply-adds (19.4 million parameters). Arguments as for ``regnet_x_400mf``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.regnet_y_3_2gf()
    >>> sum(parameter.numel() for parameter in model.parameters())
    19436338
    """
    return build_regnet(21, 80, 42.63, 2.66, 24, weights, options, se_ratio=0.25)


def regnet_y_8gf(*, weights: Weights = None, progress: bool = True, **options: Any) -> RegNet:
    """Build RegNet Y of 8 billion multiply-adds (39.4 million parameters). Arguments as for ``regnet_x_400mf``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.regnet_y_8gf()
    >>> sum(parameter.numel() for parameter in model.parameters())
    39381472
    """
    return build_regnet(17, 192, 76.82, 2.19, 56, weights, options, se_ratio=0.25)


def regnet_y_16gf(*, weights: Weights = None, progress: bool = True, **options: Any) -> RegNet:
    """Build RegNet Y of 16 billion multiply-adds (83.6 million parameters). Arguments as for ``regnet_x_400mf``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.regnet_y_16gf()
    >>> sum(parameter.numel() for parameter in model.parameters())
    83590140
    """
    return build_regnet(18, 200, 106.23, 2.48, 112, weights, options, se_ratio=0.25)


def regnet_y_32gf(*, weights: Weights = None, progress: bool = True, **options: Any) -> RegNet:
    """Build RegNet Y of 32 billion multiply-adds (145.0 million parameters). Arguments as for ``regnet_x_400mf``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.regnet_y_32gf()
    >>> sum(parameter.numel() for parameter in model.parameters())
    145046770
    """
    return build_regnet(20, 232, 115.89, 2.53, 232, weights, options, se_ratio=0.25)


def regnet_y_128gf(*, weights: Weights = None, progress: bool = True, **options: Any) -> RegNet:
    """Build RegNet Y of 128 billion multiply-adds (644.8 million parameters). Arguments as for ``regnet_x_400mf``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.regnet_y_128gf()
    >>> sum(parameter.numel() for parameter in model.parameters())
    644812894
    """
    return build_regnet(27, 456, 160.83, 2.52, 264, weights, options, se_ratio=0.25)

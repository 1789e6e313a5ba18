"""ConvNeXt: a ResNet brought up to date with what was learned from transformers.

Source: Liu et al., A ConvNet for the 2020s, https://arxiv.org/abs/2201.03545
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from minitensor import nn
from minitensor.errors import ArgumentError
from minitensor.ops.creation import ones
from minitensor.tensor import Tensor
from minitensor.vision.models.initialization import zero_bias
from minitensor.vision.models.weights import Weights, build
from minitensor.vision.ops import Conv2dNormActivation, Layer, Permute, StochasticDepth

__all__ = ["ConvNeXt", "convnext_base", "convnext_large", "convnext_small", "convnext_tiny"]


class CNBlockConfig(NamedTuple):
    """A stage: its channels, those of the next one or None, and the number of blocks."""

    input_channels: int
    out_channels: int | None
    num_layers: int


class LayerNorm2d(nn.LayerNorm):
    """Layer normalization over the channels of (N, C, H, W)."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class CNBlock(nn.Module):
    """A 7x7 convolution of each channel, a norm, and two linear layers over the channels; the input is added."""

    def __init__(
        self, dim: int, layer_scale: float, stochastic_depth_prob: float, norm_layer: Layer | None = None
    ) -> None:
        super().__init__()
        norm = norm_layer or partial(nn.LayerNorm, eps=1e-6)
        self.block = nn.Sequential(
            nn.Conv2d(dim, dim, kernel_size=7, padding=3, groups=dim, bias=True),
            Permute([0, 2, 3, 1]),
            norm(dim),
            nn.Linear(dim, 4 * dim),
            nn.GELU(),
            nn.Linear(4 * dim, dim),
            Permute([0, 3, 1, 2]),
        )
        self.layer_scale = nn.Parameter(ones(dim, 1, 1) * layer_scale)
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")

    def forward(self, input: Tensor) -> Tensor:
        out: Tensor = self.stochastic_depth(self.layer_scale * self.block(input))
        return out + input


class ConvNeXt(nn.Module):
    """A 4x4 convolution with stride 4, four stages of blocks with halvings between, and a linear classifier.

    Args:
        block_setting: The stages.
        stochastic_depth_prob: The probability that the last block is dropped; it grows from 0. Default: ``0.0``
        layer_scale: What the outputs of blocks are multiplied by at first. Default: ``1e-06``
        num_classes: The number of classes. Default: ``1000``
        block: Makes a block. Default: ``None``, ``CNBlock``
        norm_layer: Makes a norm over channels. Default: ``None``, ``LayerNorm2d`` with an ``eps`` of 1e-6

    Shape:
        - Input: (N, 3, H, W), H and W at least 32
        - Output: (N, num_classes)

    Raises:
        ValueError: If there is no stage.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.ConvNeXt(models.convnext.stages((8, 16, 32, 64), (1, 1, 2, 1)), num_classes=10)
    >>> model(torch.ones(2, 3, 64, 64, device="meta")).shape
    torch.Size([2, 10])
    """

    def __init__(
        self,
        block_setting: Sequence[CNBlockConfig],
        stochastic_depth_prob: float = 0.0,
        layer_scale: float = 1e-6,
        num_classes: int = 1000,
        block: Layer | None = None,
        norm_layer: Layer | None = None,
    ) -> None:
        super().__init__()
        if not block_setting:
            raise ArgumentError("ConvNeXt: block_setting must have at least one stage, got none")
        block, norm = block or CNBlock, norm_layer or partial(LayerNorm2d, eps=1e-6)
        first, last = block_setting[0].input_channels, block_setting[-1].input_channels
        layers: list[nn.Module] = [
            Conv2dNormActivation(
                3, first, kernel_size=4, stride=4, padding=0, norm_layer=norm, activation_layer=None, bias=True
            )
        ]
        total, done = sum(stage.num_layers for stage in block_setting), 0
        for channels, out_channels, blocks in block_setting:
            rates = [stochastic_depth_prob * index / (total - 1.0) for index in range(done, done + blocks)]
            layers.append(nn.Sequential(*(block(channels, layer_scale, rate) for rate in rates)))
            done += blocks
            if out_channels is not None:
                halving = nn.Conv2d(channels, out_channels, kernel_size=2, stride=2)
                layers.append(nn.Sequential(norm(channels), halving))
                last = out_channels
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(norm(last), nn.Flatten(1), nn.Linear(last, num_classes))
        self.apply(initialize)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.avgpool(self.features(x)))
        return logits


def initialize(module: nn.Module) -> None:
    """Initialize a convolution or a linear layer by a truncated normal distribution, and its bias with zeros."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        zero_bias(module)


def stages(widths: Sequence[int], depths: Sequence[int]) -> list[CNBlockConfig]:
    """Return four stages from their channels and their numbers of blocks."""
    return [CNBlockConfig(*stage) for stage in zip(widths, (*widths[1:], None), depths, strict=True)]


def build_convnext(
    widths: Sequence[int], depths: Sequence[int], drop: float, weights: Weights, options: dict[str, Any]
) -> ConvNeXt:
    """Build a ConvNeXt from its channels, its numbers of blocks and its probability of stochastic depth."""
    return build(ConvNeXt, weights, {"stochastic_depth_prob": drop} | options, stages(widths, depths))


def convnext_tiny(*, weights: Weights = None, progress: bool = True, **options: Any) -> ConvNeXt:
    """Build the tiny ConvNeXt (28.6 million parameters).

    Args:
        weights: The path of a checkpoint to load, in PyTorch's format or of safetensors. Default: ``None``
        progress: Accepted for torchvision compatibility; nothing is downloaded. Default: ``True``
        options: Arguments of ``ConvNeXt``.

    Raises:
        FileNotFoundError: If ``weights`` is not the path of a file.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.convnext_tiny()
    >>> sum(parameter.numel() for parameter in model.parameters())
    28589128
    """
    return build_convnext((96, 192, 384, 768), (3, 3, 9, 3), 0.1, weights, options)


def convnext_small(*, weights: Weights = None, progress: bool = True, **options: Any) -> ConvNeXt:
    """Build the small ConvNeXt (50.2 million parameters). Arguments as for ``convnext_tiny``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.convnext_small()
    >>> sum(parameter.numel() for parameter in model.parameters())
    50223688
    """
    return build_convnext((96, 192, 384, 768), (3, 3, 27, 3), 0.4, weights, options)


def convnext_base(*, weights: Weights = None, progress: bool = True, **options: Any) -> ConvNeXt:
    """Build the base ConvNeXt (88.6 million parameters). Arguments as for ``convnext_tiny``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.convnext_base()
    >>> sum(parameter.numel() for parameter in model.parameters())
    88591464
    """
    return build_convnext((128, 256, 512, 1024), (3, 3, 27, 3), 0.5, weights, options)


def convnext_large(*, weights: Weights = None, progress: bool = True, **options: Any) -> ConvNeXt:
    """Build the large ConvNeXt (197.8 million parameters). Arguments as for ``convnext_tiny``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.convnext_large()
    >>> sum(parameter.numel() for parameter in model.parameters())
    197767336
    """
    return build_convnext((192, 384, 768, 1536), (3, 3, 27, 3), 0.5, weights, options)

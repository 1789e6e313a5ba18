"""ShuffleNet v2: half of the channels pass each block untouched, and a shuffle mixes the halves.

Source: Ma et al., Practical Guidelines for Efficient CNN Architecture Design, https://arxiv.org/abs/1807.11164
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minitensor import nn
from minitensor.errors import ArgumentError
from minitensor.ops.join import stack
from minitensor.tensor import Tensor
from minitensor.vision.models.weights import Weights, build
from minitensor.vision.ops import Layer

__all__ = ["ShuffleNetV2", "shufflenet_v2_x0_5", "shufflenet_v2_x1_0", "shufflenet_v2_x1_5", "shufflenet_v2_x2_0"]


class InvertedResidual(nn.Module):
    """Filter one half of the channels, or at stride 2 two copies of all, and shuffle the two.

    Args:
        inp: The number of channels of the input.
        oup: The number of channels of the output.
        stride: 1 or 2.

    Shape:
        - Input: (N, inp, H, W)
        - Output: (N, oup, H / stride, W / stride)

    Raises:
        ValueError: If ``stride`` is not 1 or 2, or is 1 and ``inp`` is not ``oup``.
    """

    def __init__(self, inp: int, oup: int, stride: int) -> None:
        super().__init__()
        if stride not in (1, 2):
            raise ArgumentError(f"InvertedResidual: stride must be 1 or 2, got {stride}")
        if stride == 1 and inp != oup:
            raise ArgumentError(f"InvertedResidual: stride 1 keeps the number of channels, got {inp} and {oup}")
        self.stride = stride
        half = oup // 2
        self.branch1 = nn.Sequential(
            *([depthwise(inp, stride), nn.BatchNorm2d(inp), *pointwise(inp, half)] if stride == 2 else [])
        )
        self.branch2 = nn.Sequential(
            *pointwise(inp if stride == 2 else half, half),
            depthwise(half, stride),
            nn.BatchNorm2d(half),
            *pointwise(half, half),
        )

    def forward(self, x: Tensor) -> Tensor:
        if self.stride == 1:
            kept, filtered = x.chunk(2, dim=1)
            return shuffle(kept, self.branch2(filtered))
        return shuffle(self.branch1(x), self.branch2(x))


def depthwise(channels: int, stride: int) -> nn.Conv2d:
    """Return a 3x3 convolution of each channel by itself."""
    return nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=False)


def pointwise(in_channels: int, out_channels: int) -> list[nn.Module]:
    """Return a 1x1 convolution with its norm and activation."""
    return [nn.Conv2d(in_channels, out_channels, 1, bias=False), nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True)]


def shuffle(first: Tensor, second: Tensor) -> Tensor:
    """Join two tensors by taking their channels in turns."""
    return stack([first, second], dim=2).flatten(1, 2)


class ShuffleNetV2(nn.Module):
    """A convolution, pooling, three stages of blocks, a 1x1 convolution and a linear classifier.

    Args:
        stages_repeats: The number of blocks of the three stages.
        stages_out_channels: The numbers of channels of the five parts before the classifier.
        num_classes: The number of classes. Default: ``1000``
        inverted_residual: Makes a block. Default: ``InvertedResidual``

    Shape:
        - Input: (N, 3, H, W)
        - Output: (N, num_classes)

    Raises:
        ValueError: If there are not three stages and five numbers of channels.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> models.ShuffleNetV2([1, 1, 1], [8, 16, 32, 64, 128], num_classes=10)(torch.ones(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(
        self,
        stages_repeats: Sequence[int],
        stages_out_channels: Sequence[int],
        num_classes: int = 1000,
        inverted_residual: Layer = InvertedResidual,
    ) -> None:
        super().__init__()
        if len(stages_repeats) != 3 or len(stages_out_channels) != 5:
            raise ArgumentError(
                "ShuffleNetV2: stages_repeats must have 3 elements and stages_out_channels 5, "
                f"got {stages_repeats} and {stages_out_channels}"
            )
        first, second, third, fourth, last = stages_out_channels
        self.conv1 = nn.Sequential(nn.Conv2d(3, first, 3, 2, 1, bias=False), nn.BatchNorm2d(first), nn.ReLU(True))
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)

        def stage(inp: int, oup: int, blocks: int) -> nn.Sequential:
            rest = [(oup, oup, 1)] * (blocks - 1)
            return nn.Sequential(*(inverted_residual(*sizes) for sizes in [(inp, oup, 2), *rest]))

        self.stage2 = stage(first, second, stages_repeats[0])
        self.stage3 = stage(second, third, stages_repeats[1])
        self.stage4 = stage(third, fourth, stages_repeats[2])
        self.conv5 = nn.Sequential(*pointwise(fourth, last))
        self.fc = nn.Linear(last, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stage4(self.stage3(self.stage2(self.maxpool(self.conv1(x)))))
        logits: Tensor = self.fc(self.conv5(x).mean([2, 3]))
        return logits


def shufflenet_v2_x0_5(*, weights: Weights = None, progress: bool = True, **options: Any) -> ShuffleNetV2:
    """Build ShuffleNet v2, 0.5 times as wide as its first form (1.4 million parameters).

    Args:
        weights: The path of a checkpoint to load, in PyTorch's format or of safetensors. Default: ``None``
        progress: Accepted for torchvision compatibility; nothing is downloaded. Default: ``True``
        options: Arguments of ``ShuffleNetV2``.

    Raises:
        FileNotFoundError: If ``weights`` is not the path of a file.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.shufflenet_v2_x0_5()
    >>> sum(parameter.numel() for parameter in model.parameters())
    1366792
    """
    return build(ShuffleNetV2, weights, options, (4, 8, 4), (24, 48, 96, 192, 1024))


def shufflenet_v2_x1_0(*, weights: Weights = None, progress: bool = True, **options: Any) -> ShuffleNetV2:
    """Build ShuffleNet v2, 1 times as wide as its first form (2.3 million parameters).

    Arguments as for ``shufflenet_v2_x0_5``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.shufflenet_v2_x1_0()
    >>> sum(parameter.numel() for parameter in model.parameters())
    2278604
    """
    return build(ShuffleNetV2, weights, options, (4, 8, 4), (24, 116, 232, 464, 1024))


def shufflenet_v2_x1_5(*, weights: Weights = None, progress: bool = True, **options: Any) -> ShuffleNetV2:
    """Build ShuffleNet v2, 1.5 times as wide as its first form (3.5 million parameters).

    Arguments as for ``shufflenet_v2_x0_5``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.shufflenet_v2_x1_5()
    >>> sum(parameter.numel() for parameter in model.parameters())
    3503624
    """
    return build(ShuffleNetV2, weights, options, (4, 8, 4), (24, 176, 352, 704, 1024))


def shufflenet_v2_x2_0(*, weights: Weights = None, progress: bool = True, **options: Any) -> ShuffleNetV2:
    """Build ShuffleNet v2, 2 times as wide as its first form (7.4 million parameters).

    Arguments as for ``shufflenet_v2_x0_5``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.shufflenet_v2_x2_0()
    >>> sum(parameter.numel() for parameter in model.parameters())
    7393996
    """
    return build(ShuffleNetV2, weights, options, (4, 8, 4), (24, 244, 488, 976, 2048))

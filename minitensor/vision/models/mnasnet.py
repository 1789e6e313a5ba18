"""MNASNet: inverted residuals with 3x3 and 5x5 filters, found by a search for speed on a phone.

Source: Tan et al., https://arxiv.org/abs/1807.11626
"""

from __future__ import annotations

from typing import Any

from minitensor import nn
from minitensor.errors import ArgumentError
from minitensor.tensor import Tensor
from minitensor.vision.models.initialization import zero_bias
from minitensor.vision.models.weights import Weights, build
from minitensor.vision.ops import divisible

__all__ = ["MNASNet", "mnasnet0_5", "mnasnet0_75", "mnasnet1_0", "mnasnet1_3"]

CHANNELS = (32, 16, 24, 40, 80, 96, 192, 320)

# Of the six stages: kernel, stride of the first block, expansion, number of blocks.
STAGES = ((3, 2, 3, 3), (5, 2, 3, 3), (5, 2, 6, 3), (3, 1, 6, 2), (5, 2, 6, 4), (3, 1, 6, 1))

MOMENTUM = 1 - 0.9997  # TensorFlow counts it from the other end


class InvertedResidual(nn.Module):
    """Widen by 1x1, filter each channel, narrow by 1x1; add the input where the shapes agree."""

    def __init__(self, in_ch: int, out_ch: int, kernel_size: int, stride: int, expansion_factor: int) -> None:
        super().__init__()
        width = in_ch * expansion_factor
        self.apply_residual = in_ch == out_ch and stride == 1
        self.layers = nn.Sequential(
            *pointwise(in_ch, width),
            nn.ReLU(inplace=True),
            *depthwise(width, kernel_size, stride),
            *pointwise(width, out_ch),
        )

    def forward(self, input: Tensor) -> Tensor:
        out: Tensor = self.layers(input)
        return out + input if self.apply_residual else out


def pointwise(in_channels: int, out_channels: int) -> list[nn.Module]:
    """Return a 1x1 convolution with its norm."""
    return [nn.Conv2d(in_channels, out_channels, 1, bias=False), nn.BatchNorm2d(out_channels, momentum=MOMENTUM)]


def depthwise(channels: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    """Return a convolution of each channel by itself, with norm and activation."""
    return [
        nn.Conv2d(channels, channels, kernel, stride, kernel // 2, groups=channels, bias=False),
        nn.BatchNorm2d(channels, momentum=MOMENTUM),
        nn.ReLU(inplace=True),
    ]


def stage(in_ch: int, out_ch: int, kernel: int, stride: int, expansion: int, blocks: int) -> nn.Sequential:
    """Return blocks of which the first takes the stride."""
    first = InvertedResidual(in_ch, out_ch, kernel, stride, expansion)
    rest = [InvertedResidual(out_ch, out_ch, kernel, 1, expansion) for _ in range(1, blocks)]
    return nn.Sequential(first, *rest)


class MNASNet(nn.Module):
    """Two convolutions, six stages of inverted residuals, a 1x1 convolution and a linear classifier.

    Args:
        alpha: Multiplies the numbers of channels.
        num_classes: The number of classes. Default: ``1000``
        dropout: The probability of dropout before the classifier. Default: ``0.2``

    Shape:
        - Input: (N, 3, H, W)
        - Output: (N, num_classes)

    Raises:
        ValueError: If ``alpha`` is not positive.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> models.MNASNet(0.5, num_classes=10)(torch.ones(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(self, alpha: float, num_classes: int = 1000, dropout: float = 0.2) -> None:
        super().__init__()
        if alpha <= 0:
            raise ArgumentError(f"MNASNet: alpha must be positive, got {alpha}")
        self.alpha = alpha
        self.num_classes = num_classes
        widths = [divisible(channels * alpha) for channels in CHANNELS]
        stages = [
            stage(in_ch, out_ch, *setting)
            for in_ch, out_ch, setting in zip(widths[1:-1], widths[2:], STAGES, strict=True)
        ]
        self.layers = nn.Sequential(
            nn.Conv2d(3, widths[0], 3, padding=1, stride=2, bias=False),
            nn.BatchNorm2d(widths[0], momentum=MOMENTUM),
            nn.ReLU(inplace=True),
            *depthwise(widths[0], 3),
            *pointwise(widths[0], widths[1]),
            *stages,
            *pointwise(widths[-1], 1280),
            nn.ReLU(inplace=True),
        )
        self.classifier = nn.Sequential(nn.Dropout(p=dropout, inplace=True), nn.Linear(1280, num_classes))
        self.apply(initialize)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.layers(x).mean([2, 3]))
        return logits


def initialize(module: nn.Module) -> None:
    """Initialize convolutions for ReLU, the classifier for a sigmoid."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(module, nn.Linear):
        nn.init.kaiming_uniform_(module.weight, mode="fan_out", nonlinearity="sigmoid")
        zero_bias(module)


def mnasnet0_5(*, weights: Weights = None, progress: bool = True, **options: Any) -> MNASNet:
    """Build MNASNet, 0.5 times as wide as its first form (2.2 million parameters).

    Args:
        weights: The path of a checkpoint to load, in PyTorch's format or of safetensors. Default: ``None``
        progress: Accepted for torchvision compatibility; nothing is downloaded. Default: ``True``
        options: Arguments of ``MNASNet``.

    Raises:
        FileNotFoundError: If ``weights`` is not the path of a file.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.mnasnet0_5()
    >>> sum(parameter.numel() for parameter in model.parameters())
    2218512
    """
    return build(MNASNet, weights, options, 0.5)


def mnasnet0_75(*, weights: Weights = None, progress: bool = True, **options: Any) -> MNASNet:
    """Build MNASNet, 0.75 times as wide as its first form (3.2 million parameters). Arguments as for ``mnasnet0_5``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.mnasnet0_75()
    >>> sum(parameter.numel() for parameter in model.parameters())
    3170208
    """
    return build(MNASNet, weights, options, 0.75)


def mnasnet1_0(*, weights: Weights = None, progress: bool = True, **options: Any) -> MNASNet:
    """Build MNASNet, 1.0 times as wide as its first form (4.4 million parameters). Arguments as for ``mnasnet0_5``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.mnasnet1_0()
    >>> sum(parameter.numel() for parameter in model.parameters())
    4383312
    """
    return build(MNASNet, weights, options, 1.0)


def mnasnet1_3(*, weights: Weights = None, progress: bool = True, **options: Any) -> MNASNet:
    """Build MNASNet, 1.3 times as wide as its first form (6.3 million parameters). Arguments as for ``mnasnet0_5``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.mnasnet1_3()
    >>> sum(parameter.numel() for parameter in model.parameters())
    6282256
    """
    return build(MNASNet, weights, options, 1.3)

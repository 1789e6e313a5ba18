"""SqueezeNet: AlexNet's accuracy with a fiftieth of its parameters, by 1x1 convolutions before each 3x3.

Source: Iandola et al., https://arxiv.org/abs/1602.07360; version 1.1 computes 2.4 times less.
"""

from __future__ import annotations

from typing import Any

from minitensor import nn
from minitensor.errors import ArgumentError
from minitensor.ops.join import cat
from minitensor.tensor import Tensor
from minitensor.vision.models.initialization import zero_bias
from minitensor.vision.models.weights import Weights, build

__all__ = ["SqueezeNet", "squeezenet1_0", "squeezenet1_1"]


class Fire(nn.Module):
    """Squeeze the channels, then expand them by 1x1 and by 3x3 filters, side by side."""

    def __init__(self, inplanes: int, squeeze_planes: int, expand1x1_planes: int, expand3x3_planes: int) -> None:
        super().__init__()
        self.inplanes = inplanes
        self.squeeze = nn.Conv2d(inplanes, squeeze_planes, kernel_size=1)
        self.squeeze_activation = nn.ReLU(inplace=True)
        self.expand1x1 = nn.Conv2d(squeeze_planes, expand1x1_planes, kernel_size=1)
        self.expand1x1_activation = nn.ReLU(inplace=True)
        self.expand3x3 = nn.Conv2d(squeeze_planes, expand3x3_planes, kernel_size=3, padding=1)
        self.expand3x3_activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.squeeze_activation(self.squeeze(x))
        pointwise = self.expand1x1_activation(self.expand1x1(x))
        return cat([pointwise, self.expand3x3_activation(self.expand3x3(x))], 1)


class SqueezeNet(nn.Module):
    """A convolution, eight Fire blocks, and a 1x1 convolution that gives a map of scores for each class.

    Args:
        version: ``"1_0"``, or ``"1_1"``, which pools earlier. Default: ``"1_0"``
        num_classes: The number of classes. Default: ``1000``
        dropout: The probability of dropout before the last convolution. Default: ``0.5``

    Shape:
        - Input: (N, 3, H, W), H and W at least 21 (version 1.1: 17)
        - Output: (N, num_classes)

    Raises:
        ValueError: If there is no such version.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> models.SqueezeNet("1_1", num_classes=10)(torch.ones(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(self, version: str = "1_0", num_classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        if version not in FEATURES:
            raise ArgumentError(f"SqueezeNet: version must be '1_0' or '1_1', got {version!r}")
        self.num_classes = num_classes
        self.features = FEATURES[version]()
        final_conv = nn.Conv2d(512, num_classes, kernel_size=1)
        self.classifier = nn.Sequential(
            nn.Dropout(dropout), final_conv, nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d((1, 1))
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                initialize(module, is_last=module is final_conv)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.features(x)).flatten(1)
        return logits


def initialize(convolution: nn.Conv2d, is_last: bool) -> None:
    """Initialize a convolution; the last one with small numbers."""
    if is_last:
        nn.init.normal_(convolution.weight, mean=0.0, std=0.01)
    else:
        nn.init.kaiming_uniform_(convolution.weight)
    zero_bias(convolution)


def features_1_0() -> nn.Sequential:
    """Return the convolutional part of version 1.0."""
    return nn.Sequential(
        nn.Conv2d(3, 96, kernel_size=7, stride=2),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True),
        Fire(96, 16, 64, 64),
        Fire(128, 16, 64, 64),
        Fire(128, 32, 128, 128),
        nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True),
        Fire(256, 32, 128, 128),
        Fire(256, 48, 192, 192),
        Fire(384, 48, 192, 192),
        Fire(384, 64, 256, 256),
        nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True),
        Fire(512, 64, 256, 256),
    )


def features_1_1() -> nn.Sequential:
    """Return the convolutional part of version 1.1."""
    return nn.Sequential(
        nn.Conv2d(3, 64, kernel_size=3, stride=2),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True),
        Fire(64, 16, 64, 64),
        Fire(128, 16, 64, 64),
        nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True),
        Fire(128, 32, 128, 128),
        Fire(256, 32, 128, 128),
        nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True),
        Fire(256, 48, 192, 192),
        Fire(384, 48, 192, 192),
        Fire(384, 64, 256, 256),
        Fire(512, 64, 256, 256),
    )


FEATURES = {"1_0": features_1_0, "1_1": features_1_1}


def squeezenet1_0(*, weights: Weights = None, progress: bool = True, **options: Any) -> SqueezeNet:
    """Build SqueezeNet 1.0 (1.2 million parameters).

    Args:
        weights: The path of a checkpoint to load, in PyTorch's format or of safetensors. Default: ``None``
        progress: Accepted for torchvision compatibility; nothing is downloaded. Default: ``True``
        options: Arguments of ``SqueezeNet``.

    Raises:
        FileNotFoundError: If ``weights`` is not the path of a file.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.squeezenet1_0()
    >>> sum(parameter.numel() for parameter in model.parameters())
    1248424
    """
    return build(SqueezeNet, weights, options, "1_0")


def squeezenet1_1(*, weights: Weights = None, progress: bool = True, **options: Any) -> SqueezeNet:
    """Build SqueezeNet 1.1 (1.2 million parameters). Arguments as for ``squeezenet1_0``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.squeezenet1_1()
    >>> sum(parameter.numel() for parameter in model.parameters())
    1235496
    """
    return build(SqueezeNet, weights, options, "1_1")

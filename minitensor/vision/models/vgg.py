"""VGG: nothing but 3x3 convolutions and 2x2 pooling, 11 to 19 layers deep.

Two 3x3 filters see 5x5 and three see 7x7, with fewer weights than one large filter. Source: Simonyan and Zisserman,
Very Deep Convolutional Networks, https://arxiv.org/abs/1409.1556
"""

from __future__ import annotations

from typing import Any

from minitensor import nn
from minitensor.tensor import Tensor
from minitensor.vision.models.initialization import initialize_for_relu
from minitensor.vision.models.weights import Weights, build

__all__ = ["VGG", "vgg11", "vgg11_bn", "vgg13", "vgg13_bn", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn"]

# How many convolutions each of the five stages has. A stage ends with pooling; its channels are below.
DEPTHS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
CHANNELS = (64, 128, 256, 512, 512)


class VGG(nn.Module):
    """Convolutional features and three fully connected layers.

    Args:
        features: The convolutions, which give 512 channels.
        num_classes: The number of classes. Default: ``1000``
        init_weights: Initialize as the paper does. Default: ``True``
        dropout: The probability of dropout after the first two fully connected layers. Default: ``0.5``

    Shape:
        - Input: (N, 3, H, W), H and W at least 32
        - Output: (N, num_classes)

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.VGG(models.vgg.make_features(11), num_classes=10)
    >>> model(torch.ones(2, 3, 224, 224, device="meta")).shape
    torch.Size([2, 10])
    """

    def __init__(
        self, features: nn.Module, num_classes: int = 1000, init_weights: bool = True, dropout: float = 0.5
    ) -> None:
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(True),
            nn.Dropout(dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(True),
            nn.Dropout(dropout),
            nn.Linear(4096, num_classes),
        )
        if init_weights:
            self.apply(initialize_for_relu)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.avgpool(self.features(x)).flatten(1))
        return logits


def make_features(depth: int, batch_norm: bool = False) -> nn.Sequential:
    """Return the convolutional part of the network of a depth."""
    layers: list[nn.Module] = []
    channels = 3
    for convolutions, out_channels in zip(DEPTHS[depth], CHANNELS, strict=True):
        for _ in range(convolutions):
            norm = [nn.BatchNorm2d(out_channels)] if batch_norm else []
            layers += [nn.Conv2d(channels, out_channels, 3, padding=1), *norm, nn.ReLU(inplace=True)]
            channels = out_channels
        layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
    return nn.Sequential(*layers)


def build_vgg(depth: int, batch_norm: bool, weights: Weights, options: dict[str, Any]) -> VGG:
    """Build a VGG. What a checkpoint replaces is not initialized before."""
    return build(VGG, weights, {"init_weights": weights is None} | options, make_features(depth, batch_norm))


def vgg11(*, weights: Weights = None, progress: bool = True, **options: Any) -> VGG:
    """Build VGG-11 (132.9 million parameters).

    Args:
        weights: The path of a checkpoint to load, in PyTorch's format or of safetensors. Default: ``None``
        progress: Accepted for torchvision compatibility; nothing is downloaded. Default: ``True``
        options: Arguments of ``VGG``.

    Raises:
        FileNotFoundError: If ``weights`` is not the path of a file.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.vgg11()
    >>> sum(parameter.numel() for parameter in model.parameters())
    132863336
    """
    return build_vgg(11, False, weights, options)


def vgg11_bn(*, weights: Weights = None, progress: bool = True, **options: Any) -> VGG:
    """Build VGG-11 with batch normalization (132.9 million parameters). Arguments as for ``vgg11``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.vgg11_bn()
    >>> sum(parameter.numel() for parameter in model.parameters())
    132868840
    """
    return build_vgg(11, True, weights, options)


def vgg13(*, weights: Weights = None, progress: bool = True, **options: Any) -> VGG:
    """Build VGG-13 (133.0 million parameters). Arguments as for ``vgg11``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.vgg13()
    >>> sum(parameter.numel() for parameter in model.parameters())
    133047848
    """
    return build_vgg(13, False, weights, options)


def vgg13_bn(*, weights: Weights = None, progress: bool = True, **options: Any) -> VGG:
    """Build VGG-13 with batch normalization (133.1 million parameters). Arguments as for ``vgg11``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.vgg13_bn()
    >>> sum(parameter.numel() for parameter in model.parameters())
    133053736
    """
    return build_vgg(13, True, weights, options)


def vgg16(*, weights: Weights = None, progress: bool = True, **options: Any) -> VGG:
    """Build VGG-16 (138.4 million parameters). Arguments as for ``vgg11``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.vgg16()
    >>> sum(parameter.numel() for parameter in model.parameters())
    138357544
    """
    return build_vgg(16, False, weights, options)


def vgg16_bn(*, weights: Weights = None, progress: bool = True, **options: Any) -> VGG:
    """Build VGG-16 with batch normalization (138.4 million parameters). Arguments as for ``vgg11``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.vgg16_bn()
    >>> sum(parameter.numel() for parameter in model.parameters())
    138365992
    """
    return build_vgg(16, True, weights, options)


def vgg19(*, weights: Weights = None, progress: bool = True, **options: Any) -> VGG:
    """Build VGG-19 (143.7 million parameters). Arguments as for ``vgg11``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.vgg19()
    >>> sum(parameter.numel() for parameter in model.parameters())
    143667240
    """
    return build_vgg(19, False, weights, options)


def vgg19_bn(*, weights: Weights = None, progress: bool = True, **options: Any) -> VGG:
    """Build VGG-19 with batch normalization (143.7 million parameters). Arguments as for ``vgg11``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.vgg19_bn()
    >>> sum(parameter.numel() for parameter in model.parameters())
    143678248
    """
    return build_vgg(19, True, weights, options)

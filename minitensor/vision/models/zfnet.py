"""ZFNet, which won ImageNet in 2013: AlexNet with smaller filters and a smaller stride at its start.

Source: Zeiler and Fergus, Visualizing and Understanding Convolutional Networks, https://arxiv.org/abs/1311.2901. Local
response normalization stands for its contrast normalization, as in AlexNet. torchvision has no ZFNet.
"""

from __future__ import annotations

from typing import Any

from minitensor import nn
from minitensor.tensor import Tensor
from minitensor.vision.models.weights import Weights, build

__all__ = ["ZFNet", "zfnet"]


class ZFNet(nn.Module):
    """Five convolutions, the first 7x7 with stride 2, and three fully connected layers.

    Args:
        num_classes: The number of classes. Default: ``1000``
        dropout: The probability of dropout before the first two fully connected layers. Default: ``0.5``

    Shape:
        - Input: (N, 3, 224, 224)
        - Output: (N, num_classes)

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     print(models.ZFNet(10)(torch.ones(2, 3, 224, 224)).shape)
    torch.Size([2, 10])
    """

    def __init__(self, num_classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 96, kernel_size=7, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
            nn.LocalResponseNorm(5),
            nn.Conv2d(96, 256, kernel_size=5, stride=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
            nn.LocalResponseNorm(5),
            nn.Conv2d(256, 384, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(384, 384, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
        )
        self.classifier = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(256 * 6 * 6, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Linear(4096, num_classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.features(x).flatten(1))
        return logits


def zfnet(*, weights: Weights = None, progress: bool = True, **options: Any) -> ZFNet:
    """Build ZFNet (62.4 million parameters).

    Args:
        weights: The path of a checkpoint to load, in PyTorch's format or of safetensors. Default: ``None``
        progress: Accepted for torchvision compatibility; nothing is downloaded. Default: ``True``
        options: Arguments of ``ZFNet``.

    Raises:
        FileNotFoundError: If ``weights`` is not the path of a file.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.zfnet()
    >>> sum(parameter.numel() for parameter in model.parameters())
    62357608
    """
    return build(ZFNet, weights, options)

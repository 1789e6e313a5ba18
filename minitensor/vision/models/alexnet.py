"""AlexNet, with which ConvNets won ImageNet in 2012, in torchvision's form for one processor.

Sources: Krizhevsky et al., ImageNet classification with deep convolutional neural networks (2012); the numbers of
channels are those of Krizhevsky, One weird trick, https://arxiv.org/abs/1404.5997
"""

from __future__ import annotations

from typing import Any

from minitensor import nn
from minitensor.tensor import Tensor
from minitensor.vision.models.weights import Weights, build

__all__ = ["AlexNet", "alexnet"]


class AlexNet(nn.Module):
    """Five convolutions and three fully connected layers.

    Args:
        num_classes: The number of classes. Default: ``1000``
        dropout: The probability of dropout before the first two fully connected layers. Default: ``0.5``

    Shape:
        - Input: (N, 3, H, W), H and W at least 63
        - Output: (N, num_classes)

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     print(models.AlexNet(10)(torch.ones(2, 3, 224, 224)).shape)
    torch.Size([2, 10])
    """

    def __init__(self, num_classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, kernel_size=11, stride=4, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(64, 192, kernel_size=5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(192, 384, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(256, 256, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
        )
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
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
        logits: Tensor = self.classifier(self.avgpool(self.features(x)).flatten(1))
        return logits


def alexnet(*, weights: Weights = None, progress: bool = True, **options: Any) -> AlexNet:
    """Build AlexNet (61.1 million parameters).

    Args:
        weights: The path of a checkpoint to load, in PyTorch's format or of safetensors. Default: ``None``
        progress: Accepted for torchvision compatibility; nothing is downloaded. Default: ``True``
        options: Arguments of ``AlexNet``.

    Raises:
        FileNotFoundError: If ``weights`` is not the path of a file.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.alexnet()
    >>> sum(parameter.numel() for parameter in model.parameters())
    61100840
    """
    return build(AlexNet, weights, options)

"""LeNet-5, which read handwritten digits in 1998: convolutions and pooling, then fully connected layers.

Source: LeCun et al., Gradient-based learning applied to document recognition (1998). Its pooling layers also learned a
scale and a bias, its second convolution was not connected to all channels, and its output measured distances; this is
the form in common use. torchvision has no LeNet.
"""

from __future__ import annotations

from typing import Any

from minitensor import nn
from minitensor.tensor import Tensor
from minitensor.vision.models.weights import Weights, build

__all__ = ["LeNet5", "lenet5"]


class LeNet5(nn.Module):
    """Two convolutions of 5x5 with average pooling, and three fully connected layers, all with tanh.

    Args:
        num_classes: The number of classes. Default: ``10``

    Shape:
        - Input: (N, 1, 32, 32)
        - Output: (N, num_classes)

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> models.LeNet5()(torch.ones(2, 1, 32, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 6, kernel_size=5),
            nn.Tanh(),
            nn.AvgPool2d(kernel_size=2),
            nn.Conv2d(6, 16, kernel_size=5),
            nn.Tanh(),
            nn.AvgPool2d(kernel_size=2),
        )
        self.classifier = nn.Sequential(
            nn.Linear(16 * 5 * 5, 120),
            nn.Tanh(),
            nn.Linear(120, 84),
            nn.Tanh(),
            nn.Linear(84, num_classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.features(x).flatten(1))
        return logits


def lenet5(*, weights: Weights = None, progress: bool = True, **options: Any) -> LeNet5:
    """Build LeNet-5 (61,706 parameters).

    Args:
        weights: The path of a checkpoint to load, in PyTorch's format or of safetensors. Default: ``None``
        progress: Accepted for torchvision compatibility; nothing is downloaded. Default: ``True``
        options: Arguments of ``LeNet5``.

    Raises:
        FileNotFoundError: If ``weights`` is not the path of a file.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.lenet5()
    >>> sum(parameter.numel() for parameter in model.parameters())
    61706
    """
    return build(LeNet5, weights, options)

"""GoogLeNet (Inception v1): blocks that look at four sizes of windows side by side.

Source: Szegedy et al., Going Deeper with Convolutions, https://arxiv.org/abs/1409.4842. As in torchvision, the branch
of the paper's 5x5 filters has 3x3 filters, and batch normalization follows each convolution.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

from minitensor import nn
from minitensor.callers import user_level
from minitensor.errors import ArgumentError
from minitensor.ops.join import cat
from minitensor.tensor import Tensor
from minitensor.vision.models.weights import Weights, load_weights, refuse_download
from minitensor.vision.ops import Layer

__all__ = ["GoogLeNet", "GoogLeNetOutputs", "googlenet"]


class GoogLeNetOutputs(NamedTuple):
    """What a GoogLeNet with auxiliary classifiers returns while it is trained: three tensors of logits.

    Args:
        logits: Those of the whole network.
        aux_logits2: Those of the second auxiliary classifier, or None.
        aux_logits1: Those of the first one, or None.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> models.GoogLeNetOutputs(torch.ones(1), None, None).logits
    tensor([1.])
    """

    logits: Tensor
    aux_logits2: Tensor | None
    aux_logits1: Tensor | None


class BasicConv2d(nn.Module):
    """A convolution, its norm and ReLU. Options are those of ``nn.Conv2d``."""

    def __init__(self, in_channels: int, out_channels: int, **options: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, bias=False, **options)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.relu(self.bn(self.conv(x)), inplace=True)


class Inception(nn.Module):
    """Four branches side by side: 1x1; 1x1 then 3x3; 1x1 then 3x3, wider; pooling then 1x1."""

    def __init__(
        self,
        in_channels: int,
        ch1x1: int,
        ch3x3red: int,
        ch3x3: int,
        ch5x5red: int,
        ch5x5: int,
        pool_proj: int,
        conv_block: Layer | None = None,
    ) -> None:
        super().__init__()
        conv = conv_block or BasicConv2d
        self.branch1 = conv(in_channels, ch1x1, kernel_size=1)
        self.branch2 = nn.Sequential(
            conv(in_channels, ch3x3red, kernel_size=1), conv(ch3x3red, ch3x3, kernel_size=3, padding=1)
        )
        self.branch3 = nn.Sequential(
            conv(in_channels, ch5x5red, kernel_size=1), conv(ch5x5red, ch5x5, kernel_size=3, padding=1)
        )
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(kernel_size=3, stride=1, padding=1, ceil_mode=True),
            conv(in_channels, pool_proj, kernel_size=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class InceptionAux(nn.Module):
    """An auxiliary classifier, which brings gradients to the middle of the network."""

    def __init__(
        self, in_channels: int, num_classes: int, conv_block: Layer | None = None, dropout: float = 0.7
    ) -> None:
        super().__init__()
        self.conv = (conv_block or BasicConv2d)(in_channels, 128, kernel_size=1)
        self.fc1 = nn.Linear(2048, 1024)
        self.fc2 = nn.Linear(1024, num_classes)
        self.dropout = nn.Dropout(p=dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(nn.functional.adaptive_avg_pool2d(x, (4, 4))).flatten(1)
        logits: Tensor = self.fc2(self.dropout(nn.functional.relu(self.fc1(x), inplace=True)))
        return logits


class GoogLeNet(nn.Module):
    """Three convolutions, nine Inception blocks and a linear classifier.

    Args:
        num_classes: The number of classes. Default: ``1000``
        aux_logits: Have the two auxiliary classifiers, whose logits training returns too. Default: ``True``
        transform_input: Bring the input from ImageNet's mean and deviation to 0.5 and 0.5. Default: ``False``
        init_weights: Initialize by a truncated normal distribution. Default: ``None``, which means True
        blocks: Makes the convolutions, the blocks and the auxiliary classifiers. Default: ``None``, this module's
        dropout: The probability of dropout before the classifier. Default: ``0.2``
        dropout_aux: The same in the auxiliary classifiers. Default: ``0.7``

    Shape:
        - Input: (N, 3, H, W), H and W at least 15
        - Output: (N, num_classes), or ``GoogLeNetOutputs`` of them

    Raises:
        ValueError: If ``blocks`` has not three elements.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     print(models.GoogLeNet(10)(torch.ones(2, 3, 224, 224)).aux_logits1.shape)
    torch.Size([2, 10])
    """

    def __init__(
        self,
        num_classes: int = 1000,
        aux_logits: bool = True,
        transform_input: bool = False,
        init_weights: bool | None = None,
        blocks: Sequence[Layer] | None = None,
        dropout: float = 0.2,
        dropout_aux: float = 0.7,
    ) -> None:
        super().__init__()
        blocks = [BasicConv2d, Inception, InceptionAux] if blocks is None else blocks
        if len(blocks) != 3:
            raise ArgumentError(f"GoogLeNet: blocks must have 3 elements, got {len(blocks)}")
        conv, inception, auxiliary = blocks
        self.aux_logits = aux_logits
        self.transform_input = transform_input
        self.conv1 = conv(3, 64, kernel_size=7, stride=2, padding=3)
        self.maxpool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.conv2 = conv(64, 64, kernel_size=1)
        self.conv3 = conv(64, 192, kernel_size=3, padding=1)
        self.maxpool2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception3a = inception(192, 64, 96, 128, 16, 32, 32)
        self.inception3b = inception(256, 128, 128, 192, 32, 96, 64)
        self.maxpool3 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception4a = inception(480, 192, 96, 208, 16, 48, 64)
        self.inception4b = inception(512, 160, 112, 224, 24, 64, 64)
        self.inception4c = inception(512, 128, 128, 256, 24, 64, 64)
        self.inception4d = inception(512, 112, 144, 288, 32, 64, 64)
        self.inception4e = inception(528, 256, 160, 320, 32, 128, 128)
        self.maxpool4 = nn.MaxPool2d(2, stride=2, ceil_mode=True)
        self.inception5a = inception(832, 256, 160, 320, 32, 128, 128)
        self.inception5b = inception(832, 384, 192, 384, 48, 128, 128)
        self.aux1 = auxiliary(512, num_classes, dropout=dropout_aux) if aux_logits else None
        self.aux2 = auxiliary(528, num_classes, dropout=dropout_aux) if aux_logits else None
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(p=dropout)
        self.fc = nn.Linear(1024, num_classes)
        if init_weights or init_weights is None:
            self.apply(initialize)

    def forward(self, x: Tensor) -> Tensor | GoogLeNetOutputs:
        x = from_half(x) if self.transform_input else x
        x = self.maxpool2(self.conv3(self.conv2(self.maxpool1(self.conv1(x)))))
        x = self.inception4a(self.maxpool3(self.inception3b(self.inception3a(x))))
        aux1 = self.aux1(x) if self.training and self.aux1 is not None else None
        x = self.inception4d(self.inception4c(self.inception4b(x)))
        aux2 = self.aux2(x) if self.training and self.aux2 is not None else None
        x = self.inception5b(self.inception5a(self.maxpool4(self.inception4e(x))))
        logits: Tensor = self.fc(self.dropout(self.avgpool(x).flatten(1)))
        return GoogLeNetOutputs(logits, aux2, aux1) if self.training and self.aux_logits else logits


def initialize(module: nn.Module) -> None:
    """Initialize a convolution or a linear layer by a normal distribution, truncated at two deviations."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.trunc_normal_(module.weight, mean=0.0, std=0.01, a=-2, b=2)


def from_half(image: Tensor) -> Tensor:
    """Take ImageNet's mean and deviation of each channel out of an image, and put in 0.5 and 0.5."""
    deviation, mean = image.new_tensor([0.229, 0.224, 0.225]), image.new_tensor([0.485, 0.456, 0.406])
    return image * (deviation / 0.5).view(3, 1, 1) + ((mean - 0.5) / 0.5).view(3, 1, 1)


def googlenet(*, weights: Weights = None, progress: bool = True, **options: Any) -> GoogLeNet:
    """Build GoogLeNet (13.0 million parameters, 6.6 million without the auxiliary classifiers).

    Args:
        weights: The path of a checkpoint to load, in PyTorch's format or of safetensors. It must have the auxiliary
            classifiers, as torchvision's has; they are dropped afterwards unless ``aux_logits=True``. The input is then
            transformed by default. Default: ``None``
        progress: Accepted for torchvision compatibility; nothing is downloaded. Default: ``True``
        options: Arguments of ``GoogLeNet``.

    Raises:
        FileNotFoundError: If ``weights`` is not the path of a file.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.googlenet()
    >>> sum(parameter.numel() for parameter in model.parameters())
    13004888
    """
    options = refuse_download(options)
    if weights is None:
        return GoogLeNet(**options)
    wanted = options.pop("aux_logits", False)
    if wanted:
        warnings.warn("the auxiliary classifiers of torchvision's checkpoint are not trained", stacklevel=user_level())
    model = load_weights(GoogLeNet(**{"transform_input": True, "init_weights": False} | options), weights)
    if not wanted:
        model.aux_logits, model.aux1, model.aux2 = False, None, None
    return model

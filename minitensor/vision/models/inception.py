"""Inception v3: filters of 7x7 taken apart into 1x7 and 7x1, and five kinds of blocks.

Source: Szegedy et al., Rethinking the Inception Architecture, https://arxiv.org/abs/1512.00567
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from minitensor import nn
from minitensor.errors import ArgumentError
from minitensor.ops.join import cat
from minitensor.tensor import Tensor
from minitensor.vision.models.googlenet import BasicConv2d, from_half
from minitensor.vision.models.weights import Weights, load_weights, refuse_download
from minitensor.vision.ops import Layer

__all__ = ["Inception3", "InceptionOutputs", "inception_v3"]

F = nn.functional

ROW: dict[str, Any] = {"kernel_size": (1, 7), "padding": (0, 3)}
COLUMN: dict[str, Any] = {"kernel_size": (7, 1), "padding": (3, 0)}


class InceptionOutputs(NamedTuple):
    """What an Inception v3 with an auxiliary classifier returns while it is trained: two tensors of logits.

    Args:
        logits: Those of the whole network.
        aux_logits: Those of the auxiliary classifier, or None.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> models.InceptionOutputs(torch.ones(1), None).logits
    tensor([1.])
    """

    logits: Tensor
    aux_logits: Tensor | None


class InceptionA(nn.Module):
    """Branches of 1x1, 5x5, two 3x3, and average pooling."""

    def __init__(self, in_channels: int, pool_features: int, conv_block: Layer | None = None) -> None:
        super().__init__()
        conv = conv_block or BasicConv2d
        self.branch1x1 = conv(in_channels, 64, kernel_size=1)
        self.branch5x5_1 = conv(in_channels, 48, kernel_size=1)
        self.branch5x5_2 = conv(48, 64, kernel_size=5, padding=2)
        self.branch3x3dbl_1 = conv(in_channels, 64, kernel_size=1)
        self.branch3x3dbl_2 = conv(64, 96, kernel_size=3, padding=1)
        self.branch3x3dbl_3 = conv(96, 96, kernel_size=3, padding=1)
        self.branch_pool = conv(in_channels, pool_features, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        middle = self.branch5x5_2(self.branch5x5_1(x))
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return cat([self.branch1x1(x), middle, double, self.branch_pool(local_mean(x))], 1)


class InceptionB(nn.Module):
    """Halve the size by branches of 3x3, two 3x3, and max pooling."""

    def __init__(self, in_channels: int, conv_block: Layer | None = None) -> None:
        super().__init__()
        conv = conv_block or BasicConv2d
        self.branch3x3 = conv(in_channels, 384, kernel_size=3, stride=2)
        self.branch3x3dbl_1 = conv(in_channels, 64, kernel_size=1)
        self.branch3x3dbl_2 = conv(64, 96, kernel_size=3, padding=1)
        self.branch3x3dbl_3 = conv(96, 96, kernel_size=3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return cat([self.branch3x3(x), double, F.max_pool2d(x, kernel_size=3, stride=2)], 1)


class InceptionC(nn.Module):
    """Branches of 1x1, 7x7 and two 7x7, taken apart into rows and columns, and average pooling."""

    def __init__(self, in_channels: int, channels_7x7: int, conv_block: Layer | None = None) -> None:
        super().__init__()
        conv, c7 = conv_block or BasicConv2d, channels_7x7
        self.branch1x1 = conv(in_channels, 192, kernel_size=1)
        self.branch7x7_1 = conv(in_channels, c7, kernel_size=1)
        self.branch7x7_2 = conv(c7, c7, **ROW)
        self.branch7x7_3 = conv(c7, 192, **COLUMN)
        self.branch7x7dbl_1 = conv(in_channels, c7, kernel_size=1)
        self.branch7x7dbl_2 = conv(c7, c7, **COLUMN)
        self.branch7x7dbl_3 = conv(c7, c7, **ROW)
        self.branch7x7dbl_4 = conv(c7, c7, **COLUMN)
        self.branch7x7dbl_5 = conv(c7, 192, **ROW)
        self.branch_pool = conv(in_channels, 192, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        single = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        double = self.branch7x7dbl_5(self.branch7x7dbl_4(double))
        return cat([self.branch1x1(x), single, double, self.branch_pool(local_mean(x))], 1)


class InceptionD(nn.Module):
    """Halve the size by branches of 3x3, 7x7 and 3x3, and max pooling."""

    def __init__(self, in_channels: int, conv_block: Layer | None = None) -> None:
        super().__init__()
        conv = conv_block or BasicConv2d
        self.branch3x3_1 = conv(in_channels, 192, kernel_size=1)
        self.branch3x3_2 = conv(192, 320, kernel_size=3, stride=2)
        self.branch7x7x3_1 = conv(in_channels, 192, kernel_size=1)
        self.branch7x7x3_2 = conv(192, 192, **ROW)
        self.branch7x7x3_3 = conv(192, 192, **COLUMN)
        self.branch7x7x3_4 = conv(192, 192, kernel_size=3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        small = self.branch3x3_2(self.branch3x3_1(x))
        large = self.branch7x7x3_4(self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x))))
        return cat([small, large, F.max_pool2d(x, kernel_size=3, stride=2)], 1)


class InceptionE(nn.Module):
    """Branches of 1x1, 3x3 and two 3x3 that end in a row and a column side by side, and average pooling."""

    def __init__(self, in_channels: int, conv_block: Layer | None = None) -> None:
        super().__init__()
        conv = conv_block or BasicConv2d
        self.branch1x1 = conv(in_channels, 320, kernel_size=1)
        self.branch3x3_1 = conv(in_channels, 384, kernel_size=1)
        self.branch3x3_2a = conv(384, 384, kernel_size=(1, 3), padding=(0, 1))
        self.branch3x3_2b = conv(384, 384, kernel_size=(3, 1), padding=(1, 0))
        self.branch3x3dbl_1 = conv(in_channels, 448, kernel_size=1)
        self.branch3x3dbl_2 = conv(448, 384, kernel_size=3, padding=1)
        self.branch3x3dbl_3a = conv(384, 384, kernel_size=(1, 3), padding=(0, 1))
        self.branch3x3dbl_3b = conv(384, 384, kernel_size=(3, 1), padding=(1, 0))
        self.branch_pool = conv(in_channels, 192, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        single = self.branch3x3_1(x)
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        crosses = [
            self.branch3x3_2a(single), self.branch3x3_2b(single),
            self.branch3x3dbl_3a(double), self.branch3x3dbl_3b(double),
        ]  # fmt: skip
        return cat([self.branch1x1(x), *crosses, self.branch_pool(local_mean(x))], 1)


class InceptionAux(nn.Module):
    """An auxiliary classifier, which brings gradients to the middle of the network."""

    def __init__(self, in_channels: int, num_classes: int, conv_block: Layer | None = None) -> None:
        super().__init__()
        conv = conv_block or BasicConv2d
        self.conv0 = conv(in_channels, 128, kernel_size=1)
        self.conv1 = conv(128, 768, kernel_size=5)
        self.fc = nn.Linear(768, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(self.conv0(F.avg_pool2d(x, kernel_size=5, stride=3)))
        logits: Tensor = self.fc(F.adaptive_avg_pool2d(x, (1, 1)).flatten(1))
        return logits


BLOCKS = (BasicConv2d, InceptionA, InceptionB, InceptionC, InceptionD, InceptionE, InceptionAux)


class Inception3(nn.Module):
    """Five convolutions, eleven blocks and a linear classifier.

    Args:
        num_classes: The number of classes. Default: ``1000``
        aux_logits: Have the auxiliary classifier, whose logits training returns too. Default: ``True``
        transform_input: Bring the input from ImageNet's mean and deviation to 0.5 and 0.5. Default: ``False``
        inception_blocks: Makes the convolutions, the five kinds of blocks and the auxiliary classifier.
            Default: ``None``, this module's
        init_weights: Initialize by a truncated normal distribution. Default: ``None``, which means True
        dropout: The probability of dropout before the classifier. Default: ``0.5``

    Shape:
        - Input: (N, 3, 299, 299); others from 75 on
        - Output: (N, num_classes), or ``InceptionOutputs`` of them

    Raises:
        ValueError: If ``inception_blocks`` has not seven elements.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     print(models.Inception3(10)(torch.ones(2, 3, 299, 299)).aux_logits.shape)
    torch.Size([2, 10])
    """

    def __init__(
        self,
        num_classes: int = 1000,
        aux_logits: bool = True,
        transform_input: bool = False,
        inception_blocks: Sequence[Layer] | None = None,
        init_weights: bool | None = None,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        blocks: Sequence[Layer] = BLOCKS if inception_blocks is None else inception_blocks
        if len(blocks) != 7:
            raise ArgumentError(f"Inception3: inception_blocks must have 7 elements, got {len(blocks)}")
        conv, a, b, c, d, e, auxiliary = blocks
        self.aux_logits = aux_logits
        self.transform_input = transform_input
        self.Conv2d_1a_3x3 = conv(3, 32, kernel_size=3, stride=2)
        self.Conv2d_2a_3x3 = conv(32, 32, kernel_size=3)
        self.Conv2d_2b_3x3 = conv(32, 64, kernel_size=3, padding=1)
        self.maxpool1 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.Conv2d_3b_1x1 = conv(64, 80, kernel_size=1)
        self.Conv2d_4a_3x3 = conv(80, 192, kernel_size=3)
        self.maxpool2 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.Mixed_5b = a(192, pool_features=32)
        self.Mixed_5c = a(256, pool_features=64)
        self.Mixed_5d = a(288, pool_features=64)
        self.Mixed_6a = b(288)
        self.Mixed_6b = c(768, channels_7x7=128)
        self.Mixed_6c = c(768, channels_7x7=160)
        self.Mixed_6d = c(768, channels_7x7=160)
        self.Mixed_6e = c(768, channels_7x7=192)
        self.AuxLogits = auxiliary(768, num_classes) if aux_logits else None
        self.Mixed_7a = d(768)
        self.Mixed_7b = e(1280)
        self.Mixed_7c = e(2048)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(p=dropout)
        self.fc = nn.Linear(2048, num_classes)
        if init_weights or init_weights is None:
            self.initialize()

    def initialize(self) -> None:
        """Initialize by truncated normal distributions, a narrow one for the auxiliary classifier's linear layer."""
        for name, module in self.named_modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                std = 0.001 if name == "AuxLogits.fc" else 0.1
                nn.init.trunc_normal_(module.weight, mean=0.0, std=std, a=-2, b=2)

    def forward(self, x: Tensor) -> Tensor | InceptionOutputs:
        x = from_half(x) if self.transform_input else x
        x = self.maxpool1(self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x))))
        x = self.maxpool2(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x)))
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(x)))
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))))
        aux = self.AuxLogits(x) if self.training and self.AuxLogits is not None else None
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))
        logits: Tensor = self.fc(self.dropout(self.avgpool(x)).flatten(1))
        return InceptionOutputs(logits, aux) if self.training and self.aux_logits else logits


local_mean = partial(F.avg_pool2d, kernel_size=3, stride=1, padding=1)


def inception_v3(*, weights: Weights = None, progress: bool = True, **options: Any) -> Inception3:
    """Build Inception v3 (27.2 million parameters with the auxiliary classifier).

    Args:
        weights: The path of a checkpoint to load, in PyTorch's format or of safetensors. It must have the auxiliary
            classifier, as torchvision's has; it is dropped afterwards if ``aux_logits=False``. The input is then
            transformed by default. Default: ``None``
        progress: Accepted for torchvision compatibility; nothing is downloaded. Default: ``True``
        options: Arguments of ``Inception3``.

    Raises:
        FileNotFoundError: If ``weights`` is not the path of a file.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.inception_v3()
    >>> sum(parameter.numel() for parameter in model.parameters())
    27161264
    """
    options = refuse_download(options)
    if weights is None:
        return Inception3(**options)
    wanted = options.pop("aux_logits", True)
    model = load_weights(Inception3(**{"transform_input": True, "init_weights": False} | options), weights)
    if not wanted:
        model.aux_logits, model.AuxLogits = False, None
    return model

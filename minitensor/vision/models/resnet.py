"""Residual networks: ResNet, ResNeXt and Wide ResNet are one class, whose blocks differ in width and groups.

Each block adds what it computes to its input, so that gradients reach the first layers undiminished. Sources: He et
al., Deep Residual Learning, https://arxiv.org/abs/1512.03385; Xie et al., https://arxiv.org/abs/1611.05431 (ResNeXt);
Zagoruyko and Komodakis, https://arxiv.org/abs/1605.07146 (Wide ResNet).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minitensor import nn
from minitensor.errors import ArgumentError, UnsupportedError
from minitensor.tensor import Tensor
from minitensor.vision.models.weights import Weights, build
from minitensor.vision.ops import Layer

__all__ = [
    "ResNet", "resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnext50_32x4d", "resnext101_32x8d",
    "resnext101_64x4d", "wide_resnet50_2", "wide_resnet101_2",
]  # fmt: skip


def conv3x3(in_planes: int, out_planes: int, stride: int = 1, groups: int = 1, dilation: int = 1) -> nn.Conv2d:
    """Return a 3x3 convolution that keeps the size at stride 1."""
    return nn.Conv2d(in_planes, out_planes, 3, stride, dilation, dilation, groups, bias=False)


def conv1x1(in_planes: int, out_planes: int, stride: int = 1) -> nn.Conv2d:
    """Return a 1x1 convolution."""
    return nn.Conv2d(in_planes, out_planes, 1, stride, bias=False)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut around them: the block of ResNet-18 and ResNet-34.

    Args:
        inplanes: The number of channels of the input.
        planes: The number of channels of the output.
        stride: The stride of the first convolution. Default: ``1``
        downsample: What brings the shortcut to the output's shape. Default: ``None``, the shortcut is the input.
        groups: 1; others need a Bottleneck. Default: ``1``
        base_width: 64; others need a Bottleneck. Default: ``64``
        dilation: 1. Default: ``1``
        norm_layer: Makes a norm from a number of channels. Default: ``None``, ``nn.BatchNorm2d``

    Shape:
        - Input: (N, inplanes, H, W)
        - Output: (N, planes, H / stride, W / stride)

    Raises:
        ValueError: If ``groups`` is not 1 or ``base_width`` not 64.
        NotImplementedError: If ``dilation`` is not 1.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> models.resnet.BasicBlock(8, 8)(torch.ones(1, 8, 4, 4)).shape
    torch.Size([1, 8, 4, 4])
    """

    expansion = 1

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: Layer | None = None,
    ) -> None:
        super().__init__()
        norm = norm_layer or nn.BatchNorm2d
        if groups != 1 or base_width != 64:
            raise ArgumentError(
                f"BasicBlock: groups must be 1 and base_width 64, got {groups} and {base_width}; use Bottleneck"
            )
        if dilation > 1:
            raise UnsupportedError(f"BasicBlock: dilation must be 1, got {dilation}; use Bottleneck")
        self.conv1 = conv3x3(inplanes, planes, stride)
        self.bn1 = norm(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(planes, planes)
        self.bn2 = norm(planes)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += x if self.downsample is None else self.downsample(x)
        result: Tensor = self.relu(out)
        return result


class Bottleneck(nn.Module):
    """A 1x1, a 3x3 and a 1x1 convolution and a shortcut around them: the block of ResNet-50 and deeper.

    The stride is the 3x3 convolution's, as in torchvision ("ResNet v1.5"), not the first one's, as in the paper.

    Args:
        inplanes: The number of channels of the input.
        planes: A quarter of the number of channels of the output.
        stride: The stride of the 3x3 convolution. Default: ``1``
        downsample: What brings the shortcut to the output's shape. Default: ``None``, the shortcut is the input.
        groups: The groups of the 3x3 convolution. Default: ``1``
        base_width: Its channels in each group, at 64 planes. Default: ``64``
        dilation: Its dilation. Default: ``1``
        norm_layer: Makes a norm from a number of channels. Default: ``None``, ``nn.BatchNorm2d``

    Shape:
        - Input: (N, inplanes, H, W)
        - Output: (N, 4 * planes, H / stride, W / stride)

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> models.resnet.Bottleneck(8, 2)(torch.ones(1, 8, 4, 4)).shape
    torch.Size([1, 8, 4, 4])
    """

    expansion = 4

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: Layer | None = None,
    ) -> None:
        super().__init__()
        norm = norm_layer or nn.BatchNorm2d
        width = int(planes * (base_width / 64.0)) * groups
        self.conv1 = conv1x1(inplanes, width)
        self.bn1 = norm(width)
        self.conv2 = conv3x3(width, width, stride, groups, dilation)
        self.bn2 = norm(width)
        self.conv3 = conv1x1(width, planes * self.expansion)
        self.bn3 = norm(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += x if self.downsample is None else self.downsample(x)
        result: Tensor = self.relu(out)
        return result


class ResNet(nn.Module):
    """A residual network: a stem, four stages of blocks, the mean over all positions, a linear classifier.

    Args:
        block: ``BasicBlock`` or ``Bottleneck``.
        layers: The number of blocks in each of the four stages.
        num_classes: The number of classes. Default: ``1000``
        zero_init_residual: Start each block as the identity: the last norm's scale is zero. Default: ``False``
        groups: The groups of each 3x3 convolution. Default: ``1``
        width_per_group: The channels of a group in the first stage. Default: ``64``
        replace_stride_with_dilation: For each of the last three stages, whether it dilates its filters instead of
            halving the size. Default: ``None``, none does
        norm_layer: Makes a norm from a number of channels. Default: ``None``, ``nn.BatchNorm2d``

    Shape:
        - Input: (N, 3, H, W)
        - Output: (N, num_classes)

    Raises:
        ValueError: If ``replace_stride_with_dilation`` has not three elements.

    >>> import minitensor as torch
    >>> from minitensor.vision.models.resnet import BasicBlock, ResNet
    >>> ResNet(BasicBlock, [1, 1, 1, 1], num_classes=10)(torch.ones(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(
        self,
        block: type[BasicBlock] | type[Bottleneck],
        layers: Sequence[int],
        num_classes: int = 1000,
        zero_init_residual: bool = False,
        groups: int = 1,
        width_per_group: int = 64,
        replace_stride_with_dilation: Sequence[bool] | None = None,
        norm_layer: Layer | None = None,
    ) -> None:
        super().__init__()
        dilate = (False, False, False) if replace_stride_with_dilation is None else replace_stride_with_dilation
        if len(dilate) != 3:
            raise ArgumentError(f"ResNet: replace_stride_with_dilation must be None or have 3 elements, got {dilate}")
        norm = norm_layer or nn.BatchNorm2d
        self.norm = norm
        self.inplanes, self.dilation = 64, 1
        self.groups, self.base_width = groups, width_per_group
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = norm(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = self.make_layer(block, 64, layers[0])
        self.layer2 = self.make_layer(block, 128, layers[1], 2, dilate[0])
        self.layer3 = self.make_layer(block, 256, layers[2], 2, dilate[1])
        self.layer4 = self.make_layer(block, 512, layers[3], 2, dilate[2])
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512 * block.expansion, num_classes)
        for module in self.modules():
            initialize(module, zero_init_residual)

    def make_layer(
        self,
        block: type[BasicBlock] | type[Bottleneck],
        planes: int,
        blocks: int,
        stride: int = 1,
        dilate: bool = False,
    ) -> nn.Sequential:
        """Return a stage. Its first block takes the stride, or the dilation that replaces it."""
        before = self.dilation
        if dilate:
            self.dilation, stride = self.dilation * stride, 1
        out_planes = planes * block.expansion
        shortcut = None
        if stride != 1 or self.inplanes != out_planes:
            shortcut = nn.Sequential(conv1x1(self.inplanes, out_planes, stride), self.norm(out_planes))
        width = (self.groups, self.base_width)
        stage = [block(self.inplanes, planes, stride, shortcut, *width, before, self.norm)]
        self.inplanes = out_planes
        stage += [
            block(out_planes, planes, 1, None, *width, self.dilation, self.norm)  # pair after pair
            for _ in range(1, blocks)
        ]
        return nn.Sequential(*stage)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        logits: Tensor = self.fc(self.avgpool(x).flatten(1))
        return logits


def initialize(module: nn.Module, zero_residual: bool) -> None:
    """Initialize a layer as the paper does; with ``zero_residual``, let a block begin as the identity."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(module, Bottleneck) and zero_residual:
        nn.init.zeros_(module.bn3.weight)
    elif isinstance(module, BasicBlock) and zero_residual:
        nn.init.zeros_(module.bn2.weight)


def resnet18(*, weights: Weights = None, progress: bool = True, **options: Any) -> ResNet:
    """Build ResNet-18 (11.7 million parameters).

    Args:
        weights: The path of a checkpoint to load, in PyTorch's format or of safetensors. Default: ``None``
        progress: Accepted for torchvision compatibility; nothing is downloaded. Default: ``True``
        options: Arguments of ``ResNet``.

    Raises:
        FileNotFoundError: If ``weights`` is not the path of a file.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.resnet18()
    >>> sum(parameter.numel() for parameter in model.parameters())
    11689512
    """
    return build(ResNet, weights, options, BasicBlock, [2, 2, 2, 2])


def resnet34(*, weights: Weights = None, progress: bool = True, **options: Any) -> ResNet:
    """Build ResNet-34 (21.8 million parameters). Arguments as for ``resnet18``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.resnet34()
    >>> sum(parameter.numel() for parameter in model.parameters())
    21797672
    """
    return build(ResNet, weights, options, BasicBlock, [3, 4, 6, 3])


def resnet50(*, weights: Weights = None, progress: bool = True, **options: Any) -> ResNet:
    """Build ResNet-50 (25.6 million parameters). Arguments as for ``resnet18``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.resnet50()
    >>> sum(parameter.numel() for parameter in model.parameters())
    25557032
    """
    return build(ResNet, weights, options, Bottleneck, [3, 4, 6, 3])


def resnet101(*, weights: Weights = None, progress: bool = True, **options: Any) -> ResNet:
    """Build ResNet-101 (44.5 million parameters). Arguments as for ``resnet18``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.resnet101()
    >>> sum(parameter.numel() for parameter in model.parameters())
    44549160
    """
    return build(ResNet, weights, options, Bottleneck, [3, 4, 23, 3])


def resnet152(*, weights: Weights = None, progress: bool = True, **options: Any) -> ResNet:
    """Build ResNet-152 (60.2 million parameters). Arguments as for ``resnet18``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.resnet152()
    >>> sum(parameter.numel() for parameter in model.parameters())
    60192808
    """
    return build(ResNet, weights, options, Bottleneck, [3, 8, 36, 3])


def resnext50_32x4d(*, weights: Weights = None, progress: bool = True, **options: Any) -> ResNet:
    """Build ResNeXt-50 of 32 groups of 4 channels (25.0 million parameters). Arguments as for ``resnet18``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.resnext50_32x4d()
    >>> sum(parameter.numel() for parameter in model.parameters())
    25028904
    """
    return build(ResNet, weights, {"groups": 32, "width_per_group": 4} | options, Bottleneck, [3, 4, 6, 3])


def resnext101_32x8d(*, weights: Weights = None, progress: bool = True, **options: Any) -> ResNet:
    """Build ResNeXt-101 of 32 groups of 8 channels (88.8 million parameters). Arguments as for ``resnet18``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.resnext101_32x8d()
    >>> sum(parameter.numel() for parameter in model.parameters())
    88791336
    """
    return build(ResNet, weights, {"groups": 32, "width_per_group": 8} | options, Bottleneck, [3, 4, 23, 3])


def resnext101_64x4d(*, weights: Weights = None, progress: bool = True, **options: Any) -> ResNet:
    """Build ResNeXt-101 of 64 groups of 4 channels (83.5 million parameters). Arguments as for ``resnet18``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.resnext101_64x4d()
    >>> sum(parameter.numel() for parameter in model.parameters())
    83455272
    """
    return build(ResNet, weights, {"groups": 64, "width_per_group": 4} | options, Bottleneck, [3, 4, 23, 3])


def wide_resnet50_2(*, weights: Weights = None, progress: bool = True, **options: Any) -> ResNet:
    """Build Wide ResNet-50, whose 3x3 convolutions have twice as many channels (68.9 million parameters).

    Arguments as for ``resnet18``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.wide_resnet50_2()
    >>> sum(parameter.numel() for parameter in model.parameters())
    68883240
    """
    return build(ResNet, weights, {"width_per_group": 128} | options, Bottleneck, [3, 4, 6, 3])


def wide_resnet101_2(*, weights: Weights = None, progress: bool = True, **options: Any) -> ResNet:
    """Build Wide ResNet-101, whose 3x3 convolutions have twice as many channels (126.9 million parameters).

    Arguments as for ``resnet18``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.wide_resnet101_2()
    >>> sum(parameter.numel() for parameter in model.parameters())
    126886696
    """
    return build(ResNet, weights, {"width_per_group": 128} | options, Bottleneck, [3, 4, 23, 3])

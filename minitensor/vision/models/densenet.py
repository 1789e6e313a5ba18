"""DenseNet: each layer sees the outputs of all layers before it in its block.

Source: Huang et al., Densely Connected Convolutional Networks, https://arxiv.org/abs/1608.06993
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from minitensor import nn
from minitensor.ops.join import cat
from minitensor.tensor import Tensor
from minitensor.utils.checkpoint import checkpoint
from minitensor.vision.models.initialization import zero_bias
from minitensor.vision.models.weights import Weights, read_weights, refuse_download

__all__ = ["DenseNet", "densenet121", "densenet161", "densenet169", "densenet201"]

# torchvision's checkpoints name the layers of a dense layer norm.1, conv.2 and so on.
FORMER = re.compile(r"(.*denselayer\d+\.(?:norm|relu|conv))\.((?:[12])\..*)")


class DenseLayer(nn.Module):
    """A 1x1 and a 3x3 convolution, each after norm and activation, of all outputs before it.

    Args:
        num_input_features: The channels of all inputs together.
        growth_rate: The channels that this layer adds.
        bn_size: The channels between the convolutions, in multiples of ``growth_rate``.
        drop_rate: The probability of dropout.
        memory_efficient: Compute the inside again in the backward pass instead of keeping it. Default: ``False``
    """

    def __init__(
        self,
        num_input_features: int,
        growth_rate: int,
        bn_size: int,
        drop_rate: float,
        memory_efficient: bool = False,
    ) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(num_input_features)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(num_input_features, bn_size * growth_rate, kernel_size=1, bias=False)
        self.norm2 = nn.BatchNorm2d(bn_size * growth_rate)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(bn_size * growth_rate, growth_rate, kernel_size=3, padding=1, bias=False)
        self.drop_rate = drop_rate
        self.memory_efficient = memory_efficient

    def squeeze(self, *features: Tensor) -> Tensor:
        """Return the bottleneck: the 1x1 convolution of all features, joined."""
        bottleneck: Tensor = self.conv1(self.relu1(self.norm1(cat(features, 1))))
        return bottleneck

    def forward(self, input: Tensor | Sequence[Tensor]) -> Tensor:
        features = (input,) if isinstance(input, Tensor) else tuple(input)
        if self.memory_efficient and any(feature.requires_grad for feature in features):
            bottleneck = checkpoint(self.squeeze, *features, use_reentrant=False)
        else:
            bottleneck = self.squeeze(*features)
        added: Tensor = self.conv2(self.relu2(self.norm2(bottleneck)))
        return nn.functional.dropout(added, self.drop_rate, self.training) if self.drop_rate > 0 else added


class DenseBlock(nn.ModuleDict):
    """Dense layers, whose outputs are joined with the input."""

    def __init__(
        self,
        num_layers: int,
        num_input_features: int,
        bn_size: int,
        growth_rate: int,
        drop_rate: float,
        memory_efficient: bool = False,
    ) -> None:
        super().__init__()
        for index in range(num_layers):
            channels = num_input_features + index * growth_rate
            layer = DenseLayer(channels, growth_rate, bn_size, drop_rate, memory_efficient)
            self.add_module(f"denselayer{index + 1}", layer)

    def forward(self, init_features: Tensor) -> Tensor:
        features = [init_features]
        for layer in self.values():
            features.append(layer(features))
        return cat(features, 1)


def transition(num_input_features: int, num_output_features: int) -> nn.Sequential:
    """Return what stands between two blocks: fewer channels, half the size."""
    return nn.Sequential(
        OrderedDict(
            norm=nn.BatchNorm2d(num_input_features),
            relu=nn.ReLU(inplace=True),
            conv=nn.Conv2d(num_input_features, num_output_features, kernel_size=1, bias=False),
            pool=nn.AvgPool2d(kernel_size=2, stride=2),
        )
    )


class DenseNet(nn.Module):
    """A convolution, dense blocks with transitions between them, and a linear classifier.

    Args:
        growth_rate: The channels that each layer adds. Default: ``32``
        block_config: The number of layers of each block. Default: ``(6, 12, 24, 16)``
        num_init_features: The channels of the first convolution. Default: ``64``
        bn_size: The channels of a layer's bottleneck, in multiples of ``growth_rate``. Default: ``4``
        drop_rate: The probability of dropout after each layer. Default: ``0``
        num_classes: The number of classes. Default: ``1000``
        memory_efficient: Compute bottlenecks again in the backward pass instead of keeping them. Default: ``False``

    Shape:
        - Input: (N, 3, H, W), H and W at least 29
        - Output: (N, num_classes)

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> models.DenseNet(8, (2, 2), 16, num_classes=10)(torch.ones(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(
        self,
        growth_rate: int = 32,
        block_config: Sequence[int] = (6, 12, 24, 16),
        num_init_features: int = 64,
        bn_size: int = 4,
        drop_rate: float = 0,
        num_classes: int = 1000,
        memory_efficient: bool = False,
    ) -> None:
        super().__init__()
        channels = num_init_features
        self.features = nn.Sequential(
            OrderedDict[str, nn.Module](
                conv0=nn.Conv2d(3, channels, kernel_size=7, stride=2, padding=3, bias=False),
                norm0=nn.BatchNorm2d(channels),
                relu0=nn.ReLU(inplace=True),
                pool0=nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
            )
        )
        for number, layers in enumerate(block_config, 1):
            block = DenseBlock(layers, channels, bn_size, growth_rate, drop_rate, memory_efficient)
            self.features.add_module(f"denseblock{number}", block)
            channels += layers * growth_rate
            if number < len(block_config):
                self.features.add_module(f"transition{number}", transition(channels, channels // 2))
                channels //= 2
        self.features.add_module("norm5", nn.BatchNorm2d(channels))
        self.classifier = nn.Linear(channels, num_classes)
        self.apply(initialize)

    def forward(self, x: Tensor) -> Tensor:
        features = nn.functional.relu(self.features(x), inplace=True)
        logits: Tensor = self.classifier(nn.functional.adaptive_avg_pool2d(features, (1, 1)).flatten(1))
        return logits


def initialize(module: nn.Module) -> None:
    """Initialize convolutions for ReLU, and the classifier's bias with zeros."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight)
    elif isinstance(module, nn.Linear):
        zero_bias(module)


def build_densenet(
    growth_rate: int, block_config: Sequence[int], num_init_features: int, weights: Weights, options: dict[str, Any]
) -> DenseNet:
    """Build a DenseNet, and load a checkpoint whose names may be those of torchvision's files."""
    model = DenseNet(growth_rate, block_config, num_init_features, **refuse_download(options))
    if weights is not None:
        state = read_weights(weights)
        model.load_state_dict({FORMER.sub(r"\1\2", name): value for name, value in state.items()})
    return model


def densenet121(*, weights: Weights = None, progress: bool = True, **options: Any) -> DenseNet:
    """Build DenseNet-121 (8.0 million parameters).

    Args:
        weights: The path of a checkpoint to load, in PyTorch's format or of safetensors. Default: ``None``
        progress: Accepted for torchvision compatibility; nothing is downloaded. Default: ``True``
        options: Arguments of ``DenseNet``.

    Raises:
        FileNotFoundError: If ``weights`` is not the path of a file.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.densenet121()
    >>> sum(parameter.numel() for parameter in model.parameters())
    7978856
    """
    return build_densenet(32, (6, 12, 24, 16), 64, weights, options)


def densenet161(*, weights: Weights = None, progress: bool = True, **options: Any) -> DenseNet:
    """Build DenseNet-161 (28.7 million parameters). Arguments as for ``densenet121``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.densenet161()
    >>> sum(parameter.numel() for parameter in model.parameters())
    28681000
    """
    return build_densenet(48, (6, 12, 36, 24), 96, weights, options)


def densenet169(*, weights: Weights = None, progress: bool = True, **options: Any) -> DenseNet:
    """Build DenseNet-169 (14.1 million parameters). Arguments as for ``densenet121``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.densenet169()
    >>> sum(parameter.numel() for parameter in model.parameters())
    14149480
    """
    return build_densenet(32, (6, 12, 32, 32), 64, weights, options)


def densenet201(*, weights: Weights = None, progress: bool = True, **options: Any) -> DenseNet:
    """Build DenseNet-201 (20.0 million parameters). Arguments as for ``densenet121``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.densenet201()
    >>> sum(parameter.numel() for parameter in model.parameters())
    20013928
    """
    return build_densenet(32, (6, 12, 48, 32), 64, weights, options)

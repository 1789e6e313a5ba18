"""ViT: an image as a sequence of patches, for a transformer.

Source: Dosovitskiy et al., An Image is Worth 16x16 Words, https://arxiv.org/abs/2010.11929
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple, cast

from minitensor import nn
from minitensor.errors import ShapeError
from minitensor.ops.creation import empty, zeros
from minitensor.ops.join import cat
from minitensor.tensor import Tensor
from minitensor.vision.models.initialization import zero_bias
from minitensor.vision.models.weights import Weights, build
from minitensor.vision.ops import MLP, Conv2dNormActivation, Layer

__all__ = ["VisionTransformer", "vit_b_16", "vit_b_32", "vit_h_14", "vit_l_16", "vit_l_32"]

FINE_NORM = partial(nn.LayerNorm, eps=1e-6)


class ConvStemConfig(NamedTuple):
    """A convolution of the stem that may stand for the patches."""

    out_channels: int
    kernel_size: int
    stride: int
    norm_layer: Layer = nn.BatchNorm2d
    activation_layer: Layer = nn.ReLU


class MLPBlock(MLP):
    """The two linear layers of a block."""

    def __init__(self, in_dim: int, mlp_dim: int, dropout: float) -> None:
        super().__init__(in_dim, [mlp_dim, in_dim], activation_layer=nn.GELU, inplace=None, dropout=dropout)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.normal_(cast(Tensor, module.bias), std=1e-6)


class EncoderBlock(nn.Module):
    """Attention and two linear layers, each after a norm and added to its input."""

    def __init__(
        self,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float,
        attention_dropout: float,
        norm_layer: Layer = FINE_NORM,
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.ln_1 = norm_layer(hidden_dim)
        self.self_attention = nn.MultiheadAttention(hidden_dim, num_heads, dropout=attention_dropout, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.ln_2 = norm_layer(hidden_dim)
        self.mlp = MLPBlock(hidden_dim, mlp_dim, dropout)

    def forward(self, input: Tensor) -> Tensor:
        x = self.ln_1(input)
        x, _ = self.self_attention(x, x, x, need_weights=False)
        x = self.dropout(x) + input
        out: Tensor = x + self.mlp(self.ln_2(x))
        return out


class Encoder(nn.Module):
    """Add the positions to a sequence, and pass it through blocks and a norm."""

    def __init__(
        self,
        seq_length: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float,
        attention_dropout: float,
        norm_layer: Layer = FINE_NORM,
    ) -> None:
        super().__init__()
        self.pos_embedding = nn.Parameter(empty(1, seq_length, hidden_dim).normal_(std=0.02))
        self.dropout = nn.Dropout(dropout)
        blocks = (
            EncoderBlock(num_heads, hidden_dim, mlp_dim, dropout, attention_dropout, norm_layer)
            for _ in range(num_layers)
        )
        self.layers = nn.Sequential(OrderedDict((f"encoder_layer_{i}", block) for i, block in enumerate(blocks)))
        self.ln = norm_layer(hidden_dim)

    def forward(self, input: Tensor) -> Tensor:
        out: Tensor = self.ln(self.layers(self.dropout(input + self.pos_embedding)))
        return out


class VisionTransformer(nn.Module):
    """Patches as a sequence behind a class token, an encoder, and a linear classifier of the token.

    Args:
        image_size: The height and width of images.
        patch_size: The height and width of patches, a divisor of ``image_size``.
        num_layers: The number of blocks.
        num_heads: The number of heads of attention.
        hidden_dim: The number of features of a patch.
        mlp_dim: The number of features inside a block.
        dropout: The probability of dropout. Default: ``0.0``
        attention_dropout: The probability of dropout of attention's weights. Default: ``0.0``
        num_classes: The number of classes. Default: ``1000``
        representation_size: The features of a layer with tanh before the classifier. Default: ``None``, no such layer
        norm_layer: Makes a norm from a number of features; by default ``nn.LayerNorm`` with an ``eps`` of 1e-6.
        conv_stem_configs: Convolutions that stand for the patches. Default: ``None``

    Shape:
        - Input: (N, 3, image_size, image_size)
        - Output: (N, num_classes)

    Raises:
        RuntimeError: If ``patch_size`` does not divide ``image_size``; when called, if images have another size.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> models.VisionTransformer(32, 8, 2, 2, 16, 32, num_classes=10)(torch.ones(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(
        self,
        image_size: int,
        patch_size: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        num_classes: int = 1000,
        representation_size: int | None = None,
        norm_layer: Layer = FINE_NORM,
        conv_stem_configs: Sequence[ConvStemConfig] | None = None,
    ) -> None:
        super().__init__()
        if image_size % patch_size:
            raise ShapeError(f"VisionTransformer: patch_size {patch_size} does not divide image_size {image_size}")
        self.image_size, self.patch_size, self.hidden_dim = image_size, patch_size, hidden_dim
        self.conv_proj = (
            nn.Conv2d(3, hidden_dim, kernel_size=patch_size, stride=patch_size)
            if conv_stem_configs is None
            else convolutional_stem(conv_stem_configs, hidden_dim)
        )
        seq_length = (image_size // patch_size) ** 2 + 1
        self.class_token = nn.Parameter(zeros(1, 1, hidden_dim))
        self.encoder = Encoder(
            seq_length, num_layers, num_heads, hidden_dim, mlp_dim, dropout, attention_dropout, norm_layer
        )
        self.seq_length = seq_length
        self.heads = heads(hidden_dim, representation_size, num_classes)
        initialize(self.conv_proj, self.heads)

    def sequence(self, images: Tensor) -> Tensor:
        """Turn images into sequences of patches, (N, (image_size / patch_size) ** 2, hidden_dim)."""
        n, _, height, width = images.shape
        if (height, width) != (self.image_size, self.image_size):
            raise ShapeError(
                f"VisionTransformer: images must have {self.image_size}x{self.image_size} pixels, got {height}x{width}"
            )
        patches: Tensor = self.conv_proj(images)
        return patches.reshape(n, self.hidden_dim, -1).permute(0, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.class_token.expand(x.shape[0], -1, -1)
        encoded = self.encoder(cat([tokens, self.sequence(x)], dim=1))
        logits: Tensor = self.heads(encoded[:, 0])
        return logits


def convolutional_stem(configs: Sequence[ConvStemConfig], hidden_dim: int) -> nn.Sequential:
    """Return convolutions with norms, and a 1x1 convolution to the features of the encoder."""
    stem, channels = nn.Sequential(), 3
    for index, config in enumerate(configs):
        out_channels, kernel_size, stride, norm, activation = config
        layer = Conv2dNormActivation(
            channels, out_channels, kernel_size, stride, norm_layer=norm, activation_layer=activation
        )
        stem.add_module(f"conv_bn_relu_{index}", layer)
        channels = out_channels
    stem.add_module("conv_last", nn.Conv2d(channels, hidden_dim, kernel_size=1))
    return stem


def heads(hidden_dim: int, representation_size: int | None, num_classes: int) -> nn.Sequential:
    """Return the classifier."""
    if representation_size is None:
        return nn.Sequential(OrderedDict(head=nn.Linear(hidden_dim, num_classes)))
    return nn.Sequential(
        OrderedDict[str, nn.Module](
            pre_logits=nn.Linear(hidden_dim, representation_size),
            act=nn.Tanh(),
            head=nn.Linear(representation_size, num_classes),
        )
    )


def initialize(patches: nn.Module, head: nn.Sequential) -> None:
    """Initialize the layer that makes features of patches, and the classifier: with zeros, as the paper does."""
    if isinstance(patches, nn.Conv2d):
        fan_in = patches.in_channels * math.prod(patches.kernel_size)
        initialize_layer(patches, math.sqrt(1 / fan_in))
    elif isinstance(last := patches.get_submodule("conv_last"), nn.Conv2d):
        nn.init.normal_(last.weight, mean=0.0, std=math.sqrt(2.0 / last.out_channels))
        zero_bias(last)
    if hasattr(head, "pre_logits"):
        initialize_layer(head.pre_logits, math.sqrt(1 / head.pre_logits.in_features))
    nn.init.zeros_(head.head.weight)
    zero_bias(head.head)


def initialize_layer(layer: Any, std: float) -> None:
    """Initialize weights by a truncated normal distribution, and biases with zeros."""
    nn.init.trunc_normal_(layer.weight, std=std)
    zero_bias(layer)


def build_vit(
    patch: int, layers: int, heads: int, hidden: int, mlp: int, weights: Weights, options: dict[str, Any]
) -> VisionTransformer:
    """Build a ViT for images of 224x224 pixels, unless the options give another ``image_size``."""
    size = options.pop("image_size", 224)
    return build(VisionTransformer, weights, options, size, patch, layers, heads, hidden, mlp)


def vit_b_16(*, weights: Weights = None, progress: bool = True, **options: Any) -> VisionTransformer:
    """Build the base ViT with patches of 16x16 pixels (86.6 million parameters).

    Args:
        weights: The path of a checkpoint to load, in PyTorch's format or of safetensors. Default: ``None``
        progress: Accepted for torchvision compatibility; nothing is downloaded. Default: ``True``
        options: Arguments of ``VisionTransformer``.

    Raises:
        FileNotFoundError: If ``weights`` is not the path of a file.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.vit_b_16()
    >>> sum(parameter.numel() for parameter in model.parameters())
    86567656
    """
    return build_vit(16, 12, 12, 768, 3072, weights, options)


def vit_b_32(*, weights: Weights = None, progress: bool = True, **options: Any) -> VisionTransformer:
    """Build the base ViT with patches of 32x32 pixels (88.2 million parameters). Arguments as for ``vit_b_16``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.vit_b_32()
    >>> sum(parameter.numel() for parameter in model.parameters())
    88224232
    """
    return build_vit(32, 12, 12, 768, 3072, weights, options)


def vit_l_16(*, weights: Weights = None, progress: bool = True, **options: Any) -> VisionTransformer:
    """Build the large ViT with patches of 16x16 pixels (304.3 million parameters). Arguments as for ``vit_b_16``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.vit_l_16()
    >>> sum(parameter.numel() for parameter in model.parameters())
    304326632
    """
    return build_vit(16, 24, 16, 1024, 4096, weights, options)


def vit_l_32(*, weights: Weights = None, progress: bool = True, **options: Any) -> VisionTransformer:
    """Build the large ViT with patches of 32x32 pixels (306.5 million parameters). Arguments as for ``vit_b_16``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.vit_l_32()
    >>> sum(parameter.numel() for parameter in model.parameters())
    306535400
    """
    return build_vit(32, 24, 16, 1024, 4096, weights, options)


def vit_h_14(*, weights: Weights = None, progress: bool = True, **options: Any) -> VisionTransformer:
    """Build the huge ViT with patches of 14x14 pixels (632.0 million parameters). Arguments as for ``vit_b_16``.

    >>> import minitensor as torch
    >>> from minitensor.vision import models
    >>> with torch.device("meta"):
    ...     model = models.vit_h_14()
    >>> sum(parameter.numel() for parameter in model.parameters())
    632045800
    """
    return build_vit(14, 32, 16, 1280, 5120, weights, options)

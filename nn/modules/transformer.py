"""Transformers under PyTorch's path."""

from minitensor.nn.transformer import (
    Transformer,
    TransformerDecoder,
    TransformerDecoderLayer,
    TransformerEncoder,
    TransformerEncoderLayer,
)
from minitensor.nn.transformer import activation_of as _get_activation_fn
from minitensor.nn.transformer import copy_layers as _get_clones

__all__ = [
    "Transformer", "TransformerDecoder", "TransformerDecoderLayer", "TransformerEncoder", "TransformerEncoderLayer",
    "_get_activation_fn", "_get_clones",
]  # fmt: skip

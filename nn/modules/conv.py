"""Convolutions under PyTorch's path, with the base classes that users pass to ``isinstance``."""

from minitensor.nn.conv import Conv1d, Conv2d, Conv3d
from minitensor.nn.conv import ConvNd as _ConvNd
from minitensor.nn.conv_transpose import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from minitensor.nn.conv_transpose import ConvTransposeNd as _ConvTransposeNd
from minitensor.nn.lazy_conv import (
    LazyConv1d,
    LazyConv2d,
    LazyConv3d,
    LazyConvTranspose1d,
    LazyConvTranspose2d,
    LazyConvTranspose3d,
)
from minitensor.nn.modules.utils import _pair, _reverse_repeat_tuple, _single, _triple

__all__ = [
    "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d", "LazyConv1d", "LazyConv2d",
    "LazyConv3d", "LazyConvTranspose1d", "LazyConvTranspose2d", "LazyConvTranspose3d", "_ConvNd", "_ConvTransposeNd",
    "_pair", "_reverse_repeat_tuple", "_single", "_triple",
]  # fmt: skip

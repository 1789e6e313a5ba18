"""PyTorch's paths to layers: ``nn.modules.conv``, ``nn.modules.batchnorm._BatchNorm`` and the like.

Layers live one floor below, in files of ``nn``; here are only the names under which PyTorch's users import what ``nn``
itself does not show: base classes for ``isinstance``, hooks for all modules, small helpers.
"""

from minitensor.nn import container, distance, dropout, flatten, lazy, linear, padding, sparse, transformer
from minitensor.nn.module import Module
from minitensor.nn.modules import (
    activation,
    adaptive,
    batchnorm,
    channelshuffle,
    conv,
    fold,
    instancenorm,
    loss,
    module,
    normalization,
    pixelshuffle,
    pooling,
    rnn,
    upsampling,
    utils,
)

__all__ = [
    "Module", "activation", "adaptive", "batchnorm", "channelshuffle", "container", "conv", "distance", "dropout",
    "flatten", "fold", "instancenorm", "lazy", "linear", "loss", "module", "normalization", "padding", "pixelshuffle",
    "pooling", "rnn", "sparse", "transformer", "upsampling", "utils",
]  # fmt: skip

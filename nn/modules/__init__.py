"""PyTorch's import paths of layers, for example ``nn.modules.conv`` and ``nn.modules.batchnorm._BatchNorm``.

The layers are defined in the files of ``nn``. Here are only the names that PyTorch's users import from these paths
because ``nn`` does not export them: base classes for ``isinstance``, and hooks for all modules.
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

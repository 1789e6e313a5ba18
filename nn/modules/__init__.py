"""PyTorch's paths to layers: ``nn.modules.conv``, ``nn.modules.batchnorm._BatchNorm`` and the like.

Layers live one floor below, in files of ``nn``; here are only the names under which PyTorch's users import what ``nn``
itself does not show: base classes for ``isinstance``, hooks for all modules, small helpers.
"""

from minitensor.nn import (
    activation,
    container,
    distance,
    dropout,
    flatten,
    linear,
    padding,
    pooling,
    sparse,
    transformer,
)
from minitensor.nn.module import Module
from minitensor.nn.modules import batchnorm, conv, instancenorm, loss, module, utils

__all__ = [
    "Module", "activation", "batchnorm", "container", "conv", "distance", "dropout", "flatten", "instancenorm",
    "linear", "loss", "module", "padding", "pooling", "sparse", "transformer", "utils",
]  # fmt: skip

"""Batch norms under PyTorch's path, with the base classes that users pass to ``isinstance``."""

from minitensor.nn.batchnorm import BatchNorm as _BatchNorm
from minitensor.nn.batchnorm import BatchNorm1d, BatchNorm2d, BatchNorm3d
from minitensor.nn.batchnorm import NormBase as _NormBase

__all__ = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "_BatchNorm", "_NormBase"]

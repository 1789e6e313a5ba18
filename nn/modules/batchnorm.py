"""Batch norms under PyTorch's path, with the base classes that users pass to ``isinstance``."""

from typing import TYPE_CHECKING

from minitensor.compat.reasons import attributes_of
from minitensor.nn.batchnorm import BatchNorm as _BatchNorm
from minitensor.nn.batchnorm import BatchNorm1d, BatchNorm2d, BatchNorm3d
from minitensor.nn.batchnorm import NormBase as _NormBase
from minitensor.nn.lazy_norm import LazyBatchNorm1d, LazyBatchNorm2d, LazyBatchNorm3d
from minitensor.nn.sync_batchnorm import SyncBatchNorm

__all__ = [
    "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "LazyBatchNorm1d", "LazyBatchNorm2d", "LazyBatchNorm3d",
    "SyncBatchNorm", "_BatchNorm", "_NormBase",
]  # fmt: skip

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)

"""Instance norms under PyTorch's path, with the base class that users pass to ``isinstance``."""

from minitensor.nn.batchnorm import InstanceNorm as _InstanceNorm
from minitensor.nn.batchnorm import InstanceNorm1d, InstanceNorm2d, InstanceNorm3d
from minitensor.nn.lazy_norm import LazyInstanceNorm1d, LazyInstanceNorm2d, LazyInstanceNorm3d

__all__ = [
    "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "LazyInstanceNorm1d", "LazyInstanceNorm2d",
    "LazyInstanceNorm3d", "_InstanceNorm",
]  # fmt: skip

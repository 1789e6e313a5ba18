"""Instance norms under PyTorch's path, with the base class that users pass to ``isinstance``."""

from minitensor.nn.batchnorm import InstanceNorm as _InstanceNorm
from minitensor.nn.batchnorm import InstanceNorm1d, InstanceNorm2d, InstanceNorm3d

__all__ = ["InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "_InstanceNorm"]

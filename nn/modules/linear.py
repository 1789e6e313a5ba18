"""Linear layers under PyTorch's path."""

from minitensor.nn.attention import NonDynamicallyQuantizableLinear
from minitensor.nn.lazy import LazyLinear
from minitensor.nn.linear import Bilinear, Identity, Linear

__all__ = ["Bilinear", "Identity", "LazyLinear", "Linear", "NonDynamicallyQuantizableLinear"]

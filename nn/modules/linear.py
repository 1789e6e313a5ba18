"""Linear layers under PyTorch's path."""

from minitensor.nn.lazy import LazyLinear
from minitensor.nn.linear import Bilinear, Identity, Linear
from minitensor.nn.multihead_attention import NonDynamicallyQuantizableLinear

__all__ = ["Bilinear", "Identity", "LazyLinear", "Linear", "NonDynamicallyQuantizableLinear"]

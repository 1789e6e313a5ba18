"""AdaptiveLogSoftmaxWithLoss under PyTorch's path."""

from minitensor.nn.adaptive import AdaptiveLogSoftmaxWithLoss

__all__ = [
    "AdaptiveLogSoftmaxWithLoss",
]

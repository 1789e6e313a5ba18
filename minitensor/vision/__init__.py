"""Pictures: reading the data sets that people learn with."""

from minitensor.vision.datasets import Pictures, read_cifar10, read_idx, read_mnist

__all__ = ["Pictures", "read_cifar10", "read_idx", "read_mnist"]

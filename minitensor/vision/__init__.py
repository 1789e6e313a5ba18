"""Images: readers of data sets (MNIST and its variants, CIFAR-10), the classic networks, and their building blocks."""

from minitensor.vision import models, ops
from minitensor.vision.datasets import Pictures, read_cifar10, read_idx, read_mnist

__all__ = ["Pictures", "models", "ops", "read_cifar10", "read_idx", "read_mnist"]

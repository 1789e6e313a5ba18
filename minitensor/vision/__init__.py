"""Readers for image data sets: MNIST and its variants, and CIFAR-10."""

from minitensor.vision.datasets import Pictures, read_cifar10, read_idx, read_mnist

__all__ = ["Pictures", "read_cifar10", "read_idx", "read_mnist"]

"""Images: torchvision's transforms and models, their building blocks, statistics, grids, and readers of data sets."""

from minitensor.vision import datasets, models, ops, transforms, utils
from minitensor.vision.datasets.pictures import Pictures, read_cifar10, read_idx, read_mnist

__all__ = ["Pictures", "datasets", "models", "ops", "read_cifar10", "read_idx", "read_mnist", "transforms", "utils"]

__version__ = "0.29.1+minitensor"  # of the torchvision whose behavior it has; programs compare it

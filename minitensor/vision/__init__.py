"""Images: torchvision's transforms and models, their building blocks, statistics, grids, and readers of data sets."""

from typing import TYPE_CHECKING

from minitensor.compat.reasons import attributes_of
from minitensor.vision import datasets, io, models, ops, transforms, utils
from minitensor.vision.datasets.pictures import Pictures, read_cifar10, read_idx, read_mnist

__all__ = [
    "Pictures", "datasets", "io", "models", "ops", "read_cifar10", "read_idx", "read_mnist", "transforms", "utils",
]  # fmt: skip

__version__ = "0.29.1+minitensor"  # of the torchvision whose behavior it has; programs compare it

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)

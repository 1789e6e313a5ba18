"""Data sets of images in local files, with torchvision's classes, folders and arguments. Nothing is downloaded."""

from typing import TYPE_CHECKING

from minitensor.compat.reasons import attributes_of
from minitensor.vision.datasets.cifar import CIFAR10, CIFAR100
from minitensor.vision.datasets.digits import Digits
from minitensor.vision.datasets.fakedata import FakeData
from minitensor.vision.datasets.folder import DatasetFolder, ImageFolder
from minitensor.vision.datasets.mnist import EMNIST, KMNIST, MNIST, FashionMNIST
from minitensor.vision.datasets.stl10 import STL10
from minitensor.vision.datasets.svhn import SVHN
from minitensor.vision.datasets.vision import VisionDataset

__all__ = [
    "CIFAR10", "CIFAR100", "DatasetFolder", "Digits", "EMNIST", "FakeData", "FashionMNIST", "ImageFolder", "KMNIST",
    "MNIST", "STL10", "SVHN", "VisionDataset",
]  # fmt: skip

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)

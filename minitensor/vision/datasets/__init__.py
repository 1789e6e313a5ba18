"""Data sets of images in local files, with torchvision's classes, folders and arguments. Nothing is downloaded."""

from minitensor.vision.datasets.cifar import CIFAR10, CIFAR100
from minitensor.vision.datasets.mnist import EMNIST, KMNIST, MNIST, FashionMNIST
from minitensor.vision.datasets.vision import VisionDataset

__all__ = ["CIFAR10", "CIFAR100", "EMNIST", "FashionMNIST", "KMNIST", "MNIST", "VisionDataset"]

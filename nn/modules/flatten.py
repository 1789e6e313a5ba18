"""Flattening layers under PyTorch's path."""

from minitensor.nn.flatten import Flatten, Unflatten

__all__ = ["Flatten", "Unflatten"]

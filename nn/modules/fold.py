"""Fold and Unfold under PyTorch's path."""

from minitensor.nn.rearrangement import Fold, Unfold

__all__ = [
    "Fold",
    "Unfold",
]

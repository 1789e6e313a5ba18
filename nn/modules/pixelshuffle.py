"""PixelShuffle and PixelUnshuffle under PyTorch's path."""

from minitensor.nn.rearrangement import PixelShuffle, PixelUnshuffle

__all__ = [
    "PixelShuffle",
    "PixelUnshuffle",
]

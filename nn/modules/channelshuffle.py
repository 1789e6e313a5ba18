"""ChannelShuffle under PyTorch's path."""

from minitensor.nn.rearrangement import ChannelShuffle

__all__ = [
    "ChannelShuffle",
]

"""The base class of lazy layers under PyTorch's path."""

from minitensor.nn.lazy import LazyModuleMixin

__all__ = ["LazyModuleMixin"]

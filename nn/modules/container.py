"""Containers under PyTorch's path."""

from minitensor.nn.container import ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential
from minitensor.nn.former_container import Container

__all__ = ["Container", "ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"]

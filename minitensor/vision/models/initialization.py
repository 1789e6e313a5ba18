"""How layers begin, as far as several networks agree on it; the rest stands with each network."""

from __future__ import annotations

from typing import Any

from minitensor import nn


def initialize_for_relu(module: nn.Module) -> None:
    """Initialize a convolution for ReLU, a linear layer with small numbers, and biases with zeros."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out")
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.01)
    zero_bias(module)


def zero_bias(module: Any) -> None:
    """Set the bias of a convolution or a linear layer to zero, if it has one."""
    if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)

"""Weights of convolutions in another memory layout: channels last, or contiguous. Values and shapes stay the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from minitensor.autograd.misuse import composite_with_own_checks
from minitensor.nn.conv import Conv2d, Conv3d
from minitensor.nn.conv_transpose import ConvTranspose2d, ConvTranspose3d
from minitensor.nn.module import Module

if TYPE_CHECKING:
    from minitensor.memory_format import memory_format as MemoryFormat

M = TypeVar("M", bound=Module)


@composite_with_own_checks
def convert_conv2d_weight_memory_format(module: M, memory_format: MemoryFormat) -> M:
    """Convert the weights of all 2d convolutions in a module to ``memory_format``.

    Args:
        module: The module, changed in place.
        memory_format: For example ``torch.channels_last``.

    Returns:
        The module.

    >>> import minitensor as torch
    >>> layer = torch.nn.utils.convert_conv2d_weight_memory_format(torch.nn.Conv2d(3, 2, 2), torch.channels_last)
    >>> layer.weight.stride()
    (12, 1, 6, 3)
    """
    return convert_layout(module, (Conv2d, ConvTranspose2d), memory_format)


@composite_with_own_checks
def convert_conv3d_weight_memory_format(module: M, memory_format: MemoryFormat) -> M:
    """Convert the weights of all 3d convolutions in a module to ``memory_format``.

    Args:
        module: The module, changed in place.
        memory_format: For example ``torch.channels_last_3d``.

    Returns:
        The module.

    >>> import minitensor as torch
    >>> layer = torch.nn.utils.convert_conv3d_weight_memory_format(torch.nn.Conv3d(3, 2, 2), torch.channels_last_3d)
    >>> layer.weight.stride()
    (24, 1, 12, 6, 3)
    """
    return convert_layout(module, (Conv3d, ConvTranspose3d), memory_format)


def convert_layout(module: M, kinds: tuple[type[Module], ...], memory_format: MemoryFormat) -> M:
    """Convert the weights of all layers of these kinds."""
    for layer in module.modules():
        if isinstance(layer, kinds):
            layer.weight.data = layer.weight.detach().clone(memory_format=memory_format)
    return module

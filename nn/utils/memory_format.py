"""Weights of convolutions laid out anew: channels last, or as they were. Values and shapes stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from minitensor.autograd.misuse import ungated
from minitensor.nn.conv import Conv2d, Conv3d
from minitensor.nn.conv_transpose import ConvTranspose2d, ConvTranspose3d
from minitensor.nn.module import Module

if TYPE_CHECKING:
    from minitensor.memory_format import memory_format as MemoryFormat

M = TypeVar("M", bound=Module)


@ungated
def convert_conv2d_weight_memory_format(module: M, memory_format: MemoryFormat) -> M:
    """Lay the weights of all convolutions of images in a module out as ``memory_format`` says; return the module.

    >>> layer = nn.utils.convert_conv2d_weight_memory_format(nn.Conv2d(3, 2, 2), minitensor.channels_last)
    >>> layer.weight.stride()
    (12, 1, 6, 3)
    """
    return laid_out(module, (Conv2d, ConvTranspose2d), memory_format)


@ungated
def convert_conv3d_weight_memory_format(module: M, memory_format: MemoryFormat) -> M:
    """Lay the weights of all convolutions of volumes in a module out as ``memory_format`` says; return the module."""
    return laid_out(module, (Conv3d, ConvTranspose3d), memory_format)


def laid_out(module: M, kinds: tuple[type[Module], ...], memory_format: MemoryFormat) -> M:
    """Lay out the weights of all layers of these kinds."""
    for layer in module.modules():
        if isinstance(layer, kinds):
            layer.weight.data = layer.weight.detach().clone(memory_format=memory_format)
    return module

"""Copies of a module for several devices: here they are the module itself, which has the parameters of all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minitensor.compat.reasons import attributes_of
from minitensor.errors import UsageError
from minitensor.nn.module import Module

__all__ = ["replicate"]


def replicate(network: Module, devices: Sequence[Any], detach: bool = False) -> list[Module]:
    """Return a module once for each device: the same one, because there is one device.

    Args:
        network: The module.
        devices: The devices.
        detach: Accepted for PyTorch compatibility.

    Raises:
        RuntimeError: If there are no devices.

    >>> import minitensor as torch
    >>> model = torch.nn.Linear(2, 2)
    >>> [each is model for each in torch.nn.parallel.replicate(model, ["cpu", "cpu"])]
    [True, True]
    """
    if not len(devices):
        raise UsageError("replicate: expected at least one device, got none")
    return [network for _ in devices]


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)

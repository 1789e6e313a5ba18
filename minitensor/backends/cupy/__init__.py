"""The CuPy backend, loaded when a tensor is first created on "cuda" or moved there."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from minitensor.errors import DeviceError, MissingDeviceError

if TYPE_CHECKING:
    from minitensor.backends.base import Backend


def load() -> Backend:
    """Load the CuPy backend. Raise an error that names what is missing if there is no CuPy or no GPU."""
    try:
        cupy = import_module("cupy")
    except ImportError as error:
        raise MissingDeviceError(
            "device 'cuda' needs CuPy: pip install 'minitensor-py[cuda13]' (or [cuda12] for CUDA 12)"
        ) from error
    if not cupy.is_available():
        raise DeviceError("device 'cuda': CuPy is installed but finds no GPU; use device 'cpu'")
    backend: Backend = import_module("minitensor.backends.cupy.table").CupyBackend()
    return backend

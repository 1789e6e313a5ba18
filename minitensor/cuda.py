"""What scripts ask about the GPU: is there one, how many, wait for it.

Asking never fails: without CuPy or without a GPU the answer is no. Tensors go there by ``.to("cuda")``.
"""

from __future__ import annotations

from minitensor import backends
from minitensor.errors import DeviceError, MissingExtraError
from minitensor.ops.random import manual_seed as manual_seed  # one stream of numbers serves every device

manual_seed_all = manual_seed


def is_available() -> bool:
    """Whether tensors can be moved to "cuda" on this machine."""
    try:
        return backends.open_backend("cuda").is_available()
    except (MissingExtraError, DeviceError):
        return False


def device_count() -> int:
    """Return the number of GPUs."""
    return backends.open_backend("cuda").device_count() if is_available() else 0


def synchronize() -> None:
    """Wait until everything asked of the GPU is done."""
    backends.open_backend("cuda").synchronize()

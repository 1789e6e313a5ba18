"""What scripts ask about the GPU: is there one, how many, wait for it.

Asking never fails: without CuPy or without a GPU the answer is no. Tensors go there by ``.to("cuda")``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor import backends, dtypes
from minitensor.compat.reasons import attributes_of
from minitensor.errors import DeviceError, MissingExtraError
from minitensor.ops.random import manual_seed as manual_seed  # one stream of numbers serves every device
from minitensor.ops.tensor_types import TensorType

__all__ = [
    "BoolTensor",
    "ByteTensor",
    "CharTensor",
    "DoubleTensor",
    "FloatTensor",
    "HalfTensor",
    "IntTensor",
    "LongTensor",
    "ShortTensor",
    "device_count",
    "is_available",
    "manual_seed",
    "manual_seed_all",
    "synchronize",
]

ByteTensor, CharTensor = TensorType(dtypes.uint8, "cuda"), TensorType(dtypes.int8, "cuda")
ShortTensor, IntTensor = TensorType(dtypes.int16, "cuda"), TensorType(dtypes.int32, "cuda")
LongTensor, BoolTensor = TensorType(dtypes.int64, "cuda"), TensorType(dtypes.bool_, "cuda")
HalfTensor, FloatTensor = TensorType(dtypes.float16, "cuda"), TensorType(dtypes.float32, "cuda")
DoubleTensor = TensorType(dtypes.float64, "cuda")

manual_seed_all = manual_seed


def is_available() -> bool:
    """Return whether tensors can be moved to "cuda" on this machine.

    >>> import minitensor as torch
    >>> torch.cuda.is_available() == (torch.cuda.device_count() > 0)
    True
    """
    try:
        return backends.open_backend("cuda").is_available()
    except (MissingExtraError, DeviceError):
        return False


def device_count() -> int:
    """Return the number of GPUs, 0 without CuPy.

    >>> import minitensor as torch
    >>> torch.cuda.device_count() >= 0
    True
    """
    return backends.open_backend("cuda").device_count() if is_available() else 0


def synchronize() -> None:
    """Wait until everything asked of the GPU is done.

    Raises:
        ImportError: If CuPy is not installed.
        RuntimeError: If there is no GPU.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     torch.cuda.synchronize()
    """
    backends.open_backend("cuda").synchronize()

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)

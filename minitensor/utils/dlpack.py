"""``utils.dlpack``: exchange of memory with other libraries through DLPack."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

from minitensor.compat.reasons import attributes_of
from minitensor.ops.exchange import from_dlpack

if TYPE_CHECKING:
    from minitensor.tensor import Tensor

__all__ = ["from_dlpack", "to_dlpack"]


class DLDeviceType(enum.IntEnum):
    """DLPack's numbers of the kinds of devices."""

    kDLCPU = 1
    kDLCUDA = 2
    kDLCUDAHost = 3
    kDLOpenCL = 4
    kDLVulkan = 7
    kDLMetal = 8
    kDLVPI = 9
    kDLROCM = 10
    kDLROCMHost = 11
    kDLExtDev = 12
    kDLCUDAManaged = 13
    kDLOneAPI = 14
    kDLWebGPU = 15
    kDLHexagon = 16
    kDLMAIA = 17


def to_dlpack(tensor: Tensor) -> Any:
    """Return a capsule on the memory of ``tensor``, which ``from_dlpack`` of another library reads once.

    Raises:
        RuntimeError: If the tensor requires grad.

    >>> import minitensor as torch
    >>> capsule = torch.utils.dlpack.to_dlpack(torch.arange(3))
    >>> torch.utils.dlpack.from_dlpack(capsule)
    tensor([0, 1, 2])
    """
    return tensor.__dlpack__()


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)

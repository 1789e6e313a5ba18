"""Facts about tensors, and what PyTorch asks of hardware that this library has not: the answer is always the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.autograd.misuse import composite
from minitensor.base import TensorBase
from minitensor.errors import ScalarError

if TYPE_CHECKING:
    from minitensor.tensor import Tensor


def is_tensor(obj: Any) -> bool:
    """Whether an object is a tensor.

    >>> import minitensor as torch
    >>> torch.is_tensor(torch.ones(2)), torch.is_tensor(1.0)
    (True, False)
    """
    return isinstance(obj, TensorBase)


@composite
def is_nonzero(input: Tensor) -> bool:
    """Whether the only element is not zero.

    >>> import minitensor as torch
    >>> torch.is_nonzero(torch.tensor([0.0]))
    False
    """
    if input.numel() != 1:
        raise ScalarError(
            f"Boolean value of Tensor with {'no values' if not input.numel() else 'more than one value'} is ambiguous "
            f"(shape {tuple(input.shape)}); use any() or all()"
        )
    return bool(input.item())


@composite
def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have one shape."""
    return input.shape == other.shape


@composite
def get_device(input: Tensor) -> int:
    """Return the number of the GPU on which a tensor lies; -1 on the processor."""
    device = input.device
    return -1 if device.type == "cpu" else device.index or 0


def is_cpu(input: Tensor) -> bool:
    """Whether the memory is the processor's."""
    return input.device.type == "cpu"


def never(input: Tensor) -> bool:
    """Return False: there are no such tensors here."""
    return False

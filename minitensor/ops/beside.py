"""Methods that make a tensor beside another: of its dtype and device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.autograd.misuse import composite
from minitensor.ops.creation import empty, empty_strided, full, ones, tensor, zeros

if TYPE_CHECKING:
    from collections.abc import Sequence

    from minitensor.device import DeviceLike
    from minitensor.dtypes import dtype as Dtype
    from minitensor.ops.operand import Number
    from minitensor.tensor import Tensor


@composite
def new_tensor(
    self: Tensor, data: Any, *, dtype: Dtype | None = None, device: DeviceLike = None, requires_grad: bool = False
) -> Tensor:
    """Return ``data`` as a new leaf of this tensor's dtype and device.

    >>> ones(1).new_tensor([1, 2])
    tensor([1., 2.])
    """
    return tensor(data, dtype=dtype or self.dtype, device=device or self.device, requires_grad=requires_grad)


@composite
def new_zeros(
    self: Tensor, *size: Any, dtype: Dtype | None = None, device: DeviceLike = None, requires_grad: bool = False
) -> Tensor:
    """Return zeros of the shape ``size``, and of this tensor's dtype and device.

    >>> tensor([1]).new_zeros(2)
    tensor([0, 0])
    """
    return zeros(*size, dtype=dtype or self.dtype, device=device or self.device, requires_grad=requires_grad)


@composite
def new_ones(
    self: Tensor, *size: Any, dtype: Dtype | None = None, device: DeviceLike = None, requires_grad: bool = False
) -> Tensor:
    """Return ones of the shape ``size``, and of this tensor's dtype and device.

    >>> tensor([1]).new_ones(2)
    tensor([1, 1])
    """
    return ones(*size, dtype=dtype or self.dtype, device=device or self.device, requires_grad=requires_grad)


@composite
def new_full(
    self: Tensor, size: Sequence[int], fill_value: Number, *, dtype: Dtype | None = None, device: DeviceLike = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return a tensor of the shape ``size`` filled with ``fill_value``, of this tensor's dtype and device.

    >>> ones(1).new_full((2,), 7)
    tensor([7., 7.])
    """
    return full(size, fill_value, dtype=dtype or self.dtype, device=device or self.device, requires_grad=requires_grad)


@composite
def new_empty(
    self: Tensor, *size: Any, dtype: Dtype | None = None, device: DeviceLike = None, requires_grad: bool = False
) -> Tensor:
    """Return a tensor of the shape ``size``, and of this tensor's dtype and device, whose elements are not set.

    >>> ones(1).new_empty(2, 3).shape
    torch.Size([2, 3])
    """
    return empty(*size, dtype=dtype or self.dtype, device=device or self.device, requires_grad=requires_grad)


@composite
def new_empty_strided(
    self: Tensor, size: Sequence[int], stride: Sequence[int], *, dtype: Dtype | None = None, device: DeviceLike = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return ``empty_strided(size, stride)`` of this tensor's dtype and device.

    >>> ones(1).new_empty_strided((2, 3), (1, 2)).stride()
    (1, 2)
    """
    kind, where = dtype or self.dtype, device or self.device
    return empty_strided(size, stride, dtype=kind, device=where, requires_grad=requires_grad)

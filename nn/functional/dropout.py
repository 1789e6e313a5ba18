"""Dropout: random zeros in training, and the rest scaled up so that the expected value stays.

The mask is drawn from the default generator as PyTorch draws it, so the same seed drops the same entries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.base import wrap
from minitensor.errors import ArgumentError, ShapeError
from minitensor.generator import bernoulli, default_generator
from minitensor.ops.operand import require_tensors

if TYPE_CHECKING:
    from minitensor.tensor import Tensor


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zero each element with probability ``p`` and divide the rest by ``1 - p``; outside training, return the input.

    >>> import minitensor as torch
    >>> dropout(torch.ones(2), 0.5, training=False)
    tensor([1., 1.])
    """
    require_tensors("dropout", input=input)
    return masked("dropout", input, tuple(input.shape), p, training, inplace)


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zero whole channels of (N, C, L) or (C, L)."""
    if input.ndim not in (2, 3):
        raise ShapeError(f"dropout1d: expected 2D or 3D input, got shape {tuple(input.shape)}")
    return masked("dropout1d", input, (*input.shape[:-1], 1), p, training, inplace)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zero whole channels of (N, C, H, W). As in PyTorch, the first two dims are always taken for N and C."""
    if input.ndim < 3:
        raise ShapeError(f"dropout2d: expected images (N, C, H, W), got shape {tuple(input.shape)}")
    return masked("dropout2d", input, (*input.shape[:2], *(1,) * (input.ndim - 2)), p, training, inplace)


def masked(name: str, input: Tensor, shape: tuple[int, ...], p: float, training: bool, inplace: bool) -> Tensor:
    """Multiply by a mask of zeros and ``1 / (1 - p)`` of the given shape."""
    if not 0 <= p <= 1:
        raise ArgumentError(f"{name}: probability has to be between 0 and 1, but got {p}")
    if not training or p == 0 or not input.numel():
        return input
    if p == 1:
        return input.mul_(0) if inplace else input * 0
    mask = wrap(input.result_class, input.backend.asarray(drawn(shape, p, input.array.dtype), input.device.index))
    return input.mul_(mask) if inplace else input * mask


def drawn(shape: tuple[int, ...], p: float, dtype: Any) -> Any:
    """Draw a mask on the host: 0 with probability ``p``, else ``1 / (1 - p)``."""
    mask = bernoulli(default_generator, 1 - p, shape, dtype)
    mask /= mask.dtype.type(1 - p)
    return mask

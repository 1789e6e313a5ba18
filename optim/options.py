"""Checks that rules share on the options they are given."""

from __future__ import annotations

from typing import Any

from minitensor.errors import ArgumentError, ArgumentTypeError, GradError, IndexOutOfRange, UnsupportedError
from minitensor.tensor import Tensor


def require_rate(lr: Any) -> None:
    """Refuse a learning rate below zero, or one of many elements."""
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ArgumentError(f"Tensor lr must be 1-element, got shape {tuple(lr.shape)}")
    require_at_least_zero("learning rate", lr)


def require_at_least_zero(name: str, value: Any) -> None:
    """Refuse a negative value, or one that is not a number."""
    if isinstance(value, str):
        raise ArgumentTypeError(f"Invalid {name}: {value!r}; expected a number")
    if not value >= 0.0:
        raise ArgumentError(f"Invalid {name}: {value}")


def require_betas(betas: Any) -> None:
    """Refuse a decay rate outside [0, 1)."""
    if not isinstance(betas, (tuple, list)):
        raise ArgumentTypeError(f"betas must be a pair of numbers, got {betas!r}")
    if len(betas) < 2:
        raise IndexOutOfRange(f"betas must be a pair of numbers, got {betas!r}")
    if isinstance(betas[0], Tensor) != isinstance(betas[1], Tensor):
        raise ArgumentError(f"betas must be either both floats or both Tensors, got {betas!r}")
    for i, beta in enumerate(betas):
        if not 0.0 <= beta < 1.0:
            raise ArgumentError(f"Invalid beta parameter at index {i}: {beta}")


def require_plain(foreach: bool | None, differentiable: bool, fused: bool | None = None) -> None:
    """Take the options by which PyTorch chooses among its implementations; here is only one."""
    if differentiable and fused:
        raise GradError("`fused` does not support `differentiable`")
    if foreach and fused:
        raise GradError("`fused` and `foreach` cannot be `True` together.")
    if differentiable:
        raise UnsupportedError("differentiable=True is not supported: write the update with tensor operations instead")

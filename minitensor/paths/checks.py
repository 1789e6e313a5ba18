"""Assertions with PyTorch's private names, which libraries call: ``torch._check`` and its siblings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minitensor.errors import (
    ArgumentError,
    ArgumentTypeError,
    IndexRangeError,
    MinitensorError,
    UnsupportedError,
    UsageError,
)
from minitensor.tensor import Tensor

Text = Callable[[], Any] | None


def require(kind: type[MinitensorError], cond: Any, message: Text) -> None:
    """Raise an error unless ``cond`` is true."""
    if not isinstance(cond, bool):
        raise ArgumentTypeError(f"cond must be a bool, but got {type(cond)}")
    if cond:
        return
    if message is None:
        raise kind("Expected cond to be True, but got False.")
    if not callable(message):
        raise ArgumentTypeError("message must be a callable")
    raise kind(str(message()))


def _check(cond: Any, message: Text = None) -> None:
    """Raise a RuntimeError with the text that ``message()`` returns unless ``cond`` is true."""
    require(UsageError, cond, message)


def _check_value(cond: Any, message: Text = None) -> None:
    """Raise a ValueError unless ``cond`` is true."""
    require(ArgumentError, cond, message)


def _check_type(cond: Any, message: Text = None) -> None:
    """Raise a TypeError unless ``cond`` is true."""
    require(ArgumentTypeError, cond, message)


def _check_index(cond: Any, message: Text = None) -> None:
    """Raise an IndexError unless ``cond`` is true."""
    require(IndexRangeError, cond, message)


def _check_not_implemented(cond: Any, message: Text = None) -> None:
    """Raise a NotImplementedError unless ``cond`` is true."""
    require(UnsupportedError, cond, message)


def _check_is_size(i: int, message: Text = None, *, max: int | None = None) -> None:
    """Raise a RuntimeError unless an int is a size: not negative, and at most ``max``."""
    _check(i >= 0, message)
    if max is not None:
        _check(i <= max, message)


def _check_tensor_all(cond: Tensor, message: Text = None) -> None:
    """Raise a RuntimeError unless all elements of a tensor of bools are true."""
    if not isinstance(cond, Tensor):
        raise ArgumentTypeError(f"cond must be a tensor, but got {type(cond)}")
    _check(bool(cond.all()), message)


def _assert_async(input: Tensor, assert_msg: str | None = None) -> None:
    """Raise a RuntimeError unless the one element of a tensor is not zero."""
    if not input:
        raise UsageError(assert_msg or "Expected Tensor with single nonzero value, but got zero")

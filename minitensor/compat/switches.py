"""PyTorch's global switches that choose nothing here: each is validated, kept, and can be read back.

They are state of the whole process, because programs expect to read back what they set. No op reads them, so no result
depends on this file.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

from minitensor.callers import user_level
from minitensor.errors import ArgumentTypeError, UsageError

PRECISIONS = ("highest", "high", "medium")


@dataclass
class State:
    """The values that were set last."""

    deterministic: bool = False
    warn_only: bool = False
    precision: str = "highest"


state = State()


def _assert(condition: object, message: str) -> None:
    """Raise an AssertionError with ``message`` unless ``condition`` is true.

    Args:
        condition: What must be true.
        message: The text of the error.

    Raises:
        AssertionError: If ``condition`` is false.

    >>> import minitensor as torch
    >>> torch._assert(torch.ones(2).sum() == 2, "the sum must be 2")
    """
    if not condition:
        raise AssertionError(message)


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Request ops that give the same results in every run.

    On the CPU all ops do so anyway. On a GPU no op raises.

    Args:
        mode: whether ops must be deterministic.
        warn_only: kept for PyTorch compatibility; no op warns.

    Raises:
        TypeError: If an argument is not a bool.

    >>> import minitensor as torch
    >>> torch.use_deterministic_algorithms(True)
    >>> torch.are_deterministic_algorithms_enabled()
    True
    >>> torch.use_deterministic_algorithms(False)
    """
    for name, value in (("mode", mode), ("warn_only", warn_only)):
        if not isinstance(value, bool):
            raise ArgumentTypeError(f"use_deterministic_algorithms: {name} must be bool, got {type(value).__name__}")
    state.deterministic, state.warn_only = mode, warn_only


def are_deterministic_algorithms_enabled() -> bool:
    """Return whether ``use_deterministic_algorithms`` was last called with True; False at first.

    >>> import minitensor as torch
    >>> torch.are_deterministic_algorithms_enabled()
    False
    """
    return state.deterministic


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Return whether ``use_deterministic_algorithms`` was last called with ``warn_only=True``; False at first.

    >>> import minitensor as torch
    >>> torch.is_deterministic_algorithms_warn_only_enabled()
    False
    """
    return state.warn_only


def set_float32_matmul_precision(precision: str) -> None:
    """Allow less exact products of float32 matrices. Products here always have full precision.

    Args:
        precision: "highest", "high" or "medium". Any other string has no effect but a warning, as in PyTorch.

    Raises:
        RuntimeError: If ``precision`` is not a string.

    >>> import minitensor as torch
    >>> torch.set_float32_matmul_precision("high")
    >>> torch.get_float32_matmul_precision()
    'high'
    >>> torch.set_float32_matmul_precision("highest")
    """
    if not isinstance(precision, str):
        raise UsageError(f"set_float32_matmul_precision: expects a str, got {type(precision).__name__}")
    if precision in PRECISIONS:
        state.precision = precision
    else:
        message = f"{precision!r} is not one of 'highest', 'high' or 'medium'; the call has no effect"
        warnings.warn(f"set_float32_matmul_precision: {message}", stacklevel=user_level())


def get_float32_matmul_precision() -> str:
    """Return the value that ``set_float32_matmul_precision`` set last; "highest" at first.

    >>> import minitensor as torch
    >>> torch.get_float32_matmul_precision()
    'highest'
    """
    return state.precision


def set_flush_denormal(mode: bool) -> bool:
    """Request that denormal numbers are treated as zero. Returns False: NumPy cannot do that.

    Args:
        mode: whether to flush denormal numbers to zero.

    Raises:
        RuntimeError: If ``mode`` is not a bool.

    >>> import minitensor as torch
    >>> torch.set_flush_denormal(True)
    False
    """
    if not isinstance(mode, bool):
        raise UsageError(f"set_flush_denormal: expects a bool, got {type(mode).__name__}")
    return False

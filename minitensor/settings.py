"""Switches of PyTorch that have nothing to choose here: each is checked, kept, and can be asked for.

They are state of the whole process because their callers expect to read back what they set; no op looks at them, so a
result never depends on this file. Ops on the processor do the same at every run whatever is set.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

from minitensor.errors import ArgumentTypeError, UsageError

PRECISIONS = ("highest", "high", "medium")


@dataclass
class Kept:
    """What was set last."""

    deterministic: bool = False
    warn_only: bool = False
    precision: str = "highest"


kept = Kept()


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Ask for ops that give the same at every run. On the processor all do; on a GPU nothing is refused.

    >>> import minitensor as torch
    >>> torch.use_deterministic_algorithms(True)
    >>> torch.are_deterministic_algorithms_enabled()
    True
    >>> torch.use_deterministic_algorithms(False)
    """
    for name, value in (("mode", mode), ("warn_only", warn_only)):
        if not isinstance(value, bool):
            raise ArgumentTypeError(f"use_deterministic_algorithms: {name} must be bool, got {type(value).__name__}")
    kept.deterministic, kept.warn_only = mode, warn_only


def are_deterministic_algorithms_enabled() -> bool:
    """Whether ``use_deterministic_algorithms`` was switched on."""
    return kept.deterministic


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether ``use_deterministic_algorithms`` was last called with ``warn_only=True``."""
    return kept.warn_only


def set_float32_matmul_precision(precision: str) -> None:
    """Allow products of float32 matrices to be less exact: "highest", "high" or "medium". Here they never are.

    Another word has no effect but a warning, as in PyTorch.

    >>> import minitensor as torch
    >>> torch.set_float32_matmul_precision("high")
    >>> torch.get_float32_matmul_precision()
    'high'
    >>> torch.set_float32_matmul_precision("highest")
    """
    if not isinstance(precision, str):
        raise UsageError(f"set_float32_matmul_precision: expects a str, got {type(precision).__name__}")
    if precision in PRECISIONS:
        kept.precision = precision
    else:
        message = f"{precision!r} is not one of 'highest', 'high' or 'medium'; the call has no effect"
        warnings.warn(f"set_float32_matmul_precision: {message}", stacklevel=2)


def get_float32_matmul_precision() -> str:
    """Return what ``set_float32_matmul_precision`` was last given; "highest" at first."""
    return kept.precision


def set_flush_denormal(mode: bool) -> bool:
    """Ask for the smallest numbers to be treated as zero. Returns False: that is not to be had here.

    >>> import minitensor as torch
    >>> torch.set_flush_denormal(True)
    False
    """
    if not isinstance(mode, bool):
        raise UsageError(f"set_flush_denormal: expects a bool, got {type(mode).__name__}")
    return False

"""``backends.cudnn``: NVIDIA's library of kernels, not used here. Its switches are kept, and choose nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from minitensor.compat.reasons import attributes_of

enabled = True
benchmark = False
benchmark_limit: int | None = None
deterministic = False
allow_tf32 = True
CUDNN_TENSOR_DTYPES: frozenset[Any] = frozenset()


def is_available() -> bool:
    """Return False: the library is not used."""
    return False


def version() -> int | None:
    """Return None: there is no library."""
    return None


def is_acceptable(tensor: Any) -> bool:
    """Return False: no tensor is given to the library."""
    return False


@contextmanager
def flags(
    enabled: bool = False, benchmark: bool = False, benchmark_limit: int = 10, deterministic: bool = False,
    allow_tf32: bool = True, fp32_precision: str = "none", depthwise_kernel: str = "auto",
) -> Iterator[None]:
    """Accept switches for a block; they choose nothing."""
    yield

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of("minitensor.backends.cudnn")

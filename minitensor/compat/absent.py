"""A library that is not used here: ``backends.mkl``, ``backends.mkldnn``, ``backends.openmp`` and ``backends.mps``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from minitensor.compat.reasons import attributes_of

enabled = True
allow_tf32 = True
deterministic = False


def is_available() -> bool:
    """Return False: the library is not used."""
    return False


def is_built() -> bool:
    """Return False: the library is not used."""
    return False


@contextmanager
def flags(*args: Any, **options: Any) -> Iterator[None]:
    """Accept switches for a block; they choose nothing."""
    yield

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of("minitensor.backends")

"""A library that is not used here, such as ``backends.mkl``, ``backends.mps`` and ``backends.opt_einsum``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from minitensor.compat.reasons import attributes_of

enabled = True
allow_tf32 = True
deterministic = False
engine = "none"
VERBOSE_OFF, VERBOSE_ON = 0, 1


def is_available() -> bool:
    """Return False: the library is not used."""
    return False


def is_built() -> bool:
    """Return False: the library is not used."""
    return False


def get_cpu_capability() -> str:
    """Return "DEFAULT": NumPy chooses the processor's instructions."""
    return "DEFAULT"


def get_fastpath_enabled() -> bool:
    """Return False: attention is computed in one way."""
    return False


def set_fastpath_enabled(value: bool) -> None:
    """Accept whether attention may be computed in another way; there is one."""


def set_flags(*args: Any, **options: Any) -> tuple[bool, ...]:
    """Accept switches; they choose nothing. Return the previous ones."""
    return (False,)


@contextmanager
def flags(*args: Any, **options: Any) -> Iterator[None]:
    """Accept switches for a block; they choose nothing."""
    yield

verbose = flags

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of("minitensor.backends")

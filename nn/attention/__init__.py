"""``nn.attention``: which implementation of ``scaled_dot_product_attention`` runs, and its masks as objects.

There is one implementation, so a choice is checked and changes nothing. ``bias`` has causal masks, and
``flex_attention`` computes attention whose scores a function of the program changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import TYPE_CHECKING, Any

from minitensor.compat.reasons import attributes_of
from minitensor.errors import ArgumentError, GuardError
from minitensor.nn.attention import bias as bias

__all__ = [
    "SDPBackend", "WARN_FOR_UNFUSED_KERNELS", "activate_flash_attention_impl", "current_flash_attention_impl",
    "list_flash_attention_impls", "restore_flash_attention_impl", "sdpa_kernel",
]  # fmt: skip

WARN_FOR_UNFUSED_KERNELS = False


class SDPBackend(Enum):
    """PyTorch's implementations of ``scaled_dot_product_attention``; there is one here, which needs no choice.

    >>> import minitensor as torch
    >>> torch.nn.attention.SDPBackend.MATH
    <SDPBackend.MATH: 0>
    """

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


@contextmanager
def sdpa_kernel(backends: list[SDPBackend] | SDPBackend, set_priority: bool = False) -> Iterator[dict[str, Any]]:
    """Do nothing within a block: there is one implementation of attention.

    Args:
        backends: An ``SDPBackend`` or a list of them; checked, then ignored.
        set_priority: Ignored. Default: ``False``.

    Raises:
        ValueError: If ``backends`` holds anything else.
    """
    wanted = backends if isinstance(backends, list) else [backends]
    if not all(isinstance(each, SDPBackend) for each in wanted):
        raise GuardError(f"backends must be an SDPBackend or a list of them, got {backends!r}")
    yield {}


def list_flash_attention_impls() -> list[str]:
    """Return the names of further implementations of attention: none."""
    return []


def current_flash_attention_impl() -> str | None:
    """Return None: there is one implementation of attention."""
    return None


def activate_flash_attention_impl(impl: str) -> None:
    """Raise: there is one implementation of attention.

    Args:
        impl: A name.

    Raises:
        ValueError: Always; no name is known.
    """
    raise ArgumentError(f"activate_flash_attention_impl: unknown implementation {impl!r}; there is one, which is used")


def restore_flash_attention_impl() -> None:
    """Do nothing: no other implementation of attention was chosen."""


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)

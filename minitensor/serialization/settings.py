"""PyTorch's settings of ``save`` and ``load``: the byte order of files that name none, checksums, and mapped memory."""

from __future__ import annotations

import mmap
import sys
from contextvars import ContextVar, Token
from dataclasses import dataclass
from enum import Enum

from minitensor.errors import ArgumentError, ArgumentTypeError, quote


class LoadEndianness(Enum):
    """The byte order of files that do not name one.

    Args:
        value: The number of a member.
        *args, **kwds: As for any ``Enum``.

    Raises:
        ValueError: If there is no such member.
        TypeError: If other arguments do not fit ``Enum``.

    >>> import minitensor as torch
    >>> [each.name for each in torch.serialization.LoadEndianness]
    ['NATIVE', 'LITTLE', 'BIG']
    """

    NATIVE = 1
    LITTLE = 2
    BIG = 3


@dataclass
class Settings:
    """The values that were set last."""

    endianness: LoadEndianness | None = None
    has_checksums: bool = True
    flags: int = mmap.MAP_PRIVATE if hasattr(mmap, "MAP_PRIVATE") else 0


settings = Settings()
skips_data: ContextVar[bool] = ContextVar("skips_data", default=False)


class skip_data:  # noqa: N801  # PyTorch's name
    """Let ``save`` leave the elements of tensors as zeros in a block, and ``load`` not read them.

    Args:
        materialize_fake_tensors: Accepted for PyTorch compatibility. Default: ``False``.

    >>> import io
    >>> import minitensor as torch
    >>> file = io.BytesIO()
    >>> with torch.serialization.skip_data():
    ...     torch.save(torch.ones(2), file)
    >>> _ = file.seek(0)
    >>> torch.load(file)
    tensor([0., 0.])
    """

    token: Token[bool]

    def __init__(self, materialize_fake_tensors: bool = False) -> None:
        self.materialize_fake_tensors = materialize_fake_tensors

    def __enter__(self) -> None:
        self.token = skips_data.set(True)

    def __exit__(self, *error: object) -> None:
        skips_data.reset(self.token)


def fallback_order() -> str:
    """Return the byte order of files that do not name one, "little" or "big"."""
    orders = {LoadEndianness.NATIVE: sys.byteorder, LoadEndianness.BIG: "big"}
    return "little" if settings.endianness is None else orders.get(settings.endianness, "little")


def get_default_load_endianness() -> LoadEndianness | None:
    """Return what ``set_default_load_endianness`` has set; None, the default, stands for little-endian.

    >>> import minitensor as torch
    >>> torch.serialization.get_default_load_endianness() is None
    True
    """
    return settings.endianness


def set_default_load_endianness(endianness: LoadEndianness | None) -> None:
    """Set the byte order in which ``load`` reads files that do not name one.

    Args:
        endianness: A ``LoadEndianness``, or None for little-endian.

    Raises:
        TypeError: If it is anything else.

    >>> import minitensor as torch
    >>> torch.serialization.set_default_load_endianness(torch.serialization.LoadEndianness.NATIVE)
    >>> torch.serialization.get_default_load_endianness().name
    'NATIVE'
    >>> torch.serialization.set_default_load_endianness(None)
    """
    if endianness is not None and not isinstance(endianness, LoadEndianness):
        raise ArgumentTypeError(
            f"set_default_load_endianness: endianness must be a LoadEndianness or None, got {quote(endianness)}"
        )
    settings.endianness = endianness


def get_crc32_options() -> bool:
    """Return what ``set_crc32_options`` has set.

    >>> import minitensor as torch
    >>> torch.serialization.get_crc32_options()
    True
    """
    return settings.has_checksums


def set_crc32_options(compute_crc32: bool) -> None:
    """Kept for PyTorch compatibility: ``save`` always writes the checksums of records.

    Args:
        compute_crc32: Has no effect, but can be read back.

    >>> import minitensor as torch
    >>> torch.serialization.set_crc32_options(True)
    """
    settings.has_checksums = compute_crc32


def get_default_mmap_options() -> int:
    """Return what ``set_default_mmap_options`` has set: ``mmap.MAP_PRIVATE`` by default.

    >>> import mmap
    >>> import minitensor as torch
    >>> torch.serialization.get_default_mmap_options() == mmap.MAP_PRIVATE
    True
    """
    return settings.flags


class set_default_mmap_options:  # noqa: N801  # used like a function
    """Kept for PyTorch compatibility, as a function or a context manager: ``load`` reads files and maps none.

    Args:
        flags: ``mmap.MAP_PRIVATE`` or ``mmap.MAP_SHARED``. They have no effect, but can be read back.

    Raises:
        ValueError: If the flags are others.

    >>> import mmap
    >>> import minitensor as torch
    >>> with torch.serialization.set_default_mmap_options(mmap.MAP_SHARED):
    ...     torch.serialization.get_default_mmap_options() == mmap.MAP_SHARED
    True
    """

    def __init__(self, flags: int) -> None:
        if flags not in (mmap.MAP_PRIVATE, mmap.MAP_SHARED):
            raise ArgumentError(
                f"set_default_mmap_options: expected mmap.MAP_PRIVATE or mmap.MAP_SHARED, got {quote(flags)}"
            )
        self.before, settings.flags = settings.flags, flags

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        settings.flags = self.before

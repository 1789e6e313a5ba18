"""Flat memory and the count of its writes.

A storage holds one dense array and lends it flat; every write through any window on it raises ``version``, which is how
a value saved for the backward pass notices that it went stale. It knows neither shapes nor tensors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor import backends

if TYPE_CHECKING:
    from minitensor.backends import Array


class Storage:
    """The memory under one tensor and all its views.

    It is born from the array of a fresh result, whatever its order, and flattens it only when a view asks: most results
    are never viewed nor written to.
    """

    __slots__ = ("__weakref__", "_buffer", "array", "version", "written")

    array: Array
    version: int
    written: str  # the last write and its line; unset where nobody watched
    _buffer: Array | None

    def __init__(self, array: Array) -> None:
        self.array = array
        self.version = 0
        self._buffer = None

    @property
    def buffer(self) -> Array:
        """The memory as a one-dimensional array."""
        flat = self._buffer
        if flat is None:
            flat = self._buffer = flatten(self.array)
        return flat

    def __len__(self) -> int:
        return int(self.array.size)

    def nbytes(self) -> int:
        """Return the size in bytes."""
        return int(self.array.nbytes)

    def data_ptr(self) -> int:
        """Return the address of the first element."""
        return backends.of(self.array).address(self.buffer)

    def __reduce__(self) -> tuple[type[Storage], tuple[Array]]:
        return Storage, (self.buffer,)

    def __repr__(self) -> str:
        return f"<Storage of {len(self)} {self.array.dtype} at version {self.version}>"


class Reinterpreted(Storage):
    """The same memory read as another dtype: writes count on the storage that owns it."""

    __slots__ = ("owner",)

    owner: Storage

    def __init__(self, owner: Storage, array: Array) -> None:
        self.owner = owner
        self.array = array
        self._buffer = None

    @property
    def version(self) -> int:
        return self.owner.version

    @version.setter
    def version(self, value: int) -> None:
        self.owner.version = value


def flatten(array: Array) -> Array:
    """Return a dense array's memory in the order in which it lies; never a copy."""
    if array.flags.c_contiguous:
        return array.reshape(-1)
    order = sorted(range(array.ndim), key=lambda dim: -array.strides[dim])
    ordered: Array = array.transpose(order)
    return ordered.reshape(-1)

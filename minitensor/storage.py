"""Flat memory and the count of its writes.

A storage holds one dense array and lends it flat; every write through any window on it raises ``version``, which is how
a value saved for the backward pass notices that it went stale. It knows neither shapes nor tensors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from minitensor import backends

if TYPE_CHECKING:
    from minitensor.backends import Array


class Storage:
    """The memory under one tensor and all its views.

    It is born from the array of a fresh result, whatever its order, and flattens it only when a view asks: most results
    are never viewed nor written to.
    """

    __slots__ = ("__weakref__", "_buffer", "array", "count", "version", "written")

    sealed: ClassVar[bool] = False  # whether the memory must not be written to

    array: Array
    version: int
    count: Count  # unset where it is the only one to count
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
        return backends.backend_of(self.array).address(self.buffer)

    def __reduce__(self) -> tuple[type[Storage], tuple[Array]]:
        return Storage, (self.buffer,)

    def __repr__(self) -> str:
        return f"<Storage of {len(self)} {self.array.dtype} at version {self.version}>"


class Sealed(Storage):
    """Memory that must not be written to: a read-only array, bytes, a file mapped for reading."""

    __slots__ = ()

    sealed = True


class Count:
    """A count of writes that several storages share."""

    __slots__ = ("writes",)

    writes: int

    def __init__(self, writes: int) -> None:
        self.writes = writes


class Joint(Storage):
    """Memory whose writes count for other memories too, as all that shared them before one moved away still see."""

    __slots__ = ()

    def __init__(self, former: Storage, array: Array) -> None:
        self.count = shared_count(former)
        self.array = array
        self._buffer = None

    @property
    def version(self) -> int:
        return self.count.writes

    @version.setter
    def version(self, value: int) -> None:
        self.count.writes = value


class SealedJoint(Joint):
    """The same in memory that must not be written to."""

    __slots__ = ()

    sealed = True


def shared_count(storage: Storage) -> Count:
    """Return a storage's count of writes; one that counts for itself alone shares it from now on."""
    if isinstance(storage, Reinterpreted):
        return shared_count(storage.owner)
    if not isinstance(storage, Joint):
        storage.count = Count(storage.version)
        storage.__class__ = SealedJoint if storage.sealed else Joint
    return storage.count


class Borrowed(Joint):
    """Another storage's memory, with its own count of writes: what ``set_`` takes over."""

    __slots__ = ("owner",)

    owner: Storage

    def __init__(self, owner: Storage, array: Array, former: Storage) -> None:
        super().__init__(former, array)
        self.owner = owner

    @property
    def sealed(self) -> bool:  # type: ignore[override]  # a class knows it for all others
        return self.owner.sealed


class Reinterpreted(Borrowed):
    """The same memory read as another dtype: writes count on the storage that owns it."""

    __slots__ = ()

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


def storage_on(array: Array) -> Storage:
    """Return a storage on memory that others hold too; it is sealed if the array is read-only."""
    return Storage(array) if array.flags.writeable else Sealed(array)


def reinterpret(storage: Storage, dtype: Any) -> Storage:
    """Return a storage read as an array library's dtype; what is left over at its end cannot be read."""
    counted = storage.owner if isinstance(storage, Reinterpreted) else storage
    if counted.array.dtype == dtype:
        return counted
    buffer = counted.buffer
    whole = buffer.nbytes // dtype.itemsize * dtype.itemsize
    return Reinterpreted(counted, buffer.view("uint8")[:whole].view(dtype))


def lender(storage: Storage) -> Storage:
    """Return the storage that one with its own count of writes reads; any other is its own."""
    return storage.owner if storage.__class__ is Borrowed else storage


def owner(storage: Storage) -> Storage:
    """Return the storage to which the memory belongs."""
    while isinstance(storage, Borrowed):
        storage = storage.owner
    return storage


def flatten(array: Array) -> Array:
    """Return a dense array's memory in the order in which it lies; never a copy."""
    if array.flags.c_contiguous:
        return array.reshape(-1)
    order = sorted(range(array.ndim), key=lambda dim: -array.strides[dim])
    ordered: Array = array.transpose(order)
    return ordered.reshape(-1)

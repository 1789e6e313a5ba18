"""Storages: flat memory with a count of its writes.

A storage holds one dense array. Every write through any tensor on it increments ``version``, so a value saved for the
backward pass can be recognized as stale. The file knows neither shapes nor tensors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from minitensor import backends, dtypes
from minitensor.backends.encoded import EncodedArray, has_encoding, of_dtype, plain, seen_as
from minitensor.compat.once import warn_once
from minitensor.contents import Contents
from minitensor.dtypes import FROM_NUMPY
from minitensor.errors import IndexRuntimeError, ReadOnlyError, UsageError, UsageTypeError

if TYPE_CHECKING:
    from minitensor.backends import Array


class Storage(Contents):
    """The memory of a tensor and all its views.

    It is made from the array of a fresh result, in any order, and flattens it only on request: most results are never
    viewed or written to.
    """

    __slots__ = ("__weakref__", "_buffer", "array", "count", "version", "written")

    is_read_only: ClassVar[bool] = False

    if TYPE_CHECKING:  # ``typing.get_type_hints`` reads what is not in this block
        array: Array
        _buffer: Array | None
    version: int
    count: WriteCount  # unset unless several storages share the count
    written: str  # the last write and its line; unset outside of anomaly mode

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
        return self.nbytes()

    def numel(self) -> int:
        """Return the number of elements."""
        return int(self.array.size)

    def nbytes(self) -> int:
        """Return the size in bytes."""
        return int(self.array.nbytes)

    def element_size(self) -> int:
        """Return the size of what an index finds: 1 byte."""
        return 1

    @property
    def octets(self) -> Array:
        """The memory as bytes."""
        return bytes_of(self.buffer)

    @property
    def elements(self) -> Array:
        """The bytes."""
        return self.octets

    def cast(self, dtype: Any) -> TypedStorage:
        """Return the bytes as numbers of a dtype, in new memory."""
        return make_storage(self.octets, dtype)

    def clone(self) -> Storage:
        """Return a copy of the memory."""
        return Storage(self.buffer.copy())

    def untyped(self) -> Storage:
        """Return the storage itself."""
        return self

    def type(self, dtype: Any = None, non_blocking: bool = False) -> str:
        """Return the name of the class."""
        return "torch.storage.UntypedStorage"

    def title(self) -> str:
        """Return the words for the storage in its repr."""
        return f"torch.storage.UntypedStorage(device={self.device})"

    def __getitem__(self, place: int | slice) -> int | Storage:
        if not isinstance(place, slice):
            return int(self.octets[position_in(place, len(self))])
        if place.step not in (None, 1):
            raise UsageError(f"trying to slice with a step of {place.step}, but only a step of 1 is supported")
        return ReinterpretedStorage(self, self.octets[place])

    def __setitem__(self, place: int | slice, value: int) -> None:
        write_into(self, self.octets, place, value)

    def __call__(self) -> TypedStorage:
        """Return the memory as elements: ``x.storage()`` of PyTorch."""
        warn_once("TypedStorage is deprecated: use tensor.untyped_storage() instead of tensor.storage().")
        return TypedStorage(self)

    def data_ptr(self) -> int:
        """Return the address of the first element."""
        return backends.backend_of(self.array).address(self.buffer)

    def __reduce__(self) -> tuple[Any, tuple[Array]]:
        return Storage, (self.buffer,)


class TypedStorage(Contents):
    """The elements of a storage, as ``x.storage()`` gives them in PyTorch."""

    __slots__ = ("memory",)

    memory: Storage

    def __init__(self, memory: Storage) -> None:
        self.memory = memory

    def __len__(self) -> int:
        return self.memory.numel()

    def nbytes(self) -> int:
        """Return the size in bytes."""
        return self.memory.nbytes()

    def element_size(self) -> int:
        """Return the size of one element in bytes."""
        return int(self.memory.array.itemsize)

    def data_ptr(self) -> int:
        """Return the address of the first element."""
        return self.memory.data_ptr()

    def untyped(self) -> Storage:
        """Return the storage itself."""
        return self.memory

    @property
    def dtype(self) -> Any:
        """The data type of the elements."""
        return FROM_NUMPY[self.memory.array.dtype]

    @property
    def elements(self) -> Array:
        """The elements as numbers, decoded if the memory is encoded."""
        buffer = self.memory.buffer
        return buffer.decode() if isinstance(buffer, EncodedArray) else buffer

    def __getitem__(self, place: int | slice) -> Any:
        if isinstance(place, slice):
            raise UsageError("slices are only supported in assignments to a storage: use storage.tolist()[...]")
        return self.elements[position_in(place, len(self))].item()

    def __setitem__(self, place: int | slice, value: Any) -> None:
        write_into(self.memory, self.memory.buffer, place, value)

    def cast(self, dtype: Any) -> TypedStorage:
        """Return the elements as another dtype, in new memory."""
        return make_storage(self.elements, dtype)

    def clone(self) -> TypedStorage:
        """Return a copy of the memory."""
        return TypedStorage(self.memory.clone())

    def type(self, dtype: Any = None, non_blocking: bool = False) -> str:
        """Return PyTorch's name for storages of the dtype."""
        return f"torch.{'cuda.' if self.is_cuda else ''}{self.pickle_storage_type()}"

    def pickle_storage_type(self) -> str:
        """Return the name that files have for storages of the dtype."""
        return next(name for name, kind in STORAGES.items() if kind is self.dtype)

    def title(self) -> str:
        """Return the words for the storage in its repr."""
        return f"torch.storage.TypedStorage(dtype={self.dtype}, device={self.device})"


STORAGES = {
    "FloatStorage": dtypes.float32, "DoubleStorage": dtypes.float64, "HalfStorage": dtypes.float16,
    "LongStorage": dtypes.int64, "IntStorage": dtypes.int32, "ShortStorage": dtypes.int16, "CharStorage": dtypes.int8,
    "ByteStorage": dtypes.uint8, "BoolStorage": dtypes.bool_, "ComplexFloatStorage": dtypes.complex64,
    "ComplexDoubleStorage": dtypes.complex128, "BFloat16Storage": dtypes.bfloat16,
}  # fmt: skip


def make_storage(values: Array, dtype: Any) -> TypedStorage:
    """Return numbers as a storage of a dtype, in new memory."""
    memory = of_dtype(backends.backend_of(values).xp.empty(values.shape, dtype.memory))
    made = TypedStorage(Storage(memory))
    made[:] = values
    return made


def position_in(place: int, size: int) -> int:
    """Return an index from the front; raise if it is out of range."""
    if not isinstance(place, int) or isinstance(place, bool):
        raise UsageTypeError(f"can't index a storage with {type(place).__name__}: use an int")
    if not -size <= place < size:
        raise IndexRuntimeError(f"index {place} out of range for storage of size {size}")
    return place % size


def write_into(storage: Storage, memory: Array, place: int | slice, value: Any) -> None:
    """Write a value into one place of a storage, or several, which are counted in ``memory``'s elements."""
    if storage.is_read_only:
        raise ReadOnlyError("storage: the memory is read-only: clone() the tensor before writing")
    part = place if isinstance(place, slice) else slice(start := position_in(place, memory.size), start + 1)
    target = memory[part]
    if isinstance(target, EncodedArray):
        target.assign(value)
    else:
        target[...] = value
    storage.version += 1


class ReadOnlyStorage(Storage):
    """Read-only memory: a read-only array, bytes, or a file mapped for reading."""

    __slots__ = ()

    is_read_only = True


class WriteCount:
    """A count of writes that several storages share."""

    __slots__ = ("writes",)

    writes: int

    def __init__(self, writes: int) -> None:
        self.writes = writes


class SharedCountStorage(Storage):
    """Memory that shares its count of writes with other memory.

    A resize that moves a tensor to a larger copy makes one.
    """

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


class ReadOnlySharedCountStorage(SharedCountStorage):
    """Read-only memory that shares its count of writes with other memory."""

    __slots__ = ()

    is_read_only = True


def shared_count(storage: Storage) -> WriteCount:
    """Return a storage's count of writes, shared from now on."""
    if isinstance(storage, ReinterpretedStorage):
        return shared_count(storage.owner)
    if not isinstance(storage, SharedCountStorage):
        storage.count = WriteCount(storage.version)
        # The class of the object changes, not the object: tensors and saved versions refer to it.
        storage.__class__ = ReadOnlySharedCountStorage if storage.is_read_only else SharedCountStorage
    return storage.count


class BorrowedStorage(SharedCountStorage):
    """The memory of another storage with its own count of writes, as in ``x.data``, or that of ``former``."""

    __slots__ = ("owner",)

    owner: Storage

    def __init__(self, owner: Storage, array: Array, former: Storage | None = None) -> None:
        self.count = WriteCount(0) if former is None else shared_count(former)
        self.owner = owner
        self.array = array
        self._buffer = None

    @property
    def is_read_only(self) -> bool:  # type: ignore[override]  # a class attribute in other storages
        return self.owner.is_read_only


class ReinterpretedStorage(BorrowedStorage):
    """The memory of another storage as another dtype. The owner counts the writes."""

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
    """Return a storage on the memory of an existing array, which may be read-only."""
    return Storage(array) if array.flags.writeable else ReadOnlyStorage(array)


def reinterpret(storage: Storage, dtype: Any) -> Storage:
    """Return a storage as another dtype of the array library, without a partial element at its end."""
    counted = storage.owner if isinstance(storage, ReinterpretedStorage) else storage
    if counted.array.dtype == dtype:
        return counted
    memory = bytes_of(counted.buffer)
    whole = memory.nbytes // dtype.itemsize * dtype.itemsize
    return ReinterpretedStorage(counted, of_dtype(memory[:whole].view(dtype)))


def encode(storage: Storage, encoding: type[EncodedArray]) -> Storage:
    """Return a storage on the same memory whose elements are encoded; the encoded elements of such a storage are plain.

    This is for encodings that are their own inverse: conjugates and negatives.
    """
    counted = storage.owner if isinstance(storage, ReinterpretedStorage) else storage
    memory = plain(storage.buffer)
    if not has_encoding(storage.array, encoding):
        return ReinterpretedStorage(counted, seen_as(memory, encoding))
    is_same = counted.array.dtype == memory.dtype and not isinstance(counted.array, EncodedArray)
    return counted if is_same else ReinterpretedStorage(counted, memory)


def bytes_of(buffer: Array) -> Array:
    """Return flat memory as bytes."""
    return (plain(buffer) if isinstance(buffer, EncodedArray) else buffer).view("uint8")


def lender(storage: Storage) -> Storage:
    """Return the storage whose memory a borrowed one uses; any other storage is returned itself."""
    return storage.owner if storage.__class__ is BorrowedStorage else storage


def owner(storage: Storage) -> Storage:
    """Return the storage that owns the memory."""
    while isinstance(storage, BorrowedStorage):
        storage = storage.owner
    return storage


def flatten(array: Array) -> Array:
    """Return a dense array as one dimension in the order of its memory, without a copy."""
    if array.flags.c_contiguous:
        return array.reshape(-1)
    order = sorted(range(array.ndim), key=lambda dim: -array.strides[dim])
    ordered: Array = array.transpose(order)
    return ordered.reshape(-1)

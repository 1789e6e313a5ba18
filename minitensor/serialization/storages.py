"""The storages of a checkpoint: their ids in a pickle, their elements, and the devices they are loaded to.

Both formats of checkpoints use this file; it knows neither archives nor pickles.
"""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Callable
from typing import IO, Any

import numpy as np

from minitensor import backends
from minitensor.backends import Array
from minitensor.backends.encoded import of_dtype, plain
from minitensor.device import device
from minitensor.errors import (
    AbsentDeviceError,
    ArgumentTypeError,
    DeviceError,
    FileFormatError,
    quote,
)
from minitensor.serialization.packages import find_home
from minitensor.serialization.symbols import (
    MOST_ELEMENTS,
    UNTYPED,
    Memory,
    StorageClass,
    element_dtype,
    normalize_bools,
    resolve_device,
)
from minitensor.storage import Storage

LONGEST_NAME = 255

Place = Callable[[Storage, str], Storage]  # from a host storage and the device it was saved from to its new place


def parse_storage(identity: Any) -> tuple[StorageClass, str, str, int]:
    """Parse a storage's class, key, device and number of elements from its persistent id."""
    if not isinstance(identity, tuple) or len(identity) != 5 or identity[0] != "storage":
        raise FileFormatError(f"expected the name of a storage, got {quote(identity)}")
    _, kind, key, location, count = identity
    if not isinstance(kind, StorageClass) or not is_name(key) or not is_name(location):
        raise FileFormatError(f"expected the name of a storage, got {quote(identity)}")
    if type(count) is not int or not 0 <= count <= MOST_ELEMENTS:
        raise FileFormatError(f"a storage cannot have {quote(count)} elements")
    return kind, key, location, count


def is_name(text: Any) -> bool:
    """Whether a value is a text short enough to be compared once for each tensor."""
    return isinstance(text, str) and len(text) <= LONGEST_NAME


def allocate(kind: StorageClass, count: int, nbytes: int) -> Array:
    """Allocate a storage; raise unless its record has exactly the bytes for it."""
    dtype = element_dtype(kind)
    needed = count * dtype.itemsize
    if needed != nbytes:
        raise FileFormatError(f"a {kind.name} of {count} elements needs {needed} bytes, not {nbytes}")
    return of_dtype(np.zeros(count, dtype.memory))


def read_elements(flat: Array, stream: IO[bytes], order: str) -> None:
    """Read the elements of a storage into ``flat``."""
    read_into(flat, stream, order)
    normalize_bools(flat)


def read_into(flat: Array, stream: IO[bytes], order: str) -> None:
    """Read elements, and swap their bytes if the file's byte order is not the machine's."""
    flat = plain(flat)
    view = memoryview(flat.view(np.uint8))  # type: ignore[arg-type]  # NumPy's stubs for Python 3.10
    done = 0
    while done < len(view):
        read = stream.readinto(view[done:])  # type: ignore[attr-defined]  # binary files have it
        if not read:
            raise EOFError(f"a storage ends after {done} of {len(view)} bytes")
        done += read
    if isinstance(stream, zipfile.ZipExtFile):
        stream.read(1)  # at the end of a record zipfile compares checksums
    if order != sys.byteorder:
        flat.byteswap(inplace=True)


def host_bytes(storage: Storage) -> Array:
    """Return the bytes of a storage, copied to the host if needed."""
    flat = np.ascontiguousarray(backends.backend_of(storage.buffer).to_host(storage.buffer))
    return flat.view(np.uint8)


def move_to_device(flat: Array, location: str, place: Place) -> Memory:
    """Move a storage to its device."""
    return Memory(place(Storage(flat), location), location)


def move(storage: Storage, there: device) -> Storage:
    """Return a host storage's copy on a device, or itself if that is the host."""
    return storage if there.type == "cpu" else Storage(there.backend.from_host(storage.buffer, there.index))


def check_storage(memory: Memory, kind: StorageClass, count: int) -> Memory:
    """Raise if two references to one storage contradict each other."""
    if kind.name == UNTYPED and count == memory.storage.nbytes():
        return memory
    if memory.storage.array.dtype != element_dtype(kind).memory or memory.storage.numel() != count:
        found = f"{memory.storage.numel()} elements of {memory.storage.array.dtype}"
        raise FileFormatError(f"one storage is claimed to have both {found} and {count} of {kind.name}")
    return memory


def parse_map_location(given: Any) -> Place:
    """Return the function that moves a storage from the host to its device, given the device it was saved from."""
    if isinstance(given, dict):
        table = {str(key): parse_device(value) for key, value in given.items()}
        return lambda storage, location: move(
            storage, require_available(table[location] if location in table else resolve_device(location))
        )
    if isinstance(given, (str, device, int)):
        there = require_available(parse_device(given))
        return lambda storage, location: move(storage, there)
    if callable(given):
        return place_by_function(given)
    if given is not None:
        raise ArgumentTypeError(f"load: map_location must be a device, a dict or a function, got {quote(given)}")
    return move_home


def move_home(storage: Storage, location: str) -> Storage:
    """Move a storage to the device it was saved from."""
    found = find_home(storage, location)
    return found if found is not None else move(storage, require_available(resolve_device(location)))


def place_by_function(function: Callable[[Storage, str], Any]) -> Place:
    """Return the function that asks a user's function; None means the device that the storage was saved from."""

    def place(storage: Storage, location: str) -> Storage:
        found = function(storage, location)
        if found is None:
            return move_home(storage, location)
        if not isinstance(found, Storage):
            raise ArgumentTypeError(f"load: map_location must return a storage or None, got {quote(found)}")
        return found

    return place


def parse_device(given: Any) -> device:
    """Return the device that a map names; raise for numbers, as PyTorch does."""
    if isinstance(given, int):
        raise ArgumentTypeError(f"load: map_location names devices, such as 'cpu' or 'cuda:0', got {given}")
    return device(given)


def require_available(there: device) -> device:
    """Return a device; raise if this machine does not have it."""
    try:
        usable = there.backend.is_available()
    except DeviceError:
        usable = False
    if not usable:
        raise AbsentDeviceError(f"a tensor was saved from {there}, which this machine lacks; give map_location='cpu'")
    return there

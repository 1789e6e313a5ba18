"""The format from before PyTorch 1.6: several pickles, followed by the elements of the storages.

Files are written in it only on request, for PyTorch versions that read no other.
"""

from __future__ import annotations

import sys
from collections.abc import Collection
from typing import IO, Any, Literal

from minitensor.backends import Array
from minitensor.errors import AbsentDeviceError, FileFormatError, quote
from minitensor.serialization.budget import Budget
from minitensor.serialization.reading import Machine, Run
from minitensor.serialization.storages import (
    Place,
    allocate,
    check_storage,
    host_bytes,
    move_to_device,
    parse_storage,
    read_elements,
)
from minitensor.serialization.symbols import Memory, StorageClass, element_dtype
from minitensor.serialization.writing import count_elements, pickle_value
from minitensor.storage import Storage

MAGIC = 0x1950A86A20F9469CFC6C  # the first value in a file
FORMAT = 1001
SYSTEM = {
    "protocol_version": FORMAT, "little_endian": sys.byteorder == "little",
    "type_sizes": {"short": 2, "int": 4, "long": 4},
}  # fmt: skip
NO_VIEW = b"N"  # the last part of a storage's id: it is no view of another one


def write_legacy(file: IO[bytes], pickle: bytes, storages: list[Storage]) -> None:
    """Write the format from before PyTorch 1.6."""
    for each in (MAGIC, FORMAT, SYSTEM):
        file.write(pickle_value(each)[0])
    file.write(pickle)
    file.write(pickle_value([str(number) for number in range(len(storages))])[0])
    for storage in storages:
        file.write(count_elements(storage).to_bytes(8, sys.byteorder))
        file.write(host_bytes(storage).data)


def read_legacy(stream: IO[bytes], size: int, place: Place, run: Run) -> Any:
    """Read the format from before PyTorch 1.6: several pickles, then the elements of the storages."""
    budget = Budget(size)
    if Machine(refuse_storage, budget).run(stream) != MAGIC or Machine(refuse_storage, budget).run(stream) != FORMAT:
        raise FileFormatError("a pickle, but not PyTorch's: save a state_dict with torch.save")
    order = legacy_byte_order(Machine(refuse_storage, budget).run(stream))
    kinds: dict[str, StorageClass] = {}
    memories: dict[str, Memory] = {}

    def storage(identity: Any) -> Memory:
        if not isinstance(identity, tuple) or len(identity) not in (5, 6):
            raise FileFormatError(f"expected the name of a storage, got {quote(identity)}")
        kind, key, location, count = parse_storage(identity[:5])
        if len(identity) == 6 and identity[5] is not None:
            raise FileFormatError("a storage is a view of another one: save the file again with a newer PyTorch")
        if key not in memories:
            size_in_file = count * element_dtype(kind).itemsize
            budget.spend(size_in_file, "a storage")
            flat = allocate(kind, count, size_in_file)
            kinds[key], memories[key] = kind, move_to_device(flat, location, place)
            if memories[key].storage.array is not flat:
                raise AbsentDeviceError(
                    "a file from before PyTorch 1.6: give map_location='cpu', then move its tensors"
                )
        return check_storage(memories[key], kind, count)

    found = run(stream, storage, budget)
    for key in legacy_keys(Machine(refuse_storage, budget).run(stream), kinds):
        flat: Array = memories[key].storage.array
        if int.from_bytes(stream.read(8), order) != flat.size:
            raise FileFormatError(f"storage {quote(key)} has a different length than its tensors claim")
        read_elements(flat, stream, order)
        memories[key].settle()
    return found


def legacy_byte_order(system: Any) -> Literal["little", "big"]:
    """Return the byte order of an old file."""
    little = system.get("little_endian", True) if isinstance(system, dict) else None
    if type(little) is not bool:
        raise FileFormatError(f"expected the byte order of a file from before PyTorch 1.6, got {quote(system)}")
    return "little" if little else "big"


def legacy_keys(keys: Any, known: Collection[str]) -> list[str]:
    """Return the storage keys of an old file in the order of their elements; raise unless each storage occurs once."""
    if not isinstance(keys, list) or len(keys) != len(known) or not all(isinstance(key, str) for key in keys):
        raise FileFormatError(f"expected the keys of {len(known)} storages, got {quote(keys)}")
    if set(known) - set(keys):
        raise FileFormatError(f"the elements of storage {quote(min(set(known) - set(keys)))} are missing")
    return keys


def refuse_storage(identity: Any) -> Any:
    raise FileFormatError("a storage in an unexpected place")

"""MATLAB's files of version 5: the numeric arrays in them, and nothing else.

A file is a header and elements, each a tag (type, bytes) and its content; zlib may have compressed an element. An
array is an element of elements: its class, its sizes, its name, its numbers. Files are not trusted: every count is
compared with the bytes that are there before memory is allocated. SciPy's reader, which is compiled code, crashes on
damaged files.
Source: MathWorks, MAT-File Format, version 5.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from minitensor.errors import FileFormatError, quote
from minitensor.vision.datasets.pictures import CHUNK, HARMLESS, INFLATION

HEADER, TAG = 128, 8  # bytes
MATRIX, COMPRESSED = 14, 15  # types of elements

# The types of stored numbers, and the classes of arrays that they become.
STORED = {1: "i1", 2: "u1", 3: "<i2", 4: "<u2", 5: "<i4", 6: "<u4", 7: "<f4", 9: "<f8", 12: "<i8", 13: "<u8"}
CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
COMPLEX = 0x800

Element = tuple[int, memoryview]


def read_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Return the real arrays of a file by their names."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(HEADER)
        if len(head) < HEADER or not head.startswith(b"MATLAB 5.0") or head[124:] != b"\x00\x01IM":
            raise FileFormatError(f"{path}: no file of MATLAB's version 5, it begins with {quote(head[:10])}")
        try:
            return dict(arrays_in(file, size))
        except FileFormatError as error:
            raise FileFormatError(f"{path}: cut short, or damaged: {error}") from error


def arrays_in(file: BinaryIO, size: int) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Iterate over the names and arrays of an open file behind its header."""
    room = max(size * INFLATION, HARMLESS)
    while tag := file.read(TAG):
        if len(tag) < TAG or (length := struct.unpack("<2I", tag)[1]) > size - file.tell():
            raise FileFormatError(f"an element reaches beyond the {size} bytes of the file")
        kind, content = struct.unpack("<2I", tag)[0], memoryview(file.read(length))
        if kind == COMPRESSED:
            content = memoryview(inflate(content, room))
            room -= len(content)
            kind, content = next(elements(content), (0, content))
        if kind == MATRIX:
            yield from array_of(list(elements(content)))


def elements(content: memoryview) -> Iterator[Element]:
    """Iterate over the types and contents of elements that follow each other, on multiples of 8 bytes."""
    place = 0
    while place + TAG <= len(content):
        first, length = struct.unpack_from("<2I", content, place)
        kind, small = first & 0xFFFF, first >> 16
        start = place + (4 if small else TAG)  # up to 4 bytes stand in the tag itself
        length = small or length
        if start + length > len(content):
            raise FileFormatError(f"an element of {length} bytes in an array with {len(content) - start} bytes left")
        yield kind, content[start : start + length]
        place = place + TAG if small else start + -(-length // 8) * 8


def array_of(parts: list[Element]) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Yield the name and the numbers of an array; nothing for text, cells, objects and complex numbers."""
    if len(parts) < 3 or len(parts[0][1]) < 4 or len(parts[1][1]) % 4:
        raise FileFormatError("an array without its class, its sizes and its name")
    flags = int.from_bytes(parts[0][1][:4], "little")
    wanted = CLASSES.get(flags & 0xFF)
    if wanted is None or flags & COMPLEX:
        return
    if len(parts) < 4 or parts[3][0] not in STORED:
        raise FileFormatError("an array without numbers")
    shape = struct.unpack(f"<{len(parts[1][1]) // 4}i", parts[1][1])
    stored, bare = np.dtype(STORED[parts[3][0]]), parts[3][1]
    if min(shape, default=0) < 0 or math.prod(shape) * stored.itemsize != len(bare):
        raise FileFormatError(f"an array of shape {shape} with {len(bare)} bytes of numbers")
    name = bytes(parts[2][1]).decode("ascii", "replace")
    yield name, np.frombuffer(bare, stored).astype(wanted, copy=False).reshape(shape, order="F")


def inflate(packed: memoryview, room: int) -> bytes:
    """Decompress an element; raise if it has more than ``room`` bytes."""
    machine, pieces, total = zlib.decompressobj(), [], 0
    waiting = bytes(packed)
    while waiting and not machine.eof:
        try:
            pieces.append(machine.decompress(waiting, CHUNK))
        except zlib.error as error:
            raise FileFormatError(f"decompression failed: {error}") from error
        waiting = machine.unconsumed_tail
        total += len(pieces[-1])
        if total > room:
            raise FileFormatError(f"its elements are more than {INFLATION} times its size")
    return b"".join(pieces)

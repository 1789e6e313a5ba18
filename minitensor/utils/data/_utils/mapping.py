"""Memory that travels between processes as the descriptor of a file without a name.

The sender writes the bytes into the file; the receiver maps it and closes the descriptor at once, so batches that a
program keeps take no descriptors. Nothing remains if a process is killed: the file has no name and goes with its last
mapping. This module knows neither tensors nor workers.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import socket
import tempfile
from functools import cache
from typing import Any, Final

import numpy as np

CAN_SEND: Final = hasattr(socket, "SCM_RIGHTS")  # whether sockets carry descriptors; on Windows they do not
FLAGS: Final = getattr(mmap, "MAP_SHARED", 0) | getattr(mmap, "MAP_POPULATE", 0)  # no page fault for each 4 KiB
READ_AND_WRITE: Final = getattr(mmap, "PROT_READ", 0) | getattr(mmap, "PROT_WRITE", 0)
FAILED: Final = ctypes.c_void_p(-1).value


def write_file(contents: memoryview | bytes) -> int:
    """Write bytes into a file without a name; return its descriptor."""
    descriptor = make_file()
    try:
        rest = memoryview(contents)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def make_file() -> int:
    """Return the descriptor of an empty file without a name, in memory if the system has such files."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("minitensor")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def map_file(descriptor: int) -> Any:
    """Return the contents of a file as an array of bytes, and close the descriptor."""
    try:
        return np.asarray(Mapping(descriptor, os.fstat(descriptor).st_size))
    finally:
        os.close(descriptor)


class Mapping:
    """The mapped memory of a file; unlike ``mmap.mmap``, it keeps no descriptor.

    NumPy reads the attribute ``__array_interface__``, and its array keeps the mapping alive.
    """

    def __init__(self, descriptor: int, length: int) -> None:
        self.length = length
        self.address = memory_functions()[0](None, length, READ_AND_WRITE, FLAGS, descriptor, 0)
        if self.address == FAILED:
            self.length = 0
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        self.__array_interface__ = {"version": 3, "shape": (length,), "typestr": "|u1", "data": (self.address, False)}

    def __del__(self) -> None:
        if self.length:
            memory_functions()[1](self.address, self.length)


@cache
def memory_functions() -> tuple[Any, Any]:
    """Return ``mmap`` and ``munmap`` of the C library."""
    library = ctypes.CDLL(None, use_errno=True)
    library.mmap.restype = ctypes.c_void_p
    library.mmap.argtypes = (
        ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int64,
    )  # fmt: skip
    library.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
    return library.mmap, library.munmap

"""Limits on what a file may cost: memory and time in proportion to its size.

A pickle can refer to one object many times, so without limits a small file could build endless copies or hash one
huge key many times. The builders and the machine spend from a `Budget` before they build or hash.
"""

from __future__ import annotations

from typing import Any

from minitensor import dtypes
from minitensor.device import device
from minitensor.errors import FileFormatError, quote
from minitensor.serialization.names import is_allowed
from minitensor.shapes import Size
from minitensor.tensor import Tensor

RESOLVED_PER_BYTE = 16  # bytes of lazy negatives and conjugates, and of sparse tensors, for each byte of the file
HASHED_PER_BYTE = 256  # bytes of keys hashed and compared for each byte of the file
ENTRY_COST = 32  # bytes that hashing one entry of a tuple counts for
MOST_KEY_BITS = 2048
MOST_KEY_DEPTH = 16  # Python hashes nested tuples by recursion
MOST_COLLISIONS = 256
ATOMS = frozenset((type(None), bool, int, float, complex, str, bytes, dtypes.dtype, device))


class Budget:
    """The amounts that a file of ``size`` bytes may still build, resolve and hash."""

    def __init__(self, size: int) -> None:
        self.left = size
        self.resolving = RESOLVED_PER_BYTE * size
        self.hashing = HASHED_PER_BYTE * size
        self.collisions: dict[int, set[int]] = {}
        self.memories: dict[int, Any] = {}  # what is known of the file's storages, by their ids

    def spend(self, amount: int, what: str) -> None:
        """Spend an amount on building objects; raise if it exceeds the rest."""
        self.left -= amount
        if amount < 0 or self.left < 0:
            raise FileFormatError(
                f"{what} of {quote(amount)} is more than a file of this size holds: damaged or hostile"
            )

    def resolve(self, nbytes: int) -> None:
        """Spend the bytes of a lazy negative or conjugate, or of a sparse tensor; raise if they exceed the rest."""
        self.resolving -= nbytes
        if self.resolving < 0:
            raise FileFormatError(
                f"lazy negatives and conjugates, or sparse tensors, of more than {RESOLVED_PER_BYTE} times the size of "
                "the file: damaged or hostile; save them after resolve_neg() and resolve_conj()"
            )

    def check_key(self, key: Any) -> Any:
        """Return a key of a dictionary or set; raise unless it can be hashed and compared in bounded time."""
        self.weigh(key, 0)
        if not isinstance(key, (str, bytes, float)) and not is_small(key):
            self.count_collisions(key)
        return key

    def weigh(self, key: Any, depth: int) -> None:
        """Spend the bytes that hashing a key reads; raise if it is no valid key."""
        kind = type(key)
        if kind in (tuple, Size) and depth < MOST_KEY_DEPTH:
            self.hash(ENTRY_COST * len(key))
            for each in key:
                self.weigh(each, depth + 1)
        elif not is_atom(key):
            raise FileFormatError(f"a key must be text, a number, a tensor or a tuple of them, got {quote(key)}")
        elif kind in (str, bytes):
            self.hash(len(key))

    def hash(self, amount: int) -> None:
        """Spend an amount on hashing; raise if it exceeds the rest."""
        self.hashing -= amount + 1
        if self.hashing < 0:
            raise FileFormatError("the keys are more than a file of this size holds: damaged or hostile")

    def count_collisions(self, key: Any) -> None:
        """Raise if many keys share a hash: a dictionary compares each with all. Only hashes of text are salted."""
        hashes = self.collisions.setdefault(hash(key), set())
        hashes.add(hash(repr(key)))
        if len(hashes) > MOST_COLLISIONS:
            raise FileFormatError(
                f"more than {MOST_COLLISIONS} keys, such as {quote(key)}, share a hash: a hostile file"
            )


def is_atom(key: Any) -> bool:
    """Whether a value other than a tuple may be a key."""
    if isinstance(key, Tensor) or is_allowed(type(key)):  # a tensor is hashed by its identity
        return True
    return type(key) in ATOMS and not (isinstance(key, int) and key.bit_length() > MOST_KEY_BITS)


def is_small(key: Any) -> bool:
    """Whether a key is None or a 64-bit integer: at most a few of those share a hash."""
    return key is None or (isinstance(key, int) and -(1 << 63) <= key < 1 << 63)

"""What a file may ask for: memory and time in proportion to its size, and not more.

A pickle can name one object many times, so that a small file could otherwise build copies without end, or hash one huge
key again and again. Whoever builds or hashes asks here first.
"""

from __future__ import annotations

from typing import Any

from minitensor import dtypes
from minitensor.device import device
from minitensor.errors import FileFormatError, quote
from minitensor.shapes import Size

SHOWN = 16  # lazy negatives and conjugates show at most this many bytes for each byte of the file
HASHED = 256  # keys are hashed and compared at most this many bytes for each byte of the file
ENTRY = 32  # what hashing an entry of a tuple costs, in bytes
MOST_KEY_BITS = 2048
MOST_KEY_DEPTH = 16  # nested tuples are hashed by recursion
MOST_ALIKE = 256
ATOMS = frozenset((type(None), bool, int, float, complex, str, bytes, dtypes.dtype, device))


class Budget:
    """How much a file of ``size`` bytes may still build, show as negatives and conjugates, and hash."""

    def __init__(self, size: int) -> None:
        self.left = size
        self.showing = SHOWN * size
        self.hashing = HASHED * size
        self.alike: dict[int, set[int]] = {}

    def spend(self, amount: int, what: str) -> None:
        """Take an amount of what is built, or refuse."""
        self.left -= amount
        if amount < 0 or self.left < 0:
            raise FileFormatError(
                f"{what} of {quote(amount)} is more than a file of this size holds: damaged or hostile"
            )

    def show(self, nbytes: int) -> None:
        """Take the bytes of a lazy negative or conjugate, or refuse."""
        self.showing -= nbytes
        if self.showing < 0:
            raise FileFormatError(
                f"lazy negatives and conjugates of more than {SHOWN} times the size of the file: damaged or hostile; "
                "save them after resolve_neg() and resolve_conj()"
            )

    def key(self, key: Any) -> Any:
        """Return a key of a dictionary or set that can be hashed in bounded time, or refuse."""
        self.weigh(key, 0)
        if not isinstance(key, (str, bytes, float)) and not is_word(key):
            self.compare(key)
        return key

    def weigh(self, key: Any, depth: int) -> None:
        """Spend the time that it takes to hash a key."""
        kind = type(key)
        if kind in (tuple, Size) and depth < MOST_KEY_DEPTH:
            self.hash(ENTRY * len(key))
            for each in key:
                self.weigh(each, depth + 1)
        elif not is_atom(key):
            raise FileFormatError(f"a key must be text, a number or a tuple of them, got {quote(key)}")
        elif kind in (str, bytes):
            self.hash(len(key))

    def hash(self, amount: int) -> None:
        """Take an amount of what is hashed, or refuse."""
        self.hashing -= amount + 1
        if self.hashing < 0:
            raise FileFormatError("the keys are more than a file of this size holds: damaged or hostile")

    def compare(self, key: Any) -> None:
        """Refuse many keys of one hash: a dictionary would compare each with all others, and text alone is salted."""
        alike = self.alike.setdefault(hash(key), set())
        alike.add(hash(repr(key)))
        if len(alike) > MOST_ALIKE:
            raise FileFormatError(f"more than {MOST_ALIKE} keys, such as {quote(key)}, share a hash: a hostile file")


def is_atom(key: Any) -> bool:
    """Tell whether a value may be a key by itself."""
    return type(key) in ATOMS and not (isinstance(key, int) and key.bit_length() > MOST_KEY_BITS)


def is_key(key: Any, depth: int = 0) -> bool:
    """Tell whether a value may be a key: an atom, or a tuple of keys that is not nested too deeply."""
    if type(key) in (tuple, Size) and depth < MOST_KEY_DEPTH:
        return all(is_key(each, depth + 1) for each in key)
    return is_atom(key)


def is_word(key: Any) -> bool:
    """Tell whether a key is an integer of 64 bits or a constant: at most a few of those share a hash."""
    return key is None or (isinstance(key, int) and -(1 << 63) <= key < 1 << 63)

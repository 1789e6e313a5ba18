"""Streams of random bits: their engine, seed and state, and the stream of each thread.

The engine is the Mersenne Twister MT19937, seeded and read like PyTorch's CPU generator. ``sampling.py`` turns the
bits into numbers.
"""

from __future__ import annotations

import operator
import secrets
import struct
import threading
from typing import TYPE_CHECKING, Any, Final, cast
from weakref import WeakSet

import numpy as np
import numpy.typing as npt

from minitensor.backends import open_backend
from minitensor.errors import ArgumentError, GeneratorStateError, UsageTypeError
from minitensor.forks import after_fork_in_child

if TYPE_CHECKING:
    from minitensor.backends.numpy.table import NumpyBackend

HOST: Final = cast("NumpyBackend", open_backend("cpu"))  # its kernels draw the numbers


class Stream:
    """A seeded engine and the lock that draws take."""

    __slots__ = ("__weakref__", "engine", "lock", "next_normal", "seed", "untouched")

    seed: int
    next_normal: float | None  # the second number of a pair that is not used yet
    untouched: bool  # whether nothing was drawn since the seed

    def __init__(self, seed: int) -> None:
        self.engine = np.random.MT19937(0)
        self.lock = threading.RLock()
        self.restart(seed)
        STREAMS.add(self)

    def restart(self, seed: int) -> None:
        """Restart from a seed. As in PyTorch, the engine uses its low 32 bits."""
        with self.lock:
            self.seed = to_uint64(seed)
            self.engine._legacy_seeding(self.seed & 0xFFFFFFFF)
            self.next_normal = None
            self.untouched = True

    def renew(self) -> None:
        """Replace the lock and the engine's own after a fork: a thread of the parent may hold them."""
        state = self.engine.state
        self.engine = np.random.MT19937(0)
        self.engine.state = state
        self.lock = threading.RLock()

    def state_bytes(self) -> bytes:
        """Return the state in PyTorch's format. Note [The state]."""
        with self.lock:
            inner = self.engine.state["state"]
            position = int(inner["pos"])
            key = struct.pack("<624Q", *inner["key"].tolist())
            head = HEAD.pack(self.seed, 625 - position, 1, 0 if self.untouched else position)
            normal = 0.0 if self.next_normal is None else self.next_normal
            return head + key + TAIL.pack(0.0, normal, 0.0, self.next_normal is not None, 0.0, False)

    def restore(self, state: bytes) -> None:
        """Restore a state from `state_bytes` or from PyTorch."""
        if len(state) != STATE_SIZE:
            raise GeneratorStateError(
                f"Expected a CPUGeneratorImplState of size {STATE_SIZE} "
                f"but found the input RNG state size to be {len(state)}"
            )
        seed, left, seeded, following = HEAD.unpack_from(state)
        if not seeded or not 1 <= left <= 624 or following > 624:
            raise GeneratorStateError("Invalid mt19937 state")
        key = np.frombuffer(state, "<u8", 624, HEAD.size).astype(np.uint32)
        _, normal, _, has_normal, _, _ = TAIL.unpack_from(state, HEAD.size + 8 * 624)
        with self.lock:
            self.engine.state = {"bit_generator": "MT19937", "state": {"key": key, "pos": 625 - left}}
            self.seed = seed
            self.next_normal = normal if has_normal else None
            self.untouched = following == 0

    def words(self, count: int) -> npt.NDArray[Any]:
        """Return the next ``count`` numbers of 32 bits."""
        self.untouched = self.untouched and count == 0
        return HOST.random_words(self.engine, count)

    def draw64(self, count: int) -> npt.NDArray[np.uint64]:
        """Return ``count`` numbers of 64 bits, each from two draws, the high half first."""
        halves = self.words(2 * count).astype(np.uint64).reshape(count, 2)
        joined: npt.NDArray[np.uint64] = (halves[:, 0] << BITS) | halves[:, 1]
        return joined

    def fractions(self, count: int, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """Return ``count`` numbers from [0, 1): of 53 bits of two draws for float64, of 24 bits of one for float32."""
        return self.singles(count) if dtype == np.float32 else self.doubles(count)

    def singles(self, count: int) -> npt.NDArray[Any]:
        """Return ``count`` numbers from [0, 1), of 24 bits of one draw each."""
        self.untouched = self.untouched and count == 0
        if count == 1:  # by Python, which starts sooner
            return np.array([(self.engine.random_raw() & 0xFFFFFF) * 2.0**-24], SINGLE)
        return HOST.random_singles(self.engine, count)

    def doubles(self, count: int) -> npt.NDArray[Any]:
        """Return ``count`` numbers from [0, 1), of 53 bits of two draws each."""
        self.untouched = self.untouched and count == 0
        return HOST.random_doubles(self.engine, count)

    def remainders(self, count: int, size: int, low: int) -> npt.NDArray[Any]:
        """Return ``low`` plus the remainders of ``count`` draws, for sizes up to 2**28."""
        self.untouched = self.untouched and count == 0
        return HOST.random_remainders(self.engine, count, size, low)


# Note [The state]
# PyTorch writes 5056 bytes: the seed, the count of numbers left in the engine's 624, whether it is seeded, the position
# of the next number, and the 624 numbers in 8 bytes each. Normal numbers that are kept for the next call follow: x, y
# and rho of an older format, of which only y is used, and whether y is kept; then a float32 number that the CPU never
# has.
HEAD: Final = struct.Struct("<QiiQ")
TAIL: Final = struct.Struct("<dddi4xf?3x")
STATE_SIZE: Final = HEAD.size + 8 * 624 + TAIL.size
BITS: Final = np.uint64(32)
SINGLE: Final = np.dtype(np.float32)


def to_uint64(seed: int) -> int:
    """Return a seed as an unsigned 64-bit number; raise if it is out of range."""
    try:
        number = operator.index(seed)
    except TypeError:
        raise UsageTypeError(f"manual_seed expected a long, but got {type(seed).__name__}") from None
    if not -(2**63) <= number < 2**64:
        raise ArgumentError(f"manual_seed: expected a seed from -2**63 to 2**64 - 1, got {number}")
    return number % 2**64


# -- the stream of a thread --------------------------------------------------------------------------------------------

STREAMS: Final[WeakSet[Stream]] = WeakSet()  # all streams, for a forked child to renew


@after_fork_in_child
def renew_streams() -> None:
    """Renew the locks of all streams."""
    for stream in STREAMS:
        stream.renew()


class ThreadState(threading.local):
    """The stream of the current thread: the one that all threads share, until it gets its own."""

    stream = Stream(secrets.randbits(64))  # As in PyTorch, the seed differs in each run.


THREAD: Final = ThreadState()


def use_own_stream(seed: int) -> None:
    """Give this thread its own stream for all draws without a generator."""
    THREAD.stream = Stream(seed)

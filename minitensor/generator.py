"""Generators of random numbers: their seeds, their state, and the default one.

A generator wraps a stream of bits from ``stream.py``; ``sampling.py`` turns the bits into numbers. The same seed
gives PyTorch's numbers, and the two libraries can read each other's states.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np

from minitensor.base import TensorBase, wrap
from minitensor.device import DeviceLike
from minitensor.device import device as Device
from minitensor.errors import ArgumentError, ArgumentTypeError, DeviceError, quote
from minitensor.stream import THREAD, Stream

DEFAULT_SEED: Final = 67280421310721  # PyTorch's


class Generator:
    """A source of random numbers with its own seed and state.

    Args:
        device: kept in the attribute ``device``; the numbers are drawn on the host for every device.

    Raises:
        RuntimeError: If there is no such device.

    >>> Generator().manual_seed(0).initial_seed()
    0
    """

    __slots__ = ("_stream", "device")

    def __init__(self, device: DeviceLike = "cpu") -> None:
        self.device = Device(device)
        if self.device.type == "meta":
            raise DeviceError("Generator: nothing is drawn on the device 'meta'; give a generator of the device 'cpu'")
        self._stream = Stream(DEFAULT_SEED)

    def manual_seed(self, seed: int) -> Generator:
        """Restart from a seed, and return this generator.

        Args:
            seed: An int from -2**63 to 2**64 - 1; 2**64 is added to a negative seed.

        Raises:
            TypeError: If ``seed`` is not an int.
            ValueError: If ``seed`` is out of range.
        """
        self._stream.restart(seed)
        return self

    def seed(self) -> int:
        """Seed from the operating system's entropy, and return the seed."""
        seed = secrets.randbits(64)
        self.manual_seed(seed)
        return seed

    def initial_seed(self) -> int:
        """Return the seed from which this generator started."""
        return self._stream.seed

    def state_bytes(self) -> bytes:
        """Return the state in PyTorch's format, which both libraries can restore."""
        return self._stream.state_bytes()

    def set_state_bytes(self, state: bytes) -> None:
        """Restore a ``state`` from ``state_bytes`` or from PyTorch."""
        self._stream.restore(state)

    def get_state(self) -> Any:
        """Return the state as a tensor of bytes, as PyTorch does.

        >>> import minitensor as torch
        >>> torch.Generator().get_state().shape
        torch.Size([5056])
        """
        return wrap(TensorBase.result_class, np.frombuffer(self.state_bytes(), np.uint8).copy())

    def set_state(self, new_state: Any) -> Generator:
        """Restore a state that ``get_state`` returned, and return this generator.

        Args:
            new_state: A tensor of bytes.

        Raises:
            TypeError: If the state is not a tensor of uint8.

        >>> import minitensor as torch
        >>> generator = torch.Generator()
        >>> generator.set_state(generator.get_state()) is generator
        True
        """
        if not isinstance(new_state, TensorBase) or new_state.array.dtype != np.uint8:
            raise ArgumentTypeError(f"RNG state must be a torch.ByteTensor (uint8), got {quote(new_state)}")
        self.set_state_bytes(new_state.backend.to_host(new_state.array).tobytes())
        return self

    def clone_state(self) -> Generator:
        """Return a new generator that draws the same numbers as this one from now on."""
        clone = Generator(self.device)
        clone.set_state_bytes(self.state_bytes())
        return clone

    def __reduce__(self) -> tuple[Any, ...]:
        return Generator, (self.device,), (self.initial_seed(), None, self.get_state())

    def __setstate__(self, state: tuple[int, Any, Any]) -> None:
        """Restore the state from a pickle, which PyTorch writes alike: the seed, an offset on GPUs, and the state."""
        self.set_state(state[2])

    def __repr__(self) -> str:
        return f"Generator(device={str(self.device)!r}, initial_seed={self.initial_seed()})"


# -- the default generator ---------------------------------------------------------------------------------------------


class DefaultGenerator(Generator):
    """The default generator. Threads share one stream, except threads that have their own stream."""

    __slots__ = ()

    def __init__(self) -> None:
        self.device = Device("cpu")

    @property
    def _stream(self) -> Stream:  # type: ignore[override]  # read only
        return THREAD.stream


default_generator: Final = DefaultGenerator()


def manual_seed(seed: int) -> Generator:
    """Seed the default generator and return it.

    Args:
        seed: a number, converted by ``int``, from -2**63 to 2**64 - 1.

    Raises:
        TypeError: If ``seed`` is not a number.
        ValueError: If ``seed`` is out of range.

    >>> manual_seed(0)
    Generator(device='cpu', initial_seed=0)
    """
    try:
        number = int(seed)
    except TypeError:
        raise ArgumentTypeError(f"manual_seed(): seed must be an int, not {type(seed).__name__}") from None
    except ValueError:
        raise ArgumentError(f"manual_seed(): seed must be an int, got {seed!r}") from None
    return default_generator.manual_seed(number)


def seed() -> int:
    """Seed the default generator from the operating system's entropy, and return the seed.

    >>> import minitensor as torch
    >>> torch.seed() == torch.initial_seed()
    True
    """
    return default_generator.seed()


def initial_seed() -> int:
    """Return the seed of the default generator.

    >>> import minitensor as torch
    >>> _ = torch.manual_seed(7)
    >>> torch.initial_seed()
    7
    """
    return default_generator.initial_seed()


@contextmanager
def fork_rng(enabled: bool = True) -> Iterator[None]:
    """Restore the state of the default generator after the ``with`` block.

    Args:
        enabled: False makes the block have no effect.
    """
    before = default_generator.state_bytes()
    try:
        yield
    finally:
        if enabled:
            default_generator.set_state_bytes(before)

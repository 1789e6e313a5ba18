"""Random numbers for a GPU: they come from the one generator of the library, on the host, and are copied there."""

from __future__ import annotations

from typing import Any

from minitensor.cuda import devices
from minitensor.ops import random


def manual_seed(seed: int) -> None:
    """Seed the random numbers of the GPU with ``seed``; do nothing without one, so that the CPU's stay as they are.

    With a GPU, this seeds the one generator that serves every device.

    >>> import minitensor as torch
    >>> torch.cuda.manual_seed(0)
    >>> torch.cuda.manual_seed_all(0)
    """
    if devices.is_available():
        random.manual_seed(seed)


def seed() -> None:
    """Seed the random numbers of the GPU from the system's randomness; do nothing without one.

    >>> import minitensor as torch
    >>> torch.cuda.seed()
    >>> torch.cuda.seed_all()
    """
    if devices.is_available():
        random.seed()


manual_seed_all, seed_all = manual_seed, seed


def initial_seed() -> int:
    """Return the seed of the one generator, which serves every device; errors as in ``init``.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     assert torch.cuda.initial_seed() == torch.initial_seed()
    """
    devices.init()
    return random.initial_seed()


def get_rng_state(device: Any = "cuda") -> Any:
    """Return the state of the one generator, which serves every ``device``; errors as in ``init``.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     assert torch.equal(torch.cuda.get_rng_state(), torch.get_rng_state())
    """
    devices.init()
    return random.get_rng_state()


def set_rng_state(new_state: Any, device: Any = "cuda") -> None:
    """Set the state of the one generator to ``new_state``; do nothing without a GPU.

    >>> import minitensor as torch
    >>> torch.cuda.set_rng_state(torch.get_rng_state())
    """
    if devices.is_available():
        random.set_rng_state(new_state)


def get_rng_state_all() -> list[Any]:
    """Return the states of the generators of all GPUs: each is that of the one generator.

    >>> import minitensor as torch
    >>> len(torch.cuda.get_rng_state_all()) == torch.cuda.device_count()
    True
    """
    return [get_rng_state() for _ in range(devices.device_count())]


def set_rng_state_all(new_states: Any) -> None:
    """Set the state of the one generator to the last of ``new_states``; do nothing without any, or without a GPU.

    >>> import minitensor as torch
    >>> torch.cuda.set_rng_state_all(torch.cuda.get_rng_state_all())
    """
    for state in new_states:
        set_rng_state(state)

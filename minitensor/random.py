"""The stream of random numbers: its seed and its state, under the names of ``torch.random``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.compat.engine import thread_safe_generator
from minitensor.compat.reasons import attributes_of
from minitensor.generator import Generator as Generator
from minitensor.generator import default_generator as default_generator
from minitensor.ops.random import (
    fork_rng,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)

__all__ = [
    "fork_rng", "get_rng_state", "initial_seed", "manual_seed", "seed", "set_rng_state",
    "thread_safe_generator",
]  # fmt: skip

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)

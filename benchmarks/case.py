"""What a benchmark is: a name and a function that, given a library, prepares a step to be timed.

A case is written once, with PyTorch's API, and is passed ``minitensor`` or ``torch``. Its inputs are sources: functions
that return the same NumPy array each time, so that both libraries compute the same result (the tests check this).
This module measures nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

Library: TypeAlias = Any  # a module with PyTorch's names
Array: TypeAlias = "np.ndarray[Any, Any]"
Step: TypeAlias = Callable[[], Any]
Make: TypeAlias = Callable[[Library], Step]
Source: TypeAlias = Callable[[], Array]


@dataclass(frozen=True)
class Case:
    """A step to be timed. The tests compare the results of the step."""

    name: str
    make: Make
    bare: Callable[[], Step] | None = None  # the same work in bare NumPy calls
    limit: float | None = None  # what a call may cost beyond those, in seconds
    random: bool = False  # whether the result is random, so that only its shape can be compared


def normal(*shape: int, seed: int = 0) -> Source:
    """Draw from the standard normal distribution."""
    return lambda: np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def integers(high: int, *shape: int) -> Source:
    """Draw from 0, ..., high - 1."""
    return lambda: np.random.default_rng(1).integers(0, high, shape)


def orders(rows: int, length: int) -> Source:
    """Shuffle 0, ..., length - 1 for each row, so that no position occurs twice in a row."""
    return lambda: np.random.default_rng(5).permuted(np.tile(np.arange(length), (rows, 1)), axis=1)


def shuffled(*shape: int) -> Source:
    """Shuffle 0, 1, 2, ... as floats: no ties, so the sorted order is unique."""
    return lambda: np.random.default_rng(2).permutation(int(np.prod(shape))).astype(np.float32).reshape(shape)


def coins(*shape: int) -> Source:
    """Toss a fair coin for each element."""
    return lambda: np.random.default_rng(3).random(shape) < 0.5

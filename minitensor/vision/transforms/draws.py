"""The random numbers that transforms draw, from the default generator, in torchvision's order."""

from __future__ import annotations

from minitensor.ops.creation import empty
from minitensor.ops.random import rand, randint


def happens(p: float) -> bool:
    """Return True with a probability."""
    return bool(rand(1) < p)


def draw_between(low: float, high: float) -> float:
    """Return a number between two others."""
    return float(empty(1).uniform_(low, high).item())


def draw_below(end: int, start: int = 0) -> int:
    """Return an integer from ``start`` up to, but not including, ``end``."""
    return int(randint(start, end, (1,)).item())

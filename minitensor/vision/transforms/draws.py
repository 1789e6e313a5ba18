"""The random numbers that transforms draw, from the default generator, in torchvision's order."""

from __future__ import annotations

import numbers
from typing import Any

from minitensor.autograd.protocol import active
from minitensor.dtypes import get_default_dtype
from minitensor.errors import ArgumentTypeError
from minitensor.generator import default_generator
from minitensor.ops.creation import empty
from minitensor.ops.draws import UNIFORM
from minitensor.ops.random import rand, randint
from minitensor.tensor import Tensor


def happens(p: float) -> bool:
    """Return True with a probability."""
    return bool(rand(1) < require_probability(p))


def require_probability(p: Any) -> Any:
    """Return a probability; raise unless it is a number."""
    if not isinstance(p, (numbers.Real, Tensor)):
        raise ArgumentTypeError(f"p must be a number, got {p!r}")
    return p


def draw_between(low: float, high: float) -> float:
    """Return a number between two others."""
    if active:  # a mode may see the operation, or give the tensor another device
        return float(empty(1).uniform_(low, high).item())
    # Without a tensor, in less than half the time.
    number: float = UNIFORM(default_generator, (1,), get_default_dtype().memory, low, high).item()
    return number


def draw_below(end: int, start: int = 0) -> int:
    """Return an integer from ``start`` up to, but not including, ``end``."""
    return int(randint(start, end, (1,)).item())

"""A weighted sum of two arrays that replaces the first: the main step of optimizers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minitensor.backends import Array


def blend(xp: Any, target: Any, keep: float, values: Array, share: float, spare: Array) -> None:
    """Replace ``target`` by ``keep * target + share * values``; ``spare`` is memory of its size to compute in."""
    if not is_one(keep):
        target *= keep
    target += values if is_one(share) else xp.multiply(values, share, out=spare)


def is_one(factor: object) -> bool:
    """Whether a factor is the number one; a tensor equal to one is not, as it may have a gradient."""
    return isinstance(factor, (int, float)) and factor == 1

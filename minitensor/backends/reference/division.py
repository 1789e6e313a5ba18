"""Quotients rounded down and their remainders, of floats: as PyTorch's at zeros and infinities, not as NumPy's."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from minitensor.backends import Array, Library


def floor_divide(xp: Library, a: Array, b: Array) -> Array:
    """Return the quotient rounded down; a division by zero is infinite, where NumPy's // gives NaN."""
    return xp.where(b == 0, a / b, a // b)


def remainder(xp: Library, a: Array, b: Array) -> Array:
    """Return the remainder with the sign of ``b``; a zero keeps that of ``a``, where NumPy's % takes that of ``b``."""
    left = xp.fmod(a, b)
    return xp.where((left != 0) & ((b < 0) != (left < 0)), left + b, left)

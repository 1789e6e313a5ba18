"""Joins of arrays, and triangles of matrices, for any array library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from minitensor.backends import Array


def concatenate(xp: Any, arrays: Sequence[Array], dim: int) -> Array:
    """Join arrays of one dtype along a dim."""
    return xp.concatenate(arrays, dim)  # type: ignore[no-any-return]  # `xp` is any library


def triangle(xp: Any, array: Array, diagonal: int, lower: bool) -> Array:
    """Return matrices with zeros above (``lower``) or below a diagonal."""
    return xp.tril(array, diagonal) if lower else xp.triu(array, diagonal)  # type: ignore[no-any-return]  # as above

"""Weighted sums of rows picked from a table: sampling, once it is known which pixels are read, and its adjoints.

``pick`` is linear in the table and in the weights; ``spread`` is its adjoint in the table, ``compare`` the one in the
weights. Each is the derivative of the others. Written in ``xp``, slow and plain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minitensor.backends import Array


def pick(xp: Any, table: Array, weight: Array, index: Array) -> Array:
    """Return, for M samples of T taps each, sum over t of ``weight[t, m] * table[index[t, m]]``: (M, C)."""
    total = xp.zeros((index.shape[1], table.shape[1]), table.dtype)
    for tap in range(len(index)):
        total += xp.take(table, index[tap], 0) * weight[tap][:, None]
    return total  # type: ignore[no-any-return]  # `xp` is untyped


def spread(xp: Any, rows: Array, weight: Array, index: Array, count: int) -> Array:
    """Add ``weight[t, m] * rows[m]`` to row ``index[t, m]`` of zeros (count, C)."""
    total = xp.zeros((count, rows.shape[1]), rows.dtype)
    for tap in range(len(index)):
        xp.add.at(total, index[tap], rows * weight[tap][:, None])
    return total  # type: ignore[no-any-return]  # `xp` is untyped


def compare(xp: Any, rows: Array, table: Array, index: Array) -> Array:
    """Return the products of ``rows[m]`` and ``table[index[t, m]]``: (T, M)."""
    return xp.stack([  # type: ignore[no-any-return]  # `xp` is untyped
        xp.sum(rows * xp.take(table, positions, 0), axis=1, dtype=rows.dtype) for positions in index
    ])

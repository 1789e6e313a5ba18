"""Resampling of a dim: each new entry is a weighted sum of a few old ones, its *taps*, given by a table.

Interpolation and adaptive averages are sums of this form, one dim after the other. The adjoint is a sum of the same
form with another table, and one kernel computes gradients of every order. Written in ``xp``, slow and plain. Tables
contain Python numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from minitensor.backends.reference import scatter
from minitensor.backends.reference.conv import wide

if TYPE_CHECKING:
    from minitensor.backends import Array


PIECE = 1 << 16  # entries of a long table that are computed at a time

Pairs = list[tuple["Array", "Array | None"]]


class Taps:
    """A table with the old entries and weights for each new entry of a dim. The old dim has ``size`` entries.

    >>> halves = Taps(4, [[(0, 0.5), (1, 0.5)], [(2, 0.5), (3, 0.5)]])
    >>> halves.adjoint.entries
    [[(0, 0.5)], [(0, 0.5)], [(1, 0.5)], [(1, 0.5)]]
    """

    def __init__(self, size: int, entries: list[list[tuple[int, float]]]) -> None:
        self.size = size
        self.entries = entries

    def __len__(self) -> int:
        return len(self.entries)

    @cached_property
    def adjoint(self) -> Taps:
        """Return the adjoint's table: for each old entry, the new ones to which it was added."""
        entries: list[list[tuple[int, float]]] = [[] for _ in range(self.size)]
        for new, taps in enumerate(self.entries):
            for old, weight in taps:
                entries[old].append((new, weight))
        adjoint = Taps(len(self), entries)
        adjoint.__dict__["adjoint"] = self
        return adjoint

    @cached_property
    def rounds(self) -> list[tuple[list[int], list[int], list[float]]]:
        """Return the sums as a few gathers: new entries, the old one that each of them adds, and its weight."""
        found: list[tuple[list[int], list[int], list[float]]] = []
        for number in range(max(map(len, self.entries), default=0)):
            new = [i for i, taps in enumerate(self.entries) if len(taps) > number]
            terms = [self.entries[i][number] for i in new]
            found.append((new, [old for old, _ in terms], [weight for _, weight in terms]))
        return found

    @cached_property
    def sources(self) -> list[int] | None:
        """Return the old entry that each new one copies, or None if some new entry is not a copy."""
        if all(len(taps) == 1 and taps[0][1] == 1 for taps in self.entries):
            return [position for ((position, _),) in self.entries]
        return None


class FixedPointTaps(Taps):
    """A table for uint8 images, with integers as weights: multiples of ``2**-bits``.

    >>> FixedPointTaps(2, [[(0, 1), (1, 3)]], bits=2).entries
    [[(0, 1), (1, 3)]]
    """

    def __init__(self, size: int, entries: list[list[tuple[int, float]]], bits: int) -> None:
        super().__init__(size, entries)
        self.bits = bits


class LongTaps:
    """A table that is too long to store: ``look(xp, start, stop)`` computes a piece of it.

    A piece is a list of pairs: the positions that its entries read, and their weights (None if all are one).
    """

    def __init__(self, size: int, count: int, look: Callable[..., Pairs], is_adjoint: bool = False) -> None:
        self.size, self.count, self.look, self.is_adjoint = size, count, look, is_adjoint

    def __len__(self) -> int:
        return self.size if self.is_adjoint else self.count

    @property
    def adjoint(self) -> LongTaps:
        """Return the adjoint's table."""
        return LongTaps(self.size, self.count, self.look, not self.is_adjoint)


def resample_long(xp: Any, array: Array, dim: int, taps: LongTaps, add_slices: Callable[..., None]) -> Array:
    """Resample a dim by a long table, piece by piece. An adjoint table adds the entries to where they came from."""
    shape = (*array.shape[:dim], len(taps), *array.shape[dim + 1 :])
    total = xp.zeros(shape, wide(xp, array.dtype))
    across, before = (-1, *[1] * (array.ndim - dim - 1)), (slice(None),) * dim
    for start in range(0, taps.count, PIECE):
        piece = (*before, slice(start, start + PIECE))
        for positions, weights in taps.look(xp, start, min(start + PIECE, taps.count)):
            values = array[piece] if taps.is_adjoint else xp.take(array, positions, dim)
            if weights is not None:
                weights = weights.astype(real_of(total.dtype)).reshape(across)
                values = xp.where(weights != 0, values * weights, 0)
            if taps.is_adjoint:
                add_slices(total, dim, positions, values.astype(total.dtype, copy=False))
            else:
                total[piece] += values
    return total.astype(array.dtype, copy=False)  # type: ignore[no-any-return]  # `xp` is untyped


def resample(xp: Any, array: Array, dim: int, taps: Taps | LongTaps) -> Array:
    """Replace a dim by weighted sums of its entries. Half precision is summed in single precision."""
    if isinstance(taps, LongTaps):
        return resample_long(xp, array, dim, taps, partial(scatter.add_slices, xp))
    if taps.sources is not None:
        return xp.take(array, xp.asarray(taps.sources), dim)  # type: ignore[no-any-return]  # `xp` is untyped
    shape = (*array.shape[:dim], len(taps), *array.shape[dim + 1 :])
    total = xp.zeros(shape, wide(xp, array.dtype))
    across = (-1, *[1] * (array.ndim - dim - 1))
    for places, positions, weights in taps.rounds:
        chosen = xp.take(array, xp.asarray(positions), dim)
        if any(weight != 1 for weight in weights):
            chosen = chosen * xp.asarray(weights, real_of(total.dtype)).reshape(across)
        where = (*[slice(None)] * dim, xp.asarray(places) if len(places) < len(taps) else slice(None))
        total[where] += chosen
    return total.astype(array.dtype)  # type: ignore[no-any-return]  # `xp` is untyped


def resample_fixed_point(xp: Any, array: Array, dim: int, taps: FixedPointTaps) -> Array:
    """Replace a dim of a uint8 array by weighted sums, rounded half up and limited to [0, 255]."""
    half = 1 << taps.bits >> 1
    total = resample(xp, array.astype("int64"), dim, taps)
    return xp.clip((total + half) >> taps.bits, 0, 255).astype(array.dtype)  # type: ignore[no-any-return]  # as above


def real_of(dtype: Any) -> Any:
    """Return the dtype of the weights for numbers of a dtype."""
    return dtype.type(0).real.dtype if dtype.kind == "c" else dtype

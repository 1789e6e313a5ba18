"""A dim resampled: each new entry a weighted sum of a few old ones, its *taps*, as a table says.

Interpolation and adaptive averages are such sums, one dim after the other. The adjoint is a sum of the same kind with
the table turned round, so one kernel serves gradients of every order. Written in ``xp``, slow and plain; tables are
numbers of Python's own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from minitensor.backends.reference import scatter
from minitensor.backends.reference.conv import wide

if TYPE_CHECKING:
    from minitensor.backends import Array


PIECE = 1 << 16  # entries of a long table that are worked out at a time

Pairs = list[tuple["Array", "Array | None"]]


class Taps:
    """For each entry of a resampled dim: which entries of the old one, of ``size``, it adds up, and their weights.

    >>> halves = Taps(4, [[(0, 0.5), (1, 0.5)], [(2, 0.5), (3, 0.5)]])
    >>> halves.turned.entries
    [[(0, 0.5)], [(0, 0.5)], [(1, 0.5)], [(1, 0.5)]]
    """

    def __init__(self, size: int, entries: list[list[tuple[int, float]]]) -> None:
        self.size = size
        self.entries = entries

    def __len__(self) -> int:
        return len(self.entries)

    @cached_property
    def turned(self) -> Taps:
        """Return the adjoint's table: for each old entry, the new ones to which it was added."""
        home: list[list[tuple[int, float]]] = [[] for _ in range(self.size)]
        for place, taps in enumerate(self.entries):
            for position, weight in taps:
                home[position].append((place, weight))
        turned = Taps(len(self), home)
        turned.__dict__["turned"] = self
        return turned

    @cached_property
    def rounds(self) -> list[tuple[list[int], list[int], list[float]]]:
        """Return the sums as a few gathers: new entries, the old one that each of them adds, and its weight."""
        found: list[tuple[list[int], list[int], list[float]]] = []
        for turn in range(max(map(len, self.entries), default=0)):
            places = [place for place, taps in enumerate(self.entries) if len(taps) > turn]
            chosen = [self.entries[place][turn] for place in places]
            found.append((places, [position for position, _ in chosen], [weight for _, weight in chosen]))
        return found


    @cached_property
    def copied(self) -> list[int] | None:
        """Return which entry each new one copies, if all of them copy one."""
        if all(len(taps) == 1 and taps[0][1] == 1 for taps in self.entries):
            return [position for ((position, _),) in self.entries]
        return None


class LongTaps:
    """A table too long to write out: ``look(xp, start, stop)`` gives that piece of it when it is needed.

    A piece is a few pairs, each of the positions that its entries read and of their weights, None for ones.
    """

    def __init__(self, size: int, count: int, look: Callable[..., Pairs], is_turned: bool = False) -> None:
        self.size, self.count, self.look, self.is_turned = size, count, look, is_turned

    def __len__(self) -> int:
        return self.size if self.is_turned else self.count

    @property
    def turned(self) -> LongTaps:
        """Return the adjoint's table."""
        return LongTaps(self.size, self.count, self.look, not self.is_turned)


def resample_long(xp: Any, array: Array, dim: int, taps: LongTaps, add_slices: Callable[..., None]) -> Array:
    """Replace a dim by sums that a long table tells piece by piece; turned, add its entries to where they came from."""
    shape = (*array.shape[:dim], len(taps), *array.shape[dim + 1 :])
    total = xp.zeros(shape, wide(xp, array.dtype))
    across, before = (-1, *[1] * (array.ndim - dim - 1)), (slice(None),) * dim
    for start in range(0, taps.count, PIECE):
        piece = (*before, slice(start, start + PIECE))
        for positions, weights in taps.look(xp, start, min(start + PIECE, taps.count)):
            values = array[piece] if taps.is_turned else xp.take(array, positions, dim)
            if weights is not None:
                weights = weights.astype(real_of(total.dtype)).reshape(across)
                values = xp.where(weights != 0, values * weights, 0)
            if taps.is_turned:
                add_slices(total, dim, positions, values.astype(total.dtype, copy=False))
            else:
                total[piece] += values
    return total.astype(array.dtype, copy=False)  # type: ignore[no-any-return]  # `xp` is untyped


def resample(xp: Any, array: Array, dim: int, taps: Taps | LongTaps) -> Array:
    """Replace a dim by weighted sums of its entries; half precision adds up in single."""
    if isinstance(taps, LongTaps):
        return resample_long(xp, array, dim, taps, partial(scatter.add_slices, xp))
    if taps.copied is not None:
        return xp.take(array, xp.asarray(taps.copied), dim)  # type: ignore[no-any-return]  # `xp` is untyped
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


def real_of(dtype: Any) -> Any:
    """Return the dtype of weights beside numbers of this one."""
    return dtype.type(0).real.dtype if dtype.kind == "c" else dtype

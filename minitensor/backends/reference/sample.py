"""Images read at places: the pixels that a place reads; weighted sums of rows picked from a table, and their adjoints.

``corners`` finds the pixels and their weights. ``pick`` is linear in the table and in the weights; ``spread`` is its
adjoint in the table, ``compare`` the one in the weights. Each is the derivative of the others. Written in ``xp``, slow
and plain. Checks of elements for a faster way run only on the host, because they would wait for a device.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

import numpy

from minitensor.backends.reference.conv import wide

if TYPE_CHECKING:
    from minitensor.backends import Array

# For one dim: the neighbours of each place, as whole numbers inside the image, with their weights.
Neighbours = list[tuple["Array", "Array"]]

FARTHEST = 1 << 30  # a position beyond this is outside every image with rows that int32 can number


def corners(
    xp: Any, places: Array, sizes: Sequence[int], mode: str, edges: str, align_corners: bool
) -> tuple[Array, Array]:
    """Return, for places (..., dims), the weight of every corner (T, ...) and its row in the image."""
    along = all_neighbours(xp, places, sizes, mode, edges, align_corners)
    weights = [prod([share for _, share in corner]) for corner in product(*along)]
    rows = [sum([row for row, _ in corner]) for corner in product(*along)]
    return xp.stack(weights), xp.stack(rows)


def all_neighbours(
    xp: Any, places: Array, sizes: Sequence[int], mode: str, edges: str, align_corners: bool
) -> list[Neighbours]:
    """Return the neighbours along each dim. The sum of their numbers over the dims is the row of a corner."""
    return [
        [(number * prod(sizes[dim + 1 :]), share) for number, share in
         neighbours(xp, place, size, prod(sizes), mode, edges, align_corners)]
        for dim, (size, place) in enumerate(zip(sizes, pixels(places, sizes, align_corners)))
    ]  # fmt: skip


def pixels(places: Array, sizes: Sequence[int], align_corners: bool) -> list[Array]:
    """Return the positions of places (..., dims) along each dim, in pixels."""
    wider = "float64" if len(sizes) == 2 and places.dtype == "float32" else places.dtype
    return [
        pixel_of((places[..., -1 - dim] + 1).astype(wider, copy=False), size, align_corners).astype(places.dtype)
        for dim, size in enumerate(sizes)
    ]


def neighbours(
    xp: Any, place: Array, size: int, plane: int, mode: str, edges: str, align_corners: bool
) -> Neighbours:
    """Return the pixels beside each position in an image of ``plane`` pixels, with their weights."""
    into: Callable[[Array], Array] = lambda x: bring_in(xp, x, size, edges, align_corners)
    kind = "int32" if plane < FARTHEST else "int64"
    if mode == "bicubic":
        low = xp.floor(place)
        found = [(whole(xp, into(low + k), kind), share) for k, share in zip(range(-1, 3), cubic_weights(place - low))]
    elif mode == "nearest":
        found = [(whole(xp, xp.round(into(place)), kind), xp.ones_like(place))]
    else:
        place = into(place)
        low = xp.floor(place)
        share, number = place - low, whole(xp, low, kind)
        found = [(number, 1 - share), (number + 1, share)]
    held = [(xp.clip(number, 0, size - 1), number, share) for number, share in found]
    if edges != "zeros":
        return [(inside, share) for inside, _, share in held]
    return [(inside, unless_outside(xp, share, inside == number)) for inside, number, share in held]


def unless_outside(xp: Any, share: Array, is_inside: Array) -> Array:
    """Return shares of pixels inside the image, zeros for others."""
    if isinstance(share, numpy.ndarray) and numpy.isfinite(share.sum()):
        return share * is_inside  # three times as fast as `where`
    return xp.where(is_inside, share, 0)  # type: ignore[no-any-return]  # `xp` is untyped


def whole(xp: Any, place: Array, kind: str) -> Array:
    """Convert whole floats to ints. NaN and positions far away become positions outside the image."""
    place = place.astype(wide(xp, place.dtype), copy=False)
    return xp.fmin(xp.fmax(place, -100), FARTHEST).astype(kind)  # type: ignore[no-any-return]  # `xp` is untyped


def cubic_weights(share: Any) -> tuple[Any, ...]:
    """Return the weights of four pixels by Keys' cubic convolution, a = -0.75."""
    return outer(share + 1), inner(share), inner(1 - share), outer(2 - share)


def inner(x: Any) -> Any:
    """Return Keys' kernel between 0 and 1."""
    return (1.25 * x - 2.25) * x * x + 1


def outer(x: Any) -> Any:
    """Return Keys' kernel between 1 and 2."""
    return ((-0.75 * x + 3.75) * x - 6) * x + 3


def pixel_of(distance: Any, size: int, align_corners: bool) -> Any:
    """Turn distances of [0, 2] from the left into pixels, whose middles are whole numbers.

    At whole numbers the slope of what is read jumps, and one bit decides which slope is returned. PyTorch rounds
    product and difference at once in images, and one after the other in volumes: give doubles instead of singles for
    images.
    """
    if align_corners:
        return distance * ((size - 1) / 2)
    return (distance * size - 1) / 2


def bring_in(xp: Any, place: Array, size: int, edges: str, align_corners: bool) -> Array:
    """Move positions outside the image back into it, unless zeros surround the image."""
    if edges == "zeros":
        return place
    if edges == "reflection":
        place = mirror(xp, place, size, align_corners)
    return xp.fmin(xp.fmax(place, 0), size - 1)  # type: ignore[no-any-return]  # `xp` is untyped


def mirror(xp: Any, place: Array, size: int, align_corners: bool) -> Array:
    """Mirror places at both ends: at the middles of the first and last pixel, or at their outer edges."""
    low, span = (0.0, float(size - 1)) if align_corners else (-0.5, float(size))
    if not span:
        return place * 0
    distance = xp.abs(place - low)
    times = xp.floor(distance / span)
    over = remainder(xp, distance, span, times)
    odd = xp.floor(times / 2) * 2 != times
    return xp.where(odd, span - over, over) + low  # type: ignore[no-any-return]  # `xp` is untyped


def remainder(xp: Any, distance: Array, span: float, times: Array) -> Array:
    """Return ``fmod(distance, span)``, in a tenth of its time if all products of ``times`` are exact."""
    is_host = isinstance(distance, numpy.ndarray)
    if not is_host or not distance.size or not distance.max() < 1 / numpy.finfo(distance.dtype).eps:
        return xp.fmod(distance, span)  # type: ignore[no-any-return]  # `xp` is untyped
    over = distance - times * span
    corrected: Array = over + (over < 0) * over.dtype.type(span)  # where the quotient was rounded up
    return corrected


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

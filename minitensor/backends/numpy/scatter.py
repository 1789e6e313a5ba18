"""Reading and writing at positions that may repeat, on the host.

Rows to be added to the same row form a group. All groups are added in rounds: the first row of each, the second of
each, and so on; groups are ordered by size, so that a round is one ``take`` and one sum of a leading part. NumPy's
``add.at`` is fast only for vectors. Positions of single elements are computed in pieces that stay in the cache.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any

import numpy

from minitensor.backends.numpy.activation import where
from minitensor.backends.numpy.threads import SHARED, get_num_threads, in_pieces, parallel_for, scratch
from minitensor.backends.reference import scatter as reference

if TYPE_CHECKING:
    from collections.abc import Callable

    from minitensor.backends import Array

# Up to this many elements, `add.at` with several indices is fastest, though slowest per element: 256 take 0.3 to 0.8
# of the time of other ways, 1024 take 1.2.
FIRST = 256
FEW = 4096  # up to this many elements, preparation takes longer than it gains
WIDE = 12  # rows from this length on are added in rounds: of 8 in 1.3 times the time of single elements, of 24 in 0.6
ROUNDS = 32  # the largest group that is added in rounds; larger ones are cut, and their sums added again
PIECE = 1 << 16  # elements whose sums or positions are computed at a time: they stay in the L2 cache
LONGEST = 1 << 19  # elements per call of a thread, at most; fewer calls wait less often for the interpreter
SHARED_POSITIONS = 1 << 17  # from this many elements on, several threads are faster
INT64 = numpy.dtype("int64")


# -- reading -----------------------------------------------------------------------------------------------------------


def take(array: Array, index: Array, axis: int) -> Array:
    """Return the entries of an axis at positions, all of which are known to be in range."""
    # "wrap" takes half the time of "raise", which checks each position again, and less than "clip".
    is_small = axis or index.size * array.size < SHARED * array.shape[0] or get_num_threads() == 1
    if is_small or not array.flags.c_contiguous:
        return array.take(index, axis, mode="wrap")
    result = numpy.empty(index.shape + array.shape[1:], array.dtype)
    places, rows = index.reshape(-1), result.reshape(index.size, *array.shape[1:])
    step = max(1, PIECE * index.size // max(result.size, 1))

    def work(piece: int) -> None:
        part = slice(piece * step, (piece + 1) * step)
        array.take(places[part], 0, rows[part], "clip")

    parallel_for(work, -(-index.size // step))
    return result


def take_rows(array: Array, index: Array) -> Array:
    """Return the entries of dim 0 at positions, negative ones from the end; raise IndexError outside."""
    if not array.flags.c_contiguous:
        result: Array = array[index]
        return result
    if index.size <= FEW:
        return array.take(index, 0)
    size = len(array)
    if index.min() < 0:
        index = index.astype(INT64)
        index[index < 0] += size
    if index.min() < 0 or index.max() >= size:
        raise IndexError
    return take(array, index, 0)


# -- rows --------------------------------------------------------------------------------------------------------------


def add_slices(target: Array, dim: int, index: Array, values: Array) -> None:
    """Add slices to those of a C-contiguous target at positions in a dim."""
    if target.dtype.char == "e":
        reference.add_rounding_once(numpy, target, values, lambda sums, given: add_slices(sums, dim, index, given))
        return
    if values.size <= FIRST:
        reference.add_slices(numpy, target, dim, index, values)
        return
    size, inner = target.shape[dim], prod(target.shape[dim + 1 :])
    outer = prod(target.shape[:dim])
    if dim and inner >= WIDE:
        index = numpy.add.outer(numpy.arange(outer) * size, index.reshape(-1)).reshape(-1)
        outer, size = 1, outer * size
    if outer == 1 and inner >= WIDE and values.size > FEW:
        join_rows(target.reshape(size, inner), index.reshape(-1), as_contiguous(values).reshape(-1, inner))
        return
    places = index.astype(INT64, copy=False).reshape(-1)
    if inner > 1:
        places = numpy.add.outer(places * inner, numpy.arange(inner)).reshape(-1)
    width = size * inner
    flat, given = target.reshape(outer, width), values.reshape(outer, places.size)
    step = min(max(1, PIECE // max(places.size, 1)), outer)
    offsets = numpy.add.outer(numpy.arange(step) * width, places).reshape(-1)  # the same in each piece
    for first in range(0, outer, step):
        part = given[first : first + step].reshape(-1)
        numpy.add.at(flat[first : first + step].reshape(-1), offsets[: part.size], part)


def sum_rows(table: Array, rows: Array, into: Array, count: int) -> Array:
    """Return zeros (count, D) to which row ``rows[i]`` of a table is added at ``into[i]``."""
    if table.dtype.char == "e":
        return sum_rows(table.astype("f"), rows, into, count).astype("e")
    width = table.shape[1]
    if width < WIDE or rows.size * width <= FEW:
        sums = numpy.zeros((count, width), table.dtype)
        add_slices(sums, 0, into, table[rows])
        return sums
    table = as_contiguous(table)
    size, rest = divmod(into.size, count)
    if size <= count and not rest and (into.reshape(count, size) == numpy.arange(count)[:, None]).all():
        return sum_equal(table, rows.reshape(count, size))
    sums = numpy.zeros((count, width), table.dtype)
    join_rows(sums, into, table, rows)
    return sums


def sum_equal(table: Array, rows: Array) -> Array:
    """Return sums of ``size`` rows of a table each, given their indices (count, size)."""
    columns = numpy.ascontiguousarray(rows.T)
    sums = numpy.empty((len(rows), table.shape[1]), table.dtype)

    def work(part: slice) -> None:
        total = sums[part]
        spare = scratch("rows", total.size, table.dtype).reshape(total.shape)
        table.take(columns[0, part], 0, total, "wrap")
        for column in columns[1:, part]:
            numpy.add(total, table.take(column, 0, spare, "wrap"), out=total)

    in_pieces(work, len(sums), table.shape[1], PIECE // 2)
    return sums


def as_contiguous(array: Array) -> Array:
    """Return a C-contiguous array: ``take`` would copy any other at each call."""
    return numpy.ascontiguousarray(array)


def join_rows(
    target: Array, into: Array, values: Array, rows: Array | None = None, join: numpy.ufunc = numpy.add
) -> None:
    """Add rows to those of a target at positions, or join them by another ufunc; ``rows`` are their indices if some."""
    if not into.size:
        return
    order, places, starts, counts = group_positions(into, len(target))
    if rows is not None:
        order = rows.take(order)
    while counts.max() > ROUNDS:
        pieces = (counts + (ROUNDS - 1)) // ROUNDS
        ends = numpy.cumsum(pieces)
        number = numpy.arange(ends[-1]) - numpy.repeat(ends - pieces, pieces)
        first = numpy.repeat(starts, pieces) + ROUNDS * number
        sizes = numpy.minimum(ROUNDS, numpy.repeat(starts + counts, pieces) - first)
        sums = numpy.empty((len(first), values.shape[1]), values.dtype)
        join_groups(values, order, first, sizes, sums.__setitem__, join)
        values, order, starts, counts = sums, numpy.arange(len(sums)), ends - pieces, pieces

    def write(groups: Array, sums: Array) -> None:
        where_to = places.take(groups)
        target[where_to] = join(target.take(where_to, 0, mode="clip"), sums, out=sums)

    join_groups(values, order, starts, counts, write, join)


def group_positions(index: Array, count: int) -> tuple[Array, Array, Array, Array]:
    """Return an order that sorts positions, the unique ones, and the start and the size of each one's group in it."""
    if (index[1:] >= index[:-1]).all():
        order, ordered = numpy.arange(index.size), index
    elif count <= 1 << 16:
        order = numpy.argsort(index.astype("uint16"), kind="stable")  # a radix sort: a tenth of the time of others
        ordered = index.take(order)
    else:
        bits = index.size.bit_length()  # with the index in the low bits, a sort of numbers is stable
        keys = (index.astype(INT64) << bits) | numpy.arange(index.size)
        keys.sort()
        order, ordered = keys & ((1 << bits) - 1), keys >> bits
    starts = numpy.concatenate(([0], numpy.flatnonzero(ordered[1:] != ordered[:-1]) + 1))
    return order, ordered.take(starts), starts, numpy.diff(starts, append=index.size)


def join_groups(
    values: Array, order: Array, starts: Array, counts: Array, write: Callable[[Array, Array], object],
    join: numpy.ufunc,
) -> None:
    """Add up each group's rows; call ``write`` with the indices of some groups and their sums, until all are written.

    A group is ``counts[g]`` entries of ``order`` from ``starts[g]`` on, at most ``ROUNDS``.
    """
    by = numpy.argsort((ROUNDS - counts).astype("uint8"), kind="stable")
    starts, counts = starts.take(by), counts.take(by)
    width = values.shape[1]

    def work(part: slice) -> None:
        first, sizes = starts[part], counts[part]
        sums, spare = scratch("rows", 2 * first.size * width, values.dtype).reshape(2, first.size, width)
        values.take(order.take(first), 0, sums, "clip")
        alive = numpy.searchsorted(-sizes, -numpy.arange(1, sizes[0]), "left").tolist()  # groups with more rows
        for done, k in enumerate(alive, 1):
            join(sums[:k], values.take(order.take(first[:k] + done), 0, spare[:k], "clip"), out=sums[:k])
        write(by[part], sums)

    in_pieces(work, len(by), width, 2 * PIECE)


# -- a position for each element ---------------------------------------------------------------------------------------


def for_each_position(
    shape: tuple[int, ...], dim: int, index: Array, visit: Callable[[slice, Array], object], is_shared: bool,
    is_checked: bool = True,
) -> None:
    """Call ``visit`` with slices of an index, and the flat positions of its elements as a vector.

    ``is_shared`` allows several threads. Unless ``is_checked``, positions out of range raise IndexError.
    """
    rest = index.shape[1:]
    stride = prod(shape[dim + 1 :])
    base: Array = numpy.zeros((1,) * len(rest), INT64)
    for axis in range(1, len(shape)):
        if axis != dim and shape[axis] > 1:
            steps = numpy.arange(index.shape[axis]) * prod(shape[axis + 1 :])
            base = base + steps.reshape((-1,) + (1,) * (index.ndim - 1 - axis))
    row = prod(shape[1:])
    is_shared = is_shared and index.size >= SHARED_POSITIONS
    size = min(max(index.size // get_num_threads(), PIECE), LONGEST) if is_shared else PIECE
    step = max(1, -(-size // max(prod(rest), 1)))

    def work(piece: int) -> None:
        part = slice(piece * step, min((piece + 1) * step, len(index)))
        given = index[part]
        if not is_checked and not reference.is_in_range(given, shape[dim]):
            raise IndexError
        positions = scratch("positions", given.size, INT64).reshape(given.shape)
        if stride != 1:
            given = numpy.multiply(given, stride, out=positions, dtype=INT64, casting="unsafe")
        if dim:
            starts = (numpy.arange(part.start, part.stop) * row).reshape((-1,) + (1,) * len(rest))
            given = numpy.add(given, starts, out=positions, dtype=INT64, casting="unsafe")
        if base.size > 1 or given is not positions:
            numpy.add(given, base, out=positions, dtype=INT64, casting="unsafe")
        visit(part, positions.reshape(-1))

    count = -(-len(index) // step)
    if is_shared:
        parallel_for(work, count)
    else:
        for piece in range(count):
            work(piece)


def flat_positions(shape: tuple[int, ...], dim: int, index: Array) -> Array:
    """Return the flat positions of the elements whose positions in ``dim`` a small index gives."""
    stride, starts = line_starts(shape, dim, index.shape)
    given = index.astype(INT64, copy=False)
    return (given if stride == 1 else given * stride) + starts


@lru_cache(256)
def line_starts(shape: tuple[int, ...], dim: int, places: tuple[int, ...]) -> tuple[int, Array]:
    """Return the stride of ``dim``, and the start of the line of each entry of a small index."""
    if not shape:
        return 1, numpy.zeros(places, INT64)
    starts = reference.flat_positions(numpy, shape, dim, numpy.zeros(places, INT64))
    starts.setflags(write=False)
    return prod(shape[dim + 1 :]), starts


def gather(array: Array, dim: int, index: Array, is_checked: bool) -> Array:
    """Return the element at each position of its line; unless ``is_checked``, raise IndexError outside."""
    # More would be as fast in one piece up to 2^18, but the cache of `line_starts` would hold 8 bytes for each of them.
    if index.size <= FEW:
        if not is_checked and not reference.is_in_range(index, array.shape[dim] if array.ndim else 1):
            raise IndexError
        return array.reshape(-1).take(flat_positions(array.shape, dim, index), mode="wrap")
    flat = array.reshape(-1)
    result = numpy.empty(index.shape, array.dtype)

    def visit(part: slice, at: Array) -> None:
        flat.take(at, 0, result[part].reshape(-1), "wrap")

    for_each_position(array.shape, dim, index, visit, True, is_checked)
    return result


def scatter(target: Array, dim: int, index: Array, values: Any) -> None:
    """Write values at positions of their lines; the last one wins, and therefore dim 0 is not shared by threads."""
    if index.size <= FEW:
        target.reshape(-1)[flat_positions(target.shape, dim, index).reshape(-1)] = values
        return
    flat = target.reshape(-1)
    if numpy.ndim(values):
        given = values.reshape(len(index), -1)
        for_each_position(
            target.shape, dim, index, lambda part, at: flat.__setitem__(at, given[part].reshape(-1)), bool(dim)
        )
    else:
        for_each_position(target.shape, dim, index, lambda part, at: flat.__setitem__(at, values), True)


def scatter_add(target: Array, dim: int, index: Array, values: Array) -> None:
    """Add values at positions of their lines."""
    reference.add_rounding_once(
        numpy, target, values, lambda sums, given: scatter_reduce(sums, dim, index, given, "add")
    )


def scatter_reduce(target: Array, dim: int, index: Array, values: Array, join: str) -> None:
    """Combine values with a target at positions of their lines by a ufunc of this name."""
    flat, join_at = target.reshape(-1), getattr(numpy, join).at
    if dim == 0 and has_equal_columns(index) and target.dtype.char != "e" and values.size > FEW:
        width = prod(index.shape[1:])
        if width >= WIDE and index.shape[1:] == target.shape[1:]:
            given = as_contiguous(values).reshape(-1, width)
            join_rows(target.reshape(-1, width), index.reshape(len(index), -1)[:, 0], given, None, getattr(numpy, join))
            return
    if index.size <= FEW:
        join_at(flat, flat_positions(target.shape, dim, index).reshape(-1), values.reshape(-1))
        return
    given = values.reshape(len(index), -1)
    # On one thread, because NumPy does not release the interpreter lock here.
    for_each_position(target.shape, dim, index, lambda part, at: join_at(flat, at, given[part].reshape(-1)), False)


def has_equal_columns(index: Array) -> bool:
    """Whether an index is a vector that was expanded along all other dims."""
    return not any([step for step, size in zip(index.strides[1:], index.shape[1:], strict=True) if size > 1])


# -- masks -------------------------------------------------------------------------------------------------------------


def fill_where(target: Array, mask: Array, value: Array) -> None:
    """Write one number where a mask is true: for random masks, `where` takes an eighth of the time of `copyto`."""
    if target.size <= FEW:
        numpy.copyto(target, value, where=mask)
        return
    target[...] = where(mask, value, target)


def place_where(target: Array, mask: Array, values: Array) -> None:
    """Write the elements of a vector where a mask is true; finding the positions first takes a third of the time."""
    if target.size <= FEW or not target.flags.c_contiguous:
        target[mask] = values
        return
    target.reshape(-1)[numpy.flatnonzero(mask)] = values


def compress(array: Array, mask: Array) -> Array:
    """Return the elements where a mask is true, also by positions."""
    if array.size <= FEW or not array.flags.c_contiguous:
        return array[mask]
    return array.reshape(-1).take(numpy.flatnonzero(mask), mode="wrap")


def argwhere(array: Array) -> Array:
    """Return the positions of the nonzero elements, one row each.

    NumPy is twenty times as fast on one dim as on two; the other coordinates follow from the ends of the rows.
    """
    if array.ndim < 2 or array.size <= FEW or array.shape[-1] < WIDE or not array.flags.c_contiguous:
        return numpy.argwhere(array).astype(INT64, copy=False)
    width = array.shape[-1]
    (flat,) = numpy.nonzero(array.reshape(-1) if array.dtype.kind == "b" else array.reshape(-1) != 0)
    starts = numpy.arange(array.size // width) * width
    counts = numpy.diff(numpy.searchsorted(flat, starts), append=flat.size)
    result: Array = numpy.empty((array.ndim, flat.size), INT64).T
    result[:, -1] = flat - numpy.repeat(starts, counts)
    for axis, places in enumerate(numpy.unravel_index(starts // width, array.shape[:-1])):
        result[:, axis] = numpy.repeat(places, counts)
    return result

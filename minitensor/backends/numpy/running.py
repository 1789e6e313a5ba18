"""Running sums, products and extremes: along the last dim in tiles, along other dims by whole rows.

A sum of floats that depends on the previous one makes the processor wait about four times as long as the addition
takes. Therefore the elements of a tile are split into 8 lanes, each with one of 8 neighbors; whole lanes are added, one
after the other, and only the last lane, an eighth of the elements, is summed step by step. Very many tiles are shared
by threads; if a row is longer than a tile, the totals of the tiles are computed first.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy

from minitensor.backends.numpy.threads import get_num_threads, in_pieces, parallel_for, scratch
from minitensor.backends.reference import running as reference

if TYPE_CHECKING:
    from minitensor.backends import Array

# Elements in rows up to which one call of NumPy is fastest, as lanes take some 40 calls: for twice as many, lanes take
# 0.6 to 0.9 of its time, for a quarter 1.8.
FEW = 1 << 14
LANES = 8
TILE = 1 << 16  # elements
SHORT = 128  # shorter rows gain nothing by lanes: rows of 64 take 1.0 to 1.3 times as long
NARROW = 128  # fewer columns are not worth a call for each row: 64 take 2 times as long, 256 take 0.4 of the time


def accumulate(name: str, array: Array, dim: int) -> Array:
    """Accumulate "add", "multiply", "logaddexp", "maximum" or "minimum" along a dim, in the array's dtype."""
    kind, ufunc = array.dtype, getattr(numpy, name)
    if kind.kind == "b":
        return reference.accumulate(numpy, name, array, dim)
    wide = kind if name in ("maximum", "minimum") else numpy.dtype(reference.WIDE[kind.kind])
    outer, size, inner = prod(array.shape[:dim]), array.shape[dim], prod(array.shape[dim + 1 :])
    if (array.size <= FEW) if inner == 1 else (inner < NARROW):
        return ufunc.accumulate(array, dim, wide).astype(kind, copy=False)  # type: ignore[no-any-return]  # untyped
    result = numpy.empty(array.shape, kind)
    if inner == 1:
        accumulate_rows(ufunc, array.reshape(outer, size), result.reshape(outer, size), wide)
    else:
        accumulate_columns(ufunc, array.reshape(outer, size, inner), result.reshape(outer, size, inner), wide)
    return result


def accumulate_columns(ufunc: Any, source: Array, target: Array, wide: Any) -> None:
    """Accumulate along the middle dim, whole rows at a time."""
    outer, size, _ = source.shape
    for block in range(outer):
        so_far = source[block, 0].astype(wide)
        target[block, 0] = so_far
        for place in range(1, size):
            ufunc(so_far, source[block, place], out=so_far)
            target[block, place] = so_far


def accumulate_rows(ufunc: Any, source: Array, target: Array, wide: Any) -> None:
    """Accumulate along each row, in tiles of several rows, or of a part of one."""
    outer, size = source.shape
    run = accumulate_tile if source.dtype.kind in "fc" and ufunc is not numpy.logaddexp else accumulate_steps
    if size <= TILE:
        in_pieces(lambda rows: run(ufunc, source[rows], target[rows], wide, None), outer, size, TILE)
    elif run is accumulate_tile and get_num_threads() > outer:
        for row in range(outer):
            accumulate_parts(ufunc, source[row : row + 1], target[row : row + 1], wide)
    else:
        parallel_for(lambda row: accumulate_row(run, ufunc, source[row : row + 1], target[row : row + 1], wide), outer)


def accumulate_row(run: Any, ufunc: Any, source: Array, target: Array, wide: Any) -> None:
    """Accumulate along one row, tile by tile."""
    step = TILE if run is accumulate_tile else source.shape[1]
    before = None
    for start in range(0, source.shape[1], step):
        part = slice(start, start + step)
        before = run(ufunc, source[:, part], target[:, part], wide, before)


def accumulate_parts(ufunc: Any, source: Array, target: Array, wide: Any) -> None:
    """Accumulate along one row in tiles on several threads: first the total of each, then each from its start."""
    parts = -(-source.shape[1] // TILE)
    before = numpy.empty(parts, wide)

    def add_up(turn: int) -> None:
        part = source[0, turn * TILE : (turn + 1) * TILE]
        values = scratch("running", part.size, wide)
        values[...] = part
        before[turn] = ufunc.reduce(values)

    def accumulate_part(turn: int) -> None:
        part = slice(turn * TILE, (turn + 1) * TILE)
        accumulate_tile(ufunc, source[:, part], target[:, part], wide, before[turn - 1] if turn else None)

    parallel_for(add_up, parts)
    before = ufunc.accumulate(before)
    parallel_for(accumulate_part, parts)


def accumulate_steps(ufunc: Any, source: Array, target: Array, wide: Any, before: Any) -> None:
    """Accumulate along each row, step by step."""
    if wide == target.dtype:
        ufunc.accumulate(source, 1, wide, target)
    else:
        target[...] = ufunc.accumulate(source, 1, wide)


def accumulate_tile(ufunc: Any, source: Array, target: Array, wide: Any, before: Any) -> Any:
    """Accumulate along each row in lanes, starting from ``before`` if given; return the rows' totals."""
    rows, size = source.shape
    blocks = size // LANES
    whole = blocks * LANES
    if before is None and size < SHORT:
        return accumulate_steps(ufunc, source, target, wide, None)
    lanes = scratch("running", rows * whole, wide).reshape(LANES, rows, blocks)
    flat = lanes.reshape(LANES, rows * blocks)
    numpy.copyto(flat, source[:, :whole].reshape(rows * blocks, LANES).T)
    for k in range(1, LANES):
        ufunc(flat[k], flat[k - 1], out=flat[k])
    so_far = ufunc.accumulate(lanes[-1], 1)
    if before is not None:
        ufunc(so_far, before, out=so_far)
        ufunc(lanes[:, :, :1], before, out=lanes[:, :, :1])
    ufunc(lanes[:, :, 1:], so_far[:, :-1], out=lanes[:, :, 1:])
    if whole == size and target.flags.c_contiguous:
        into = target.reshape(rows * blocks, LANES)
        for k in range(LANES):
            numpy.copyto(into[:, k], flat[k], casting="same_kind")
        return so_far[:, -1:]
    for k in range(LANES):
        numpy.copyto(target[:, k:whole:LANES], lanes[k], casting="same_kind")
    if whole == size:
        return so_far[:, -1:]
    rest = ufunc(ufunc.accumulate(source[:, whole:], 1, wide), so_far[:, -1:] if blocks else before)
    target[:, whole:] = rest
    return rest[:, -1:]


def running_extreme(name: str, array: Array, dim: int) -> tuple[Array, Array]:
    """Return the running "maximum" or "minimum" along a dim and its last index; NaN wins."""
    inner = prod(array.shape[dim + 1 :])
    if array.dtype.kind == "b":
        return reference.running_extreme(numpy, name, array, dim)
    if inner > 1:
        moved = numpy.ascontiguousarray(numpy.moveaxis(array, dim, -1))
        values, places = running_extreme(name, moved, array.ndim - 1)
        return (
            numpy.ascontiguousarray(numpy.moveaxis(values, -1, dim)),
            numpy.ascontiguousarray(numpy.moveaxis(places, -1, dim)),
        )
    array = numpy.ascontiguousarray(array)
    values = accumulate(name, array, dim)
    wins = array == values
    if array.dtype.kind == "f":
        wins |= array != array
    places = numpy.flatnonzero(wins)  # the first element of a row always wins, so that no run crosses rows
    lengths = numpy.diff(places, append=array.size)
    return values, numpy.repeat(places % array.shape[dim], lengths).reshape(array.shape)

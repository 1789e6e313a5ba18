"""Rows cut into tiles that stay in the cache, and when NumPy should walk them without its buffer.

Softmax and kernels that normalize rows pass their work to ``for_each_tile`` and add up the results of the tiles with
``add_tiles``. This file does not know what the tiles compute.

Note [Rows and buffers]. Where a row or a column is broadcast to a matrix whose rows are shorter than NumPy's buffer
(8192 elements), NumPy copies it into the buffer again and again. With the smallest buffer it calls its inner loop once
for each row instead, which costs more for short rows and less for long ones. Layer norm of 10^6 singles, times with
the buffer divided by times without: rows of 128 0.8, of 256 1.0, of 400 1.1, of 1000 1.2, of 4096 1.2, of 16384 0.9.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import numpy

from minitensor.backends.numpy.threads import in_pieces

if TYPE_CHECKING:
    from minitensor.backends import Array

Part = TypeVar("Part")

TILE_ELEMENTS = 1 << 17  # half a MiB of singles
SMALLEST_BUFFER = 16  # elements; NumPy accepts no smaller one
ROWS_SHORTER_THAN_BUFFER = range(400, 8192)  # lengths of rows that gain without it; see Note [Rows and buffers]


def for_each_tile(
    count: int, width: int, work: Callable[[slice], object], tile: int = TILE_ELEMENTS, broadcast: bool = False
) -> None:
    """Call ``work`` with slices of ``count`` rows of ``width`` elements, about ``tile`` elements at a time.

    ``broadcast`` says that the work broadcasts columns or rows to its tile; see Note [Rows and buffers].
    """
    in_pieces(choose_buffer(work, width) if broadcast else work, count, width, tile)


def choose_buffer(work: Callable[[Part], object], length: int) -> Callable[[Part], object]:
    """Make work on rows of this length run with the better size of NumPy's buffer."""
    if length not in ROWS_SHORTER_THAN_BUFFER:
        return work

    def run(part: Part) -> None:
        with numpy.errstate():  # restores the size of the buffer too
            numpy.setbufsize(SMALLEST_BUFFER)
            work(part)

    return run


def add_tiles(sums: dict[int, tuple[Array, ...]]) -> list[Array]:
    """Add up the results of the tiles in double precision; the keys are the tiles' first rows.

    The order is that of the tiles, because results must not depend on the order in which threads finish.
    """
    ordered = [sums[start] for start in sorted(sums)]
    return [numpy.add.reduce(numpy.stack(each), 0, numpy.float64) for each in zip(*ordered, strict=True)]


def is_supported(x: Array, *others: Array | None) -> bool:
    """Whether the kernels in tiles can work on arrays: all singles, or all doubles."""
    return x.dtype.char in "fd" and x.size > 0 and all(each is None or each.dtype == x.dtype for each in others)

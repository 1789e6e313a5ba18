"""Windows on flat memory, and how gradients are added inside one that overlaps itself.

A window is a layout whose cells are counted from the start of the storage. This file knows no graphs; ``aliasing.py``
records what it computes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.layouts import Layout, has_overlap

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor


def window_array(input: Tensor, flat: Array, layout: Layout, low: int) -> Array:
    """Return a window on flat memory whose first cell is number ``low``."""
    return input.backend.window(flat, flat.dtype, layout.shape, layout.strides, layout.offset - low)


def add_window(input: Tensor, flat: Array, window: Layout, low: int) -> None:
    """Add ``input`` to flat memory inside a window that overlaps itself, where gradients meet in shared cells.

    Entries of one dim are added one after the other if none of them overlaps itself. Otherwise, a window on the cells'
    numbers tells where to add.
    """
    array, (shape, strides, offset) = input.array, window
    for dim in sorted(range(len(shape)), key=lambda each: shape[each]):
        rest, steps = shape[:dim] + shape[dim + 1 :], strides[:dim] + strides[dim + 1 :]
        if array.dtype.itemsize > 2 and not has_overlap(Layout(rest, steps, offset)):
            for i in range(shape[dim]):
                part = Layout(rest, steps, offset + i * strides[dim])
                window_array(input, flat, part, low)[...] += array[(slice(None),) * dim + (i,)]
            return
    positions = input.xp.arange(flat.size)
    input.backend.add_at(flat, window_array(input, positions, window, low), array)

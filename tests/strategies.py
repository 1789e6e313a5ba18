"""Tensors in any layout: a flat memory, and sizes, strides and offset by which it is read.

``placed`` puts given numbers into memory in one of the ``KINDS`` of ways, ``placements`` in a way that hypothesis
draws. Either library's tensors are made of the result, without any op under test.
"""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

import minitensor as mt
from minitensor.base import window
from minitensor.layout import Layout
from minitensor.testing.strategies import layouts

KINDS = ("transposed", "gaps", "offset", "expanded", "odd")


class Placed(NamedTuple):
    """Numbers in memory."""

    flat: Any
    shape: tuple[int, ...]
    strides: tuple[int, ...]  # in elements
    offset: int

    @property
    def array(self) -> Any:
        """The numbers, in a fresh array."""
        size = self.flat.itemsize
        steps = tuple([step * size for step in self.strides])
        return np.lib.stride_tricks.as_strided(self.flat[self.offset :], self.shape, steps).copy(order="C")

    def __repr__(self) -> str:
        return f"Placed({self.array.tolist()}, strides={self.strides}, offset={self.offset}, {self.flat.dtype})"


def tensor_of(placed: Placed) -> mt.Tensor:
    """Return this library's tensor: no view of another, without history."""
    tensor: mt.Tensor = window(mt.tensor(placed.flat), Layout(placed.shape, placed.strides, placed.offset))
    return tensor


def torch_of(torch: Any, placed: Placed) -> Any:
    """Return PyTorch's tensor."""
    flat = torch.from_numpy(placed.flat.copy())
    return flat.as_strided(placed.shape, placed.strides, placed.offset).detach()


def placement_of(tensor: mt.Tensor) -> Placed:
    """Return the memory that a tensor looks at, and how."""
    return Placed(np.array(tensor.storage.array).reshape(-1), *tensor.layout)


def filled(array: Any, shape: tuple[int, ...], strides: tuple[int, ...], offset: int) -> Placed:
    """Put an array's numbers where a layout reads them."""
    extent = offset + 1 + sum([(n - 1) * step for n, step in zip(shape, strides)]) if prod(shape) else offset + 1
    flat = np.zeros(extent + 2, array.dtype)
    steps = tuple([step * flat.itemsize for step in strides])
    np.lib.stride_tricks.as_strided(flat[offset:], shape, steps)[...] = array
    return Placed(flat, shape, strides, offset)


def dense(shape: tuple[int, ...], order: tuple[int, ...] | None = None, gap: int = 1) -> tuple[int, ...]:
    """Return strides for dims that lie in memory in the given order, the last one first."""
    strides, step = [1] * len(shape), gap
    for dim in reversed(range(len(shape)) if order is None else order):
        strides[dim] = step
        step *= max(shape[dim], 1) * gap
    return tuple(strides)


def placed(array: Any, kind: str) -> Placed:
    """Put an array into memory; "expanded" repeats its first entries along one dim, other kinds keep its numbers."""
    shape = array.shape
    if kind == "contiguous":
        return Placed(array.reshape(-1).copy(), shape, dense(shape), 0)
    if kind == "transposed":
        return filled(array, shape, dense(shape, tuple(reversed(range(len(shape))))), 0)
    if kind == "gaps":
        return filled(array, shape, dense(shape, gap=2), 0)
    if kind == "offset":
        return filled(array, shape, dense(shape), 3)
    if kind == "odd":
        return filled(array, shape, tuple([7 if n == 1 else step for n, step in zip(shape, dense(shape))]), 0)
    assert kind == "expanded", kind
    if array.dtype.kind != "f" or not any(n > 1 for n in shape):  # indices and masks keep their meaning
        return filled(array, shape, dense(shape, gap=3), 1)
    dim = next(dim for dim, n in enumerate(shape) if n > 1)
    first = array.take([0], axis=dim)
    strides = dense(first.shape)
    return filled(np.broadcast_to(first, shape), shape, (*strides[:dim], 0, *strides[dim + 1 :]), 0)


# -- for hypothesis ----------------------------------------------------------------------------------------------------


@st.composite
def placements(draw: st.DrawFn, array: Any, overlapping: bool = False) -> Placed:
    """The array's numbers in any layout (with ``overlapping``: the last of those that fall into one cell)."""
    return filled(array, *draw(layouts(array.shape, overlapping)))

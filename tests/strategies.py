"""Tensors in any layout: flat memory, and the sizes, strides and offset with which it is read.

``placed`` puts an array into memory in one of several ways (``KINDS``), ``placements`` in a way that hypothesis draws.
Tensors of either library are made from the result, without any op under test.
"""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

import minitensor as mt
from minitensor.base import window
from minitensor.layouts import Layout
from minitensor.testing.strategies import layouts

KINDS = ("transposed", "gaps", "offset", "expanded", "odd")


class Placed(NamedTuple):
    """An array stored in flat memory with a given layout."""

    flat: Any
    shape: tuple[int, ...]
    strides: tuple[int, ...]  # in elements
    offset: int

    @property
    def array(self) -> Any:
        """A new contiguous array with the elements."""
        size = self.flat.itemsize
        steps = tuple([step * size for step in self.strides])
        return np.lib.stride_tricks.as_strided(self.flat[self.offset :], self.shape, steps).copy(order="C")

    def __repr__(self) -> str:
        return f"Placed({self.array.tolist()}, strides={self.strides}, offset={self.offset}, {self.flat.dtype})"


def tensor_of(placed: Placed) -> mt.Tensor:
    """Make a minitensor tensor that is not a view of another and has no history."""
    tensor: mt.Tensor = window(mt.tensor(placed.flat), Layout(placed.shape, placed.strides, placed.offset))
    return tensor


def torch_of(torch: Any, placed: Placed) -> Any:
    """Make a PyTorch tensor."""
    flat = torch.from_numpy(placed.flat.copy())
    return flat.as_strided(placed.shape, placed.strides, placed.offset).detach()


def placement_of(tensor: mt.Tensor) -> Placed:
    """Return a copy of a tensor's memory and its layout."""
    return Placed(np.array(tensor.storage.array).reshape(-1), *tensor.layout)


def fill_layout(array: Any, shape: tuple[int, ...], strides: tuple[int, ...], offset: int) -> Placed:
    """Put an array's elements where a layout reads them."""
    extent = offset + 1 + sum([(n - 1) * step for n, step in zip(shape, strides)]) if prod(shape) else offset + 1
    flat = np.zeros(extent + 2, array.dtype)
    steps = tuple([step * flat.itemsize for step in strides])
    np.lib.stride_tricks.as_strided(flat[offset:], shape, steps)[...] = array
    return Placed(flat, shape, strides, offset)


def dense(shape: tuple[int, ...], order: tuple[int, ...] | None = None, gap: int = 1) -> tuple[int, ...]:
    """Return the strides of dims stored in the given order, the last one contiguous."""
    strides, step = [1] * len(shape), gap
    for dim in reversed(range(len(shape)) if order is None else order):
        strides[dim] = step
        step *= max(shape[dim], 1) * gap
    return tuple(strides)


def put_in_memory(array: Any, kind: str) -> Placed:
    """Put an array into memory; "expanded" repeats its first entries along one dim, other kinds keep all elements."""
    shape = array.shape
    if kind == "contiguous":
        return Placed(array.reshape(-1).copy(), shape, dense(shape), 0)
    if kind == "transposed":
        return fill_layout(array, shape, dense(shape, tuple(reversed(range(len(shape))))), 0)
    if kind == "gaps":
        return fill_layout(array, shape, dense(shape, gap=2), 0)
    if kind == "offset":
        return fill_layout(array, shape, dense(shape), 3)
    if kind == "odd":
        return fill_layout(array, shape, tuple([7 if n == 1 else step for n, step in zip(shape, dense(shape))]), 0)
    assert kind == "expanded", kind
    if array.dtype.kind != "f" or not any(n > 1 for n in shape):  # indices and masks keep their meaning
        return fill_layout(array, shape, dense(shape, gap=3), 1)
    dim = next(dim for dim, n in enumerate(shape) if n > 1)
    first = array.take([0], axis=dim)
    strides = dense(first.shape)
    return fill_layout(np.broadcast_to(first, shape), shape, (*strides[:dim], 0, *strides[dim + 1 :]), 0)


# -- for hypothesis ----------------------------------------------------------------------------------------------------


@st.composite
def placements(draw: st.DrawFn, array: Any, overlapping: bool = False) -> Placed:
    """Draw any layout for the array's elements (``overlapping``: of elements in one location, the last one is kept)."""
    return fill_layout(array, *draw(layouts(array.shape, overlapping)))

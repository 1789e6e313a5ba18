"""How an update's memory is laid out: large parameters in blocks that fit the cache, small ones together in one bundle.

A bundle keeps the state of its parameters in flat arrays, of which the optimizer's state tensors are windows, and copies
values and gradients in and values out at every step: three more passes over a few numbers, for one call in place of many.
No rule is known here, and no option.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from minitensor.base import window, wrap
from minitensor.layout import Layout, contiguous

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor

# Elements. A block of 512 KiB in float32, four of which an update touches, stays in the cache that cores share; smaller ones
# would fit a core's own cache, but then calls cost more than memory does (measured: 2^17 beats 2^14 by 1.7 to 4).
BLOCK = 1 << 17
# Elements. Up to this size a call costs more than the three copies that bundling takes.
SMALL = 1 << 12


class Piece(NamedTuple):
    """What one call of a rule's ``update`` sees: arrays of one shape."""

    step: int
    param: Array
    grad: Array
    state: tuple[Array, ...]


def blocks(piece: Piece) -> Iterator[Piece]:
    """Cut a large contiguous piece into blocks; anything else stays whole."""
    step, param, grad, state = piece
    size = param.size
    if size <= BLOCK + BLOCK // 2 or not all(array.flags.c_contiguous for array in (param, *state)):
        yield piece
        return
    param, grad, *flat = (array.reshape(-1) for array in (param, grad, *state))
    for start in range(0, size, BLOCK):
        stop = start + BLOCK
        yield Piece(step, param[start:stop], grad[start:stop], tuple([array[start:stop] for array in flat]))


class Bundle:
    """Many small parameters of one dtype and device, and their state, as one piece."""

    def __init__(self, params: Sequence[Tensor], states: Sequence[dict[str, Any]], names: tuple[str, ...]) -> None:
        self.params = list(params)
        self.names = names
        self.xp = params[0].xp
        self.param, self.parts = gathered(params)
        self.grad = self.xp.empty_like(self.param)
        self.state: dict[str, Array] = {}
        self.kept: dict[str, list[Tensor]] = {}
        for name in names:
            self.state[name], self.kept[name] = gathered([state[name] for state in states])
            for state, tensor in zip(states, self.kept[name], strict=True):
                state[name] = tensor

    def holds(self, params: Sequence[Tensor], states: Sequence[dict[str, Any]], names: tuple[str, ...]) -> bool:
        """Whether these are the bundle's parameters, with the state that lies in its memory."""
        return (
            names == self.names
            and len(params) == len(self.params)
            and all(a is b for a, b in zip(params, self.params, strict=True))
            and all(
                state[name] is tensor
                for name, tensors in self.kept.items()
                for state, tensor in zip(states, tensors, strict=True)
            )
        )

    def gather(self, step: int) -> Piece:
        """Copy values and gradients in, and return all as one piece. The steps, if there are any, are counted here."""
        self.xp.concatenate([param.array for param in self.params], axis=None, out=self.param)
        self.xp.concatenate([param.grad.array for param in self.params], axis=None, out=self.grad)
        if "step" in self.state:
            self.state["step"] += 1
        return Piece(step, self.param, self.grad, tuple([self.state[name] for name in self.names if name != "step"]))

    def scatter(self) -> None:
        """Copy the new values out."""
        for param, part in zip(self.params, self.parts, strict=True):
            param.array[...] = part.array
            param.storage.version += 1


def layouts_of(shapes: Sequence[tuple[int, ...]]) -> list[Layout]:
    """Return layouts of these shapes that lie one after another."""
    layouts, offset = [], 0
    for shape in shapes:
        layouts.append(Layout(shape, contiguous(shape).strides, offset))
        offset += prod(shape)
    return layouts


def gathered(tensors: Sequence[Tensor]) -> tuple[Array, list[Tensor]]:
    """Copy tensors into one flat array; return it and tensors that look at their part of it."""
    xp = tensors[0].xp
    flat = xp.concatenate([tensor.array for tensor in tensors], axis=None)
    whole = wrap(tensors[0].result_class, flat)
    return flat, [window(whole, layout) for layout in layouts_of([tensor.array.shape for tensor in tensors])]

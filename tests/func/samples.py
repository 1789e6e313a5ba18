"""Calls of the op table as functions of their tensors, with samples for ``vmap``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

import minitensor as mt
from ops import call as calls
from ops.call import find, ours, tensors_in
from ops.row import Call, Row
from ops.table import ROWS

SAMPLES = 2

NOT_DEFINED = {"linalg.eig": "the gradient of eigenvectors is undefined for a loss that depends on their phase"}

HERE = tuple([
    row for row in ROWS if find(mt, row.name) is not None and not row.random and row.name not in NOT_DEFINED
])


class Mapped:
    """One call of a row as a function of its tensors, with samples for each tensor."""

    def __init__(self, row: Row, call: Call, chosen: set[int] | None) -> None:
        self.row, self.arrays = row, []
        self.args, self.kwargs = calls.convert_arguments(call, self.placed, lambda each: getattr(mt, each.name))
        self.chosen = set(range(len(self.arrays))) if chosen is None else chosen
        self.samples = self.drawn(lambda array, i: np.roll(array.reshape(-1), i).reshape(array.shape))

    def placed(self, array: Any) -> int | Slot:
        self.arrays.append(np.asarray(array))
        return Slot(len(self.arrays) - 1)

    def drawn(self, other: Callable[[Any, int], Any]) -> list[list[Any]]:
        return [
            [other(array, i) if k in self.chosen else array for i in range(SAMPLES)]
            for k, array in enumerate(self.arrays)
        ]

    def __call__(self, *tensors: Any) -> list[Any]:
        args = [fill_slots(each, tensors) for each in self.args]
        return tensors_in(ours(self.row)(*args, **{k: fill_slots(each, tensors) for k, each in self.kwargs.items()}))

    def sample(self, i: int) -> list[Any]:
        return [mt.tensor(each[i]) for each in self.samples]

    def loop(self) -> list[list[Any]]:
        """Return each sample's results; if an op refuses a sample (a matrix not definite), make all samples equal."""
        try:
            return [self(*self.sample(i)) for i in range(SAMPLES)]
        except Exception:
            self.samples = self.drawn(lambda array, i: array)
            return [self(*self.sample(i)) for i in range(SAMPLES)]

    def whole(self) -> list[Any]:
        return [
            mt.tensor(np.stack(each)) if k in self.chosen else mt.tensor(each[0])
            for k, each in enumerate(self.samples)
        ]

    def in_dims(self) -> tuple[int | None, ...]:
        return tuple([0 if k in self.chosen else None for k in range(len(self.arrays))])

    def leaves(self, tensors: Sequence[Any]) -> dict[int, Any]:
        arguments = [*self.args, *self.kwargs.values()]
        constants = {slot for k, value in enumerate(arguments) if k in self.row.constants for slot in slots_in(value)}
        found = {k: t for k, t in enumerate(tensors) if k not in constants and t.is_floating_point()}
        for each in found.values() if self.row.differentiable else ():
            each.requires_grad_()
        return found if self.row.differentiable else {}


class Slot(int):
    """The position of a tensor among a call's arguments."""


def slots_in(value: Any) -> Iterator[int]:
    """Yield the slots in an argument."""
    if isinstance(value, Slot):
        yield value
    for each in value if value.__class__ in (list, tuple) else ():
        yield from slots_in(each)


def fill_slots(value: Any, tensors: Sequence[Any]) -> Any:
    if isinstance(value, Slot):
        return tensors[value]
    if value.__class__ in (list, tuple):
        return value.__class__([fill_slots(each, tensors) for each in value])
    if value.__class__ is slice:
        return slice(fill_slots(value.start, tensors), fill_slots(value.stop, tensors), fill_slots(value.step, tensors))
    return value

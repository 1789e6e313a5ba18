"""Results from dense permuted inputs have PyTorch's strides: flips keep them, rolls and softmax are in order."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

import minitensor as mt

CALLS = {
    "flip": lambda t, x: x.flip((0, -1)), "fliplr": lambda t, x: t.fliplr(x), "flipud": lambda t, x: t.flipud(x),
    "rot90": lambda t, x: t.rot90(x), "roll": lambda t, x: x.roll(1, 1), "roll all": lambda t, x: x.roll(2),
    "softmax": lambda t, x: x.softmax(1), "log_softmax": lambda t, x: x.log_softmax(0),
    "softmin": lambda t, x: t.nn.functional.softmin(x, -1), "fftshift": lambda t, x: t.fft.fftshift(x, 1),
}  # fmt: skip


def strides(t: Any, call: Any, shape: tuple[int, ...], order: tuple[int, ...]) -> tuple[int, ...]:
    x = t.arange(24.0).reshape([shape[dim] for dim in order]).permute([order.index(dim) for dim in range(len(shape))])
    return tuple(call(t, x).stride())


@pytest.mark.parametrize("name", CALLS)
def test_strides_of_results_are_pytorchs(name: str) -> None:
    torch = pytest.importorskip("torch")
    for shape in ((4, 6), (2, 3, 4), (2, 3, 2, 2)):
        if len(shape) == 4 and name in ("roll", "roll all", "fftshift"):
            continue
        for order in itertools.permutations(range(len(shape))):
            expected = strides(torch, CALLS[name], shape, order)
            assert strides(mt, CALLS[name], shape, order) == expected, (shape, order)

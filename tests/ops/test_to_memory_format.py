"""``to(memory_format=...)``: which tensor is returned itself, and the strides of a copy, as in PyTorch."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import pytest

import minitensor as mt

SHAPES = tuple(itertools.product((1, 2), (1, 3), (1, 2), (1, 2)))
LAYOUTS: dict[str, Callable[[Any, Any], Any]] = {
    "contiguous": lambda lib, x: x, "channels last": lambda lib, x: x.contiguous(memory_format=lib.channels_last),
    "permuted": lambda lib, x: x.permute(3, 2, 1, 0), "expanded": lambda lib, x: x[:1].expand(2, -1, -1, -1),
    "sliced": lambda lib, x: lib.zeros(4, 6, 4, 4)[tuple(slice(0, 2 * n, 2) for n in x.shape)],
}  # fmt: skip
CALLS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "the format": lambda lib, x, format: x.to(memory_format=format),
    "a dtype": lambda lib, x, format: x.to(lib.float64, memory_format=format),
    "a copy": lambda lib, x, format: x.to("cpu", lib.float32, copy=True, memory_format=format),
    "double()": lambda lib, x, format: x.double(memory_format=format),
    "float()": lambda lib, x, format: x.float(memory_format=format),
}  # fmt: skip


@pytest.mark.parametrize("format", ["channels_last", "contiguous_format", "preserve_format"])
@pytest.mark.parametrize("kind", LAYOUTS)
def test_strides_and_identity_are_pytorchs(kind: str, format: str) -> None:
    torch = pytest.importorskip("torch")
    for shape, (name, call) in itertools.product(SHAPES, CALLS.items()):
        facts = []
        for lib in (torch, mt):
            x = LAYOUTS[kind](lib, lib.arange(float(math.prod(shape))).view(shape))
            result = call(lib, x, getattr(lib, format))
            facts.append((result is x, result.stride(), result.dtype.itemsize, result.tolist()))
        assert facts[0] == facts[1], (shape, name)

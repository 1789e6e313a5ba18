"""Cost against size: ten ops on 10^3 to 10^7 elements, ResNet-18 on 1 to 128 images, attention over 16 to 1024 steps.

Ops run without a graph; the networks take a training step, attention its forward and backward pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.case import Case, Library, Make, Step, normal
from benchmarks.networks import resnet18_step

Call = Callable[[Library, Any, Any], Any]

ELEMENTS = (10**3, 10**4, 10**5, 10**6, 10**7)
COLUMNS = 100
OPS: dict[str, Call] = {
    "x + y": lambda lib, x, y: x + y,
    "x + row": lambda lib, x, y: x + y[0],
    "exp": lambda lib, x, y: x.exp(),
    "tanh": lambda lib, x, y: x.tanh(),
    "relu": lambda lib, x, y: x.relu(),
    "sum": lambda lib, x, y: x.sum(),
    "sum of rows": lambda lib, x, y: x.sum(1),
    "softmax": lambda lib, x, y: x.softmax(1),
    "sort": lambda lib, x, y: x.sort(1)[0],
    "transposed copy": lambda lib, x, y: x.t().contiguous(),
}


def on_elements(call: Call, count: int) -> Make:
    """Call an op on two matrices."""

    def make(lib: Library) -> Step:
        x, y = [lib.tensor(normal(count // COLUMNS, COLUMNS, seed=seed)()) for seed in (0, 1)]
        return lambda: call(lib, x, y)

    return make


def attention(length: int) -> Make:
    """Causal attention over four sequences with four heads of 32 features, forward and backward."""

    def make(lib: Library) -> Step:
        parts = [lib.tensor(normal(4, 4, length, 32, seed=seed)(), requires_grad=True) for seed in range(3)]

        def step() -> Any:
            for part in parts:
                part.grad = None
            lib.nn.functional.scaled_dot_product_attention(*parts, is_causal=True).sum().backward()
            return parts[0].grad

        return step

    return make


CURVES: dict[str, dict[int, Make]] = {
    **{name: {count: on_elements(call, count) for count in ELEMENTS} for name, call in OPS.items()},
    "ResNet-18, batch": {batch: resnet18_step(batch) for batch in (1, 2, 4, 8, 16, 32, 64, 128)},
    "attention, length": {length: attention(length) for length in (16, 32, 64, 128, 256, 512, 1024)},
}


def cases() -> Iterator[Case]:
    for curve, makes in CURVES.items():
        for size, make in makes.items():
            yield Case(name_of(curve, size), make)


def name_of(curve: str, size: int) -> str:
    return f"{curve}, 10^{len(str(size)) - 1}" if curve in OPS else f"{curve} {size}"

"""The cost of a call on ten elements, which is nearly all overhead.

The limits are what the recorders may add to the bare NumPy call: 0.55 us without a graph and 1.0 us with one. Indexing
also parses the index, and the backward pass is the engine's work, so these two have no limit.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.case import Case, Library, Make, Step, normal

WITHOUT_GRAD = 0.55e-6
WITH_GRAD = 1.0e-6


def matrix() -> Any:
    return np.abs(normal(5, 2)()) + 0.5


# A caller prepares a call on two tensors or arrays (5, 2); only the call is timed, without an extra stack frame.
Caller = Callable[[Any, Any], Step]

# name: (with tensors, with arrays, whether it has a limit)
CALLS: dict[str, tuple[Caller, Caller, bool]] = {
    "x + y": (lambda x, y: lambda: x + y, lambda x, y: lambda: x + y, True),
    "x * y": (lambda x, y: lambda: x * y, lambda x, y: lambda: x * y, True),
    "x * 2.5": (lambda x, y: lambda: x * 2.5, lambda x, y: lambda: x * 2.5, True),
    "x.exp()": (lambda x, y: lambda: x.exp(), lambda x, y: lambda: np.exp(x), True),
    "x.sum()": (lambda x, y: lambda: x.sum(), lambda x, y: lambda: x.sum(), True),
    "x.transpose(0, 1)": (lambda x, y: lambda: x.transpose(0, 1), lambda x, y: lambda: x.transpose(1, 0), True),
    "x[1:, 0]": (lambda x, y: lambda: x[1:, 0], lambda x, y: lambda: x[1:, 0], False),
}


def recorded(caller: Caller, requires_grad: bool) -> Make:
    """Prepare a call with tensors."""
    return lambda lib: caller(*[lib.tensor(matrix(), requires_grad=requires_grad) for _ in range(2)])


def bare(caller: Caller) -> Callable[[], Step]:
    """Prepare a call with arrays."""
    return lambda: caller(matrix(), matrix())


def chain(lib: Library) -> Step:
    """Six ops forward and backward."""
    x = lib.tensor(matrix(), requires_grad=True)
    y = lib.tensor(matrix(), requires_grad=True)

    def step() -> Any:
        x.grad = y.grad = None
        ((x * y + x).exp() - y / x).sum().backward()
        return x.grad

    return step


def chain_by_hand() -> Step:
    """Compute the value and both gradients of ``chain`` in NumPy."""
    x, y = matrix(), matrix()

    def step() -> Any:
        power = np.exp(x * y + x)
        quotient = y / x
        (power - quotient).sum()
        grad = np.ones_like(x)
        of_exponent, of_quotient = grad * power, -grad
        of_y = of_exponent * x + of_quotient / x
        of_x = of_exponent * y + of_exponent - of_quotient * quotient / x
        return of_x, of_y

    return step


def fresh_import(lib: Library) -> Step:
    """Import a library in a new interpreter. The difference from importing NumPy is the library's own cost."""
    command = [sys.executable, "-c", f"import {lib.__name__}"]

    def step() -> Any:
        subprocess.run(command, check=True)
        return lib.ones(1)

    return step


def cases() -> Iterator[Case]:
    yield Case("a process that imports it", fresh_import, lambda: fresh_import(np))
    for requires_grad, note, limit in ((False, "", WITHOUT_GRAD), (True, ", with grad", WITH_GRAD)):
        for name, (tensors, arrays, limited) in CALLS.items():
            yield Case(name + note, recorded(tensors, requires_grad), bare(arrays), limit if limited else None)
    yield Case("six ops and backward()", chain, chain_by_hand)

"""What a call costs on ten elements: the price of recording, where arithmetic costs next to nothing.

The limits are the recorders' promise over the bare NumPy call: 0.55 us without a graph and 1.0 us with one. An index is
not a recorder's work alone (its steps are parsed), and the backward pass is the engine's, so these two have no limit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.case import Case, Library, Make, Step, normal

WITHOUT_GRAD = 0.55e-6
WITH_GRAD = 1.0e-6


def matrix() -> Any:
    return np.abs(normal(5, 2)()) + 0.5


def recorded(call: Callable[[Any, Any], Any], requires_grad: bool) -> Make:
    """Call with two tensors (5, 2)."""

    def make(lib: Library) -> Step:
        x = lib.tensor(matrix(), requires_grad=requires_grad)
        y = lib.tensor(matrix(), requires_grad=requires_grad)
        return lambda: call(x, y)

    return make


def bare(call: Callable[[Any, Any], Any]) -> Callable[[], Step]:
    """Call with two arrays (5, 2)."""

    def make() -> Step:
        x, y = matrix(), matrix()
        return lambda: call(x, y)

    return make


# name: (on tensors, on arrays, whether there is a limit)
CALLS: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any], bool]] = {
    "x + y": (lambda x, y: x + y, lambda x, y: x + y, True),
    "x * y": (lambda x, y: x * y, lambda x, y: x * y, True),
    "x * 2.5": (lambda x, y: x * 2.5, lambda x, y: x * 2.5, True),
    "x.exp()": (lambda x, y: x.exp(), lambda x, y: np.exp(x), True),
    "x.sum()": (lambda x, y: x.sum(), lambda x, y: x.sum(), True),
    "x.transpose(0, 1)": (lambda x, y: x.transpose(0, 1), lambda x, y: x.transpose(1, 0), True),
    "x[1:, 0]": (lambda x, y: x[1:, 0], lambda x, y: x[1:, 0], False),
}


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
    """Compute the value and both gradients of ``chain`` as one would on paper."""
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


def cases() -> Iterator[Case]:
    for requires_grad, note, limit in ((False, "", WITHOUT_GRAD), (True, ", with grad", WITH_GRAD)):
        for name, (tensors, arrays, limited) in CALLS.items():
            yield Case(name + note, recorded(tensors, requires_grad), bare(arrays), limit if limited else None)
    yield Case("six ops and backward()", chain, chain_by_hand)

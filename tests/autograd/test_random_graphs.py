"""Random graphs with hooks hung all over them, beside PyTorch: what the hooks see, and every gradient.

A program is a list of steps, each of which makes a value of former ones or hangs something on one: hooks that scale
or record, ``retain_grad``, writes in place. The order in which independent branches are walked is each library's own,
so what hooks saw is compared for each place they hang at. No value is a view: in PyTorch a write to one cuts off what
hung on its former node (2.13 even crashes when a hook comes after); here that still sees what flows around the write.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minitensor as mt

torch = pytest.importorskip("torch")

MAKERS: dict[str, Any] = {
    "add": lambda lib, a, b: a + b,
    "mul": lambda lib, a, b: a * b,
    "sin": lambda lib, a, b: a.sin(),
    "tanh": lambda lib, a, b: a.tanh(),
    "number": lambda lib, a, b: 1.5 - a,
    "flip": lambda lib, a, b: a.reshape(2, 2).t().reshape(4),
    "parts": lambda lib, a, b: lib.cat(list(a.split([1, 3]))[::-1]),
    "stack": lambda lib, a, b: lib.stack([a, b]).sum(0),
    "one": lambda lib, a, b: a.unbind(0)[1] * b,
    "matmul": lambda lib, a, b: (a.reshape(2, 2) @ b.reshape(2, 2)).reshape(4) * 1,
    "detach": lambda lib, a, b: a.detach() + b,
}
HANGERS = ["look", "scale", "node before", "node after", "retain", "write", "write in a part", "gathered"]

step = st.tuples(st.sampled_from([*MAKERS, *HANGERS]), st.integers(0, 30), st.integers(0, 30))


class Run(NamedTuple):
    """What one library did."""

    seen: dict[str, list[Any]]
    values: list[Any]
    leaves: list[Any]


def lists(grads: Any) -> list[Any]:
    return [None if grad is None else grad.tolist() for grad in grads]


def run(lib: Any, steps: list[tuple[str, int, int]], second: bool) -> Run:
    """Run a program and walk back from the sum of all values."""
    leaves = [lib.tensor(row, dtype=lib.float64, requires_grad=True) for row in ([0.1, 0.2, 0.3, 0.4], [1.0, -1, 2, 1])]
    values: list[Any] = [leaves[0] * 1, *leaves]
    seen: dict[str, list[Any]] = {}

    def note(place: str, found: Any) -> None:
        seen.setdefault(place, []).append(found)

    for number, (kind, i, j) in enumerate(steps):
        a, b = values[i % len(values)], values[j % len(values)]
        if kind in MAKERS:
            values.append(MAKERS[kind](lib, a, b))
        elif a.requires_grad:
            hang(lib, kind, a, f"{number} {kind}", note)
    total = sum((value * value).sum() for value in values)
    if second:
        firsts = [g for g in lib.autograd.grad(total, leaves, create_graph=True, allow_unused=True) if g is not None]
        total = sum((first * first).sum() for first in firsts)
    if total.requires_grad:
        total.backward()
    return Run(seen, values, leaves)


def hang(lib: Any, kind: str, a: Any, place: str, note: Any) -> None:
    """Hang something on a value."""
    if kind == "look":
        a.register_hook(lambda grad: note(place, grad.tolist()))
    elif kind == "scale":
        a.register_hook(lambda grad: grad * 0.5)
    elif kind == "retain":
        a.retain_grad()
    elif kind == "gathered" and a.is_leaf:
        a.register_post_accumulate_grad_hook(lambda leaf: note(place, leaf.grad.tolist()))
    elif a.grad_fn is None:
        return
    elif kind == "node before":
        a.grad_fn.register_prehook(lambda grads: note(place, lists(grads)))
    elif kind == "node after":
        a.grad_fn.register_hook(lambda inputs, outputs: note(place, lists(outputs)))
    elif kind == "write":
        a.mul_(0.5)
    elif kind == "write in a part":
        a[1:3].add_(1.0)


def outcome(lib: Any, steps: list[tuple[str, int, int]], second: bool) -> Run | RuntimeError:
    try:
        return run(lib, steps, second)
    except RuntimeError as error:
        return error


def assert_close(found: Any, expected: Any) -> None:
    if isinstance(expected, list) and any(isinstance(each, list) or each is None for each in expected):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_close(one, other)
    elif expected is None:
        assert found is None
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@given(st.lists(step, max_size=14), st.booleans())
def test_hooks_see_and_gradients_are_what_pytorch_says(steps: list[tuple[str, int, int]], second: bool) -> None:
    expected, found = outcome(torch, steps, second), outcome(mt, steps, second)
    if isinstance(expected, RuntimeError) or isinstance(found, RuntimeError):
        assert type(expected) is RuntimeError and isinstance(found, RuntimeError), (expected, found)
        return
    assert found.seen.keys() == expected.seen.keys()
    for place, grads in expected.seen.items():
        assert_close(found.seen[place], grads)
    for ours, theirs in zip([*found.values, *found.leaves], [*expected.values, *expected.leaves], strict=True):
        assert_close(ours.tolist(), theirs.tolist())
        if theirs.is_leaf or theirs.retains_grad:
            assert_close(ours.grad if ours.grad is None else ours.grad.tolist(),
                         theirs.grad if theirs.grad is None else theirs.grad.tolist())
        assert ours.retains_grad == theirs.retains_grad

"""Random graphs with hooks of all kinds, against PyTorch: the order of hooks, what they see, and what is freed.

A program is a list of steps. Each step computes a value from earlier ones, writes to one in place, or registers a hook
on one. A step that PyTorch refuses must be refused here and change nothing. Then ``backward``, with and without
``inputs``, and ``autograd.grad`` run several times, with the graph kept or freed.

All hooks write to one log, which must equal PyTorch's: the same calls in the same order with the same gradients.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minitensor as mt

torch = pytest.importorskip("torch")


def two_results(lib: Any, a: Any, b: Any) -> Any:
    """Return two results of a user's function; the second gives the first input no gradient."""

    class Two(lib.autograd.Function):  # type: ignore[misc, name-defined]  # of either library
        @staticmethod
        def forward(ctx: Any, a: Any, b: Any) -> Any:
            ctx.save_for_backward(a, b)
            return a * b, b * 3

        @staticmethod
        def backward(ctx: Any, first: Any, second: Any) -> Any:
            a, b = ctx.saved_tensors
            return first * b, first * a + second * 3

    return Two.apply(a, b)


def no_gradient(lib: Any, a: Any, b: Any) -> Any:
    """Return a result of a user's function that gives its first input no gradient."""

    class Dead(lib.autograd.Function):  # type: ignore[misc, name-defined]  # as above
        @staticmethod
        def forward(ctx: Any, a: Any, b: Any) -> Any:
            return a + b

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            return None, grad

    return (Dead.apply(a, b),)


MAKERS: dict[str, Callable[[Any, Any, Any], Sequence[Any]]] = {
    "add": lambda lib, a, b: [a + b],
    "mul": lambda lib, a, b: [a * b],
    "sin": lambda lib, a, b: [a.sin()],
    "tanh": lambda lib, a, b: [a.tanh()],
    "number": lambda lib, a, b: [1.5 - a],
    "flip": lambda lib, a, b: [a.reshape(2, 2).t().reshape(4)],
    "parts": lambda lib, a, b: [lib.cat(list(a.split([1, 3]))[::-1])],
    "stack": lambda lib, a, b: [lib.stack([a, b]).sum(0)],
    "one": lambda lib, a, b: [a.unbind(0)[1] * b],
    "matmul": lambda lib, a, b: [(a.reshape(2, 2) @ b.reshape(2, 2)).reshape(4) * 1],
    "detach": lambda lib, a, b: [a.detach() + b],
    "view": lambda lib, a, b: [a.view(4)],
    "view of a clone": lambda lib, a, b: [a.clone()[:]],
    "view of a view": lambda lib, a, b: [a.clone().view(2, 2)[:].view(4)],
    "rows": lambda lib, a, b: (lib.stack([a, b]) * 1).unbind(0),
    "two results": two_results,
    "no gradient": no_gradient,
}
WRITERS: dict[str, Callable[[Any, Any], Any]] = {
    "halve": lambda a, b: a.mul_(0.5),
    "multiply": lambda a, b: a.mul_(b),
    "add to": lambda a, b: a.add_(b),
    "copy to": lambda a, b: a.copy_(b),
    "add to a part": lambda a, b: a[1:3].add_(1.0),
    "multiply a part": lambda a, b: a[1:3].mul_(b[:2]),
}
SAVED_OTHER = ["multiply", "multiply a part"]  # in the same memory: PyTorch refuses backward, minitensor saves a copy
WRITTEN_IN_PART = ("CopySlices", "OverwriteBackward0")  # PyTorch's runs once; ours saves no values, so it can run again
HANGERS = [
    "look", "scale", "node before", "node before, scaled", "node after", "retain", "added", "leaf before", "leaf after",
    "all", "any",
]  # fmt: skip
WALKS = ["backward", "backward to inputs", "grad"]

place = st.integers(0, 30)
step = st.tuples(st.sampled_from([*MAKERS, *MAKERS, *WRITERS, *HANGERS, *HANGERS]), place, place)
walk = st.tuples(
    st.sampled_from(WALKS), st.lists(place, min_size=1, max_size=3), st.lists(place, min_size=1, max_size=3),
    st.sampled_from([None, False, True]), st.booleans(),
)  # fmt: skip


class Program:
    """The steps and backward passes in one library."""

    def __init__(self, lib: Any) -> None:
        self.lib = lib
        rows = [0.1, 0.2, 0.3, 0.4], [1.0, -1, 2, 1]
        self.leaves = [lib.tensor(row, dtype=lib.float64, requires_grad=True) for row in rows]
        self.values: list[Any] = [self.leaves[0] * 1, *self.leaves]
        self.log: list[tuple[str, Any]] = []
        self.kept: list[Any] = []  # PyTorch drops a leaf's node and its hooks when nothing holds the node
        self.rows: list[Any] = []  # PyTorch refuses to write to one of several views made by one op
        self.not_roots: list[Any] = []  # PyTorch does not count a root among those that a multi-grad hook waits for

    def note(self, place: str, *found: Any) -> None:
        self.log.append((place, [lists(each) for each in found]))

    def refuses(self, action: str, *args: Any) -> bool:
        """Run something, and return whether it was refused."""
        try:
            getattr(self, action)(*args)
        except RuntimeError:
            return True
        return False

    def take(self, number: int, kind: str, i: int, j: int) -> None:
        """Run one step."""
        a, b = self.values[i % len(self.values)], self.values[j % len(self.values)]
        if kind in MAKERS:
            made = MAKERS[kind](self.lib, a, b)
            self.values += made
            self.rows += made if kind == "rows" else []
        elif kind in WRITERS:
            refused = [*self.rows, b] if kind in SAVED_OTHER else self.rows
            if not any(np.shares_memory(a.detach().numpy(), each.detach().numpy()) for each in refused):
                WRITERS[kind](a, b)
        elif a.requires_grad:
            self.hang(f"{number} {kind}", kind, a, b)

    def hang(self, place: str, kind: str, a: Any, b: Any) -> None:
        """Register a hook on a value."""
        node = a.grad_fn  # makes PyTorch update the view's node: a hook would go to the node from before a write
        if kind == "look":
            a.register_hook(lambda grad: self.note(place, grad))
        elif kind == "scale":
            a.register_hook(lambda grad: None if grad is None else grad * 0.5)
        elif kind == "retain":
            a.retain_grad()
        elif node is None:
            self.hang_on_leaf(place, kind, a)
        elif kind == "node before":
            node.register_prehook(lambda grads: self.note(place, grads))
        elif kind == "node before, scaled":
            node.register_prehook(lambda grads: tuple(None if g is None else g * 2 for g in grads))
        elif kind == "node after":
            node.register_hook(lambda inputs, outputs: self.note(place, outputs))
        elif kind in ("all", "any") and b.grad_fn is not None:
            register = self.lib.autograd.graph.register_multi_grad_hook
            register((a, b), lambda grads: self.note(place, grads), mode=kind)
            self.not_roots += [node, b.grad_fn] if kind == "all" else []

    def hang_on_leaf(self, place: str, kind: str, a: Any) -> None:
        """Register a hook on a leaf or on its node."""
        node = a.view_as(a).grad_fn.next_functions[0][0]
        self.kept.append(node)
        if kind == "added":
            a.register_post_accumulate_grad_hook(lambda leaf: self.note(place, leaf.grad))
        elif kind == "leaf before":
            node.register_prehook(lambda grads: self.note(place, grads))
        elif kind == "leaf after":
            node.register_hook(lambda inputs, outputs: self.note(place, inputs, outputs))

    def go(self, kind: str, roots: list[int], inputs: list[int], keep: bool | None, create: bool) -> None:
        """Run backward or grad."""
        starts = [each for each in self.requiring(roots) if each.grad_fn not in self.not_roots]
        ends = self.requiring(inputs)
        if kind == "backward to inputs":
            ends = [each for each in ends if each.grad_fn is None or not each.grad_fn.name().endswith(WRITTEN_IN_PART)]
        weights = [self.lib.ones_like(each) * (i + 1) for i, each in enumerate(starts)]
        if not starts or not ends:
            return
        if kind == "backward":
            self.lib.autograd.backward(starts, weights, keep, create)
        elif kind == "grad":
            found = self.lib.autograd.grad(starts, ends, weights, keep, create, allow_unused=True)
            self.note("found", list(found))
        else:
            self.lib.autograd.backward(starts, weights, keep, create, inputs=ends)

    def requiring(self, places: list[int]) -> list[Any]:
        there = [each for each in self.values if each.requires_grad]
        return [there[i % len(there)] for i in places]

    def state(self) -> list[Any]:
        """Return the values and gradients."""
        return [
            (each.tolist(), each.retains_grad, lists(each.grad) if each.is_leaf or each.retains_grad else None)
            for each in self.values
        ]


def lists(found: Any) -> Any:
    """Convert a gradient, or several, to lists of numbers."""
    if found is None:
        return None
    return [lists(each) for each in found] if isinstance(found, (list, tuple)) else found.tolist()


def assert_close(found: Any, expected: Any) -> None:
    if isinstance(expected, (list, tuple)):
        assert len(found) == len(expected), (found, expected)
        for one, other in zip(found, expected, strict=True):
            assert_close(one, other)
    elif isinstance(expected, float):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
    else:
        assert found == expected


def agree(theirs: Program, ours: Program, action: str, *args: Any) -> None:
    """Run a step in both libraries, and require that hooks saw the same and that the state is the same."""
    refused = theirs.refuses(action, *args)
    assert ours.refuses(action, *args) == refused, (action, args, refused)
    assert [name for name, _ in ours.log] == [name for name, _ in theirs.log], (action, args)
    assert_close(ours.log, theirs.log)
    assert_close(ours.state(), theirs.state())


@given(st.lists(step, max_size=14), st.lists(walk, min_size=1, max_size=3))
def test_hooks_run_in_pytorchs_order_and_see_pytorchs_gradients(steps: Any, walks: Any) -> None:
    theirs, ours = Program(torch), Program(mt)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about gradients of intermediate values and about reference cycles
        for number, (kind, i, j) in enumerate(steps):
            agree(theirs, ours, "take", number, kind, i, j)
        for each in walks:
            agree(theirs, ours, "go", *each)

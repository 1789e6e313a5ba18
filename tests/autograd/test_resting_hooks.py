"""Hooks stay with a tensor that stops requiring grad for a while: ``requires_grad_(False)`` and back, ``detach_``."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from types import ModuleType
from typing import Any

import pytest

import minitensor as mt


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    return pytest.importorskip("torch")


def assign(tensor: Any, value: bool) -> None:
    tensor.requires_grad = value


OFF: dict[str, Callable[[Any], Any]] = {
    "requires_grad_": lambda x: x.requires_grad_(False),
    "requires_grad": lambda x: assign(x, False),
    "detach_": lambda x: x.detach_(),
}
ON: dict[str, Callable[[Any], Any]] = {
    "requires_grad_": lambda x: x.requires_grad_(),
    "requires_grad": lambda x: assign(x, True),
}
HOOKS: dict[str, Callable[[Any, Any, list[Any]], Any]] = {
    "seeing": lambda lib, x, seen: x.register_hook(lambda grad: seen.append(grad.tolist())),
    "replacing": lambda lib, x, seen: x.register_hook(lambda grad: grad * 10),
    "after": lambda lib, x, seen: x.register_post_accumulate_grad_hook(lambda leaf: seen.append(leaf.grad is None)),
    "of several": lambda lib, x, seen: lib.autograd.graph.register_multi_grad_hook(
        (x,), lambda grads: seen.append(len(grads))
    ),
}


def of_a_leaf(lib: Any, hook: str, off: str, on: str, between: bool) -> Any:
    """Register a hook, turn gradients off and on, run backward, remove the hook, run backward again."""
    x, seen = lib.ones(2, requires_grad=True), []
    handle = HOOKS[hook](lib, x, seen)
    before = x * 3
    OFF[off](x)
    told = [x.requires_grad, x.is_leaf, x.grad_fn is None]
    if between:  # hooks run, but nothing is accumulated
        before.sum().backward()
        told.append(x.grad is None)
    ON[on](x)
    x.register_hook(lambda grad: seen.append("later"))
    (x * 2).sum().backward()
    handle.remove()
    (x * 5).sum().backward()
    return told, seen, x.grad.tolist()


def of_a_computed_tensor(lib: Any, hook: bool, retain: bool, back: bool) -> Any:
    """Detach a tensor in place; its hooks stay in the old graph and move to the next one with it."""
    x, seen = lib.ones(2, requires_grad=True), []
    y = x * 3
    if hook:
        y.register_hook(lambda grad: seen.append(grad.tolist()))
    if retain:
        y.retain_grad()
    z = y * 2
    y.detach_()
    told = [y.requires_grad, y.is_leaf, y.retains_grad]
    if back:
        y.requires_grad_()
        (y * 5).sum().backward()
    z.sum().backward()
    return told, y.retains_grad, seen, None if y.grad is None else y.grad.tolist(), x.grad.tolist()


@pytest.mark.parametrize("case", [*product(HOOKS, OFF, ON, (False, True))], ids=str)
def test_a_leaf_keeps_its_hooks_while_it_does_not_require_grad(torch: ModuleType, case: Any) -> None:
    assert of_a_leaf(mt, *case) == of_a_leaf(torch, *case)


@pytest.mark.parametrize("case", [*product((False, True), repeat=3)], ids=str)
def test_a_tensor_keeps_its_hooks_when_it_is_detached_in_place(torch: ModuleType, case: Any) -> None:
    assert of_a_computed_tensor(mt, *case) == of_a_computed_tensor(torch, *case)


def test_a_leaf_that_stopped_requiring_grad_can_change_its_shape() -> None:
    x, seen = mt.ones(2, requires_grad=True), []
    x.register_hook(lambda grad: seen.append(tuple(grad.shape)))
    x.requires_grad_(False)
    x.data = mt.ones(3)
    x.requires_grad_().sum().backward()
    assert seen == [(3,)] and x.grad.tolist() == [1, 1, 1]

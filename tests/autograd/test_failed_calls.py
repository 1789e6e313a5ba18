"""A failed call keeps nothing alive: neither the error nor its traceback holds the arguments."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import pytest

import minitensor as mt

F = mt.nn.functional
CALLS: dict[str, Callable[[mt.Tensor], Any]] = {
    "pair": lambda x: x + mt.ones(5),
    "pair with text": lambda x: x + "a",
    "unary": lambda x: x.exp(1),  # type: ignore[call-arg]
    "single": lambda x: x.softmax(9),
    "general": lambda x: F.cross_entropy(x, "a"),  # type: ignore[arg-type]
    "plain": lambda x: mt.argmax(x, "q"),  # type: ignore[arg-type]
    "view": lambda x: x.view(7),
    "several": lambda x: x.sort("a"),  # type: ignore[arg-type]
    "sequence": lambda x: mt.cat([x, mt.ones(2, 7)]),
    "composite": lambda x: mt.mm(x, x),
    "in place": lambda x: x.add_(mt.ones(7)),
    "writer": lambda x: x.index_add_(0, "a", x),  # type: ignore[arg-type]
    "copy": lambda x: x.copy_(mt.ones(9)),
    "index": lambda x: x[7],
    "index, written": lambda x: x.__setitem__(9, 1),
    "module": mt.nn.Linear(3, 3),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("requires_grad", [False, True])
def test_the_arguments_of_a_failed_call_are_freed(
    no_collector: None, call: Callable[[mt.Tensor], Any], requires_grad: bool
) -> None:
    argument = mt.ones(3, 4).requires_grad_(requires_grad) * 1
    kept = weakref.ref(argument)
    try:
        call(argument)
    except Exception:  # other tests check which error
        failed = True
    del argument
    assert failed
    assert kept() is None

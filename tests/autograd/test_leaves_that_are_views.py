"""A view that requires grad itself, as ``randn(6).view(2, 3).requires_grad_()``, stays a leaf whatever is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import minitensor as mt

torch = pytest.importorskip("torch")

VIEWS: dict[str, Callable[[Any], Any]] = {
    "reshape": lambda x: x.reshape(2, 4),
    "view": lambda x: x.view(4, 2),
    "t": lambda x: x.view(2, 4).t(),
    "slice": lambda x: x[2:6],
    "select": lambda x: x.view(2, 4)[1],
    "expand": lambda x: x[:1].expand(1),
    "squeeze": lambda x: x.view(1, 8).squeeze(0),
    "view of a view": lambda x: x.view(2, 4).view(8),
    "detached": lambda x: x.clone().requires_grad_().view(2, 4).detach(),
}


def without_grad(library: Any, write: Callable[[Any], Any]) -> None:
    with library.no_grad():
        write(None)


def step(library: Any, leaf: Any, rule: str, **options: Any) -> None:
    optimizer = getattr(library.optim, rule)([leaf], lr=0.5, **options)
    (leaf * leaf).sum().backward()
    optimizer.step()
    optimizer.zero_grad()


WRITES: dict[str, Callable[[Any, Any, Any], Any]] = {
    "mul_": lambda lib, base, x: without_grad(lib, lambda _: x.mul_(2)),
    "-=": lambda lib, base, x: without_grad(lib, lambda _: x.__isub__(1)),
    "fill_": lambda lib, base, x: without_grad(lib, lambda _: x.fill_(3)),
    "copy_": lambda lib, base, x: without_grad(lib, lambda _: x.copy_(lib.ones_like(x))),
    "setitem": lambda lib, base, x: without_grad(lib, lambda _: x.__setitem__(..., 5.0)),
    "data": lambda lib, base, x: x.data.mul_(2),
    "detach": lambda lib, base, x: x.detach().mul_(2),
    "detach of a part": lambda lib, base, x: x.detach()[0].fill_(7),
    "base": lambda lib, base, x: base.mul_(2),
    "part": lambda lib, base, x: without_grad(lib, lambda _: x[0].mul_(2)),
    "init": lambda lib, base, x: lib.nn.init.ones_(x),
    "parameter": lambda lib, base, x: lib.nn.init.zeros_(lib.nn.Parameter(x)),
    "SGD": lambda lib, base, x: step(lib, x, "SGD"),
    "SGD momentum": lambda lib, base, x: step(lib, x, "SGD", momentum=0.9),
    "out=": lambda lib, base, x: without_grad(lib, lambda _: lib.add(x.clone(), 1, out=x)),
}


def results(library: Any, view: str, write: str, dtype: str) -> list[Any]:
    base = library.arange(8.0).to(getattr(library, dtype))
    leaf = VIEWS[view](base).requires_grad_()
    calls: list[Any] = []
    leaf.register_hook(lambda grad: calls.append(grad.tolist()))
    for _ in range(2):
        WRITES[write](library, base, leaf)
    facts = [leaf.requires_grad, leaf.is_leaf, leaf.grad_fn, base.requires_grad]
    (leaf * leaf).sum().backward()
    return [*facts, leaf.tolist(), leaf.grad.tolist(), calls]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("view", VIEWS)
def test_a_leaf_stays_a_leaf(view: str, write: str, dtype: str) -> None:
    assert results(mt, view, write, dtype) == results(torch, view, write, dtype)


def test_a_view_that_was_made_before_its_base_required_grad_follows_the_base() -> None:
    found = []
    for library in (mt, torch):
        base = library.arange(4.0)
        view = base[1:]
        base.requires_grad_()
        with library.no_grad():
            base.mul_(2)
        found.append([view.requires_grad, base.is_leaf])
    assert found[0] == found[1]

"""Checkpoints, also nested ones, inside ``vmap`` and other transformations: the results are those without them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import minitensor as mt
from minitensor import func
from minitensor.autograd.graph import save_on_cpu
from minitensor.autograd.interpreters import active
from minitensor.utils.checkpoint import checkpoint

pytestmark = pytest.mark.filterwarnings("ignore")
Part = Callable[..., Any]  # applies a function to an argument: plainly, or in a checkpoint

X = mt.arange(12.0, dtype=mt.float64).reshape(3, 2, 2) / 7 + 0.1
WEIGHT = mt.tensor([[0.3, 0.7], [0.2, 0.9]], dtype=mt.float64)


def plainly(function: Callable[[Any], Any], *args: Any) -> Any:
    return function(*args)


def in_checkpoint(function: Callable[[Any], Any], *args: Any) -> Any:
    return checkpoint(function, *args, use_reentrant=False)


def one(part: Part, v: Any) -> Any:
    return part(lambda u: (u * u).sin() @ WEIGHT, v).sum()


def two(part: Part, v: Any) -> Any:
    return part(lambda u: part(lambda q: (q * q).sin() @ WEIGHT, u) * u.exp(), v).sum()


def three(part: Part, v: Any) -> Any:
    return part(lambda u: part(lambda q: part(lambda r: (r * r).sin() @ WEIGHT, q) * q.exp(), u) + u, v).sum()


def dropped(part: Part, v: Any) -> Any:
    return part(lambda u: part(lambda q: mt.nn.functional.dropout(q * q, 0.5), u) * u, v).sum()


LOSSES = {"one": one, "two": two, "three": three}


def walk_after(mapped: Callable[[Any], Any]) -> Any:
    leaf = X.clone().requires_grad_()
    mapped(leaf).sum().backward()
    return leaf.grad


def walk_after_hooks(mapped: Callable[[Any], Any]) -> Any:
    leaf = X.clone().requires_grad_()
    with save_on_cpu():
        total = mapped(leaf).sum()
    total.backward()
    return leaf.grad


def push(loss: Callable[[Any], Any], v: Any) -> Any:
    return func.jvp(func.grad(loss), (v,), (WEIGHT,))[1]


USES: dict[str, Callable[[Callable[[Any], Any]], Any]] = {
    "backward after vmap": lambda loss: walk_after(func.vmap(loss)),
    "backward after vmap in hooks": lambda loss: walk_after_hooks(func.vmap(loss)),
    "backward after two": lambda loss: walk_after(func.vmap(func.vmap(lambda row: loss(mt.stack([row, row]))))),
    "vmap of grad": lambda loss: func.vmap(func.grad(loss))(X),
    "grad of vmap": lambda loss: func.grad(lambda x: func.vmap(loss)(x).sum())(X),
    "jvp of grad": lambda loss: push(loss, X[0]),
    "vmap of jvp of grad": lambda loss: func.vmap(lambda v: push(loss, v))(X),
    "vmap of hessian": lambda loss: func.vmap(func.hessian(loss))(X),
    "vmap of jacfwd": lambda loss: func.vmap(func.jacfwd(loss))(X),
    "vmap of jacrev of grad": lambda loss: func.vmap(func.jacrev(func.grad(loss)))(X),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("loss", LOSSES)
def test_a_checkpoint_changes_nothing(loss: str, use: str) -> None:
    expected = USES[use](lambda v: LOSSES[loss](plainly, v))
    found = USES[use](lambda v: LOSSES[loss](in_checkpoint, v))
    assert mt.allclose(found, expected, rtol=1e-12) and not active


def test_the_second_run_draws_the_same_numbers() -> None:
    found = []
    for part in (plainly, in_checkpoint):
        mt.manual_seed(1)
        mapped = func.vmap(lambda v, part=part: dropped(part, v), randomness="different")
        found.append(walk_after(mapped))
    assert mt.allclose(found[0], found[1]) and not active

"""``autograd.functional`` gives PyTorch's results and refuses what PyTorch refuses."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from minitensor.utils._pytree import tree_flatten, tree_leaves

functional = mt.autograd.functional

X = np.arange(6.0).reshape(2, 3) / 4 - 0.7
Y = np.array([0.5, -0.25, 1.5])


def two(x: Any, y: Any) -> Any:
    return (x * y).sin().sum(0), x.exp().sum()


def number(x: Any, y: Any) -> Any:
    return ((x * y).sin() * x.exp()).sum()


# Each case runs in both libraries: `t` is the library, `f` its functional, `k` the keywords under test.
CASES: dict[str, Callable[..., Any]] = {
    "jacobian": lambda t, f, x, y, k: f.jacobian(lambda x: x.cumsum(1) * y, x, **k),
    "jacobian of several": lambda t, f, x, y, k: f.jacobian(two, (x, y), **k),
    "jacobian in a tuple": lambda t, f, x, y, k: f.jacobian(lambda x: (x.sum(0),), (x,), **k),
    "hessian": lambda t, f, x, y, k: f.hessian(lambda x: (x**3).sum(), x, **k),
    "hessian of several": lambda t, f, x, y, k: f.hessian(number, (x, y), **k),
}  # fmt: skip
PRODUCTS: dict[str, Callable[..., Any]] = {
    "vjp": lambda t, f, x, y, k: f.vjp(two, (x, y), (y * 2, y.sum()), **k),
    "vjp of a number": lambda t, f, x, y, k: f.vjp(number, (x, y), **k),
    "jvp": lambda t, f, x, y, k: f.jvp(two, (x, y), (x + 1, y * 2), **k),
    "jvp of one": lambda t, f, x, y, k: f.jvp(lambda y: y * y, y, y + 1, **k),
    "hvp": lambda t, f, x, y, k: f.hvp(number, (x, y), (x + 1, y * 2), **k),
    "hvp of one": lambda t, f, x, y, k: f.hvp(lambda y: (y**3).sum(), y, y + 1, **k),
    "vhp": lambda t, f, x, y, k: f.vhp(number, (x, y), (x + 1, y * 2), **k),
}
FORWARD: dict[str, Callable[..., Any]] = {
    "jacobian": lambda t, f, x, y: f.jacobian(two, (x, y), vectorize=True, strategy="forward-mode"),
    "hessian": lambda t, f, x, y: f.hessian(number, (x, y), vectorize=True, outer_jacobian_strategy="forward-mode"),
}


def compare(make: Callable[[Any, Any, Any, Any], Any], values_alone: bool = False) -> None:
    torch = pytest.importorskip("torch")
    found = make(mt, functional, mt.tensor(X), mt.tensor(Y))
    expected = make(torch, torch.autograd.functional, torch.tensor(X), torch.tensor(Y))
    assert values_alone or str(tree_flatten(found)[1]) == str(tree_flatten(expected)[1])
    for one, other in zip(tree_leaves(found), tree_leaves(expected), strict=True):
        assert tuple(one.shape) == tuple(other.shape)
        if other.any() and not values_alone:  # zeros where an output is independent: this differs with `vectorize`
            assert one.requires_grad == other.requires_grad
        np.testing.assert_allclose(one.detach().numpy(), other.detach().numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "create_graph", "vectorize"), list(itertools.product(CASES, (False, True), (False, True)))
)
def test_matrices_are_pytorchs(name: str, create_graph: bool, vectorize: bool) -> None:
    keywords = {"create_graph": create_graph, "vectorize": vectorize}
    compare(lambda t, f, x, y: CASES[name](t, f, x, y, keywords))


@pytest.mark.parametrize(("name", "create_graph"), list(itertools.product(PRODUCTS, (False, True))))
def test_products_are_pytorchs(name: str, create_graph: bool) -> None:
    compare(lambda t, f, x, y: PRODUCTS[name](t, f, x, y, {"create_graph": create_graph, "strict": True}))


@pytest.mark.parametrize("name", FORWARD)
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_forward_mode_is_pytorchs(name: str) -> None:
    compare(FORWARD[name], values_alone=True)  # PyTorch returns lists here, and graphs


def test_a_graph_reaches_the_inputs() -> None:
    x = mt.tensor(Y, requires_grad=True)
    found = functional.jacobian(lambda x: x**3, x, create_graph=True)
    (second,) = mt.autograd.grad(found.sum(), x)
    np.testing.assert_allclose(second.numpy(), 6 * Y)


def test_without_create_graph_no_graph_remains() -> None:
    x = mt.tensor(Y, requires_grad=True)
    assert not functional.jacobian(mt.sin, x).requires_grad
    assert x.grad is None


def test_an_independent_input_gives_zero_unless_strict() -> None:
    x = mt.tensor(Y)
    assert functional.jacobian(lambda x: mt.ones(2), x).tolist() == [[0, 0, 0], [0, 0, 0]]
    assert functional.vhp(lambda x: x.sum(), x, x)[1].tolist() == [0, 0, 0]
    for call in (
        lambda: functional.jacobian(lambda x: mt.ones(2), x, strict=True),
        lambda: functional.vjp(lambda x: mt.ones(()), x, strict=True),
        lambda: functional.vhp(lambda x: x.sum(), x, x, strict=True),
        lambda: functional.jvp(lambda x, y: x * 2, (x, x), (x, x), strict=True),
    ):
        with pytest.raises(RuntimeError, match="strict=True"):
            call()


def test_empty_outputs_have_empty_jacobians() -> None:
    for vectorize in (False, True):
        assert functional.jacobian(lambda x: x[:0], mt.ones(3), vectorize=vectorize).shape == (0, 3)


BAD_CALLS: dict[str, tuple[type[Exception], Callable[[], Any]]] = {
    "inputs must be": (TypeError, lambda: functional.jacobian(mt.sin, [mt.ones(2)])),
    "result must be": (TypeError, lambda: functional.jacobian(lambda x: 1.0, mt.ones(2))),
    "omitted": (RuntimeError, lambda: functional.vjp(mt.sin, mt.ones(2))),
    r"shape \(3,\)": (RuntimeError, lambda: functional.jvp(mt.sin, mt.ones(2), mt.ones(3))),
    "2 tensors": (RuntimeError, lambda: functional.jvp(mt.sin, mt.ones(2), (mt.ones(2), mt.ones(2)))),
    "single element": (RuntimeError, lambda: functional.hvp(mt.sin, mt.ones(2), mt.ones(2))),
    "single tensor": (RuntimeError, lambda: functional.hessian(mt.sin, mt.ones(2))),
    "cannot be combined": (RuntimeError, lambda: functional.jacobian(mt.sin, mt.ones(2), strict=True, vectorize=True)),
    "vectorize=True": (NotImplementedError, lambda: functional.jacobian(mt.sin, mt.ones(2), strategy="forward-mode")),
    "strategy must be": (RuntimeError, lambda: functional.jacobian(mt.sin, mt.ones(2), strategy="sideways")),
}  # fmt: skip


@pytest.mark.parametrize("message", BAD_CALLS)
def test_bad_calls_name_the_mistake(message: str) -> None:
    kind, call = BAD_CALLS[message]
    with pytest.raises(kind, match=message):
        call()

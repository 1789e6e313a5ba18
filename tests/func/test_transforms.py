"""Function transforms give PyTorch's results: values, structures, and ``requires_grad``."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from minitensor import func
from minitensor.utils._pytree import tree_flatten, tree_leaves, tree_map

VECTOR = np.array([0.3, -1.2, 0.7])
MATRIX = np.arange(12.0).reshape(4, 3) / 7 - 0.8


def loss(w: Any, x: Any) -> Any:
    return (w @ x).tanh().sum()


def wave(v: Any) -> Any:
    return v.sin() * v.sum()


def two(x: Any, y: Any) -> Any:
    return {"a": (x * y).exp(), "b": (x.sum(), y[1:])}


# Each case runs in both libraries: `t` is the library, `f` its transforms, `v` a vector, `m` a matrix.
CASES: dict[str, Callable[..., Any]] = {
    "grad": lambda t, f, v, m: f.grad(loss)(m, v),
    "jacobians of numbers": lambda t, f, v, m: [
        f.vmap(f.vmap(each(t.sin)))(m) for each in (f.jacfwd, f.jacrev, f.hessian)
    ],
    "grad by another argument": lambda t, f, v, m: f.grad(loss, argnums=1)(m, v),
    "grad by several arguments": lambda t, f, v, m: f.grad(loss, argnums=(1, 0))(m, v),
    "grad by a dict": lambda t, f, v, m: f.grad(lambda d: loss(d["w"], d["x"][0]))({"w": m, "x": (v,)}),
    "grad with aux": lambda t, f, v, m: f.grad(lambda x: (x.sum(), x * 2), has_aux=True)(v),
    "grad and value": lambda t, f, v, m: f.grad_and_value(loss)(m, v),
    "grad of what does not depend": lambda t, f, v, m: f.grad(lambda x: (v * v).sum())(m),
    "grad of grad": lambda t, f, v, m: f.grad(f.grad(lambda s: s.sin() * s))(v[0]),
    "grad of grad of grad": lambda t, f, v, m: f.grad(f.grad(f.grad(lambda s: s.exp() * s)))(v[0]),
    "grad by a closed-over point": lambda t, f, v, m: f.grad(
        lambda x: f.grad(lambda y: (x * y * y).sum())(x).sum()
    )(v),
    "per-sample gradients": lambda t, f, v, m: f.vmap(f.grad(loss), in_dims=(None, 0))(m, m),
    "gradients of a map": lambda t, f, v, m: f.grad(lambda x: f.vmap(wave)(x).sum())(m),
    "vjp": lambda t, f, v, m: call_second(f.vjp(wave, v), v),
    "vjp of several": lambda t, f, v, m: call_second(f.vjp(lambda x, w: (w @ x, x.sum()), v, m), (m[:, 0], v[0])),
    "vjp with aux": lambda t, f, v, m: f.vjp(lambda x: (x * 2, x.sum()), v, has_aux=True)[2],
    "mapped vjp": lambda t, f, v, m: f.vmap(f.vjp(wave, v)[1])(t.eye(3, dtype=t.float64)),
    "vjp of a map, mapped": lambda t, f, v, m: f.vmap(
        lambda x: f.vmap(f.vjp(wave, x)[1])(t.eye(3, dtype=t.float64))
    )(m),
    "jvp": lambda t, f, v, m: f.jvp(wave, (v,), (v + 1,)),
    "jvp of several": lambda t, f, v, m: f.jvp(two, (v, v * 2), (v + 1, v - 3)),
    "jvp with aux": lambda t, f, v, m: f.jvp(lambda x: (x * 2, x.sum()), (v,), (v,), has_aux=True),
    "mapped jvp": lambda t, f, v, m: f.vmap(lambda x, d: f.jvp(wave, (x,), (d,)))(m, m + 1),
    "jvp of grad": lambda t, f, v, m: f.jvp(f.grad(lambda x: wave(x).sum()), (v,), (v + 1,)),
    "grad of jvp": lambda t, f, v, m: f.grad(lambda x: f.jvp(wave, (x,), (v,))[1].sum())(v),
    "linearize": lambda t, f, v, m: (f.linearize(wave, v)[0], f.linearize(wave, v)[1](v + 1)),
    "jacrev": lambda t, f, v, m: f.jacrev(wave)(v),
    "jacrev in chunks": lambda t, f, v, m: f.jacrev(lambda x: (x @ x.t()).softmax(1), chunk_size=5)(m),
    "jacrev of structures": lambda t, f, v, m: f.jacrev(two, argnums=(0, 1))(v, v * 2),
    "jacrev with aux": lambda t, f, v, m: f.jacrev(lambda x: (x * 2, x.sum()), has_aux=True)(v),
    "jacfwd": lambda t, f, v, m: f.jacfwd(wave)(v),
    "jacfwd of structures": lambda t, f, v, m: f.jacfwd(two, argnums=(0, 1))(v, v * 2),
    "jacrev of jacfwd": lambda t, f, v, m: f.jacrev(f.jacfwd(lambda x: wave(x).prod()))(v),
    "jacfwd of jacrev": lambda t, f, v, m: f.jacfwd(f.jacrev(lambda x: wave(x).prod()))(v),
    "hessian": lambda t, f, v, m: f.hessian(lambda x: wave(x).prod())(v),
    "hessian of several": lambda t, f, v, m: f.hessian(loss, argnums=(0, 1))(m, v),
    "hessian of a loss of classes": lambda t, f, v, m: f.hessian(
        lambda x: t.nn.functional.cross_entropy(x, t.tensor([1, 2, 0, 1]))
    )(m),
    "hessian of a norm of layers": lambda t, f, v, m: f.hessian(
        lambda x: t.nn.functional.layer_norm(x, (3,)).sin().sum()
    )(m),
    "hessian of a norm of batches": lambda t, f, v, m: f.hessian(
        lambda x: t.nn.functional.batch_norm(x, None, None, training=True).sin().sum()
    )(m),
    "mapped jacfwd of jacrev, by what it closes over": lambda t, f, v, m: f.vmap(f.jacfwd(
        lambda a: f.jacrev(lambda x: t.stack([x[0] * a[0], (x * a).sin().sum()]))(v)
    ))(m),
    "mapped jvp of grad, by what it closes over": lambda t, f, v, m: f.vmap(
        lambda a: f.jvp(lambda b: f.grad(lambda x: (x * b[0]).sum())(v), (a,), (v,))[1]
    )(m),
    "jacfwd of mapped jacrev": lambda t, f, v, m: f.jacfwd(
        lambda a: f.vmap(f.jacrev(lambda x: x * a.sum() + (a * x).exp()))(m)
    )(v),
    "mapped hessian": lambda t, f, v, m: f.vmap(f.hessian(lambda x: wave(x).prod()))(m),
    "mapped jacobian": lambda t, f, v, m: f.vmap(f.jacrev(wave))(m),
    "jacobian through indexing": lambda t, f, v, m: f.jacrev(lambda x: x[[2, 0, 2]] * x[1:].sum() + x.flip(0))(v),
    "jacobian through views": lambda t, f, v, m: f.jacrev(
        lambda x: x.t()[1:].reshape(-1)[::2].unfold(0, 2, 1).cumsum(1) + x.diagonal()[1]
    )(m),
    "a map of a map of grad": lambda t, f, v, m: f.vmap(
        lambda a: f.vmap(f.grad(lambda b, a: (a * b).sin().sum()), (0, None))(m, a)
    )(m),
}  # fmt: skip


def call_second(pair: tuple[Any, Callable[..., Any]], weights: Any) -> Any:
    return pair[0], pair[1](weights)


def arguments(library: Any) -> tuple[Any, Any]:
    return library.tensor(VECTOR), library.tensor(MATRIX)


@pytest.mark.parametrize("name", CASES)
def test_is_pytorchs(name: str) -> None:
    torch = pytest.importorskip("torch")
    found = CASES[name](mt, func, *arguments(mt))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch warns about its own internals
        expected = CASES[name](torch, torch.func, *arguments(torch))
    assert str(tree_flatten(found)[1]) == str(tree_flatten(expected)[1])
    for one, other in zip(tree_leaves(found), tree_leaves(expected), strict=True):
        assert one.requires_grad == other.requires_grad
        assert tuple(one.shape) == tuple(other.shape)
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_a_gradient_reaches_tensors_outside_of_the_transform(name: str) -> None:
    """A transform is itself differentiable: compare its gradient with a finite difference along one direction."""
    direction = np.cos(np.arange(3.0))

    def total(v: Any) -> Any:
        found = CASES[name](mt, func, v, mt.tensor(MATRIX))
        return sum([(each * (k + 1)).sum() for k, each in enumerate(tree_leaves(found))])

    v = mt.tensor(VECTOR).requires_grad_()
    value = total(v)
    if value.requires_grad:
        (slope,) = mt.autograd.grad(value, v)
        step = 1e-6
        ahead, behind = [float(total(mt.tensor(VECTOR + s * step * direction))) for s in (1, -1)]
        assert float(slope @ mt.tensor(direction)) == pytest.approx((ahead - behind) / (2 * step), rel=1e-5, abs=1e-7)
    else:
        assert float(total(mt.tensor(VECTOR + direction))) == float(value)


# -- the graph ---------------------------------------------------------------------------------------------------------


def test_no_grad_outside_is_not_seen_inside_and_inside_is() -> None:
    x = mt.tensor(3.0, requires_grad=True)
    with mt.no_grad():
        result = func.grad(lambda x: x * x)(x)
    assert result.item() == 6 and not result.requires_grad

    def partly(x: Any) -> Any:
        with mt.no_grad():
            shift = x * x
        return x * 2 + shift

    assert func.grad(partly)(mt.tensor(3.0)).item() == 2


def test_leaves_no_gradient_behind() -> None:
    x, w = mt.tensor(2.0, requires_grad=True), mt.tensor(5.0, requires_grad=True)
    result = func.grad(lambda x: x * x * w)(x)
    assert x.grad is None and w.grad is None
    result.backward()
    assert (x.grad.item(), w.grad.item()) == (10, 4)


def test_a_vjp_may_be_called_repeatedly() -> None:
    _, back = func.vjp(mt.exp, mt.tensor([0.0, 1.0]))
    assert back(mt.ones(2))[0].tolist() == back(mt.ones(2))[0].tolist()


def test_samples_that_share_memory_have_their_own_gradients() -> None:
    """An expanded input is one memory location for all samples, but each sample has its own gradient."""
    x = mt.tensor([1.0, 2.0]).expand(3, 2)
    found = func.vmap(func.grad(lambda x, k: (x.flip(0)[1:] * k).sum()))(x, mt.tensor([1.0, 2.0, 3.0]))
    assert found.tolist() == [[1, 0], [2, 0], [3, 0]]


def test_many_gradients_in_one_backward() -> None:
    x = mt.tensor(VECTOR).requires_grad_()
    y = wave(x)
    (found,) = mt.autograd.grad(y, x, mt.eye(3, dtype=mt.float64), is_grads_batched=True, retain_graph=True)
    rows = [mt.autograd.grad(y, x, row, retain_graph=True)[0] for row in mt.eye(3, dtype=mt.float64)]
    np.testing.assert_allclose(found.numpy(), mt.stack(rows).numpy(), rtol=1e-12)


BAD_CALLS: dict[str, Callable[[], Any]] = {
    "scalar tensor": lambda: func.grad(mt.sin)(mt.ones(2)),
    "must return a tensor": lambda: func.grad(lambda x: 1.0)(mt.ones(2)),
    "positional arguments": lambda: func.grad(mt.sum, argnums=2)(mt.ones(2)),
    "different arguments": lambda: func.grad(mt.add, argnums=(0, 0))(mt.ones(()), mt.ones(())),
    "floating point": lambda: func.grad(mt.sum)(mt.ones(2).long()),
    "expected tensors": lambda: func.grad(lambda x: mt.ones(()))(3.0),
    r"\(output, aux\)": lambda: func.grad(mt.sum, has_aux=True)(mt.ones(2)),
    "at least one argument to differentiate": lambda: func.vjp(lambda: mt.ones(1)),
    "must return tensors": lambda: func.vjp(lambda x: (x, 1), mt.ones(2)),
    r"shape \(3,\)": lambda: func.vjp(mt.sin, mt.ones(2))[1](mt.ones(3)),
    "expected one tensor": lambda: func.vjp(mt.sin, mt.ones(2))[1]((mt.ones(2), mt.ones(2))),
    "primals to be a tuple": lambda: func.jvp(mt.sin, mt.ones(2), mt.ones(2)),
    "independent of the inputs": lambda: func.jvp(lambda x: mt.ones(2), (mt.ones(2),), (mt.ones(2),), strict=True),
}


@pytest.mark.parametrize("message", BAD_CALLS)
def test_bad_calls_raise_runtime_errors(message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        BAD_CALLS[message]()


def test_trees_keep_their_structure() -> None:
    tree = {"a": [1, (2, None)], "b": {}}
    assert tree_map(lambda x: x, tree) == tree
    assert tree_leaves(tree) == [1, 2, None]

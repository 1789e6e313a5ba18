"""Forward over reverse mode, if hooks pack the saved tensors or a checkpoint computes them again: the tangents stay."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from func.samples import HERE
from func.test_hessians_law import EXCUSED, loss_of
from minitensor import func
from minitensor.autograd.graph import save_on_cpu, saved_tensors_hooks
from minitensor.utils.checkpoint import checkpoint
from ops.row import Row

HOOKS: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "as they are": lambda: saved_tensors_hooks(lambda saved: saved, lambda kept: kept),
    "arrays": lambda: saved_tensors_hooks(lambda saved: saved.detach().clone(), lambda kept: kept.clone()),
    "save_on_cpu": save_on_cpu,
}


def in_hooks(name: str, loss: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def run(x: Any) -> Any:
        with HOOKS[name]():
            return loss(x)

    return run


def variants(loss: Callable[[Any], Any]) -> dict[str, Callable[[Any], Any]]:
    return {
        **{name: in_hooks(name, loss) for name in HOOKS},
        "checkpoint": lambda x: checkpoint(loss, x, use_reentrant=False),
        "nested checkpoints": lambda x: checkpoint(checkpoint, loss, x, use_reentrant=False),
        "checkpoint in hooks": in_hooks("arrays", lambda x: checkpoint(loss, x, use_reentrant=False)),
    }


def tangent_of_gradient(loss: Callable[[Any], Any], x: Any, direction: Any) -> Any:
    return func.jvp(func.grad(loss), (x,), (direction,))[1]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("row", [row for row in HERE if row.name not in EXCUSED], ids=repr)
def test_the_tangent_of_a_gradient_does_not_depend_on_how_tensors_are_saved(row: Row) -> None:
    for call in row.calls[:2]:
        found = loss_of(row, call)
        if found is None:
            continue
        loss, x = found
        direction = mt.arange(x.numel(), dtype=x.dtype).reshape(x.shape) % 3 - 0.5
        try:
            expected = tangent_of_gradient(loss, x, direction)
        except (mt.errors.MinitensorError, AttributeError):
            continue  # it has no gradient
        for name, other in variants(loss).items():
            tangent = tangent_of_gradient(other, x, direction)
            np.testing.assert_allclose(tangent.numpy(), expected.numpy(), 1e-6, 1e-9, err_msg=name)


@pytest.mark.parametrize("name", ["as they are", "arrays", "save_on_cpu", "checkpoint"])
def test_hessians_and_vmap_see_them_too(name: str) -> None:
    def loss(x: Any) -> Any:
        return (x.sin() * x.exp() * x).sum() + (x.softmax(0) ** 2).sum()

    x = mt.tensor([0.5, 1.0, 2.0], dtype=mt.float64)
    other = variants(loss)[name]
    expected = func.jacrev(func.jacrev(loss))(x)
    for twice in (func.hessian(other), func.jacfwd(func.jacfwd(other)), func.jacfwd(func.grad(other))):
        mt.testing.assert_close(twice(x), expected)
    mt.testing.assert_close(mt.autograd.functional.hvp(other, x, mt.ones_like(x))[1], expected.sum(1))


def test_a_users_function_keeps_them() -> None:
    class Cube(mt.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            result = x**3
            ctx.save_for_backward(x, result)
            ctx.save_for_forward(x)
            return result

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            x, result = ctx.saved_tensors
            return grad * 3 * result / x

        @staticmethod
        def jvp(ctx: Any, tangent: Any) -> Any:
            (x,) = ctx.saved_tensors
            return 3 * x**2 * tangent

    def loss(x: Any) -> Any:
        return Cube.apply(x).sum()

    x = mt.tensor([0.5, 1.0, 2.0], dtype=mt.float64)
    expected = 6 * x
    mt.testing.assert_close(tangent_of_gradient(loss, x, mt.ones_like(x)), expected)
    for other in variants(loss).values():
        mt.testing.assert_close(tangent_of_gradient(other, x, mt.ones_like(x)), expected)

"""L-BFGS follows PyTorch's: with and without a line search, on several kinds of problems."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitensor as mt

OPTIONS: list[dict[str, Any]] = [
    {}, {"lr": 0.3, "max_iter": 4}, {"line_search_fn": "strong_wolfe"}, {"history_size": 2, "max_iter": 30},
    {"line_search_fn": "strong_wolfe", "history_size": 3, "max_iter": 7, "max_eval": 12}, {"tolerance_grad": 0.5},
    {"tolerance_change": 1e-2, "line_search_fn": "strong_wolfe"},
]  # fmt: skip


def rosenbrock(lib: Any, x: Any, y: Any) -> Any:
    return ((1 - x) ** 2).sum() + 10 * ((y - x * x) ** 2).sum()


def regression(lib: Any, x: Any, y: Any) -> Any:
    inputs = lib.linspace(-2, 2, 12, dtype=lib.float64).reshape(4, 3)
    return ((inputs @ x).tanh() - y.sum()).pow(2).mean() + 0.01 * (x**2).sum()


def bumpy(lib: Any, x: Any, y: Any) -> Any:
    return (x**4 - 3 * x * x + x).sum() + (y - 2).cosh().sum()


LOSSES = [rosenbrock, regression, bumpy]


def minimize(lib: Any, loss: Any, options: dict[str, Any], steps: int = 5) -> tuple[list[Any], list[float], Any]:
    """Return the final parameters, the losses on the way, and the optimizer."""
    x = lib.tensor([-1.2, 0.5, 2.0], dtype=lib.float64, requires_grad=True)
    y = lib.tensor([1.0, -0.3, 0.7], dtype=lib.float64, requires_grad=True)
    optimizer = lib.optim.LBFGS([x, y], **options)

    def closure() -> Any:
        optimizer.zero_grad()
        value = loss(lib, x, y)
        value.backward()
        return value.detach()

    losses = [optimizer.step(closure).item() for _ in range(steps)]
    return [x.detach().numpy(), y.detach().numpy()], losses, optimizer


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("loss", LOSSES)
def test_the_trajectory_is_pytorchs(loss: Any, options: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    found, losses, ours = minimize(mt, loss, options)
    expected, their_losses, theirs = minimize(torch, loss, options)
    np.testing.assert_allclose(losses, their_losses, rtol=1e-6, atol=1e-9)
    for mine, his in zip(found, expected):
        np.testing.assert_allclose(mine, his, rtol=1e-5, atol=1e-7)
    assert repr(ours) == repr(theirs)
    mine, his = (each.state_dict()["state"][0] for each in (ours, theirs))
    assert (mine["n_iter"], mine["func_evals"]) == (his["n_iter"], his["func_evals"])
    assert mine.keys() >= his.keys() - {"al"}  # a scratch list in PyTorch's state


def test_a_search_finds_the_minimum() -> None:
    found, _, _ = minimize(mt, rosenbrock, {"line_search_fn": "strong_wolfe", "max_iter": 50})
    np.testing.assert_allclose(found, np.ones((2, 3)), atol=1e-4)


def test_a_saved_state_continues_the_trajectory() -> None:
    def closure() -> Any:
        optimizer.zero_grad()
        loss = rosenbrock(mt, x, x.flip(0))
        loss.backward()
        return loss

    results = []
    for interrupted in (False, True):
        x = mt.tensor([0.5, -1.0], dtype=mt.float64, requires_grad=True)
        optimizer = mt.optim.LBFGS([x], max_iter=3)
        optimizer.step(closure)
        if interrupted:
            saved = optimizer.state_dict()
            optimizer = mt.optim.LBFGS([x], max_iter=3)
            optimizer.load_state_dict(saved)
        optimizer.step(closure)
        results.append(x.tolist())
    assert results[0] == results[1]


def test_complex_parameters_are_pairs_of_real_ones() -> None:
    z = mt.tensor([1 + 2j, -1j], dtype=mt.complex128, requires_grad=True)
    optimizer = mt.optim.LBFGS([z], line_search_fn="strong_wolfe")

    def closure() -> Any:
        optimizer.zero_grad()
        loss = ((z - (3 - 1j)).abs() ** 2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    np.testing.assert_allclose(z.detach().numpy(), [3 - 1j] * 2, atol=1e-6)


def test_invalid_arguments_are_refused() -> None:
    x = mt.ones(2, requires_grad=True)
    with pytest.raises(ValueError, match="parameter groups"):
        mt.optim.LBFGS([{"params": [x]}, {"params": [mt.ones(1, requires_grad=True)]}])
    with pytest.raises(RuntimeError, match="needs a closure"):
        mt.optim.LBFGS([x]).step()
    with pytest.raises(RuntimeError, match="strong_wolfe"):
        mt.optim.LBFGS([x], line_search_fn="exact").step(lambda: x.sum())


@pytest.mark.parametrize("options", [{"max_iter": each} for each in (-1.0, 2.5, float("nan"))], ids=str)
def test_a_float_limit_works_as_in_pytorch(options: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    found = []
    for lib in (mt, torch):
        x = lib.tensor([3.0, 4.0], dtype=lib.float64, requires_grad=True)
        optimizer = lib.optim.LBFGS([x], lr=0.1, **options)

        def closure(x: Any = x, optimizer: Any = optimizer) -> Any:
            optimizer.zero_grad()
            loss = ((x - 1) ** 4).sum()
            loss.backward()
            return loss

        optimizer.step(closure)
        found.append(x.tolist())
    np.testing.assert_allclose(found[0], found[1], rtol=1e-12)


@pytest.mark.parametrize("value", [None, "a"])
def test_a_state_without_a_scale_is_refused_before_a_step_writes(value: Any) -> None:
    x = mt.ones(2, requires_grad=True)
    optimizer = mt.optim.LBFGS([x], max_iter=1)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = x.sum()  # without curvature: the previous scale is used
        loss.backward()
        return loss

    optimizer.step(closure)
    before = x.tolist()
    optimizer.state[x]["H_diag"] = value
    with pytest.raises(TypeError, match=r"LBFGS: 'H_diag' in the state must be a number"):
        optimizer.step(closure)
    assert x.tolist() == before

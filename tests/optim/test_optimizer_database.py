"""PyTorch's own optimizer database: its option sets and its error inputs, given to both libraries.

With every option set, parameters follow the same trajectory, and the state has the same keys and values; every mistake
raises an error of the same class. Options that choose among PyTorch's implementations have no effect here.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minitensor as mt
import minitensor.optim
from ops.call import assert_same, note_on_error, outcome
from ops.translation import translate

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")  # PyTorch's database needs it
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_optimizers import OptimizerErrorEnum, optim_db

STEPS = 12
SHAPES = [(4, 3), (2, 5), (30, 20)]  # matrices, for Muon; test_rules.py has the other shapes

# Skipped option sets, and why.
SPARSE = "its gradients are sparse tensors; test_sparse_adam.py"
EXCUSED = {"SparseAdam": SPARSE}

HERE: list[Any] = [info for info in optim_db if info.name not in EXCUSED]
SETS = {
    f"{info.name}-{given.desc}": (info.name, given.kwargs)
    for info in HERE
    for given in info.optim_inputs_func(device="cpu")
}
RECORDING = [info.name for info in HERE if "differentiable" in info.supported_impls]
TOLERANCE = {"float64": 1e-9, "float32": 3e-5}
# Muon multiplies in bfloat16: sums in another order may round differently. Forty iterations of LBFGS amplify rounding.
ROUGHER = {("Muon", "float64"): 2e-3, ("Muon", "float32"): 2e-3, ("LBFGS", "float32"): 5e-3}


def each(infos: list[Any]) -> Any:
    return pytest.mark.parametrize("info", infos, ids=lambda info: info.name)


def draw(step: int, dtype: str) -> list[Any]:
    random = np.random.default_rng(step)
    return [(random.standard_normal(shape) + 0.3).astype(dtype) for shape in SHAPES]


def take_steps(library: Any, name: str, options: dict[str, Any], dtype: str) -> tuple[list[Any], Any]:
    """Return the parameters after some steps, and their optimizer. A recorded step must not change leaves."""
    # A line search measures how much a sum changes: with many terms, the change is lost in float32 rounding.
    kept = 2 if name == "LBFGS" else len(SHAPES)
    params = [library.tensor(values, requires_grad=True) for values in draw(99, dtype)[:kept]]
    params = [param.clone() for param in params] if options.get("differentiable") else params
    optimizer = getattr(library.optim, name)(params, **options)
    if name == "LBFGS":
        for _ in range(2):
            optimizer.step(quartic(library, params, optimizer, dtype))
        return params, optimizer
    for step in range(STEPS):
        for param, grad in zip(params, draw(step, dtype), strict=True):
            param.grad = library.tensor(grad)
        optimizer.step()
    return params, optimizer


def quartic(library: Any, params: list[Any], optimizer: Any, dtype: str) -> Callable[[], Any]:
    """Return the closure of a convex loss, for the optimizer that evaluates it repeatedly."""
    slopes = [library.tensor(values) for values in draw(0, dtype)]

    def closure() -> Any:
        optimizer.zero_grad()
        loss = sum([(param**4 / 4 + slope * param).sum() for param, slope in zip(params, slopes)])
        loss.backward()
        return loss

    return closure


def assert_same_walks(name: str, options: dict[str, Any], dtype: str) -> None:
    tolerance = ROUGHER.get((name, dtype), TOLERANCE[dtype])
    theirs, his = take_steps(torch, name, options, dtype)
    ours, mine = take_steps(mt, name, translate(options), dtype)
    with note_on_error(name, options, dtype):
        assert_same([param.detach() for param in ours], [param.detach() for param in theirs], tolerance, "values")
        assert_same_states(mine.state_dict(), his.state_dict(), tolerance)


def assert_same_states(mine: Any, theirs: Any, tolerance: float) -> None:
    """Compare state dicts: the same keys, options and values."""
    assert list(mine) == list(theirs)
    for group, other in zip(mine["param_groups"], theirs["param_groups"], strict=True):
        assert list(group)[-1] == list(other)[-1] == "params"
        assert group.keys() == other.keys()
        assert {name: number_of(each) for name, each in group.items()} == {
            name: number_of(each) for name, each in other.items()
        }
    assert list(mine["state"]) == list(theirs["state"])
    for number, entry in theirs["state"].items():
        assert mine["state"][number].keys() == entry.keys()
        for key, value in () if "old_dirs" in entry else entry.items():  # LBFGS: test_lbfgs.py compares its values
            assert_same_entry(mine["state"][number][key], value, tolerance, key)


def assert_same_entry(mine: Any, theirs: Any, tolerance: float, key: str) -> None:
    if isinstance(theirs, float):
        assert mine == pytest.approx(theirs, rel=tolerance)
    else:
        assert_same(mine, theirs, tolerance, key)


def number_of(option: Any) -> Any:
    return option.item() if hasattr(option, "item") else option


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", SETS)
def test_the_trajectory_is_pytorchs(name: str, dtype: str) -> None:
    assert_same_walks(*SETS[name], dtype)


@each(HERE)
def test_the_choice_of_implementation_has_no_effect(info: Any) -> None:
    for option in info.supported_impls:
        if option != "fused" or "cpu" in info.supports_fused_on:
            assert_same_walks(info.name, {option: True}, "float32")
            assert_same_walks(info.name, {option: False}, "float32")


@pytest.mark.parametrize("key", [key for key, (name, _) in SETS.items() if name in RECORDING])
def test_the_trajectory_of_recorded_steps_is_pytorchs(key: str) -> None:
    """In single precision: PyTorch stores its counts in float32, and computes with them if it records."""
    name, options = SETS[key]
    assert_same_walks(name, {**options, "differentiable": True}, "float32")


@each(HERE)
def test_raises_what_pytorch_raises(info: Any) -> None:
    for error in info.optim_error_inputs_func(device="cpu", dtype=torch.float64):
        given = error.optimizer_error_input
        params = given.params if given.params is not None else [torch.ones(2, 2, requires_grad=True)]
        steps = error.error_on is OptimizerErrorEnum.STEP_ERROR
        with note_on_error(info.name, given.desc):
            mine = Twins().of(params)  # before PyTorch writes into its groups
            assert isinstance(strict(run, torch, info.name, params, given.kwargs, steps), error.error_type)
            found = strict(run, mt, info.name, mine, translate(given.kwargs), steps)
            assert isinstance(found, error.error_type), f"{found!r}"


def run(library: Any, name: str, params: Any, options: dict[str, Any], steps: bool) -> Any:
    optimizer = getattr(library.optim, name)(params, **options)
    if steps:
        optimizer.step()
    return optimizer


def strict(function: Callable[..., Any], *args: Any) -> Any:
    """Return a call's result, exception or warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return outcome(function, *args)


class Twins:
    """Copies of PyTorch's parameters: a parameter that occurs twice has one copy."""

    def __init__(self) -> None:
        self.known: dict[int, Any] = {}

    def of(self, params: Any) -> Any:
        if isinstance(params, dict):
            return {name: self.of(each) for name, each in params.items()}
        if isinstance(params, (list, tuple)):
            return type(params)([self.of(each) for each in params])
        if not isinstance(params, torch.Tensor):
            return params
        if id(params) not in self.known:
            self.known[id(params)] = translate(params)
            if params.grad is not None:
                self.known[id(params)].grad = translate(params.grad)
        return self.known[id(params)]

"""Groups added to every optimizer: a refused group leaves the optimizer and the given dict unchanged."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from minitensor.errors import MinitensorError

WITHOUT_STEPS = ("Optimizer", "SparseAdam")
OPTIMIZERS = [
    name for name in mt.optim.__all__ if inspect.isclass(getattr(mt.optim, name)) and name not in WITHOUT_STEPS
]
Make = Callable[[Any, Any], Any]


def matrix(lib: Any) -> Any:
    return lib.nn.Parameter(lib.tensor([[1.0, 2.0], [3.0, 4.0]]))


# The group to add, from the library and the optimizer's first parameter.
GROUPS: dict[str, Make] = {
    "a matrix": lambda lib, first: {"params": [matrix(lib)]},
    "a tensor alone": lambda lib, first: {"params": matrix(lib)},
    "another rate": lambda lib, first: {"params": [matrix(lib)], "lr": 0.5},
    "an unknown option": lambda lib, first: {"params": [matrix(lib)], "color": "red"},
    "None": lambda lib, first: None,
    "a list": lambda lib, first: [matrix(lib)],
    "no params": lambda lib, first: {"lr": 0.1},
    "params None": lambda lib, first: {"params": None},
    "params a number": lambda lib, first: {"params": 3},
    "params a set": lambda lib, first: {"params": {matrix(lib)}},
    "a number second": lambda lib, first: {"params": [matrix(lib), 3]},
    "None second": lambda lib, first: {"params": [matrix(lib), None]},
    "a non-leaf second": lambda lib, first: {"params": [matrix(lib), matrix(lib) * 2]},
    "the first again": lambda lib, first: {"params": [matrix(lib), first]},
    "a name, to groups without": lambda lib, first: {"params": [("a", matrix(lib))]},
    "one name of two": lambda lib, first: {"params": [("a", matrix(lib)), matrix(lib)]},
    "a pair of one": lambda lib, first: {"params": [(matrix(lib),)]},
    "a vector second": lambda lib, first: {"params": [matrix(lib), lib.nn.Parameter(lib.ones(2))]},
    "a complex matrix second": lambda lib, first: {"params": [matrix(lib), lib.ones(2, 2, dtype=lib.complex64)]},
    **{
        f"{option} {value!r}": lambda lib, first, option=option, value=value: {"params": [matrix(lib)], option: value}
        for option in ("lr", "betas", "eps", "momentum", "initial_accumulator_value")
        for value in (None, "x", -1, [], 1j)
    },
}
REFUSED_HERE = {
    "Muon: a vector second": "PyTorch fails in the step",
    "Muon: a complex matrix second": "PyTorch fails in the step",
    **{
        f"Adagrad: initial_accumulator_value {value!r}": "PyTorch uses it only in the constructor"
        for value in (None, "x", -1, [], 1j)
    },
}


@pytest.fixture
def torch() -> ModuleType:
    return pytest.importorskip("torch")


def take_step(param: Any, optimizer: Any) -> Any:
    """Take a step and return the parameter."""
    def closure() -> Any:
        optimizer.zero_grad()
        loss = ((param - 1) ** 2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return param.detach().numpy().copy()


def snapshot(optimizer: Any) -> Any:
    """Return all parts of an optimizer in a form that ``==`` compares."""
    groups = [{**group, "params": list(map(id, group["params"]))} for group in optimizer.param_groups]
    return groups, {id(param): sorted(state) for param, state in optimizer.state.items()}, dict(optimizer.defaults)


def contents(group: Any) -> Any:
    """Return what identifies a dict's entries, in their order."""
    return [(key, id(value)) for key, value in group.items()] if isinstance(group, dict) else None


def added(lib: Any, name: str, make: Make) -> Any:
    """Add a group; return the number of groups or the error, whether anything changed, and the next step's result."""
    first = matrix(lib)
    optimizer = getattr(lib.optim, name)([first], lr=0.1)
    take_step(first, optimizer)
    group = make(lib, first)
    before = snapshot(optimizer), contents(group)
    try:
        optimizer.add_param_group(group)
    except Exception as error:
        return error, (snapshot(optimizer), contents(group)) != before, take_step(first, optimizer)
    return len(optimizer.param_groups)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_refused_group_changes_nothing(name: str) -> None:
    first = matrix(mt)
    optimizer = getattr(mt.optim, name)([first], lr=0.1)
    take_step(first, optimizer)
    expected, faults = take_step(first, optimizer), []
    for what, make in GROUPS.items():
        found = added(mt, name, make)
        if isinstance(found, tuple):
            error, changed, after = found
            if changed or not isinstance(error, MinitensorError) or not np.array_equal(after, expected):
                faults.append(f"{name}: {what}: {found}")
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_group_is_refused_as_in_pytorch(name: str, torch: Any) -> None:
    faults = []
    for what, make in GROUPS.items():
        found, expected = added(mt, name, make), added(torch, name, make)
        if f"{name}: {what}" in REFUSED_HERE:
            fits = isinstance(found, tuple) and not isinstance(expected, tuple)
        elif isinstance(expected, tuple):
            fits = isinstance(found, tuple) and isinstance(found[0], type(expected[0]))
        else:
            fits = found == expected
        if not fits:
            faults.append(f"{name}: {what}: {found}, PyTorch {expected}")
    assert not faults, "\n".join(faults)

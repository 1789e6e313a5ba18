"""Faulty state dicts: an entry that is missing, None, or of another type or shape, for every optimizer and schedule.

Where PyTorch raises, at loading or in the next step, this library raises a subclass of its class, and no parameter has
changed. Where PyTorch continues, the parameters become the same.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minitensor as mt
import minitensor.optim.swa_utils
from minitensor.errors import MinitensorError

RULES: dict[str, dict[str, Any]] = {
    "SGD": {"lr": 0.1, "momentum": 0.9}, "Adam": {"lr": 0.1, "amsgrad": True}, "AdamW": {"lr": 0.1},
    "RMSprop": {"lr": 0.1, "momentum": 0.9, "centered": True}, "LBFGS": {"lr": 0.1, "max_iter": 3},
    "Adafactor": {"lr": 0.1},
    **{name: {"lr": 0.1} for name in ("Adamax", "NAdam", "RAdam", "Rprop", "ASGD", "Adagrad", "Adadelta", "Muon")},
}  # fmt: skip
GONE = object()
MISFITS: dict[str, Any] = {
    "gone": GONE, "None": None, "text": "x", "list": [1.0], "dict": {}, "shape": lambda lib: lib.ones(5)
}  # fmt: skip
STATES = ("gone", "None", "text", "list", "dict", "shape")
OPTIONS = ("gone", "None", "text", "list")
EXCUSED = {
    "RAdam: eps": "PyTorch does not read it in the first steps",
    "Rprop: lr": "PyTorch does not read it after the first step",
    "Adagrad: initial_accumulator_value": "PyTorch does not read it after the first step",
    "RMSprop: step": "PyTorch does not read it",
    "Rprop: step": "PyTorch does not read it",
    "Adadelta: step": "PyTorch does not read it",
    "Muon: momentum_buffer": "None means that there is none yet, as in SGD",
    "Muon: eps": "PyTorch passes None to clamp",
    "NAdam: mu_product": "PyTorch makes a tensor of it, whatever it is",
    "ASGD: eta": "PyTorch makes a tensor of it, whatever it is",
    "ASGD: mu": "PyTorch makes a tensor of it, whatever it is",
    "Adafactor: step": "PyTorch calls float() on text",
    "Adafactor: row_var": "PyTorch asserts that it has both means",
    "Adafactor: col_var": "PyTorch asserts that it has both means",
    "Adafactor: maximize": "old versions of PyTorch did not save it",
    "LBFGS: al": "it is not read here",
    "LBFGS: ro": "PyTorch counts its entries",
    "LBFGS: old_stps": "PyTorch counts its entries",
    "LBFGS: old_dirs": "fails inside PyTorch's loop and inside ours",
    "LBFGS: n_iter": "a number here",
    "LBFGS: func_evals": "a number here",
    "LBFGS: t": "PyTorch multiplies by it",
    "LBFGS: history_size": "PyTorch does not read it in the first steps",
    "capturable": "has no effect here",
}  # fmt: skip


@pytest.fixture
def torch() -> ModuleType:
    return pytest.importorskip("torch")


def start(lib: Any, name: str) -> tuple[list[Any], Any]:
    params = [lib.nn.Parameter(lib.tensor([[1.0, 2.0], [3.0, 4.0]])) for _ in range(2)]
    return params, getattr(lib.optim, name)(params, **RULES[name])


def step(lib: Any, params: list[Any], optimizer: Any, count: int) -> None:
    def closure() -> Any:
        optimizer.zero_grad()
        loss = sum(((param - 1) ** 2).sum() for param in params)
        loss.backward()
        return loss

    for param in params:
        param.grad = lib.tensor([[0.3, -0.5], [0.7, 0.2]]) * count
    optimizer.step(*([closure] if type(optimizer).__name__ == "LBFGS" else []))


def copy_of(lib: Any, value: Any) -> Any:
    if isinstance(value, lib.Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return {key: copy_of(lib, inner) for key, inner in value.items()}
    return [copy_of(lib, inner) for inner in value] if isinstance(value, list) else value


def alter(entries: dict[Any, Any], key: Any, how: str, lib: Any) -> None:
    """Make one change to one entry."""
    value = MISFITS[how]
    if value is GONE:
        del entries[key]
    else:
        entries[key] = value(lib) if callable(value) else copy.deepcopy(value)


def faulty_states(saved: dict[str, Any]) -> Iterator[tuple[str, Callable[[dict[str, Any], Any], None]]]:
    """Yield an entry's name with the fault, and a function that makes the fault in a state dict."""
    for key in saved["state"][0]:
        for how in STATES:
            yield f"{key} {how}", lambda state, lib, key=key, how=how: alter(state["state"][0], key, how, lib)
    for key in saved["param_groups"][0]:
        for how in OPTIONS:
            yield f"{key} {how}", lambda state, lib, key=key, how=how: alter(state["param_groups"][0], key, how, lib)
    for key in ("state", "param_groups"):
        for how in OPTIONS:
            yield f"{key} {how}", lambda state, lib, key=key, how=how: alter(state, key, how, lib)
    yield "state of a parameter None", lambda state, lib: state["state"].update({0: None})


def after(lib: Any, name: str, change: Callable[[dict[str, Any], Any], None]) -> Any:
    """Load a changed state dict and take two steps; return the parameters, or the error and whether they changed."""
    params, optimizer = start(lib, name)
    step(lib, params, optimizer, 1)
    state = copy_of(lib, optimizer.state_dict())
    change(state, lib)
    before = numbers(params)
    try:
        optimizer.load_state_dict(state)
        step(lib, params, optimizer, 2)
        step(lib, params, optimizer, 3)
    except Exception as error:
        return error, bool((numbers(params) != before).any())
    return numbers(params)


def numbers(params: list[Any]) -> Any:
    return np.stack([param.detach().numpy().copy() for param in params])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", RULES)
def test_a_faulty_state_is_refused_as_in_pytorch_and_changes_nothing(name: str, torch: Any) -> None:
    params, optimizer = start(torch, name)
    step(torch, params, optimizer, 1)
    faults = []
    for what, change in faulty_states(optimizer.state_dict()):
        entry = what.rpartition(" ")[0]
        if f"{name}: {entry}" in EXCUSED or entry in EXCUSED:
            continue
        expected, found = after(torch, name, change), after(mt, name, change)
        if not isinstance(expected, tuple):
            if isinstance(found, tuple) or not np.allclose(found, expected, rtol=1e-4, atol=1e-6):
                faults.append(f"{what}: {found}, PyTorch goes on: {expected}")
        elif not isinstance(found, tuple) or not isinstance(found[0], type(expected[0])):
            faults.append(f"{what}: {found!r:.150}, PyTorch {expected[0]!r:.150}")
        elif not isinstance(found[0], MinitensorError) or found[1]:
            faults.append(f"{what}: {found}")
    assert not faults, "\n".join(faults)


def test_a_missing_entry_is_named_with_the_existing_ones() -> None:
    params, optimizer = start(mt, "Adam")
    step(mt, params, optimizer, 1)
    state = optimizer.state_dict()
    del state["state"][0]["exp_avg"]
    before, fresh = numbers(params), start(mt, "Adam")[1]
    fresh.param_groups[0]["params"] = params
    fresh.load_state_dict(state)
    with pytest.raises(KeyError, match=r"^Adam: the state of .*\(2, 2\) has no 'exp_avg', but \['step', .*clear it"):
        step(mt, params, fresh, 2)
    assert (numbers(params) == before).all()


@pytest.mark.parametrize("name", [name for name in RULES if name not in ("LBFGS", "Muon")])
def test_options_of_later_versions_may_be_missing(name: str) -> None:
    params, optimizer = start(mt, name)
    step(mt, params, optimizer, 1)
    state = copy_of(mt, optimizer.state_dict())
    for option in ("foreach", "maximize", "capturable", "differentiable", "fused"):
        state["param_groups"][0].pop(option, None)
    optimizer.load_state_dict(state)
    step(mt, params, optimizer, 2)
    assert numbers(params).shape == (2, 2, 2)


# -- schedules ---------------------------------------------------------------------------------------------------------

SCHEDULES: dict[str, Callable[[Any, Any], Any]] = {
    "StepLR": lambda of, optimizer: of.StepLR(optimizer, 2),
    "ExponentialLR": lambda of, optimizer: of.ExponentialLR(optimizer, 0.9),
    "CosineAnnealingLR": lambda of, optimizer: of.CosineAnnealingLR(optimizer, 5),
    "CyclicLR": lambda of, optimizer: of.CyclicLR(optimizer, 0.1, 0.2),
    "OneCycleLR": lambda of, optimizer: of.OneCycleLR(optimizer, 0.1, 10),
    "ReduceLROnPlateau": lambda of, optimizer: of.ReduceLROnPlateau(optimizer, patience=0),
    "LambdaLR": lambda of, optimizer: of.LambdaLR(optimizer, lambda epoch: 0.9**epoch),
    "SequentialLR": lambda of, optimizer: of.SequentialLR(
        optimizer, [of.StepLR(optimizer, 2), of.ExponentialLR(optimizer, 0.9)], [2]
    ),
}


# What PyTorch passes on unchecked: to dict.update, to the next schedule, or to a formula in the middle of a step.
READ_ELSEWHERE = ("_scale_fn_custom", "_schedule_phases", "use_beta1", "lr_lambdas", "_schedulers")


def make_schedule(lib: Any, name: str) -> tuple[Any, Any]:
    optimizer = lib.optim.SGD([lib.nn.Parameter(lib.ones(2))], lr=0.1, momentum=0.9)
    return optimizer, SCHEDULES[name](lib.optim.lr_scheduler, optimizer)


def advance(optimizer: Any, scheduler: Any) -> None:
    optimizer.step()
    scheduler.step(*([1.0] if type(scheduler).__name__ == "ReduceLROnPlateau" else []))


def reload(lib: Any, name: str, key: str, how: str) -> Any:
    """Load a changed state dict and take two steps; return the rate or the error, and the entries that were loaded."""
    optimizer, scheduler = make_schedule(lib, name)
    advance(optimizer, scheduler)
    state = copy.deepcopy(scheduler.state_dict())
    alter(state, key, how, lib)
    try:
        scheduler.load_state_dict(state)
        advance(optimizer, scheduler)
        advance(optimizer, scheduler)
    except Exception as error:
        return error
    return optimizer.param_groups[0]["lr"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_refuses_states_on_which_pytorchs_fails(name: str, torch: Any) -> None:
    optimizer, scheduler = make_schedule(mt, name)
    advance(optimizer, scheduler)
    faults = []
    for key in scheduler.state_dict():
        for how in OPTIONS:
            expected, found = reload(torch, name, key, how), reload(mt, name, key, how)
            if not isinstance(expected, Exception) or key in READ_ELSEWHERE:
                continue
            if not isinstance(found, type(expected)) or not isinstance(found, MinitensorError):
                faults.append(f"{key} {how}: {found!r}, PyTorch {expected!r}")
    assert not faults, "\n".join(faults)


def test_a_schedule_that_refuses_a_state_is_unchanged() -> None:
    optimizer, scheduler = make_schedule(mt, "SequentialLR")
    advance(optimizer, scheduler)
    state = copy.deepcopy(scheduler.state_dict())
    before = copy.deepcopy(state)
    state["last_epoch"] = 7
    state["_schedulers"][1]["gamma"] = None
    with pytest.raises(TypeError, match=r"^ExponentialLR: 'gamma' of the state dict must be a number, not NoneType"):
        scheduler.load_state_dict(state)
    assert scheduler.state_dict() == before

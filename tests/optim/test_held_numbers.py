"""Numbers given as tensors: schedules and optimizers keep what PyTorch keeps, the value or the tensor."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

import minitensor as mt
import minitensor.optim.swa_utils

SCHEDULES: list[tuple[str, str, float, dict[str, Any]]] = [
    ("StepLR", "gamma", 0.5, {"step_size": 2}),
    ("StepLR", "step_size", 2.0, {"gamma": 0.5}),
    ("MultiStepLR", "gamma", 0.5, {"milestones": [1, 3]}),
    ("ConstantLR", "factor", 0.3, {}),
    ("ConstantLR", "total_iters", 3.0, {}),
    ("LinearLR", "start_factor", 0.3, {}),
    ("LinearLR", "end_factor", 0.9, {}),
    ("ExponentialLR", "gamma", 0.9, {}),
    ("PolynomialLR", "power", 2.0, {}),
    ("CosineAnnealingLR", "eta_min", 0.01, {"T_max": 5}),
    ("CosineAnnealingWarmRestarts", "eta_min", 0.01, {"T_0": 3}),
    ("CyclicLR", "max_lr", 0.3, {"base_lr": 0.05}),
    ("CyclicLR", "base_momentum", 0.8, {"base_lr": 0.05, "max_lr": 0.3, "step_size_up": 2}),
    ("OneCycleLR", "max_lr", 0.3, {"total_steps": 10}),
    ("OneCycleLR", "pct_start", 0.3, {"total_steps": 10, "max_lr": 0.3}),
    ("OneCycleLR", "div_factor", 10.0, {"total_steps": 10, "max_lr": 0.3}),
    ("ReduceLROnPlateau", "factor", 0.5, {"patience": 0}),
    ("ReduceLROnPlateau", "min_lr", 0.02, {"patience": 0}),
    ("ReduceLROnPlateau", "threshold", 0.1, {"patience": 0}),
    ("SWALR", "swa_lr", 0.05, {}),
]


@pytest.fixture
def torch() -> ModuleType:
    return pytest.importorskip("torch")


def rates(lib: Any, name: str, option: str, value: float, others: dict[str, Any], rate: Any, written: str) -> Any:
    """Return the rates of six steps, with a write to a tensor before the third, and the tensors at the end."""
    given, param = lib.tensor(value), lib.nn.Parameter(lib.ones(2))
    lr = lib.tensor(0.1) if rate == "tensor" else 0.1
    optimizer = lib.optim.SGD([param], lr=lr, momentum=0.9)
    where = lib.optim.swa_utils if name == "SWALR" else lib.optim.lr_scheduler
    try:
        scheduler = getattr(where, name)(optimizer, **{option: given}, **others)
        seen = []
        for count in range(6):
            if count == 2 and written == "option":
                given.mul_(3)
            if count == 2 and written == "rate":
                optimizer.param_groups[0]["lr"] *= 2  # in place, if it is a tensor
            optimizer.step()
            scheduler.step(*([lib.tensor(1.0)] if name == "ReduceLROnPlateau" else []))
            seen.append(float(optimizer.param_groups[0]["lr"]))
    except Exception as error:
        return type(error)
    return [*seen, *map(float, scheduler.get_last_lr()), float(given), float(lr)]


@pytest.mark.filterwarnings("ignore")
def test_a_schedule_keeps_a_tensor_or_its_value_as_pytorch_does(torch: Any) -> None:
    faults = []
    for name, option, value, others in SCHEDULES:
        for rate in ("float", "tensor"):
            for written in ("nothing", "option", "rate"):
                found, expected = (rates(lib, name, option, value, others, rate, written) for lib in (mt, torch))
                if isinstance(expected, list) and found != pytest.approx(expected, rel=1e-4, abs=1e-7):
                    faults.append(f"{name}({option}), {rate} rate, {written} written: {found}, PyTorch {expected}")
    assert not faults, "\n".join(faults)


@pytest.mark.filterwarnings("ignore")
def test_a_cycle_begins_at_the_value_of_a_tensor() -> None:
    """In PyTorch the group's rate and the cycle's base become the same tensor, so each step changes the base."""
    base = mt.tensor(0.05)
    optimizer = mt.optim.SGD([mt.nn.Parameter(mt.ones(2))], lr=0.1, momentum=0.9)
    scheduler = mt.optim.lr_scheduler.CyclicLR(optimizer, base, 0.25, step_size_up=2)
    base.fill_(9.0)
    seen = [optimizer.param_groups[0]["lr"]]
    for _ in range(4):
        scheduler.step()
        seen.append(optimizer.param_groups[0]["lr"])
    assert seen == pytest.approx([0.05, 0.15, 0.25, 0.15, 0.05])


@pytest.mark.filterwarnings("ignore")
def test_rates_given_as_tensors_are_copied() -> None:
    goal = mt.tensor(0.05)
    optimizer = mt.optim.SGD([mt.nn.Parameter(mt.ones(2))], lr=0.1)
    scheduler = mt.optim.swa_utils.SWALR(optimizer, goal, anneal_epochs=2, anneal_strategy="linear")
    goal.fill_(9.0)
    for _ in range(3):
        scheduler.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.05)


OPTIONS = {
    "SGD": ("lr", "momentum", "weight_decay"), "Adam": ("lr", "eps", "weight_decay"), "RMSprop": ("lr", "alpha", "eps"),
    "Adagrad": ("lr", "lr_decay", "eps"), "Adadelta": ("lr", "rho"), "Rprop": ("lr",), "ASGD": ("lr", "lambd", "alpha"),
}  # fmt: skip


def trajectory(lib: Any, name: str, option: str, written: bool) -> Any:
    """Take four steps with an option in a tensor, which is halved before the third."""
    given = lib.tensor(0.3)
    param = lib.nn.Parameter(lib.tensor([1.0, 2.0]))
    try:
        optimizer = getattr(lib.optim, name)([param], **{"lr": 0.1, option: given})
        for count in range(4):
            if count == 2 and written:
                given.mul_(0.5)
            param.grad = lib.tensor([0.3, -0.5]) * (count + 1)
            optimizer.step()
    except Exception as error:
        return type(error)
    return param.tolist()


@pytest.mark.filterwarnings("ignore")
def test_an_optimizer_reads_a_tensor_option_at_each_step_as_pytorch_does(torch: Any) -> None:
    faults = []
    for name, options in OPTIONS.items():
        for option in options:
            for written in (False, True):
                found, expected = (trajectory(lib, name, option, written) for lib in (mt, torch))
                if isinstance(expected, list) and found != pytest.approx(expected, rel=1e-4, abs=1e-6):
                    faults.append(f"{name}({option}), written: {written}: {found}, PyTorch {expected}")
    assert not faults, "\n".join(faults)


# -- names -------------------------------------------------------------------------------------------------------------


def parameter(lib: Any) -> Any:
    return lib.nn.Parameter(lib.ones(2))


def with_names(lib: Any, *names: str) -> Any:
    return lib.optim.SGD([(name, parameter(lib)) for name in names], lr=0.1)


def names_after(lib: Any, optimizer: Any, group: dict[str, Any]) -> Any:
    optimizer.add_param_group(group)
    return names_in(optimizer)


def names_in(optimizer: Any) -> Any:
    return [group.get("param_names") for group in optimizer.param_groups]


CASES: dict[str, Any] = {
    "without names to named": lambda lib: names_after(lib, with_names(lib, "a"), {"params": [parameter(lib)]}),
    "named to without": lambda lib: names_after(
        lib, lib.optim.SGD([parameter(lib)], lr=0.1), {"params": [("b", parameter(lib))]}
    ),
    "named to named": lambda lib: names_after(lib, with_names(lib, "a"), {"params": [("b", parameter(lib))]}),
    "names beside, to named": lambda lib: names_after(
        lib, with_names(lib, "a"), {"params": [parameter(lib)], "param_names": ["b"]}
    ),
    "names beside, to without": lambda lib: names_after(
        lib, lib.optim.SGD([parameter(lib)], lr=0.1), {"params": [parameter(lib)], "param_names": ["b"]}
    ),
    "some without": lambda lib: lib.optim.SGD([("a", parameter(lib)), parameter(lib)], lr=0.1),
    "of two groups, one": lambda lib: lib.optim.SGD(
        [{"params": [parameter(lib)]}, {"params": [("q", parameter(lib))]}], lr=0.1
    ),
    "named_parameters": lambda lib: names_in(lib.optim.SGD(lib.nn.Linear(2, 2).named_parameters())),
    "in the state dict": lambda lib: with_names(lib, "a", "b").state_dict()["param_groups"],
    "no params": lambda lib: with_names(lib, "a").add_param_group({"lr": 1.0}),
    "params None": lambda lib: with_names(lib, "a").add_param_group({"params": None}),
    "a pair of one": lambda lib: lib.optim.SGD([("a",)], lr=0.1),
}


def result(lib: Any, case: Any) -> Any:
    try:
        return case(lib)
    except Exception as error:
        return error


@pytest.mark.parametrize("case", CASES)
def test_groups_with_and_without_names_cannot_be_mixed(case: str, torch: Any) -> None:
    found, expected = result(mt, CASES[case]), result(torch, CASES[case])
    if isinstance(expected, Exception):
        assert isinstance(found, type(expected))
        assert isinstance(found, mt.errors.MinitensorError)
    else:
        assert found == expected


def test_inconsistent_names_raise_pytorchs_message() -> None:
    with pytest.raises(ValueError, match=r"with/without names\. cannot add param group without names to the optimizer"):
        CASES["without names to named"](mt)
    with pytest.raises(ValueError, match=r"with/without names\. cannot add param group with names to the optimizer"):
        CASES["named to without"](mt)


@pytest.mark.parametrize(("saved", "into"), [("a", "z"), ("a", ""), ("", "z")])
def test_names_come_from_the_state_dict_if_it_has_them(saved: str, into: str, torch: Any) -> None:
    found = []
    for lib in (mt, torch):
        one, other = (
            with_names(lib, name) if name else lib.optim.SGD([parameter(lib)], lr=0.1) for name in (saved, into)
        )
        other.load_state_dict(one.state_dict())
        found.append(other.param_groups[0].get("param_names"))
    assert found[0] == found[1]

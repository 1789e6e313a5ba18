"""Schedules set PyTorch's rates, epoch by epoch: also chained, resumed and reloaded."""

from __future__ import annotations

import re
from types import ModuleType
from typing import Any

import pytest

import minitensor
from minitensor import optim
from minitensor.optim import lr_scheduler


@pytest.fixture
def torch() -> ModuleType:
    return pytest.importorskip("torch")


def optimizer_of(lib: Any, **options: Any) -> Any:
    params = [lib.ones(1, requires_grad=True) for _ in range(2)]
    return lib.optim.SGD([{"params": params[0]}, {"params": params[1], "lr": 0.3}], lr=0.1, momentum=0.7, **options)


SCHEDULES = [
    ("StepLR", (3,), {}),
    ("StepLR", (2, 0.5), {}),
    ("MultiStepLR", ([2, 5, 5, 9],), {"gamma": 0.5}),
    ("ExponentialLR", (0.9,), {}),
    ("LinearLR", (), {}),
    ("LinearLR", (0.5, 0.1, 7), {}),
    ("CosineAnnealingLR", (5,), {}),
    ("CosineAnnealingLR", (7,), {"eta_min": 0.01}),
    ("ConstantLR", (), {}),
    ("ConstantLR", (0.5, 7), {}),
    ("PolynomialLR", (), {}),
    ("PolynomialLR", (12, 2.0), {}),
    ("CosineAnnealingWarmRestarts", (3,), {}),
    ("CosineAnnealingWarmRestarts", (2, 2, 0.01), {}),
    ("CyclicLR", (0.01, 0.1, 4), {"cycle_momentum": False}),
    ("CyclicLR", ([0.01, 0.02], 0.1, 3, 5), {"mode": "triangular2"}),
    ("CyclicLR", (0.01, 0.1, 4), {"mode": "exp_range", "gamma": 0.9, "base_momentum": 0.5}),
    ("OneCycleLR", (0.5, 25), {}),
    ("OneCycleLR", ([0.5, 0.2],), {"epochs": 5, "steps_per_epoch": 5, "anneal_strategy": "linear"}),
    ("OneCycleLR", (0.5, 25), {"three_phase": True, "cycle_momentum": False, "pct_start": 0.4}),
    ("MultiplicativeLR", (lambda epoch: 0.9,), {}),
    ("CyclicLR", (0.01, 0.1, 4), {"scale_fn": lambda x: 0.5**x, "scale_mode": "iterations"}),
    ("LambdaLR", (lambda epoch: 0.9**epoch,), {}),
    ("LambdaLR", ([lambda epoch: 1 / (1 + epoch), lambda epoch: epoch],), {}),
]

SAVED = [each for each in SCHEDULES if "lambda" not in str(each)]


def rates(optimizer: Any, scheduler: Any, epochs: int) -> list[Any]:
    seen = [scheduler.get_last_lr()]
    for _ in range(epochs):
        optimizer.step()
        scheduler.step()
        seen.append(scheduler.get_last_lr())
        assert seen[-1] == [group["lr"] for group in optimizer.param_groups]
    return seen


def named_case(value: Any) -> str:
    """Give a case the same name in every process: a function's text contains its address."""
    return re.sub(r" at 0x\w+", "", str(value))[:30]


@pytest.mark.parametrize(("name", "args", "options"), SCHEDULES, ids=named_case)
def test_rates_are_pytorchs(name: str, args: Any, options: Any, torch: ModuleType) -> None:
    seen = []
    for lib in (minitensor, torch):
        optimizer = optimizer_of(lib)
        seen.append(rates(optimizer, getattr(lib.optim.lr_scheduler, name)(optimizer, *args, **options), 20))
        seen[-1].append([group["momentum"] for group in optimizer.param_groups])
    assert seen[0] == seen[1]


COMBINED = {
    "one after another": lambda of, lr: lr.SequentialLR(
        of, [lr.ConstantLR(of, 0.1, 4), lr.ExponentialLR(of, 0.9), lr.StepLR(of, 2)], [3, 9]
    ),
    "a warm-up": lambda of, lr: lr.SequentialLR(
        of, [lr.LinearLR(of, 0.1, total_iters=5), lr.CosineAnnealingLR(of, 10)], [5]
    ),
    "all at once": lambda of, lr: lr.ChainedScheduler([lr.ConstantLR(of, 0.1, 4), lr.ExponentialLR(of, 0.9)]),
    "both": lambda of, lr: lr.SequentialLR(
        of, [lr.ChainedScheduler([lr.ConstantLR(of, 0.5, 2), lr.ExponentialLR(of, 0.9)], of), lr.StepLR(of, 3)], [4]
    ),
}


# A chain inside a sequence takes its first step twice; PyTorch warns about it too.
@pytest.mark.filterwarnings("ignore:Detected call")
@pytest.mark.parametrize("name", COMBINED)
def test_combined_schedules_are_pytorchs(name: str, torch: ModuleType) -> None:
    seen = []
    for lib in (minitensor, torch):
        optimizer = optimizer_of(lib)
        seen.append(rates(optimizer, COMBINED[name](optimizer, lib.optim.lr_scheduler), 15))
    assert seen[0] == seen[1]


# A chain inside a sequence takes its first step twice; PyTorch warns about it too.
@pytest.mark.filterwarnings("ignore:Detected call")
@pytest.mark.parametrize("name", COMBINED)
def test_a_reloaded_combination_continues(name: str) -> None:
    optimizer, other = optimizer_of(minitensor), optimizer_of(minitensor)
    scheduler, resumed = (COMBINED[name](each, lr_scheduler) for each in (optimizer, other))
    rates(optimizer, scheduler, 6)
    resumed.load_state_dict(scheduler.state_dict())
    other.load_state_dict(optimizer.state_dict())
    assert rates(other, resumed, 6) == rates(optimizer, scheduler, 6)


def test_a_restart_can_be_anywhere_in_an_epoch(torch: ModuleType) -> None:
    seen: list[list[Any]] = []
    for lib in (minitensor, torch):
        optimizer = optimizer_of(lib)
        scheduler = lib.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 2, 2)
        seen.append([])
        for place in (0.5, 1.25, 2.0, 3.75, 11, 30.5):
            optimizer.step()
            scheduler.step(place)
            seen[-1].append(scheduler.get_last_lr())
    assert seen[0] == seen[1]


WRONG = {
    "a factor above one": lambda of, lr: lr.ConstantLR(of, 2.0),
    "no period": lambda of, lr: lr.CosineAnnealingWarmRestarts(of, 0),
    "an unknown mode": lambda of, lr: lr.CyclicLR(of, 0.1, 1.0, mode="square"),
    "rates for other groups": lambda of, lr: lr.CyclicLR(of, [0.1], 1.0),
    "no number of steps": lambda of, lr: lr.OneCycleLR(of, 0.1),
    "no steps": lambda of, lr: lr.OneCycleLR(of, 0.1, 0),
    "an unknown strategy": lambda of, lr: lr.OneCycleLR(of, 0.1, 5, anneal_strategy="sine"),
    "too large a share": lambda of, lr: lr.OneCycleLR(of, 0.1, 5, pct_start=1.5),
    "no schedulers": lambda of, lr: lr.SequentialLR(of, [], []),
    "too many milestones": lambda of, lr: lr.SequentialLR(of, [lr.StepLR(of, 1)], [1]),
    "a measure is wanted": lambda of, lr: lr.ChainedScheduler([lr.ReduceLROnPlateau(of)]),
}


@pytest.mark.parametrize("name", WRONG)
def test_invalid_schedules_are_refused(name: str, torch: ModuleType) -> None:
    for lib in (minitensor, torch):
        with pytest.raises(ValueError):
            WRONG[name](optimizer_of(lib), lib.optim.lr_scheduler)


@pytest.mark.parametrize(("name", "args", "options"), SCHEDULES, ids=named_case)
def test_a_reloaded_schedule_continues(name: str, args: Any, options: Any) -> None:
    optimizer = optimizer_of(minitensor)
    scheduler = getattr(lr_scheduler, name)(optimizer, *args, **options)
    rates(optimizer, scheduler, 4)
    other = optimizer_of(minitensor)
    resumed = getattr(lr_scheduler, name)(other, *args, **options)
    resumed.load_state_dict(scheduler.state_dict())
    other.load_state_dict(optimizer.state_dict())
    assert rates(other, resumed, 8) == rates(optimizer, scheduler, 8)


@pytest.mark.parametrize(("name", "args", "options"), SAVED, ids=named_case)
def test_state_dicts_have_pytorchs_entries(name: str, args: Any, options: Any, torch: ModuleType) -> None:
    entries = []
    for lib in (minitensor, torch):
        state = getattr(lib.optim.lr_scheduler, name)(optimizer_of(lib), *args, **options).state_dict()
        entries.append({key: value for key, value in state.items() if not key.startswith(("_get_lr", "_is_"))})
    assert entries[0] == entries[1]


# OneCycleLR resumes from groups loaded from a state dict.
@pytest.mark.parametrize(
    ("name", "args", "options"), [each for each in SAVED if each[0] != "OneCycleLR"], ids=named_case
)
def test_resuming_at_an_epoch_is_pytorchs(name: str, args: Any, options: Any, torch: ModuleType) -> None:
    seen = []
    for lib in (minitensor, torch):
        optimizer = optimizer_of(lib)
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"]
        seen.append(
            rates(optimizer, getattr(lib.optim.lr_scheduler, name)(optimizer, *args, last_epoch=3, **options), 6)
        )
    assert seen[0] == seen[1]


def test_schedules_can_be_chained(torch: ModuleType) -> None:
    seen = []
    for lib in (minitensor, torch):
        optimizer = optimizer_of(lib)
        chain = [lib.optim.lr_scheduler.ExponentialLR(optimizer, 0.9), lib.optim.lr_scheduler.StepLR(optimizer, 3)]
        seen.append([])
        for _ in range(9):
            optimizer.step()
            for scheduler in chain:
                scheduler.step()
            seen[-1].append([group["lr"] for group in optimizer.param_groups])
    assert seen[0] == seen[1]


PLATEAUS = [
    {},
    {"patience": 1, "cooldown": 2, "factor": 0.5},
    {"mode": "max", "patience": 0, "threshold": 0.2, "threshold_mode": "abs", "min_lr": [0.01, 0.2]},
    {"patience": 0, "eps": 0.01, "threshold": 0.5},
]


@pytest.mark.parametrize("options", PLATEAUS, ids=str)
def test_plateaus_are_detected_as_in_pytorch(options: Any, torch: ModuleType) -> None:
    measures = [1.0, 0.9, 0.95, 0.9, 0.9, 1.2, 0.8, 0.8, 0.8, 0.79, 0.8, 0.9, 2.0, 2.1, 2.0, 1.9] * 2
    seen = []
    for lib in (minitensor, torch):
        optimizer = optimizer_of(lib)
        scheduler = lib.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **options)
        seen.append([])
        for measure in measures:
            optimizer.step()
            scheduler.step(lib.tensor(measure))
            seen[-1].append((scheduler.get_last_lr(), scheduler.num_bad_epochs, scheduler.best))
    assert seen[0] == seen[1]


def test_a_schedule_stepped_before_the_optimizer_warns() -> None:
    scheduler = lr_scheduler.StepLR(optimizer_of(minitensor), 3)
    with pytest.warns(UserWarning, match=r"`lr_scheduler.step\(\)` before `optimizer.step\(\)`"):
        scheduler.step()


def test_a_rate_in_a_tensor_stays_in_that_tensor() -> None:
    rate = minitensor.tensor(1.0)
    optimizer = optim.SGD([minitensor.ones(1, requires_grad=True)], lr=rate)
    scheduler = lr_scheduler.ExponentialLR(optimizer, 0.5)
    optimizer.step()
    scheduler.step()
    assert rate.item() == 0.5
    assert scheduler.get_last_lr() == [0.5]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda o: lr_scheduler.StepLR(3, 1), TypeError, "int is not an Optimizer"),
        (lambda o: lr_scheduler.StepLR(o, 3, last_epoch=2), KeyError, "initial_lr"),
        (lambda o: lr_scheduler.LinearLR(o, start_factor=0), ValueError, "greater than 0"),
        (lambda o: lr_scheduler.LinearLR(o, end_factor=2), ValueError, "between 0 and 1., got 2"),
        (lambda o: lr_scheduler.LambdaLR(o, [abs]), ValueError, "Expected 2 lr_lambdas, but got 1"),
        (lambda o: lr_scheduler.ReduceLROnPlateau(o, factor=1.0), ValueError, "Factor should be < 1.0"),
        (lambda o: lr_scheduler.ReduceLROnPlateau(o, mode="up"), ValueError, "mode up is unknown"),
        (lambda o: lr_scheduler.ReduceLROnPlateau(o, threshold_mode="x"), ValueError, "threshold mode x is unknown"),
        (lambda o: lr_scheduler.ReduceLROnPlateau(o, min_lr=[1]), ValueError, "expected 2 min_lrs, got 1"),
    ],
)
def test_misuse_is_named(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make(optimizer_of(minitensor))

"""Schedules set PyTorch's rates, epoch by epoch, also chained, resumed and reloaded."""

from __future__ import annotations

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
    return lib.optim.SGD([{"params": params[0]}, {"params": params[1], "lr": 0.3}], lr=0.1, **options)


SCHEDULES = [
    ("StepLR", (3,), {}),
    ("StepLR", (2, 0.5), {}),
    ("MultiStepLR", ([2, 5, 5, 9],), {"gamma": 0.5}),
    ("ExponentialLR", (0.9,), {}),
    ("LinearLR", (), {}),
    ("LinearLR", (0.5, 0.1, 7), {}),
    ("CosineAnnealingLR", (5,), {}),
    ("CosineAnnealingLR", (7,), {"eta_min": 0.01}),
    ("LambdaLR", (lambda epoch: 0.9**epoch,), {}),
    ("LambdaLR", ([lambda epoch: 1 / (1 + epoch), lambda epoch: epoch],), {}),
]


def rates(optimizer: Any, scheduler: Any, epochs: int) -> list[Any]:
    seen = [scheduler.get_last_lr()]
    for _ in range(epochs):
        optimizer.step()
        scheduler.step()
        seen.append(scheduler.get_last_lr())
        assert seen[-1] == [group["lr"] for group in optimizer.param_groups]
    return seen


@pytest.mark.parametrize(("name", "args", "options"), SCHEDULES, ids=lambda value: str(value)[:30])
def test_rates_are_pytorchs(name: str, args: Any, options: Any, torch: ModuleType) -> None:
    seen = []
    for lib in (minitensor, torch):
        optimizer = optimizer_of(lib)
        seen.append(rates(optimizer, getattr(lib.optim.lr_scheduler, name)(optimizer, *args, **options), 20))
    assert seen[0] == seen[1]


@pytest.mark.parametrize(("name", "args", "options"), SCHEDULES, ids=lambda value: str(value)[:30])
def test_a_reloaded_schedule_goes_on(name: str, args: Any, options: Any) -> None:
    optimizer = optimizer_of(minitensor)
    scheduler = getattr(lr_scheduler, name)(optimizer, *args, **options)
    rates(optimizer, scheduler, 4)
    other = optimizer_of(minitensor)
    resumed = getattr(lr_scheduler, name)(other, *args, **options)
    resumed.load_state_dict(scheduler.state_dict())
    other.load_state_dict(optimizer.state_dict())
    assert rates(other, resumed, 8) == rates(optimizer, scheduler, 8)


@pytest.mark.parametrize(("name", "args", "options"), SCHEDULES[:8], ids=lambda value: str(value)[:30])
def test_state_dicts_have_pytorchs_entries(name: str, args: Any, options: Any, torch: ModuleType) -> None:
    entries = []
    for lib in (minitensor, torch):
        state = getattr(lib.optim.lr_scheduler, name)(optimizer_of(lib), *args, **options).state_dict()
        entries.append({key: value for key, value in state.items() if not key.startswith(("_get_lr", "_is_"))})
    assert entries[0] == entries[1]


@pytest.mark.parametrize(("name", "args", "options"), SCHEDULES[:8], ids=lambda value: str(value)[:30])
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


def test_schedules_are_chained(torch: ModuleType) -> None:
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
def test_plateaus_are_seen_as_pytorch_sees_them(options: Any, torch: ModuleType) -> None:
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


def test_a_schedule_that_comes_before_the_optimizer_is_warned_about() -> None:
    scheduler = lr_scheduler.StepLR(optimizer_of(minitensor), 3)
    with pytest.warns(UserWarning, match=r"`lr_scheduler.step\(\)` before `optimizer.step\(\)`"):
        scheduler.step()


def test_a_rate_in_a_tensor_stays_in_it() -> None:
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

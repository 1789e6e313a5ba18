"""Schedules with learning rates in tensors, and options that are not numbers: as in PyTorch, for every schedule."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import minitensor as mt
import minitensor.optim.swa_utils
from ops.call import outcome

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    library = pytest.importorskip("torch")
    pytest.importorskip("torch.optim.swa_utils")
    return library


def find(lib: Any, name: str) -> Any:
    return getattr(lib.optim.swa_utils if name == "SWALR" else lib.optim.lr_scheduler, name)


# The options of each schedule, each given once.
OPTIONS: dict[str, dict[str, Any]] = {
    "LambdaLR": {"lr_lambda": lambda epoch: 0.9**epoch},
    "MultiplicativeLR": {"lr_lambda": lambda epoch: 0.9},
    "StepLR": {"step_size": 2, "gamma": 0.5},
    "MultiStepLR": {"milestones": [1, 3], "gamma": 0.5},
    "ConstantLR": {"factor": 0.5, "total_iters": 2},
    "LinearLR": {"start_factor": 0.3, "end_factor": 0.9, "total_iters": 3},
    "ExponentialLR": {"gamma": 0.9},
    "PolynomialLR": {"total_iters": 3, "power": 2.0},
    "CosineAnnealingLR": {"T_max": 2, "eta_min": 0.01},
    "CosineAnnealingWarmRestarts": {"T_0": 2, "T_mult": 2, "eta_min": 0.01},
    "CyclicLR": {
        "base_lr": 0.05, "max_lr": 0.3, "step_size_up": 2, "step_size_down": 3, "mode": "triangular", "gamma": 0.9,
        "scale_fn": None, "scale_mode": "cycle", "cycle_momentum": True, "base_momentum": 0.8, "max_momentum": 0.9,
    },
    "OneCycleLR": {
        "max_lr": 0.3, "total_steps": 10, "epochs": None, "steps_per_epoch": None, "pct_start": 0.3,
        "anneal_strategy": "cos", "cycle_momentum": True, "base_momentum": 0.85, "max_momentum": 0.95,
        "div_factor": 25.0, "final_div_factor": 1e4, "three_phase": False,
    },
    "ReduceLROnPlateau": {
        "mode": "min", "factor": 0.1, "patience": 0, "threshold": 1e-4, "threshold_mode": "rel", "cooldown": 0,
        "min_lr": 0, "eps": 1e-8,
    },
    "SWALR": {"swa_lr": 0.05, "anneal_epochs": 3, "anneal_strategy": "cos"},
}  # fmt: skip


def both_of(lib: Any, optimizer: Any) -> list[Any]:
    return [find(lib, "ConstantLR")(optimizer, 0.5, 2), find(lib, "ExponentialLR")(optimizer, 0.9)]


SCHEDULES: dict[str, Callable[[Any, Any], Any]] = {
    **{name: lambda lib, o, name=name: find(lib, name)(o, **OPTIONS[name]) for name in OPTIONS},
    "SequentialLR": lambda lib, o: find(lib, "SequentialLR")(o, both_of(lib, o), [2]),
    "ChainedScheduler": lambda lib, o: find(lib, "ChainedScheduler")(both_of(lib, o)),
}


def advance(scheduler: Any) -> None:
    scheduler.optimizer.step()
    scheduler.step(*([1.0] if type(scheduler).__name__ == "ReduceLROnPlateau" else []))


# -- rates in tensors --------------------------------------------------------------------------------------------------


def kind(value: Any) -> Any:
    return (str(value.dtype).rpartition(".")[2], tuple(value.shape)) if hasattr(value, "dtype") else type(value)


def facts(scheduler: Any, given: list[Any]) -> Any:
    """Return types and values of all rates, and which of them are the same tensor."""
    groups = scheduler.optimizer.param_groups
    last, base = scheduler.get_last_lr(), getattr(scheduler, "base_lrs", [])
    initial, now = [group.get("initial_lr") for group in groups], [group["lr"] for group in groups]
    rates = [*last, *base, *initial, *now]
    tensors = [rate for rate in rates if hasattr(rate, "dtype")]
    aliases = [[one is other for other in [*tensors, *given]] for one in tensors]
    return [kind(rate) for rate in rates], [float(rate) for rate in rates if rate is not None], aliases


def course(lib: Any, name: str, groups: int, written: str) -> list[Any]:
    """Return the facts of six steps; before the third, tensors of one kind are written to."""
    given = [lib.tensor(0.1), lib.tensor(0.2, dtype=lib.float64), 0.3][:groups]
    params = [{"params": [lib.nn.Parameter(lib.ones(2))], "lr": rate} for rate in given]
    optimizer = lib.optim.SGD(params, lr=0.1, momentum=0.9)
    scheduler = SCHEDULES[name](lib, optimizer)
    seen = [facts(scheduler, given)]
    for count in range(6):
        sorts = {
            "nothing": [], "last": scheduler.get_last_lr(), "base": getattr(scheduler, "base_lrs", []),
            "initial": [group.get("initial_lr") for group in optimizer.param_groups],
            "now": [group["lr"] for group in optimizer.param_groups],
        }  # fmt: skip
        for rate in sorts[written] if count == 2 else []:
            if hasattr(rate, "dtype"):
                rate.mul_(3)
        advance(scheduler)
        seen.append(facts(scheduler, given))
    return seen


@pytest.mark.parametrize("written", ["nothing", "last", "base", "initial", "now"])
@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize("name", SCHEDULES)
def test_rates_in_tensors_are_copied_where_pytorch_copies(
    torch: ModuleType, name: str, groups: int, written: str
) -> None:
    for mine, his in zip(course(mt, name, groups, written), course(torch, name, groups, written), strict=True):
        assert mine[0] == his[0]
        assert mine[1] == pytest.approx(his[1], rel=1e-5)
        assert mine[2] == his[2]


def test_a_rate_in_a_1d_tensor_of_one_element_can_be_set() -> None:
    rate = mt.tensor([0.5])
    scheduler = mt.optim.lr_scheduler.ExponentialLR(mt.optim.SGD([mt.nn.Parameter(mt.ones(2))], lr=rate), 0.5)
    advance(scheduler)
    assert rate.tolist() == [0.25] and [each.tolist() for each in scheduler.get_last_lr()] == [[0.25]]


# -- options that are not numbers --------------------------------------------------------------------------------------

BAD: list[Any] = [
    "3", b"3", None, [], [1.0, 2.0, 3.0], (0.1,), {}, -1, 0, 2.5, True, math.nan, math.inf, object(), abs,
]  # fmt: skip
# Where an error class differs: PyTorch converts a value that is not an integer, and fails on the result.
LAX = {("CyclicLR", "step_size_up"), ("CyclicLR", "step_size_down")}


def four_rates(lib: Any, name: str, options: dict[str, Any]) -> list[float]:
    optimizer = lib.optim.SGD([lib.nn.Parameter(lib.ones(2))], lr=0.1, momentum=0.9)
    scheduler, seen = find(lib, name)(optimizer, **options), []
    for _ in range(4):
        advance(scheduler)
        seen.append(float(optimizer.param_groups[0]["lr"]))
    return seen


@pytest.mark.parametrize(("name", "option"), [(name, option) for name in OPTIONS for option in OPTIONS[name]])
def test_bad_options_are_refused_with_pytorchs_class_and_named(torch: ModuleType, name: str, option: str) -> None:
    for value in BAD:
        found, expected = [outcome(four_rates, lib, name, {**OPTIONS[name], option: value}) for lib in (mt, torch)]
        if isinstance(found, list):
            assert found == pytest.approx(expected, nan_ok=True), value
            continue
        assert isinstance(found, mt.errors.MinitensorError), f"{value!r}: {found!r}"
        assert name in str(found)
        if value != value:
            continue  # NaN passes PyTorch's range checks and fails these
        assert isinstance(expected, Exception), f"{value!r}: PyTorch gives {expected}, here is {found!r}"
        if (name, option) not in LAX:
            builtin = next(each for each in type(expected).__mro__ if each.__module__ == "builtins")
            assert isinstance(found, builtin), f"{value!r}: PyTorch raises {expected!r}, here it is {found!r}"


@pytest.mark.parametrize(
    ("name", "option", "value", "message"),
    [
        ("StepLR", "step_size", "3", "StepLR: step_size must be a real number, got '3'"),
        ("ConstantLR", "factor", 0, "ConstantLR: factor must not be 0"),
        ("PolynomialLR", "power", -1, "PolynomialLR: .* after epoch 2, with total_iters=3, power=-1"),
        ("ReduceLROnPlateau", "cooldown", None, "ReduceLROnPlateau: cooldown must be a real number, got None"),
        ("OneCycleLR", "div_factor", 0, "OneCycleLR: div_factor must not be 0"),
        ("CyclicLR", "step_size_up", 0, "CyclicLR: step_size_up must not be 0"),
    ],
)
def test_an_error_names_the_option(name: str, option: str, value: Any, message: str) -> None:
    with pytest.raises(mt.errors.MinitensorError, match=message):
        four_rates(mt, name, {**OPTIONS[name], option: value})


def test_a_step_that_fails_changes_nothing() -> None:
    optimizer = mt.optim.SGD([mt.nn.Parameter(mt.ones(2))], lr=0.1)
    scheduler = mt.optim.lr_scheduler.StepLR(optimizer, "3")  # type: ignore[arg-type]  # the fault
    before = dict(vars(scheduler))
    with pytest.raises(TypeError):
        scheduler.step()
    assert vars(scheduler) == before and optimizer.param_groups[0]["lr"] == 0.1


def test_an_error_in_a_users_schedule_is_unchanged() -> None:
    class Mine(mt.optim.lr_scheduler.StepLR):
        def get_lr(self) -> list[float]:
            return [1 + "a"] if self.last_epoch else self.rates()  # type: ignore[operator]  # the fault

    scheduler = Mine(mt.optim.SGD([mt.nn.Parameter(mt.ones(2))], lr=0.1), 2)
    with pytest.raises(TypeError, match="unsupported operand") as caught:
        scheduler.step()
    assert not isinstance(caught.value, mt.errors.MinitensorError)

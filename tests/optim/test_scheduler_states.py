"""State dicts of schedulers: PyTorch's keys in PyTorch's order, with its values, at the start and after three steps."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest

import minitensor as mt
import minitensor.optim.swa_utils

OPTIONS: dict[str, tuple[Any, ...]] = {
    "StepLR": (2,), "MultiStepLR": ([1, 2],), "ConstantLR": (), "LinearLR": (), "ExponentialLR": (0.9,),
    "PolynomialLR": (), "CosineAnnealingLR": (5,), "CosineAnnealingWarmRestarts": (3,), "CyclicLR": (0.1, 0.2),
    "OneCycleLR": (1.0, 10), "LambdaLR": (lambda epoch: 0.9**epoch,), "MultiplicativeLR": (lambda epoch: 0.9,),
    "ReduceLROnPlateau": (),
}  # fmt: skip
MADE_OF_OTHERS: dict[str, Callable[[Any, Any], Any]] = {
    "SequentialLR": lambda of, optimizer: of.SequentialLR(optimizer, pair(of, optimizer), [2]),
    "ChainedScheduler": lambda of, optimizer: of.ChainedScheduler(pair(of, optimizer)),
}


def pair(of: Any, optimizer: Any) -> list[Any]:
    return [of.ConstantLR(optimizer), of.ExponentialLR(optimizer, 0.9)]


def schedule(t: Any, name: str, optimizer: Any) -> Any:
    of = t.optim.lr_scheduler
    if name == "SWALR":
        return t.optim.swa_utils.SWALR(optimizer, 0.05)
    if name in MADE_OF_OTHERS:
        return MADE_OF_OTHERS[name](of, optimizer)
    return getattr(of, name)(optimizer, *OPTIONS[name])


def state(t: Any, name: str, steps: int) -> dict[str, Any]:
    optimizer = t.optim.SGD([t.nn.Parameter(t.ones(1))], 0.1, momentum=0.9)
    made = schedule(t, name, optimizer)
    for _ in range(steps):
        optimizer.step()
        made.step(*([1.0] if name == "ReduceLROnPlateau" else []))
    return dict(made.state_dict())


def shown(value: Any) -> Any:
    """Return a value that can be compared, floats to six digits, with the order of keys."""
    if isinstance(value, dict):
        return [(key, shown(each)) for key, each in value.items()]
    if isinstance(value, (list, tuple)):
        return [*map(shown, value)]
    return f"{value:.6g}" if isinstance(value, float) else getattr(value, "__name__", value)


@pytest.mark.parametrize("steps", [0, 3])
@pytest.mark.parametrize("name", [*OPTIONS, *MADE_OF_OTHERS, "SWALR"])
def test_state_dicts_of_schedulers_are_those_of_pytorch(name: str, steps: int) -> None:
    torch = pytest.importorskip("torch")
    __import__("torch.optim.swa_utils")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert shown(state(mt, name, steps)) == shown(state(torch, name, steps))

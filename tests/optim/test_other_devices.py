"""Layers and optimizers on a device that refuses host arrays: the same values as on the host, up to the last steps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import minitensor
from minitensor import nn, optim
from strict import device as strict

RULES = [
    ("SGD", {"lr": 0.05}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.01, "amsgrad": True, "weight_decay": 0.1}),
    ("AdamW", {"lr": 0.01, "maximize": True}),
]


@pytest.fixture(autouse=True)
def device() -> Iterator[None]:
    with strict.installed():
        yield


def network() -> Any:
    minitensor.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1, bias=False),
        nn.BatchNorm2d(2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(8, 3),
    )


def train(where: str, name: str, options: dict[str, Any]) -> list[Any]:
    """Train a small network for a few steps; return its values and the optimizer's state, on the host."""
    net = network().to(where)
    optimizer = getattr(optim, name)(net.parameters(), **options)
    x, y = minitensor.randn(5, 1, 4, 4).to(where), minitensor.tensor([0, 1, 2, 1, 0]).to(where)
    for _ in range(4):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        optimizer.step()
    kept = [value for entry in optimizer.state_dict()["state"].values() for value in entry.values()]
    return [value.to("cpu").tolist() for value in [*net.state_dict().values(), *kept]]


def flat(values: Any) -> list[float]:
    return [number for value in values for number in flat(value)] if isinstance(values, list) else [values]


@pytest.mark.parametrize(("name", "options"), RULES, ids=str)
def test_training_gives_the_hosts_results(name: str, options: dict[str, Any]) -> None:
    assert flat(train("strict", name, options)) == pytest.approx(flat(train("cpu", name, options)), abs=1e-4)


def test_moving_a_module_moves_parameters_buffers_and_gradients() -> None:
    net = network()
    net(minitensor.ones(2, 1, 4, 4)).sum().backward()
    weight = net[0].weight
    net.to("strict")
    assert net[0].weight is weight
    assert {str(t.device) for t in [*net.parameters(), *net.buffers(), weight.grad]} == {"strict"}
    assert str(net.cpu()[0].weight.grad.device) == "cpu"

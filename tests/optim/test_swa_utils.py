"""Averaged models, their batch norm updates and their learning rates equal PyTorch's."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from tests.nn.twins import share_numbers


@pytest.fixture
def torch() -> ModuleType:
    return pytest.importorskip("torch")


def network(lib: Any) -> Any:
    return lib.nn.Sequential(lib.nn.Linear(3, 4), lib.nn.BatchNorm1d(4), lib.nn.Linear(4, 2))


def batches(lib: Any) -> list[Any]:
    random = np.random.default_rng(0)
    return [lib.tensor(random.standard_normal((5, 3)).astype("float32")) for _ in range(4)]


WAYS = {
    "equal": lambda utils: {},
    "fading": lambda utils: {"multi_avg_fn": utils.get_ema_multi_avg_fn(0.9)},
    "fading, one by one": lambda utils: {"avg_fn": utils.get_ema_avg_fn(0.7)},
    "with buffers": lambda utils: {"use_buffers": True, "avg_fn": utils.get_ema_avg_fn(0.7)},
    "equal, in lists": lambda utils: {"multi_avg_fn": utils.get_swa_multi_avg_fn()},
}


def train_and_average(lib: Any, model: Any, way: str) -> Any:
    """Train for a few steps, averaging."""
    mean = lib.optim.swa_utils.AveragedModel(model, **WAYS[way](lib.optim.swa_utils))
    optimizer = lib.optim.SGD(model.parameters(), lr=0.1)
    for batch in batches(lib):
        optimizer.zero_grad()
        model(batch).pow(2).sum().backward()
        optimizer.step()
        mean.update_parameters(model)
    lib.optim.swa_utils.update_bn(batches(lib), mean)
    return mean


@pytest.mark.parametrize("way", WAYS)
def test_averages_are_pytorchs(way: str, torch: ModuleType) -> None:
    mt.manual_seed(0)  # the seed matters: in some networks batch norm amplifies rounding
    ours, theirs = network(mt), network(torch)
    share_numbers(ours, theirs)
    found, expected = train_and_average(mt, ours, way).state_dict(), train_and_average(torch, theirs, way).state_dict()
    assert list(found) == list(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name].numpy(), value.numpy(), rtol=1e-4, atol=1e-6, err_msg=name)


def test_equal_averages_are_means() -> None:
    model = mt.nn.Linear(1, 1, bias=False)
    mean = mt.optim.swa_utils.AveragedModel(model)
    for value in (1.0, 2.0, 6.0):
        with mt.no_grad():
            model.weight.fill_(value)
        mean.update_parameters(model)
    assert mean.module.weight.item() == pytest.approx(3)
    assert mean(mt.ones(1, 1)).item() == pytest.approx(3)


ANNEALING = [{}, {"anneal_epochs": 4, "anneal_strategy": "linear"}, {"anneal_epochs": 0}]


@pytest.mark.parametrize("options", ANNEALING, ids=str)
def test_rates_are_pytorchs(options: dict[str, Any], torch: ModuleType) -> None:
    seen: list[list[float]] = []
    for lib in (mt, torch):
        optimizer = lib.optim.SGD([lib.ones(1, requires_grad=True)], lr=0.3)
        scheduler = lib.optim.swa_utils.SWALR(optimizer, 0.05, **options)
        seen.append(scheduler.get_last_lr())
        for _ in range(12):
            optimizer.step()
            scheduler.step()
            seen[-1] = [*seen[-1], *scheduler.get_last_lr()]
    np.testing.assert_allclose(seen[0], seen[1], rtol=1e-12)


def test_invalid_options_are_refused() -> None:
    optimizer = mt.optim.SGD([mt.ones(1, requires_grad=True)], lr=0.3)
    utils = mt.optim.swa_utils
    for wrong in (
        lambda: utils.get_ema_avg_fn(1.5), lambda: utils.SWALR(optimizer, 0.1, anneal_strategy="sine"),
        lambda: utils.SWALR(optimizer, 0.1, -1), lambda: utils.SWALR(optimizer, [0.1, 0.2]),
    ):  # fmt: skip
        with pytest.raises(ValueError):
            wrong()
    with pytest.raises(AssertionError, match="Only one"):
        utils.AveragedModel(mt.nn.Linear(1, 1), None, utils.get_swa_avg_fn(), utils.get_swa_multi_avg_fn())

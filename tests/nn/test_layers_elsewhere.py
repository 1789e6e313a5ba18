"""Layers that read values of tensors, or make parameters late, work on the strict device too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import minitensor as mt
from minitensor import nn
from minitensor.nn.utils import parametrizations, prune
from strict.device import installed
from tests.nn.twins import assert_close, numbers

IMAGE, ROWS = (2, 2, 4, 4), (2, 4)


def nothing(layer: Any) -> None:
    """Return the layer unchanged."""


Case = tuple[Callable[[], nn.Module], tuple[int, ...], Callable[[Any], Any]]
CASES: dict[str, Case] = {
    "locally connected": (lambda: nn.LocallyConnected2d(2, 3, 2, padding="same", input_size=4), IMAGE, nothing),
    "lazy linear": (lambda: nn.LazyLinear(3), ROWS, nothing),
    "lazy convolution": (lambda: nn.LazyConv2d(3, 2), IMAGE, nothing),
    "lazy batch norm": (lambda: nn.LazyBatchNorm2d(), IMAGE, nothing),
    "weight norm": (lambda: nn.Linear(4, 3), ROWS, parametrizations.weight_norm),
    "spectral norm": (lambda: nn.Linear(4, 3), ROWS, parametrizations.spectral_norm),
    "older spectral norm": (lambda: nn.Linear(4, 3), ROWS, nn.utils.spectral_norm),
    "pruned": (lambda: nn.Linear(4, 3), ROWS, lambda layer: prune.l1_unstructured(layer, "weight", 3)),
    "pruned slices": (lambda: nn.Linear(4, 3), ROWS, lambda layer: prune.ln_structured(layer, "weight", 1, 2, 0)),
    "pruned by chance": (lambda: nn.Linear(4, 3), ROWS, lambda layer: prune.random_structured(layer, "weight", 1, 0)),
    **{
        f"orthogonal by {how}": (
            lambda: nn.Linear(4, 3), ROWS, lambda layer, how=how: parametrizations.orthogonal(layer, orthogonal_map=how)
        )
        for how in ("matrix_exp", "cayley", "householder")
    },
    "orthogonal without a base": (
        lambda: nn.Linear(4, 3), ROWS,
        lambda layer: parametrizations.orthogonal(layer, orthogonal_map="householder", use_trivialization=False),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_layer_gives_the_same_results_on_the_strict_device(name: str) -> None:
    make, shape, change = CASES[name]
    results = []
    with installed():
        for device in ("cpu", "strict"):
            mt.manual_seed(3)
            layer = make().to(device)
            change(layer)
            output = layer(mt.tensor(numbers(1, *shape)).to(device))
            output.sum().backward()
            found = [output, *(each.grad for each in layer.parameters()), *layer.buffers()]
            assert {each.device.type for each in found} == {device}
            results.append([each.detach().cpu() for each in found])
    for here, there in zip(*results, strict=True):
        assert_close(here, there, 1e-5)

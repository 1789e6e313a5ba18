"""Layers under autocast: the dtypes and shapes of results and gradients are PyTorch's, and the values near its."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import minitensor as mt

# Layers, and the shapes of their arguments.
LAYERS = {
    **{
        f"nn.{kind}(4, 5{options})": [(3, 2, 4)]
        for kind in ("RNN", "LSTM", "GRU")
        for options in ("", ", num_layers=2", ", bidirectional=True", ", batch_first=True", ", bias=False")
    },
    **{f"nn.{kind}(4, 5)": [(2, 4)] for kind in ("RNNCell", "LSTMCell", "GRUCell")},
    "nn.RNN(4, 5, nonlinearity='relu')": [(3, 2, 4)],
    "nn.LSTM(4, 5, proj_size=3)": [(3, 2, 4)],
    **{f"nn.Sequential(nn.Linear(3, 4), nn.{kind}(4, 5))": [(3, 2, 3)] for kind in ("RNN", "LSTM", "GRU")},
    "nn.MultiheadAttention(8, 2)": [(3, 2, 8)] * 3,
    "nn.MultiheadAttention(8, 2, batch_first=True)": [(3, 2, 8)] * 3,
    "nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0)": [(3, 2, 8)],
    "nn.TransformerDecoderLayer(8, 2, 16, dropout=0.0)": [(3, 2, 8)] * 2,
    "nn.Transformer(8, 2, 1, 1, 16, dropout=0.0)": [(3, 2, 8)] * 2,
    "nn.Bilinear(3, 4, 5)": [(2, 3), (2, 4)],
    "nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2))": [(2, 1, 6, 6)],
    "nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.Softmax(-1))": [(2, 4)],
    "nn.Sequential(nn.Conv2d(2, 4, 3), nn.GroupNorm(2, 4), nn.GELU(), nn.AdaptiveAvgPool2d(1))": [(2, 2, 6, 6)],
}


def flatten(found: Any) -> Iterator[Any]:
    if isinstance(found, (tuple, list)):
        for each in found:
            yield from flatten(each)
    else:
        yield found


def run(t: Any, layer: str, dtype: str) -> tuple[list[Any], list[Any]]:
    """Return facts about the results and gradients, and the results as arrays."""
    t.manual_seed(0)
    module = eval(layer, {"nn": t.nn})
    inputs = [t.randn(*shape) for shape in LAYERS[layer]]
    with t.autocast("cpu", dtype=getattr(t, dtype)):
        found = list(flatten(module(*inputs)))
    sum(each.float().sum() for each in found).backward()
    grads = [each.grad for each in module.parameters()]
    facts = [str(each.dtype) + str(tuple(each.shape)) if each is not None else "" for each in (*found, *grads)]
    return facts, [each.detach().float().numpy() for each in found]


@pytest.mark.filterwarnings("ignore")  # of PyTorch about its own kernels
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("layer", LAYERS)
def test_layers_under_autocast_give_pytorchs_dtypes(layer: str, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    if dtype == "float16" and "LSTM(" in layer:
        pytest.skip("PyTorch has no kernel for this dtype")
    (facts, values), (expected_facts, expected) = run(mt, layer, dtype), run(torch, layer, dtype)
    assert facts == expected_facts
    for ours, theirs in zip(values, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0.05, atol=0.05 if dtype == "bfloat16" else 0.01)

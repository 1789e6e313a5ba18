"""The results of recurrent layers have PyTorch's strides, and show PyTorch's names of the last steps."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

import minitensor as mt

LAYERS = [
    (kind, {"num_layers": layers, "bidirectional": both, "batch_first": first, "dropout": dropout, **more})
    for kind, layers, both, first in itertools.product(("RNN", "LSTM", "GRU"), (1, 2), (False, True), (False, True))
    for dropout in ((0.0, 0.5) if layers == 2 else (0.0,))
    for more in ({}, {"dtype": "float64"}, {"proj_size": 2})[: 3 if kind == "LSTM" else 2]
]
INPUTS = ("batch", "sequence", "packed", "packed in another order")
LENGTHS = {"packed": [3, 2, 1], "packed in another order": [1, 3, 2]}


def tensors_of(results: Any) -> list[Any]:
    if hasattr(results, "grad_fn"):
        return [results]
    return [each for part in results if part is not None for each in tensors_of(part)]


def facts(results: Any) -> list[Any]:
    return [
        (tuple(each.shape), each.stride(), each.grad_fn and each.grad_fn.name().rpartition("::")[2])
        for each in tensors_of(results)
    ]


def output_of(t: Any, kind: str, options: dict[str, Any], given: str) -> Any:
    dtype = getattr(t, options.get("dtype", "float32"))
    layer = getattr(t.nn, kind)(2, 4, **{**options, "dtype": dtype})
    values = t.ones(3, 3, 2, dtype=dtype)
    if given in LENGTHS:
        pack = t.nn.utils.rnn.pack_padded_sequence
        values = pack(values, LENGTHS[given], options["batch_first"], enforce_sorted=given == "packed")
    return layer(values[0] if given == "sequence" else values)


@pytest.mark.parametrize("given", INPUTS)
@pytest.mark.parametrize(("kind", "options"), LAYERS, ids=str)
@pytest.mark.filterwarnings("ignore:LSTM with projections")
def test_results_of_a_layer(kind: str, options: dict[str, Any], given: str) -> None:
    torch = pytest.importorskip("torch")
    assert facts(output_of(mt, kind, options, given)) == facts(output_of(torch, kind, options, given))


@pytest.mark.parametrize("shape", [(3, 2), (2,)])
@pytest.mark.parametrize("kind", ["RNNCell", "LSTMCell", "GRUCell"])
def test_results_of_a_cell(kind: str, shape: tuple[int, ...]) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = [facts(tensors_of(getattr(t.nn, kind)(2, 4)(t.ones(shape)))) for t in (mt, torch)]
    assert ours == theirs


@pytest.mark.parametrize("lengths", [[3, 2, 1], [1, 3, 2]])
@pytest.mark.parametrize("batch_first", [False, True])
def test_results_of_padding(lengths: list[int], batch_first: bool) -> None:
    def padded(t: Any) -> Any:
        rnn, values = t.nn.utils.rnn, t.ones(3, 3, 2, requires_grad=True)
        packed = rnn.pack_padded_sequence(values, lengths, batch_first, enforce_sorted=False)
        return facts([*packed, *rnn.pad_packed_sequence(packed, batch_first), values])

    assert padded(mt) == padded(pytest.importorskip("torch"))


@pytest.mark.parametrize(("kind", "options"), LAYERS, ids=str)
def test_flat_lists_of_weights(kind: str, options: dict[str, Any]) -> None:
    def weights(t: Any) -> Any:
        layer = getattr(t.nn, kind)(2, 4, **{**options, "dtype": t.float32})
        return layer._flat_weights_names, [tuple(each.shape) for each in layer._flat_weights]

    assert weights(mt) == weights(pytest.importorskip("torch"))

"""Recurrent layers equal PyTorch's: text, parameters, outputs, states, gradients, packed or not, to second order."""

from __future__ import annotations

import warnings
from types import ModuleType
from typing import Any

import pytest

import minitensor as mt
from minitensor.nn.functional.recurrent import GRU, LSTM, RELU, TANH, Cell, Trace, retrace, run_cell
from tests.nn.twins import assert_close, numbers, share_numbers


@pytest.fixture
def torch() -> ModuleType:
    return pytest.importorskip("torch")


OPTIONS: list[dict[str, Any]] = [
    {}, {"num_layers": 2}, {"bidirectional": True}, {"num_layers": 2, "bidirectional": True, "batch_first": True},
    {"bias": False}, {"num_layers": 3, "dropout": 0.5},
]  # fmt: skip
LAYERS = [(name, options) for name in ("RNN", "LSTM", "GRU") for options in OPTIONS]
LAYERS += [
    ("RNN", {"nonlinearity": "relu"}), ("LSTM", {"proj_size": 2}),
    ("LSTM", {"proj_size": 3, "num_layers": 2, "bidirectional": True}),
]  # fmt: skip
EACH = pytest.mark.parametrize(("name", "options"), LAYERS, ids=str)


def build(torch: Any, name: str, options: dict[str, Any]) -> list[tuple[Any, Any]]:
    layers = []
    for lib in (mt, torch):
        lib.manual_seed(4)
        layers.append(getattr(lib.nn, name)(3, 4, **options))
    return list(zip((mt, torch), layers))


def flat(found: Any) -> list[Any]:
    """Return the tensors of nested tuples."""
    if isinstance(found, (tuple, list)):
        return [tensor for each in found if each is not None for tensor in flat(each)]
    return [found]


def run(lib: Any, layer: Any, *inputs: Any) -> list[Any]:
    """Return results and gradients."""
    lib.manual_seed(9)
    found = [each for each in flat(layer(*inputs)) if each.is_floating_point()]
    sum((each * lib.tensor(numbers(k, *each.shape))).sum() for k, each in enumerate(found)).backward()
    leaves = [each for each in flat(inputs) if each.requires_grad]
    return [*found, *[each.grad for each in (*leaves, *layer.parameters())]]


def compare(pairs: list[tuple[Any, Any]], inputs: Any) -> None:
    results = [run(lib, layer, *inputs(lib, layer)) for lib, layer in pairs]
    for mine, his in zip(*results, strict=True):
        assert_close(mine, his, 1e-4)


def tensor(lib: Any, seed: int, *shape: int) -> Any:
    return lib.tensor(numbers(seed, *shape), requires_grad=True)


def first(lib: Any, layer: Any, *batch: int) -> Any:
    count = layer.num_layers * (2 if layer.bidirectional else 1)
    h = tensor(lib, 1, count, *batch, layer.proj_size or 4)
    return (h, tensor(lib, 2, count, *batch, 4)) if layer.mode == "LSTM" else h


@EACH
def test_text_and_initial_values_are_pytorchs(name: str, options: dict[str, Any], torch: ModuleType) -> None:
    (_, ours), (_, theirs) = build(torch, name, options)
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for key, value in theirs.state_dict().items():
        assert_close(ours.state_dict()[key], value, 1e-6)


@pytest.mark.filterwarnings("ignore:LSTM with projections")
@EACH
def test_outputs_states_and_gradients_are_pytorchs(name: str, options: dict[str, Any], torch: ModuleType) -> None:
    pairs = build(torch, name, options)
    compare(pairs, lambda lib, layer: (tensor(lib, 0, 6, 5, 3),))
    for _, layer in pairs:
        layer.zero_grad()
    compare(pairs, lambda lib, layer: (tensor(lib, 0, 5, 5, 3), first(lib, layer, 5)))


@pytest.mark.filterwarnings("ignore:LSTM with projections")
@EACH
def test_a_sequence_without_a_batch_is_accepted(name: str, options: dict[str, Any], torch: ModuleType) -> None:
    compare(build(torch, name, options), lambda lib, layer: (tensor(lib, 0, 6, 3), first(lib, layer)))


@pytest.mark.filterwarnings("ignore:LSTM with projections")
@EACH
@pytest.mark.parametrize("sort", [True, False])
def test_packed_sequences_are_pytorchs(name: str, options: dict[str, Any], sort: bool, torch: ModuleType) -> None:
    lengths = [6, 4, 4, 1] if sort else [4, 1, 6, 4]

    def inputs(lib: Any, layer: Any) -> Any:
        padded = lib.tensor(numbers(0, 6, 4, 3))
        packed = lib.nn.utils.rnn.pack_padded_sequence(padded, lib.tensor(lengths), enforce_sorted=sort)
        return packed, first(lib, layer, 4)

    compare(build(torch, name, options), inputs)


CELLS: list[tuple[str, dict[str, Any]]] = [
    ("RNNCell", {}), ("RNNCell", {"nonlinearity": "relu", "bias": False}), ("LSTMCell", {}),
    ("LSTMCell", {"bias": False}), ("GRUCell", {}), ("GRUCell", {"bias": False}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options"), CELLS, ids=str)
def test_cells_are_pytorchs(name: str, options: dict[str, Any], torch: ModuleType) -> None:
    pairs = build(torch, name, options)
    assert repr(pairs[0][1]) == repr(pairs[1][1])
    share_numbers(pairs[0][1], pairs[1][1])
    compare(pairs, lambda lib, layer: (tensor(lib, 0, 5, 3),))
    for _, layer in pairs:
        layer.zero_grad()

    def with_state(lib: Any, layer: Any) -> Any:
        state = (tensor(lib, 1, 4), tensor(lib, 2, 4)) if name == "LSTMCell" else tensor(lib, 1, 4)
        return tensor(lib, 0, 3), state

    compare(pairs, with_state)


# -- the scan and its slow reference -----------------------------------------------------------------------------------

SCANS = {"tanh": (TANH, 1), "relu": (RELU, 1), "lstm": (LSTM, 4), "gru": (GRU, 3)}


def scan_inputs(cell: Cell, gates: int) -> list[Any]:
    """Return the tensors of a scan of 3 steps, 2 sequences, 2 units."""
    shapes = [(3, 2, 2 * gates), (2 * gates, 2), *([(2 * gates,)] if cell is GRU else []), *[(2, 2)] * cell.states]
    return [mt.tensor(numbers(k, *shape), dtype=mt.float64, requires_grad=True) for k, shape in enumerate(shapes)]


@pytest.mark.parametrize("name", SCANS)
@pytest.mark.parametrize("masked", [False, True])
def test_a_scan_equals_its_steps_to_second_order(name: str, masked: bool) -> None:
    cell, gates = SCANS[name]
    tensors = scan_inputs(cell, gates)
    mask = mt.tensor([[1.0, 1.0], [1.0, 0.0], [0.0, 0.0]], dtype=mt.float64).unsqueeze(-1).array if masked else None
    assert_close(run_cell(tuple(tensors), cell, mask, Trace()), retrace(tensors, cell, mask), 1e-12)

    def scanned(*inputs: Any) -> Any:
        return run_cell(inputs, cell, mask, Trace())

    assert mt.autograd.gradcheck(scanned, tensors)
    assert mt.autograd.gradgradcheck(scanned, tensors)


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU", "LSTMCell"])
def test_vmap_runs_a_scan_for_all_samples_at_once(name: str) -> None:
    layer = getattr(mt.nn, name)(3, 4).double()
    x = mt.tensor(numbers(0, 5, 2, 3) if name == "LSTMCell" else numbers(0, 5, 4, 2, 3), dtype=mt.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a loop over the samples would warn
        together = mt.vmap(lambda each: layer(each)[0])(x)
    assert_close(together, mt.stack([layer(each)[0] for each in x]), 1e-12)


# -- bad input ---------------------------------------------------------------------------------------------------------

WRONG: dict[str, Any] = {
    "a width": lambda lib: lib.nn.LSTM(3, 4)(lib.ones(5, 2, 2)),
    "a rank": lambda lib: lib.nn.GRU(3, 4)(lib.ones(3)),
    "a state's shape": lambda lib: lib.nn.RNN(3, 4)(lib.ones(5, 2, 3), lib.ones(1, 3, 4)),
    "a pair of states": lambda lib: lib.nn.GRU(3, 4)(lib.ones(5, 2, 3), (lib.ones(1, 2, 4), lib.ones(1, 2, 4))),
    "a cell's width": lambda lib: lib.nn.LSTMCell(3, 4)(lib.ones(2, 2)),
    "a cell's rank": lambda lib: lib.nn.GRUCell(3, 4)(lib.ones(2, 2, 3)),
    "dropout": lambda lib: lib.nn.LSTM(3, 4, dropout=1.5),
    "layers": lambda lib: lib.nn.LSTM(3, 4, num_layers=0),
    "too large a projection": lambda lib: lib.nn.LSTM(3, 4, proj_size=4),
    "an unknown function": lambda lib: lib.nn.RNN(3, 4, nonlinearity="sine"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_use_is_refused_as_pytorch_does(name: str, torch: ModuleType) -> None:
    with pytest.raises(Exception) as theirs:  # whichever it raises
        WRONG[name](torch)
    with pytest.raises(theirs.type):
        WRONG[name](mt)


def test_dropout_with_one_layer_warns() -> None:
    with pytest.warns(UserWarning, match="num_layers greater than 1"):
        mt.nn.LSTM(3, 4, dropout=0.5)


@EACH
def test_outputs_and_states_may_be_changed_before_backward(name: str, options: dict[str, Any]) -> None:
    """PyTorch's layers do not save them either, except for oneDNN's LSTM."""
    seen = []
    for written in (False, True):
        mt.manual_seed(4)
        layer = getattr(mt.nn, name)(3, 4, **options)
        found = flat(layer(tensor(mt, 0, 2, 2, 3)))
        for each in found:
            if written:
                each.mul_(1).add_(1)
        sum((each * mt.tensor(numbers(k, *each.shape))).sum() for k, each in enumerate(found)).backward()
        seen.append([parameter.grad for parameter in layer.parameters()])
    for one, other in zip(*seen, strict=True):
        assert_close(one, other, 1e-6)


@pytest.mark.parametrize("name", ["RNN", "GRU"])
def test_a_state_that_is_not_a_tensor_is_named(name: str) -> None:
    layer, state = getattr(mt.nn, name)(3, 4), mt.zeros(1, 2, 4)
    with pytest.raises(AttributeError, match=r"argument 'hx' must be a tensor, not tuple"):
        layer(mt.ones(5, 2, 3), (state, state))

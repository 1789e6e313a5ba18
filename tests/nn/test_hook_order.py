"""The hooks of parameters and inputs run in PyTorch's order, for every layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

import minitensor as mt
from ops.call import outcome
from tests.nn import test_layers, test_recurrent
from tests.nn.test_recurrent import first, flat, tensor
from tests.nn.twins import numbers


@pytest.fixture
def torch() -> Iterator[ModuleType]:
    """Return PyTorch without oneDNN, whose LSTM uses another order."""
    library = pytest.importorskip("torch")
    before = library._C._get_mkldnn_enabled()
    library._C._set_mkldnn_enabled(False)
    yield library
    library._C._set_mkldnn_enabled(before)


Inputs = Callable[[Any, Any], tuple[Any, ...]]  # of a library and a layer


def row_inputs(row: Any) -> Inputs:
    return lambda lib, layer: (lib.tensor(numbers(0, *row.shape), requires_grad=True),)


def recurrent_inputs(given: bool) -> Inputs:
    return lambda lib, layer: (tensor(lib, 0, 2, 2, 3), *((first(lib, layer, 2),) if given else ()))


def cell_inputs(states: int) -> Inputs:
    def inputs(lib: Any, layer: Any) -> tuple[Any, ...]:
        given = tuple([tensor(lib, k + 1, 2, 4) for k in range(states)])
        return (tensor(lib, 0, 2, 3), *([given] if states > 1 else given))

    return inputs


def sequences(*widths: int) -> Inputs:
    return lambda lib, layer: tuple([tensor(lib, k, 2, 2, width) for k, width in enumerate(widths)])


def alone(lib: Any, layer: Any) -> tuple[Any, ...]:
    return (tensor(lib, 0, 2, 2, 4),) * 3


CASES: list[tuple[str, tuple[Any, ...], dict[str, Any], Inputs]] = [
    *[(row.name, row.args, row.options, row_inputs(row)) for row in test_layers.LAYERS],
    *[
        (name, (3, 4), options, recurrent_inputs(given))
        for name, options in test_recurrent.LAYERS for given in (False, True)
    ],
    *[(name, (3, 4), {}, cell_inputs(n)) for name in ("RNNCell", "GRUCell") for n in (0, 1)],
    *[("LSTMCell", (3, 4), {}, cell_inputs(n)) for n in (0, 2)],
    ("Bilinear", (3, 4, 5), {}, lambda lib, layer: (tensor(lib, 0, 2, 3), tensor(lib, 1, 2, 4))),
    *[
        ("MultiheadAttention", (4, 2), options, inputs)
        for options in ({}, {"batch_first": True}, {"bias": False}, {"add_bias_kv": True})
        for inputs in (alone, sequences(4, 4, 4))
    ],
    ("MultiheadAttention", (4, 2), {"kdim": 3, "vdim": 5}, sequences(4, 3, 5)),
    *[("TransformerEncoderLayer", (4, 2, 8, 0.0), {"norm_first": each}, sequences(4)) for each in (False, True)],
    *[("TransformerDecoderLayer", (4, 2, 8, 0.0), {"norm_first": each}, sequences(4, 4)) for each in (False, True)],
]  # fmt: skip
REFUSED = "a leaf Variable that requires grad is being used in an in-place operation"


def order(lib: Any, name: str, args: tuple[Any, ...], options: dict[str, Any], inputs: Inputs) -> list[str]:
    """Return the names of inputs and parameters in the order in which their hooks run."""
    lib.manual_seed(4)
    layer = getattr(lib.nn, name)(*args, **options)
    given, seen = inputs(lib, layer), []
    leaves = [(f"input {i}", each) for i, each in enumerate(flat(given))] + list(layer.named_parameters())
    for called, leaf in leaves:
        if leaf.requires_grad:
            leaf.register_hook(lambda grad, called=called: seen.append(called))
    kept = [each for each in flat(layer(*given)) if each.requires_grad]
    lib.autograd.backward(kept, [lib.ones_like(each) for each in kept])
    return seen


@pytest.mark.parametrize("case", CASES, ids=[f"{k} {case[0]}" for k, case in enumerate(CASES)])
def test_hooks_run_in_pytorchs_order(torch: ModuleType, case: Any) -> None:
    expected, found = [outcome(order, lib, *case) for lib in (torch, mt)]
    if isinstance(expected, Exception):  # layers that would write to their input, which is a leaf
        assert REFUSED in str(expected) and REFUSED in str(found)
    else:
        assert found == expected

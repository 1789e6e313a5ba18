"""Options of a wrong type: where PyTorch raises a TypeError, an op with a bool, int or number option does too.

Each op of the table is called with values of other types for each such option, whether the call gives the option or
not.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

import minitensor as mt
from ops.call import our_arguments, outcome, torch_arguments
from ops.row import Call
from ops.table import ROWS
from ops.test_laws_misuse import Place, places

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.filterwarnings("ignore")  # about deprecated calls

WRONG = {
    "text": "x", "digit": "2", "float": 1.5, "whole": 1.0, "complex": 1j, "list": [], "tuple": (1.5,), "int": 1,
    "NumPy's bool": np.bool_(True), "fraction": Fraction(1, 2), "decimal": Decimal(1),
}  # fmt: skip
OPTIONS = ("bool", "int", "float", "Count")

# PyTorch's parser has several signatures and refuses one option without another; here each may be given alone.
ALONE = {("hamming_window", "alpha"), ("hamming_window", "beta"), ("kaiser_window", "beta"), ("randint_like", "low")}
# These accept more here, as in PyTorch's other functions; a wrong number of heads is refused with another class.
WIDER = {("embedding_bag", "include_last_offset"), ("multi_head_attention_forward", "num_heads")}


def options(place: Place) -> dict[str, str]:
    """Return the options of a function that are annotated as a bool, an int or a number, with their types."""
    kinds = {name: str(each.annotation) for name, each in inspect.signature(place.ours).parameters.items()}
    return {name: kind for name, kind in kinds.items() if kind in OPTIONS}


def wrong_calls(place: Place, call: Call) -> Iterator[tuple[str, str, Call]]:
    """Yield an option, the wrong value, and the call."""
    names = list(inspect.signature(place.ours).parameters)
    for name in options(place):
        for what, value in WRONG.items():
            at = names.index(name)
            if at < len(call.args):
                yield name, what, Call((*call.args[:at], value, *call.args[at + 1 :]), call.kwargs)
            else:
                yield name, what, Call(call.args, {**call.kwargs, name: value})


def test_an_option_of_a_wrong_type_is_refused_as_in_pytorch() -> None:
    faults, counted = [], 0
    for row in ROWS:
        for place in places(row, torch):
            if place.theirs is None:
                continue
            for name, what, call in wrong_calls(place, row.calls[0]):
                args, kwargs = torch_arguments(torch, call)
                expected = outcome(place.theirs, *args, **kwargs)
                if not isinstance(expected, TypeError) or "unexpected keyword" in str(expected):
                    continue
                if (place.name.split(".")[-1], name) in ALONE | WIDER:
                    continue
                counted += 1
                args, kwargs = our_arguments(call)
                found = outcome(place.ours, *args, **kwargs)
                if not isinstance(found, TypeError):
                    faults.append(f"{place.name}, {what} as {name}: {found!r:.80}, PyTorch {expected!r:.80}")
    assert not faults, "\n".join(faults[:60])
    assert counted > 5500


def test_floats_and_bools_that_equal_an_int_dim_are_refused() -> None:
    x = mt.ones(2, 3)
    for dim in (1, 1.0, True):
        for call in (x.sum, x.mean, x.softmax, x.unsqueeze, x.argmax, lambda dim: x.transpose(0, dim)):
            if dim.__class__ is int:
                call(dim)
                continue
            with pytest.raises(TypeError, match="must be an int"):
                call(dim)  # type: ignore[arg-type]


def test_a_0d_tensor_counts_as_an_int() -> None:
    x = mt.ones(2, 3)
    assert x.argmax(mt.tensor(1)).shape == (2,)
    assert x.transpose(mt.tensor(0), 1).shape == (3, 2)


@pytest.mark.parametrize("name", ["foo", "float32"])
def test_an_unknown_type_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"invalid type: '{name}'"):
        mt.ones(2).type(name)

"""Missing names in a module, a container or a packed sequence: PyTorch's error class, and nothing is half-changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import minitensor as mt
import minitensor.nn.utils.prune
import minitensor.nn.utils.rnn

PRUNE = {"identity": (), "random_unstructured": (0.5,), "l1_unstructured": (0.5,), "random_structured": (0.5, 0),
         "ln_structured": (0.5, 2, 0)}  # fmt: skip


def entries(lib: Any) -> Any:
    return lib.nn.ParameterDict({"a": lib.nn.Parameter(lib.ones(2))})


def prune_name(name: Any, how: str) -> Callable[[Any], Any]:
    def call(lib: Any) -> Any:
        prune = __import__(f"{lib.__name__}.nn.utils.prune", fromlist=["prune"])
        return getattr(prune, how)(lib.nn.Linear(3, 2), name, *PRUNE[how])

    return call


CALLS: dict[str, Callable[[Any], Any]] = {
    **{f"{how} of {name!r}": prune_name(name, how) for how in PRUNE for name in ("x", 0)},
    "an entry that is not there": lambda lib: entries(lib)["x"],
    "an entry of a number": lambda lib: entries(lib)[0],
    "pop what is not there": lambda lib: entries(lib).pop("x"),
    "a packed sequence without sizes": lambda lib: lib.nn.utils.rnn.PackedSequence(lib.ones(3)),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_missing_name_raises_pytorchs_class(name: str) -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(Exception) as theirs:
        CALLS[name](torch)
    with pytest.raises(theirs.type) as ours:
        CALLS[name](mt)
    assert isinstance(ours.value, mt.errors.MinitensorError)


def test_a_missing_entry_is_a_key_error_as_in_a_dict() -> None:
    with pytest.raises(KeyError, match="has no entry 'x'; it has a"):
        entries(mt)["x"]


@pytest.mark.parametrize("key", ["", "a.b", 3])
def test_an_entry_that_is_refused_is_not_left_behind(key: Any) -> None:
    held = entries(mt)
    with pytest.raises((KeyError, TypeError)):
        held[key] = mt.nn.Parameter(mt.ones(2))
    assert list(held) == ["a"]

"""Pickles and copies: each comes back equal, and what PyTorch refuses is refused with its class."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import minitensor as mt
from tests.serialization.test_objects import VALUES, describe

WAYS: dict[str, Callable[[Any], Any]] = {
    "protocol 2": lambda value: pickle.loads(pickle.dumps(value, 2)),
    "protocol 5": lambda value: pickle.loads(pickle.dumps(value, 5)),
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
}
WITH_GRAPHS: dict[str, Callable[[Any], Any]] = {
    "a node": lambda t: (t.ones(2, requires_grad=True) * 2).grad_fn,
    "an iterator": lambda t: iter(t.utils.data.DataLoader([1, 2])),
    "a result": lambda t: t.ones(2, requires_grad=True) * 2,
}
HERE_ONLY = {
    ("a storage", "protocol 2"): "PyTorch pickles a storage only in a file",
    ("a storage", "protocol 5"): "PyTorch pickles a storage only in a file",
}


def outcome(way: Callable[[Any], Any], value: Any) -> Any:
    """Return the copy as described, or the class of the error."""
    try:
        return describe(way(value))
    except Exception as error:  # every class is compared
        return type(error)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("label", [*VALUES, *WITH_GRAPHS])
def test_pickles_and_copies_are_equal_and_refused_as_in_pytorch(label: str, way: str) -> None:
    torch = pytest.importorskip("torch")
    make = {**VALUES, **WITH_GRAPHS}[label]
    value = make(mt)
    ours, theirs = outcome(WAYS[way], value), outcome(WAYS[way], make(torch))
    if isinstance(theirs, type) and (label, way) not in HERE_ONLY:
        assert isinstance(ours, type) and issubclass(ours, theirs)
    else:
        assert ours == (theirs if label == "a cycle" else describe(value))  # a shallow copy refers to the original


def test_a_pickled_result_is_a_leaf_that_requires_grad() -> None:
    leaf = mt.ones(2, requires_grad=True)
    found = pickle.loads(pickle.dumps({"leaf": leaf, "result": leaf * 2, "view": leaf[:1]}))
    assert found["result"].is_leaf and found["result"].requires_grad and found["result"].tolist() == [2, 2]
    found["result"].sum().backward()
    assert found["result"].grad.tolist() == [1, 1] and found["leaf"].grad is None


def test_the_default_generator_is_pickled_with_its_state() -> None:
    mt.manual_seed(5)
    found = pickle.loads(pickle.dumps(mt.default_generator))
    assert mt.rand(3, generator=found).tolist() == mt.rand(3).tolist()

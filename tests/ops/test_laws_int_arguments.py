"""Integers of other types in place of ints: a 0-d tensor, a tensor of one element, NumPy's, and floats, as in PyTorch.

Every int among the arguments of every call of the table, also in lists, is replaced.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from ops import call as calls
from ops.row import Call
from ops.table import ROWS

FORMS: dict[str, Callable[[Any, int], Any]] = {
    "0-d tensor": lambda t, n: t.tensor(n), "one element": lambda t, n: t.tensor([n]),
    "NumPy": lambda t, n: np.int64(n), "float": lambda t, n: float(n),
}  # fmt: skip
# PyTorch's functions refuse a tensor of one element in a dim, its methods accept it. Here they are one function.
AS_METHODS = {"count_nonzero", "squeeze", "hsplit", "vsplit", "dsplit"}
ACCEPTED_HERE: dict[str, set[str]] = {
    "0-d tensor": set(), "NumPy": set(), "one element": AS_METHODS, "float": set(),
}  # fmt: skip
REFUSED_HERE: dict[str, set[str]] = {
    "0-d tensor": set(), "NumPy": set(), "one element": {"histogramdd"}, "float": {"broadcast_shapes", "__getitem__"},
}  # fmt: skip


class Slot:
    """Stands for an int in a call."""

    def __init__(self, number: int) -> None:
        self.number = number


def slots(value: Any) -> Iterator[Any]:
    """Yield an argument, or a list, with one int replaced by a slot."""
    if value.__class__ is int:
        yield Slot(value)
    elif value.__class__ in (list, tuple):
        for place, each in enumerate(value):
            if each.__class__ is int:
                yield value.__class__([*value[:place], Slot(each), *value[place + 1:]])


def variants(call: Call) -> Iterator[Call]:
    for place, value in enumerate(call.args):
        yield from (call._replace(args=(*call.args[:place], each, *call.args[place + 1:])) for each in slots(value))
    for name, value in call.kwargs.items():
        yield from (call._replace(kwargs={**call.kwargs, name: each}) for each in slots(value))


def fill(value: Any, number: Callable[[int], Any]) -> Any:
    if isinstance(value, Slot):
        return number(value.number)
    return value.__class__([fill(each, number) for each in value]) if value.__class__ in (list, tuple) else value


def accepts(library: Any, op: Any, arguments: Any, form: str) -> bool:
    args, kwargs = [fill(each, lambda n: FORMS[form](library, n)) for each in (arguments[0], [*arguments[1].values()])]
    library.manual_seed(0)
    try:
        op(*args, **dict(zip(arguments[1], kwargs, strict=True)))
    except Exception:
        return False
    return True


@pytest.mark.parametrize("form", FORMS)
def test_integers_are_accepted_as_in_pytorch(form: str) -> None:
    torch = pytest.importorskip("torch")
    more, less, count = set(), set(), 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for row in ROWS:
            if row.torch is not None:
                continue
            for call in [each for given in row.calls for each in variants(given)]:
                expected = accepts(torch, calls.theirs(torch, row), calls.torch_arguments(torch, call), form)
                found = accepts(mt, calls.ours(row), calls.our_arguments(call), form)
                count += 1
                if found != expected:
                    (more if found else less).add(row.name.rpartition(".")[2])
    assert more <= ACCEPTED_HERE[form], more - ACCEPTED_HERE[form]
    assert less <= REFUSED_HERE[form], less - REFUSED_HERE[form]
    assert count > 1400


def test_bools_are_no_sizes() -> None:
    for wrong in (lambda: mt.zeros(True), lambda: mt.zeros((True, 2)), lambda: mt.ones(2).reshape(True, 2),
                  lambda: mt.ones(2).expand((True, 2)), lambda: mt.ones(1, 2).nansum(True)):  # fmt: skip
        with pytest.raises(TypeError):
            wrong()


def test_a_float_is_no_dim_whatever_was_computed_before() -> None:
    """Memoized functions find the result for 0 when they are asked for 0.0."""
    x = mt.ones(2, 3)
    assert x.sum((0, 1)).item() == 6.0
    for dims in ((0.0, 1), 0.0, (0, True, 0.0)):
        with pytest.raises(TypeError, match="an int"):
            x.sum(dims)
    assert x.sum([mt.tensor(0), np.int64(1)]).item() == 6.0
    assert x.sum(mt.tensor([1])).tolist() == [3.0, 3.0]


# Calls of either library by turns: what one of them accepts, the other must, with the same result.
BY_TURNS: dict[str, Callable[[Any], Any]] = {
    "NumPy's numbers": lambda t: [
        t.result_type(np.int64(2), np.float32(1)), t.result_type(t.ones(2, dtype=t.float32), np.float32(2)),
    ],
    "a power that is NumPy's": lambda t: t.ones(2, dtype=t.float64).mul(3).float_power_(np.int64(2)),
    "a 0-d array as a dim": lambda t: t.ones(1, 1, 2).squeeze(np.array(1)),
    "an array of one int as a dim": lambda t: t.ones(1, 1, 2).squeeze(np.array([1])),
    "an integer sum of floats": lambda t: t.tensor([1.0, 2.5]).nansum(dtype=int),
    "hinge losses of integers": lambda t: t.nn.functional.hinge_embedding_loss(
        t.tensor([1, 0, -1, 2]), t.tensor([-1, -1, -1, 1]), margin=1.5, reduction="none"),
    "a hinge loss of integers": lambda t: t.nn.functional.hinge_embedding_loss(t.tensor([1]), t.tensor([1])),
    "norms of the entries of a vector": lambda t: t.norm_except_dim(t.tensor([1.0, -2.0]), 2, 0),
    "a dim that a vector lacks": lambda t: t.norm_except_dim(t.tensor([1.0, -2.0]), 2, 1),
    "a float at positions of ints": lambda t: t.arange(3).__setitem__([0, 1], t.tensor(7.9)),
    "a double at positions of floats": lambda t: t.arange(3.0).__setitem__([0], t.tensor(7.9, dtype=t.float64)),
    "a bool at positions of ints": lambda t: t.arange(3).__setitem__(t.tensor([0]), t.tensor(True)),
    "a float where a mask is true": lambda t: t.arange(3).__setitem__(t.arange(3) > 0, t.tensor(7.9)),
    "bounds of two kinds": lambda t: t.ones(2).clamp(t.ones(2), 3),
    "bounds of two kinds by name": lambda t: t.ones(2).clamp(max=t.ones(2), min=3),
    "a bound without dims": lambda t: t.ones(2).clamp(t.tensor(2.0), 3),
    "a shape of NumPy's ints": lambda t: t.unravel_index(t.tensor(1), (np.int64(2), 2)),
    "a shape that is a tensor": lambda t: t.broadcast_shapes(t.tensor(2)),
}


@pytest.mark.parametrize("name", BY_TURNS)
def test_both_accept_or_refuse(name: str) -> None:
    torch = pytest.importorskip("torch")

    def answer(library: Any) -> str | None:
        try:
            return repr(BY_TURNS[name](library))
        except (TypeError, RuntimeError, IndexError, AssertionError):
            return None

    assert answer(mt) == answer(torch)

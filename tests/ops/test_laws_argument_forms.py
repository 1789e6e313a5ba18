"""Sequences, sizes and ints among the arguments of every op, in forms that PyTorch refuses or accepts: so does each op.

Functions and methods differ: ``x.flip(0, 1)`` is a call, ``flip(x, 0, 1)`` an error.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from ops.call import our_arguments, quiet, torch_arguments
from ops.row import Call
from ops.table import ROWS
from ops.test_laws_misuse import Thing, places

IN_PLACE_OF_ALL: dict[str, Callable[[], Any]] = {
    "a list": lambda: [1], "a tuple": lambda: (1,), "a range": lambda: range(1), "a dict": dict, "an object": Thing,
    "a slice": lambda: slice(1), "a generator": lambda: (n for n in [1]),
}  # fmt: skip
CLASSES = {list: "a list", tuple: "a tuple"}
DIFFERENT = {
    "nn.functional.affine_grid": "PyTorch refuses what is not a bool as align_corners; here it is a truth value",
    "broadcast_shapes": "PyTorch reads ranges as shapes",
}


def forms(call: Call) -> Iterator[tuple[str, Callable[[], Call]]]:
    """Yield a name and a call for every form of every argument."""
    args, kwargs = call.args, call.kwargs
    for name, make in IN_PLACE_OF_ALL.items():
        for k in range(1, len(args)):
            yield f"{name} at {k}", lambda k=k, make=make: Call((*args[:k], make(), *args[k + 1:]), kwargs)
        for each in kwargs:
            yield f"{name} as {each}", lambda each=each, make=make: Call(args, {**kwargs, each: make()})
    for k, value in enumerate(args[1:], 1):
        for name, other in respell(value):
            yield f"{name} at {k}", lambda k=k, other=other: Call((*args[:k], *other, *args[k + 1:]), kwargs)


def respell(value: Any) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield other ways to give an int or a sequence of ints."""
    if value.__class__ is int:
        yield from [("an int in a list", ([value],)), ("an int in a tuple", ((value,),))]
    elif isinstance(value, (list, tuple)) and value and all(each.__class__ is int for each in value):
        yield from [("separate ints", tuple(value)), ("as a list", (list(value),)), ("as a tuple", (tuple(value),))]


def test_arguments_are_accepted_in_pytorchs_forms() -> None:
    torch = pytest.importorskip("torch")
    faults, count = [], 0
    for row in ROWS:
        for place in places(row, torch) if row.torch is None else ():
            inner = place.name.removeprefix("Tensor.")
            is_stand_in = not place.bound and "." not in place.name and not hasattr(torch, place.name)
            if place.theirs is None or is_stand_in or inner in DIFFERENT:
                continue
            for name, make in forms(row.calls[0]):
                if place.bound and not (row.calls[0].args and isinstance(row.calls[0].args[0], np.ndarray)):
                    continue
                expected = run(torch, place.theirs, torch_arguments(torch, make()))
                found = run(mt, place.ours, our_arguments(make()))
                count += 1
                if isinstance(expected, Exception) != isinstance(found, Exception):
                    faults.append(f"{place.name}, {name}: {found!r}, PyTorch {expected!r}")
    assert not faults, "\n".join(faults[:40])
    assert count > 7000


def run(library: Any, op: Callable[..., Any], arguments: Any) -> Any:
    library.manual_seed(0)
    return quiet(op, *arguments[0], **arguments[1])


# -- factors by position -----------------------------------------------------------------------------------------------

SHAPES = {"addmv": "vmn", "addr": "vmn", "addbmm": "mbn", "baddbmm": "bmn"}
SUMS = (
    "add sub rsub subtract addcmul addcdiv addmm addmv addr addbmm baddbmm "
    "add_ sub_ subtract_ addcmul_ addcdiv_ addmm_ addmv_ addr_ addbmm_ baddbmm_"
)


def operand(library: Any, letter: str) -> Any:
    """Return a vector, a matrix, a batch of them, a 0-d tensor or a number."""
    if letter in "nf":
        return 2 if letter == "n" else 0.5
    shape = {"v": (2,), "m": (2, 2), "b": (2, 2, 2), "z": ()}[letter]
    return library.ones(shape) * 2


@pytest.mark.parametrize("name", SUMS.split())
def test_factors_stand_where_pytorchs_may(name: str) -> None:
    torch = pytest.importorskip("torch")
    faults, count = [], 0
    letters = SHAPES.get(name.rstrip("_"), "mn") + "fz"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for size, kind in itertools.product((1, 2, 3, 4), ("function", "method")):
            for given in itertools.product(letters, repeat=size):
                ours, theirs = [getattr(t if kind == "function" else t.Tensor, name, None) for t in (mt, torch)]
                if ours is None or theirs is None or (kind == "method" and given[0] in "nf"):
                    continue
                found, expected = [
                    quiet(op, *[operand(t, each) for each in given]) for op, t in ((ours, mt), (theirs, torch))
                ]
                count += 1
                if isinstance(expected, Exception):
                    same = isinstance(found, type(expected))
                else:
                    same = not isinstance(found, Exception) and found.tolist() == expected.tolist()
                if not same:
                    faults.append(f"{kind} {given}: {found!r}, PyTorch {expected!r}")
    assert not faults, "\n".join(faults[:20])
    assert count > 50

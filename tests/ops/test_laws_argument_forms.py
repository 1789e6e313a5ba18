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


# -- numbers of other types, and numbers in place of tensors -----------------------------------------------------------


def forms_of_numbers(t: Any) -> dict[str, Any]:
    """Return numbers of other types than Python's, tensors and what is no number."""
    return {
        "NumPy's int": np.int64(1), "NumPy's float": np.float32(1), "NumPy's bool": np.bool_(True),
        "a 0-d int": t.tensor(1), "a 0-d float": t.tensor(1.0, dtype=t.float64), "a vector": t.tensor([1]),
        "a complex number": 1j, "None": None,
        "a string": "x", "a bool": True, "an int": 1, "a float": 1.0, "a list": [1], "an empty tuple": (),
        "a list of floats": [1.0],
    }  # fmt: skip


PLACES: dict[str, Callable[[Any, Any], Any]] = {
    "lerp": lambda t, n: t.lerp(t.ones(2), t.zeros(2), n),
    "lerp_": lambda t, n: t.ones(2).lerp_(t.zeros(2), n),
    "arange": lambda t, n: t.arange(n),
    "arange from": lambda t, n: t.arange(0, n),
    "roll": lambda t, n: t.roll(t.arange(3), 1, n),
    "unsafe_split": lambda t, n: t.unsafe_split(t.arange(3), n),
    "quantile": lambda t, n: t.quantile(t.ones(2), n),
    "inner": lambda t, n: t.inner(t.ones(2), n),
    "kron": lambda t, n: t.kron(t.ones(2), n),
    "equal": lambda t, n: t.equal(t.ones(2), n),
    "type_as": lambda t, n: t.ones(2).type_as(n),
    "positive": lambda t, n: t.positive(n),
    "a bias of conv_tbc": lambda t, n: t.conv_tbc(t.ones(3, 1, 1), t.ones(1, 1, 1), n),
    "a variance": lambda t, n: t.nn.functional.gaussian_nll_loss(t.ones(2), t.ones(2), n),
    "targets": lambda t, n: t.nn.functional.gaussian_nll_loss(t.ones(2), n, t.ones(2)),
    "right classes": lambda t, n: t.nn.functional.multilabel_soft_margin_loss(t.ones(2, 2), n),
    "a norm": lambda t, n: t.nn.functional.normalize(t.ones(2, 2), n),
    "a size of interpolate": lambda t, n: t.nn.functional.interpolate(t.ones(1, 1, 3), n),
    "values of index_put": lambda t, n: t.ones(2).index_put((t.tensor([0]),), n),
    "divergences of a number": lambda t, n: t.nn.functional.kl_div(t.tensor(1.0), t.ones(2, 3), reduction="batchmean"),
    "margins of a number": lambda t, n: t.nn.functional.soft_margin_loss(t.ones(()), t.ones(2)),
    "lengths of two kinds": lambda t, n: t.nn.functional.ctc_loss(
        t.ones(3, 2, 3), t.ones(2, 2, dtype=t.int64), (3, 3), t.tensor([1, 1])),
    "a view by name": lambda t, n: t.ones(4).as_strided_(input=t.ones(4), size=(2,), stride=(1,)),
}  # fmt: skip


ELSEWHERE = {
    ("arange from", "None"): "None is the default, and may be given",
    ("a bias of conv_tbc", "a vector"): "PyTorch adds a bias of another dtype there alone",
    ("a norm", "a string"): "one class for all that is no number",
}


@pytest.mark.parametrize("place", PLACES)
def test_numbers_of_all_types_are_accepted_as_in_pytorch(place: str) -> None:
    torch = pytest.importorskip("torch")
    faults = []
    for form in forms_of_numbers(mt):
        if (place, form) in ELSEWHERE:
            continue
        found, expected = [quiet(PLACES[place], t, forms_of_numbers(t)[form]) for t in (mt, torch)]
        if isinstance(expected, Exception):
            same = isinstance(found, type(expected))
        else:
            same = not isinstance(found, Exception) and repr(found).replace("minitensor", "torch") == repr(expected)
        if not same:
            faults.append(f"{form}: {found!r}, PyTorch {expected!r}")
    assert not faults, "\n".join(faults)

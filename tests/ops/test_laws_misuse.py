"""Wrong arguments: the error names the function, method or in-place version, and has a class that PyTorch raises too.

Each op of the table is called with a string, None, a list and an object in place of each argument, without arguments,
with too many, and with an unknown keyword. Calls that are accepted are not checked.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest

import minitensor as mt
import minitensor.fft
import minitensor.linalg
import minitensor.nn.functional
import minitensor.special
from minitensor.errors import MinitensorError
from ops.call import find, our_arguments, ours, outcome, recast, torch_arguments
from ops.row import Call, Row
from ops.table import ROWS

pytestmark = pytest.mark.filterwarnings("ignore")  # about deprecated calls, on which PyTorch's own errors depend


class Thing:
    """An object of an unknown class."""

    def __repr__(self) -> str:
        return "Thing()"


WRONG: dict[str, Any] = {"str": "x", "None": None, "list": ["a"], "object": Thing()}
PLACES = (mt, mt.Tensor, mt.nn.functional, mt.special, mt.linalg, mt.fft)
INSIDE = re.compile(r"object has no attribute|\b_\w+\(|plain_|assign_number|minitensor\.ops|unhashable")

CLASSES_BY_ACCIDENT = {
    "broadcast_shapes": "PyTorch treats None as no shape, and raises a RuntimeError for text",
    "unflatten": "PyTorch reports sizes that are not ints as missing",
    "einsum": "called without arguments, PyTorch raises a ValueError",
    "chain_matmul": "called without arguments, PyTorch raises a RuntimeError",
    "histogramdd": "both check the number of bins first; text counts as one entry here, and as none in PyTorch",
    "repeat_interleave": "repeats=None has a meaning in both, in different signatures",
    "nn.functional.affine_grid": "PyTorch counts the sizes before it looks at them",
    "tensordot": "PyTorch reports dims that are not ints as a RuntimeError",
    "linalg.norm": "PyTorch treats a norm given as text as a matrix norm",
    "nn.functional.normalize": "PyTorch treats a norm given as text as a matrix norm",
    "randint_like": "PyTorch has three signatures",
    "nn.functional.interpolate": "PyTorch reports it only after it chose a kernel",
    "nn.functional.upsample": "PyTorch reports it only after it chose a kernel",
    "nn.functional.conv1d": "PyTorch raises a ValueError or RuntimeError for text, depending on where it is read",
    "nn.functional.conv2d": "as conv1d",
    "nn.functional.conv3d": "as conv1d",
    "nn.functional.conv_tbc": "as conv1d",
    "nn.functional.lp_pool2d": "PyTorch unpacks the kernel size, a ValueError",
    "nn.functional.lp_pool3d": "PyTorch unpacks the kernel size, a ValueError",
    "nn.functional.adaptive_avg_pool2d": "one class for all wrong output sizes",
    "nn.functional.adaptive_avg_pool3d": "one class for all wrong output sizes",
    "nn.functional.adaptive_max_pool2d": "one class for all wrong output sizes",
    "nn.functional.adaptive_max_pool3d": "one class for all wrong output sizes",
    "nn.functional.multilabel_soft_margin_loss": "PyTorch adds the reduction to a string, a TypeError",
    "nn.functional.poisson_nll_loss": "PyTorch adds the reduction to a string, a TypeError",
    "nn.functional.pad": "one class for all unknown modes",
}
NAMED_OTHERWISE = {
    "to": "its first argument may be a device, and that is what the message is about",
    "index_put": "a message about an index quotes the rule for all indexing",
    "index_put_": "as index_put",
    "repeat_interleave": "it has its own message, about `repeats`",
}


class Place(NamedTuple):
    """A public name of an op: a dotted name, our function, and PyTorch's if there is one."""

    name: str
    ours: Callable[..., Any]
    theirs: Any
    bound: bool  # a method, whose first argument is certainly a tensor


def places(row: Row, torch: Any = None) -> Iterator[Place]:
    """Yield the functions, methods and in-place versions of a row."""
    for name in (row.name, *row.aliases):
        for each in (name, name + "_"):
            ours = find(mt, each)
            if callable(ours):
                yield Place(each, ours, None if torch is None else find(torch, each), each.startswith("Tensor."))
            last = each.split(".")[-1]
            method = getattr(mt.Tensor, last, None)
            if callable(method) and "." not in name:
                yield Place("Tensor." + last, method, getattr(torch and torch.Tensor, last, None), True)


def mistakes(call: Call, bound: bool) -> Iterator[tuple[str, Call]]:
    """Yield the fault and the call."""
    args, kwargs = call.args, call.kwargs
    for kind, value in WRONG.items():
        for k in range(int(bound), len(args)):
            yield f"{kind} at {k}", Call((*args[:k], value, *args[k + 1 :]), kwargs)
        for k in kwargs:
            yield f"{kind} as {k}", Call(args, {**kwargs, k: value})
    yield "nothing", Call((), {})
    yield "too much", Call((*args, *[1] * 24), kwargs)
    yield "an unknown keyword", Call(args, {**kwargs, "nonsense": 1})


@cache
def public_names() -> dict[int, set[str]]:
    """Return the names that each public function has, by its id."""
    names: dict[int, set[str]] = defaultdict(set)
    for where in PLACES:
        for name in dir(where):
            names[id(getattr(where, name))].add(name)
    return names


def names_of(place: Place) -> set[str]:
    """Return the names by which a message may call an op: its own, its in-place version's, its aliases'."""
    last = place.name.split(".")[-1]
    return {last, last.rstrip("_"), *public_names()[id(place.ours)]}


def is_signature_error(error: Exception) -> bool:
    """Return whether Python itself refused the call, because of the signature."""
    return type(error) is TypeError and bool(re.search(r"\w\(\) (missing|takes|got)", str(error)))


def faults_of(place: Place, what: str, found: Any) -> Iterator[str]:
    """Yield the faults of an error."""
    if not isinstance(found, Exception):
        return
    told = f"{place.name}, {what}: {type(found).__name__}: {found}"
    if not isinstance(found, MinitensorError) and not is_signature_error(found):
        yield f"raw: {told}"
    if INSIDE.search(str(found)):
        yield f"from inside: {told}"
    last = place.name.split(".")[-1]
    if last not in NAMED_OTHERWISE and last != "__getitem__" and not any(n in str(found) for n in names_of(place)):
        yield f"without its name: {told}"


def test_an_error_for_a_wrong_argument_names_the_public_function() -> None:
    faults = []
    for row in ROWS:
        for place in places(row):
            for what, call in mistakes(row.calls[0], place.bound):
                args, kwargs = our_arguments(call)
                faults += faults_of(place, what, outcome(place.ours, *args, **kwargs))
    assert not faults, "\n".join(faults[:40])


@pytest.fixture
def torch() -> ModuleType:
    return pytest.importorskip("torch")


def test_a_wrong_argument_has_pytorchs_class(torch: Any) -> None:
    faults = []
    for row in ROWS:
        if callable(row.torch) or row.name in CLASSES_BY_ACCIDENT:
            continue
        for place in places(row, torch):
            if place.theirs is None or place.name.removeprefix("Tensor.") in CLASSES_BY_ACCIDENT:
                continue
            for what, call in mistakes(row.calls[0], place.bound):
                if what == "too much":  # methods of both accept separate sizes, others do not
                    continue
                args, kwargs = our_arguments(call)
                found = outcome(place.ours, *args, **kwargs)
                if isinstance(found, Exception):
                    args, kwargs = torch_arguments(torch, call)
                    expected = outcome(place.theirs, *args, **kwargs)
                    if isinstance(expected, Exception) and not isinstance(found, type(expected)):
                        faults.append(f"{place.name}, {what}: {found!r}, PyTorch {expected!r}")
    assert not faults, "\n".join(faults[:40])


def test_a_refused_write_changes_nothing() -> None:
    faults = []
    for row in ROWS:
        for place in places(row):
            if not place.name.endswith("_") or not place.bound:
                continue
            for what, call in mistakes(row.calls[0], True):
                args, kwargs = our_arguments(call)
                if not args or not isinstance(args[0], mt.Tensor):
                    continue
                before, version = args[0].clone(), args[0].version
                found = outcome(place.ours, *args, **kwargs)
                if isinstance(found, Exception) and not same(args[0], before, version):
                    faults.append(f"{place.name}, {what}")
    assert not faults, "\n".join(faults)


# -- the first word of a message ---------------------------------------------------------------------------------------

TITLE = re.compile(r"([\w.]+)(\(\))?: ")
BEGINNINGS = {"argument", "device"}  # what a message may begin with that is not the name of an operation


def refusals(op: Callable[..., Any], call: Call) -> Iterator[tuple[str, Any]]:
    """Yield the outcomes of calls with dtypes and shapes that do not match, and with read-only memory."""
    for dtype in ("bool", "int64", "float16", "complex64"):
        args, kwargs = our_arguments(recast(call, dtype))
        yield dtype, outcome(op, *args, **kwargs)
    args, kwargs = our_arguments(call)
    array = call.args[0] if call.args else None
    if not isinstance(array, np.ndarray):
        return
    for shape in ((), (0,), (1,) * 6):
        yield f"shape {shape}", outcome(op, mt.ones(shape), *args[1:], **kwargs)
    yield "read-only", outcome(op, read_only(array), *args[1:], **kwargs)
    cell = mt.tensor(np.ones((1,) * array.ndim, array.dtype))
    yield "overlap", outcome(op, cell.expand(array.shape), *args[1:], **kwargs)
    if array.dtype.kind == "f":
        yield "leaf", outcome(op, mt.tensor(array, requires_grad=True), *args[1:], **kwargs)


def read_only(array: Any) -> mt.Tensor:
    """Return a tensor with read-only memory."""
    copy = array.copy()
    copy.flags.writeable = False
    return mt.from_numpy(copy)


def writers(row: Row) -> Iterator[Place]:
    """Yield a row's functions, methods and in-place versions, and its functions with ``inplace=True``."""
    yield from places(row)
    function = ours(row)
    if "inplace" in inspect.signature(function).parameters:
        yield Place(row.name, functools.partial(function, inplace=True), None, False)


def test_a_message_begins_with_the_called_name() -> None:
    faults, counted = [], 0
    for row in ROWS:
        for place in writers(row):
            names = {name for each in names_of(place) for name in (each, each + "_")}
            for call in row.calls[:2]:
                for what, found in refusals(place.ours, call):
                    title = TITLE.match(str(found)) if isinstance(found, MinitensorError) else None
                    counted += title is not None
                    if title and title[1].rpartition(".")[2] not in names | BEGINNINGS:
                        faults.append(f"{place.name}, {what}: {found}")
    assert not faults, "\n".join(faults[:40])
    assert counted > 2000


def same(tensor: mt.Tensor, before: mt.Tensor, version: int) -> bool:
    """Return whether a tensor is unchanged."""
    values = tensor.shape == before.shape and bool(mt.equal(tensor, before) or tensor.isnan().any())
    return values and tensor.version == version

"""Values nested deeper than Python's stack, or that contain themselves, raise one of the library's own errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import minitensor as mt
from minitensor.errors import MinitensorError, NestingError, quote
from minitensor.utils.data import default_collate, default_convert

DEPTH = 3_000  # Python's stack has 1,000 frames


def nest(innermost: Any, wrap: Callable[[Any], Any]) -> Any:
    for _ in range(DEPTH):
        innermost = wrap(innermost)
    return innermost


def self_containing() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


VALUES: dict[str, Callable[[], Any]] = {
    "a list": lambda: nest(1.0, lambda value: [value]),
    "a tuple": lambda: nest(1.0, lambda value: (value,)),
    "a dict": lambda: nest(mt.ones(1), lambda value: {"a": value}),
    "a list of tensors": lambda: nest(mt.ones(1), lambda value: [value]),
    "an uneven list": lambda: nest(1.0, lambda value: [1.0, value]),
    "a list that holds itself": self_containing,
}

WALKS: dict[str, Callable[[Any], Any]] = {
    "collate": lambda value: default_collate([value, value]),
    "convert": default_convert,
    "grad": lambda value: mt.func.grad(lambda _: mt.ones(1).sum())(value),
    "vjp": lambda value: mt.func.vjp(lambda _: value, mt.ones(1)),
    "vmap": lambda value: mt.func.vmap(lambda _: mt.ones(1))(value),
    "assert_close": lambda value: mt.testing.assert_close(value, value),
    "an optimizer's state": lambda value: optimizer().load_state_dict(
        {**optimizer().state_dict(), "state": {0: {"momentum_buffer": value}}}
    ),
}

MESSAGES: dict[str, Callable[[Any], Any]] = {
    "an index": lambda value: mt.ones(2)[value],
    "a written index": lambda value: mt.ones(2).__setitem__(value, 1),
    "a size": mt.zeros,
    "a Size": mt.Size,
    "a shape": lambda value: mt.ones(2).reshape(value),
    "dims": lambda value: mt.ones(2).permute(value),
    "a device": mt.device,
    "a broadcast shape": mt.broadcast_shapes,
    "an operand": lambda value: mt.add(mt.ones(1), value),
    "tensors": mt.cat,
    "parameters": lambda value: mt.optim.SGD(value, lr=0.1),
}


def optimizer() -> mt.optim.SGD:
    return mt.optim.SGD([mt.ones(1, requires_grad=True)], lr=0.1, momentum=0.9)


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("make", [mt.tensor, mt.as_tensor, mt.asarray, mt.Tensor])
def test_a_tensor_has_at_most_as_many_dims_as_an_array(make: Callable[[Any], Any], value: str) -> None:
    if value != "a dict":
        with pytest.raises(ValueError, match=r"too many dimensions '(list|tuple)': an array has at most 64"):
            make(VALUES[value]())


def test_the_deepest_array_is_made() -> None:
    value: Any = 1.0
    for depth in range(1, 65):
        value = [value]
        assert mt.tensor(value).ndim == depth


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("walk", WALKS)
def test_functions_that_traverse_nested_values_say_that_they_are_too_deep(walk: str, value: str) -> None:
    with pytest.raises(RecursionError, match="nested too deeply, or hold themselves") as caught:
        WALKS[walk](VALUES[value]())
    assert isinstance(caught.value, NestingError)


@pytest.mark.filterwarnings("ignore:Using a non-tuple sequence:UserWarning")
@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("use", MESSAGES)
def test_a_message_shows_the_outer_levels_of_a_deep_value(use: str, value: str) -> None:
    with pytest.raises(MinitensorError) as caught:
        MESSAGES[use](VALUES[value]())
    assert not isinstance(caught.value, RecursionError) and len(str(caught.value)) < 1_000


@pytest.mark.filterwarnings("ignore:Using a non-tuple sequence:UserWarning")
@pytest.mark.parametrize("value", [name for name in VALUES if name != "a dict"])
@pytest.mark.parametrize("use", ["an index", "a written index"])
def test_a_deep_index_is_refused_in_pytorchs_class(use: str, value: str) -> None:
    torch = pytest.importorskip("torch")
    tensors = {"a list of tensors": lambda: nest(torch.ones(1), lambda inner: [inner])}
    index = {**VALUES, **tensors}[value]()
    with pytest.raises((TypeError, ValueError, IndexError)) as theirs:
        _ = torch.ones(2)[index] if use == "an index" else torch.ones(2).__setitem__(index, 1)
    with pytest.raises(theirs.type):
        MESSAGES[use](VALUES[value]())


@pytest.mark.filterwarnings("ignore:Using a non-tuple sequence:UserWarning")
def test_an_index_with_too_many_items_is_refused_before_they_are_read() -> None:
    for use in ("an index", "a written index"):
        with pytest.raises(IndexError, match=r"too many indices .*: \[1.0, \[1.0, .*\.\.\.") as caught:
            MESSAGES[use](VALUES["an uneven list"]())
        assert len(str(caught.value)) < 300


def test_a_quotation_is_short_whatever_the_value() -> None:
    shared: Any = []
    for _ in range(60):
        shared = [shared, shared]
    huge = [1 << 10**6, "x" * 10**6, b"x" * 10**6, list(range(10**6)), shared, mt.ones(10**6), {shared.__len__: shared}]
    for value in [*huge, huge, *[make() for make in VALUES.values()]]:
        assert len(quote(value)) <= 200
    assert quote([1, "a", (None, 2.5), {"b": mt.float32}]) == "[1, 'a', (None, 2.5), {'b': torch.float32}]"

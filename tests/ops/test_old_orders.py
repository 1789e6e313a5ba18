"""Factors among the tensors, as early versions of PyTorch took them: the same values and warnings in both libraries."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

import minitensor as mt
from minitensor.compat.once import state

SUMS = {"add": (2,), "sub": (2,), "addcmul": (0.5,), "addcdiv": (0.5,)}
SHAPES: dict[str, tuple[tuple[int, ...], ...]] = {
    "add": ((2, 3), (3,)), "sub": ((2, 3), (3,)), "addcmul": ((2, 3), (3,), (2, 1)), "addcdiv": ((2, 3), (3,), (2, 1)),
    "addmm": ((2, 3), (2, 4), (4, 3)), "addmv": ((2,), (2, 3), (3,)), "addr": ((2, 3), (2,), (3,)),
    "baddbmm": ((5, 2, 3), (5, 2, 4), (5, 4, 3)), "addbmm": ((2, 3), (5, 2, 4), (5, 4, 3)),
}  # fmt: skip


def calls(name: str) -> list[tuple[str, tuple[Any, ...]]]:
    """Return functions and methods with arguments; "t0" and so on stand for tensors."""
    first, *others = [f"t{i}" for i in range(len(SHAPES[name]))]
    if name in SUMS:
        return [(each, (first, *SUMS[name], *others)) for each in (name, f"Tensor.{name}", f"Tensor.{name}_")]
    return [
        *[(name, (3, first, *alpha, *others)) for alpha in ((), (4,))],
        *[(f"Tensor.{name}{end}", (first, 3, *alpha, *others)) for end in ("", "_") for alpha in ((), (4,))],
    ]


CALLS = [(name, *call) for name in SHAPES for call in calls(name)]


def run(library: Any, name: str, function: str, args: tuple[Any, ...], **kwargs: Any) -> tuple[Any, set[str]]:
    library.manual_seed(0)
    tensors = {f"t{i}": library.rand(*shape) for i, shape in enumerate(SHAPES[name])}
    place = library.Tensor if function.startswith("Tensor.") else library
    library.set_warn_always(True)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            given = [tensors.get(each, each) if isinstance(each, str) else each for each in args]
            found = getattr(place, function.removeprefix("Tensor."))(*given, **kwargs)
    finally:
        library.set_warn_always(False)
    assert all("deprecated" in str(each.message) for each in caught)
    return found, {each.category.__name__ for each in caught}


@pytest.mark.parametrize(("name", "function", "args"), CALLS)
def test_factors_among_tensors(name: str, function: str, args: tuple[Any, ...]) -> None:
    torch = pytest.importorskip("torch")
    (found, warned), (expected, expected_warned) = [run(each, name, function, args) for each in (mt, torch)]
    assert warned == expected_warned == {"UserWarning"}
    mt.testing.assert_close(found, mt.tensor(expected.numpy()))


@pytest.mark.parametrize("name", SHAPES)
def test_they_are_those_given_by_name(name: str) -> None:
    function, args = calls(name)[-1] if name not in SUMS else calls(name)[0]
    tensors = tuple(each for each in args if isinstance(each, str))
    numbers = [each for each in args if not isinstance(each, str)]
    names = ["beta", "alpha"] if name not in SUMS else ["alpha"] if name in ("add", "sub") else ["value"]
    by_name, warned = run(mt, name, function, tensors, **dict(zip(names, numbers, strict=True)))
    assert not warned
    assert run(mt, name, function, args)[0].tolist() == by_name.tolist()


def test_out_and_a_factor_in_a_tensor() -> None:
    a, out = mt.ones(2), mt.empty(2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert mt.add(a, 2, a, out=out) is out
        assert mt.add(a, mt.tensor(3.0), a).tolist() == [4.0, 4.0]
        assert mt.add(a, 2, 3).tolist() == [7.0, 7.0]
        assert mt.add(2, 2, a).tolist() == [4.0, 4.0] and mt.sub(2, 3, 4).item() == -10
    assert out.tolist() == [3.0, 3.0]


def test_other_orders_are_refused() -> None:
    a = mt.ones(2)
    for wrong in (lambda: mt.add(a, a, 2), lambda: mt.mul(a, 2, a), lambda: mt.addcmul(a, a, a, 2),
                  lambda: mt.subtract(a, 2, a), lambda: a.subtract_(2, a),
                  lambda: mt.addmm(mt.ones(2, 2), 3, mt.ones(2, 2), mt.ones(2, 2)),
                  lambda: mt.addmm(mt.ones(2, 2), mt.ones(2, 2), mt.ones(2, 2), 3)):  # fmt: skip
        with pytest.raises(TypeError, match=r"too many positional arguments|only a number may be followed by alpha"):
            wrong()
    with pytest.raises(RuntimeError, match="alpha"):
        mt.add(mt.tensor([1]), 2.5, mt.tensor([1]))


def test_one_warning_comes_for_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "seen", set())
    a, matrix = mt.ones(2), mt.ones(2, 2)
    with pytest.warns(UserWarning, match="overload of add is deprecated") as caught:
        mt.add(a, 2, a), a.sub_(2, a), mt.addcmul(a, 2, a, a), mt.addmm(2, matrix, 3, matrix, matrix)
    assert len(caught) == 1


# -- all places of numbers among the tensors ---------------------------------------------------------------------------

TENSORS = {
    "add": "mm", "sub": "mm", "subtract": "mm", "rsub": "mm", "mul": "mm", "addcmul": "mmm", "addcdiv": "mmm",
    "addmm": "mmm", "addmv": "vmv", "addr": "mvv", "baddbmm": "bbb", "addbmm": "mbb",
}  # fmt: skip
NUMBERS: tuple[Any, ...] = (2, 2.5, True, "tensor")
BY_NAME: tuple[dict[str, Any], ...] = ({}, {"beta": 3}, {"alpha": 3}, {"value": 3}, {"out": ()})


def places(name: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield the names of functions and methods, and at which positions they are given numbers."""
    for count in range(4):
        for where in itertools.combinations(range(len(TENSORS[name]) + count), count):
            yield from ((each, where) for each in (name, name + "_"))
            if 0 not in where:
                yield from ((each, where) for each in (f"Tensor.{name}", f"Tensor.{name}_"))


def found_by(library: Any, name: str, function: str, where: tuple[int, ...], number: Any, given: Any) -> Any:
    """Return the numbers of a result, or the built-in class of the error."""
    whole = library.arange(1.0, 9.0).reshape(2, 2, 2)
    tensors = iter([{"b": whole, "m": whole[0], "v": whole[0, 0]}[each].clone() for each in TENSORS[name]])
    value = library.tensor(2.0) if number == "tensor" else number
    args = [value if place in where else next(tensors) for place in range(len(TENSORS[name]) + len(where))]
    kwargs = {"out": library.zeros(0)} if "out" in given else given
    place = library.Tensor if function.startswith("Tensor.") else library
    try:
        return getattr(place, function.removeprefix("Tensor."))(*args, **kwargs).tolist()
    except Exception as error:
        return next(each for each in type(error).__mro__ if each.__module__ == "builtins")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", TENSORS)
def test_numbers_in_all_places_are_taken_and_refused_as_in_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    wrong, count, taken = [], 0, 0
    for (function, where), number, given in itertools.product(places(name), NUMBERS, BY_NAME):
        is_method = function.startswith("Tensor.")
        if not hasattr(torch.Tensor if is_method else torch, function.removeprefix("Tensor.")):
            continue
        if "out" in given and (is_method or function.endswith("_")):
            continue  # methods take out= here
        expected = found_by(torch, name, function, where, number, given)
        found = found_by(mt, name, function, where, number, given)
        count, taken = count + 1, taken + isinstance(expected, list)
        if found != expected:
            wrong.append(f"{function}, {number} at {where}, {given}: {found}, PyTorch {expected}")
    assert not wrong, "\n".join(wrong)
    assert count > 200 and taken > 5

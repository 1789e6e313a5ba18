"""Factors among the tensors, as early versions of PyTorch took them: the same values and warnings in both libraries."""

from __future__ import annotations

import warnings
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
    assert out.tolist() == [3.0, 3.0]


def test_other_orders_are_refused() -> None:
    a = mt.ones(2)
    for wrong in (lambda: mt.add(a, a, 2), lambda: mt.mul(a, 2, a), lambda: mt.addcmul(a, a, a, 2),
                  lambda: mt.addmm(mt.ones(2, 2), mt.ones(2, 2), mt.ones(2, 2), 3)):  # fmt: skip
        with pytest.raises(TypeError, match="too many positional arguments"):
            wrong()
    with pytest.raises(RuntimeError, match="alpha"):
        mt.add(mt.tensor([1]), 2.5, mt.tensor([1]))


def test_one_warning_comes_for_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "seen", set())
    a, matrix = mt.ones(2), mt.ones(2, 2)
    with pytest.warns(UserWarning, match="overload of add is deprecated") as caught:
        mt.add(a, 2, a), a.sub_(2, a), mt.addcmul(a, 2, a, a), mt.addmm(2, matrix, 3, matrix, matrix)
    assert len(caught) == 1

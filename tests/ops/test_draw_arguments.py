"""Every kind of value for every parameter of random functions: PyTorch's numbers, or an error of PyTorch's class."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from ops.test_draws import Draw, check

VALUES: dict[str, Callable[[Any], Any]] = {
    "1": lambda lib: 1, "5": lambda lib: 5, "-1": lambda lib: -1, "0.5": lambda lib: 0.5, "2.0": lambda lib: 2.0,
    "True": lambda lib: True, "False": lambda lib: False, "None": lambda lib: None, "text": lambda lib: "a",
    "1j": lambda lib: 1j, "[1]": lambda lib: [1], "(2,)": lambda lib: (2,), "nan": lambda lib: float("nan"),
    "inf": lambda lib: float("inf"), "int64": lambda lib: np.int64(5), "float32": lambda lib: np.float32(0.5),
    "float64": lambda lib: np.float64(0.5), "array": lambda lib: np.array(5), "tensor(5)": lambda lib: lib.tensor(5),
    "tensor(.5)": lambda lib: lib.tensor(0.5), "tensor(True)": lambda lib: lib.tensor(True),
    "tensor([5])": lambda lib: lib.tensor([5]), "vector": lambda lib: lib.full((3,), 0.5),
    "tensor with history": lambda lib: lib.tensor(0.5, requires_grad=True), "dtype": lambda lib: lib.float32,
    "generator": lambda lib: lib.Generator().manual_seed(3),
}  # fmt: skip
EACH_VALUE = pytest.mark.parametrize("value", VALUES)

FILLS = {
    "random_": ("from", "to"), "uniform_": ("from", "to"), "normal_": ("mean", "std"), "exponential_": ("lambd",),
    "geometric_": ("p",), "cauchy_": ("median", "sigma"), "log_normal_": ("mean", "std"), "bernoulli_": ("p",),
    "bernoulli": ("p",), "multinomial": ("num_samples", "replacement"),
}  # fmt: skip
# PyTorch's own assertion fails, or a zero gradient is recorded for a draw whose probability has a history.
APART = {("randint", "tensor(True)"), ("multinomial", "tensor(True)"), ("bernoulli_", "tensor with history")}


def method(name: str, *given: str, **words: str) -> Draw:
    """Return a call of a method of three float16 numbers."""
    return lambda lib, g: getattr(lib.full((3,), 0.5), name)(
        *[VALUES[each](lib) for each in given], **{word: VALUES[each](lib) for word, each in words.items()}
    )


@EACH_VALUE
@pytest.mark.parametrize("name", FILLS)
def test_methods_read_their_parameters_as_pytorch_does(name: str, value: str) -> None:
    if (name, value) in APART:
        return
    words = FILLS[name]
    calls = {"alone": method(name, value)}
    for word in (*words, "from_", "generator", "low"):
        calls[f"{word}="] = method(name, **{word: value})
    for other in ("1", "0.5", "5", "None", "True", "tensor(5)"):
        calls[f"before {other}"], calls[f"behind {other}"] = method(name, value, other), method(name, other, value)
        if len(words) > 1:
            calls[f"words, before {other}"] = method(name, **dict(zip(words, (value, other), strict=True)))
            calls[f"words, behind {other}"] = method(name, **dict(zip(words, (other, value), strict=True)))
            calls[f"{other}, a word"] = method(name, other, **{words[1]: value})
    check(calls)


@EACH_VALUE
def test_functions_read_their_parameters_as_pytorch_does(value: str) -> None:
    v = VALUES[value]
    vector = VALUES["vector"]

    def forms() -> Iterator[tuple[str, Draw]]:
        if ("randint", value) not in APART:
            yield "randint", lambda lib, g: lib.randint(v(lib), (3,))
            yield "randint, low", lambda lib, g: lib.randint(v(lib), 10, (3,))
            yield "randint, high", lambda lib, g: lib.randint(0, v(lib), [3])
            yield "randint, words", lambda lib, g: lib.randint(low=v(lib), high=10, size=(3,))
            yield "randint_like, low", lambda lib, g: lib.randint_like(vector(lib), v(lib), 10)
            yield "randint_like, low and a word", lambda lib, g: lib.randint_like(vector(lib), v(lib), high=10)
            yield "randint_like, words", lambda lib, g: lib.randint_like(vector(lib), low=v(lib), high=10)
            yield "randint_like, high", lambda lib, g: lib.randint_like(vector(lib), 1, high=v(lib))
            yield "randperm", lambda lib, g: lib.randperm(v(lib))
            yield "multinomial", lambda lib, g: lib.multinomial(vector(lib), v(lib), True)
        yield "randint_like, alone", lambda lib, g: lib.randint_like(vector(lib), v(lib))
        yield "randint_like, alone by name", lambda lib, g: lib.randint_like(vector(lib), high=v(lib))
        yield "randint, size", lambda lib, g: lib.randint(5, v(lib))
        yield "randint, size=", lambda lib, g: lib.randint(high=5, size=v(lib))
        yield "randint_like, a word before", lambda lib, g: lib.randint_like(vector(lib), v(lib), low=1)
        yield "randint_like, three", lambda lib, g: lib.randint_like(vector(lib), 1, 5, v(lib))
        yield "rand, size=", lambda lib, g: lib.rand(size=v(lib))
        yield "rand, twice", lambda lib, g: lib.rand(3, size=v(lib))
        yield "multinomial, replacement", lambda lib, g: lib.multinomial(vector(lib), 1, v(lib))
        yield "bernoulli", lambda lib, g: lib.bernoulli(vector(lib), v(lib))
        yield "bernoulli, p=", lambda lib, g: lib.bernoulli(vector(lib), p=v(lib))
        yield "normal", lambda lib, g: lib.normal(v(lib))
        yield "normal, mean", lambda lib, g: lib.normal(v(lib), vector(lib))
        yield "normal, std", lambda lib, g: lib.normal(vector(lib), v(lib))
        yield "normal, words", lambda lib, g: lib.normal(mean=v(lib), std=vector(lib))
        yield "normal, mean of all", lambda lib, g: lib.normal(v(lib), 1.0, (3,))
        yield "normal, std of all", lambda lib, g: lib.normal(1.0, v(lib), (3, 2))
        yield "normal, size", lambda lib, g: lib.normal(1.0, 1.0, v(lib))
        yield "normal, size beside a tensor", lambda lib, g: lib.normal(vector(lib), 1.0, size=v(lib))
        for name in ("rand", "randn", "normal", "bernoulli"):
            given = {"rand": (3,), "randn": (3,), "normal": (1.0, 1.0, (3,))}.get(name)
            if value != "None" or name == "normal":
                yield f"{name}, generator", lambda lib, g, name=name, given=given: getattr(lib, name)(
                    *(given or (vector(lib),)), generator=v(lib)
                )

    check(dict(forms()))


def test_the_bounds_of_random_are_named_from_and_to() -> None:
    drawn = mt.zeros(50).random_(**{"from": 3, "to": 5})
    assert {*drawn.tolist()} == {3.0, 4.0}
    with pytest.raises(TypeError, match="unexpected keyword argument 'from_'"):
        mt.zeros(2).random_(from_=1, to=5)
    for given in ((None,), (True,), (None, 5), (1, True)):
        with pytest.raises(TypeError, match=r"must be an int, not (NoneType|bool)"):
            mt.zeros(2).random_(*given)


def test_an_output_of_another_shape_is_resized_with_a_warning() -> None:
    out = mt.zeros(2)
    with pytest.warns(UserWarning, match="resized"):
        assert mt.normal(mt.zeros(3), mt.ones(3), out=out) is out
    assert out.shape == (3,)


def test_a_refused_parameter_leaves_the_tensor_unchanged() -> None:
    for name, value in itertools.product(("uniform_", "normal_", "random_", "cauchy_"), ("a", [1], 1j)):
        x = mt.zeros(3)
        with pytest.raises(TypeError, match=r"must be (a number|an int), not"):
            getattr(x, name)(value)
        assert x.tolist() == [0, 0, 0]

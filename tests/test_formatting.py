"""Tensors in format strings, ``reversed``, and the constants beside them, against PyTorch where it is installed."""

from __future__ import annotations

import math
from typing import Any

import pytest

import minitensor as mt

VALUES = {"float": 1.234, "int": 3, "bool": True, "complex": 1 + 2j, "negative": -0.5, "inf": math.inf, "nan": math.nan}
SPECIFICATIONS = ("", ".2f", "03d", "d", ">8", ".1e", "%", "08.3f", ",", "s", "x", ".3", "+")


def text_of(library: Any, value: Any, specification: str, **options: Any) -> str:
    try:
        return format(library.tensor(value, **options), specification)
    except (TypeError, ValueError) as error:
        return type(error).__name__


@pytest.mark.parametrize("name", VALUES)
def test_a_tensor_without_dims_formats_as_its_number(name: str) -> None:
    number = VALUES[name]
    for specification in SPECIFICATIONS:
        exact = mt.tensor(number, dtype=mt.float64) if isinstance(number, float) else mt.tensor(number)
        try:
            expected = format(number, specification)
        except ValueError:
            with pytest.raises(ValueError):
                format(exact, specification)
        else:
            assert format(exact, specification) == expected
    assert f"{mt.tensor(1.5, requires_grad=True):.1f} {mt.tensor(2)!r:>10}" == "1.5  tensor(2)"


@pytest.mark.parametrize("value", [*VALUES.values(), [1.0, 2.0], [], [[1]]], ids=repr)
def test_the_text_is_pytorchs(value: Any) -> None:
    torch = pytest.importorskip("torch")
    for specification in SPECIFICATIONS:
        for library_options in ({}, {"requires_grad": True}) if isinstance(value, float) else ({},):
            found = text_of(mt, value, specification, **library_options)
            assert found == text_of(torch, value, specification, **library_options), specification


def test_a_tensor_with_dims_takes_no_specification() -> None:
    with pytest.raises(TypeError, match="unsupported format string"):
        format(mt.ones(2), ".2f")
    assert f"{mt.ones(1)}" == "tensor([1.])"


def test_a_parameter_formats_as_its_text() -> None:
    assert f"{mt.nn.Parameter(mt.tensor(1.0))}".startswith("Parameter containing:")


def test_reversed_flips_the_first_dim() -> None:
    x = mt.tensor([[1, 2], [3, 4]])
    assert reversed(x).tolist() == [[3, 4], [1, 2]]  # type: ignore[call-overload]  # a tensor, not an iterator
    assert reversed(mt.tensor(5)).item() == 5  # type: ignore[call-overload]  # as above


def test_constants() -> None:
    assert (mt.pi, mt.e, mt.inf) == (math.pi, math.e, math.inf) and math.isnan(mt.nan) and mt.newaxis is None
    assert mt.ones(2)[:, mt.newaxis].shape == (2, 1)

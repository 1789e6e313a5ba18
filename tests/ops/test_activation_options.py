"""The options of activations at the ends of their range: infinite, NaN, zero, negative, complex, of another type.

PyTorch decides: values, gradients, second derivatives for regular options, and the class of an error.
"""

from __future__ import annotations

import itertools
import math
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minitensor as mt
import minitensor.nn.functional
from ops.call import outcome

pytestmark = pytest.mark.usefixtures("without_warnings")

INF, NAN = math.inf, math.nan
VALUES = (INF, -INF, NAN, 0.0, -0.0, -0.5, 0.5, -2.0, 1e39, 1e-30, 1j, 2 + 0j, True, 10**20, "a", None)
X = np.array([0.0, -0.0, 1, -1, 0.3, -0.3, 0.5, -0.5, 2, -2, 30, -30, 1e-30, 88.0, -100, INF, -INF] * 4)
OPTIONS: dict[str, dict[str, dict[str, Any]]] = {  # function -> option -> the other arguments
    "elu": {"alpha": {}},
    "celu": {"alpha": {}},
    "leaky_relu": {"negative_slope": {}},
    "hardtanh": {"min_val": {}, "max_val": {}},
    "threshold": {"threshold": {"value": 0.3}, "value": {"threshold": 0.1}},
    "hardshrink": {"lambd": {}},
    "softshrink": {"lambd": {}},
    "softplus": {"beta": {}, "threshold": {}},
    "rrelu": {"lower": {}, "upper": {}},
}
RTOL = {"float16": 2e-3, "float32": 1e-5, "float64": 1e-10}


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    return pytest.importorskip("torch")


def slopes(lib: Any, dtype: str) -> Any:
    return lib.tensor((np.arange(len(X)) % 5 * 0.3 + 0.5).astype(dtype))


def apply(lib: Any, name: str, kwargs: dict[str, Any], dtype: str) -> list[Any]:
    """Return the values and, if there are any, gradients of first and second order."""
    x = lib.tensor(X.astype(dtype)).requires_grad_()
    found = getattr(lib.nn.functional, name)(x.clone(), **kwargs)
    results = [found]
    for _ in range(1 if name.endswith("_") else 2):
        slope = outcome(lib.autograd.grad, results[-1], x, slopes(lib, dtype), create_graph=True)
        if isinstance(slope, Exception):
            break
        results.append(slope[0])
    return [each.detach().numpy() for each in results]


def is_regular(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value) and abs(value) > 1e-3


def comparable(name: str, option: str, value: Any) -> int:
    """Return how many of the results PyTorch computes reliably: values, gradients, second derivatives."""
    if name == "rrelu_" and value in (-INF, INF):
        return 0  # in place, PyTorch does not check that the range is finite
    if name in ("elu_", "celu_"):
        return 1  # in place, PyTorch computes the gradient from the result, which may be infinite or rounded to zero
    if name in ("hardtanh", "hardtanh_", "hardshrink") and value != value:
        return 1  # PyTorch's slope differs between its vector code and the remainder
    if (name, option) == ("softplus", "threshold") and value in (INF, NAN):
        return 1  # and PyTorch's gradient is NaN if the input is infinite
    return 3 if is_regular(value) else 2


def trouble(torch: ModuleType, name: str, option: str, value: Any, dtype: str) -> str | None:
    kwargs = {**OPTIONS[name.rstrip("_")][option], option: value}
    expected, found = [outcome(apply, lib, name, kwargs, dtype) for lib in (torch, mt)]
    if isinstance(expected, Exception):
        wanted = next(each for each in type(expected).__mro__ if each.__module__ == "builtins")
        return None if isinstance(found, wanted) else f"{found!r:.200} for {expected!r:.200}"
    count = comparable(name, option, value)
    if isinstance(found, Exception):
        return f"refused: {found}" if count else None
    for one, other in list(zip(found, expected))[:count]:
        places = places_of(name, option, value)
        if one.dtype != other.dtype or not np.allclose(
            one[places], other[places], rtol=RTOL[dtype], atol=1e-6, equal_nan=True
        ):
            return f"{one[:17]} for {other[:17]}"
    return None


def places_of(name: str, option: str, value: Any) -> Any:
    """Return where to compare: PyTorch's softplus of a large number overflows without a threshold."""
    return X < 80 if (name, option) == ("softplus", "threshold") and not is_regular(value) and value != 0 else X == X


IN_PLACE = tuple(f"{name}_" for name in ("elu", "celu", "leaky_relu", "hardtanh", "threshold", "rrelu"))
CASES = [(name, option) for name in (*OPTIONS, *IN_PLACE) for option in OPTIONS[name.rstrip("_")]]


@pytest.mark.parametrize(("name", "option"), CASES)
def test_an_option_has_the_effect_it_has_in_pytorch(torch: ModuleType, name: str, option: str) -> None:
    found = [
        f"{value!r} {dtype}: {what}"
        for value, dtype in itertools.product(VALUES, RTOL) if (what := trouble(torch, name, option, value, dtype))
    ]
    assert not found, "\n".join(found)


def test_an_infinite_alpha_leaves_positive_numbers_unchanged() -> None:
    F = minitensor.nn.functional
    for function, alpha in itertools.product((F.elu, F.celu), (INF, -INF, NAN)):
        assert function(mt.tensor([0.0, 2.0]), alpha).tolist() == [0.0, 2.0]


def test_crossed_limits_are_refused_except_in_place() -> None:
    F = minitensor.nn.functional
    x = mt.tensor([-3.0, 1.5, 3.0])
    for inplace in (False, True):
        with pytest.raises(ValueError, match=r"hardtanh: min_val cannot be greater than max_val, got 2.0 > 1.0"):
            F.hardtanh(x, 2.0, 1.0, inplace=inplace)
    assert F.hardtanh_(x, 2.0, 1.0).tolist() == [1.0, 1.0, 1.0]

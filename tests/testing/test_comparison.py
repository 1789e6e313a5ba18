"""``assert_close`` accepts and refuses what PyTorch's does, with the same message."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitensor as mt

NAN, INF = float("nan"), float("inf")


def t(lib: Any, values: Any, dtype: str = "float32") -> Any:
    return lib.tensor(values, dtype=getattr(lib, dtype))


# (actual, expected, options), each made in either library
CASES: dict[str, Any] = {
    "equal": lambda lib: (t(lib, [1, 2]), t(lib, [1, 2]), {}),
    "within float32's precision": lambda lib: (t(lib, [1.0, 2.0]), t(lib, [1.0, 2.000002]), {}),
    "beyond float32's precision": lambda lib: (t(lib, [1.0, 2.0, 3.0]), t(lib, [1.0, 2.0001, 3.1]), {}),
    "beyond float64's precision": lambda lib: (t(lib, [1.0], "float64"), t(lib, [1.000001], "float64"), {}),
    "float16": lambda lib: (t(lib, [1.0], "float16"), t(lib, [1.001], "float16"), {}),
    "complex": lambda lib: (t(lib, [1 + 2j], "complex64"), t(lib, [1 + 2.1j], "complex64"), {}),
    "given tolerances": lambda lib: (t(lib, [1.0, 2.0]), t(lib, [1.05, 2.05]), {"rtol": 0.0, "atol": 0.1}),
    "given tolerances, too far": lambda lib: (t(lib, [1.0, 2.0]), t(lib, [1.05, 2.25]), {"rtol": 0.01, "atol": 0.1}),
    "only rtol": lambda lib: (t(lib, [1.0]), t(lib, [1.0]), {"rtol": 0.1}),
    "only atol": lambda lib: (t(lib, [1.0]), t(lib, [1.0]), {"atol": 0.1}),
    "integers": lambda lib: (t(lib, [1, 2, 7], "int64"), t(lib, [1, 3, 7], "int64"), {}),
    "small unsigned integers": lambda lib: (t(lib, [1, 255], "uint8"), t(lib, [1, 0], "uint8"), {}),
    "bools": lambda lib: (t(lib, [True, False], "bool"), t(lib, [True, True], "bool"), {}),
    "nan": lambda lib: (t(lib, [NAN]), t(lib, [NAN]), {}),
    "nan that is equal": lambda lib: (t(lib, [NAN]), t(lib, [NAN]), {"equal_nan": True}),
    "infinities": lambda lib: (t(lib, [INF, -INF]), t(lib, [INF, -INF]), {}),
    "infinities apart": lambda lib: (t(lib, [INF, -INF]), t(lib, [INF, INF]), {}),
    "zero expected": lambda lib: (t(lib, [[0.0], [1.0]]), t(lib, [[0.0], [0.0]]), {}),
    "0-d": lambda lib: (t(lib, 1.0), t(lib, 2.0), {}),
    "empty": lambda lib: (lib.zeros(0, 3), lib.zeros(0, 3), {}),
    "shapes": lambda lib: (lib.zeros(2, 3), lib.zeros(3, 2), {}),
    "dtypes": lambda lib: (t(lib, [1.0]), t(lib, [1.0], "float64"), {}),
    "dtypes that do not matter": lambda lib: (t(lib, [1.0]), t(lib, [1.0], "float64"), {"check_dtype": False}),
    "dtypes that do not matter, apart": lambda lib: (t(lib, [1]), t(lib, [2], "int64"), {"check_dtype": False}),
    "strides": lambda lib: (lib.zeros(2, 3), lib.zeros(3, 2).t(), {"check_stride": True}),
    "strides that do not matter": lambda lib: (lib.zeros(2, 3), lib.zeros(3, 2).t(), {}),
    "arrays": lambda lib: (np.array([1.0, 2.0]), np.array([1.0, 2.5]), {}),
    "array and tensor": lambda lib: (np.array([1.0]), t(lib, [1.0]), {}),
    "parameter and tensor": lambda lib: (lib.nn.Parameter(t(lib, [1.0])), t(lib, [1.0]), {}),
    "no subclasses": lambda lib: (lib.nn.Parameter(t(lib, [1.0])), t(lib, [1.0]), {"allow_subclasses": False}),
    "number and tensor": lambda lib: (1.0, t(lib, 1.0), {}),
    "numbers": lambda lib: (1.0, 1.0 + 1e-9, {}),
    "numbers apart": lambda lib: (1.0, 1.5, {}),
    "numbers of two types": lambda lib: (1, 1.0, {}),
    "numbers of two types that do not matter": lambda lib: (1, 1.0, {"check_dtype": False}),
    "integers apart": lambda lib: (3, 4, {}),
    "nan numbers": lambda lib: (NAN, NAN, {"equal_nan": True}),
    "bool numbers": lambda lib: (True, False, {}),
    "none": lambda lib: (None, None, {}),
    "none and zero": lambda lib: (None, 0, {}),
    "lists": lambda lib: ([t(lib, [1]), 2], [t(lib, [1]), 2], {}),
    "lists apart": lambda lib: ([t(lib, [1]), [2, 3]], [t(lib, [1]), [2, 4]], {}),
    "lists of two lengths": lambda lib: ([1, 2], [1], {}),
    "dicts apart": lambda lib: ({"a": 1, "b": [t(lib, [1.0])]}, {"a": 1, "b": [t(lib, [2.0])]}, {}),
    "dicts of other keys": lambda lib: ({"a": 1, "b": 2}, {"a": 1, "c": 2}, {}),
    "texts": lambda lib: ("a", "a", {}),
    "a text of one's own": lambda lib: (1, 2, {"msg": "one is not two"}),
    "a text about the text": lambda lib: (1, 2, {"msg": lambda text: "look: " + text}),
}


def error_of(lib: Any, case: str) -> Exception | None:
    actual, expected, options = CASES[case](lib)
    try:
        lib.testing.assert_close(actual, expected, **options)
    except Exception as error:
        return error
    return None


@pytest.mark.parametrize("case", CASES)
def test_results_and_messages_are_pytorchs(case: str) -> None:
    torch = pytest.importorskip("torch")
    found, expected = error_of(mt, case), error_of(torch, case)
    if expected is None:
        assert found is None
        return
    assert isinstance(found, type(expected)), f"{expected!r} in PyTorch, here {found!r}"
    if isinstance(expected, AssertionError) and "Missing keys" not in str(expected):
        assert str(found) == str(expected).removesuffix("\n")


def test_the_message_says_how_many_elements_differ_and_where() -> None:
    with pytest.raises(AssertionError) as error:
        mt.testing.assert_close(mt.tensor([[1.0, 2.0], [3.0, 4.0]]), mt.tensor([[1.0, 2.0], [3.0, 5.0]]))
    text = str(error.value)
    assert "Mismatched elements: 1 / 4 (25.0%)" in text
    assert "Greatest absolute difference: 1.0 at index (1, 1)" in text


def test_the_message_names_the_keys_that_differ() -> None:
    with pytest.raises(AssertionError, match=r"(?s)Missing .*\['c'\].*Additional .*\['b'\]"):
        mt.testing.assert_close({"a": 1, "b": 2}, {"a": 1, "c": 2})


def test_the_arguments_are_unchanged() -> None:
    x = mt.ones(3, requires_grad=True)
    mt.testing.assert_close(x * 1, mt.ones(3))
    assert x.grad is None and x.requires_grad

"""The windows of ``signal.windows`` are PyTorch's, and so is what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitensor as mt

OPTIONS: dict[str, list[dict[str, Any]]] = {
    **{name: [{}] for name in ("bartlett", "blackman", "cosine", "hamming", "hann", "nuttall")},
    "exponential": [{}, {"tau": 0.3}, {"tau": 2}, {"center": 1.5}],
    "gaussian": [{}, {"std": 0.9}, {"std": 7}],
    "general_cosine": [{"a": [0.46, 0.23, 0.31]}, {"a": [1]}, {"a": (0.5, 0.5)}],
    "general_hamming": [{}, {"alpha": 0.5}],
    "kaiser": [{}, {"beta": 0}, {"beta": 3.5}],
}
CASES = [(name, options) for name, several in OPTIONS.items() for options in several]


def test_every_window_is_tried() -> None:
    torch = pytest.importorskip("torch")
    assert set(torch.signal.windows.__all__) == OPTIONS.keys() == set(mt.signal.windows.__all__)


def window(lib: Any, name: str, length: Any, **options: Any) -> Any:
    try:
        return getattr(lib.signal.windows, name)(length, **options)
    except (ValueError, TypeError) as error:
        return type(error)


@pytest.mark.parametrize(("name", "options"), CASES, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sym", [True, False])
def test_windows_are_pytorchs(name: str, options: dict[str, Any], dtype: str, sym: bool) -> None:
    torch = pytest.importorskip("torch")
    for length in (0, 1, 2, 3, 10, 33):
        theirs = window(torch, name, length, sym=sym, dtype=getattr(torch, dtype), **options)
        ours = window(mt, name, length, sym=sym, dtype=getattr(mt, dtype), **options)
        if isinstance(theirs, type):
            assert issubclass(ours, theirs)
            continue
        tolerance = (16 if name == "kaiser" else 4) * np.finfo(dtype).eps  # the series of i0 differ
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=tolerance, atol=tolerance)
        assert str(ours.dtype) == str(theirs.dtype)


WRONG: list[tuple[str, Any, dict[str, Any]]] = [
    *[(name, -1, {"a": [1]} if name == "general_cosine" else {}) for name in OPTIONS],
    ("gaussian", 3, {"std": 0}), ("exponential", 3, {"tau": -1}), ("exponential", 3, {"center": 1.0}),
    ("general_cosine", 3, {"a": 3}), ("general_cosine", 3, {"a": []}), ("kaiser", 3, {"beta": -1}),
    ("hann", 2.5, {}), ("hann", "3", {}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "length", "options"), WRONG, ids=str)
def test_what_pytorch_refuses_is_refused(name: str, length: Any, options: dict[str, Any]) -> None:
    theirs = window(pytest.importorskip("torch"), name, length, **options)
    assert theirs in (ValueError, TypeError) and issubclass(window(mt, name, length, **options), theirs)


@pytest.mark.parametrize("dtype", ["int64", "float16", "complex64"])
def test_other_dtypes_are_refused(dtype: str) -> None:
    with pytest.raises(ValueError, match="expects float32 or float64 dtypes"):
        mt.signal.windows.hann(3, dtype=getattr(mt, dtype))


def test_a_window_of_numbers_that_require_grad_has_a_history() -> None:
    assert mt.signal.windows.hann(4, requires_grad=True).grad_fn is not None
    assert not mt.signal.windows.hann(4).requires_grad

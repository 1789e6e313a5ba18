"""``make_tensor`` draws PyTorch's numbers, within the range, and refuses what PyTorch refuses."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import minitensor as mt

DTYPES = "bool uint8 int8 int16 int32 int64 float16 float32 float64 complex64 complex128".split()
OPTIONS: tuple[dict[str, Any], ...] = (
    {}, {"low": 1, "high": 3}, {"noncontiguous": True}, {"exclude_zero": True}, {"low": -1e9, "high": 1e9},
    {"low": 0.5, "high": 1.5}, {"low": 0, "high": 1, "exclude_zero": True},
)  # fmt: skip


def made(lib: Any, shape: Any, dtype: str, options: dict[str, Any]) -> Any:
    lib.manual_seed(3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return lib.testing.make_tensor(shape, dtype=getattr(lib, dtype), device="cpu", **options)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("options", OPTIONS, ids=repr)
def test_draws_pytorchs_numbers(dtype: str, options: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    for shape in ((3, 5), (), 4, (2, 0), (1,)):
        expected = made(torch, shape, dtype, options)
        found = made(mt, shape, dtype, options)
        assert found.stride() == expected.stride()
        assert str(found.dtype) == str(expected.dtype)
        np.testing.assert_array_equal(found.numpy(), expected.numpy())


WRONG: tuple[tuple[str, dict[str, Any]], ...] = (
    ("float32", {"low": 2, "high": 1}), ("int64", {"low": 1, "high": 1}), ("float32", {"low": float("nan")}),
    ("int64", {"requires_grad": True}), ("uint8", {"low": 300, "high": 400}),
    ("float32", {"noncontiguous": True, "memory_format": "contiguous_format"}),
)  # fmt: skip


@pytest.mark.parametrize("dtype, options", WRONG, ids=repr)
def test_refuses_what_pytorch_refuses(dtype: str, options: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    for lib in (torch, mt):
        given = {k: getattr(lib, v) if k == "memory_format" else v for k, v in options.items()}
        with pytest.raises(ValueError):
            made(lib, (2,), dtype, given)


def test_a_tensor_that_requires_grad_is_a_leaf() -> None:
    x = mt.testing.make_tensor(2, 3, dtype=mt.float64, requires_grad=True, noncontiguous=True)
    assert x.is_leaf and x.requires_grad and not x.is_contiguous()


def test_an_empty_range_warns_to_use_full() -> None:
    with pytest.warns(FutureWarning, match=r"torch\.full"):
        mt.testing.make_tensor(2, dtype=mt.float32, low=1, high=1)

"""PyTorch's dtypes of which there are no tensors here: names with PyTorch's facts. All ways to a tensor refuse them."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import minitensor as mt
from minitensor import dtypes

torch = pytest.importorskip("torch")
each_dtype = pytest.mark.parametrize("dtype", dtypes.NAME_ONLY, ids=repr)

WAYS: dict[str, Callable[[Any], Any]] = {
    "zeros": lambda dtype: mt.zeros(2, dtype=dtype), "empty": lambda dtype: mt.empty(2, dtype=dtype),
    "meta": lambda dtype: mt.empty(2, dtype=dtype, device="meta"), "full": lambda dtype: mt.full((2,), 1, dtype=dtype),
    "tensor": lambda dtype: mt.tensor([1], dtype=dtype), "arange": lambda dtype: mt.arange(2, dtype=dtype),
    "eye": lambda dtype: mt.eye(2, dtype=dtype), "rand": lambda dtype: mt.rand(2, dtype=dtype),
    "randn": lambda dtype: mt.randn(2, dtype=dtype), "as_tensor": lambda dtype: mt.as_tensor([1.0], dtype=dtype),
    "zeros_like": lambda dtype: mt.zeros_like(mt.ones(2), dtype=dtype),
    "new_zeros": lambda dtype: mt.ones(2).new_zeros(2, dtype=dtype), "to": lambda dtype: mt.ones(2).to(dtype),
    "type": lambda dtype: mt.ones(2).type(dtype), "view": lambda dtype: mt.ones(4, dtype=mt.uint8).view(dtype),
    "frombuffer": lambda dtype: mt.frombuffer(bytearray(8), dtype=dtype),
    "empty_strided": lambda dtype: mt.empty_strided((2,), (1,), dtype=dtype),
    "sum": lambda dtype: mt.ones(2).sum(dtype=dtype), "softmax": lambda dtype: mt.softmax(mt.ones(2), 0, dtype=dtype),
    "Linear": lambda dtype: mt.nn.Linear(2, 2, dtype=dtype), "module": lambda dtype: mt.nn.Linear(2, 2).to(dtype),
    "promote_types": lambda dtype: mt.promote_types(dtype, mt.float32),
    "promote_types after": lambda dtype: mt.promote_types(mt.int8, dtype),
}  # fmt: skip
FACTS = "itemsize is_floating_point is_complex is_signed".split()


@each_dtype
def test_a_name_has_pytorchs_facts(dtype: Any) -> None:
    theirs = getattr(torch, dtype.name)
    quantized = dtype.name.startswith(("qint", "quint"))
    facts = FACTS[:3] if quantized else FACTS  # PyTorch does not say whether quantized numbers have a sign
    assert [getattr(dtype, each) for each in facts] == [getattr(theirs, each) for each in facts]
    assert repr(dtype) == repr(theirs) and getattr(mt, dtype.name) is dtype and dtype != mt.float32
    assert copy.deepcopy(dtype) is pickle.loads(pickle.dumps(dtype)) is dtype


@each_dtype
@pytest.mark.parametrize("way", WAYS)
def test_no_tensor_has_it(way: str, dtype: Any) -> None:
    with pytest.raises((NotImplementedError, TypeError, RuntimeError), match=f"{dtype.name}|must be divisible"):
        WAYS[way](dtype)


@each_dtype
def test_the_default_dtype_is_kept(dtype: Any) -> None:
    with pytest.raises((NotImplementedError, TypeError), match=dtype.name):
        mt.set_default_dtype(dtype)
    assert mt.get_default_dtype() is mt.float32


@each_dtype
def test_limits_are_pytorchs(dtype: Any) -> None:
    theirs = getattr(torch, dtype.name)
    if (dtype.is_floating_point and dtype is not mt.float4_e2m1fn_x2) or dtype.is_complex:
        ours, theirs = repr(mt.finfo(dtype)), repr(torch.finfo(theirs))
        # Two bits after the point make 0.25; PyTorch halves it for the format without a negative zero.
        assert ours == (theirs.replace("eps=0.125", "eps=0.25") if dtype is mt.float8_e5m2fnuz else theirs)
        return
    with pytest.raises((TypeError, NotImplementedError), match=dtype.name):
        mt.finfo(dtype)
    with pytest.raises((TypeError, NotImplementedError), match=dtype.name):
        mt.iinfo(dtype)

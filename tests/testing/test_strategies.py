"""``minitensor.testing.strategies``: it draws every kind of layout, and tensors with the requested properties."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import find, given
from hypothesis import strategies as st

import minitensor as mt
from minitensor import layouts
from minitensor.testing import strategies

DTYPES = st.sampled_from(strategies.DTYPES)


@given(strategies.tensors(shape=(2, 3), dtype=mt.int32), strategies.tensors(dtype=DTYPES))
def test_a_tensor_has_the_requested_shape_and_dtype(x: mt.Tensor, y: mt.Tensor) -> None:
    assert x.shape == (2, 3) and x.dtype is mt.int32 and x.is_leaf
    assert y.dtype in strategies.DTYPES and y.ndim <= 3


@given(strategies.tensors())
def test_no_two_elements_are_equal_unless_memory_is_shared(x: mt.Tensor) -> None:
    assert len(set(x.reshape(-1).tolist())) == x.numel()
    assert not layouts.has_overlap(x.layout)


@given(strategies.tensors(shape=(3,), elements=st.sampled_from([1.0, 2.0])))
def test_elements_may_be_given(x: mt.Tensor) -> None:
    assert set(x.tolist()) <= {1.0, 2.0}


@given(strategies.tensors(requires_grad=True))
def test_a_tensor_may_require_grad(x: mt.Tensor) -> None:
    x.sum().backward()
    assert x.grad is not None and x.grad.tolist() == mt.ones_like(x).tolist()


KINDS = {
    "transposed": lambda x: x.ndim == 2 and x.numel() > 3 and x.t().is_contiguous() and not x.is_contiguous(),
    "with an offset": lambda x: x.storage_offset() > 0,
    "with gaps": lambda x: x.ndim == 1 and x.numel() > 1 and x.stride(0) > 1,
    "expanded": lambda x: layouts.has_overlap(x.layout),
    "empty": lambda x: x.numel() == 0,
    "of no dims": lambda x: x.ndim == 0,
    "with an odd stride": lambda x: 1 in x.shape and x.stride(list(x.shape).index(1)) == 7,
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_layout_is_drawn(kind: str) -> None:
    find(strategies.tensors(overlapping=True), KINDS[kind])  # raises if there is none


def test_without_hypothesis_the_error_names_the_extra() -> None:
    code = "import sys; sys.modules['hypothesis'] = None; import minitensor.testing.strategies"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode and "pip install minitensor-py[testing]" in run.stderr

"""The order of dims in memory: ``dim_order`` and ``empty_permuted`` answer what PyTorch's answer."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import minitensor as mt

EXPRESSIONS = """
    t.empty(2, 3, 5, 7).dim_order()
    t.empty(2, 3, 5, 7).transpose(1, 2).dim_order()
    t.empty(2, 3, 5, 7).permute(3, 1, 0, 2).dim_order()
    t.empty(2, 3, 5, 7, memory_format=t.channels_last).dim_order()
    t.empty(()).dim_order(), t.empty(3).dim_order()
    t.empty(1, 2, 3, 4).dim_order()
    t.empty(1, 2, 3, 4).dim_order(ambiguity_check=True)
    t.empty(2, 3, 5, 7).dim_order(ambiguity_check=True)
    t.empty(1, 2, 3, 4).dim_order(ambiguity_check=[t.contiguous_format, t.channels_last])
    t.empty(1, 1, 3, 4).dim_order(ambiguity_check=[t.contiguous_format, t.channels_last])
    t.empty(1, 2, 3, 4).dim_order(ambiguity_check='no')
    t.empty(1, 2, 3, 4).dim_order(ambiguity_check=[1])
    t.empty_permuted((2, 3, 5, 7), (0, 1, 2, 3)).stride()
    t.empty_permuted((2, 3, 5, 7), (0, 2, 3, 1)).stride()
    t.empty_permuted((2, 3, 5), (2, 0, 1), dtype=t.int64, requires_grad=False).dim_order()
    t.empty_permuted((), ()).shape
    t.empty_permuted((2, 0), (1, 0)).stride()
    t.empty_permuted((2, 3), (0, 0))
    t.empty_permuted((2, 3), (0,))
    t.empty_permuted((2, 3), (0, 2))
"""


def outcome(t: Any, text: str) -> str:
    try:
        return repr(eval(text, {"t": t}))
    except Exception as error:
        return next(each.__name__ for each in type(error).__mro__ if each.__module__ == "builtins")


@pytest.mark.parametrize("text", [line.strip() for line in EXPRESSIONS.strip().splitlines()])
def test_memory_orders_are_pytorchs(text: str) -> None:
    assert outcome(mt, text) == outcome(pytest.importorskip("torch"), text)


@pytest.mark.parametrize("call", ["rand(2, ", "randn(2, ", "randint(9, (2,), ", "randperm(4, "])
def test_a_draw_for_a_missing_device_leaves_the_stream_as_it_was(call: str) -> None:
    if mt.cuda.is_available():
        pytest.skip("there is a GPU")
    mt.manual_seed(0)
    expected = mt.rand(1)
    mt.manual_seed(0)
    with pytest.raises(Exception):  # noqa: B017  # of several classes
        eval(f"mt.{call}device='cuda')")
    assert mt.rand(1) == expected


SIDES = list(itertools.product((1, 2), (1, 3), (1, 4), (1, 5)))


@pytest.mark.parametrize("shape", SIDES, ids=str)
def test_arrays_and_casts_have_pytorchs_strides_in_dims_of_size_1_too(shape: tuple[int, ...]) -> None:
    torch = pytest.importorskip("torch")
    formats = ("contiguous_format", "channels_last", "preserve_format")
    for order in itertools.permutations(range(4)):
        array = np.zeros([shape[dim] for dim in order], np.float32).transpose(np.argsort(order))
        ours, theirs = mt.from_numpy(array), torch.from_numpy(array)
        assert ours.stride() == theirs.stride()
        for name, dtype, copy in itertools.product(formats, ("float32", "float64"), (False, True)):
            found = ours.to(getattr(mt, dtype), memory_format=getattr(mt, name), copy=copy)
            wanted = theirs.to(getattr(torch, dtype), memory_format=getattr(torch, name), copy=copy)
            assert (found.stride(), found is ours) == (wanted.stride(), wanted is theirs), (order, name, dtype, copy)

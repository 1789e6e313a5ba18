"""Sorting and running reductions against PyTorch: sort, topk, kthvalue, unique, searchsorted, cumulative ops."""

from __future__ import annotations

import math

import numpy as np
import pytest

import minitensor as mt
from ops.twin import agree, same_error

MIXED = np.array([[3.0, -1.0, 2.0, -1.5], [0.5, 7.0, -2.0, 0.25], [1.0, 4.0, 9.0, -3.0]])
TIES = np.array([[2, 1, 2, 1, 0], [5, 5, 5, 5, 5]])
HOLES = np.array([math.nan, 1.0, math.inf, math.nan, -math.inf, 0.0])


# -- sort --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_sort_gives_values_indices_and_gradients(dim, descending):
    agree(lambda lib, x: lib.sort(x, dim, descending), MIXED)
    agree(lambda lib, x: lib.argsort(x, dim, descending), MIXED)


@pytest.mark.parametrize("descending", [False, True])
def test_equal_elements_keep_their_order(descending):
    agree(lambda lib, x: lib.sort(x, dim=1, descending=descending, stable=True), TIES)


@pytest.mark.parametrize("descending", [False, True])
def test_nan_sorts_as_the_largest(descending):
    agree(lambda lib, x: lib.sort(x, descending=descending, stable=True), HOLES, order=0)


def test_sorting_small_tensors():
    agree(lambda lib, x: lib.sort(x), np.array(3.0))
    agree(lambda lib, x: lib.sort(x), np.zeros((2, 0)), order=0)
    agree(lambda lib, x: lib.msort(x), MIXED)
    agree(lambda lib, x: lib.sort(x), np.array([True, False, True]))


def test_sorting_any_layout():
    agree(lambda lib, x: lib.sort(x.t()[1:], 0, descending=True), MIXED)


@pytest.mark.parametrize("largest", [False, True])
@pytest.mark.parametrize("k", [0, 1, 3])
@pytest.mark.parametrize("dim", [0, -1])
def test_topk(dim, k, largest):
    agree(lambda lib, x: lib.topk(x, k, dim, largest), MIXED)


@pytest.mark.parametrize("largest", [False, True])
def test_topk_of_many_elements_equals_sorting(largest):
    values = np.random.default_rng(0).permutation(5000).astype("float32").reshape(2, 2500)
    values[0, 7] = math.nan
    agree(lambda lib, x: lib.topk(x, 20, 1, largest), values, order=0)
    agree(lambda lib, x: lib.topk(x.t(), 20, 0, largest), values[1:])


@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("k", [1, 3, 4])
def test_kthvalue(k, keepdim):
    agree(lambda lib, x: lib.kthvalue(x, k, 1, keepdim), MIXED)
    agree(lambda lib, x: lib.kthvalue(x, 1, 0, keepdim), MIXED)


@pytest.mark.parametrize(
    "call",
    [
        lambda lib: lib.ones(3).topk(4),
        lambda lib: lib.ones(3).topk(-1),
        lambda lib: lib.ones(3).topk(1, dim=1),
        lambda lib: lib.ones(3).kthvalue(4),
        lambda lib: lib.ones(3).kthvalue(0),
        lambda lib: lib.ones(3).sort(2),
        lambda lib: lib.searchsorted(lib.ones(2, 3), lib.ones(3)),
        lambda lib: lib.bucketize(lib.ones(3), lib.ones(2, 3)),
        lambda lib: lib.searchsorted(lib.ones(2), lib.ones(3), right=True, side="left"),
        lambda lib: lib.diff(lib.tensor(1.0)),
        lambda lib: lib.cumsum(lib.ones(3), 1),
    ],
)
def test_misuse_raises_what_pytorch_raises(call):
    same_error(call)


# -- unique and searchsorted -------------------------------------------------------------------------------------------


def test_unique():
    values = np.array([[3, 1, 3], [2, 1, 0]])
    agree(lambda lib, x: lib.unique(x), values)
    agree(lambda lib, x: lib.unique(x, return_inverse=True, return_counts=True), values)
    agree(lambda lib, x: x.unique(return_counts=True), values.astype("float64"), order=0)
    rows = np.array([[1, 2], [0, 5], [1, 2], [0, 4]])
    agree(lambda lib, x: lib.unique(x, return_inverse=True, return_counts=True, dim=0), rows)
    agree(lambda lib, x: lib.unique(x, dim=1, return_inverse=True), rows)
    agree(lambda lib, x: lib.unique(x), np.array([math.nan, math.nan, 1.0]), order=0)


@pytest.mark.parametrize("kwargs", [{}, {"right": True}, {"side": "right"}, {"out_int32": True}])
def test_searchsorted(kwargs):
    edges, values = np.array([1.0, 2.0, 2.0, 5.0]), np.array([[0.0, 1.0, 2.0], [2.5, 5.0, 6.0]])
    agree(lambda lib, e, v: lib.searchsorted(e, v, **kwargs), edges, values)
    agree(lambda lib, e: lib.searchsorted(e, 2, **kwargs), edges)
    agree(lambda lib, e, v: lib.searchsorted(e, v, **kwargs), np.stack([edges, edges - 2]), values)
    agree(lambda lib, e, v: lib.searchsorted(e, v, **kwargs), np.zeros((2, 0)), values)
    if "side" not in kwargs:
        agree(lambda lib, e, v: lib.bucketize(v, e, **kwargs), edges, values)


# -- cumulative --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cumsum", "cumprod", "logcumsumexp", "cummax", "cummin", "diff"])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_running_reductions(name, dim):
    agree(lambda lib, x: getattr(lib, name)(x, dim=dim), MIXED)
    agree(lambda lib, x: getattr(lib, name)(x.t(), dim=dim), MIXED)


@pytest.mark.parametrize("name", ["cumsum", "cumprod", "logcumsumexp", "cummax", "cummin"])
def test_running_reductions_over_one_element_or_none(name):
    agree(lambda lib, x: getattr(lib, name)(x, 0), np.array(2.0), order=1)
    agree(lambda lib, x: getattr(lib, name)(x, 1), np.zeros((2, 0)), order=0)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "float16", "float32"])
def test_the_dtype_of_running_sums(dtype):
    agree(lambda lib, x: (lib.cumsum(x, 0), lib.cumprod(x, 0)), np.array([1, 0, 3]).astype(dtype), order=0)


@pytest.mark.parametrize("zeros", [[], [0], [3], [1, 2]])
def test_running_products_with_zeros_have_gradients_to_second_order(zeros):
    values = MIXED.copy()
    values[:, zeros] = 0
    agree(lambda lib, x: lib.cumprod(x, 1), values)
    agree(lambda lib, x: lib.cumprod(x, 0), values)


def test_running_products_with_zeros_have_gradients_to_third_order():
    x = mt.tensor([0.5, 0.0, 2.0, 0.0, 3.0], dtype=mt.float64, requires_grad=True)
    assert mt.autograd.gradgradcheck(lambda x: mt.autograd.grad(x.cumprod(0).sum(), x, create_graph=True)[0], (x,))


def test_the_index_of_the_last_of_equal_extremes_is_returned():
    agree(lambda lib, x: (*lib.cummax(x, 1), *lib.cummin(x, 1)), TIES)
    agree(lambda lib, x: (*lib.cummax(x, 0), *lib.cummin(x, 0)), HOLES, order=0)


def test_a_long_running_sum_in_float32_keeps_its_precision():
    values = np.full(1_000_000, 0.1, "float32")
    agree(lambda lib, x: lib.cumsum(x, 0)[-1:], values, rtol=1e-6, order=0)


def test_logcumsumexp_neither_overflows_nor_fails_on_infinities():
    agree(lambda lib, x: lib.logcumsumexp(x, 0), np.array([1000.0, 1001.0, -1000.0]))
    agree(lambda lib, x: lib.logcumsumexp(x, 0), np.array([-math.inf, -math.inf, 1.0, 2.0]), order=0)


def test_differences():
    agree(lambda lib, x: lib.diff(x, 2), MIXED)
    agree(lambda lib, x, y: lib.diff(x, dim=0, prepend=y, append=y), MIXED, MIXED[:1])
    agree(lambda lib, x: lib.diff(x), np.array([True, False, False]))
    agree(lambda lib, x: lib.diff(x, 9), MIXED, order=0)

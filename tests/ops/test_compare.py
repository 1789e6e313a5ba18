"""Comparisons, logic and bits against PyTorch."""

from __future__ import annotations

import math
import operator

import numpy as np
import pytest

import minitensor as mt
from ops.twin import agree, same_error, torch

A = np.array([[1.0, -2.0, math.nan], [math.inf, 0.0, -math.inf]])
B = np.array([[1.0, 3.0, math.nan], [math.inf, -0.0, 2.0]])
DTYPES = ["bool", "uint8", "int8", "int64", "float16", "float32", "float64", "complex64"]

COMPARISONS = ["eq", "ne", "lt", "le", "gt", "ge"]


@pytest.mark.parametrize("name", COMPARISONS)
def test_comparisons_give_bools(name):
    agree(lambda lib, a, b: getattr(lib, name)(a, b), A, B)
    agree(lambda lib, a, b: getattr(operator, name)(a, b), A, B)
    agree(lambda lib, a: getattr(operator, name)(a, 1), A)
    agree(lambda lib, a: getattr(operator, name)(0.5, a), A)
    agree(lambda lib, a: getattr(lib, name)(a[:, :1], a[0]), A)


@pytest.mark.parametrize("name", ["eq", "ne", "lt", "ge", "logical_and", "logical_or", "logical_xor"])
@pytest.mark.parametrize("left", DTYPES)
@pytest.mark.parametrize("right", DTYPES)
def test_comparisons_of_any_two_dtypes(name, left, right):
    if name in ("lt", "ge") and "complex64" in (left, right):
        with pytest.raises(RuntimeError, match="complex numbers have no order"):
            getattr(mt, name)(mt.ones(1, dtype=getattr(mt, left)), mt.ones(1, dtype=getattr(mt, right)))
        return
    values = np.array([0, 1, 2, 3])
    agree(lambda lib, a, b: getattr(lib, name)(a, b), values.astype(left), values[::-1].copy().astype(right))


def test_a_number_beyond_the_dtype_wraps_as_in_pytorch():
    agree(lambda lib, a: (a < 300, a == -6, a > 2.5), np.array([5, 50, 250], "uint8"))


@pytest.mark.parametrize("name", ["logical_and", "logical_or", "logical_xor"])
def test_logic_in_place_stops_the_gradient(name):
    agree(lambda lib, a, b: getattr(a, name + "_")(b), np.array([1.0, 2.0, 0.0]), np.array([1.0, 0.0, 0.0]), order=0)
    x = mt.ones(2, requires_grad=True)
    getattr(x * 1, name + "_")(mt.ones(2)).sum().backward()
    assert x.grad is None  # PyTorch passes the gradient on as if nothing had been written


@pytest.mark.parametrize("name", COMPARISONS)
def test_inplace_versions_keep_the_dtype_and_stop_the_gradient(name):
    values, others = np.array([1.0, 2.0, 0.0]), np.array([1.0, 0.0, 0.0])
    agree(lambda lib, a, b: getattr(a * 1, name + "_")(b), values, others, order=1)


def test_values_that_cannot_be_compared_are_not_equal():
    x = mt.ones(2)
    assert (x == None) is False and (x != None) is True and (x == "a") is False  # noqa: E711
    with pytest.raises(TypeError):
        operator.lt(x, "a")
    with pytest.raises(TypeError):
        x.eq(None)


def test_a_tensor_is_hashed_by_its_identity():
    x, y = mt.ones(2), mt.ones(2)
    assert {x: 1, y: 2}[x] == 1 and hash(x) != hash(y)
    assert x in {x} and y not in {x}


@pytest.mark.parametrize("name", ["isnan", "isinf", "isfinite", "isposinf", "isneginf", "isreal", "logical_not"])
def test_predicates_of_one_element(name):
    agree(lambda lib, a: getattr(lib, name)(a), A)
    agree(lambda lib, a: getattr(lib, name)(a), np.array([0, 3]))
    if name not in ("isposinf", "isneginf"):
        agree(lambda lib, a: getattr(lib, name)(a), np.array([1 + 1j * math.nan, complex(math.inf, 0), 2, 0]))


@pytest.mark.parametrize("name", ["bitwise_and", "bitwise_or", "bitwise_xor"])
@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "int64"])
def test_bits(name, dtype):
    a, b = np.array([0, 1, 3, 255]).astype(dtype), np.array([1, 1, 6, 7]).astype(dtype)
    agree(lambda lib, a, b: getattr(lib, name)(a, b), a, b)
    agree(lambda lib, a, b: (a & b, a | b, a ^ b, ~a, a & 1, 1 | a), a, b)
    agree(lambda lib, a, b: (a.bitwise_and_(b), a.bitwise_or_(b), a.bitwise_xor_(b), a.bitwise_not_()), a, b)


def test_augmented_bit_operators_work_in_place():
    mask = kept = mt.tensor([True, False, True])
    mask &= mt.tensor([True, True, False])
    assert mask is kept and mask.tolist() == [True, False, False]


def test_shifts():
    agree(lambda lib, a: (a << 2, a >> 1, 1 << a, a << a), np.array([0, 1, 5]))
    agree(lambda lib, a: a >> 1, np.array([-8, -1]))


@pytest.mark.parametrize(
    "call",
    [
        lambda lib: lib.ones(2) & lib.ones(2),
        lambda lib: ~lib.ones(2),
        lambda lib: lib.ones(2) | 1,
        lambda lib: lib.ones(2) << 1,
        lambda lib: lib.equal(lib.ones(2), 1),
        lambda lib: lib.isclose(lib.ones(2), lib.ones(2, dtype=lib.float64)),
        lambda lib: lib.isclose(lib.ones(2), lib.ones(2), atol=-1.0),
        lambda lib: lib.ones(2) == lib.ones(3),
        lambda lib: lib.ones(2).eq_(lib.ones(2, 2)),
    ],
)
def test_misuse_raises_what_pytorch_raises(call):
    same_error(call)


def test_equal_compares_whole_tensors():
    agree(lambda lib, a, b: (lib.equal(a, a), lib.equal(a[0, :2], a[0, :2]), lib.equal(a, b), lib.equal(a, a[0])), A, B)
    assert mt.equal(mt.tensor([1.0]), mt.tensor([1])) is torch.equal(torch.tensor([1.0]), torch.tensor([1]))


@pytest.mark.parametrize(
    "kwargs", [{}, {"equal_nan": True}, {"rtol": 0.5}, {"atol": 3.0, "rtol": 0.0}, {"atol": 0, "rtol": 0}]
)
def test_closeness(kwargs):
    agree(lambda lib, a, b: (lib.isclose(a, b, **kwargs), lib.allclose(a, b, **kwargs)), A, B)
    agree(lambda lib, a, b: lib.isclose(a, b, **kwargs), np.array([1, 5]), np.array([2, 5]))


def test_membership():
    agree(lambda lib, a, b: (lib.isin(a, b), lib.isin(a, b, invert=True), lib.isin(a, 2), lib.isin(2, a)),
          np.array([[1, 2], [3, 4]]), np.array([4, 2, 9]))

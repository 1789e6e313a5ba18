"""Corners of the pointwise operations: complex numbers, zeros, bounds, and writes directly into memory."""

from __future__ import annotations

import math

import numpy as np
import pytest

import minitensor as mt
from ops.twin import agree, same_error

ZEROS = np.array([-0.0, 0.0, 1.0, -1.0, math.inf, -math.inf, math.nan])


def test_the_gradient_of_a_complex_logaddexp():
    x = mt.tensor([1 + 2j, -0.5 + 0.3j], dtype=mt.complex128, requires_grad=True)
    y = mt.tensor([0.5 - 1j, 2 + 1j], dtype=mt.complex128, requires_grad=True)
    assert mt.autograd.gradcheck(mt.logaddexp, (x, y))


@pytest.mark.parametrize("name", ["hypot", "atan2"])
def test_ops_that_need_an_order_refuse_complex_numbers(name):
    z = [1 + 1j]
    same_error(lambda lib: getattr(lib, name)(lib.tensor(z), lib.tensor(z)))


def test_the_sign_of_a_complex_zero_has_no_gradient_at_any_order():
    agree(lambda lib, x: lib.sgn(x), np.array([0j, 1 + 2j, -3j]), order=1)
    x = mt.tensor([0j, 3 + 4j], requires_grad=True)
    (first,) = mt.autograd.grad((mt.sgn(x) - 2).abs().sum(), x, create_graph=True)
    (second,) = mt.autograd.grad(first.abs().sum(), x)
    assert first[0] == 0 and second[0] == 0
    assert mt.isfinite(second).all()


@pytest.mark.parametrize("bounds", [(0, None), (None, 0.0), (-0.5, 0.5), (1, -1), (math.nan, 1), (0, math.nan)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int32"])
def test_clamp_has_pytorchs_zeros_and_nan(bounds, dtype):
    if dtype == "int32" and any(each.__class__ is float for each in bounds):
        pytest.skip("promotes")
    for repeats in (1, 1000):
        array = np.repeat(np.nan_to_num(ZEROS, posinf=7, neginf=-7) if dtype == "int32" else ZEROS, repeats)
        (found,) = agree(lambda lib, x: lib.clamp(x, *bounds), array.astype(dtype), order=1)
        assert found.dtype is getattr(mt, dtype)


WRITES = {
    "add_": lambda x, y: x.add_(y), "sub_": lambda x, y: x.sub_(y),
    "mul_": lambda x, y: x.mul_(y), "div_": lambda x, y: x.div_(y),
}  # fmt: skip


@pytest.mark.parametrize("other", ["tensor", "itself", "number", "scalar", "row", "view", "double", "integer"])
@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_a_direct_write_into_memory_equals_the_operation_and_a_write(dtype, name, other):
    values = (np.arange(12).reshape(3, 4) + 1).astype(dtype)

    def second(x):
        kinds = {
            "tensor": lambda: mt.tensor(values) + 1, "itself": lambda: x, "number": lambda: 2.5, "view": lambda: x[:1],
            "scalar": lambda: mt.tensor(3.0), "row": lambda: mt.tensor(values[0]), "double": lambda: x.double(),
            "integer": lambda: mt.tensor(values).long(),
        }  # fmt: skip
        return kinds[other]()

    x, y = mt.tensor(values), mt.tensor(values)
    try:
        wanted = getattr(mt, name[:-1])(x, second(x)).to(x.dtype)
        version, result = y.storage.version, WRITES[name](y, second(y))
    except RuntimeError as error:
        assert dtype == "int64" and "can't be cast" in str(error)
        np.testing.assert_array_equal(y.numpy(), values)
        return
    assert result is y and y.storage.version == version + 1
    np.testing.assert_array_equal(y.numpy(), wanted.numpy())


def test_a_write_through_an_overlapping_view_reads_before_it_writes():
    values = np.arange(10.0)
    x = mt.tensor(values)
    x[1:].add_(x[:-1])
    np.testing.assert_array_equal(x.numpy()[1:], values[1:] + values[:-1])


def test_a_write_of_the_wrong_shape_changes_nothing():
    x = mt.ones(3)
    with pytest.raises(RuntimeError, match="shape"):
        x.add_(mt.ones(2, 3))
    assert x.tolist() == [1.0, 1.0, 1.0] and x.storage.version == 0


# -- methods whose arguments have another order than the function's ----------------------------------------------------


@pytest.mark.parametrize("n", [0, 2])
def test_the_polygamma_method_takes_its_order_second(n: int) -> None:
    x = mt.tensor([0.5, 2.5], dtype=mt.float64)
    expected = mt.polygamma(n, x)
    assert mt.equal(x.polygamma(n), expected)
    leaf = x.clone().requires_grad_()
    with pytest.raises(mt.errors.InplaceError, match="leaf"):
        leaf.polygamma_(n)
    assert mt.equal(leaf.detach(), x)
    with pytest.raises(mt.errors.DtypeError, match="can't be cast"):
        mt.tensor([1, 2]).polygamma_(n)
    assert x.polygamma_(n) is x
    assert mt.equal(x, expected)


@pytest.mark.parametrize("name", ["igamma", "igammac"])
def test_incomplete_gamma_functions_in_place(name: str) -> None:
    pytest.importorskip("scipy")
    a, x = mt.tensor([0.5, 2.5]), mt.tensor([1.0, 1.5])
    expected = getattr(mt, name)(a, x)
    assert getattr(a, name + "_")(x) is a
    assert mt.equal(a, expected)


@pytest.mark.parametrize("name", ["zeta", "gammainc", "gammaincc"])
def test_a_derivative_that_pytorch_lacks_raises(name: str) -> None:
    pytest.importorskip("scipy")
    for library in (pytest.importorskip("torch"), mt):
        a, x = library.tensor([1.5, 2.5]).requires_grad_(), library.tensor([1.0, 1.5]).requires_grad_()
        function = getattr(library.special, name)
        function(a.detach(), x).sum().backward()
        assert x.grad is not None
        with pytest.raises(NotImplementedError, match="the derivative for"):
            function(a, x).sum().backward()

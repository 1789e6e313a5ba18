"""The decorators: only the values that a formula names are saved, and only if the formula can run."""

from __future__ import annotations

import numpy as np
import pytest

import minitensor as mt
from minitensor.autograd.declare import differentiable, operator_of


def leaf(*values: float) -> mt.Tensor:
    return mt.tensor(list(values), dtype=mt.float64, requires_grad=True)


def test_an_unknown_name_in_a_formula_is_a_type_error_at_definition() -> None:
    with pytest.raises(TypeError, match="twice: 'inptu' is a parameter of the formula of 'input'"):

        @differentiable(input=lambda grad, inptu: grad * 2)
        def twice(input: mt.Tensor) -> object:
            return input.array * 2


def test_a_formula_for_no_argument_is_a_type_error_at_definition() -> None:
    with pytest.raises(TypeError, match="twice: 'x' has a formula, but is not an argument"):

        @differentiable(x=lambda grad: grad * 2)
        def twice(input: mt.Tensor) -> object:
            return input.array * 2


def test_an_addition_saves_nothing() -> None:
    node = (leaf(1.0) + leaf(2.0)).grad_fn
    assert node is not None
    assert node.saved == ()
    assert node.result is None


def test_a_product_saves_only_what_the_needed_formula_names() -> None:
    x, constant = leaf(1.0), mt.ones(1, dtype=mt.float64)
    node = (x * constant).grad_fn
    assert node is not None
    assert [each is constant for each in node.saved if each is not None] == [True]
    assert not any(each is x for each in node.saved)


def test_an_exponential_saves_its_result_and_not_its_input() -> None:
    x = leaf(1.0)
    y = x.exp()
    node = y.grad_fn
    assert node is not None
    assert node.saved == ()
    assert node.result[0] is y.array


def test_arguments_may_be_given_by_name() -> None:
    assert mt.clamp(input=mt.tensor([-1.0, 5.0]), min=0.0, max=2.0).tolist() == [0.0, 2.0]


def test_an_unknown_argument_is_a_type_error_that_shows_the_signature() -> None:
    with pytest.raises(TypeError, match=r"clamp\(\).*unexpected.*'low'.*it takes \(input"):
        mt.clamp(mt.ones(1), low=0)  # type: ignore[call-arg]


def test_a_number_in_place_of_a_tensor_is_a_type_error() -> None:
    with pytest.raises(TypeError, match=r"exp\(\).*'input' must be a tensor, not float|exp\(\).*expected a tensor"):
        mt.exp(1.0)  # type: ignore[arg-type]


def test_a_list_as_an_operand_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="'other' must be a tensor or a number, not list"):
        mt.add(mt.ones(2), [1, 2])  # type: ignore[arg-type]


def test_numpy_scalars_are_numbers_and_numpy_arrays_are_tensors() -> None:
    x = leaf(1.0, 2.0)
    y = x * np.float64(3) - np.float32(1) + np.array([1.0, 2.0])
    y.sum().backward()
    assert y.tolist() == [3.0, 7.0]
    assert x.grad.tolist() == [3.0, 3.0]
    assert (mt.ones(2) * np.float64(2)).dtype is mt.float32
    assert (mt.ones(2) == np.array([1.0, 0.0])).tolist() == [True, False]
    assert mt.ones(2).add_(np.int64(1)).tolist() == [2.0, 2.0]


def test_adding_a_tensor_to_an_array_calls_the_tensors_method() -> None:
    total = np.ones(2) + leaf(1.0, 2.0)
    assert isinstance(total, mt.Tensor)
    assert total.requires_grad


def test_an_operator_is_made_once() -> None:
    assert operator_of(mt.mul) is mt.Tensor.__mul__ is not mt.mul


def test_an_operand_given_twice_is_refused_under_every_name() -> None:
    x = mt.ones(2)
    for call in (
        lambda: mt.exp(x, x=x), lambda: mt.exp(x, x=x, a=x), lambda: mt.atan2(x, x, x1=x),
        lambda: mt.atan2(x, x, x1=x, x2=x), lambda: mt.eq(x, x, x1=x, x2=x),
    ):
        with pytest.raises(TypeError, match="too many arguments"):
            call()

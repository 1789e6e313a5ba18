"""Gradcheck itself: it must find wrong gradients, or the laws that use it prove nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from minitensor.autograd import gradcheck, gradgradcheck
from minitensor.autograd.declare import differentiable


def leaf(*values: Any) -> mt.Tensor:
    return mt.tensor(list(values), dtype=mt.float64, requires_grad=True)


def square_with(formula: Callable[..., Any]) -> Callable[[mt.Tensor], mt.Tensor]:
    """Return x * x with a chosen gradient."""

    @differentiable(input=formula)
    def square(input: mt.Tensor) -> Any:
        return input.array * input.array

    return square


WRONG = {
    "a factor": lambda grad, input: grad * input,
    "a sign": lambda grad, input: grad * input * -2,
    "an offset": lambda grad, input: grad * (input * 2 + 1e-2),
    "one entry": lambda grad, input: grad * input * mt.tensor([2.0, 2.0, 2.1], dtype=mt.float64),
    "none at all": lambda grad, input: None,
    "NaN": lambda grad, input: grad * input * float("nan"),
    "mixed entries": lambda grad, input: (grad * input * 2).flip(0),
}


@pytest.mark.parametrize("formula", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("fast_mode", [False, True])
def test_a_wrong_gradient_is_found(formula: Callable[..., Any], fast_mode: bool) -> None:
    square = square_with(formula)
    with pytest.raises(RuntimeError, match="Jacobian mismatch for output 0 with respect to input 0"):
        gradcheck(square, (leaf(0.5, -1.5, 2.0),), fast_mode=fast_mode)
    assert not gradcheck(square, (leaf(0.5, -1.5, 2.0),), fast_mode=fast_mode, raise_exception=False)


@pytest.mark.parametrize("fast_mode", [False, True])
def test_a_correct_gradient_passes(fast_mode: bool) -> None:
    square = square_with(lambda grad, input: grad * input * 2)
    assert gradcheck(square, (leaf(0.5, -1.5, 2.0),), fast_mode=fast_mode)
    assert gradgradcheck(square, (leaf(0.5, -1.5, 2.0),), fast_mode=fast_mode)


@pytest.mark.parametrize("fast_mode", [False, True])
def test_a_wrong_second_gradient_is_found_if_the_first_is_correct(fast_mode: bool) -> None:
    # Correct, but a constant when it is differentiated again.
    square = square_with(lambda grad, input: grad * input.detach() * 2)
    assert gradcheck(square, (leaf(0.5, -1.5),), fast_mode=fast_mode)
    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        gradgradcheck(square, (leaf(0.5, -1.5),), fast_mode=fast_mode)


def test_a_wrong_gradient_of_one_of_two_inputs_is_named() -> None:
    @differentiable(input=lambda grad, other: grad * other, other=lambda grad, other: grad * other)
    def product(input: mt.Tensor, other: mt.Tensor) -> Any:
        return input.array * other.array

    with pytest.raises(RuntimeError, match="with respect to input 1"):
        gradcheck(product, (leaf(0.5), leaf(2.0)))


def test_a_wrong_gradient_of_one_of_two_outputs_is_named() -> None:
    wrong = square_with(lambda grad, input: grad)
    with pytest.raises(RuntimeError, match="for output 1"):
        gradcheck(lambda x: (x.exp(), wrong(x)), (leaf(0.3),))


def test_complex_numbers_are_checked_in_both_parts() -> None:
    z = mt.tensor([0.5 + 1j, -1 + 0.2j], requires_grad=True).to(mt.complex128).detach().requires_grad_()
    assert gradcheck(lambda x: x * x, (z,))
    without_conjugate = square_with(lambda grad, input: grad * input * 2)
    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        gradcheck(without_conjugate, (z,))


def test_a_nondeterministic_gradient_is_found() -> None:
    walks = iter(range(1000))
    square = square_with(lambda grad, input: grad * input * (2 + 1e-7 * next(walks)))
    with pytest.raises(RuntimeError, match="not reentrant"):
        gradcheck(square, (leaf(0.5),))


def test_constants_are_left_alone() -> None:
    constant = mt.ones(2, dtype=mt.float64)
    assert gradcheck(lambda x, c: x * c, (leaf(0.5, 1.0), constant))


def test_the_inputs_are_unchanged() -> None:
    x = leaf(0.5, -1.5)
    gradcheck(mt.exp, (x,))
    assert (x.tolist(), x.version, x.grad) == ([0.5, -1.5], 0, None)


@pytest.mark.parametrize("kind", ["transposed", "expanded"])
def test_inputs_may_have_any_layout(kind: str) -> None:
    base = mt.tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    assert gradcheck(lambda x: x.t().exp() if kind == "transposed" else x[:1].expand(2, 3).exp(), (base,))


def test_single_precision_gives_a_warning() -> None:
    with pytest.warns(UserWarning, match="#0 requires gradient and is not a double precision.*float32"):
        assert gradcheck(mt.exp, (mt.ones(1, requires_grad=True),), eps=1e-2, atol=1e-2)


def test_nothing_to_check_is_refused() -> None:
    with pytest.raises(ValueError, match="requires grad"):
        gradcheck(mt.exp, (mt.ones(1, dtype=mt.float64),))


def test_a_view_of_the_input_does_not_count_as_a_constant() -> None:
    x = mt.tensor([[1.0, 2.0, 3.0]], dtype=mt.float64, requires_grad=True)
    assert gradcheck(lambda x: (x.t(), x[:, 1:]), (x,)) and gradgradcheck(lambda x: (x.t() * x.t(), x), (x,))


def test_the_function_runs_twice_for_each_entry_however_many_results_it_has() -> None:
    calls = []
    x = mt.tensor([1.0, 2.0, 3.0], dtype=mt.float64, requires_grad=True)
    assert gradcheck(lambda x: calls.append(x) or x.outer(x), (x,))
    assert len(calls) == 1 + 2 * 3

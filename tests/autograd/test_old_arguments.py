"""Deprecated arguments of ``grad`` and ``backward``, and switches of ``gradcheck`` that change nothing."""

from __future__ import annotations

import pytest

import minitensor as mt


def leaf() -> mt.Tensor:
    return mt.ones(2, requires_grad=True)


def test_only_inputs_has_no_effect() -> None:
    x = leaf()
    assert mt.autograd.grad((x * 3).sum(), x, only_inputs=True)[0].tolist() == [3, 3]
    with pytest.warns(FutureWarning, match="only_inputs=False is deprecated"):
        mt.autograd.grad((x * 3).sum(), x, None, False, False, False)
    assert x.grad is None


def test_grad_variables_is_grad_tensors() -> None:
    x = leaf()
    with pytest.warns(FutureWarning, match="grad_variables is deprecated"):
        mt.autograd.backward(x * 2, grad_variables=mt.ones(2))
    assert x.grad is not None and x.grad.tolist() == [2, 2]
    with pytest.warns(FutureWarning), pytest.raises(RuntimeError, match="two names of one argument"):
        mt.autograd.backward(x * 2, mt.ones(2), grad_variables=mt.ones(2))


def test_switches_of_gradcheck() -> None:
    x = mt.ones(2, dtype=mt.float64, requires_grad=True)
    assert mt.autograd.gradcheck(mt.sin, x, check_undefined_grad=False, check_batched_grad=False)
    assert mt.autograd.gradgradcheck(mt.sin, x, check_fwd_over_rev=False)
    with pytest.raises(TypeError, match="unexpected keyword argument 'check_all'"):
        mt.autograd.gradcheck(mt.sin, x, check_all=True)

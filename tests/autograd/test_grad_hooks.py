"""Functions hung on the graph."""

from __future__ import annotations

import pytest

import minitensor as mt


def leaf(*values: float) -> mt.Tensor:
    return mt.tensor(list(values), dtype=mt.float64, requires_grad=True)


def test_a_tensor_hook_replaces_the_gradient() -> None:
    x = leaf(1.0)
    y = x * 2
    y.register_hook(lambda grad: grad * 10)
    y.sum().backward()
    assert x.grad.tolist() == [20.0]


def test_hooks_run_in_the_order_in_which_they_were_hung_up() -> None:
    x, seen = leaf(1.0), []
    y = x * 2
    y.register_hook(lambda grad: seen.append(1))
    y.register_hook(lambda grad: seen.append(2))
    y.sum().backward()
    assert seen == [1, 2]


def test_a_removed_hook_is_silent() -> None:
    x = leaf(1.0)
    handle = x.register_hook(lambda grad: grad * 10)
    handle.remove()
    handle.remove()
    x.sum().backward()
    assert x.grad.tolist() == [1.0]


def test_a_handle_is_a_context_manager() -> None:
    x = leaf(1.0)
    with x.register_hook(lambda grad: grad * 10):
        x.sum().backward()
    x.sum().backward()
    assert x.grad.tolist() == [11.0]


def test_a_hook_that_changes_the_shape_is_refused() -> None:
    x = leaf(1.0)
    x.register_hook(lambda grad: mt.ones(2))
    with pytest.raises(RuntimeError, match=r"given \(1,\) and returned \(2,\)"):
        x.sum().backward()


def test_hooks_see_the_whole_gradient_of_a_value_used_twice() -> None:
    x, seen = leaf(3.0), []
    y = x * 1
    y.register_hook(lambda grad: seen.append(grad.tolist()))
    (y * y).sum().backward()
    assert seen == [[6.0]]


def test_retain_grad_keeps_the_gradient_of_an_inner_value() -> None:
    x = leaf(3.0)
    y = x * 2
    y.retain_grad()
    (y * y).sum().backward()
    assert y.retains_grad
    assert y.grad.tolist() == [12.0]


def test_without_retain_grad_an_inner_value_has_none() -> None:
    y = leaf(3.0) * 2
    (y * y).sum().backward()
    assert y.grad is None


def test_a_post_accumulate_hook_sees_the_sum() -> None:
    x, seen = leaf(1.0), []
    x.register_post_accumulate_grad_hook(lambda tensor: seen.append(tensor.grad.tolist()))
    (x * 2).sum().backward()
    (x * 3).sum().backward()
    assert seen == [[2.0], [5.0]]


def test_hooks_need_a_tensor_that_requires_grad() -> None:
    with pytest.raises(RuntimeError, match="doesn't require gradient"):
        mt.ones(1).register_hook(print)


def test_next_functions_lead_to_the_leaves() -> None:
    x = leaf(1.0)
    y = (x * 2).exp()
    assert y.grad_fn.name() == "ExpBackward0"
    ((mul, number),) = y.grad_fn.next_functions
    assert (mul.name(), number) == ("MulBackward0", 0)
    accumulate = mul.next_functions[0][0]
    assert accumulate.name() == "AccumulateGrad"
    assert accumulate.variable is x

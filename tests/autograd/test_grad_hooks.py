"""Hooks on tensors and nodes."""

from __future__ import annotations

import weakref

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


def test_hooks_run_in_the_order_of_registration() -> None:
    x, seen = leaf(1.0), []
    y = x * 2
    y.register_hook(lambda grad: seen.append(1))
    y.register_hook(lambda grad: seen.append(2))
    y.sum().backward()
    assert seen == [1, 2]


def test_a_removed_hook_does_not_run() -> None:
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
    assert accumulate.name() == "torch::autograd::AccumulateGrad"
    assert accumulate.variable is x


def test_a_multi_grad_hook_of_mode_any_is_called_once() -> None:
    x, seen = leaf(1.0), []
    a, b = x * 2, x * 3
    mt.autograd.graph.register_multi_grad_hook((a, b), lambda grad: seen.append(grad.tolist()), mode="any")
    (a + b).sum().backward(retain_graph=True)
    (a * 1).sum().backward()
    assert seen == [[1.0], [1.0]]


def test_the_node_of_an_input_of_backward_runs_with_its_hooks_and_goes_no_further() -> None:
    x, seen = leaf(1.0), []
    y = x * 2
    y.grad_fn.register_prehook(lambda grads: seen.append("before"))
    y.grad_fn.register_hook(lambda inputs, outputs: seen.append(inputs))
    y.register_hook(lambda grad: seen.append("tensor"))
    y.sum().backward(inputs=[y])
    assert seen == ["tensor", "before", (None, None)]
    assert y.grad.tolist() == [1.0]
    assert x.grad is None


def test_the_node_of_an_input_of_grad_does_not_run() -> None:
    x, seen = leaf(1.0), []
    y = x * x
    y.grad_fn.register_prehook(lambda grads: seen.append("before"))
    y.register_hook(lambda grad: seen.append("tensor"))
    mt.autograd.grad(y.sum(), [y])
    assert seen == ["tensor"]
    y.sum().backward()  # nothing below y was freed
    assert x.grad.tolist() == [2.0]


def test_hooks_of_a_view_do_not_see_what_was_written_to_it_later() -> None:
    seen: list[str] = []
    view = (leaf(1.0) * 1)[:]
    view.register_hook(lambda grad: seen.append("before the write"))
    view.mul_(2)
    view.register_hook(lambda grad: seen.append("after the write"))
    view.sum().backward()
    assert seen == ["after the write"]


def test_hooks_of_several_results_run_together_in_the_order_of_registration() -> None:
    seen: list[str] = []
    a, b = (leaf(1.0, 2.0) * 1).split(1)
    b.register_hook(lambda grad: seen.append("b"))
    a.register_hook(lambda grad: seen.append("a"))
    a.grad_fn.register_prehook(lambda grads: seen.append("node"))
    ((b * 2).exp() + a).sum().backward()
    assert seen == ["b", "a", "node"]


def test_the_latest_node_runs_first() -> None:
    x, seen = leaf(1.0), []
    second_made_first = x * 2
    first = x * 3
    for name, value in (("first", first), ("second", second_made_first)):
        value.register_hook(lambda grad, name=name: seen.append(name))
    (first * second_made_first).sum().backward(retain_graph=True)
    (second_made_first + first).sum().backward()
    assert seen == ["first", "second"] * 2


def test_a_hook_gets_none_if_no_gradient_came() -> None:
    class Silent(mt.autograd.Function):
        @staticmethod
        def forward(ctx: object, x: mt.Tensor) -> mt.Tensor:
            return x * 1

        @staticmethod
        def backward(ctx: object, grad: mt.Tensor) -> None:
            return None

    x, seen = leaf(1.0), []
    y = x * 2
    y.register_hook(seen.append)
    Silent.apply(y).sum().backward()
    assert seen == [None]
    assert x.grad is None


def test_gradients_of_intermediate_values_are_freed_during_backward() -> None:
    x, alive = leaf(1.0), []
    y = x * 2
    for _ in range(3):
        y = y * 2
        y.register_hook(lambda grad: alive.append(weakref.ref(grad.array)))
    y.sum().backward()
    assert [each() for each in alive] == [None, None, None]

"""The backward pass: which gradients arrive where, how often, and what remains afterwards."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest

import minitensor as mt
from minitensor.errors import ArgumentTypeError, GradError


def leaf(*values: float) -> mt.Tensor:
    return mt.tensor(list(values), dtype=mt.float64, requires_grad=True)


def test_a_value_used_twice_gets_the_sum_of_both_gradients() -> None:
    x = leaf(2.0, 3.0)
    (x * x + x).sum().backward()
    assert x.grad.tolist() == [5.0, 7.0]


def test_gradients_accumulate_over_calls_in_the_same_tensor() -> None:
    x = leaf(1.0)
    (x * 2).sum().backward()
    first = x.grad
    (x * 3).sum().backward()
    assert x.grad is first
    assert first.tolist() == [5.0]


def test_backward_from_two_roots_adds_both() -> None:
    x = leaf(1.0, 2.0)
    mt.autograd.backward([x.sum(), (x * x).sum()])
    assert x.grad.tolist() == [3.0, 5.0]


def test_a_root_inside_the_graph_of_another_runs_once_with_its_whole_gradient() -> None:
    x = leaf(3.0)
    y = x * x
    z = y * 2
    mt.autograd.backward([z, y], [mt.ones(1, dtype=mt.float64), mt.ones(1, dtype=mt.float64)])
    assert x.grad.tolist() == [18.0]


def test_a_leaf_is_its_own_root() -> None:
    x = leaf(1.0)
    given = mt.ones(1, dtype=mt.float64)
    x.backward(given)
    assert x.grad.tolist() == [1.0]
    assert x.grad is not given


def test_two_leaves_never_share_the_memory_of_a_gradient() -> None:
    x, y = leaf(1.0), leaf(2.0)
    (x + y).sum().backward()
    x.grad.zero_()
    assert y.grad.tolist() == [1.0]


def test_a_gradient_that_came_from_a_view_can_be_written_to() -> None:
    x = leaf(1.0, 2.0)
    x.sum().backward()  # its gradient is an expanded number
    x.grad.mul_(3)
    assert x.grad.tolist() == [3.0, 3.0]


def test_a_second_backward_raises_and_says_how_to_allow_it() -> None:
    x = leaf(2.0)
    y = (x * x).sum()
    y.backward()
    with pytest.raises(RuntimeError, match=r"backward through the graph a second time.*retain_graph=True"):
        y.backward()


def test_retain_graph_allows_a_second_backward() -> None:
    x = leaf(2.0)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [8.0]


def test_backward_can_run_twice_through_a_graph_that_saved_nothing() -> None:
    x = leaf(2.0)
    y = (x + x).sum()
    y.backward()
    y.backward()
    assert x.grad.tolist() == [4.0]


def test_saved_values_are_freed_by_backward() -> None:
    x = leaf(2.0)
    inner = x * 3
    alive = weakref.ref(inner)
    y = (inner * inner).sum()
    del inner
    assert alive() is not None
    y.backward()
    assert alive() is None


def test_backward_on_a_vector_requires_a_gradient() -> None:
    with pytest.raises(RuntimeError, match=r"only for scalar outputs, this one has shape \(2,\)"):
        (leaf(1.0, 2.0) * 2).backward()


def test_backward_without_history_says_so() -> None:
    with pytest.raises(RuntimeError, match="does not require grad and does not have a grad_fn"):
        mt.ones(1).sum().backward()


def test_a_gradient_of_another_shape_is_refused() -> None:
    with pytest.raises(RuntimeError, match=r"mismatch in shape.*\(3,\).*\(2,\)"):
        (leaf(1.0, 2.0) * 2).backward(mt.ones(3))


def test_a_gradient_that_is_not_a_tensor_is_refused() -> None:
    with pytest.raises(TypeError, match="must be a tensor or None, got float"):
        leaf(1.0).backward(1.0)  # type: ignore[arg-type]


def test_grad_changes_no_leaf() -> None:
    x, w = leaf(2.0), leaf(3.0)
    (found,) = mt.autograd.grad((x * w).sum(), x)
    assert found.tolist() == [3.0]
    assert x.grad is None
    assert w.grad is None


def test_grad_of_an_inner_value() -> None:
    x = leaf(2.0)
    y = x * x
    z = (y * 3).sum()
    gy, gx = mt.autograd.grad(z, [y, x])
    assert (gy.tolist(), gx.tolist()) == ([3.0], [12.0])


def test_grad_with_respect_to_the_output_is_the_given_gradient() -> None:
    y = leaf(2.0) * 2
    (found,) = mt.autograd.grad(y, y, mt.tensor([5.0], dtype=mt.float64))
    assert found.tolist() == [5.0]


def test_an_unused_input_raises_or_gives_none_or_zeros() -> None:
    x, other = leaf(1.0), leaf(1.0, 1.0)
    y = (x * 2).sum()
    with pytest.raises(RuntimeError, match="input 1 of shape \\(2,\\) was not used"):
        mt.autograd.grad(y, [x, other], retain_graph=True)
    assert mt.autograd.grad(y, [x, other], retain_graph=True, allow_unused=True)[1] is None
    assert mt.autograd.grad(y, [x, other], materialize_grads=True)[1].tolist() == [0.0, 0.0]


def test_an_input_without_grad_is_refused() -> None:
    with pytest.raises(RuntimeError, match="does not require grad: input 0"):
        mt.autograd.grad(leaf(1.0).sum(), mt.ones(1))


def test_backward_to_given_inputs_leaves_the_others_unchanged() -> None:
    x, w = leaf(2.0), leaf(3.0)
    (x * w).sum().backward(inputs=[w])
    assert x.grad is None
    assert w.grad.tolist() == [2.0]


def test_gradients_of_gradients_to_third_order() -> None:
    x = leaf(2.0)
    value = (x**4).sum()
    found = []
    for _ in range(3):
        (value,) = mt.autograd.grad(value.sum(), x, create_graph=True)
        found.append(value.item())
    assert found == [32.0, 48.0, 48.0]


def test_create_graph_gives_a_gradient_with_a_history() -> None:
    x = leaf(3.0)
    (x * x).sum().backward(create_graph=True)
    assert x.grad.grad_fn is not None
    (second,) = mt.autograd.grad(x.grad.sum(), x)
    assert second.tolist() == [2.0]


def test_a_gradient_has_its_inputs_dtype_and_shape() -> None:
    x = mt.ones(1, 3, requires_grad=True)
    y = mt.ones(4, 3, dtype=mt.float64, requires_grad=True)
    (x * y).sum().backward()
    assert (x.grad.dtype, tuple(x.grad.shape), x.grad.tolist()) == (mt.float32, (1, 3), [[4.0] * 3])
    assert (y.grad.dtype, tuple(y.grad.shape)) == (mt.float64, (4, 3))


def test_the_callers_grad_mode_is_restored_after_a_backward_that_raised() -> None:
    x = leaf(1.0)
    y = x * 2
    y.register_hook(lambda grad: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        y.sum().backward()
    assert mt.is_grad_enabled()


def test_a_chain_of_a_million_nodes_neither_overflows_nor_stays_alive() -> None:
    x = leaf(1.0)
    y = x
    for _ in range(1_000_000):
        y = -y
    y.sum().backward()
    assert x.grad.tolist() == [1.0]
    del y


def test_a_wide_graph_visits_each_node_once() -> None:
    x = leaf(1.0)
    y = x
    for _ in range(60):
        y = y + y  # 2**60 paths
    y.sum().backward()
    assert x.grad.tolist() == [2.0**60]


def test_graphs_are_freed_by_reference_count() -> None:
    gc.collect()
    gc.disable()
    try:
        x = leaf(1.0, 2.0)
        y = (x.exp() * x).tanh() + 1
        y[0].mul_(2)
        z = (y * y).sum()
        refs = [weakref.ref(each) for each in (y, z)] + [weakref.ref(z.grad_fn)]
        z.backward()
        del y, z
        assert [ref() for ref in refs] == [None, None, None]
        x.grad = None
        dead = weakref.ref(x)
        del x
        assert dead() is None
    finally:
        gc.enable()


def test_a_double_backward_graph_is_freed_by_reference_count() -> None:
    gc.collect()
    gc.disable()
    try:
        x = leaf(1.0)
        (first,) = mt.autograd.grad((x.exp() * x).sum(), x, create_graph=True)
        (second,) = mt.autograd.grad(first.sum(), x, create_graph=True)
        refs = [weakref.ref(each) for each in (first, second)]
        del first, second
        assert [ref() for ref in refs] == [None, None]
    finally:
        gc.enable()


def test_threads_that_share_a_leaf_add_every_gradient() -> None:
    x = leaf(1.0)

    def work() -> None:
        for _ in range(200):
            (x * 2).sum().backward()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert x.grad.tolist() == [1600.0]


def test_grad_refuses_inputs_that_are_not_tensors() -> None:
    with pytest.raises(ArgumentTypeError, match="got int"):
        mt.autograd.grad(leaf(1.0).sum(), [3])  # type: ignore[list-item]


def test_integers_cannot_require_grad() -> None:
    with pytest.raises(RuntimeError, match=r"only Tensors of floating point.*int64"):
        mt.tensor([1, 2], requires_grad=True)


def test_a_computed_tensor_cannot_stop_requiring_grad() -> None:
    y = leaf(1.0) * 2
    with pytest.raises(GradError, match="use detach"):
        y.requires_grad = False


def test_assigning_a_gradient_checks_its_shape() -> None:
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match="assigned grad has data of a different size"):
        x.grad = mt.ones(3, dtype=mt.float64)
    x.grad = mt.ones(2, dtype=mt.float64)
    assert x.grad.tolist() == [1.0, 1.0]


def test_grad_without_inputs_is_refused() -> None:
    with pytest.raises(RuntimeError, match="inputs is empty"):
        mt.autograd.grad(leaf(1.0).sum(), [])
    with pytest.raises(RuntimeError, match="inputs is empty"):
        leaf(1.0).sum().backward(inputs=[])


def test_a_write_through_a_view_made_under_no_grad_reaches_the_gradient() -> None:
    x = leaf(1.0, 2.0)
    y = x * 2
    with mt.no_grad():
        view = y[0]
    view.mul_(5)
    (y * y).sum().backward()
    assert y.tolist() == [10.0, 4.0]
    assert x.grad.tolist() == [200.0, 16.0]  # y = (10 x, 2 x)

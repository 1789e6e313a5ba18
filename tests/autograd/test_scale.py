"""Scale: the cost of depth and width is linear, threads do not disturb each other, and memory does not grow."""

from __future__ import annotations

import gc
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import minitensor as mt
from minitensor.autograd import Function, graph
from minitensor.utils.checkpoint import checkpoint


def leaf(*values: float) -> mt.Tensor:
    return mt.tensor(list(values), dtype=mt.float64, requires_grad=True)


def seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


# -- depth and width ---------------------------------------------------------------------------------------------------


def test_a_chain_of_a_million_nodes_that_hold_tensors_is_freed(no_collector: None) -> None:
    y = mt.tensor(3.0, requires_grad=True)
    one = mt.tensor(1.0, requires_grad=True)
    for _ in range(1_000_000):
        y = y * one  # a product saves its input: tensors hold nodes and nodes hold tensors
    count = sys.getallocatedblocks()
    del y
    assert count - sys.getallocatedblocks() > 3_000_000


def test_a_deep_chain_runs_backward_with_retain_graph_and_is_freed() -> None:
    x = y = leaf(2.0)
    for _ in range(50_000):
        y = (y * 1.0).neg()
    (found,) = mt.autograd.grad(y, x, retain_graph=True)
    assert found.tolist() == [1.0]
    del y


def test_a_deep_chain_of_saved_results_is_freed() -> None:
    y = leaf(0.5)
    for _ in range(30_000):
        y = y.tanh()
    y.sum().backward()
    del y


def test_a_deep_chain_of_writes_and_views_is_freed() -> None:
    x = leaf(1.0, 2.0)
    y = x * 1
    for _ in range(10_000):
        y[0].mul_(1.0)
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]
    z = x * 1
    for _ in range(30_000):
        z = z.view(2, 1).view(2)
    z.sum().backward()
    del y, z


def test_a_deep_chain_of_users_functions_is_freed() -> None:
    y = x = leaf(1.0)
    for _ in range(20_000):
        y = Same.apply(y)
    y.backward()
    assert x.grad.tolist() == [1.0]
    del y


class Same(Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x * 1

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        (_,) = ctx.saved_tensors
        return grad


WIDE: dict[str, Callable[[mt.Tensor, int], mt.Tensor]] = {
    "a sum of terms": lambda x, n: sum((x for _ in range(n)), x * 0),
    "a balanced sum": lambda x, n: balanced([x * 1 for _ in range(n)]),
    "one tensor stacked": lambda x, n: mt.stack([x] * n),
    "terms stacked": lambda x, n: mt.stack([x * 1 for _ in range(n)]),
    "an expanded one unbound": lambda x, n: balanced(list((x.expand(n) * 1).unbind(0))),
}


def balanced(terms: list[Any]) -> Any:
    while len(terms) > 1:
        odd = terms[len(terms) // 2 * 2 :]
        terms = [a + b for a, b in zip(terms[::2], terms[1::2], strict=False)] + odd
    return terms[0]


@pytest.mark.parametrize("name", WIDE)
def test_a_wide_graph_takes_linear_time(name: str) -> None:
    x = leaf(1.0)

    def work(n: int) -> float:
        x.grad = None
        y = WIDE[name](x, n).sum()
        taken = seconds(y.backward)
        assert x.grad.tolist() == [float(n)]
        return taken

    # The best of three, for both: a collection of garbage in a long test run may fall into one of them.
    small, large = (min(work(n) for _ in range(3)) for n in (2_000, 20_000))
    assert large < 60 * small  # ten times as long if it is linear, a hundred times if it is quadratic


# -- threads -----------------------------------------------------------------------------------------------------------


def in_threads(work: Callable[[int], None], count: int = 6) -> None:
    """Run work in several threads; raise their errors here, and treat a deadlock as an error."""
    errors: list[BaseException] = []
    gate = threading.Barrier(count)

    def run(number: int) -> None:
        try:
            gate.wait()
            work(number)
        except BaseException as error:  # passed to the main thread
            errors.append(error)

    threads = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(count)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
        assert not each.is_alive(), "deadlock"
    if errors:
        raise errors[0]


@pytest.fixture
def often() -> Iterator[None]:
    """Switch between threads as often as possible."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_threads_with_their_own_graphs_do_not_disturb_each_other(often: None) -> None:
    def work(number: int) -> None:
        for i in range(60):
            x = leaf(float(number), float(i))
            ((-x * x).exp() * 0 + x**3).sum().backward()
            assert x.grad.tolist() == [3.0 * number**2, 3.0 * i**2]

    in_threads(work)


def test_threads_that_share_leaves_lose_no_gradient(often: None) -> None:
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    x.register_hook(lambda grad: grad * 1)
    w.register_post_accumulate_grad_hook(lambda leaf: None)

    in_threads(lambda number: [(x * w + x).sum().backward() for _ in range(50)] and None)
    assert x.grad.tolist() == [1200.0, 1500.0]
    assert w.grad.tolist() == [300.0, 600.0]


def test_threads_may_run_backward_through_one_retained_graph(often: None) -> None:
    x = leaf(2.0)
    y = ((x * x).exp() * x).sum()
    found: list[float] = []

    def work(number: int) -> None:
        for _ in range(20):
            found.append(mt.autograd.grad(y, x, retain_graph=True)[0].item())

    in_threads(work)
    assert len(found) == 120
    assert len(set(found)) == 1


def test_backward_inside_a_hook_while_a_leaf_accumulates_does_not_deadlock() -> None:
    x, other = leaf(1.0), leaf(2.0)

    def pack(tensor: Any) -> Any:
        with mt.enable_grad():
            (other * 3).sum().backward()
        return tensor

    (x * 2).sum().backward(create_graph=True)

    def again(number: int) -> None:
        with graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            (x * x).sum().backward(create_graph=True)

    in_threads(again, 3)
    assert other.grad is not None
    x.grad = None


# -- memory does not grow ----------------------------------------------------------------------------------------------


class Square(Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        result = x * x
        ctx.save_for_backward(x, result)
        return result

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        x, _ = ctx.saved_tensors
        return grad * 2 * x


X, W = mt.ones(4, 3), mt.full((3, 2), 0.1).requires_grad_()


def plain() -> None:
    ((X @ W).tanh() ** 2).sum().backward()


def trained() -> None:
    plain()
    with mt.no_grad():
        W.sub_(W.grad, alpha=0.0)
    W.grad = None


def written() -> None:
    y = X @ W
    y[0].mul_(2)
    y.t()[1:].add_(y.sum())
    (y * y).sum().backward()


def hooked() -> None:
    y = X @ W
    handle = y.register_hook(lambda grad: grad * 1)
    y.grad_fn.register_hook(lambda inputs, outputs: None)
    y.grad_fn.register_prehook(lambda outputs: None)
    y.grad_fn.metadata["of"] = "mine"
    many = graph.register_multi_grad_hook((y, W), lambda grads: None)
    y.retain_grad()
    y.sum().backward()
    handle.remove()
    many.remove()


def saved_elsewhere() -> None:
    with graph.saved_tensors_hooks(lambda tensor: tensor.numpy(), mt.from_numpy):
        y = (X @ W).exp().softmax(1)
    y.sum().backward()


def by_function() -> None:
    Square.apply(X @ W).sum().backward()


def twice() -> None:
    (first,) = mt.autograd.grad(((X @ W).exp()).sum(), W, create_graph=True)
    (first**2).sum().backward()


def with_graph() -> None:
    ((X @ W) ** 2).sum().backward(create_graph=True)
    W.grad = None


def checkpointed() -> None:
    checkpoint(lambda x: checkpoint(mt.tanh, x @ W, use_reentrant=False) * 2, X, use_reentrant=False).sum().backward()


def watched() -> None:
    with mt.autograd.detect_anomaly():
        y = (X @ W).exp() * 1
        y.mul_(2)
        y.sum().backward()


def failing() -> None:
    y = (X @ W).exp()
    z = y * y
    y.add_(1)
    with pytest.raises(RuntimeError):
        z.sum().backward()


def dropped() -> None:
    y = X @ W
    y.retain_grad()
    (y * y).exp().sum()


STEPS = [
    plain, trained, written, hooked, saved_elsewhere, by_function, twice, with_graph, checkpointed, watched, failing,
    dropped,
]  # fmt: skip


@pytest.mark.parametrize("step", STEPS, ids=[step.__name__ for step in STEPS])
def test_steps_leave_nothing_alive_without_the_collector(step: Callable[[], None], no_collector: None) -> None:
    for _ in range(10):
        step()
    before = len(gc.get_objects())
    for _ in range(50):
        step()
    assert len(gc.get_objects()) - before < 25


def test_memory_stays_constant_over_ten_thousand_training_steps(no_collector: None) -> None:
    model = mt.nn.Sequential(mt.nn.Linear(3, 1), mt.nn.Tanh())
    optimizer = mt.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def steps(count: int) -> None:
        for _ in range(count):
            optimizer.zero_grad()
            (model(X) ** 2).mean().backward()
            optimizer.step()

    steps(200)
    tracemalloc.start()
    try:
        steps(100)
        first = tracemalloc.get_traced_memory()[0]
        steps(100)
        assert tracemalloc.get_traced_memory()[0] - first < 20_000
    finally:
        tracemalloc.stop()
    blocks = sys.getallocatedblocks()
    steps(9_600)
    assert sys.getallocatedblocks() - blocks < 500

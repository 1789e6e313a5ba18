"""Checkpointing: run part of a network again in backward, in place of keeping its saved values."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import minitensor as mt
from minitensor.errors import CheckpointError, VersionError
from minitensor.utils.checkpoint import checkpoint, checkpoint_sequential, set_checkpoint_early_stop


def leaf(*shape: int) -> mt.Tensor:
    return mt.rand(*shape, dtype=mt.float64, requires_grad=True)


class Block:
    """A part of a network that counts its runs."""

    def __init__(self) -> None:
        self.weight = leaf(4, 4)
        self.runs = 0

    def __call__(self, x: Any, scale: Any = 1.0) -> Any:
        self.runs += 1
        y = (x @ self.weight).tanh() * scale
        return mt.nn.functional.dropout(y, 0.5).exp()


def nest(block: Block) -> Callable[[Any], Any]:
    return lambda x: checkpoint(block, checkpoint(block, x) * 0.5)


WAYS: dict[str, Callable[[Block, Any], Any]] = {
    "once": lambda block, x: checkpoint(block, x),
    "in a row": lambda block, x: checkpoint(block, checkpoint(block, x)),
    "nested": lambda block, x: checkpoint(nest(block), x),
    "twice nested": lambda block, x: checkpoint(lambda x: checkpoint(nest(block), x) + checkpoint(block, x), x),
    "by name": lambda block, x: checkpoint(block, x, scale=x.sum()),
    "of what was computed": lambda block, x: checkpoint(block, x * 2, use_reentrant=True) * x,
    "to the end": lambda block, x: checkpoint(block, checkpoint(block, x, early_stop=False), early_stop=False),
}


@contextmanager
def no_checkpoints(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def run(function: Any, *args: Any, use_reentrant: Any = None, early_stop: bool = True, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setitem(globals(), "checkpoint", run)
        yield


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("second_order", [False, True])
def test_gradients_and_random_numbers_are_the_same(
    way: str, second_order: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    block, x = Block(), leaf(3, 4)

    def gradients() -> Any:
        mt.manual_seed(3)
        y = WAYS[way](block, x)
        after = mt.rand(1).item()
        grads = mt.autograd.grad(y.sum(), [x, block.weight], create_graph=second_order)
        if second_order:
            grads = mt.autograd.grad(sum((g**2).sum() for g in grads), [x, block.weight])
        return [y.tolist(), after, *[g.tolist() for g in grads], mt.rand(1).item()]

    found = gradients()
    runs = block.runs
    with no_checkpoints(monkeypatch):
        assert gradients() == found
    assert runs > block.runs - runs, "nothing was run again"


def test_nothing_of_the_part_is_kept_until_backward() -> None:
    kept: list[Any] = []

    def part(x: Any) -> Any:
        y = x.exp()
        kept.append(weakref.ref(y.storage))
        return y.sin().cos()

    x = leaf(5)
    z = checkpoint(part, x)
    assert kept[0]() is None
    z.sum().backward()
    assert x.grad is not None
    assert len(kept) == 2
    assert kept[1]() is None


def test_backward_can_run_again_through_a_retained_graph() -> None:
    block, x = Block(), leaf(3, 4)
    y = checkpoint(nest(block), x).sum()
    first = mt.autograd.grad(y, x, retain_graph=True)[0]
    second = mt.autograd.grad(y, x)[0]
    assert first.tolist() == second.tolist()


def test_the_second_run_stops_when_everything_is_saved() -> None:
    runs: list[str] = []

    def part(x: Any) -> Any:
        y = x.exp()
        runs.append("needed")
        z = y + 1
        runs.append("not needed")
        return z

    x = leaf(2)
    checkpoint(part, x).sum().backward()
    assert runs == ["needed", "not needed"]
    runs.clear()
    with set_checkpoint_early_stop(False):
        y = checkpoint(part, x)
    y.sum().backward()
    assert runs == ["needed", "not needed"] * 2


def test_without_gradients_it_is_an_ordinary_call() -> None:
    block, x = Block(), leaf(3, 4)
    with mt.no_grad():
        assert not checkpoint(block, x).requires_grad
    assert block.runs == 1


def test_contexts_are_entered_around_the_runs() -> None:
    seen: list[str] = []

    @contextmanager
    def named(name: str) -> Iterator[None]:
        seen.append(name)
        yield

    x = leaf(2)
    y = checkpoint(mt.exp, x, context_fn=lambda: (named("first"), named("second")))
    assert seen == ["first"]
    y.sum().backward()
    assert seen == ["first", "second"]


def test_a_second_run_that_differs_is_refused() -> None:
    times = iter(range(2))
    x = leaf(3)
    y = checkpoint(lambda x: x.exp() if next(times) else x.exp().sin(), x)
    with pytest.raises(CheckpointError, match="2 then, 1 now"):
        y.sum().backward()
    times = iter(range(2))
    y = checkpoint(lambda x: (x[:2] if next(times) else x).exp(), x)
    with pytest.raises(CheckpointError, match=r"saved tensor 0 was float64 of shape \(3,\) .* shape \(2,\)"):
        y.sum().backward()


def test_writing_to_an_argument_is_refused() -> None:
    x = leaf(3) * 1
    y = checkpoint(mt.exp, x)
    x.mul_(2)
    with pytest.raises(VersionError, match="an argument was modified by an inplace operation"):
        y.sum().backward()


def test_writing_to_a_saved_tensor_in_the_part_is_refused() -> None:
    def part(x: Any) -> Any:
        y = x.exp()
        return y.add_(1) * y

    y = checkpoint(part, leaf(3), early_stop=False)
    with pytest.raises(VersionError, match="in the checkpointed function after"):
        y.sum().backward()


@pytest.mark.parametrize("segments", [1, 2, 3, 5])
def test_a_sequential_in_segments_gives_the_same_results(segments: int) -> None:
    layers = mt.nn.Sequential(*[mt.nn.Linear(4, 4) for _ in range(5)])
    x = mt.rand(2, 4, requires_grad=True)
    (plain,) = mt.autograd.grad(layers(x).sum(), x)
    (found,) = mt.autograd.grad(checkpoint_sequential(layers, segments, x).sum(), x)
    assert found.tolist() == plain.tolist()


def test_invalid_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="expected 1 to 2 segments, got 3"):
        checkpoint_sequential([mt.exp, mt.sin], 3, leaf(1))
    with pytest.raises(ValueError, match="'default' or 'none', got 'all'"):
        checkpoint(mt.exp, leaf(1), determinism_check="all")


def test_checkpoints_are_freed_by_reference_count() -> None:
    gc.collect()
    gc.disable()
    try:
        block, x = Block(), leaf(3, 4)
        y = checkpoint(nest(block), x)
        dead = weakref.ref(y.grad_fn)
        y.sum().backward()
        del y
        assert dead() is None
        alive = weakref.ref(block)
        del block
        assert alive() is None
    finally:
        gc.enable()


def test_the_second_run_has_the_tangents_of_the_first() -> None:
    x = mt.tensor([0.5, -1.0], requires_grad=True)
    with mt.autograd.forward_ad.dual_level():
        moving = mt.autograd.forward_ad.make_dual(x, mt.tensor([1.0, 2.0]))
        y = checkpoint(lambda v: v.sin() * v, moving, use_reentrant=False)
        tangent = mt.autograd.forward_ad.unpack_dual(y).tangent
        (of_value,) = mt.autograd.grad(y.sum(), x, retain_graph=True)
        (of_tangent,) = mt.autograd.grad(tangent.sum(), x)
    assert mt.allclose(of_value.detach(), (x.cos() * x + x.sin()).detach())
    assert mt.allclose(of_tangent.detach(), ((2 * x.cos() - x.sin() * x) * mt.tensor([1.0, 2.0])).detach())

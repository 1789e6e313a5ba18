"""The adaptive softmax equals PyTorch's, and is a softmax."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

import minitensor as mt
from minitensor import nn
from tests.nn.twins import assert_close, numbers, share_numbers


@pytest.fixture
def torch() -> ModuleType:
    return pytest.importorskip("torch")


def make(lib: Any, **options: Any) -> Any:
    lib.manual_seed(2)
    return lib.nn.AdaptiveLogSoftmaxWithLoss(8, 20, [4, 9, 15], **{"div_value": 2.0, **options})


TARGETS: list[Any] = [[0, 3, 4, 19, 8, 9, 14, 15], [1, 2], [16], 5, [0, 0, 18]]


@pytest.mark.parametrize("target", TARGETS, ids=str)
@pytest.mark.parametrize("options", [{}, {"head_bias": True, "div_value": 1.5}], ids=str)
def test_it_is_pytorchs(target: Any, options: dict[str, Any], torch: ModuleType) -> None:
    ours, theirs = make(mt, **options), make(torch, **options)
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for name, value in theirs.state_dict().items():
        assert (ours.state_dict()[name].numpy() == value.numpy()).all(), "the same initial values"
    share_numbers(ours, theirs)
    shape = (len(target), 8) if isinstance(target, list) else (8,)
    results = []
    for lib, layer in ((mt, ours), (torch, theirs)):
        input = lib.tensor(numbers(1, *shape), requires_grad=True)
        output, loss = answer = layer(input, lib.tensor(target))
        (loss + output.sum()).backward()
        rows = lib.tensor(numbers(3, 6, 8) * 3)
        grads = [each.grad for each in layer.parameters()]
        grads = [lib.zeros(1) if each is None else each for each in grads]
        results.append([output, loss, input.grad, *grads, layer.log_prob(rows), layer.predict(rows)])
        results[-1].append(type(answer).__name__)
    assert results[0].pop() == results[1].pop() == "_ASMoutput"
    for mine, his in zip(*results, strict=True):
        assert_close(mine, his, 1e-5)


def test_it_is_a_softmax() -> None:
    layer, rows = make(mt), mt.randn(30, 8)
    every = layer.log_prob(rows)
    mt.testing.assert_close(every.exp().sum(1), mt.ones(30))
    assert (layer.predict(rows) == every.argmax(1)).float().mean() > 0.5, "the head comes first"
    target = mt.arange(30) % 20
    mt.testing.assert_close(layer(rows, target).output, every.gather(1, target.unsqueeze(1)).squeeze(1))


def test_reset_parameters_draws_all_parameters_again() -> None:
    layer = make(mt)
    before = [each.detach().clone() for each in layer.parameters()]
    layer.reset_parameters()
    assert all((new != old).all() for new, old in zip(layer.parameters(), before, strict=True))


@pytest.mark.parametrize("cutoffs", [[], [0, 3], [3, 3], [5, 3], [20], [2.5]], ids=str)
def test_invalid_cutoffs_are_refused(cutoffs: list[Any]) -> None:
    with pytest.raises(ValueError, match="cutoffs should be a sequence of"):
        nn.AdaptiveLogSoftmaxWithLoss(8, 20, cutoffs)


@pytest.mark.parametrize(
    ("shape", "target", "message"),
    [
        ((2, 8), [1, 20], r"Target values should be in \[0, 19\], but values in range \[1, 20\]"),
        ((1, 8), [-1], r"values in range \[-1, -1\]"),
        ((2, 8), [1], "same size in the batch dimension, got 2 and 1"),
        ((8,), [1], "1D target tensor expects 2D input"),
        ((1, 8), 1, "0D target tensor expects 1D input"),
        ((1, 8), [[1]], "0D or 1D target tensor expected"),
    ],
)
def test_targets_that_do_not_fit_are_refused(shape: tuple[int, ...], target: Any, message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        make(mt)(mt.ones(shape), mt.tensor(target))

"""CTC by definition: the sum over all paths, one by one; and gradients of both orders."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minitensor as mt
from minitensor.autograd import gradcheck, gradgradcheck
from minitensor.nn import functional as F
from minitensor.nn.functional import ctc


def label_of(path: tuple[int, ...], blank: int) -> list[int]:
    """Return the label of a path: repeats are merged, blanks removed."""
    return [label for label, _ in itertools.groupby(path) if label != blank]


def by_definition(log_probs: np.ndarray, target: list[int], blank: int) -> float:
    """Add up the probabilities of all paths with the target as label."""
    steps, classes = log_probs.shape
    chances = [
        math.exp(sum(log_probs[t, label] for t, label in enumerate(path)))
        for path in itertools.product(range(classes), repeat=steps)
        if label_of(path, blank) == target
    ]
    return -math.log(sum(chances)) if chances else math.inf


def scores(seed: int, *shape: int) -> mt.Tensor:
    return mt.tensor(np.random.RandomState(seed).standard_normal(shape)).log_softmax(-1)


@given(
    seed=st.integers(0, 99), steps=st.integers(0, 4), target=st.lists(st.integers(0, 1), max_size=3),
    blank=st.integers(0, 2),
)  # fmt: skip
def test_the_loss_is_the_sum_over_all_paths(seed: int, steps: int, target: list[int], blank: int) -> None:
    labels = [label + (label >= blank) for label in target]
    log_probs = scores(seed, 4, 2, 3)
    found = F.ctc_loss(
        log_probs, mt.tensor([[*labels, 0], [0] * (len(labels) + 1)]), [steps, 0], [len(labels), 0], blank, "none"
    )
    wanted = by_definition(log_probs.numpy()[:steps, 0], labels, blank)
    np.testing.assert_allclose(found.numpy(), [wanted, 0], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("targets", [[[1, 2], [3, 3]], [1, 2, 3, 3]])
def test_gradients_are_correct_to_second_order(targets: list[int]) -> None:
    def function(input: mt.Tensor) -> mt.Tensor:
        return F.ctc_loss(input.log_softmax(2), mt.tensor(targets), [5, 4], [2, 2], reduction="none")

    input = mt.tensor(np.random.RandomState(0).standard_normal((5, 2, 4)), requires_grad=True)
    assert gradcheck(function, (input,)) and gradgradcheck(function, (input,))


def test_an_impossible_target_costs_infinity_or_zero() -> None:
    log_probs = scores(1, 2, 1, 3).detach().requires_grad_()
    assert F.ctc_loss(log_probs, mt.tensor([[1, 1]]), [2], [2]).item() == math.inf
    loss = F.ctc_loss(log_probs, mt.tensor([[1, 1]]), [2], [2], zero_infinity=True)
    loss.backward()
    assert loss.item() == 0 and log_probs.grad.tolist() == [[[0, 0, 0]], [[0, 0, 0]]]


@pytest.mark.parametrize("seed", range(5))
def test_sums_without_a_graph_are_those_with_one(seed: int) -> None:
    random = np.random.default_rng(seed)
    steps = random.standard_normal((9, 4, 6)).astype(np.float32)
    steps[random.random(steps.shape) < 0.1] = -np.inf
    targets = mt.tensor(random.integers(1, 3, (4, 3)))
    lengths = [3, 2, 1, 0]
    emitted = mt.tensor(steps)
    paths = ctc.build_paths(emitted, ctc.pad_targets(targets, lengths), [9, 8, 7, 0], lengths, 0)
    given = emitted.gather(2, paths.labels.expand(9, -1, -1))
    for slow, fast in [
        (ctc.forward_sums, ctc.forward_sums_at_once), (ctc.backward_sums, ctc.backward_sums_at_once)
    ]:
        with np.errstate(divide="ignore"):
            found = fast(given, paths).numpy()
        np.testing.assert_allclose(found, slow(given, paths).numpy(), rtol=1e-5, atol=1e-5)

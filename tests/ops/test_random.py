"""Random tensors: PyTorch's numbers for the same seed, in every form of call."""

from __future__ import annotations

import pytest

import minitensor as mt
from ops.twin import agree, same_error, torch


def compare_draws(call, rtol=None):
    """Seed both libraries and compare what a call draws."""
    def seeded(lib):
        lib.manual_seed(7)
        return call(lib)
    return agree(seeded, order=0, rtol=rtol)


@pytest.mark.parametrize(
    "call",
    [
        lambda lib: lib.rand(2, 3),
        lambda lib: lib.rand((4,), dtype=lib.float64),
        lambda lib: lib.randn(3, 2),
        lambda lib: lib.randn(5, 7, dtype=lib.float64),
        lambda lib: lib.randn(40),
        lambda lib: lib.randint(10, (5,)),
        lambda lib: lib.randint(-3, 4, (2, 3), dtype=lib.int32),
        lambda lib: lib.randint(low=2, high=9, size=(4,)),
        lambda lib: lib.randperm(10),
        lambda lib: lib.rand_like(lib.zeros(3, dtype=lib.float64)),
        lambda lib: lib.randn_like(lib.zeros(3, 3)),
        lambda lib: lib.randint_like(lib.zeros(4), 5),
        lambda lib: lib.randint_like(lib.zeros(4, dtype=lib.int64), 2, 5),
        lambda lib: lib.zeros(5).uniform_(-1, 3),
        lambda lib: lib.zeros(20).normal_(2.0, 0.5),
        lambda lib: lib.zeros(5, dtype=lib.int64).random_(4),
        lambda lib: lib.zeros(5).random_(2, 9),
        lambda lib: lib.zeros(3, dtype=lib.int16).random_(),
        lambda lib: lib.zeros(5, dtype=lib.float64).exponential_(2.0),
        lambda lib: lib.zeros(20, dtype=lib.float64).log_normal_(0.5, 1.5),
        lambda lib: lib.zeros(20).cauchy_(0.5, 1.5),
        lambda lib: lib.zeros(20, dtype=lib.int32).geometric_(0.3),
        lambda lib: lib.zeros(6, 5).t().normal_(),
        lambda lib: lib.zeros(6, 5).t().uniform_(1, 2),
        lambda lib: lib.zeros(3, 4, 5).permute(2, 0, 1)[:, ::2].random_(9),
        lambda lib: lib.zeros(6, 5).t().bernoulli_(lib.linspace(0, 1, 6)),
        lambda lib: lib.randn_like(lib.zeros(6, 5).t()),
        lambda lib: lib.rand_like(lib.zeros(6, 5)[:, ::2]),
        lambda lib: lib.normal(lib.zeros(20) + 3, 0.5),
        lambda lib: lib.normal(2.0, lib.ones(20) * 3),
        lambda lib: lib.nn.functional.rrelu(-lib.ones(20), training=True),
        lambda lib: lib.nn.functional.alpha_dropout(lib.ones(20), 0.3, training=True),
        lambda lib: lib.nn.functional.feature_alpha_dropout(lib.ones(20, 2, 2), 0.3, training=True),
        lambda lib: lib.nn.functional.dropout3d(lib.ones(20, 2, 2, 2, 2)),
        lambda lib: lib.bernoulli(lib.tensor([0.0, 0.3, 0.8, 1.0])),
        lambda lib: lib.zeros(4).bernoulli_(lib.tensor([0.0, 0.3, 0.8, 1.0])),
        lambda lib: lib.multinomial(lib.tensor([[1.0, 2, 3], [3, 1, 0]]), 2),
        lambda lib: lib.multinomial(lib.tensor([1.0, 2, 3]), 6, replacement=True),
        lambda lib: lib.poisson(lib.tensor([[0.0, 0.5], [9.0, 100.0]])),
        lambda lib: lib.poisson(lib.tensor([1.0, 30.0], dtype=lib.float64)),
        lambda lib: lib.binomial(lib.tensor([[3.0], [900.0]]).expand(2, 5), lib.tensor([0.0, 0.01, 0.4, 0.9, 1.0])),
        lambda lib: lib._standard_gamma(lib.tensor([0.0, 0.1, 1.0, 30.0])),
        lambda lib: lib._sample_dirichlet(lib.tensor([[0.1, 1.0, 30.0]], dtype=lib.float64)),
        lambda lib: lib.normal(1.0, 2.0, (4,)),
        lambda lib: lib.normal(lib.tensor([1.0, 10.0]), lib.tensor([0.1, 2.0])),
        lambda lib: lib.normal(lib.tensor([1.0, 10.0]), 0.5),
        lambda lib: (lib.rand(2), lib.randn(3), lib.randperm(4), lib.rand(1)),
    ],
)
def test_one_seed_draws_the_same_numbers_in_both_libraries(call):
    compare_draws(call, rtol=2e-6)


@pytest.mark.parametrize(
    "call",
    [
        lambda lib: lib.rand(-1),
        lambda lib: lib.randint(3, 3, (2,)),
        lambda lib: lib.randint(5),
        lambda lib: lib.randperm(-1),
        lambda lib: lib.zeros(2).uniform_(1, 0),
        lambda lib: lib.zeros(2).normal_(0, -1),
        lambda lib: lib.zeros(2).log_normal_(0, 0),
        lambda lib: lib.zeros(2).cauchy_(0, 0),
        lambda lib: lib.zeros(2).geometric_(1.0),
        lambda lib: lib.multinomial(lib.ones(2), 1, out=lib.zeros(1)),
        lambda lib: lib.zeros(2, dtype=lib.int64).normal_(),
        lambda lib: lib.bernoulli(lib.tensor([2.0])),
        lambda lib: lib.bernoulli(lib.tensor([1])),
        lambda lib: lib.multinomial(lib.tensor([1.0, 2.0]), 3),
        lambda lib: lib.multinomial(lib.tensor([-1.0, 2.0]), 1),
        lambda lib: lib.normal(0.0, 1.0),
        lambda lib: lib.normal(lib.zeros(2), lib.tensor([1.0, -1.0])),
        lambda lib: lib.ones(2, requires_grad=True).uniform_(),
        lambda lib: lib.set_rng_state(lib.zeros(3)),
        lambda lib: lib.set_rng_state(lib.zeros(3, dtype=lib.uint8)),
    ],
)
def test_misuse_raises_what_pytorch_raises(call):
    same_error(call)


def test_a_separate_generator_leaves_the_default_one_unchanged():
    mt.manual_seed(0)
    before = mt.get_rng_state()
    one, two = (mt.Generator().manual_seed(3) for _ in range(2))
    assert mt.rand(4, generator=one).tolist() == mt.rand(4, generator=two).tolist()
    assert mt.zeros(2).uniform_(generator=one).tolist() == mt.zeros(2).uniform_(generator=two).tolist()
    assert mt.equal(mt.get_rng_state(), before)


def test_the_state_can_be_kept_and_forked():
    state = mt.get_rng_state()
    assert state.dtype is mt.uint8
    first = mt.rand(3).tolist()
    mt.set_rng_state(state)
    with mt.fork_rng():
        mt.rand(100)
    assert mt.rand(3).tolist() == first


def test_the_state_continues_in_the_other_library():
    torch.manual_seed(11)
    mt.set_rng_state(mt.from_numpy(torch.get_rng_state().numpy()))
    assert mt.rand(3).tolist() == torch.rand(3).tolist()


def test_seeds_can_be_read():
    mt.manual_seed(12)
    assert mt.initial_seed() == 12
    assert mt.seed() == mt.initial_seed()


def test_a_fill_drops_the_history():
    x = mt.ones(3, requires_grad=True)
    y = x * 2
    y.uniform_()
    (y * 3).sum().backward()
    assert x.grad is None or x.grad.tolist() == [0, 0, 0]


def test_a_fill_of_a_view_writes_only_that_part_of_its_base():
    base = mt.zeros(3, 4)
    base[:, 1].uniform_(1, 2)
    assert bool((base[:, 1] >= 1).all()) and base[:, 0].tolist() == [0, 0, 0]


def test_results_may_be_leaves_or_given():
    assert mt.rand(2, requires_grad=True).is_leaf and mt.rand(2, requires_grad=True).requires_grad
    out = mt.zeros(3)
    assert mt.rand(3, out=out) is out and out.sum().item() > 0

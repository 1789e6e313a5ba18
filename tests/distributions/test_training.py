"""Programs that draw and learn: a variational autoencoder and REINFORCE lose as much as in PyTorch, step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitensor as mt
import minitensor.distributions

torch = pytest.importorskip("torch")

STEPS = 1000


def data(lib: Any) -> Any:
    """Return 16 pictures of 8 pixels: a bright stretch on a dark ground."""
    rows = [[float(place <= pixel < place + 3) for pixel in range(8)] for place in range(6)]
    return lib.tensor((rows * 3)[:16])


def train_autoencoder(lib: Any) -> list[float]:
    D, nn = lib.distributions, lib.nn
    lib.manual_seed(0)
    encoder, decoder = nn.Linear(8, 4), nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 8))
    optimizer = lib.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-2)
    prior, x, losses = D.Normal(lib.zeros(2), lib.ones(2)), data(lib), []
    for _ in range(STEPS):
        loc, log_scale = encoder(x).chunk(2, -1)
        posterior = D.Normal(loc, log_scale.exp())
        likelihood = D.Independent(D.Bernoulli(logits=decoder(posterior.rsample())), 1)
        loss = (D.kl_divergence(posterior, prior).sum(-1) - likelihood.log_prob(x)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def step(state: np.ndarray, action: int) -> tuple[np.ndarray, float]:
    """Move a cart with a pole one step, in a made-up and simplified world: the reward is for an upright pole."""
    position, speed, angle, turn = state
    force = 1.0 if action else -1.0
    turn = 0.98 * turn + 0.15 * np.sin(angle) - 0.08 * force
    speed = 0.98 * speed + 0.05 * force
    moved = np.array([position + 0.1 * speed, speed, np.clip(angle + 0.2 * turn, -1.5, 1.5), turn])
    return moved, float(np.cos(moved[2]) - 0.1 * abs(moved[0]))


def learn_by_reinforcement(lib: Any) -> tuple[list[float], list[int]]:
    D, nn = lib.distributions, lib.nn
    lib.manual_seed(1)
    policy = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    optimizer = lib.optim.SGD(policy.parameters(), lr=1e-2)
    losses, actions, state, baseline = [], [], np.array([0.0, 0.0, 0.1, 0.0]), 0.0
    for number in range(STEPS):
        choice = D.Categorical(logits=policy(lib.tensor(state, dtype=lib.float32)))
        action = choice.sample()
        state, reward = step(state, int(action))
        loss = -choice.log_prob(action) * (reward - baseline) - 0.01 * choice.entropy()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        baseline += 0.05 * (reward - baseline)
        losses.append(loss.item())
        actions.append(int(action))
        if number % 50 == 49:
            state = np.array([0.0, 0.0, 0.1, 0.0])
    return losses, actions


def test_an_autoencoder_has_pytorchs_losses() -> None:
    ours, theirs = train_autoencoder(mt), train_autoencoder(torch)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)
    assert np.mean(ours[-50:]) < 0.8 * np.mean(ours[:50])


def test_reinforcement_takes_pytorchs_actions() -> None:
    (ours, actions), (theirs, others) = learn_by_reinforcement(mt), learn_by_reinforcement(torch)
    assert actions == others
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)

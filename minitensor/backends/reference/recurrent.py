"""Recurrence over time in whole arrays: each step's result is an input of the next one.

Inputs are projected beforehand, (L, N, gates), so that a step is one product and a few functions; a backward pass
computes all that does not depend on the order of steps at once. Steps run from first to last; who wants them the other
way round flips the arrays. ``mask`` (L, N, 1), where given, is 0 for steps that a sequence does not have: its state
stays what it was.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minitensor.backends import Array

Arrays = tuple["Array", ...]


def kept(new: Array, old: Array, there: Array | None) -> Array:
    """Return the new state where a step is there, the old one elsewhere."""
    if there is None:
        return new
    mixed: Array = old + there * (new - old)
    return mixed


def before(states: Array, first: Array) -> Array:
    """Return the state before each step."""
    shifted: Array = states.copy()
    shifted[1:] = states[:-1]
    shifted[:1] = first
    return shifted


def weight_grad(slopes: Array, states: Array) -> Array:
    """Return the gradient of the matrix that states were multiplied by: (gates, H)."""
    result: Array = as_rows(slopes).T @ as_rows(states)
    return result


def as_rows(array: Array) -> Array:
    """Return an array as a matrix of its last dim, which may be empty."""
    return array.reshape(math.prod(array.shape[:-1]), array.shape[-1])


# -- tanh and relu -----------------------------------------------------------------------------------------------------


def rnn(xp: Any, gates: Array, weight: Array, first: Array, mask: Array | None, relu: bool) -> Array:
    """Return all states of h <- tanh(gates + h W^T), or of relu: (L, N, H)."""
    states: Array = xp.empty(gates.shape, gates.dtype)
    across, h = weight.T, first
    for t in range(len(gates)):
        new = h @ across
        new += gates[t]
        xp.maximum(new, 0, out=new) if relu else xp.tanh(new, out=new)
        h = states[t] = kept(new, h, None if mask is None else mask[t])
    return states


def rnn_backward(
    xp: Any, grad: Array, states: Array, weight: Array, first: Array, mask: Array | None, relu: bool
) -> Arrays:
    """Return the gradients of gates, weight and first state. Where a step is not there its slope does not count."""
    slopes = (states > 0).astype(states.dtype) if relu else 1 - states * states
    passing = xp.zeros_like(first)
    for t in reversed(range(len(grad))):
        total = grad[t] + passing
        there = None if mask is None else mask[t]
        slopes[t] *= total if there is None else total * there
        passing = slopes[t] @ weight
        if there is not None:
            passing += total * (1 - there)
    return slopes, weight_grad(slopes, before(states, first)), passing


# -- LSTM --------------------------------------------------------------------------------------------------------------


def lstm(xp: Any, gates: Array, weight: Array, h: Array, c: Array, mask: Array | None) -> tuple[Array, Array]:
    """Return all states h and c (2, L, N, H), and the gates i, f, g, o as they opened (L, N, 4H).

    A sigmoid is a tanh of half the argument, halved and raised: so one tanh serves all gates of a step.
    """
    steps, batch, width = gates.shape
    size = width // 4
    states, opened = xp.empty((2, steps, batch, size), gates.dtype), xp.empty(gates.shape, gates.dtype)
    scale, shift = xp.full(width, 0.5, gates.dtype), xp.full(width, 0.5, gates.dtype)
    scale[2 * size : 3 * size], shift[2 * size : 3 * size] = 1, 0
    gates, across = gates * scale, xp.ascontiguousarray((weight * scale[:, None]).T)
    for t in range(steps):
        now = opened[t]
        xp.matmul(h, across, out=now)
        now += gates[t]
        xp.tanh(now, out=now)
        now *= scale
        now += shift
        i, f, g, o = (now[:, k * size : (k + 1) * size] for k in range(4))
        there = None if mask is None else mask[t]
        new = f * c
        new += i * g
        h_new = xp.tanh(new)
        h_new *= o
        c = states[1, t] = kept(new, c, there)
        h = states[0, t] = kept(h_new, h, there)
    return states, opened


def lstm_backward(
    xp: Any, grad: Array, states: Array, opened: Array, weight: Array, h: Array, c: Array, mask: Array | None
) -> Arrays:
    """Return the gradients of gates, weight, first h and first c.

    All of a step is computed at once, while its arrays are in the cache.
    """
    size = h.shape[-1]
    slopes, dh, dc = xp.empty(opened.shape, opened.dtype), xp.zeros_like(h), xp.zeros_like(c)
    for t in reversed(range(len(opened))):
        i, f, g, o = (opened[t, :, k * size : (k + 1) * size] for k in range(4))
        dh = dh + grad[0, t]
        dc = dc + grad[1, t]
        there = None if mask is None else mask[t]
        h_kept, c_kept = (0, 0) if there is None else (dh * (1 - there), dc * (1 - there))
        if there is not None:
            dh, dc = dh * there, dc * there
        bent = xp.tanh(states[1, t])  # of a step that is not there nothing counts
        opening = dh * o
        dc += opening
        opening *= bent
        dc -= opening * bent  # the slope of tanh is 1 - bent^2
        now = slopes[t]
        xp.subtract(1, opened[t], out=now)
        to_i, to_f, to_g, to_o = (now[:, k * size : (k + 1) * size] for k in range(4))
        to_o *= opening
        to_f *= f
        to_f *= states[1, t - 1] if t else c
        to_f *= dc
        through = dc * i
        to_i *= through
        to_i *= g
        xp.multiply(g, g, out=to_g)
        to_g *= through
        xp.subtract(through, to_g, out=to_g)
        dc *= f
        if there is not None:
            dc += c_kept
        dh = now @ weight
        if there is not None:
            dh += h_kept
    return slopes, weight_grad(slopes, before(states[0], h)), dh, dc


# -- GRU ---------------------------------------------------------------------------------------------------------------


def gru(xp: Any, gates: Array, weight: Array, bias: Array, h: Array, mask: Array | None) -> Arrays:
    """Return all states (L, N, H), and r, z, n and the inner part of n as they came (L, N, 4H)."""
    steps, batch, width = gates.shape
    size = width // 3
    states, opened = xp.empty((steps, batch, size), gates.dtype), xp.empty((steps, batch, 4 * size), gates.dtype)
    across = xp.ascontiguousarray(weight.T)
    for t in range(steps):
        product = h @ across
        product += bias
        now, entering = opened[t], gates[t]
        switches = now[:, : 2 * size]
        xp.add(product[:, : 2 * size], entering[:, : 2 * size], out=switches)
        switches *= 0.5
        xp.tanh(switches, out=switches)
        switches *= 0.5
        switches += 0.5
        r, z, n, inner = (now[:, k * size : (k + 1) * size] for k in range(4))
        inner[...] = product[:, 2 * size :]
        xp.tanh(entering[:, 2 * size :] + r * inner, out=n)
        new = h - n
        new *= z
        new += n
        h = states[t] = kept(new, h, None if mask is None else mask[t])
    return states, opened


def gru_backward(
    xp: Any, grad: Array, states: Array, opened: Array, weight: Array, h: Array, mask: Array | None
) -> Arrays:
    """Return the gradients of gates, weight, bias and first state."""
    size = h.shape[-1]
    r, z, n, inner = (opened[..., k * size : (k + 1) * size] for k in range(4))
    h_before = before(states, h)
    slope_n = (1 - z) * (1 - n * n)
    slope_z = (h_before - n) * z * (1 - z)
    slope_r = slope_n * inner * r * (1 - r)
    entering = xp.concatenate([slope_r, slope_z, slope_n], axis=-1)
    across = xp.concatenate([slope_r, slope_z, slope_n * r], axis=-1)
    dh = xp.zeros_like(h)
    for t in reversed(range(len(opened))):
        dh = dh + grad[t]
        there = None if mask is None else mask[t]
        h_kept = 0 if there is None else dh * (1 - there)
        if there is not None:
            dh = dh * there
        for slopes in (entering[t], across[t]):
            slopes.reshape(len(slopes), 3, size)[...] *= dh[:, None]
        dh = across[t] @ weight + dh * z[t] + h_kept
    return entering, weight_grad(across, h_before), across.sum((0, 1)), dh

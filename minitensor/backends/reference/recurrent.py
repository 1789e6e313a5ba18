"""Recurrent cells over all steps of a sequence, in arrays: each step's result is an input of the next one.

Inputs are projected beforehand, (L, N, gates), so that a step is one product and a few functions; a backward pass
computes everything that does not depend on the order of steps at once. Steps run from first to last; for the other
direction, callers flip the arrays. ``mask`` (L, N, 1), if given, is 0 for steps past the end of a sequence, which leave
its state unchanged.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minitensor.backends import Array

Arrays = tuple["Array", ...]


def select_state(new: Array, old: Array, mask: Array | None) -> Array:
    """Return the new state where the mask is 1, the old one where it is 0."""
    if mask is None:
        return new
    mixed: Array = old + mask * (new - old)
    return mixed


def states_before(states: Array, first: Array) -> Array:
    """Return the state before each step."""
    shifted: Array = states.copy()
    shifted[1:] = states[:-1]
    shifted[:1] = first
    return shifted


def weight_grad(slopes: Array, states: Array) -> Array:
    """Return the gradient in the matrix that multiplies the states: (gates, H)."""
    result: Array = as_rows(slopes).T @ as_rows(states)
    return result


def as_rows(array: Array) -> Array:
    """Return an array as a matrix of rows of its last dim, which may be empty."""
    return array.reshape(math.prod(array.shape[:-1]), array.shape[-1])


# -- tanh and relu -----------------------------------------------------------------------------------------------------


def rnn(xp: Any, gates: Array, weight: Array, first: Array, mask: Array | None, relu: bool) -> Array:
    """Return all states (L, N, H) of h <- tanh(gates + h W^T), or relu in place of tanh."""
    states: Array = xp.empty(gates.shape, gates.dtype)
    across, h = weight.T, first
    for t in range(len(gates)):
        new = h @ across
        new += gates[t]
        xp.maximum(new, 0, out=new) if relu else xp.tanh(new, out=new)
        h = states[t] = select_state(new, h, None if mask is None else mask[t])
    return states


def rnn_backward(
    xp: Any, grad: Array, states: Array, weight: Array, first: Array, mask: Array | None, relu: bool
) -> Arrays:
    """Return the gradients in gates, weight and first state; masked steps have none."""
    slopes = (states > 0).astype(states.dtype) if relu else 1 - states * states
    passing = xp.zeros_like(first)
    for t in reversed(range(len(grad))):
        total = grad[t] + passing
        present = None if mask is None else mask[t]
        slopes[t] *= total if present is None else total * present
        passing = slopes[t] @ weight
        if present is not None:
            passing += total * (1 - present)
    return slopes, weight_grad(slopes, states_before(states, first)), passing


# -- LSTM --------------------------------------------------------------------------------------------------------------


def lstm(xp: Any, gates: Array, weight: Array, h: Array, c: Array, mask: Array | None) -> tuple[Array, Array]:
    """Return all states h and c (2, L, N, H), and the values of the gates i, f, g, o (L, N, 4H).

    As sigmoid(x) = tanh(x / 2) / 2 + 1 / 2, one tanh computes all gates of a step.
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
        present = None if mask is None else mask[t]
        new = f * c
        new += i * g
        h_new = xp.tanh(new)
        h_new *= o
        c = states[1, t] = select_state(new, c, present)
        h = states[0, t] = select_state(h_new, h, present)
    return states, opened


def lstm_backward(
    xp: Any, grad: Array, states: Array, opened: Array, weight: Array, h: Array, c: Array, mask: Array | None
) -> Arrays:
    """Return the gradients in gates, weight, first h and first c.

    Each step is finished before the next, while its arrays are in the cache.
    """
    size = h.shape[-1]
    slopes, dh, dc = xp.empty(opened.shape, opened.dtype), xp.zeros_like(h), xp.zeros_like(c)
    for t in reversed(range(len(opened))):
        i, f, g, o = (opened[t, :, k * size : (k + 1) * size] for k in range(4))
        dh = dh + grad[0, t]
        dc = dc + grad[1, t]
        present = None if mask is None else mask[t]
        h_skipped, c_skipped = (0, 0) if present is None else (dh * (1 - present), dc * (1 - present))
        if present is not None:
            dh, dc = dh * present, dc * present
        tanh_c = xp.tanh(states[1, t])  # of a masked step it is multiplied by 0 below
        opening = dh * o
        dc += opening
        opening *= tanh_c
        dc -= opening * tanh_c  # the slope of tanh is 1 - tanh^2
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
        if present is not None:
            dc += c_skipped
        dh = now @ weight
        if present is not None:
            dh += h_skipped
    return slopes, weight_grad(slopes, states_before(states[0], h)), dh, dc


# -- GRU ---------------------------------------------------------------------------------------------------------------


def gru(xp: Any, gates: Array, weight: Array, bias: Array, h: Array, mask: Array | None) -> Arrays:
    """Return all states (L, N, H), and the values of r, z, n and the inner part of n (L, N, 4H)."""
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
        h = states[t] = select_state(new, h, None if mask is None else mask[t])
    return states, opened


def gru_backward(
    xp: Any, grad: Array, states: Array, opened: Array, weight: Array, h: Array, mask: Array | None
) -> Arrays:
    """Return the gradients in gates, weight, bias and first state."""
    size = h.shape[-1]
    r, z, n, inner = (opened[..., k * size : (k + 1) * size] for k in range(4))
    h_before = states_before(states, h)
    slope_n = (1 - z) * (1 - n * n)
    slope_z = (h_before - n) * z * (1 - z)
    slope_r = slope_n * inner * r * (1 - r)
    entering = xp.concatenate([slope_r, slope_z, slope_n], axis=-1)
    across = xp.concatenate([slope_r, slope_z, slope_n * r], axis=-1)
    dh = xp.zeros_like(h)
    for t in reversed(range(len(opened))):
        dh = dh + grad[t]
        present = None if mask is None else mask[t]
        h_skipped = 0 if present is None else dh * (1 - present)
        if present is not None:
            dh = dh * present
        for slopes in (entering[t], across[t]):
            slopes.reshape(len(slopes), 3, size)[...] *= dh[:, None]
        dh = across[t] @ weight + dh * z[t] + h_skipped
    return entering, weight_grad(across, h_before), across.sum((0, 1)), dh

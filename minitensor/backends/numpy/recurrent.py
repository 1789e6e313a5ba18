"""LSTMs on the host: fewer calls a step than the reference, on arrays in which each gate lies for itself.

A step's gates are (4, N, H) in the order i, f, o, g, so that one exponential serves three of them; the tanh of c is
kept. Of the gradient all that does not depend on later steps is computed first, a few steps at a time, while it is in
the cache. To deal the sequences out to threads does not pay: a call takes some microseconds, after each of which the
threads would fight for the interpreter (two take 1.3 times as long as one). Nor do those of BLAS: steps are so short
that they gain 5 % of a layer where a core is idle, and where another program had it a layer took ten times as long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy

from minitensor.backends.numpy.gemm import dot
from minitensor.backends.numpy.threads import one_blas_thread
from minitensor.backends.reference import recurrent as reference

if TYPE_CHECKING:
    from minitensor.backends import Array

AT_ONCE = 1 << 14  # elements of a gate for which factors are computed at once


class Opened(NamedTuple):
    """What the gradient needs of the steps besides their states."""

    gates: Array  # (L, 4, N, H): i, f, o and -g as they opened
    bent: Array  # (L, N, H): tanh(c)


def lstm(gates: Array, weight: Array, h: Array, c: Array, mask: Array | None) -> tuple[Array, Any]:
    """Return all states h and c (2, L, N, H), and what the gradient needs besides; see the reference."""
    if gates.dtype.char not in "fd" or gates.dtype != weight.dtype:
        return reference.lstm(numpy, gates, weight, h, c, mask)
    steps, batch, width = gates.shape
    size, kind = width // 4, gates.dtype
    states = numpy.empty((2, steps, batch, size), kind)
    opened = Opened(numpy.empty((steps, 4, batch, size), kind), numpy.empty((steps, batch, size), kind))
    entering = gates.reshape(steps, batch, 4, size).transpose(0, 2, 1, 3)
    # Laid out anew, the turned weight would save each step 5 us and cost 80.
    across = numpy.negative(weight).T
    with one_blas_thread(), numpy.errstate(over="ignore"):  # a gate that is shut is 1 / inf
        forward(entering, across, h, c, mask, states, opened)
    return states, opened


def forward(
    entering: Array, across: Array, h: Array, c: Array, mask: Array | None, states: Array, opened: Opened
) -> None:
    """Run all steps; ``across`` is minus the weight, as a sigmoid is 1 / (1 + exp(-x))."""
    one, (steps, _, batch, size) = entering.dtype.type(1), entering.shape
    spare, product = numpy.empty((batch, size), one.dtype), numpy.empty((batch, 4 * size), one.dtype)
    i_f, g_o = product.reshape(batch, 2, 2, size).transpose(1, 2, 0, 3)
    for now, given, bent, new_h, new_c, t in zip(opened.gates, entering, opened.bent, *states, range(steps)):
        i, f, o, g = now
        switches = now[:3]
        numpy.matmul(h, across, out=product)
        numpy.subtract(i_f, given[:2], out=now[:2])
        numpy.subtract(g_o[::-1], given[:1:-1], out=now[2:])
        numpy.exp(switches, out=switches)
        numpy.add(switches, one, out=switches)
        numpy.divide(one, switches, out=switches)
        numpy.tanh(g, out=g)
        numpy.multiply(f, c, out=new_c)
        numpy.subtract(new_c, numpy.multiply(i, g, out=spare), out=new_c)
        numpy.tanh(new_c, out=bent)
        numpy.multiply(bent, o, out=new_h)
        if mask is not None:
            new_h[...], new_c[...] = reference.kept(new_h, h, mask[t]), reference.kept(new_c, c, mask[t])
        h, c = new_h, new_c


def lstm_backward(
    grad: Array, states: Array, opened: Any, weight: Array, h: Array, c: Array, mask: Array | None
) -> tuple[Array, ...]:
    """Return the gradients of gates, weight, first h and first c."""
    if not isinstance(opened, Opened):
        return reference.lstm_backward(numpy, grad, states, opened, weight, h, c, mask)
    steps, batch, size = opened.bent.shape
    slopes, dh, dc = numpy.empty((steps, batch, 4 * size), weight.dtype), numpy.zeros_like(h), numpy.zeros_like(c)
    length = max(1, AT_ONCE // max(1, dh.size))
    with one_blas_thread():
        for stop in range(steps, 0, -length):
            some = slice(max(0, stop - length), stop)
            first = states[1, some.start - 1] if some.start else c
            kept = Opened(opened.gates[some], opened.bent[some])
            there = None if mask is None else mask[some]
            backward(grad[:, some], factors(kept, states[1, some], first), kept, weight, there, slopes[some], dh, dc)
    before = reference.before(states[0], h)
    return slopes, dot(reference.as_rows(slopes).T, reference.as_rows(before)), dh, dc


def factors(opened: Opened, cells: Array, first: Array) -> Array:
    """Return how far each gate moves what depends on it: i, f and g move c, o moves h, and at last c moves h."""
    steps, batch, size = opened.bent.shape
    found = numpy.empty((5, steps, batch, size), cells.dtype)
    for_i, for_f, for_g, for_o, through = found
    i, f, o, g = opened.gates.transpose(1, 0, 2, 3)
    for slope, gate, other in ((for_i, i, g), (for_f, f, None), (for_o, o, opened.bent)):
        numpy.subtract(1, gate, out=slope)
        slope *= gate
        if other is not None:
            slope *= other
    numpy.negative(for_i, out=for_i)
    for_f[0] *= first
    for_f[1:] *= cells[:-1]
    for slope, curve, factor in ((for_g, g, i), (through, opened.bent, o)):
        numpy.multiply(curve, curve, out=slope)  # the slope of tanh is 1 - tanh^2
        numpy.subtract(1, slope, out=slope)
        slope *= factor
    return found


def backward(
    grad: Array, moved: Array, opened: Opened, weight: Array, mask: Array | None, slopes: Array, dh: Array, dc: Array
) -> None:
    """Go back over some steps, writing the slopes of their gates, and what arrives before them to ``dh`` and ``dc``."""
    steps, batch, size = opened.bent.shape
    spare = numpy.empty_like(dc)
    for_c, for_h, through = moved[:3].transpose(1, 0, 2, 3), moved[3], moved[4]
    in_c = slopes.reshape(steps, batch, 4, size).transpose(0, 2, 1, 3)
    for t in reversed(range(steps)):
        numpy.add(dh, grad[0, t], out=dh)
        numpy.add(dc, grad[1, t], out=dc)
        if mask is not None:
            h_kept, c_kept = dh * (1 - mask[t]), dc * (1 - mask[t])
            numpy.multiply(dh, mask[t], out=dh)
            numpy.multiply(dc, mask[t], out=dc)
        numpy.add(dc, numpy.multiply(dh, through[t], out=spare), out=dc)
        numpy.multiply(for_c[t], dc, out=in_c[t, :3])
        numpy.multiply(for_h[t], dh, out=in_c[t, 3])
        numpy.multiply(dc, opened.gates[t, 1], out=dc)
        numpy.matmul(slopes[t], weight, out=dh)
        if mask is not None:
            numpy.add(dh, h_kept, out=dh)
            numpy.add(dc, c_kept, out=dc)

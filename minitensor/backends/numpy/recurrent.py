"""LSTMs on the host: fewer calls per step than the reference, on arrays in which each gate is contiguous.

A step's gates are (4, N, H) in the order i, f, o, g, so that one exponential computes three of them; the tanh of c is
saved. The parts of the gradient that do not depend on later steps are computed first, a few steps at a time, while they
are in the cache.

Threads do not help. A call takes a few microseconds, after each of which our threads would compete for the interpreter:
two take 1.3 times as long as one. The threads of BLAS gain 5 % of a layer if a core is idle; when another program used
it, a layer took ten times as long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy

from minitensor.backends.numpy.gemm import dot
from minitensor.backends.numpy.threads import one_blas_thread
from minitensor.backends.reference import recurrent as reference

if TYPE_CHECKING:
    from minitensor.backends import Array

PIECE_ELEMENTS = 1 << 14  # of a gate, in the steps whose factors are computed together


class Gates(NamedTuple):
    """What the gradient needs of the steps besides their states."""

    opened: Array  # (L, 4, N, H): i, f, o and -g
    tanh_c: Array  # (L, N, H)


def lstm(gates: Array, weight: Array, h: Array, c: Array, mask: Array | None) -> tuple[Array, Any]:
    """Return all states h and c (2, L, N, H), and what else the gradient needs."""
    if gates.dtype.char not in "fd" or gates.dtype != weight.dtype:
        return reference.lstm(numpy, gates, weight, h, c, mask)
    steps, batch, width = gates.shape
    size, kind = width // 4, gates.dtype
    states = numpy.empty((2, steps, batch, size), kind)
    saved = Gates(numpy.empty((steps, 4, batch, size), kind), numpy.empty((steps, batch, size), kind))
    entering = gates.reshape(steps, batch, 4, size).transpose(0, 2, 1, 3)
    # A contiguous transpose would save 5 us per step and cost 80.
    across = numpy.negative(weight).T
    with one_blas_thread(), numpy.errstate(over="ignore"):  # a closed gate is 1 / inf
        run_steps(entering, across, h, c, mask, states, saved)
    return states, saved


def run_steps(
    entering: Array, across: Array, h: Array, c: Array, mask: Array | None, states: Array, saved: Gates
) -> None:
    """Run all steps; ``across`` is minus the weight, as a sigmoid is 1 / (1 + exp(-x))."""
    one, (steps, _, batch, size) = entering.dtype.type(1), entering.shape
    spare, product = numpy.empty((batch, size), one.dtype), numpy.empty((batch, 4 * size), one.dtype)
    i_f, g_o = product.reshape(batch, 2, 2, size).transpose(1, 2, 0, 3)
    for now, given, tanh_c, new_h, new_c, t in zip(saved.opened, entering, saved.tanh_c, *states, range(steps)):
        i, f, o, g = now
        switches = now[:3]
        numpy.matmul(h, across, out=product)
        numpy.subtract(i_f, given[:2], out=now[:2])
        # Gates come in PyTorch's order i, f, g, o and are kept as i, f, o, -g.
        numpy.subtract(g_o[::-1], given[:1:-1], out=now[2:])
        numpy.exp(switches, out=switches)
        numpy.add(switches, one, out=switches)
        numpy.divide(one, switches, out=switches)
        numpy.tanh(g, out=g)
        numpy.multiply(f, c, out=new_c)
        numpy.subtract(new_c, numpy.multiply(i, g, out=spare), out=new_c)
        numpy.tanh(new_c, out=tanh_c)
        numpy.multiply(tanh_c, o, out=new_h)
        if mask is not None:
            new_h[...] = reference.select_state(new_h, h, mask[t])
            new_c[...] = reference.select_state(new_c, c, mask[t])
        h, c = new_h, new_c


def lstm_backward(
    grad: Array, states: Array, saved: Any, weight: Array, h: Array, c: Array, mask: Array | None
) -> tuple[Array, ...]:
    """Return the gradients of gates, weight, first h and first c."""
    if not isinstance(saved, Gates):
        return reference.lstm_backward(numpy, grad, states, saved, weight, h, c, mask)
    steps, batch, size = saved.tanh_c.shape
    slopes, dh, dc = numpy.empty((steps, batch, 4 * size), weight.dtype), numpy.zeros_like(h), numpy.zeros_like(c)
    length = max(1, PIECE_ELEMENTS // max(1, dh.size))
    with one_blas_thread():
        for stop in range(steps, 0, -length):
            some = slice(max(0, stop - length), stop)
            first = states[1, some.start - 1] if some.start else c
            part = Gates(saved.opened[some], saved.tanh_c[some])
            part_mask = None if mask is None else mask[some]
            factors = gate_factors(part, states[1, some], first)
            run_steps_backward(grad[:, some], factors, part, weight, part_mask, slopes[some], dh, dc)
    before = reference.states_before(states[0], h)
    return slopes, dot(reference.as_rows(slopes).T, reference.as_rows(before)), dh, dc


def gate_factors(saved: Gates, cells: Array, first: Array) -> Array:
    """Return the derivatives (5, L, N, H) of c by the sums that enter i, f and g, of h by that of o, and of h by c."""
    steps, batch, size = saved.tanh_c.shape
    factors = numpy.empty((5, steps, batch, size), cells.dtype)
    for_i, for_f, for_g, for_o, through = factors
    i, f, o, g = saved.opened.transpose(1, 0, 2, 3)
    for slope, gate, other in ((for_i, i, g), (for_f, f, None), (for_o, o, saved.tanh_c)):
        numpy.subtract(1, gate, out=slope)
        slope *= gate
        if other is not None:
            slope *= other
    numpy.negative(for_i, out=for_i)
    for_f[0] *= first
    for_f[1:] *= cells[:-1]
    for slope, curve, factor in ((for_g, g, i), (through, saved.tanh_c, o)):
        numpy.multiply(curve, curve, out=slope)  # the slope of tanh is 1 - tanh^2
        numpy.subtract(1, slope, out=slope)
        slope *= factor
    return factors


def run_steps_backward(
    grad: Array, factors: Array, saved: Gates, weight: Array, mask: Array | None, slopes: Array, dh: Array, dc: Array
) -> None:
    """Write the gradients in the gates of some steps, and in the states before them to ``dh`` and ``dc``."""
    steps, batch, size = saved.tanh_c.shape
    spare = numpy.empty_like(dc)
    for_c, for_h, through = factors[:3].transpose(1, 0, 2, 3), factors[3], factors[4]
    in_c = slopes.reshape(steps, batch, 4, size).transpose(0, 2, 1, 3)
    for t in reversed(range(steps)):
        numpy.add(dh, grad[0, t], out=dh)
        numpy.add(dc, grad[1, t], out=dc)
        if mask is not None:
            h_skipped, c_skipped = dh * (1 - mask[t]), dc * (1 - mask[t])
            numpy.multiply(dh, mask[t], out=dh)
            numpy.multiply(dc, mask[t], out=dc)
        numpy.add(dc, numpy.multiply(dh, through[t], out=spare), out=dc)
        numpy.multiply(for_c[t], dc, out=in_c[t, :3])
        numpy.multiply(for_h[t], dh, out=in_c[t, 3])
        numpy.multiply(dc, saved.opened[t, 1], out=dc)
        numpy.matmul(slopes[t], weight, out=dh)
        if mask is not None:
            numpy.add(dh, h_skipped, out=dh)
            numpy.add(dc, c_skipped, out=dc)

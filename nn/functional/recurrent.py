"""Recurrent networks, step by step and whole: the step of a cell, and a scan of a cell over time.

A scan is one operation: all steps run in arrays, and so do those of its gradient. If that gradient is to be
differentiated again, the steps are retraced in tensor operations, which also define the scan in its tests.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from minitensor.autograd.declare import differentiable
from minitensor.autograd.engine import grad as gradients
from minitensor.autograd.mode import is_grad_enabled
from minitensor.base import wrap
from minitensor.nn.functional.linear import linear
from minitensor.ops.duals import is_forward_mode
from minitensor.ops.join import stack

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.backends.base import Backend
    from minitensor.tensor import Tensor

Tensors = Sequence["Tensor"]


# -- cells: from the projected input and the state to the next state ---------------------------------------------------


def rnn_step(tensors: Tensors, entering: Tensor, state: Tensors, relu: bool) -> list[Tensor]:
    """h = tanh(entering + W h), or relu of it."""
    before = entering + state[0] @ tensors[1].t()
    return [before.relu() if relu else before.tanh()]


def lstm_step(tensors: Tensors, entering: Tensor, state: Tensors) -> list[Tensor]:
    """i, f, g, o = entering + W h; c = sigma(f) c + sigma(i) tanh(g); h = sigma(o) tanh(c) (Hochreiter and
    Schmidhuber 1997; Gers et al. 1999).
    """
    h, c = state
    i, f, g, o = (entering + h @ tensors[1].t()).chunk(4, -1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return [o.sigmoid() * c.tanh(), c]


def gru_step(tensors: Tensors, entering: Tensor, state: Tensors) -> list[Tensor]:
    """r, z = sigma(entering + W h + b); n = tanh(entering + r (W h + b)); h = (1 - z) n + z h (Cho et al. 2014)."""
    (h,) = state
    r_in, z_in, n_in = entering.chunk(3, -1)
    r_h, z_h, n_h = linear(h, tensors[1], tensors[2]).chunk(3, -1)
    r, z = (r_in + r_h).sigmoid(), (z_in + z_h).sigmoid()
    n = (n_in + r * n_h).tanh()
    # One product less than in the equation, and PyTorch's rounding.
    return [n + z * (h - n)]


# -- scans -------------------------------------------------------------------------------------------------------------


class Trace:
    """What a scan keeps of its steps for the gradient: not its result, which the caller may write to, as in PyTorch."""

    __slots__ = ("gates", "states")

    gates: Any
    states: Array


class Cell(NamedTuple):
    """The three forms of a cell: all steps in arrays, their gradient in arrays, and one step in tensors.

    Its tensors are the projected input (L, N, gates), the weight (gates, H), possibly a bias, and the first states.
    """

    forward: Callable[..., Any]
    backward: Callable[..., Any]
    step: Callable[..., list[Tensor]]
    states: int  # how many states there are


def rnn_cell(relu: bool) -> Cell:
    """Return the Elman cell, with tanh or relu."""

    def forward(backend: Backend, arrays: Sequence[Array], mask: Array | None, trace: Trace) -> Array:
        gates, weight, h = arrays
        return backend.rnn(gates, weight, h, mask, relu)[None]

    def backward(backend: Backend, grad: Array, states: Array, arrays: Sequence[Array], mask: Any, trace: Trace) -> Any:
        _, weight, h = arrays
        return backend.rnn_backward(grad[0], states[0], weight, h, mask, relu)

    def step(tensors: Tensors, entering: Tensor, state: Tensors) -> list[Tensor]:
        return rnn_step(tensors, entering, state, relu)

    return Cell(forward, backward, step, 1)


def lstm_forward(backend: Backend, arrays: Sequence[Array], mask: Array | None, trace: Trace) -> Array:
    gates, weight, h, c = arrays
    states, trace.gates = backend.lstm(gates, weight, h, c, mask)
    return states


def lstm_backward(
    backend: Backend, grad: Array, states: Array, arrays: Sequence[Array], mask: Any, trace: Trace
) -> Any:
    _, weight, h, c = arrays
    return backend.lstm_backward(grad, states, trace.gates, weight, h, c, mask)


def gru_forward(backend: Backend, arrays: Sequence[Array], mask: Array | None, trace: Trace) -> Array:
    gates, weight, bias, h = arrays
    states, trace.gates = backend.gru(gates, weight, bias, h, mask)
    return states[None]


def gru_backward(backend: Backend, grad: Array, states: Array, arrays: Sequence[Array], mask: Any, trace: Trace) -> Any:
    _, weight, _, h = arrays
    return backend.gru_backward(grad[0], states[0], trace.gates, weight, h, mask)


TANH, RELU = rnn_cell(False), rnn_cell(True)
LSTM = Cell(lstm_forward, lstm_backward, lstm_step, 2)
GRU = Cell(gru_forward, gru_backward, gru_step, 1)


def scan_grad(
    grad: Tensor, tensors: Tensors, cell: Cell, mask: Array | None, trace: Trace
) -> Sequence[Tensor | None]:
    """Return the gradients of ``run_cell`` in its tensors; in tensor operations if they are to be differentiated."""
    if is_grad_enabled():
        wanted = [each for each in tensors if each.requires_grad]
        found = iter(gradients(retrace(tensors, cell, mask), wanted, grad, create_graph=True))
        return [next(found) if each.requires_grad else None for each in tensors]
    arrays = [each.array for each in tensors]
    found_arrays = cell.backward(grad.backend, grad.array, trace.states, arrays, mask, trace)
    return [wrap(grad.result_class, array) for array in found_arrays]


@differentiable(name="scan", tensors=scan_grad)
def run_cell(tensors: Tensors, cell: Cell, mask: Array | None, trace: Trace) -> Array:
    """Return a cell's states after each step: (states, L, N, H)."""
    trace.states = cell.forward(tensors[0].backend, [each.array for each in tensors], mask, trace)
    recorded = is_grad_enabled() and any([each.requires_grad for each in tensors])
    return trace.states.copy() if recorded else trace.states


def retrace(tensors: Tensors, cell: Cell, mask: Array | None) -> Tensor:
    """Compute ``run_cell`` in tensor operations."""
    state = list(tensors[-cell.states :])
    steps = []
    for t, entering in enumerate(tensors[0].unbind(0)):
        new = cell.step(tensors, entering, state)
        if mask is not None:
            there = wrap(entering.result_class, mask[t])
            new = [old + there * (each - old) for old, each in zip(state, new)]
        state = new
        steps.append(stack(new))
    return stack(steps, 1)


def scan(cell: Cell, tensors: Tensors, mask: Array | None = None, backwards: bool = False) -> Tensor:
    """Run a cell over (L, N, gates); return its states after each step (states, L, N, H), in the input's order.

    ``backwards`` begins with the last step. ``mask`` (L, N, 1) is 0 for steps that a sequence does not have.
    """
    if is_forward_mode():  # tangents follow from those of the steps
        run: Callable[..., Tensor] = retrace
    else:
        run = functools.partial(run_cell, trace=Trace())
    if not backwards:
        return run(tuple(tensors), cell, mask)
    reversed_mask = None if mask is None else mask[::-1].copy()
    return run((tensors[0].flip(0), *tensors[1:]), cell, reversed_mask).flip(1)

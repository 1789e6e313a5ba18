"""Gradients that do not change with what they were computed from, and yet are functions of it.

A gradient such as that of ``relu`` is the same wherever the input moves a little. Its own gradient there is zero, but
it is one: a tensor that was computed from the input requires grad, and asking it for second derivatives gives zeros
rather than an error. PyTorch holds it so for the gradients that come from its kernels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.autograd.mode import grad_mode
from minitensor.autograd.record import differentiable
from minitensor.ops.creation import zeros_like

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor


@differentiable(input=lambda grad: grad, other=lambda grad, other: zeros_like(other))
def _constant_in(input: Tensor, other: Tensor) -> Array:
    array: Array = input.array.copy()
    return array


def constant_in(grad: Tensor, *others: Tensor) -> Tensor:
    """Return a gradient as a function of other tensors, of which it is no function: for formulas.

    Nothing is done, and nothing copied, unless a graph of the gradient is asked for.
    """
    if grad_mode.get():
        for other in others:
            grad = _constant_in(grad, other)
    return grad

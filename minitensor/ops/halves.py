"""``add`` and ``sub`` of float16 with a factor ``alpha`` for the second term.

As in PyTorch, the factor is rounded to float16 and the sum is taken in single precision and rounded once; gradients
are multiplied by the factor as given. The arithmetic of the other dtypes is in ``arithmetic.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.autograd.declare import differentiable
from minitensor.ops.aliasing import inplace
from minitensor.ops.operand import HALF, SINGLE, two_arrays
from minitensor.scalars import lift

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.ops.operand import Number
    from minitensor.tensor import Tensor


@differentiable(input=lambda grad: grad, other=lambda grad, alpha: grad * alpha)
def add(input: Tensor, other: Tensor, alpha: Number) -> Array:
    """Return ``input + alpha * other``."""
    a, b = two_arrays(input, other)
    total: Array = a.astype(SINGLE) + round_to_half(alpha) * b.astype(SINGLE)
    return total.astype(HALF)


@differentiable(input=lambda grad: grad, other=lambda grad, alpha: -grad * alpha)
def sub(input: Tensor, other: Tensor, alpha: Number) -> Array:
    """Return ``input - alpha * other``."""
    a, b = two_arrays(input, other)
    rest: Array = a.astype(SINGLE) - round_to_half(alpha) * b.astype(SINGLE)
    return rest.astype(HALF)


def round_to_half(number: Number) -> Array:
    """Return a number in single precision, rounded to float16."""
    return lift(number, HALF).astype(SINGLE)[()]


@inplace(add)
def add_(input: Tensor, other: Tensor, alpha: Number) -> None:
    """Add ``alpha * other`` to ``input`` in place."""


@inplace(sub)
def sub_(input: Tensor, other: Tensor, alpha: Number) -> None:
    """Subtract ``alpha * other`` from ``input`` in place."""

"""``add`` and ``sub`` of float16 and bfloat16 with a factor ``alpha`` for the second term.

As in PyTorch, the factor is rounded to the dtype and the sum is taken in single precision and rounded once; gradients
are multiplied by the factor as given. The arithmetic of the other dtypes is in ``arithmetic.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.autograd.declare import differentiable
from minitensor.backends.numpy.halves import convert
from minitensor.ops.aliasing import inplace
from minitensor.ops.operand import SINGLE, two_arrays
from minitensor.scalars import lift

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.ops.operand import Number
    from minitensor.tensor import Tensor


@differentiable(input=lambda grad: grad, other=lambda grad, alpha: grad * alpha)
def add(input: Tensor, other: Tensor, alpha: Number) -> Array:
    """Return ``input + alpha * other``."""
    a, b = two_arrays(input, other)
    total: Array = convert(a, SINGLE) + round_factor(alpha, a) * convert(b, SINGLE)
    return total.astype(a.dtype)


@differentiable(input=lambda grad: grad, other=lambda grad, alpha: -grad * alpha)
def sub(input: Tensor, other: Tensor, alpha: Number) -> Array:
    """Return ``input - alpha * other``."""
    a, b = two_arrays(input, other)
    rest: Array = convert(a, SINGLE) - round_factor(alpha, a) * convert(b, SINGLE)
    return rest.astype(a.dtype)


def round_factor(number: Number, array: Array) -> Array:
    """Return a number in single precision, rounded to the dtype of an array."""
    return lift(number, array.dtype).astype(SINGLE)[()]


@inplace(add)
def add_(input: Tensor, other: Tensor, alpha: Number) -> None:
    """Add ``alpha * other`` to ``input`` in place."""


@inplace(sub)
def sub_(input: Tensor, other: Tensor, alpha: Number) -> None:
    """Subtract ``alpha * other`` from ``input`` in place."""

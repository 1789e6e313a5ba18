"""Results that do not change with a tensor, and yet count as functions of it.

Note [Linear gradients]. The gradient of ``relu``, pooling or a convolution's bias does not depend on the input, so its
own derivative there is zero. PyTorch's kernels take the input all the same, so with ``create_graph`` their gradients
require grad and their derivatives are zeros. Without a graph of the gradient, asking for a second derivative would
raise here and not there, so scripts that penalize gradients would stop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.autograd.declare import differentiable
from minitensor.autograd.mode import is_grad_enabled

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor


def as_function_of(result: Tensor, *others: Tensor) -> Tensor:
    """Return a result as a function of other tensors whose derivative is zero; see Note [Linear gradients].

    Nothing is done, and nothing copied, unless a graph is recorded.
    """
    if is_grad_enabled():
        for other in others:
            if other.requires_grad:
                result = _as_function_of(result, other)
    return result


@differentiable(input=lambda grad: grad, other=lambda grad, other: as_function_of(grad.new_zeros(other.shape), other))
def _as_function_of(input: Tensor, other: Tensor) -> Array:
    array: Array = input.array.copy()
    return array


@differentiable(input=lambda grad, other: as_function_of(grad, other))
def with_gradient_as_function_of(input: Tensor, other: Tensor) -> Array:
    """Return a copy of ``input`` whose gradient counts as a function of ``other``."""
    array: Array = input.array.copy()
    return array

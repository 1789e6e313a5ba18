"""Results that do not depend on a tensor, and yet count as functions of it.

Note [Linear gradients]. The gradient of ``relu``, of pooling or of a convolution's bias does not depend on the input,
and its own derivative there is zero. PyTorch's kernels take the input all the same: with ``create_graph`` their
gradients require grad, and second derivatives are zeros. If the gradient had no graph here, a second derivative would
raise an error that PyTorch does not raise, and scripts that penalize gradients would stop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.autograd.declare import differentiable
from minitensor.autograd.mode import is_grad_enabled
from minitensor.autograd.strides import as_input, in_layout

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor


def as_function_of(result: Tensor, *others: Tensor) -> Tensor:
    """Record that a result is a function, of derivative zero, of other tensors; see Note [Linear gradients].

    Does nothing, and copies nothing, unless a graph is recorded.
    """
    if is_grad_enabled():
        for other in others:
            if other.requires_grad:
                result = copy_as_function_of(result, other)
    return result


@differentiable(
    name="as_function_of",
    input=lambda grad: grad,
    other=lambda grad, other: as_function_of(grad.new_zeros(other.shape), other),
)
@in_layout(as_input)
def copy_as_function_of(input: Tensor, other: Tensor) -> Array:
    """Return a copy of ``input`` that counts as a function of ``other``."""
    array: Array = input.array.copy()
    return array


@differentiable(input=lambda grad, other: as_function_of(grad, other))
@in_layout(as_input)
def with_gradient_as_function_of(input: Tensor, other: Tensor) -> Array:
    """Return a copy of ``input`` whose gradient counts as a function of ``other``."""
    array: Array = input.array.copy()
    return array


def step_grad_grad(grad: Tensor) -> Tensor:
    """Return the gradient of ``step_grad``, which is zero too."""
    return step_grad(grad)


@differentiable(input=step_grad_grad)
def step_grad(input: Tensor) -> Array:
    """Return the gradient of a step function: zero, even for an infinite ``grad``, and part of the graph."""
    return input.xp.zeros_like(input.array)

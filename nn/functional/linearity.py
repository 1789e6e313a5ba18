"""Gradients of linear ops, recorded as PyTorch records them.

Note [Linear gradients]. The gradient of a linear op does not depend on its input, so its own derivative there is zero.
PyTorch's kernels for pooling, padding and convolution take the input all the same, so with ``create_graph`` their
gradients require grad, and their derivatives are zeros, where ours would raise for having no graph. A script that
penalises gradients should run here as it does there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.autograd.mode import is_grad_enabled
from minitensor.autograd.record import differentiable

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor


def depending(result: Tensor, other: Tensor) -> Tensor:
    """Return ``result`` as something computed from ``other``, too, with derivative zero, if a graph is made."""
    return _depending(result, other) if is_grad_enabled() and other.requires_grad else result


@differentiable(input=lambda grad: grad, other=lambda grad, other: depending(grad.new_zeros(other.shape), other))
def _depending(input: Tensor, other: Tensor) -> Array:
    """Return a copy that counts as computed from ``other``."""
    copied: Array = input.array.copy()
    return copied

"""Complex numbers as pairs of reals, conjugates and negatives: memory read in two ways, and the gradients of that.

A complex layout counts in complex elements; ``as_pairs`` counts the same cells in reals, with a last dim of two. The
ops here return fresh arrays. They represent a view in the graph, each is the other's adjoint, and through them a write
to a view of reals reaches a complex base (``aliasing.py``). The views that users call are in ``complex.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor import dtypes
from minitensor.autograd.declare import differentiable
from minitensor.layouts import Layout

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor


def as_pairs(layout: Layout) -> Layout:
    """Return a complex layout as one of reals, with a last dim of two."""
    return Layout((*layout.shape, 2), (*[2 * step for step in layout.strides], 1), 2 * layout.offset)


def pairs_of_grad(grad: Tensor) -> Tensor:
    """Return the adjoint of ``pairs_of``."""
    return complexes_of(grad)


@differentiable(input=pairs_of_grad)
def pairs_of(input: Tensor) -> Array:
    """Return complex numbers as pairs of reals, in a last dim of two."""
    part = dtypes.from_numpy(input.array.dtype).to_real().numpy
    flat: Array = input.array.copy().reshape(-1).view(part)
    return flat.reshape((*input.shape, 2))


@differentiable(input=lambda grad: pairs_of(grad))
def complexes_of(input: Tensor) -> Array:
    """Return pairs of reals as complex numbers."""
    whole = dtypes.from_numpy(input.array.dtype).to_complex().numpy
    flat: Array = input.array.copy().reshape(-1).view(whole)
    return flat.reshape(tuple(input.shape)[:-1])


def conjugates_of_grad(grad: Tensor) -> Tensor:
    """Return the adjoint of ``conjugates_of``: itself."""
    return conjugates_of(grad)


@differentiable(name="conj", input=conjugates_of_grad)
def conjugates_of(input: Tensor) -> Array:
    """Return complex conjugates."""
    return input.xp.conjugate(input.array)


def negatives_of_grad(grad: Tensor) -> Tensor:
    """Return the adjoint of ``negatives_of``: itself."""
    return negatives_of(grad)


@differentiable(name="neg_view", input=negatives_of_grad)
def negatives_of(input: Tensor) -> Array:
    """Return negatives."""
    return -input.array

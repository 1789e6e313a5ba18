"""The error of ``view`` where strides do not allow a view: it names the dims that cannot be merged.

The rule is in Note [When a view exists] in ``layouts.py``.
"""

from __future__ import annotations

from itertools import accumulate
from operator import mul
from typing import TYPE_CHECKING

from minitensor.errors import ViewError
from minitensor.layouts import Layout

if TYPE_CHECKING:
    from minitensor.shapes import Shape
    from minitensor.tensor import Tensor


def view_error(input: Tensor, shape: Shape) -> ViewError:
    """Return the error that names the dims that cannot be merged, and what a copy costs."""
    return ViewError(
        f"view size is not compatible with input tensor's size and stride: {list(input.shape)} as {list(shape)}: "
        f"{explain_view(input.layout, shape)}; use .reshape(...) instead, which copies {input.nbytes} bytes"
    )


def explain_view(layout: Layout, shape: Shape) -> str:
    """Describe which adjacent dims would have to merge for this view, and why their strides prevent it.

    >>> explain_view(Layout((3, 4), (1, 3), 0), (12,))
    'dims 0 and 1 cannot merge: sizes 3 and 4, strides 1 and 3, where the stride of dim 0 would have to be 4 * 3 = 12'
    """
    moving = [dim for dim, n in enumerate(layout.shape) if n != 1]
    # Between two dims is a cut, `inner` elements from the end. A new shape with a cut at the same place merges nothing.
    inner, cuts = 1, {}
    for outer, dim in zip(reversed(moving[:-1]), reversed(moving)):
        inner *= layout.shape[dim]
        cuts[inner] = outer, dim
    wanted = set(accumulate(reversed(shape), mul))
    crossed = [pair for inner, pair in cuts.items() if inner not in wanted and not can_merge(layout, *pair)]
    return "; ".join(explain_pair(layout, *pair) for pair in crossed) or "its elements are in another order in memory"


def can_merge(layout: Layout, outer: int, inner: int) -> bool:
    """Whether two adjacent dims can be viewed as one."""
    return layout.strides[outer] == layout.shape[inner] * layout.strides[inner]


def explain_pair(layout: Layout, outer: int, inner: int) -> str:
    """Describe why two dims cannot be viewed as one."""
    shape, strides, _ = layout
    return (
        f"dims {outer} and {inner} cannot merge: sizes {shape[outer]} and {shape[inner]}, "
        f"strides {strides[outer]} and {strides[inner]}, where the stride of dim {outer} would have to be "
        f"{shape[inner]} * {strides[inner]} = {shape[inner] * strides[inner]}"
    )

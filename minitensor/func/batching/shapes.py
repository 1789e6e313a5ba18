"""Batching rules of views and joins: dim 0, which counts the samples, stays in front."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor import layouts
from minitensor.func.batching.families import BatchedCall, Rows, add_dims, along
from minitensor.layouts import Layout
from minitensor.memory_format import contiguous_format, memory_format, preserve_format

if TYPE_CHECKING:
    from collections.abc import Sequence


def widen_windows(do: BatchedCall, *args: Any) -> Any:
    """Lay the memory of the samples out one after another."""
    home, window = args[-2:]
    low = min(layouts.extent(home)[0], layouts.extent(window)[0])
    high = max(layouts.extent(home)[1], layouts.extent(window)[1])

    def for_all(layout: Layout) -> Layout:
        return Layout((do.size, *layout.shape), (high - low, *layout.strides), layout.offset)

    return do(*[do.all_rows(each) for each in args[:-2]], for_all(home), for_all(window))


def cat(do: BatchedCall, tensors: Sequence[Any], dim: int) -> Any:
    """Join behind dim 0. Empty vectors are dropped: they join tensors of any shape."""
    given = [each for each in tensors if tuple(each.shape) != (0,)] or tensors[:1]
    return do([do.all_rows(each) for each in given], dim + 1 if dim >= 0 else dim)


def clone(do: BatchedCall, input: Rows, memory_format: memory_format) -> Any:
    """Copy all samples at once: a format whose channels are last has no dim for them, and gives contiguous ones."""
    return do(input.tensor, preserve_format if memory_format is preserve_format else contiguous_format)


def view(do: BatchedCall, input: Rows, layout: Layout) -> Any:
    """View every sample in another shape."""
    return input.tensor.view(do.size, *layout.shape)


def permute(do: BatchedCall, input: Rows, layout: Layout, dims: Sequence[int]) -> Any:
    """Reorder the dims of every sample."""
    return input.tensor.permute(0, *[dim % input.ndim + 1 for dim in dims])


def t(do: BatchedCall, input: Rows) -> Any:
    """Swap the two dims of matrices."""
    return input.tensor.transpose(1, 2) if input.ndim == 2 else input.tensor.view_as(input.tensor)


def expand(do: BatchedCall, input: Rows, layout: Layout) -> Any:
    """Repeat dims of size 1."""
    return add_dims(input, len(layout.shape)).expand(do.size, *layout.shape)


def roll(do: BatchedCall, input: Rows, shifts: Sequence[int], dims: Sequence[int] | None) -> Any:
    """Shift along dims, or each sample as one vector."""
    if dims is None:
        return do(input.tensor.reshape(do.size, -1), shifts, (1,)).reshape(input.tensor.shape)
    return roll_along(do, input, shifts, dims)


roll_along = along(dims="dims")


def narrow(do: BatchedCall, input: Rows, dim: int, start: Any, length: int) -> Any:
    """View a part of a dim; its start may be a shared 0-d tensor."""
    return do(input.tensor, dim + 1 if dim >= 0 else dim, start, length)


def squeeze(do: BatchedCall, input: Rows, dim: Any) -> Any:
    """Drop dims of size 1."""
    if dim is None:
        dim = tuple(range(input.ndim))
    dims = (dim,) if isinstance(dim, int) else tuple(dim)
    return do(input.tensor, tuple([each + 1 if each >= 0 else each for each in dims]) if input.ndim else ())

"""Batching rules of views and joins: the samples' dim stays in front."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor import layout as layouts
from minitensor.func.batching.families import BatchedCall, Rows, raised
from minitensor.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Sequence



def on_windows(do: BatchedCall, *args: Any) -> Any:
    """Let the memory of all samples lie one behind the other."""
    home, window = args[-2:]
    low = min(layouts.extent(home)[0], layouts.extent(window)[0])
    high = max(layouts.extent(home)[1], layouts.extent(window)[1])

    def for_all(layout: Layout) -> Layout:
        return Layout((do.size, *layout.shape), (high - low, *layout.strides), layout.offset)

    return do(*[do.all_rows(each) for each in args[:-2]], for_all(home), for_all(window))


def cat(do: BatchedCall, tensors: Sequence[Any], dim: int) -> Any:
    """Join behind dim 0, and leave out vectors without elements, which join anything."""
    given = [each for each in tensors if tuple(each.shape) != (0,)] or tensors[:1]
    return do([do.all_rows(each) for each in given], dim + 1 if dim >= 0 else dim)


def view(do: BatchedCall, input: Rows, layout: Layout) -> Any:
    """Show every sample in another shape."""
    return input.tensor.view(do.size, *layout.shape)


def permute(do: BatchedCall, input: Rows, layout: Layout, dims: Sequence[int]) -> Any:
    """Show the dims of every sample in another order."""
    return input.tensor.permute(0, *[dim % input.ndim + 1 for dim in dims])


def t(do: BatchedCall, input: Rows) -> Any:
    """Swap the two dims of matrices."""
    return input.tensor.transpose(1, 2) if input.ndim == 2 else input.tensor.view_as(input.tensor)


def expand(do: BatchedCall, input: Rows, sizes: Sequence[int]) -> Any:
    """Show dims of size 1 again and again."""
    return raised(input, len(sizes)).expand(do.size, *sizes)


def narrow(do: BatchedCall, input: Rows, dim: int, start: Any, length: int) -> Any:
    """Show a part of a dim; it may begin at a number in a tensor that all samples share."""
    return do(input.tensor, dim + 1 if dim >= 0 else dim, start, length)


def squeeze(do: BatchedCall, input: Rows, dim: Any) -> Any:
    """Drop dims of size 1."""
    if dim is None:
        dim = tuple(range(input.ndim))
    dims = (dim,) if isinstance(dim, int) else tuple(dim)
    return do(input.tensor, tuple([each + 1 if each >= 0 else each for each in dims]) if input.ndim else ())

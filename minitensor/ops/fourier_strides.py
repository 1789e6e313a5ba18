"""The strides of Fourier transforms: PyTorch puts the transformed dims innermost in memory.

It moves the dims that are not transformed to the front, in the order of their strides, computes a row-major result, and
moves the dims back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor import layouts
from minitensor.autograd.strides import in_format
from minitensor.layouts import Layout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from minitensor.shapes import Shape


def of_spectrum(arguments: Sequence[Any], shape: Shape) -> Layout:
    """Return the layout of a complex transform."""
    input, dims = arguments[:2]
    return transform(input.layout, dims, shape) if dims else layouts.like(input.layout)


def of_half_spectrum(arguments: Sequence[Any], shape: Shape) -> Layout:
    """Return the layout of the transform of a real signal; the dim with half of the spectrum is the innermost."""
    return transform(arguments[0].layout, arguments[1], shape, is_last_fixed=True)


def of_signal(arguments: Sequence[Any], shape: Shape) -> Layout:
    """Return the layout of the real signal from half of a spectrum: all dims but the last are transformed first."""
    input, dims = arguments[:2]
    layout = input.layout
    if len(dims) > 1:
        layout = transform(layout, dims[:-1], layout.shape)
    return transform(layout, dims[-1:], shape)


def of_fitted_dim(arguments: Sequence[Any], shape: Shape) -> Layout | None:
    """Return the layout of an input that is padded, or truncated, which keeps the order of its dims."""
    input, dim, n = arguments
    if n > input.shape[dim]:
        return in_format(arguments, shape)
    return layouts.like(Layout(shape, input.layout.strides, 0))


@layouts.memoize_layout
def transform(layout: Layout, dims: tuple[int, ...], shape: Shape, is_last_fixed: bool = False) -> Layout:
    """Return the layout of a transform along ``dims`` to a shape.

    >>> transform(Layout((2, 3), (3, 1), 0), (0,), (2, 3)).strides
    (1, 2)
    """

    def slowest_first(chosen: Sequence[int]) -> list[int]:
        return sorted(chosen, key=lambda dim: -layout.strides[dim])

    kept, last = (dims[:-1], dims[-1:]) if is_last_fixed else (dims, ())
    inner = slowest_first(kept) + list(last)
    outer = slowest_first(dims_in_front(len(shape), dims))
    strides, step = [0] * len(shape), 1
    for dim in reversed(inner):
        strides[dim] = step
        step *= max(shape[dim], 1)
    for dim in reversed(outer):
        strides[dim] = step
        step *= shape[dim]
    return Layout(shape, tuple(strides), 0)


def dims_in_front(ndim: int, dims: tuple[int, ...]) -> list[int]:
    """Return the dims that are not in ``dims``. Each place of one that is gets the last that is not, as in PyTorch."""
    order = list(range(ndim))
    first, end = 0, ndim
    while first < end:
        if order[first] not in dims:
            first += 1
        elif order[end - 1] in dims:
            end -= 1
        else:
            order[first], order[end - 1] = order[end - 1], order[first]
            first, end = first + 1, end - 1
    return order[:first]

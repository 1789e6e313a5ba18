"""Hypothesis strategies for tensors of any shape and dtype in any memory layout, including overlapping ones.

In a library with views, results must not depend on the memory layout. ``tensors`` draws dims in any order in memory,
with gaps, offsets, odd strides of dims of size 1 and, on request, expanded dims. It needs hypothesis:
``pip install minitensor-py[testing]``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from minitensor.errors import MissingExtraError

try:
    from hypothesis import strategies as st
    from hypothesis.extra.numpy import arrays
except ImportError as error:
    raise MissingExtraError.of("hypothesis", "testing") from error

from minitensor import dtypes
from minitensor.base import window
from minitensor.layouts import Layout, extent
from minitensor.ops.creation import tensor
from minitensor.ops.ranges import arange

if TYPE_CHECKING:
    from minitensor.tensor import Tensor

T = TypeVar("T")

SIZES = (2, 3, 1, 4, 0)  # simplest first, because hypothesis shrinks toward the first
DTYPES = (dtypes.float64, dtypes.float32, dtypes.int64, dtypes.bool_, dtypes.complex128, dtypes.int32, dtypes.uint8)


@st.composite
def shapes(
    draw: st.DrawFn, min_dims: int = 0, max_dims: int = 3, sizes: tuple[int, ...] = SIZES
) -> tuple[int, ...]:
    """Draw a shape of small sizes, including 1 and 0, where most mistakes show.

    Args:
        min_dims, max_dims: the range of the number of dims. Default: 0 to 3.
        sizes: the sizes to choose from, simplest first. Default: 2, 3, 1, 4, 0.
    """
    return tuple(draw(st.lists(st.sampled_from(sizes), min_size=min_dims, max_size=max_dims)))


@st.composite
def layouts(draw: st.DrawFn, shape: tuple[int, ...], overlapping: bool = False) -> Layout:
    """Draw a memory layout of a shape: strides and an offset, in elements.

    Dims are in any order in memory, with gaps between them; dims of size 1 have any stride.

    Args:
        shape: the shape of the layout.
        overlapping: give some dims the stride 0, as ``expand`` does. Default: False.
    """
    strides, step = [0] * len(shape), 1
    for dim in draw(st.permutations(range(len(shape)))):
        step *= draw(st.sampled_from([1, 1, 1, 2, 3]))
        strides[dim] = draw(st.integers(0, 9)) if shape[dim] == 1 else step
        if overlapping and draw(st.integers(0, 4)) == 4:
            strides[dim] = 0
        step *= max(shape[dim], 1)
    return Layout(shape, tuple(strides), draw(st.integers(0, 4)))


@st.composite
def tensors(
    draw: st.DrawFn,
    shape: tuple[int, ...] | st.SearchStrategy[tuple[int, ...]] | None = None,
    dtype: dtypes.dtype | st.SearchStrategy[dtypes.dtype] = dtypes.float64,
    elements: st.SearchStrategy[Any] | None = None,
    overlapping: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Draw a tensor in any layout. It is a leaf and not a view.

    Args:
        shape: a shape or a strategy for one. Default: ``shapes()``.
        dtype: a dtype or a strategy for one. Default: float64.
        elements: a strategy for the elements. Default: elements count up in memory, so a test notices misplaced ones.
        overlapping: allow dims with the stride 0. Default: False.
        requires_grad: whether the tensor requires grad. Default: False.

    >>> from hypothesis import given
    >>> import minitensor as torch
    >>> from minitensor.testing.strategies import tensors
    >>> @given(tensors(overlapping=True))
    ... def test_a_copy_holds_the_same_numbers(x):
    ...     assert torch.equal(x.contiguous(), x)
    >>> test_a_copy_holds_the_same_numbers()
    """
    kind = draw_value(draw, dtype)
    layout = draw(layouts(draw_value(draw, shapes() if shape is None else shape), overlapping))
    size = max(extent(layout)[1], 1)
    memory = count_up(size, kind) if elements is None else tensor(draw(arrays(kind.numpy, size, elements=elements)))
    found: Tensor = window(memory, layout)
    found.requires_grad_(requires_grad)
    return found


def draw_value(draw: st.DrawFn, value: T | st.SearchStrategy[T]) -> T:
    """Draw from a strategy; return any other value unchanged."""
    return draw(value) if isinstance(value, st.SearchStrategy) else value


def count_up(size: int, dtype: dtypes.dtype) -> Tensor:
    """Return a tensor that counts up: -3/4, -2/4, -1/4, ... for floats; every third bool is True."""
    count = arange(size)
    if dtype is dtypes.bool_:
        return (count % 3).eq(0)
    if dtype.is_complex:
        return ((count - 3) * (0.25 - 0.5j)).to(dtype)
    return ((count - 3) / 4).to(dtype) if dtype.is_floating_point else (count % 128).to(dtype)

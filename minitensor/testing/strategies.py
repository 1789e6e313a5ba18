"""Tensors for hypothesis: of any shape and dtype, in any memory layout, overlapping ones included.

A library that hands out views is right only if its answers do not depend on how numbers lie in memory. ``tensors``
draws dims in any order of memory, gaps between elements, offsets, dims of size 1 with odd strides and, if asked,
expanded dims whose elements share memory. Hypothesis is needed: ``pip install minitensor-py[testing]``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

try:
    from hypothesis import strategies as st
    from hypothesis.extra.numpy import arrays
except ImportError as error:
    raise ImportError(
        "minitensor.testing.strategies draws by hypothesis, which is not installed: "
        "pip install minitensor-py[testing]"
    ) from error

from minitensor import dtypes
from minitensor.base import window
from minitensor.layout import Layout, extent
from minitensor.ops.creation import tensor
from minitensor.ops.ranges import arange

if TYPE_CHECKING:
    from minitensor.tensor import Tensor

T = TypeVar("T")

SIZES = (2, 3, 1, 4, 0)  # simplest first: hypothesis shrinks towards the left
DTYPES = (dtypes.float64, dtypes.float32, dtypes.int64, dtypes.bool_, dtypes.complex128, dtypes.int32, dtypes.uint8)


@st.composite
def shapes(
    draw: st.DrawFn, min_dims: int = 0, max_dims: int = 3, sizes: tuple[int, ...] = SIZES
) -> tuple[int, ...]:
    """Draw a shape; small sizes, ones and zeros among them, are where mistakes live."""
    return tuple(draw(st.lists(st.sampled_from(sizes), min_size=min_dims, max_size=max_dims)))


@st.composite
def layouts(draw: st.DrawFn, shape: tuple[int, ...], overlapping: bool = False) -> Layout:
    """Draw a way to lay out a shape in memory: strides and an offset, in elements.

    Dims lie in any order, with gaps between them; a dim of size 1 has any stride. With ``overlapping``, some dims have
    stride 0, as after ``expand``.
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
    """Draw a tensor of a given or drawn shape and dtype, in any layout.

    Without ``elements``, memory counts up, so that a test sees when a number lands in the wrong place. The tensor is no
    view of another one, and nothing was recorded of how it was made.

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
    """Draw from a strategy; anything else is the value itself."""
    return draw(value) if isinstance(value, st.SearchStrategy) else value


def count_up(size: int, dtype: dtypes.dtype) -> Tensor:
    """Return memory whose elements differ: -3/4, -2/4, -1/4 ...; bools that alternate by threes."""
    count = arange(size)
    if dtype is dtypes.bool_:
        return (count % 3).eq(0)
    if dtype.is_complex:
        return ((count - 3) * (0.25 - 0.5j)).to(dtype)
    return ((count - 3) / 4).to(dtype) if dtype.is_floating_point else (count % 128).to(dtype)

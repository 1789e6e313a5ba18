"""Pooling: windows reduced to their largest entry, their mean, or their norm.

Max pooling is a choice of positions: once they are known it gathers, its gradient scatters to the same positions, and the
two are each other's derivatives. Average pooling is linear, and so is its adjoint. One dim is one row of two.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minitensor.autograd.record import differentiable
from minitensor.base import TensorBase
from minitensor.errors import ArgumentError, ArgumentTypeError, DtypeError, ShapeError
from minitensor.shapes import ntuple, pool_output_size

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor

Pair = tuple[int, int]
Sizes = int | Sequence[int]
OptionalSizes = int | None | Sequence[int | None]


# -- the primitives ----------------------------------------------------------------------------------------------------


@differentiable(input=lambda grads, results, in_shape: _scatter_planes(grads[0], results[1], in_shape))
def _max_pool2d(
    input: Tensor, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool
) -> tuple[Array, ...]:
    """Return the largest entry of each window and its flat position in (H, W)."""
    return input.backend.max_pool2d(input.array, kernel, stride, padding, dilation, ceil_mode)


@differentiable(input=lambda grad, indices, in_shape: _scatter_planes(grad, indices, in_shape))
def _gather_planes(input: Tensor, indices: Tensor) -> Array:
    """Read from each plane of (N, C, H, W) at flat positions."""
    return input.backend.gather_planes(input.array, indices.array)


@differentiable(output=lambda grad, indices: _gather_planes(grad, indices))
def _scatter_planes(output: Tensor, indices: Tensor, shape: tuple[int, ...]) -> Array:
    """Add into planes of zeros at flat positions: the adjoint of ``_gather_planes``."""
    return output.backend.scatter_planes(output.array, indices.array, shape)


@differentiable(
    input=lambda grad, in_shape, kernel, stride, padding, count_include_pad, divisor_override: _avg_pool2d_input(
        grad, in_shape, kernel, stride, padding, count_include_pad, divisor_override
    )
)
def _avg_pool2d(
    input: Tensor,
    kernel: Pair,
    stride: Pair,
    padding: Pair,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Array:
    """Return the mean of each window."""
    return input.backend.avg_pool2d(
        input.array, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


@differentiable(
    output=lambda grad, output_shape, kernel, stride, padding, count_include_pad, divisor_override: _avg_pool2d_as(
        grad, output_shape, kernel, stride, padding, count_include_pad, divisor_override
    )
)
def _avg_pool2d_input(
    output: Tensor,
    input_shape: tuple[int, ...],
    kernel: Pair,
    stride: Pair,
    padding: Pair,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Array:
    """Share each entry out evenly over its window: the adjoint of ``_avg_pool2d``."""
    return output.backend.avg_pool2d_input(
        output.array, input_shape, kernel, stride, padding, count_include_pad, divisor_override
    )

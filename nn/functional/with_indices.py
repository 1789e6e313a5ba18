"""PyTorch's names for pools that always return the positions of the largest entries beside their values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.autograd.misuse import composite
from minitensor.nn.functional.adaptive_pooling import adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d
from minitensor.nn.functional.fractional import fractional_max_pool2d, fractional_max_pool3d
from minitensor.nn.functional.pooling import max_pool1d, max_pool2d, max_pool3d

if TYPE_CHECKING:
    from minitensor.nn.functional.fractional import Ratio
    from minitensor.nn.functional.pooling import OptionalSizes, Sizes
    from minitensor.tensor import Tensor


@composite
def max_pool1d_with_indices(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Alias of ``max_pool1d`` with indices; ``return_indices`` has no effect."""
    return max_pool1d(input, kernel_size, stride, padding, dilation, ceil_mode, return_indices=True)


@composite
def max_pool2d_with_indices(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Alias of ``max_pool2d`` with indices; ``return_indices`` has no effect."""
    return max_pool2d(input, kernel_size, stride, padding, dilation, ceil_mode, return_indices=True)


@composite
def max_pool3d_with_indices(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Alias of ``max_pool3d`` with indices; ``return_indices`` has no effect."""
    return max_pool3d(input, kernel_size, stride, padding, dilation, ceil_mode, return_indices=True)


@composite
def adaptive_max_pool1d_with_indices(
    input: Tensor, output_size: Sizes, return_indices: bool = False
) -> Any:
    """Alias of ``adaptive_max_pool1d`` with indices; ``return_indices`` has no effect."""
    return adaptive_max_pool1d(input, output_size, return_indices=True)


@composite
def adaptive_max_pool2d_with_indices(
    input: Tensor, output_size: OptionalSizes, return_indices: bool = False
) -> Any:
    """Alias of ``adaptive_max_pool2d`` with indices; ``return_indices`` has no effect."""
    return adaptive_max_pool2d(input, output_size, return_indices=True)


@composite
def adaptive_max_pool3d_with_indices(
    input: Tensor, output_size: OptionalSizes, return_indices: bool = False
) -> Any:
    """Alias of ``adaptive_max_pool3d`` with indices; ``return_indices`` has no effect."""
    return adaptive_max_pool3d(input, output_size, return_indices=True)


@composite
def fractional_max_pool2d_with_indices(
    input: Tensor,
    kernel_size: Sizes,
    output_size: Sizes | None = None,
    output_ratio: Ratio | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """Alias of ``fractional_max_pool2d`` with indices; ``return_indices`` has no effect."""
    return fractional_max_pool2d(input, kernel_size, output_size, output_ratio, True, _random_samples)


@composite
def fractional_max_pool3d_with_indices(
    input: Tensor,
    kernel_size: Sizes,
    output_size: Sizes | None = None,
    output_ratio: Ratio | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """Alias of ``fractional_max_pool3d`` with indices; ``return_indices`` has no effect."""
    return fractional_max_pool3d(input, kernel_size, output_size, output_ratio, True, _random_samples)

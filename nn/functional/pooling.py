"""Pooling: windows reduced to their largest entry, their mean, or their norm, in one to three dims.

Max pooling is a choice of positions: once they are known it gathers, its gradient scatters to the same positions, and
the two are each other's derivatives. Average pooling is linear, and its adjoint is too. How windows are visited is the
backend's business.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from minitensor import layouts
from minitensor.autograd.declare import differentiable
from minitensor.autograd.misuse import composite, composite_with_own_checks
from minitensor.autograd.mode import grad_mode
from minitensor.autograd.strides import (
    in_format_of_images,
    in_format_of_planes,
    in_layout,
    is_ordinary,
    lay_out_composite,
)
from minitensor.base import TensorBase
from minitensor.errors import (
    ArgumentTypeError,
    ShapeError,
    ShapeIndexError,
    ShapeValueError,
    UsageValueError,
    WrongTypeError,
    quote,
)
from minitensor.memory_format import contiguous_format
from minitensor.ops.activation import relu
from minitensor.ops.constant import as_function_of
from minitensor.ops.copy import clone
from minitensor.ops.kinds import FLOATS, REALS, require_kind, require_wide
from minitensor.ops.out import write_out
from minitensor.ops.rounding import abs, sign
from minitensor.shapes import ntuple, pool_output_size, repeat_number

if TYPE_CHECKING:
    from minitensor.autograd.argument_types import Truth
    from minitensor.backends import Array
    from minitensor.layouts import Layout
    from minitensor.tensor import Tensor

Numbers = tuple[int, ...]  # one for each spatial dim
Sizes = int | Sequence[int]
OptionalSizes = int | None | Sequence[int | None]


class Means(NamedTuple):
    """How windows are averaged."""

    kernel: Numbers
    stride: Numbers
    padding: Numbers
    ceil_mode: bool
    count_include_pad: bool
    divisor_override: int | None


# -- the primitives ----------------------------------------------------------------------------------------------------


def max_pool_grad(grads: Sequence[Tensor], result1: Tensor, input: Tensor) -> Tensor:
    """Return the gradient of max pooling: it goes to the positions of the maxima."""
    return as_function_of(scatter_planes(grads[0], result1, tuple(input.shape)), input)


def gather_planes_grad(grad: Tensor, indices: Tensor, in_shape: tuple[int, ...]) -> Tensor:
    """Return the gradient of ``gather_planes``."""
    return scatter_planes(grad, indices, in_shape)


def avg_pool_grad(grad: Tensor, input: Tensor, means: Means) -> Tensor:
    """Return the gradient of average pooling."""
    return as_function_of(avg_pool_backward(grad, tuple(input.shape), means), input)


@differentiable(input=max_pool_grad)
@in_layout(in_format_of_images)
def max_pool(
    input: Tensor, kernel: Numbers, stride: Numbers, padding: Numbers, dilation: Numbers, ceil_mode: bool
) -> tuple[Array, ...]:
    """Return the largest entry of each window and its flat position in the plane."""
    return input.backend.max_pool(input.array, kernel, stride, padding, dilation, ceil_mode)


@differentiable(input=gather_planes_grad)
def gather_planes(input: Tensor, indices: Tensor) -> Array:
    """Read from each plane of (N, C, *size) at flat positions."""
    return input.backend.gather_planes(input.array, indices.array)


@differentiable(output=lambda grad, indices: gather_planes(grad, indices))
@in_layout(in_format_of_images)
def scatter_planes(output: Tensor, indices: Tensor, shape: tuple[int, ...]) -> Array:
    """Add into planes of zeros at flat positions: the adjoint of ``gather_planes``."""
    return output.backend.gather_planes_backward(output.array, indices.array, shape)


@differentiable(input=avg_pool_grad)
@in_layout(in_format_of_planes)
def avg_pool(input: Tensor, means: Means) -> Array:
    """Return the mean of each window."""
    return input.backend.avg_pool(input.array, *means)


@differentiable(output=lambda grad, means: avg_pool(grad, means))
@in_layout(in_format_of_planes)
def avg_pool_backward(output: Tensor, input_shape: tuple[int, ...], means: Means) -> Array:
    """Distribute each entry evenly over its window: the adjoint of ``avg_pool``."""
    kernel, stride, padding, _, count_include_pad, divisor = means
    return output.backend.avg_pool_backward(
        output.array, input_shape, kernel, stride, padding, count_include_pad, divisor
    )


# -- the largest entry -------------------------------------------------------------------------------------------------


@composite
def max_pool1d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: Truth = False,
) -> Any:
    """Return the largest entry of each window of signals; of equal entries, the first.

    Args:
        input: (N, C, L) or (C, L). The result is (N, C, OL), without N if the input is.
        kernel_size: The size of a window: a number, or one for each spatial dim.
        stride: How far windows lie apart; ``kernel_size`` if not given.
        padding: How many entries of minus infinity to add on both sides of each spatial dim.
        dilation: How far the entries of a window lie apart.
        ceil_mode: Whether to round the output sizes up, so that the last window may reach beyond the padding.
        return_indices: Whether to return each maximum's flat position in its plane as well.

    Raises:
        RuntimeError: If a window does not fit, the input has no entries, or its number of dims is another.

    >>> F.max_pool1d(tensor([[1., 3., 2., 0.]]), 2)
    tensor([[3., 2.]])
    """
    if not return_indices:  # PyTorch has a kernel of its own for this case
        require_kind("max_pool1d", FLOATS, input)
        input = in_rows_without_graph(input)
    numbers = (kernel_size, stride, padding, dilation)
    return pool_maxima("max_pool1d", 1, input, numbers, ceil_mode, return_indices)


@composite
def max_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: Truth = False,
) -> Any:
    """Return the largest entry of each window of images; of equal entries, the first.

    Args:
        input: (N, C, H, W) or (C, H, W). The result is (N, C, OH, OW), without N if the input is.
        kernel_size: The size of a window: a number, or one for each spatial dim.
        stride: How far windows lie apart; ``kernel_size`` if not given.
        padding: How many entries of minus infinity to add on both sides of each spatial dim.
        dilation: How far the entries of a window lie apart.
        ceil_mode: Whether to round the output sizes up, so that the last window may reach beyond the padding.
        return_indices: Whether to return each maximum's flat position in its plane as well.

    Raises:
        RuntimeError: If a window does not fit, the input has no entries, or its number of dims is another.

    >>> import minitensor as torch
    >>> max_pool2d(torch.arange(16.).view(1, 4, 4), 2)
    tensor([[[ 5.,  7.],
             [13., 15.]]])
    """
    numbers = (kernel_size, stride, padding, dilation)
    return pool_maxima("max_pool2d", 2, input, numbers, ceil_mode, return_indices)


@composite
def max_pool3d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: Truth = False,
) -> Any:
    """Return the largest entry of each window of volumes; of equal entries, the first.

    Args:
        input: (N, C, D, H, W) or (C, D, H, W). The result is (N, C, OD, OH, OW), without N if the input is.
        kernel_size: The size of a window: a number, or one for each spatial dim.
        stride: How far windows lie apart; ``kernel_size`` if not given.
        padding: How many entries of minus infinity to add on both sides of each spatial dim.
        dilation: How far the entries of a window lie apart.
        ceil_mode: Whether to round the output sizes up, so that the last window may reach beyond the padding.
        return_indices: Whether to return each maximum's flat position in its plane as well.

    Raises:
        RuntimeError: If a window does not fit, the input has no entries, or its number of dims is another.

    >>> F.max_pool3d(arange(8.).view(1, 2, 2, 2), 2)
    tensor([[[[7.]]]])
    """
    numbers = (kernel_size, stride, padding, dilation)
    return pool_maxima("max_pool3d", 3, input, numbers, ceil_mode, return_indices)


def in_rows_without_graph(input: Tensor) -> Tensor:
    """Return a row-major tensor unless the maxima are recorded: then PyTorch pools signals as images."""
    if is_ordinary((input,)) or (input.requires_grad and grad_mode.get()):
        return input
    return clone(input, memory_format=contiguous_format)


def pool_maxima(
    name: str, dims: int, input: Tensor, numbers: tuple[Any, Any, Any, Any], ceil_mode: bool, return_indices: bool
) -> Any:
    """Validate the arguments, then return the maxima."""
    checked = read_windows(name, input, dims, *numbers, ceil_mode)
    require_kind(name, REALS, input)
    pool = max_pool_of_volume if input.ndim == 4 and dims == 3 else max_pool
    values, indices = pool_batch(lambda images: pool(images, *checked, ceil_mode), input, dims)
    return (values, indices) if return_indices else values


def max_pool_of_volume(input: Tensor, *windows: Any) -> Sequence[Tensor]:
    """Pool a batch of one volume, which PyTorch calls channels-last only if it has no gaps."""
    results = max_pool(input, *windows)
    return [lay_out_composite(layout_of_volume, (input,), each) for each in results]


def layout_of_volume(arguments: Sequence[Any], shape: tuple[int, ...]) -> Layout:
    """Return the layout of a pooled batch of one volume."""
    layout = arguments[0].layout
    in_rows = layouts.is_contiguous(layout) or not layouts.is_channels_last(layout)
    return layouts.contiguous(shape) if in_rows else layouts.channels_last(shape)


# -- the mean ----------------------------------------------------------------------------------------------------------


@composite
def avg_pool1d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """Return the mean of each window of signals.

    Args:
        input: (N, C, L) or (C, L). The result is (N, C, OL), without N if the input is.
        kernel_size: The size of a window: a number, or one for each spatial dim.
        stride: How far windows lie apart; ``kernel_size`` if not given.
        padding: How many zeros to add on both sides of each spatial dim.
        ceil_mode: Whether to round the output sizes up, so that the last window may reach beyond the padding.
        count_include_pad: Whether the zeros of the padding count in the mean.

    Raises:
        RuntimeError: If a window does not fit, the input has no entries, or its number of dims is another.

    >>> F.avg_pool1d(tensor([[1., 3., 2., 0.]]), 2)
    tensor([[2., 1.]])
    """
    numbers = (kernel_size, stride, padding)
    return pool_means("avg_pool1d", 1, input, numbers, ceil_mode, count_include_pad, None)


@composite
def avg_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Return the mean of each window of images.

    Args:
        input: (N, C, H, W) or (C, H, W). The result is (N, C, OH, OW), without N if the input is.
        kernel_size: The size of a window: a number, or one for each spatial dim.
        stride: How far windows lie apart; ``kernel_size`` if not given.
        padding: How many zeros to add on both sides of each spatial dim.
        ceil_mode: Whether to round the output sizes up, so that the last window may reach beyond the padding.
        count_include_pad: Whether the zeros of the padding count in the mean.
        divisor_override: Divide the sum of a window by this number instead.
        out: Where to write the result.

    Raises:
        RuntimeError: If a window does not fit, the input has no entries, or its number of dims is another.
        ValueError, RuntimeError: If ``divisor_override`` is 0.

    >>> import minitensor as torch
    >>> avg_pool2d(torch.arange(16.).view(1, 4, 4), 2)
    tensor([[[ 2.5000,  4.5000],
             [10.5000, 12.5000]]])
    """
    numbers = (kernel_size, stride, padding)
    means = pool_means("avg_pool2d", 2, input, numbers, ceil_mode, count_include_pad, divisor_override)
    return write_out("avg_pool2d", means, out)


@composite
def avg_pool3d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Return the mean of each window of volumes.

    Args:
        input: (N, C, D, H, W) or (C, D, H, W). The result is (N, C, OD, OH, OW), without N if the input is.
        kernel_size: The size of a window: a number, or one for each spatial dim.
        stride: How far windows lie apart; ``kernel_size`` if not given.
        padding: How many zeros to add on both sides of each spatial dim.
        ceil_mode: Whether to round the output sizes up, so that the last window may reach beyond the padding.
        count_include_pad: Whether the zeros of the padding count in the mean.
        divisor_override: Divide the sum of a window by this number instead.
        out: Where to write the result.

    Raises:
        RuntimeError: If a window does not fit, the input has no entries, or its number of dims is another.
        ValueError, RuntimeError: If ``divisor_override`` is 0.

    >>> F.avg_pool3d(arange(8.).view(1, 2, 2, 2), 2)
    tensor([[[[3.5000]]]])
    """
    numbers = (kernel_size, stride, padding)
    means = pool_means("avg_pool3d", 3, input, numbers, ceil_mode, count_include_pad, divisor_override)
    return write_out("avg_pool3d", means, out)


def pool_means(
    name: str,
    dims: int,
    input: Tensor,
    numbers: tuple[Any, Any, Any],
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Tensor:
    """Validate the arguments, then average."""
    if divisor_override == 0:
        raise UsageValueError(f"{name}: divisor must be not zero")
    kernel, steps, edges, _ = read_windows(name, input, dims, *numbers, 1, ceil_mode)
    require_wide(name, FLOATS, input)
    means = Means(kernel, steps, edges, ceil_mode, count_include_pad, divisor_override)
    return pool_batch(lambda images: [avg_pool(images, means)], input, dims)[0]


# -- the norm ----------------------------------------------------------------------------------------------------------


@composite_with_own_checks
def lp_pool1d(
    input: Tensor, norm_type: float, kernel_size: Sizes, stride: Sizes | None = None, ceil_mode: bool = False
) -> Tensor:
    """Return ``(sum of x**p) ** (1 / p)`` of each window of signals, where p is ``norm_type``.

    Args:
        input: (N, C, L) or (C, L). The result is (N, C, OL), without N if the input is.
        norm_type: The exponent p: 1 gives sums, infinity the largest absolute values.
        kernel_size: The size of a window: a number, or one for each spatial dim.
        stride: How far windows lie apart; ``kernel_size`` if not given.
        ceil_mode: Whether to round the output sizes up, so that the last window may reach beyond the padding.

    Raises:
        TypeError: If ``kernel_size`` is a list or tuple, unless the norm is infinite.

    >>> F.lp_pool1d(tensor([[3., 4.]]), 2, 2)
    tensor([[5.]])
    """
    if math.isinf(norm_type):
        return pool_extremes(max_pool1d, input, norm_type, kernel_size, stride, ceil_mode)
    if isinstance(kernel_size, (list, tuple)):
        raise ArgumentTypeError(f"lp_pool1d(): argument 'kernel_size' must be an int, not {quote(kernel_size)}")
    mean = avg_pool1d(input.pow(norm_type), kernel_size, stride, 0, ceil_mode)
    return norm_from_mean(mean, norm_type, ntuple(kernel_size, 1))


@composite_with_own_checks
def lp_pool2d(
    input: Tensor, norm_type: float, kernel_size: Sizes, stride: Sizes | None = None, ceil_mode: bool = False
) -> Tensor:
    """Return ``(sum of x**p) ** (1 / p)`` of each window of images, where p is ``norm_type``.

    Args:
        input: (N, C, H, W) or (C, H, W). The result is (N, C, OH, OW), without N if the input is.
        norm_type: The exponent p: 1 gives sums, infinity the largest absolute values.
        kernel_size: The size of a window: a number, or one for each spatial dim.
        stride: How far windows lie apart; ``kernel_size`` if not given.
        ceil_mode: Whether to round the output sizes up, so that the last window may reach beyond the padding.

    Raises:
        ValueError: If ``kernel_size`` does not have one number for each spatial dim.

    >>> import minitensor as torch
    >>> lp_pool2d(torch.tensor([[[3., 0.], [4., 0.]]]), 2, 2)
    tensor([[[5.]]])
    """
    kernel = count_taps("lp_pool2d", kernel_size, 2)
    if math.isinf(norm_type):
        return pool_extremes(max_pool2d, input, norm_type, kernel_size, stride, ceil_mode)
    mean = avg_pool2d(input.pow(norm_type), kernel_size, stride, 0, ceil_mode)
    return norm_from_mean(mean, norm_type, kernel)


@composite_with_own_checks
def lp_pool3d(
    input: Tensor, norm_type: float, kernel_size: Sizes, stride: Sizes | None = None, ceil_mode: bool = False
) -> Tensor:
    """Return ``(sum of x**p) ** (1 / p)`` of each window of volumes, where p is ``norm_type``.

    Args:
        input: (N, C, D, H, W) or (C, D, H, W). The result is (N, C, OD, OH, OW), without N if the input is.
        norm_type: The exponent p: 1 gives sums, infinity the largest absolute values.
        kernel_size: The size of a window: a number, or one for each spatial dim.
        stride: How far windows lie apart; ``kernel_size`` if not given.
        ceil_mode: Whether to round the output sizes up, so that the last window may reach beyond the padding.

    Raises:
        ValueError: If ``kernel_size`` does not have one number for each spatial dim.

    >>> F.lp_pool3d(ones(1, 2, 2, 1), 2, (2, 2, 1))
    tensor([[[[2.]]]])
    """
    kernel = count_taps("lp_pool3d", kernel_size, 3)
    if math.isinf(norm_type):
        return pool_extremes(max_pool3d, input, norm_type, kernel_size, stride, ceil_mode)
    mean = avg_pool3d(input.pow(norm_type), kernel_size, stride, 0, ceil_mode)
    return norm_from_mean(mean, norm_type, kernel)


def count_taps(name: str, kernel_size: Any, dims: int) -> tuple[Any, ...]:
    """Return the size of a window in each dim; raise unless there is one for each."""
    kernel = repeat_number(kernel_size, dims)
    if len(kernel) != dims:
        raise ShapeValueError(f"{name}: expected kernel_size to be an int or to list {dims}, got {quote(kernel_size)}")
    return kernel


def pool_extremes(
    largest: Callable[..., Tensor], input: Tensor, norm_type: float, kernel_size: Sizes, stride: Sizes | None,
    ceil_mode: bool,
) -> Tensor:  # fmt: skip
    """Return the limit of the norms: the largest absolute value, or for minus infinity the smallest."""
    side = math.copysign(1, norm_type)
    return largest(abs(input) * side, kernel_size, stride, ceil_mode=ceil_mode) * side


def norm_from_mean(mean: Tensor, norm_type: float, kernel: Sequence[int]) -> Tensor:
    """Return the norms of windows, given the mean of the powers of their entries."""
    # relu changes no value, but zeroes the gradient where the root has an infinite slope.
    return (sign(mean) * relu(abs(mean)) * math.prod(kernel)) ** (1.0 / norm_type)


# -- numbers and checks ------------------------------------------------------------------------------------------------


def read_windows(
    name: str, input: Any, dims: int, kernel: Sizes, stride: Any, padding: Sizes, dilation: Sizes, ceil_mode: bool
) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """Return kernel, stride, padding and dilation, one number for each dim, checked against the input."""
    check_input(name, input, dims)
    check_no_empty(name, input, dims + 1)
    if stride is None or (isinstance(stride, (list, tuple)) and not stride):
        stride = kernel
    numbers = [ntuple(value, dims) for value in (kernel, stride, padding, dilation)]
    if name != "max_pool1d":  # PyTorch's counts in 64 bits
        check_int32(name, numbers)
    try:
        for length, taps, step, edge, gap in zip(input.shape[-dims:], *numbers):
            pool_output_size(length, taps, step, edge, gap, ceil_mode)
    except ShapeError as error:
        raise ShapeError(f"{name}: input of shape {tuple(input.shape)}: {error}") from None
    return numbers[0], numbers[1], numbers[2], numbers[3]


def check_int32(name: str, numbers: list[Numbers]) -> None:
    """Raise if a number exceeds the 32 bits in which PyTorch's pooling counts."""
    for word, sides in zip(("kernel_size", "stride", "padding", "dilation"), numbers):
        if any(side >= 2**31 for side in sides):
            raise ShapeError(
                f"{name}: {word} cannot be converted to type int without overflow: must be less than 2**31, got {sides}"
            )


def check_input(name: str, input: Any, dims: int, error: type[ShapeIndexError] = ShapeIndexError) -> None:
    """Raise unless the input is a batch of images, or one image."""
    if not isinstance(input, TensorBase):
        raise WrongTypeError(f"{name}(): argument 'input' must be a tensor, not {type(input).__name__}")
    if input.ndim not in (dims + 1, dims + 2):
        raise error(
            f"{name}: expected {dims + 1}D (unbatched) or {dims + 2}D (batched) input, got shape {tuple(input.shape)}"
        )


def check_no_empty(name: str, input: Tensor, dims: int) -> None:
    """Raise if one of the last ``dims`` dims of the input is empty."""
    if 0 in input.shape[-dims:]:
        raise ShapeError(f"{name}: the last {dims} dims must not be empty, but input has shape {tuple(input.shape)}")


def pool_batch(pool: Callable[[Tensor], Sequence[Tensor]], input: Tensor, dims: int) -> Sequence[Tensor]:
    """Pool a batch; one image is a batch of one."""
    if input.ndim == dims + 2:
        return pool(input)
    return [each.squeeze(0) for each in pool(input.unsqueeze(0))]

"""Pooling: windows reduced to their largest entry, their mean, or their norm, in one to three dims.

Max pooling is a choice of positions: once they are known it gathers, its gradient scatters to the same positions, and
the two are each other's derivatives. Average pooling is linear, and so is its adjoint. How windows are visited is the
backend's business.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from minitensor.autograd.declare import differentiable
from minitensor.autograd.misuse import composite, ungated
from minitensor.base import TensorBase
from minitensor.errors import ArgumentError, DimError, ShapeError, WrongTypeError, quote
from minitensor.nn.functional.resampling import LONG, _resample_input, long_mean_taps, mean_taps, shares
from minitensor.ops.activation import relu
from minitensor.ops.constant import as_function_of
from minitensor.ops.join import cat
from minitensor.ops.kinds import FLOATS, REALS, require_kind, require_wide
from minitensor.ops.out import write_out
from minitensor.ops.rounding import abs, sign
from minitensor.shapes import ntuple, pool_output_size, require_room

if TYPE_CHECKING:
    from minitensor.autograd.argument_types import Truth
    from minitensor.backends import Array
    from minitensor.tensor import Tensor

FEW_SHARES = 64  # so many means of a long dim are taken one after the other
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


def chosen_back(grads: Sequence[Tensor], result1: Tensor, input: Tensor) -> Tensor:
    """Return the gradient of a choice: what arrives goes to the positions chosen."""
    return as_function_of(_scatter_planes(grads[0], result1, tuple(input.shape)), input)


def gathered_back(grad: Tensor, indices: Tensor, in_shape: tuple[int, ...]) -> Tensor:
    """Return the gradient of reading at positions."""
    return _scatter_planes(grad, indices, in_shape)


def averaged_back(grad: Tensor, input: Tensor, means: Means) -> Tensor:
    """Return the gradient of averaging."""
    return as_function_of(_avg_pool_input(grad, tuple(input.shape), means), input)


@differentiable(input=chosen_back)
def _max_pool(
    input: Tensor, kernel: Numbers, stride: Numbers, padding: Numbers, dilation: Numbers, ceil_mode: bool
) -> tuple[Array, ...]:
    """Return the largest entry of each window and its flat position in the plane."""
    return input.backend.max_pool(input.array, kernel, stride, padding, dilation, ceil_mode)


@differentiable(input=chosen_back)
def _adaptive_max_pool(input: Tensor, size: Numbers) -> tuple[Array, ...]:
    """Return the largest entry of each of ``size`` windows that share the plane out, and its flat position."""
    return input.backend.adaptive_max_pool(input.array, size)


@differentiable(input=gathered_back)
def _gather_planes(input: Tensor, indices: Tensor) -> Array:
    """Read from each plane of (N, C, *size) at flat positions."""
    return input.backend.gather_planes(input.array, indices.array)


@differentiable(output=lambda grad, indices: _gather_planes(grad, indices))
def _scatter_planes(output: Tensor, indices: Tensor, shape: tuple[int, ...]) -> Array:
    """Add into planes of zeros at flat positions: the adjoint of ``_gather_planes``."""
    return output.backend.scatter_planes(output.array, indices.array, shape)


@differentiable(input=averaged_back)
def _avg_pool(input: Tensor, means: Means) -> Array:
    """Return the mean of each window."""
    return input.backend.avg_pool(input.array, *means)


@differentiable(output=lambda grad, means: _avg_pool(grad, means))
def _avg_pool_input(output: Tensor, input_shape: tuple[int, ...], means: Means) -> Array:
    """Share each entry out evenly over its window: the adjoint of ``_avg_pool``."""
    kernel, stride, padding, _, count_include_pad, divisor = means
    return output.backend.avg_pool_input(
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
    """Return the largest entry of each window of signals (N, C, L) or (C, L); see ``max_pool2d``."""
    numbers = (kernel_size, stride, padding, dilation)
    return max_pooled("max_pool1d", 1, input, numbers, ceil_mode, return_indices)


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
    """Return the largest entry of each window of images (N, C, H, W) or (C, H, W); the first of equal ones.

    Windows lie ``stride`` apart (the kernel's size if not given). With ``return_indices``, also return each entry's
    flat position in (H, W).

    >>> import minitensor as torch
    >>> max_pool2d(torch.arange(16.).view(1, 4, 4), 2)
    tensor([[[ 5.,  7.],
             [13., 15.]]])
    """
    numbers = (kernel_size, stride, padding, dilation)
    return max_pooled("max_pool2d", 2, input, numbers, ceil_mode, return_indices)


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
    """Return the largest entry of each window of volumes (N, C, D, H, W) or (C, D, H, W); see ``max_pool2d``."""
    numbers = (kernel_size, stride, padding, dilation)
    return max_pooled("max_pool3d", 3, input, numbers, ceil_mode, return_indices)


def max_pooled(
    name: str, dims: int, input: Tensor, numbers: tuple[Any, Any, Any, Any], ceil_mode: bool, return_indices: bool
) -> Any:
    """Check everything, then choose."""
    checked = windows(name, input, dims, *numbers, ceil_mode)
    require_kind(name, REALS, input)
    values, indices = batched(lambda images: _max_pool(images, *checked, ceil_mode), input, dims)
    return (values, indices) if return_indices else values


@composite
def adaptive_max_pool1d(input: Tensor, output_size: Sizes, return_indices: Truth = False) -> Any:
    """Return the largest entries of windows that share a signal (N, C, L) or (C, L) out among ``output_size``."""
    return adaptive_maxima("adaptive_max_pool1d", 1, input, output_size, return_indices)


@composite
def adaptive_max_pool2d(input: Tensor, output_size: OptionalSizes, return_indices: Truth = False) -> Any:
    """Return the largest entries of windows that share the image out among ``output_size``; None keeps a side.

    >>> import minitensor as torch
    >>> adaptive_max_pool2d(torch.arange(6.).view(1, 2, 3), (1, 2))
    tensor([[[4., 5.]]])
    """
    return adaptive_maxima("adaptive_max_pool2d", 2, input, output_size, return_indices)


@composite
def adaptive_max_pool3d(input: Tensor, output_size: OptionalSizes, return_indices: Truth = False) -> Any:
    """Return the largest entries of windows that share the volume out among ``output_size``; None keeps a side."""
    return adaptive_maxima("adaptive_max_pool3d", 3, input, output_size, return_indices)


def adaptive_maxima(name: str, dims: int, input: Tensor, output_size: OptionalSizes, return_indices: bool) -> Any:
    """Check everything, then choose."""
    size = adaptive_size(name, input, output_size, dims)
    check_no_empty(name, input, input.ndim - 1)
    require_kind(name, FLOATS, input)
    values, indices = batched(lambda images: _adaptive_max_pool(images, size), input, dims)
    return (values, indices) if return_indices else values


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
    """Return the mean of each window of signals (N, C, L) or (C, L); see ``avg_pool2d``."""
    numbers = (kernel_size, stride, padding)
    return averaged("avg_pool1d", 1, input, numbers, ceil_mode, count_include_pad, None)


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
    """Return the mean of each window of images (N, C, H, W) or (C, H, W).

    Padding counts as zeros unless ``count_include_pad`` is off; ``divisor_override`` divides the sum by another number.

    >>> import minitensor as torch
    >>> avg_pool2d(torch.arange(16.).view(1, 4, 4), 2)
    tensor([[[ 2.5000,  4.5000],
             [10.5000, 12.5000]]])
    """
    numbers = (kernel_size, stride, padding)
    means = averaged("avg_pool2d", 2, input, numbers, ceil_mode, count_include_pad, divisor_override)
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
    """Return the mean of each window of volumes (N, C, D, H, W) or (C, D, H, W); see ``avg_pool2d``."""
    numbers = (kernel_size, stride, padding)
    means = averaged("avg_pool3d", 3, input, numbers, ceil_mode, count_include_pad, divisor_override)
    return write_out("avg_pool3d", means, out)


def averaged(
    name: str,
    dims: int,
    input: Tensor,
    numbers: tuple[Any, Any, Any],
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Tensor:
    """Check everything, then average."""
    if divisor_override == 0:
        raise ZeroDivisor(f"{name}: divisor must be not zero")
    kernel, steps, edges, _ = windows(name, input, dims, *numbers, 1, ceil_mode)
    require_wide(name, FLOATS, input)
    means = Means(kernel, steps, edges, ceil_mode, count_include_pad, divisor_override)
    return batched(lambda images: [_avg_pool(images, means)], input, dims)[0]


@composite
def adaptive_avg_pool1d(input: Tensor, output_size: Sizes) -> Tensor:
    """Return the means of windows that share a signal (N, C, L) or (C, L) out among ``output_size``."""
    return adaptive_means("adaptive_avg_pool1d", 1, input, output_size)


@composite
def adaptive_avg_pool2d(input: Tensor, output_size: OptionalSizes) -> Tensor:
    """Return the means of windows that share the image out among ``output_size``; None keeps a side.

    Window i of n over a side of length L reaches from ``floor(i L / n)`` to ``ceil((i + 1) L / n)``.

    >>> import minitensor as torch
    >>> adaptive_avg_pool2d(torch.arange(6.).view(1, 2, 3), (1, 2))
    tensor([[[2., 3.]]])
    """
    return adaptive_means("adaptive_avg_pool2d", 2, input, output_size)


@composite
def adaptive_avg_pool3d(input: Tensor, output_size: OptionalSizes) -> Tensor:
    """Return the means of windows that share the volume out among ``output_size``; None keeps a side."""
    return adaptive_means("adaptive_avg_pool3d", 3, input, output_size)


def adaptive_means(name: str, dims: int, input: Tensor, output_size: OptionalSizes) -> Tensor:
    """Average equal shares as windows, unequal ones one dim after the other."""
    size = adaptive_size(name, input, output_size, dims)
    if math.prod(size) != 1:  # as PyTorch: one window may hold nothing, and its mean is NaN
        check_no_empty(name, input, dims if dims < 3 else input.ndim - 1)
    require_kind(name, FLOATS, input)
    return batched(lambda images: [shared_out(images, size)], input, dims)[0]


def shared_out(images: Tensor, size: Numbers) -> Tensor:
    """Return the means of the shares of a batch."""
    sides = images.shape[2:]
    if math.prod(size) == 1:
        return images.mean(tuple(range(2, images.ndim)), keepdim=True)
    if math.prod(size) and max(sides) < LONG and all(side % count == 0 for side, count in zip(sides, size)):
        kernel = tuple([side // count for side, count in zip(sides, size)])
        return _avg_pool(images, Means(kernel, kernel, (0,) * len(size), False, True, None))
    for dim, (side, count) in enumerate(zip(sides, size), 2):
        if max(side, count) < LONG:
            images = _resample_input(images, dim, mean_taps(side, count))
        else:
            images = long_shares(images, dim, side, count)
    return images


def long_shares(images: Tensor, dim: int, side: int, count: int) -> Tensor:
    """Return the means of the shares of a long dim: equal ones, a few, or very many."""
    if count and side % count == 0:
        return images.unflatten(dim, (count, side // count)).mean(dim + 1)
    if count <= FEW_SHARES:
        parts = [images.narrow(dim, start, stop - start).mean(dim, keepdim=True) for start, stop in shares(side, count)]
        return cat(parts, dim) if parts else images.narrow(dim, 0, 0)
    return _resample_input(images, dim, long_mean_taps(side, count))


# -- the norm ----------------------------------------------------------------------------------------------------------


@ungated
def lp_pool1d(
    input: Tensor, norm_type: float, kernel_size: Sizes, stride: Sizes | None = None, ceil_mode: bool = False
) -> Tensor:
    """Return ``(sum of x**p) ** (1 / p)`` of each window of signals, p being ``norm_type``."""
    if math.isinf(norm_type):
        return extreme(max_pool1d, input, norm_type, kernel_size, stride, ceil_mode)
    mean = avg_pool1d(input**norm_type, kernel_size, stride, 0, ceil_mode)
    return norm_of(mean, norm_type, ntuple(kernel_size, 1))


@ungated
def lp_pool2d(
    input: Tensor, norm_type: float, kernel_size: Sizes, stride: Sizes | None = None, ceil_mode: bool = False
) -> Tensor:
    """Return ``(sum of x**p) ** (1 / p)`` of each window, p being ``norm_type``.

    >>> import minitensor as torch
    >>> lp_pool2d(torch.tensor([[[3., 0.], [4., 0.]]]), 2, 2)
    tensor([[[5.]]])
    """
    if math.isinf(norm_type):
        return extreme(max_pool2d, input, norm_type, kernel_size, stride, ceil_mode)
    mean = avg_pool2d(input**norm_type, kernel_size, stride, 0, ceil_mode)
    return norm_of(mean, norm_type, ntuple(kernel_size, 2))


@ungated
def lp_pool3d(
    input: Tensor, norm_type: float, kernel_size: Sizes, stride: Sizes | None = None, ceil_mode: bool = False
) -> Tensor:
    """Return ``(sum of x**p) ** (1 / p)`` of each window of volumes, p being ``norm_type``."""
    if math.isinf(norm_type):
        return extreme(max_pool3d, input, norm_type, kernel_size, stride, ceil_mode)
    mean = avg_pool3d(input**norm_type, kernel_size, stride, 0, ceil_mode)
    return norm_of(mean, norm_type, ntuple(kernel_size, 3))


def extreme(
    largest: Callable[..., Tensor], input: Tensor, norm_type: float, kernel_size: Sizes, stride: Sizes | None,
    ceil_mode: bool,
) -> Tensor:  # fmt: skip
    """Return what the norms of windows tend to: the largest absolute value, or for minus infinity the smallest."""
    side = math.copysign(1, norm_type)
    return largest(abs(input) * side, kernel_size, stride, ceil_mode=ceil_mode) * side


def norm_of(mean: Tensor, norm_type: float, kernel: Numbers) -> Tensor:
    """Return the norms of windows, given the means of their entries' powers."""
    # The rectifier changes no number, but stops the infinite slope of a root at zero.
    return (sign(mean) * relu(abs(mean)) * math.prod(kernel)) ** (1.0 / norm_type)


# -- numbers and checks ------------------------------------------------------------------------------------------------


def windows(
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
    """Refuse a number that PyTorch's pooling cannot count to."""
    for word, sides in zip(("kernel_size", "stride", "padding", "dilation"), numbers):
        if any(side >= 2**31 for side in sides):
            raise ShapeError(
                f"{name}: {word} cannot be converted to type int without overflow: must be less than 2**31, got {sides}"
            )


class PoolRank(ShapeError, DimError):
    """Too few or too many dims: for some poolings PyTorch raises IndexError, for others RuntimeError."""


class AdaptiveRank(PoolRank, ArgumentError):
    """The same for adaptive pooling, where it may be a ValueError, too."""


class ZeroDivisor(ArgumentError, ShapeError):
    """A sum to be divided by nothing: PyTorch raises RuntimeError in two dims, and this is a ValueError as well."""


def check_input(name: str, input: Any, dims: int, error: type[PoolRank] = PoolRank) -> None:
    """Refuse what is no batch of images, or one image."""
    if not isinstance(input, TensorBase):
        raise WrongTypeError(f"{name}(): argument 'input' must be a tensor, not {type(input).__name__}")
    if input.ndim not in (dims + 1, dims + 2):
        raise error(
            f"{name}: expected {dims + 1}D (unbatched) or {dims + 2}D (batched) input, got shape {tuple(input.shape)}"
        )


def check_no_empty(name: str, input: Tensor, dims: int) -> None:
    """Refuse input of which one of the last ``dims`` dims is empty."""
    if 0 in input.shape[-dims:]:
        raise ShapeError(f"{name}: the last {dims} dims must not be empty, but input has shape {tuple(input.shape)}")


class WrongSize(ShapeError, ArgumentError):
    """Not one size a side: PyTorch raises ValueError for one image, RuntimeError for a batch; this is both."""


def adaptive_size(name: str, input: Any, output_size: OptionalSizes, dims: int) -> Numbers:
    """Return the output's sizes, None replaced by the input's."""
    check_input(name, input, dims, AdaptiveRank)
    wanted = (output_size,) * dims if output_size is None or isinstance(output_size, int) else tuple(output_size)
    if len(wanted) != dims:
        given = quote(output_size)
        raise WrongSize(f"{name}: output_size must be a number or one for each of {dims} dims, got {given}")
    size = tuple([have if want is None else want for want, have in zip(wanted, input.shape[-dims:])])
    if min(size) < 0:
        raise ShapeError(f"{name}: elements of output_size must be greater than or equal to 0, but got {output_size!r}")
    require_room(size)
    return size


def batched(pool: Callable[[Tensor], Sequence[Tensor]], input: Tensor, dims: int) -> Sequence[Tensor]:
    """Pool a batch; one image is a batch of one."""
    if input.ndim == dims + 2:
        return pool(input)
    return [each.squeeze(0) for each in pool(input.unsqueeze(0))]
